"""Two small worlds to act in: a maze of squares, and a pole that stands on a cart.

The pole is that of Barto, Sutton and Anderson (1983), moved by Euler steps of 0.02 s.

python examples/environments.py
"""

from collections import deque

import numpy as np

MAZE = "S....... .####.#. ...#..#. .#.#.##. .#...#.. .###.#.# ...#.... ##...##G"


class Grid:
    """From S to G, a square a step; every step costs 1, also one into a wall."""

    moves = ((-1, 0), (0, 1), (1, 0), (0, -1))  # up, right, down, left

    def __init__(self, text: str = MAZE) -> None:
        signs = {(y, x): c for y, row in enumerate(text.split()) for x, c in enumerate(row)}
        self.squares = [place for place, c in signs.items() if c != "#"]
        self.start, self.goal = (next(p for p, c in signs.items() if c == end) for end in "SG")

    def step(self, square: tuple[int, int], action: int) -> tuple[tuple[int, int], float, bool]:
        """(where one is then, reward, whether that is the goal)."""
        new = (square[0] + self.moves[action][0], square[1] + self.moves[action][1])
        new = new if new in self.squares else square
        return new, -1.0, new == self.goal

    def shortest(self) -> int:
        """The length of a shortest path, by breadth first search: nothing is learned."""
        found, waiting = {self.start: 0}, deque([self.start])
        while waiting:
            square = waiting.popleft()
            for new in {self.step(square, a)[0] for a in range(4)} - found.keys():
                found[new] = found[square] + 1
                waiting.append(new)
        return found[self.goal]


class Poles:
    """Several carts, a pole on each: states (count, 4) are place, speed, angle, its speed."""

    def __init__(self, count: int, seed: int) -> None:
        self.rng, self.state = np.random.default_rng(seed), np.zeros((count, 4))
        self.renew(np.ones(count, bool))

    def renew(self, which: np.ndarray) -> None:  # stands these up, near the middle
        self.state[which] = self.rng.uniform(-0.05, 0.05, (int(which.sum()), 4))

    def step(self, right: np.ndarray) -> np.ndarray:
        """Pushes each cart by 10 N to the right or left; which poles fell or left the track."""
        _, v, angle, spin = self.state.T
        s, c = np.sin(angle), np.cos(angle)  # cart 1 kg, pole 0.1 kg and twice 0.5 m
        push = (np.where(right, 10.0, -10.0) + 0.05 * spin**2 * s) / 1.1
        turn = (9.8 * s - c * push) / (0.5 * (4 / 3 - 0.1 * c**2 / 1.1))
        self.state = self.state + 0.02 * np.array([v, push - 0.05 * turn * c / 1.1, spin, turn]).T
        return (np.abs(self.state[:, 0]) > 2.4) | (np.abs(self.state[:, 2]) > np.radians(12))


def held(policy, episodes: int = 20, seed: int = 999, most: int = 200) -> np.ndarray:
    """For how many of 200 steps a policy (states -> whether to push right) holds each pole."""
    poles, steps, up = Poles(episodes, seed), np.zeros(episodes, int), np.ones(episodes, bool)
    for _ in range(most):
        up &= ~poles.step(policy(poles.state))
        steps += up
    return steps


if __name__ == "__main__":
    print("\n".join(MAZE.split()))
    print(f"a shortest path has {Grid().shortest()} steps")
    coin = np.random.default_rng(0)
    print(
        f"pushed by a coin, poles stand {held(lambda s: coin.random(len(s)) < 0.5).mean():.1f}",
        end="",
    )
    print(f" of 200 steps, always to the right {held(lambda s: np.ones(len(s), bool)).mean():.1f},")
    print(f"always to where the pole leans {held(lambda s: s[:, 2] > 0).mean():.1f}")

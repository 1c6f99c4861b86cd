"""Q-learning with a network: it finds the shortest way through a maze that it only bumps into.

python examples/grid_q.py
"""

import sys

import numpy as np
from environments import Grid

import graphnet as gn

grid = Grid()
ONE_HOT = np.eye(len(grid.squares), dtype=np.float32)
state = {square: ONE_HOT[k : k + 1] for k, square in enumerate(grid.squares)}

hidden, output = gn.Dense(64, activation="relu"), gn.Dense(4)
s, s2 = (gn.input(name, ("batch", len(grid.squares))) for name in ("s", "s2"))
a, r, go = (
    gn.input("a", ("batch",), dtype="int"),
    gn.input("r", ("batch",)),
    gn.input("go", ("batch",)),
)
Q, Q2 = (output(hidden(x)) for x in (s, s2))  # called twice: the same parameters
target = gn.stop_gradient(r + go * gn.max(Q2, axis=1))
took = gn.formula("took[n] = Q[n,a[n]]", Q=Q, a=a, name="took")
loss = gn.mean((took - target) ** 2)


def greedy(values) -> list[tuple[int, int]]:
    """The squares on the way where the largest value is followed; cut after 100 steps."""
    way = [grid.start]
    while way[-1] != grid.goal and len(way) <= 100:
        way.append(grid.step(way[-1], int(np.argmax(values(state[way[-1]]))))[0])
    return way


def learn(seed: int, episodes: int = 300):
    """(a function from states to the value of every move, the length of each episode)."""
    step = gn.training_step([s, a, r, s2, go], loss, gn.Adam(lr=0.003), seed=seed)
    values = gn.function(s, Q, parameters=step.parameters)
    rng, lengths = np.random.default_rng(seed), []
    for episode in range(episodes):
        square, done, count = grid.start, False, 0
        while not done and count < 300:
            explore = rng.random() < 1 - episode / episodes  # at first always, at last never
            action = int(rng.integers(4) if explore else np.argmax(values(state[square])))
            new, reward, done = grid.step(square, action)
            step(state[square], [action], [reward], state[new], [float(not done)])
            square, count = new, count + 1
        lengths.append(count)
    return values, lengths


if __name__ == "__main__":
    print(f"shortest path by search: {grid.shortest()} steps")
    for seed in range(1 if "--short" in sys.argv else 5):
        values, lengths = learn(seed)
        print(f"seed {seed}: first episodes {lengths[:3]}, last {lengths[-3:]}, ", end="")
        print(f"greedy {len(greedy(values)) - 1} steps")

"""DQN: a network learns what pushing left or right is worth, and so holds a pole upright.

python examples/pole_dqn.py
"""

import sys

import numpy as np
from environments import Poles, held

import graphnet as gn

GAMMA, TAU, CARTS, MEMORY = 0.98, 0.02, 4, 20_000


def network(mark: str, trainable: bool):
    """(parameters, a function from states (batch, 4) to the values of left and right)."""
    shapes = {"W1": (4, 64), "b1": (64,), "W2": (64, 2), "b2": (2,)}
    P = [gn.parameter(n + mark, shape, trainable=trainable) for n, shape in shapes.items()]
    return P, lambda s: gn.relu(s @ P[0] + P[1]) @ P[2] + P[3]


s, s2, a = (
    gn.input("s", ("batch", 4)),
    gn.input("s2", ("batch", 4)),
    gn.input("a", ("batch",), "int"),
)
go = gn.input("go", ("batch",))  # 0 where the pole fell, else 1
(own, q), (slow, q_slow) = network("", True), network("_slow", False)
Q = q(s).rename("Q")
target = (1 + GAMMA * go * gn.max(q_slow(s2), axis=1)).rename("target")
took = gn.formula("took[n] = Q[n,a[n]]", Q=Q, a=a, name="took")
loss = gn.huber(took, target).rename("loss")
follow = {w_slow: w_slow + TAU * (w - w_slow) for w, w_slow in zip(own, slow)}


def learn(seed: int, rounds: int = 20_000):
    """(a policy, how long it held 20 poles in tests on the way)."""
    step = gn.training_step([s, a, s2, go], loss, gn.Adam(lr=0.002), updates=follow, seed=seed)
    step.parameters.update({f"{w.name}_slow": step.parameters[w.name] for w in own})
    values = gn.function(s, Q, parameters=step.parameters)
    rng, poles, tests = np.random.default_rng(seed), Poles(CARTS, seed), []
    memory = [np.zeros((MEMORY, 4)), np.zeros(MEMORY, int), np.zeros((MEMORY, 4)), np.zeros(MEMORY)]

    def policy(states):
        return values(states).argmax(axis=1) == 1

    for n in range(rounds):
        chance = max(0.05, 1 - n / 1500)
        before, explore = poles.state, rng.random(CARTS) < chance
        right = np.where(explore, rng.random(CARTS) < 0.5, policy(before))
        fell = poles.step(right)
        for kept, new in zip(memory, (before, right, poles.state, ~fell)):
            kept[np.arange(n * CARTS, (n + 1) * CARTS) % MEMORY] = new  # replay: the oldest go
        poles.renew(fell | (rng.random(CARTS) < 0.002))
        if n > 125:
            pick = rng.integers(0, min((n + 1) * CARTS, MEMORY), 64)
            step(*(kept[pick] for kept in memory))
        if n % 200 == 199:
            tests.append(held(policy, seed=1000 + seed).mean())
            if tests[-1] == 200:
                break
    return policy, tests


if __name__ == "__main__":
    for seed in range(1 if "--short" in sys.argv else 5):
        policy, tests = learn(seed)
        steps = held(policy, seed=77)  # poles that it never saw
        print(f"seed {seed}: after {200 * len(tests):6,} updates 20 new poles are held ", end="")
        print(f"{steps.mean():.1f} of 200 steps, the worst {steps.min()}")

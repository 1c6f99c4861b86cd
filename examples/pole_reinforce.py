"""Policy gradient: a network that gives probabilities of pushing left and right holds a pole.

python examples/pole_reinforce.py
"""

import sys

import numpy as np
from environments import Poles, held

import graphnet as gn

CARTS, GAMMA = 16, 0.99
s, a = gn.input("s", ("batch", 4)), gn.input("a", ("batch",), dtype="int")
better = gn.input("better", ("batch",))  # how much better than usual it went on
scores = gn.Dense(2)(gn.Dense(32, activation="tanh")(s))
surprise = gn.cross_entropy(scores, a, reduction="none").rename("surprise")
loss = gn.mean(better * surprise).rename("loss")


def episodes(poles: Poles, p, rng: np.random.Generator):
    """(states, pushes, returns) of all steps of 16 episodes that are played at once."""
    poles.renew(np.ones(CARTS, bool))
    states, pushes, up = [], [], [np.ones(CARTS, bool)]
    while up[-1].any() and len(pushes) < 200:
        states.append(poles.state)
        pushes.append(rng.random(CARTS) < p(poles.state)[:, 1])
        up.append(up[-1] & ~poles.step(pushes[-1]))
    returns = [np.zeros(CARTS)]
    for standing in up[:0:-1]:  # from the end: 1 for each step after which it stands
        returns.append(standing * (1 + GAMMA * returns[-1]))
    alive = np.array(up[:-1])
    return [np.array(rows)[alive] for rows in (states, pushes, returns[:0:-1])]


def learn(seed: int, rounds: int = 200):
    """(a policy, tests on the way): until 20 poles are held for 200 steps."""
    step = gn.training_step([s, a, better], loss, gn.Adam(lr=0.02), seed=seed, style="plain")
    p = gn.function(s, gn.softmax(scores), parameters=step.parameters)
    rng, poles, tests = np.random.default_rng(seed), Poles(CARTS, seed), []

    def policy(states):
        return p(states)[:, 1] > 0.5

    for n in range(1, rounds + 1):
        states, pushes, returns = episodes(poles, p, rng)
        step(states, pushes.astype(int), (returns - returns.mean()) / returns.std())
        if n % 5 == 0:
            tests.append(held(policy, seed=1000 + seed).mean())
            if tests[-1] == 200:
                break
    return policy, tests


if __name__ == "__main__":
    for seed in range(1 if "--short" in sys.argv else 5):
        policy, tests = learn(seed)
        steps = held(policy, seed=77)  # poles that it never saw
        print(f"seed {seed}: after {5 * len(tests):3} updates 20 new poles are held ", end="")
        print(f"{steps.mean():.1f} of 200 steps, the worst {steps.min()}")

"""Actor-critic: one network acts, another says what to expect; a pole is held without episodes.

python examples/pole_actor_critic.py
"""

import sys

import numpy as np
from environments import Poles, held

import graphnet as gn

CARTS, STRETCH, GAMMA = 16, 16, 0.98
s, a = gn.input("s", ("batch", 4)), gn.input("a", ("batch",), dtype="int")
gain, future = gn.input("gain", ("batch",)), gn.input("future", ("batch",))

scores = gn.Dense(2)(gn.Dense(32, activation="tanh")(s))
actor = gn.mean(gain * gn.cross_entropy(scores, a, reduction="none")).rename("actor")
worth = gn.Dense(1)(gn.Dense(32, activation="tanh")(s))[:, 0].rename("worth")
critic = gn.mean((worth - future) ** 2).rename("critic")


def stretch(poles: Poles, look, rng: np.random.Generator):
    """(states, pushes, gains, futures) of the next 16 steps of all carts."""
    rows = []
    for _ in range(STRETCH):
        state, (p, value) = poles.state, look(poles.state)
        right = rng.random(CARTS) < p[:, 1]
        fell = poles.step(right)
        rows.append((state, right, fell, value))
        poles.renew(fell | (rng.random(CARTS) < 0.002))
    states, pushes, falls, values = map(np.array, zip(*rows))
    futures = [look(poles.state)[1]]  # beyond the stretch the critic is believed
    for fell in falls[::-1]:
        futures.append(0.1 + GAMMA * futures[-1] * ~fell)
    futures = np.array(futures[:0:-1])
    gains = futures - values
    gains = (gains - gains.mean()) / gains.std()
    return states.reshape(-1, 4), pushes.ravel().astype(int), gains.ravel(), futures.ravel()


def learn(seed: int, rounds: int = 1500):
    """(a policy, tests on the way): until 20 poles are held for 200 steps."""
    loss = (actor + critic / 2).rename("loss")
    step = gn.training_step([s, a, gain, future], loss, gn.Adam(lr=0.01), seed=seed)
    look = gn.function(s, [gn.softmax(scores), worth], parameters=step.parameters)
    rng, poles, tests = np.random.default_rng(seed), Poles(CARTS, seed), []

    def policy(states):
        return look(states)[0][:, 1] > 0.5

    for n in range(1, rounds + 1):
        step(*stretch(poles, look, rng))
        if n % 20 == 0:
            tests.append(held(policy, seed=1000 + seed).mean())
            if tests[-1] == 200:
                break
    return policy, tests


if __name__ == "__main__":
    for seed in range(1 if "--short" in sys.argv else 5):
        policy, tests = learn(seed)
        steps = held(policy, seed=77)  # poles that it never saw
        print(f"seed {seed}: after {20 * len(tests):4} updates 20 new poles are held ", end="")
        print(f"{steps.mean():.1f} of 200 steps, the worst {steps.min()}")

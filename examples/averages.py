"""Exponentially weighted averages of a noisy cosine, with and without bias correction.

python examples/averages.py
"""

import numpy as np

import graphnet as gn


def averaged(v, y):
    """v' = beta*v + (1 - beta)*y, for one step; every new value is kept."""
    new = beta * v + (1 - beta) * y
    return new, new


y, beta = gn.input("y", ("steps",)), gn.input("beta", ())
average, _ = gn.scan(averaged, gn.constant(0.0), y)
smooth = gn.function([y, beta], average, dtype="float64")
noisy = np.cos(np.arange(8) / 2) + np.random.default_rng(0).normal(size=8) / 5
print("noisy:   ", np.round(noisy, 3))
print("beta 0.5:", np.round(smooth(noisy, 0.5), 3))


def unrolled(steps: int) -> gn.Tensor:
    """The same without a loop, to read the weights off."""
    numbers = gn.input("y", (steps,))
    value = gn.constant(0.0)
    for t in range(steps):
        value = beta * value + (1 - beta) * numbers[t]
    return gn.grad(value, numbers).rename("weight")


weights = gn.function(beta, unrolled(6), dtype="float64")(0.9)
by_formula = [(1 - 0.9) * 0.9 ** (5 - t) for t in range(6)]
print("weights of y[0] ... y[5]:", np.round(weights, 5))
print("(1 - beta)*beta**k:      ", np.round(by_formula, 5))
print(f"their sum: {weights.sum():.6f} = 1 - beta**6 = {1 - 0.9**6:.6f}")
print("beta   window 1/(1-beta)   beta**window (1/e is 0.3679)")
for b in (0.5, 0.9, 0.98):
    print(f"{b:4} {1 / (1 - b):19.0f} {b ** (1 / (1 - b)):14.4f}")

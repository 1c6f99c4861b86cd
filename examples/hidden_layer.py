"""Why a hidden layer: what 0, 1 and 2 hidden layers can cut out of the plane.

python examples/hidden_layer.py
"""

import sys

import numpy as np

import graphnet as gn

short = "--short" in sys.argv
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(400, 2))
wedge = ((X[:, 1] > -0.2 + X[:, 0]) & (X[:, 1] > -0.2 - X[:, 0])).astype(int)  # two lines joined
ring = (np.abs(np.hypot(X[:, 0], X[:, 1]) - 0.6) < 0.2).astype(int)


def network(hidden_layers: int) -> gn.Sequential:
    hidden = [gn.Dense(8, activation="tanh") for _ in range(hidden_layers)]
    model = gn.Sequential([gn.Input(2), *hidden, gn.Dense(1, activation="sigmoid")])
    model.compile(gn.Adam(lr=0.02), "binary_cross_entropy", ["accuracy"])
    return model


for name, y in {"wedge": wedge, "ring": ring}.items():
    for depth in (0, 1, 2):
        model = network(depth)
        model.fit(X, y, epochs=20 if short else 200, batch_size=40, verbose=0)
        print(f"{name}, {depth} hidden layers: {model.evaluate(X, y)['accuracy']:.0%}")

# Without a bend the layers collapse: two matrices are one matrix, proved for all numbers.
x = gn.input("x", ("batch", 3))
V, W = gn.parameter("V", (3, 4)), gn.parameter("W", (4, 2))
print("(x @ V) @ W = x @ (V @ W):", bool(gn.equivalent((x @ V) @ W, x @ (V @ W))))
bent = gn.equivalent(gn.relu(x @ V) @ W, x @ (V @ W))
print("relu(x @ V) @ W = x @ (V @ W):", bool(bent))

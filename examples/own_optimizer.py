"""An optimizer is a formula: momentum written by hand, on the iris flowers, in one's own loop.

python examples/own_optimizer.py
"""

import numpy as np
from sklearn.datasets import load_iris

import graphnet as gn

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)

x = gn.input("x", ("batch", 4))
t = gn.input("t", ("batch",), dtype="int")
W = gn.parameter("W", (4, 3))
b = gn.parameter("b", (3,), init="zeros")
z = (x @ W + b).rename("z")
loss = gn.cross_entropy(z, t)

momentum = gn.Optimizer("v' = beta*v + g; w' = w - lr*v'", lr=0.1, beta=0.9)
step = gn.training_step([x, t], loss, momentum, seed=0)
classify = gn.function([x], gn.argmax(z, axis=1), parameters=step.parameters)

rng = np.random.default_rng(0)
for epoch in range(20):
    order = rng.permutation(len(X))
    losses = [step(X[rows], y[rows]) for rows in np.array_split(order, 10)]
    if epoch % 5 == 4:
        accuracy = np.mean(classify(X) == y)
        print(f"epoch {epoch + 1:2}  loss {np.mean(losses):.3f}  accuracy {accuracy:.3f}")

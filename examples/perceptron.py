"""A perceptron and logistic regression draw a line between two kinds of iris.

python examples/perceptron.py
"""

import numpy as np
from sklearn.datasets import load_iris

import graphnet as gn

X, y = load_iris(return_X_y=True)
X, y = X[50:, [2, 3]], y[50:] - 1  # petal length and width; versicolor 0, virginica 1
X = (X - X.mean(axis=0)) / X.std(axis=0)

x1, x2, t = (gn.input(n, ("batch",)) for n in ("x1", "x2", "t"))
theta0, theta1, theta2 = (gn.parameter(f"theta{k}", (), init="zeros") for k in range(3))
parts = {"theta0": theta0, "theta1": theta1, "theta2": theta2, "x1": x1, "x2": x2}
z = gn.formula("z[n] = theta0 + theta1*x1[n] + theta2*x2[n]", **parts, name="z")

# Rosenblatt's rule (1958) moves the line only for a wrong answer: descent on a hinge at 0.
signs = 2 * t - 1
losses = {
    "perceptron": gn.mean(gn.relu(-signs * z) + 0 * z),
    "logistic regression": gn.binary_cross_entropy_with_logits(z, t),
}
for name, loss in losses.items():
    step = gn.training_step([x1, x2, t], loss, gn.SGD(lr=0.5), dtype="float64")
    step.parameters["theta1"] = 0.1  # at exactly 0 a perceptron is wrong about nothing
    for _ in range(500):
        step(X[:, 0], X[:, 1], y)
    a, b, c = (float(step.parameters[f"theta{k}"]) for k in range(3))
    decide = gn.function([x1, x2], z, dtype="float64", parameters=step.parameters)
    right = np.mean((decide(X[:, 0], X[:, 1]) > 0) == y)
    print(f"{name:20} {a:6.2f} + {b:5.2f}*x1 + {c:5.2f}*x2 = 0   {right:.0%} right")

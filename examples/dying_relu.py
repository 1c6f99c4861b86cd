"""Dying ReLU: units with z <= 0 on all data, the step that killed them, and leaky ReLU as a cure.

python examples/dying_relu.py
"""

import textwrap

import numpy as np
from sklearn.datasets import load_digits

import graphnet as gn

X, y = load_digits(return_X_y=True)
X = X / 16


class Reach(gn.Callback):
    """The largest z of each hidden unit over all data, and its bias, before and after each step."""

    def __init__(self):
        self.z, self.b = [], []

    def on_train_begin(self):
        self.on_batch_end(0, 0.0)

    def on_batch_end(self, step, loss):
        W, b = self.model.parameters["W1"], self.model.parameters["b1"]
        self.z.append((X @ W + b).max(axis=0))
        self.b.append(np.array(b))


def train(activation, lr, epochs=3):
    """64 -> 32 -> 10 by plain SGD: (model, Reach, Health)"""
    hidden = gn.Dense(32, activation, init="he_normal")
    model = gn.Sequential([gn.Input(64), hidden, gn.Dense(10)])
    model.compile(gn.SGD(lr=lr), "cross_entropy", ["accuracy"])
    reach, health = Reach(), gn.Health(X, y, every=1)
    model.fit(X, y, epochs=epochs, callbacks=[reach, health], verbose=0)
    return model, reach, health


if __name__ == "__main__":
    model, reach, health = train("relu", lr=2.0)
    for finding in model.diagnose(X, y).findings:
        print(textwrap.fill(str(finding), 96, subsequent_indent="    "))

    steps = sorted((step, unit) for (_, unit), step in health.died.items() if step > 0)
    print("\nkilled by step:", ", ".join(f"{step}: unit {unit}" for step, unit in steps[:8]), "...")
    for step, unit in steps[:3]:
        z, b = np.array(reach.z)[:, unit], np.array(reach.b)[:, unit]
        print(
            f"unit {unit:2}, step {step}: largest z {z[step - 1]:.3f} -> {z[step]:.3f}, bias "
            f"{b[step - 1]:.3f} -> {b[step]:.3f}; last step: {z[-1]:.3f}, {b[-1]:.3f}"
        )

    print("\nafter that a small rate, 0.1, for ten epochs")
    leaky, _, _ = train("leaky_relu", lr=2.0)
    for activation, kept in (("relu", model), ("leaky_relu", leaky)):
        before = kept.evaluate(X, y)["accuracy"]
        kept.compile(gn.SGD(lr=0.1), "cross_entropy", ["accuracy"])  # keeps the weights
        after = kept.fit(X, y, epochs=10, verbose=0)["accuracy"][-1]
        told = "dead units" if kept.diagnose(X, y) else "healthy"
        print(f"{activation:10} right {before:.1%} -> {after:.1%}, {told}")

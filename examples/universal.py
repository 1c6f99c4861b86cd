"""Universal approximation: one hidden layer, built and trained; depth against width.

python examples/universal.py
"""

import sys

import numpy as np

import graphnet as gn

X = np.linspace(-2, 2, 401)[:, None]
CURVE = 9.5  # the largest |f''(x)| = |1/2 - 9*sin(3*x)|


def f(x):
    return np.sin(3 * x) + x**2 / 4


def wave(x):
    return np.sin(4 * x)


def build(n):
    """A 1 -> n ReLU -> 1 network whose weights are set, not learned: f at n + 1 knots, joined."""
    knots = np.linspace(-2, 2, n + 1)
    slopes = np.diff(f(knots)) / np.diff(knots)
    model = gn.Sequential([gn.Input(1), gn.Dense(n, "relu"), gn.Dense(1)])
    model.compile("sgd", "mse", dtype="float64")
    model.parameters.update(
        {
            "W1": np.ones((1, n)),
            "b1": -knots[:-1],  # unit k is 0 up to knot k
            "W2": np.diff(slopes, prepend=0)[:, None],  # by how much the slope changes there
            "b2": [f(knots[0])],
        }
    )
    return model


def train(widths, target=f, epochs=1000):
    """A tanh network of these hidden widths, fitted to the target on 401 points."""
    spread = gn.initializers.uniform(-2, 2)  # so that the bends lie all over [-2, 2]
    first = gn.Dense(widths[0], "tanh", init=gn.initializers.normal(1.0), bias_init=spread)
    others = [gn.Dense(w, "tanh") for w in widths[1:]]
    model = gn.Sequential([gn.Input(1), first, *others, gn.Dense(1)])
    steps = epochs * 7  # batches of 64
    model.compile(gn.Adam(lr=gn.schedules.cosine(0.01, steps)), "mse")
    model.fit(X, target(X), epochs=epochs, batch_size=64, verbose=0)
    return model


def error(model, target=f):
    return float(np.abs(model.predict(X) - target(X)).max())


def count(model):
    return sum(p.size for p in model.parameters.values())


if __name__ == "__main__":
    epochs = 30 if "--short" in sys.argv else 1000
    print("hidden units   largest error, built   h**2/8 * max|f''|   largest error, trained")
    for n in (2, 4, 8, 16, 32, 64):
        bound = (4 / n) ** 2 / 8 * CURVE
        trained = error(train([n], epochs=epochs))
        print(f"{n:12} {error(build(n)):22.4f} {bound:19.4f} {trained:24.4f}")

    print("\nequal parameters, f(x) = sin(4*x)")
    for widths in ([153], [20, 19], [16, 15, 10]):
        model = train(widths, wave, epochs=epochs)
        print(f"{widths!s:13} {count(model)} parameters, largest error {error(model, wave):.3f}")

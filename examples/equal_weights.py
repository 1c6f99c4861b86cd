"""All weights equal: the hidden units stay equal, proved on the gradient and seen in training.

python examples/equal_weights.py
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

import graphnet as gn

X, y = load_digits(return_X_y=True)
X = X / 16


def prove():
    """Three hidden units that share one column u and one output weight v: equal gradients."""
    x, t = gn.input("x", ("batch", 2)), gn.input("t", ("batch", 1))
    u, v = gn.parameter("u", (2,)), gn.parameter("v", ())
    W = gn.formula("W[i,j] = u[i], j < 3", u=u, name="W")
    V = gn.formula("V[j,o] = v, j < 3, o < 1", v=v, name="V")
    h = gn.tanh((x @ W).rename("z")).rename("h")
    loss = gn.mse((h @ V).rename("p"), t).rename("L")
    d_W, d_V = gn.grad(loss, [W, V])
    for unit in range(3):
        print(gn.unfold(d_W).formula("d_W", (0, unit), keep=["d_p"], style="unicode"))
    print("columns 1 and 2 of d_W:", gn.equivalent(d_W[:, 0], d_W[:, 1]))
    print("rows 1 and 2 of d_V:   ", gn.equivalent(d_V[0], d_V[1]))


def train(first, second, units=16, epochs=40):
    """(model, how far the columns of W1 are apart after each epoch): digits, 64 -> units -> 10."""
    hidden, output = gn.Dense(units, "tanh", init=first), gn.Dense(10, init=second)
    model = gn.Sequential([gn.Input(64), hidden, output])
    model.compile(gn.SGD(lr=0.2), "cross_entropy", ["accuracy"], dtype="float64")
    apart: list[float] = []

    def measure(epoch, row):
        apart.append(float(np.ptp(model.parameters["W1"], axis=1).max()))

    model.fit(X, y, epochs=epochs, verbose=0, callbacks=[measure])
    return model, apart


if __name__ == "__main__":
    print("-- the gradient of each column, where all columns equal u")
    prove()
    print("\n-- digits, 64 -> 16 tanh -> 10, trained")
    for name, init, units in (
        ("all weights 0", 0.0, 16),
        ("all weights 0.01", 0.01, 16),
        ("one hidden unit, drawn", "glorot_uniform", 1),
        ("drawn at random", "glorot_uniform", 16),
    ):
        model, apart = train(init, init, units, 3 if "--short" in sys.argv else 40)
        told = f", columns of W1 apart by {apart[-1]:.1e}" if units > 1 else ""
        print(f"{name:22} right {model.evaluate(X, y)['accuracy']:.1%}{told}")

"""Vanishing and exploding gradients: named by `model.diagnose`, with the cause in numbers.

python examples/vanishing.py
"""

import math
import textwrap

from sklearn.datasets import load_digits

import graphnet as gn

X, y = load_digits(return_X_y=True)
X = (X - X.mean()) / X.std()

NETWORKS = {  # activation and first weights of the hidden layers
    "sigmoid, glorot": ("sigmoid", "glorot_uniform"),
    "relu, normal(0.4)": ("relu", gn.initializers.normal(0.4)),
    "tanh, glorot": ("tanh", "glorot_uniform"),
}


def network(name, layers=10, units=64, **options):
    """64 -> layers x units -> 10, compiled; `options` are those of SGD."""
    activation, init = NETWORKS[name]
    hidden = [gn.Dense(units, activation, init=init) for _ in range(layers)]
    model = gn.Sequential([gn.Input(64), *hidden, gn.Dense(10)])
    model.compile(gn.SGD(**{"lr": 0.02} | options), "cross_entropy", ["accuracy"])
    return model


if __name__ == "__main__":
    for name in NETWORKS:
        diagnosis = network(name).diagnose(X, y)
        print(f"-- {name}")
        for finding in diagnosis.findings:
            print(textwrap.fill(str(finding), 96, subsequent_indent="      "))
        if not diagnosis:
            print("healthy: nothing to say")
        first, last = diagnosis.layers[0], diagnosis.layers[-1]
        product = math.prod(layer.slope * layer.gain for layer in diagnosis.layers[:-1])
        print(f"   measured d_Z1 / d_Z10  {first.norm / last.norm:.2g}")
        print(f"   product of slope*gain  {product:.2g}")
        if name.startswith("sigmoid"):
            print(diagnosis.table())

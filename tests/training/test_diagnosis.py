"""A diagnosis names the illness that was given to a network, and is silent on a healthy one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import graphnet as gn
from graphnet.errors import GraphnetError

X, Y = load_digits(return_X_y=True)
X = X[:400] / 16
Y = Y[:400]


def network(activation: str, depth: int, init, lr: float = 0.1, epochs: int = 2):
    layers = [gn.Dense(32, activation=activation, init=init) for _ in range(depth)]
    model = gn.Sequential([gn.Input(64), *layers, gn.Dense(10)])
    model.compile(gn.SGD(lr=lr), "cross_entropy")
    health = gn.Health(X, Y)
    model.fit(X, Y, epochs=epochs, batch_size=32, callbacks=[health], verbose=0)
    return model, health


# activation, depth, initializer, rate -> the kinds that must be found
CASES = {
    "healthy relu": (("relu", 2, "he_normal", 0.1), set()),
    "healthy tanh": (("tanh", 5, "glorot_uniform", 0.1), set()),
    "sigmoid of eight layers": (("sigmoid", 8, "glorot_uniform", 0.1), {"vanishing"}),
    "small weights": (("tanh", 8, gn.initializers.normal(0.03), 0.1), {"vanishing"}),
    "large weights": (("leaky_relu", 9, gn.initializers.normal(1.0), 1e-9), {"exploding"}),
    "a rate that kills": (("relu", 2, "he_normal", 30.0), {"dead units"}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_illness_is_named(name: str) -> None:
    (activation, depth, init, lr), expected = CASES[name]
    model, _ = network(activation, depth, init, lr)
    found = model.diagnose(X, Y)
    assert {f.kind for f in found.findings} == expected, f"{found}\n{found.table()}"
    assert bool(found) is bool(expected)
    if not expected:
        assert str(found).startswith("no vanishing or exploding gradient")


def test_the_numbers_are_those_of_numpy() -> None:
    """Deltas and slopes of a two-layer network by hand."""
    model, _ = network("tanh", 2, "glorot_uniform")
    W1, b1, W2, b2, W3, b3 = (np.float64(model.parameters[n]) for n in "W1 b1 W2 b2 W3 b3".split())
    a1 = np.tanh(X @ W1 + b1)
    a2 = np.tanh(a1 @ W2 + b2)
    z3 = a2 @ W3 + b3
    p = np.exp(z3 - z3.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d3 = (p - np.eye(10)[Y]) / len(X)
    d2 = (d3 @ W3.T) * (1 - a2**2)
    d1 = (d2 @ W2.T) * (1 - a1**2)
    first, second = model.diagnose(X, Y).layers

    def rms(a: np.ndarray) -> float:
        return float(np.sqrt(np.mean(a**2)))

    assert first.norm == pytest.approx(rms(d1), rel=1e-4)
    assert second.norm == pytest.approx(rms(d2), rel=1e-4)
    assert first.slope == pytest.approx(rms(1 - a1**2), rel=1e-4)
    assert first.gain == pytest.approx(np.linalg.norm(W2) / np.sqrt(32), rel=1e-5)


def test_the_step_that_killed_a_unit() -> None:
    """One unit whose bias a single step drives far down: it dies at exactly that step."""
    model = gn.Sequential([gn.Input(1), gn.Dense(2, activation="relu", init="ones"),
                           gn.Dense(1, init="ones")])  # fmt: skip
    model.compile(gn.SGD(lr=1.0), "mse")
    rows, goal = np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]])
    health = gn.Health(rows, goal, every=1)
    model.fit(rows, goal, epochs=3, batch_size=2, callbacks=[health], verbose=0)
    assert health.steps == [0, 1, 2, 3]
    assert set(health.died.values()) == {1}
    told = str(model.diagnose(rows, goal))
    assert "Z1 <= 0 on all data" in told
    assert "dead at step 1, the last at 1" in told


def test_norms_are_kept_for_a_picture() -> None:
    model, health = network("sigmoid", 3, "glorot_uniform", epochs=2)
    assert list(health.norms) == [layer.name for layer in model.diagnose(X, Y).layers]
    assert all(len(row) == 3 for row in health.norms.values()), "before, and after each epoch"
    assert gn.plot.layers(health.norms).format == "png"


def test_nothing_is_trained() -> None:
    model, _ = network("relu", 2, "he_normal")
    before = {n: a.copy() for n, a in model.parameters.items()}
    model.diagnose(X, Y)
    assert all((model.parameters[n] == a).all() for n, a in before.items())


def test_errors() -> None:
    linear = gn.Sequential([gn.Input(2), gn.Dense(1)])
    linear.compile(gn.SGD(lr=0.1), "mse")
    with pytest.raises(GraphnetError, match="no activation"):
        linear.diagnose([[1.0, 2.0]], [[1.0]])
    with pytest.raises(GraphnetError, match="at least 1"):
        gn.Health(X, Y, every=0)


def test_a_layer_called_twice_is_two_rows() -> None:
    x, shared = gn.input("x", ("batch", 3)), gn.Dense(3, activation="relu")
    model = gn.Model(x, gn.Dense(2)(shared(shared(x))))
    model.compile("sgd")
    rows, y = np.eye(3), [0, 1, 0]
    names = [layer.name for layer in model.diagnose(rows, y).layers]
    assert len(set(names)) == len(names) == 2
    health = gn.Health(rows, y)
    model.fit(rows, y, epochs=2, callbacks=[health], verbose=0)
    assert [len(row) for row in health.norms.values()] == [3, 3]


def test_a_norm_is_no_activation_and_batch_norm_is_what_it_is_in_training() -> None:
    for norm in (gn.LayerNorm(), gn.BatchNorm()):
        model = gn.Sequential(
            [gn.Input(64), gn.Dense(32), norm, gn.Activation("relu"), gn.Dense(10)]
        )
        model.compile("sgd", "cross_entropy")
        (layer,) = model.diagnose(100 * X, Y).layers  # 1/sqrt(variance) is none
        assert layer.label == "relu"
        assert np.isfinite(layer.gain)
        assert len(layer.dead) == 0
    # In training the mean leaves: which units pass is not what a new norm passes at inference.
    W = np.asarray(model.parameters["W1"], float)
    Z = 100 * X @ W
    Z = (Z - Z.mean(axis=0)) / np.sqrt(Z.var(axis=0) + 1e-3)
    assert layer.slope == pytest.approx(np.sqrt((Z > 0).mean()), abs=0.01)

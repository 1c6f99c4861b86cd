"""PReLU trains its slope; RReLU draws its own in training and takes the middle after."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError

X = np.array([[-2.0, 3.0], [-1.0, -4.0]])


def test_prelu_trains_its_slope() -> None:
    model = gn.Sequential([gn.Input(2), gn.PReLU(0.25)])
    model.compile(gn.SGD(lr=0.1), "mse")
    assert model.predict(X) == pytest.approx(np.where(X > 0, X, 0.25 * X))
    model.step(X, np.zeros((2, 2)))
    # d/da of the mean of (a x)**2 over the negative x: 2 a x**2 / 4, by hand 0.625 and 2.
    assert model.parameters["a1"] == pytest.approx([0.25 - 0.0625, 0.25 - 0.2])


def test_rrelu_is_random_in_training_only() -> None:
    model = gn.Sequential([gn.Input(2), gn.RReLU(0.1, 0.3)])
    assert gn.function(model.heads.inputs[0], model.heads.inference[0])(X) == pytest.approx(
        np.where(X > 0, X, 0.2 * X)
    )
    f = gn.function(model.heads.inputs[0], model.heads.training[0], seed=1)
    drawn = [f(X) for _ in range(200)]
    slopes = np.array([d[X < 0] / X[X < 0] for d in drawn])
    assert slopes.min() >= 0.1
    assert slopes.max() < 0.3
    assert slopes.mean() == pytest.approx(0.2, abs=0.01)
    assert all(d[0, 1] == 3 for d in drawn)


def test_errors() -> None:
    with pytest.raises(GraphnetError, match="draws from"):
        gn.RReLU(0.3, 0.1)
    with pytest.raises(GraphnetError, match="finite"):
        gn.PReLU(float("nan"))

"""Activations against mpmath: values, slopes and second slopes, at 0, in the tails, along axes."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphnet as gn
from graphnet.ops.activations import ACTIVATIONS, activation

mpmath.mp.dps = 60
exp, log, mpf = mpmath.exp, mpmath.log, mpmath.mpf
ALPHA, SCALE = mpf("1.6732632423543772"), mpf("1.0507009873554805")


def _softplus(x: Any) -> Any:
    return log(1 + exp(x))


# name -> the textbook, below 0 and above it where these differ.
TEXTBOOK: dict[str, Any] = {
    "linear": lambda x: x,
    "relu": lambda x: x if x > 0 else 0 * x,
    "leaky_relu": lambda x: x if x > 0 else x * mpf("0.01"),
    "elu": lambda x: x if x > 0 else exp(x) - 1,
    "selu": lambda x: SCALE * x if x > 0 else SCALE * ALPHA * (exp(x) - 1),
    "celu": lambda x: x if x > 0 else exp(x) - 1,
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "tanh": mpmath.tanh,
    "softplus": _softplus,
    "gelu": lambda x: x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + exp(-x)),
    "mish": lambda x: x * mpmath.tanh(_softplus(x)),
    "hard_sigmoid": lambda x: min(max(x / 6 + mpf(1) / 2, mpf(0)), mpf(1)),
    "softsign": lambda x: x / (1 + abs(x)),
}
POINTS = np.array([-1000, -700, -50.5, -3.25, -1, -0.01, 0.01, 0.5, 2, 30, 800])
SLOPE_AT_0 = {
    "relu": 0, "leaky_relu": 0.01, "elu": 1, "selu": SCALE * ALPHA, "celu": 1, "sigmoid": 0.25,
    "tanh": 1, "softplus": 0.5, "gelu": 0.5, "silu": 0.5, "mish": 0.6, "hard_sigmoid": 1 / 6,
    "softsign": 1, "linear": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_value_and_slopes(name: str) -> None:
    x = gn.input("x", ("n",))
    y = activation(name)(x)
    first = gn.grad(gn.sum(y), x)
    second = gn.grad(gn.sum(first), x)
    f = gn.function(x, [y, first, second], dtype="float64")
    for order, found in enumerate(f(POINTS)):
        expected = [float(mpmath.diff(TEXTBOOK[name], mpf(p), order)) for p in POINTS.tolist()]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=2e-14, err_msg=f"f{order}")
    assert f([0.0])[1][0] == pytest.approx(float(SLOPE_AT_0[name]), rel=1e-14)


def test_every_activation_is_tested() -> None:
    assert set(ACTIVATIONS) - set(TEXTBOOK) == {"softmax", "log_softmax", "hardmax"}


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (lambda x: gn.leaky_relu(x, alpha=0.3), [-0.6, 3]),
        (lambda x: gn.prelu(x, gn.constant(0.25)), [-0.5, 3]),
        (lambda x: gn.elu(x, 2), [2 * np.expm1(-2), 3]),
        (lambda x: gn.celu(x, 2.0), [2 * np.expm1(-1), 3]),
        (lambda x: gn.gelu(x, approximate=True), [-0.04540230591, 2.99636260791]),  # torch 2.13
    ],
)
def test_arguments(tensor: Any, expected: list[float], evaluate: Any) -> None:
    x = gn.input("x", (2,))
    np.testing.assert_allclose(evaluate(tensor(x), x=[-2.0, 3.0]), expected, rtol=1e-10)


Z = np.array([[[1.0, 2, 3], [1e4, 0, -1e4]], [[-np.inf, 0, 0], [0, 0, 0]]])


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax(axis: int, evaluate: Any) -> None:
    x = gn.input("x", ("a", 2, "c"))
    with np.errstate(under="ignore"):
        weights = np.exp(Z - Z.max(axis=axis, keepdims=True))
        expected = weights / weights.sum(axis=axis, keepdims=True)
    found = evaluate(gn.softmax(x, axis=axis), x=Z)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    finite = np.where(np.isinf(Z), -5.0, Z)
    logs = evaluate(gn.log_softmax(x, axis=axis), x=finite)
    shifted = finite - finite.max(axis=axis, keepdims=True)
    exact = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    np.testing.assert_allclose(logs, exact, rtol=1e-13, atol=1e-15)


def test_softmax_of_a_masked_row_is_0(evaluate: Any) -> None:
    x = gn.input("x", (2,))
    assert np.array_equal(evaluate(gn.softmax(x), x=[-np.inf, -np.inf]), [0, 0])


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_hardmax(axis: int, evaluate: Any) -> None:
    x = gn.input("x", (2, 2, 3))
    expected = np.zeros_like(Z)
    np.put_along_axis(expected, Z.argmax(axis=axis, keepdims=True), 1, axis=axis)
    assert np.array_equal(evaluate(gn.hardmax(x, axis=axis), x=Z), expected)


def test_names() -> None:
    assert activation(None) is gn.linear.__wrapped__  # the function that gn hands out checks calls
    assert activation(gn.relu) is gn.relu
    with pytest.raises(gn.GraphnetError, match="did you mean 'relu'"):
        activation("relo")
    with pytest.raises(gn.GraphnetTypeError):
        activation(3)  # type: ignore[arg-type]
    with pytest.raises(gn.GraphnetError, match="softmax: axis 2"):
        gn.softmax(gn.input("x", (2, 2)), axis=2)

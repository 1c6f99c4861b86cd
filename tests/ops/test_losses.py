"""Losses against literal loops: every reduction, with and without weights, and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.ops.losses import LOSSES, loss

RNG = np.random.default_rng(3)
P = RNG.uniform(0.05, 0.95, size=(4, 3))
Z = RNG.normal(size=(4, 3))
Y = RNG.normal(size=(4, 3))
HARD = (RNG.uniform(size=(4, 3)) > 0.5).astype(float)
SIGNS = 2 * HARD - 1
IDS = np.array([2, 0, 1, 2])
Q = P[::-1] / P[::-1].sum(axis=1, keepdims=True)
ROWS = P / P.sum(axis=1, keepdims=True)
WEIGHTS = np.array([1.0, 2.0, 0.0, 0.5])


def _log_softmax(z: Any, k: int) -> float:
    return float(z[k] - math.log(sum(math.exp(v) for v in z)))


def _huber(p: float, t: float) -> float:
    d = abs(p - t)
    return d * d / 2 if d <= 1 else d - 0.5


def _bce(p: float, t: float) -> float:
    return -(t * math.log(p) + (1 - t) * math.log(1 - p))


def _focal(p: float, t: float) -> float:
    return -0.25 * t * (1 - p) ** 2 * math.log(p) - 0.75 * (1 - t) * p**2 * math.log(1 - p)


# name -> (prediction, target, the loss of one element, or of one row where it is "row").
ELEMENT: dict[str, tuple[Any, Any, Callable[..., float]]] = {
    "mse": (Z, Y, lambda p, t: (p - t) ** 2),
    "mae": (Z, Y, lambda p, t: abs(p - t)),
    "huber": (3 * Z, Y, _huber),
    "hinge": (Z, SIGNS, lambda p, t: max(0.0, 1 - t * p)),
    "binary_cross_entropy": (P, HARD, _bce),
    "binary_cross_entropy_with_logits": (Z, HARD, lambda z, t: _bce(1 / (1 + math.exp(-z)), t)),
    "focal": (P, HARD, _focal),
}
ROW: dict[str, tuple[Any, Any, Callable[..., float]]] = {
    "cross_entropy": (Z, IDS, lambda z, t: -_log_softmax(z, t)),
    "cross_entropy of probabilities": (
        Z, Q, lambda z, t: -sum(t[k] * _log_softmax(z, k) for k in range(3))
    ),
    "kl_divergence": (
        ROWS, Q, lambda p, t: sum(t[k] * math.log(t[k] / p[k]) for k in range(3))
    ),
}  # fmt: skip


def _unreduced(case: str) -> np.ndarray:
    if case in ROW:
        p, t, one = ROW[case]
        return np.array([one(a, b) for a, b in zip(p, t, strict=True)])
    p, t, one = ELEMENT[case]
    return np.array([[one(a, b) for a, b in zip(r, s, strict=True)] for r, s in zip(p, t)])


def _tensors(case: str, batch: Any = "batch") -> tuple[Any, Any, dict[str, Any]]:
    p, t, _ = (ROW | ELEMENT)[case]
    dtype = "int" if t.dtype.kind == "i" else "float"
    shape = (batch, *t.shape[1:])
    return gn.input("p", (batch, 3)), gn.input("t", shape, dtype), {"p": p, "t": t}


@pytest.mark.parametrize("weight", [None, (4,), (4, 1), ()])
@pytest.mark.parametrize("case", [*ELEMENT, *ROW])
def test_reductions(case: str, weight: Any, evaluate: Any) -> None:
    p, t, values = _tensors(case)
    function = LOSSES[case.split()[0]]
    rows = _unreduced(case)
    given: dict[str, Any] = {}
    factor = np.ones_like(rows)
    if weight is not None:
        if weight == (4, 1) and rows.ndim == 1:
            pytest.skip("one weight a row")
        array = WEIGHTS.reshape(weight) if weight else np.array(2.5)
        values["w"] = array
        given["weight"] = gn.input("w", ("batch", *weight[1:]) if weight else ())
        spread = array.reshape(array.shape + (1,) * (rows.ndim - array.ndim))
        factor = np.broadcast_to(spread, rows.shape)
    expected = {
        "none": factor * rows, "sum": (factor * rows).sum(),
        "mean": (factor * rows).sum() / factor.sum(),
    }  # fmt: skip
    for reduction, value in expected.items():
        found = evaluate(function(p, t, reduction=reduction, **given), **values)
        assert found.shape == np.shape(value)
        np.testing.assert_allclose(found, value, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("case", [*ELEMENT, *ROW])
def test_slopes(case: str) -> None:
    p, t, values = _tensors(case, 4)
    y = LOSSES[case.split()[0]](p, t, weight=WEIGHTS)
    f = gn.function([p, t], y, dtype="float64", stabilize=False)
    slope = gn.function([p, t], gn.grad(y, p), dtype="float64")(values["p"], values["t"])
    for at in np.ndindex(slope.shape):
        step = np.zeros_like(slope)
        step[at] = 1e-6
        ends = f(values["p"] + step, values["t"]), f(values["p"] - step, values["t"])
        assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8)


def test_cross_entropy_is_two_formulas() -> None:
    z, t = gn.input("Z", ("batch", 10)), gn.input("T", ("batch",), dtype="int")
    y = gn.cross_entropy(z, t)
    (lse,) = [o for o in y.node.operands if o.label == "L"]
    assert repr(y) == "cross_entropy () = Sum((L[n] - Z[n,T[n]])/size(n), n)"
    assert repr(gn.Tensor(lse)) == "L (batch,) = LogSumExp(Z[n,k], k)"


def test_two_layers_have_at_most_8_adjoints() -> None:
    x, t = gn.input("x", ("batch", 64)), gn.input("t", ("batch",), dtype="int")
    w1, b1 = gn.parameter("W1", (64, 32)), gn.parameter("b1", (32,), init=0)
    w2, b2 = gn.parameter("W2", (32, 10)), gn.parameter("b2", (10,), init=0)
    y = gn.cross_entropy(gn.tanh(x @ w1 + b1) @ w2 + b2, t)
    adjoints = gn.grad(y, [w1, b1, w2, b2])
    network = gn.function([x, t], adjoints).network
    assert sum(name.startswith("d_") for name in network) <= 8


def test_extreme_logits_are_finite() -> None:
    """|z| up to 1e4: values and slopes as the exact ones round."""
    z, t = gn.input("z", (4,)), np.array([1.0, 0.0, 1.0, 0.0])
    y = gn.binary_cross_entropy_with_logits(z, t, reduction="none")
    f = gn.function(z, [y, gn.grad(gn.sum(y), z)], dtype="float64")
    value, slope = f([1e4, -1e4, -1e4, 1e4])
    assert np.array_equal(value, [0, 0, 1e4, 1e4])
    assert np.array_equal(slope, [0, 0, -1, 1])
    logits, ids = gn.input("z", (2, 3)), np.array([0, 2])
    y = gn.cross_entropy(logits, ids)
    value, slope = gn.function(logits, [y, gn.grad(y, logits)], dtype="float64")(
        [[1e4, 0, -1e4], [1e4, 0, -1e4]]
    )
    assert value == 1e4
    assert np.array_equal(slope, [[0, 0, 0], [0.5, 0, -0.5]])


def test_certain_predictions() -> None:
    """0*log(0) is 0, in value and slope."""
    p, t = gn.input("p", (2,)), np.array([0.0, 1.0])
    for function in (gn.binary_cross_entropy, gn.focal, gn.kl_divergence):
        y = function(p, t, reduction="sum")
        slope = gn.grad(y, p)
        value, slopes = gn.function(p, [y, slope])([0.0, 1.0])
        assert value == 0
        assert np.isfinite(slopes).all()


def test_hand_numbers(evaluate: Any) -> None:
    x = gn.input("x", (2,))
    cases = [
        (gn.mse(x, [0.0, 0.0]), 5.0), (gn.mae(x, 0), 2.0), (gn.huber(x, 0, delta=2.0), 2.25),
        (gn.hinge(x, [1.0, -1.0]), 2.0), (gn.mse(x, x), 0.0),
        (gn.cross_entropy(gn.constant([0.0, 0.0]) + 0 * x, 1), math.log(2)),
    ]  # fmt: skip
    for y, expected in cases:
        assert evaluate(y, x=[1.0, 3.0]) == pytest.approx(expected, rel=1e-15)


def test_bool_and_int_targets(evaluate: Any) -> None:
    p, t = gn.input("p", (3,)), gn.input("t", (3,), dtype="bool")
    y = gn.binary_cross_entropy(p, t)
    hard = np.array([True, False, True])
    expected = np.mean([_bce(a, float(b)) for a, b in zip([0.2, 0.3, 0.9], hard, strict=True)])
    assert evaluate(y, p=[0.2, 0.3, 0.9], t=hard) == pytest.approx(expected)


WRONG = [
    (
        lambda p, t: gn.mse(p, t),
        r"mse: the prediction p .* has 2 axes, the target t .batch,. has 1",
    ),
    (lambda p, t: gn.cross_entropy(t, p), "cross_entropy: expected int classes"),
    (
        lambda p, t: gn.cross_entropy(p, gn.input("q", ("batch", 9))),
        r"index k is 9 in t but .* in z \(Y\[n\] = Sum\(t\[n,k\]",
    ),
    (
        lambda p, t: gn.cross_entropy(p, gn.input("q", (5,), dtype="int")),
        r"index n is 5 in t but batch in z \(Y\[n\] = L\[n\] - z\[n,t\[n\]\]\)",
    ),
    (lambda p, t: gn.cross_entropy(p, t), r"expected int classes \(batch,\) or a probability"),
    (lambda p, t: gn.kl_divergence(p, t), "has 2 axes, the target t"),
    (lambda p, t: gn.mse(p, p, reduction="average"), "'mean', 'sum' or 'none', not 'average'"),
    (lambda p, t: gn.mse(p, p, weight=np.ones(3)), "the weight has shape"),
    (lambda p, t: gn.huber(p, p, delta=0), "delta is a number above 0"),
    (lambda p, t: loss("mean_squared"), "there is no loss"),
    (lambda p, t: loss(3), "a name or a function"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int) -> None:
    make, message = WRONG[case]
    with pytest.raises(gn.GraphnetError, match=message):
        make(gn.input("p", ("batch", 3)), gn.input("t", ("batch",)))


def test_rows_of_weight_0_are_ignored():
    """By a weight a position, by a mask of a formula, and where ids are -1: all as the slice."""
    z, t = gn.input("z", ("batch", 7, 3)), gn.input("t", ("batch", 7), dtype="int")
    late = np.r_[np.zeros(4), np.ones(3)][None]
    mask = gn.where(gn.arange(7)[None] >= 4, 1.0, 0.0)
    marked = gn.where(gn.arange(7)[None] >= 4, t, -1)
    losses = [
        gn.cross_entropy(z[:, 4:], t[:, 4:]), gn.cross_entropy(z, t, weight=late),
        gn.cross_entropy(z, t, weight=mask),
        gn.cross_entropy(z, gn.where(marked >= 0, marked, 0), weight=marked >= 0),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    outputs = [*losses, *(gn.grad(loss, z) for loss in losses)]
    program = gn.function([z, t], outputs, dtype="float64")
    found = program(rng.normal(size=(5, 7, 3)), rng.integers(0, 3, (5, 7)))
    for value, slope in zip(found[1:4], found[5:], strict=True):
        np.testing.assert_allclose(value, found[0], rtol=1e-13)
        np.testing.assert_allclose(slope, found[4], rtol=1e-12, atol=1e-16)
        assert (slope[:, :4] == 0).all()


def test_a_weight_that_does_not_fit_is_told_with_index_and_formula() -> None:
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch", 3))
    wanted = r"mse: index k is 4 in the weight w but 3 in the loss; .* \(Y\[n,k\] = w\[n,k\]\*"
    with pytest.raises(gn.GraphnetError, match=wanted):
        gn.mse(x, t, weight=gn.input("w", ("batch", 4)))

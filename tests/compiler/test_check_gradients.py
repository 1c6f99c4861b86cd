"""check_gradients: right gradients pass, wrong ones do not, kinks are called kinks."""

from __future__ import annotations

import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler import check_gradients as module
from graphnet.compiler.check_gradients import _slope, check_gradients
from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.ops.tensor import Tensor


def classifier() -> Tensor:
    x = gn.input("x", ("batch", 5))
    t = gn.input("t", ("batch",), dtype="int")
    h = gn.Dense(4, "tanh")(x)
    return gn.cross_entropy(gn.Dense(3)(h), t)


def embedded() -> Tensor:
    words = gn.input("words", ("batch", 2), dtype="int")
    e = gn.Embedding(7, 3)(words)
    return gn.mean(gn.Dense(1, "gelu")(gn.Flatten()(e)) ** 2)


def dropped() -> Tensor:
    x = gn.input("x", ("batch", 4))
    return gn.mean(gn.Dropout(0.4)(gn.Dense(3, "relu")(x), training=True) ** 2)


def powers() -> Tensor:
    """Finite only for positive numbers."""
    x, p = gn.input("x", (3,)), gn.parameter("p", (3,), init=0)
    return gn.sum(gn.log(x) * x**p + gn.sqrt(p))


def product() -> Tensor:
    x = gn.input("x", (4,))
    return gn.prod(x) * gn.state("s", (), init=2) + gn.sum(gn.cumprod(x))


RIGHT = [
    (classifier, ["x", "W1", "b1", "W2", "b2"]),
    (embedded, ["W1", "W2", "b2"]),
    (dropped, ["x", "W1", "b1"]),
    (powers, ["x", "p"]),
    (product, ["x"]),
]


@pytest.mark.parametrize(("make", "names"), RIGHT, ids=[m.__name__ for m, _ in RIGHT])
def test_right_gradients(make, names: list[str]) -> None:
    report = check_gradients(make())
    assert report.ok, report
    assert sorted(row.name for row in report.rows) == sorted(names)
    assert all(row.verdict == "ok" for row in report.rows), report
    assert all(row.relative < 1e-7 and row.compiled < 1e-12 for row in report.rows), report
    assert np.isfinite(report.loss)


def test_given_values_set_the_sizes() -> None:
    x = gn.input("x", ("batch", 2))
    report = check_gradients(gn.sum(x**2), {"x": np.ones((7, 2))})
    assert report.loss == 14
    assert [row.shape for row in report.rows] == [(7, 2)]
    assert report.rows[0].checked == 12


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = gn.input("x", (3,)), gn.parameter("w", (3,))
    loss = gn.sum(gn.sin(x * w))

    def wrong(y: Tensor, wrt: list[Tensor], kinks: str) -> list[Tensor]:
        right = gn.grad(y, wrt, kinks=kinks)
        return [right[0], right[1] * 1.00001]

    monkeypatch.setattr(module, "grad", wrong)
    report = check_gradients(loss)
    assert not report.ok
    assert [row.verdict for row in report.rows] == ["ok", "WRONG"]
    assert report.rows[1].relative == pytest.approx(1e-5, rel=0.9)


def test_a_wrong_program_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    x = gn.input("x", (3,))
    real = module._by_program
    monkeypatch.setattr(module, "_by_program", lambda t, h: [a + 1e-9 for a in real(t, h)])
    report = check_gradients(gn.sum(x**3))
    assert [row.verdict for row in report.rows] == ["COMPILED WRONG"]
    assert not report.ok


def test_a_kink_is_no_error() -> None:
    x = gn.input("x", (3,))
    report = check_gradients(gn.sum(gn.relu(x)), {"x": [1.0, 0.0, -1.0]})
    assert report.ok
    assert report.rows[0].verdict == "ok (2 at kinks)"  # the element, and the random direction
    alone = check_gradients(gn.sum(abs(x)), {"x": np.zeros(3)})
    assert alone.rows[0].verdict == "kink"


def test_not_finite() -> None:
    x = gn.input("x", (2,))
    report = check_gradients(gn.sum(gn.log(x)), {"x": [1.0, -1.0]})
    assert not report.ok
    assert report.rows[0].verdict == "NOT FINITE"


def test_the_table() -> None:
    lines = str(check_gradients(classifier())).splitlines()
    assert lines[0].startswith("loss 1.")
    assert re.split(r"  +", lines[1]) == [
        "tensor", "shape", "checked", "difference", "relative", "compiled", "verdict",
    ]  # fmt: skip
    assert re.split(r"  +", lines[3])[:3] == ["W1", "(5, 4)", "12 of 20"]
    assert all(line.endswith("ok") for line in lines[2:])


def test_the_same_seed_draws_the_same() -> None:
    assert str(check_gradients(classifier(), seed=3)) == str(check_gradients(classifier(), seed=3))


# function of a step, slope at 0 (None at a kink)
SLOPES = [
    (lambda t: 50 * t * t, 0), (abs, None), (lambda t: abs(t - 5e-4), -1),
    (lambda t: abs(t - 1.5e-3), -1), (lambda t: 3 * t + 1e3, 3), (lambda t: np.sin(3 * t), 3),
    (lambda t: np.exp(10 * t), 10), (lambda t: 1.0, 0), (lambda t: max(t, 0) + t, None),
    (lambda t: abs(t - 2e-6) + t * t, None),
]  # fmt: skip


@pytest.mark.parametrize(("f", "slope"), SLOPES)
def test_slope(f, slope: float | None) -> None:
    found = _slope(f, f(0.0))
    assert (found is None) == (slope is None)
    if slope is not None:
        assert found == pytest.approx(slope, rel=1e-8, abs=1e-12)


REFUSED = [
    (lambda: check_gradients(gn.input("x", (3,))), GraphnetError, r"shape \(\), not \(3,\)"),
    (lambda: check_gradients(3.0), GraphnetTypeError, "came float"),
    (lambda: check_gradients(gn.sum(gn.ones((3,)))), GraphnetError, "depends on no float input"),
    (lambda: check_gradients(classifier(), {"y": 1}), GraphnetError, "the loss has no 'y'"),
    (lambda: check_gradients(classifier(), {"x": np.ones((2, 3))}), GraphnetError, "x has shape"),
]


@pytest.mark.parametrize(("make", "error", "words"), REFUSED, ids=[r[2] for r in REFUSED])
def test_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()

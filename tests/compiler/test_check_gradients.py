"""check_gradients: right gradients pass, wrong ones do not, kinks are called kinks."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import sympy

import graphnet as gn
from graphnet.compiler import check_gradients as module
from graphnet.compiler.check_gradients import check_gradients
from graphnet.compiler.differences import central, complex_step
from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.network import contributions
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
    monkeypatch.setattr(module, "_by_program", lambda t, h, s: [a + 1e-9 for a in real(t, h, s)])
    report = check_gradients(gn.sum(x**3))
    assert [row.verdict for row in report.rows] == ["COMPILED WRONG"]
    assert not report.ok
    assert report.first is not None
    assert "compiled (" in report.first


def hidden() -> Tensor:
    x, w = gn.input("x", (3, 2)), gn.parameter("w", (2, 2))
    a = gn.tanh(x @ w).rename("a")
    b = gn.sin(a).rename("b")
    return gn.mean(gn.exp(b).rename("c") ** 2)


def softmaxed() -> Tensor:
    p = gn.softmax(gn.input("z", (3, 4)) * gn.parameter("s", (4,))).rename("p")
    return gn.sum(gn.sin(gn.log(p).rename("q")))


# a loss; the functions whose adjoint is made wrong; the tensor whose adjoint is first wrong
WRONG = [
    (hidden, "sin", "d_a, the adjoint of a, which is read by b[i,j] = sin(a[i,j])"),
    (hidden, "exp", "d_b, the adjoint of b, which is read by c[i,j] = exp(b[i,j])"),
    (hidden, "tanh", "d_matmul_1, the adjoint of matmul_1"),
    (softmaxed, "sin", "d_q, the adjoint of q"),
]


@pytest.mark.parametrize(("make", "function", "first"), WRONG)
def test_a_wrong_adjoint_is_caught_and_located(monkeypatch, make, function, first) -> None:
    """An adjoint that is 0.01 % too large where the formula has a function."""
    right = contributions.adjoint

    def wrong(formula, k, *rest):
        found = right(formula, k, *rest)
        names = {f.func.__name__ for f in formula.body.atoms(sympy.Function)}
        if function not in names:
            return found
        scaled = replace(found.formula, body=found.formula.body * sympy.Rational(10001, 10000))
        return replace(found, formula=scaled)

    assert check_gradients(make()).ok
    monkeypatch.setattr(contributions, "adjoint", wrong)
    report = check_gradients(make())
    assert not report.ok
    assert str(report.first).startswith(first)
    assert f"first wrong in backward order: {first}" in str(report)


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
        "tensor", "shape", "checked", "difference", "predicted", "relative", "complex step",
        "compiled", "verdict",
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
    found = central(f, f(0.0))
    assert (found is None) == (slope is None)
    if found is not None:
        assert abs(found.value - slope) <= 10 * found.error  # the prediction holds
        assert found.value == pytest.approx(slope, rel=1e-8, abs=1e-12)


def test_complex_step_knows_no_rounding() -> None:
    assert complex_step(lambda t: np.exp(t) / (np.sin(t) ** 3 + np.cos(t) ** 3)) == 1.0
    assert np.isnan(complex_step(lambda t: complex("nan")))


def test_what_stops_the_gradient_stands_still() -> None:
    x = gn.input("x", (3,))
    assert check_gradients(gn.sum(gn.stop_gradient(gn.exp(x)) * x)).ok


REFUSED = [
    (
        lambda: check_gradients(gn.input("x", (3,))),
        GraphnetError,
        r"\(\), not float \(3,\)",
    ),
    (lambda: check_gradients(3.0), GraphnetTypeError, "came 3.0"),
    (lambda: check_gradients(gn.sum(gn.ones((3,)))), GraphnetError, "depends on no float input"),
    (lambda: check_gradients(classifier(), {"y": 1}), GraphnetError, "the loss has no 'y'"),
    (lambda: check_gradients(classifier(), {"x": np.ones((2, 3))}), GraphnetError, "x has shape"),
]


@pytest.mark.parametrize(("make", "error", "words"), REFUSED, ids=[r[2] for r in REFUSED])
def test_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()

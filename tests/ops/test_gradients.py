"""grad, jacobian, hessian and jvp against central differences of the literal loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.network.nodes import topological

RNG = np.random.default_rng(7)
X = RNG.normal(size=(2, 3))
W = RNG.normal(size=(3, 3))
V = RNG.normal(size=(2, 3))

# Tensors of x (2, 3) and W (3, 3), each smooth at the drawn values.
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "pointwise": lambda x, W: gn.tanh(x) * gn.exp(x / 2),
    "matmul": lambda x, W: x @ W,
    "layer": lambda x, W: gn.softmax(gn.tanh(x @ W), axis=1),
    "sum": lambda x, W: gn.sum(x**3, axis=0),
    "max": lambda x, W: gn.max(x * x, axis=1),
    "prod": lambda x, W: gn.prod(x, axis=1),
    "prod with a zero": lambda x, W: gn.prod(x - X[0, 0]),
    "cumprod": lambda x, W: gn.cumprod(x, axis=1),
    "nested prod": lambda x, W: gn.prod(gn.prod(gn.sin(x), axis=0) + x[0]),
    "logsumexp": lambda x, W: gn.logsumexp(x, axis=1),
    "moved": lambda x, W: gn.concatenate([x[:, ::-1], x.T @ x], axis=0),
    "reshape": lambda x, W: gn.reshape(x * x, (3, 2)),
    "gather": lambda x, W: (x * x)[:, [2, 0, 2]],
    "quadratic": lambda x, W: gn.einsum("ni,ij,nj->n", x, W, x),
    "scalar": lambda x, W: gn.mean(gn.cross_entropy(x @ W, np.array([0, 2]))),
    "hand softmax": lambda x, W: gn.formula("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", z=x),
    "var": lambda x, W: gn.var(x, axis=0),
    "no x": lambda x, W: W @ W,
}


def _jacobian(f: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    columns = []
    for place in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[place] = 1e-6
        columns.append((f(at + step) - f(at - step)) / 2e-6)
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *at.shape)


@pytest.mark.parametrize("batch", [2, "batch"])
@pytest.mark.parametrize("case", CASES)
def test_jacobian_and_jvp(case: str, batch: Any, evaluate: Any) -> None:
    if batch == "batch" and case in ("moved", "reshape", "nested prod", "scalar"):
        batch = 2
    x, w = gn.input("x", (batch, 3)), gn.parameter("W", (3, 3))
    y = CASES[case](x, w)
    expected = _jacobian(lambda a: evaluate(y, x=a, W=W), X)
    found = evaluate_with_x(evaluate, gn.jacobian(y, x), x)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    along = evaluate_with_x(
        evaluate, gn.jvp(y, x, gn.constant(V) if batch == 2 else direction(x)), x
    )
    axes = expected.ndim - 2
    np.testing.assert_allclose(
        along, np.tensordot(expected, V, axes=([axes, axes + 1], [0, 1])), rtol=1e-6, atol=1e-8
    )


def direction(x: Any) -> Any:
    """A direction of x's named shape that is V for X."""
    return x * 0 + gn.input("v", x.shape)


def evaluate_with_x(evaluate: Any, tensor: Any, x: Any) -> np.ndarray:
    """The value of a tensor; x is read though nothing may depend on it, for the named size."""
    wide = tensor + 0 * gn.sum(x) if tensor.dtype == "float" else tensor
    return np.asarray(evaluate(wide + gn.sum(x) - gn.sum(x), x=X, W=W, v=V))


@pytest.mark.parametrize("case", ["scalar", "layer", "prod", "cumprod", "quadratic", "max"])
def test_hessian(case: str, evaluate: Any) -> None:
    x, w = gn.input("x", (2, 3)), gn.parameter("W", (3, 3))
    loss = gn.sum(CASES[case](x, w) ** 2)
    slope = gn.grad(loss, x)
    expected = _jacobian(lambda a: evaluate(slope, x=a, W=W), X)
    found = evaluate(gn.hessian(loss, x), x=X, W=W)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found, found.transpose(2, 3, 0, 1), rtol=1e-12, atol=1e-12)


def test_structure() -> None:
    x, w = gn.input("x", (2, 3)), gn.parameter("W", (3, 3))
    y = gn.sum((x @ w) ** 2)
    one = gn.grad(y, w)
    assert isinstance(one, gn.Tensor)
    assert isinstance(gn.grad(y, [w]), list)
    dx, dw, again = gn.grad(y, [x, w, x])
    assert (dx.shape, dw.shape, again) == ((2, 3), (3, 3), dx)
    assert gn.grad(y, []) == []
    assert (one.name, dw.name) == ("d_W", "d_W")


def test_an_intermediate_tensor(evaluate: Any) -> None:
    """The gradient is of the very tensor that is asked for, also where stabilize rewrites."""
    x = gn.input("x", (2, 3))
    e = gn.exp(x)
    p = e / gn.sum(e, axis=1, keepdims=True)
    loss = gn.sum(gn.log(p) ** 2)
    first = gn.grad(loss, p)
    assert p.node in topological([first.node])
    second = gn.grad(gn.sum(first), p)
    soft = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(evaluate(first, x=X), 2 * np.log(soft) / soft, rtol=1e-12)
    expected = 2 * (1 - np.log(soft)) / soft**2
    np.testing.assert_allclose(evaluate(second, x=X), expected, rtol=1e-12)
    by_e = evaluate(gn.grad(loss, e), x=X)

    def f(a: np.ndarray) -> np.ndarray:
        q = a / a.sum(axis=1, keepdims=True)
        return np.asarray((np.log(q) ** 2).sum())

    np.testing.assert_allclose(by_e, _jacobian(f, np.exp(X)), rtol=1e-6, atol=1e-8)


def test_upstream(evaluate: Any) -> None:
    x = gn.input("x", (2, 3))
    expected = 2 * X * V
    for upstream in (V, gn.constant(V), V.tolist()):
        assert np.allclose(evaluate(gn.grad(x**2, x, upstream=upstream), x=X), expected)
    ints = np.arange(6).reshape(2, 3)
    assert np.allclose(evaluate(gn.grad(x**2, x, upstream=ints), x=X), 2 * X * ints)


def test_jvp_of_several(evaluate: Any) -> None:
    x, w = gn.input("x", (2, 3)), gn.parameter("W", (3, 3))
    dw = RNG.normal(size=(3, 3))
    found = evaluate(gn.jvp(x @ w, [x, w], [V, dw]), x=X, W=W)
    np.testing.assert_allclose(found, V @ W + X @ dw, rtol=1e-13)


# a loss of tensors with axes of size 1 -> how the gradient by x covers its array, and how it reads
UNITS: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "one output": (lambda x: gn.mse(x, gn.input("t", ("batch", 1))), ("batch", 1),
                   "d_x (batch, 1) = (2*x[n,0] - 2*t[n,0])/size(n), i < 1"),
    "two axes": (lambda x: gn.sum(x**2), (1, 3, 1), "d_x (1, 3, 1) = 2*x[i,j,k]"),
    "a number": (lambda x: gn.sum(gn.formula("x[0,0]**2", x=x)), (1, 1),
                 "d_x (1, 1) = 2*x[0,0], i < 1, j < 1"),
    "an element": (lambda x: gn.formula("Y = x[0,2]**2", x=x), (1, 3),
                   "d_x (1, 3): Y[0,2] += 2*x[0,2], shape (1, 3)"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_axes_of_size_1_are_no_places_to_add_to(name: str) -> None:
    loss, shape, told = UNITS[name]
    x = gn.input("x", shape)
    found = gn.grad(loss(x), x)
    assert repr(found) == told
    assert gn.check_gradients(loss(x)).ok


WRONG: list[tuple[Any, str]] = [
    (lambda x, t: gn.grad(x, x), "only a 0-d tensor has a gradient without an upstream"),
    (lambda x, t: gn.grad(gn.sum(x), t), "dtype int"),
    (lambda x, t: gn.grad(gn.sum(t), x), "dtype int"),
    (lambda x, t: gn.grad(gn.sum(x), 3), "x is a tensor or a list of them, not 3"),
    (lambda x, t: gn.grad(3, x), "y is a tensor, not int"),
    (lambda x, t: gn.grad(x, x, upstream=np.ones(3)), r"upstream .* float \(2, 3\)"),
    (lambda x, t: gn.jvp(x, x, np.ones(3)), "the direction has shape"),
    (lambda x, t: gn.jvp(x, [x, x], [np.ones((2, 3))]), "2 tensors, but 1 directions"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int) -> None:
    make, message = WRONG[case]
    with pytest.raises(gn.GraphnetError, match=message):
        make(gn.input("x", (2, 3)), gn.input("t", (2,), dtype="int"))

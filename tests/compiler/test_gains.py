"""Gradients of gains and shifts ahead of products: without their products, and the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.algebra.scales import Recast
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor

F, H = 64, 64  # of products that are worth it
Made = Callable[[Tensor], Tensor]
Shape = tuple[Any, ...]


def p(name: str, *shape: int) -> Tensor:
    return gn.parameter(name, shape)


def norm(x: Tensor) -> Tensor:
    return gn.LayerNorm()(x)


def plain(x: Tensor) -> Tensor:
    return x * p("g", F) + p("s", F)


def attention(h: Tensor) -> Tensor:
    q, k, v = (h @ p(name, F, H) for name in ("Wq", "Wk", "Wv"))
    return gn.attention(q, k, v) @ p("Wo", H, 8)


def three(h: Tensor) -> Tensor:
    gate = gn.sigmoid(h @ p("W1", F, H) + p("b1", H))
    return gn.tanh(h @ p("W2", F, H)) * gate - gn.tanh(3 * (h @ p("W3", H, F).T))


def tied(h: Tensor) -> Tensor:
    W = p("W1", F, H)
    return gn.tanh(h @ W) * gn.sigmoid(h @ W.T + 1) @ W


def one(h: Tensor) -> Tensor:
    return gn.tanh(h @ p("W1", F, H))


def heads(h: Tensor) -> Tensor:
    z = gn.formula("Z[n,i,h,j] = Sum(L[n,i,k]*W[k,h,j], k)", L=h, W=p("W1", F, 4, 16))
    return gn.sum(gn.tanh(z), axis=2)


# what is made of x, its shape ahead of F, and how many products go
N: Shape = ("batch", 8)
CASES: dict[str, tuple[Made, Shape, int]] = {
    "layer norm": (lambda x: one(norm(x)), N, 1),
    "layer norm, three readers": (lambda x: three(norm(x)), N, 3),
    "layer norm, attention": (lambda x: attention(norm(x)), N, 3),
    "layer norm, three axes of rows": (lambda x: three(norm(x)), ("batch", 2, 3), 3),
    "layer norm, the rows of a batch": (lambda x: one(norm(x)), ("batch",), 0),
    "rms norm": (lambda x: one(gn.RMSNorm()(x)), N, 1),
    "rms norm, three readers": (lambda x: three(gn.RMSNorm()(x)), N, 3),
    "batch norm": (lambda x: one(gn.BatchNorm(axis=2)(x)), N, 1),
    "gain and shift": (lambda x: three(plain(x)), N, 3),
    "gain and shift, known rows": (lambda x: three(plain(x)), (256,), 3),
    "gain and shift, few known rows": (lambda x: three(plain(x)), (100,), 0),
    "shift and gain": (lambda x: one(p("s", F) + p("g", F) * x), N, 1),
    "of what is fixed": (lambda x: one(gn.tanh(x) * p("g", F) + p("s", F)), N, 1),
    "a gain": (lambda x: three(x * p("g", F)), N, 3),
    "two gains": (lambda x: one(p("g", F) * (x * p("f", F))), N, 1),
    "two shifts": (lambda x: one(p("s", F) + (x * p("g", F) + p("u", F))), N, 1),
    "a gain behind a factor of each row": (
        lambda x: one(x * gn.sum(x, axis=2, keepdims=True) * p("g", F)), N, 1,
    ),
    "a shift": (lambda x: three(x + p("s", F)), N, 3),
    "a shift, the rows of a batch": (lambda x: three(x + p("s", F)), ("batch",), 3),
    "tied weights": (lambda x: tied(norm(x)), N, 2),
    "several axes of columns": (lambda x: heads(norm(x)), N, 1),
    "a frozen gain": (lambda x: one(x * gn.stop_gradient(p("g", F)) + p("s", F)), N, 1),
    "a frozen shift": (lambda x: one(x * p("g", F) + gn.stop_gradient(p("s", F))), N, 1),
    "a frozen weight": (lambda x: gn.tanh(plain(x) @ gn.stop_gradient(p("W1", F, H))), N, 0),
    "a frozen weight behind a shift": (
        lambda x: gn.tanh((x + p("s", F)) @ gn.stop_gradient(p("W1", F, H))), N, 1,
    ),
    "a second reader": (lambda x: one(y := plain(x)) + y, N, 0),
    "a residual behind a shift": (lambda x: one(y := x + p("u", F)) + y, N, 0),
    "what is learned below": (lambda x: one(norm(x @ p("E", F, F))), N, 0),
    "a number of its own": (lambda x: one(plain(x * p("a"))), N, 1),
    "squared": (lambda x: one(plain(x) ** 2), N, 0),
}  # fmt: skip


def step(made: Made, shape: Shape, **k: Any) -> Program:
    x = gn.input("x", (*shape, F))
    y = made(x)
    t = gn.input("t", y.shape)
    return gn.training_step([x, t], gn.mse(y, t), gn.SGD(lr=0.1, momentum=0.5), **k)


def products(program: Program, off: str) -> int:
    """Statements of a fast step that multiply matrices over rows."""
    switched, recast = frozenset({off}), Recast(program.network)
    lowered = recast.lowered(program.outputs, switched)
    plan = make_plan(recast.network, lowered, program.outputs, off=switched)
    plan.check()
    large = (v for v in plan.lines if v.op == "contract" and v.rank > 1)
    return sum(v.extents[0] not in (F, H, 8) for v in large)


@pytest.mark.parametrize("name", CASES)
def test_products_go_and_nothing_else_changes(name: str) -> None:
    made, shape, count = CASES[name]
    want = step(made, shape, style="plain", dtype="float64")
    assert products(want, "gains") - products(want, "") == count
    rng = np.random.default_rng(0)
    for array in want.parameters.values():
        array[...] = rng.normal(size=array.shape) / 4
    fasts = [
        Program(
            want.network, want.inputs, want.outputs, style="fast", dtype="float64",
            restore=want._restore, off=frozenset({off}),
        )
        for off in ("", "gains")
    ]  # fmt: skip
    for fast in fasts:
        for key, array in want.parameters.items():
            fast.parameters[key] = array.copy()
    for rows in (8, 8, 1, 11):
        sizes = [rows if size == "batch" else size for size in shape]
        x = rng.normal(size=(*sizes, F))
        t = rng.normal(size=[*sizes, *want.network.node("t").shape[len(sizes) :]])
        loss = want(x, t)
        for fast in fasts:
            assert fast(x, t) == pytest.approx(loss, rel=1e-11)
    for key, array in want.parameters.items():
        for fast in fasts:
            np.testing.assert_allclose(fast.parameters[key], array, 1e-9, 1e-11, err_msg=key)


@pytest.mark.parametrize("name", ["layer norm, three readers", "shift and gain", "two gains"])
def test_gradients_are_slopes_of_the_loss(name: str) -> None:
    """One step of gradient descent against central differences along a direction."""
    made, shape, count = CASES[name]
    fast = step(made, shape, style="fast", dtype="float64")
    assert count > 0
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, *shape[1:], F))
    t = rng.normal(size=(3, *fast.network.node("t").shape[1:]))
    start = {key: rng.normal(size=a.shape) / 4 for key, a in fast.parameters.items()}

    def loss(shift: float, key: str, along: np.ndarray) -> float:
        """The loss, which a step gives before it changes anything."""
        fast.reset()
        for name, array in start.items():
            fast.parameters[name][...] = array + (shift * along if name == key else 0)
        return float(fast(x, t))

    for key, array in start.items():
        along = rng.normal(size=array.shape)
        h = 1e-5
        slope = (loss(h, key, along) - loss(-h, key, along)) / (2 * h)
        loss(0, key, along)
        taken = (array - fast.parameters[key]) / 0.1
        assert np.sum(taken * along) == pytest.approx(slope, rel=1e-6, abs=1e-9), key


@pytest.mark.parametrize("size", [0, 1, 1e4])
def test_digits_are_those_of_float64(size: float) -> None:
    """Gradients in float32 where a shift is far above what is scaled."""
    x, t = gn.input("x", ("batch", 8, F)), gn.input("t", ("batch", 8, H))
    names = {"g": (F,), "s": (F,), "W": (F, H)}
    g, s, W = (gn.parameter(name, shape) for name, shape in names.items())
    loss = gn.mse(gn.tanh((x * g + s) @ W / (1 + size)), t)
    wanted = [gn.grad(loss, v) for v in (g, s, W)]
    exact = gn.function([x, t], wanted, style="plain", dtype="float64")
    fast = gn.function([x, t], wanted, style="fast", dtype="float32")
    assert products(fast, "gains") - products(fast, "") == 1
    rng = np.random.default_rng(0)
    scales = {"g": 1.0, "s": size, "W": 0.1}
    for name, shape in names.items():
        fast.parameters[name] = (rng.normal(size=shape) * scales[name]).astype(np.float32)
        exact.parameters[name] = fast.parameters[name].astype(np.float64)
    given = [rng.normal(size=(64, 8, k)).astype(np.float32) for k in (F, H)]
    for got, want in zip(fast(*given), exact(*(a.astype(float) for a in given)), strict=True):
        np.testing.assert_allclose(got, want, 0, 1e-6 * np.abs(want).max())

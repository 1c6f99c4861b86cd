"""Biases behind narrow arguments are rows of their weights, wherever they lie beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor

Made = Callable[[Tensor, Tensor, Tensor], Tensor]
F, H = 20, 64  # a weight that is not a small one


def step(made: Made, shape: tuple[Any, ...], **k: Any) -> Program:
    """What learns through one layer, and a second one that no argument is read by."""
    x, t = gn.input("x", (*shape, F)), gn.input("t", ("batch", 3))
    W, b = gn.parameter("W", (F, H)), gn.parameter("b", (H,))
    z = gn.tanh(made(x, W, b))
    while z.ndim > 2:
        z = gn.sum(z, axis=1)
    y = z @ gn.parameter("V", (H, 3)) + gn.parameter("c", (3,))
    return gn.training_step([x, t], gn.mse(y, t), gn.SGD(lr=0.01, momentum=0.5), **k)


LAYERS: dict[str, tuple[Made, tuple[Any, ...], int]] = {  # and how many have a row of ones
    "behind": (lambda x, W, b: x @ W + b, ("batch",), 1),
    "ahead": (lambda x, W, b: b + x @ W, ("batch",), 1),
    "several axes": (lambda x, W, b: x @ W + b, ("batch", 2, 3), 1),
    "made of x": (lambda x, W, b: (2 * x) @ W + b, ("batch",), 0),
    "twice": (lambda x, W, b: (x @ W + b) * (x @ W), ("batch",), 0),
    "bias twice": (lambda x, W, b: x @ W + b + gn.sum(b), ("batch",), 0),
    "no bias": (lambda x, W, b: x @ W + gn.sum(b * b), ("batch",), 0),
    "scaled": (lambda x, W, b: 3 * (x @ W) + b, ("batch",), 0),
}


@pytest.mark.parametrize("off", ["", "columns"])
@pytest.mark.parametrize("name", LAYERS)
def test_rows_of_ones_change_nothing(name: str, off: str) -> None:
    made, shape, count = LAYERS[name]
    plain = step(made, shape, style="plain", dtype="float64")
    agree(plain, off, count, [(rows, *shape[1:], F) for rows in (4, 4, 1, 7)])


def agree(plain: Program, off: str, count: int, shapes: list[tuple[int, ...]]) -> None:
    """Both styles learn the same from x of these shapes, with so many arrays beside ones."""
    plan = make_plan(plain.network, lower(plain.network), plain.outputs, off=frozenset({off}))
    plan.check()
    assert sum(v.op == "pad" for v in plan.lines) == (count if off == "" else 0)
    fast = Program(
        plain.network, plain.inputs, plain.outputs, style="fast", dtype="float64",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for shape in shapes:
        x = rng.normal(size=shape)
        t = rng.normal(size=(shape[0], 3))
        assert fast(x, t) == pytest.approx(plain(x, t), rel=1e-11)
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, 1e-10, 1e-12, err_msg=key)


# What is made of layer_norm(x), a weight (20, 40) and a bias, the shape of x ahead of its features,
# and how many arrays are copied beside ones.
C = 40
Shape = tuple[Any, ...]
COMPUTED: dict[str, tuple[Made, Shape, int]] = {
    "behind": (lambda h, W, b: h @ W + b, ("batch", 32), 1),
    "ahead": (lambda h, W, b: b + h @ W, ("batch", 32), 1),
    "learned": (lambda h, W, b: gn.LayerNorm()(h) @ W + b, ("batch", 32), 1),
    "fixed": (lambda h, W, b: h @ W + b, (1700,), 1),
    "fixed, several axes": (lambda h, W, b: h @ W + b, (25, 5, 15), 1),
    "few rows": (lambda h, W, b: h @ W + b, ("batch",), 0),
    "few fixed rows": (lambda h, W, b: h @ W + b, (100,), 0),
    "bias twice": (lambda h, W, b: h @ W + b + gn.sum(b * b), ("batch", 32), 1),
    "read twice": (lambda h, W, b: (h @ W + b) * gn.mean(h * h, axis=-1, keepdims=True),
                   ("batch", 32), 1),
    "another product": (lambda h, W, b: (h @ W + b) * gn.tanh(h @ gn.parameter("U", (F, C))),
                        ("batch", 32), 1),
    "two biases": (lambda h, W, b: (h @ W + b) * gn.tanh(
        h @ gn.parameter("U", (F, C)) + gn.parameter("d", (C,))), ("batch", 32), 1),
    "one behind another": (lambda h, W, b: gn.layer_norm(gn.tanh(h @ W + b) @ gn.parameter(
        "U", (C, F))) @ gn.parameter("W2", (F, C)) + gn.parameter("b2", (C,)), ("batch", 32), 2),
    # W, whose gradient is a sum of two, lies in no flat vector
    "tied": (lambda h, W, b: gn.tanh(h @ W + b) @ gn.transpose(W) @ W, ("batch", 32), 0),
    "twice": (lambda h, W, b: (h @ W + b) * (h @ W), ("batch", 32), 0),
    "no bias": (lambda h, W, b: h @ W + gn.sum(b * b), ("batch", 32), 0),
    "scaled": (lambda h, W, b: 3 * (h @ W) + b, ("batch", 32), 0),
    "not wide": (lambda h, W, b: (h @ W) @ gn.parameter("U", (C, C)) + b, ("batch", 32), 0),
    "turned": (lambda h, W, b: gn.transpose(gn.formula(
        "Y[n,h,i] = Sum(u[n,i,c]*W[c,h], c) + b[h]", u=h, W=W, b=b), (0, 2, 1)),
        ("batch", 32), 1),
    "weight of three axes": (lambda h, W, b: gn.reshape(gn.formula(
        "Y[n,h,i,r] = Sum(u[n,i,c]*W[c,h,r], c) + b[h,r]", u=h,
        W=gn.parameter("U", (F, 8, 5)), b=gn.parameter("d", (8, 5))), (-1, 32, C))
        @ gn.parameter("W2", (C, C)) + gn.sum(W) * b, ("batch", 32), 1),
}  # fmt: skip


@pytest.mark.parametrize("off", ["", "columns"])
@pytest.mark.parametrize("name", COMPUTED)
def test_computed_arrays_beside_ones_change_nothing(name: str, off: str) -> None:
    made, shape, count = COMPUTED[name]
    x, t = gn.input("x", (*shape, F)), gn.input("t", (shape[0], 3))
    W, b = gn.parameter("W", (F, C)), gn.parameter("b", (C,))
    z = gn.gelu(made(gn.layer_norm(x), W, b)) @ gn.parameter("V", (C, 3))
    while z.ndim > 2:
        z = gn.sum(z, axis=1)
    optimizer = gn.SGD(lr=0.01, momentum=0.5)
    how = {"style": "plain", "dtype": "float64"}
    plain = gn.training_step([x, t], gn.mse(z, t), optimizer, **how)  # type: ignore[arg-type]
    rows = (4, 4, 1, 7) if shape[0] == "batch" else (shape[0],) * 2
    agree(plain, off, count, [(n, *shape[1:], F) for n in rows])


def test_copies_beside_ones_share_memory() -> None:
    """What is not read any more makes room for the next; the ones stay."""
    h = x = gn.input("x", ("batch", 16, 64))
    for _ in range(3):
        h = h + gn.Dense(64)(gn.Dense(256, activation="gelu")(gn.LayerNorm()(h)))
    program = gn.training_step([x], gn.sum(h * h), gn.SGD(lr=0.1), style="fast")
    assert program.source.count(".fill(1)") == 1
    assert program.source.count("_pad_inner[...] = ") == 3


def test_a_row_of_ones_is_written_once() -> None:
    """It stays through batches of other sizes and values; the argument itself is not touched."""
    fast = step(*LAYERS["behind"][:2], style="fast")
    source = fast.source
    assert source.count(".fill(1)") == 1
    assert "W_b = " in source
    x = np.random.default_rng(1).normal(size=(5, F)).astype(np.float32)
    kept = x.copy()
    fast(x, np.zeros((5, 3)))
    np.testing.assert_array_equal(x, kept)


def test_wide_arguments_are_not_copied() -> None:
    """To copy 784 columns costs more than a pass over 512."""
    x, t = gn.input("x", ("batch", 784)), gn.input("t", ("batch",), dtype="int")
    z = gn.Dense(10)(gn.Dense(512, activation="relu")(x))
    program = gn.training_step([x, t], gn.cross_entropy(z, t), gn.SGD(lr=0.1), style="fast")
    assert "_pad" not in program.source

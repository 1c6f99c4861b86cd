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
    plan = make_plan(
        plain.network, lower(plain.network), plain.inputs, plain.outputs, off=frozenset({off})
    )
    plan.check()
    assert sum(v.op == "pad" for v in plan.lines) == (count if off == "" else 0)
    fast = Program(
        plain.network, plain.inputs, plain.outputs, style="fast", dtype="float64",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for rows in (4, 4, 1, 7):
        x = rng.normal(size=(rows, *shape[1:], F))
        t = rng.normal(size=(rows, 3))
        assert fast(x, t) == pytest.approx(plain(x, t), rel=1e-11)
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, 1e-10, 1e-12, err_msg=key)


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

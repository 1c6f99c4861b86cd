"""The fast style: plain = fast over 20 steps, every plan replayed, one switch off at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.algebra.simplify import RULES as ALGEBRA
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.fast.rules import RULES
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor

SWITCHES = ("", "flat", *RULES, *ALGEBRA)


def layers(x: Tensor, sizes: Sequence[int], activation: Callable[[Tensor], Tensor]) -> Tensor:
    for k, (a, b) in enumerate(pairwise(sizes), 1):
        W = gn.parameter(f"W{k}", (a, b), init="glorot_uniform")
        x = x @ W + gn.parameter(f"b{k}", (b,))
        x = activation(x) if k + 2 <= len(sizes) else x
    return x


def classifier(activation: Callable[[Tensor], Tensor], optimizer: Any, **k: Any) -> Program:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    loss = gn.cross_entropy(layers(x, (6, 5, 4), activation), t)
    return gn.training_step([x, t], loss, optimizer, **k)


def regression(optimizer: Any, **k: Any) -> Program:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch", 2))
    y = layers(x, (6, 3, 2), gn.tanh)
    return gn.training_step([x, t], gn.mse(gn.sigmoid(y), t), optimizer, outputs=y, **k)


def dropout(optimizer: Any, **k: Any) -> Program:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch", 1))
    h = gn.Dropout(0.4)(gn.Dense(5, activation="relu")(x), training=True)
    return gn.training_step([x, t], gn.mse(gn.Dense(1)(h), t), optimizer, **k)


def tied(optimizer: Any, **k: Any) -> Program:
    x = gn.input("x", ("batch", 6))
    W, c, s = (
        gn.parameter("W", (6, 4), init="he_normal"),
        gn.parameter("c", (6,)),
        gn.parameter("s", ()),
    )
    y = gn.tanh(x @ W) @ W.T + c + s
    return gn.training_step(x, gn.mse(y, x) + 0.01 * gn.sum(W * W), optimizer, **k)


NETWORKS: dict[str, Callable[..., Program]] = {
    "relu": lambda **k: classifier(gn.relu, gn.SGD(lr=0.1, momentum=0.9), **k),
    "gelu": lambda **k: classifier(gn.gelu, gn.Adam(lr=0.01), **k),
    "clipped": lambda **k: classifier(gn.tanh, gn.SGD(lr=0.1, clip_norm=0.5), **k),
    "groups": lambda **k: classifier(gn.elu, gn.RMSprop(lr=0.01, groups={"b1": {"lr": 0.1}}), **k),
    "regression": lambda **k: regression(gn.SGD(lr=0.5), **k),
    "nesterov": lambda **k: regression(gn.SGD(lr=0.1, momentum=0.9, nesterov=True), **k),
    "dropout": lambda **k: dropout(gn.AdamW(lr=0.01), **k),
    "tied": lambda **k: tied(gn.SGD(lr=0.02, weight_decay=0.1), **k),
}  # fmt: skip


def arguments(program: Program, batch: int, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    made: list[Any] = []
    for name in program.inputs:
        node = program.network.node(name)
        shape = tuple(e if isinstance(e, int) else batch for e in node.shape)
        made.append(rng.integers(0, 4, shape) if node.dtype == "int" else rng.normal(size=shape))
    return made


def same(fast: Program, plain: Program, batches: Sequence[int], tolerance: float) -> None:
    """Runs both and compares every result, parameter and state."""
    for k, batch in enumerate(batches):
        given = arguments(plain, batch, k)
        results = [p(*given) for p in (fast, plain)]
        for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in results), strict=True):
            np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=f"step {k}")
    for store in ("parameters", "states"):
        for name, array in getattr(plain, store).items():
            got = getattr(fast, store)[name]
            np.testing.assert_allclose(got, array, tolerance, tolerance, err_msg=name)


@pytest.mark.parametrize("off", SWITCHES)
@pytest.mark.parametrize("name", NETWORKS)
def test_fast_is_plain(name: str, off: str) -> None:
    """20 steps with every recogniser, and with one left out; short batches in between."""
    plain = NETWORKS[name](dtype="float64", style="plain")
    plan = make_plan(
        plain.network, lower(plain.network), plain.inputs, plain.outputs, off=frozenset({off})
    )
    plan.check()
    fast = Program(
        plain.network, plain.inputs, plain.outputs, dtype="float64", style="fast",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    same(fast, plain, [8] * 10 + [3, 8, 1] + [8] * 7, 1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_stays_float32(name: str) -> None:
    plain, fast = (NETWORKS[name](style=style) for style in ("plain", "fast"))
    same(fast, plain, [8, 8, 3], 2e-4)
    assert {a.dtype for a in fast.parameters.values()} == {np.dtype(np.float32)}

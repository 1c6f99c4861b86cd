"""Biases of small layers as rows of their weights: which, and that nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.ops.tensor import Tensor

Layer = Callable[[Tensor, str, int, int], Tensor]


def dense(x: Tensor, name: str, inside: int, out: int) -> Tensor:
    W = gn.parameter(f"W{name}", (inside, out), init="glorot_uniform")
    return x @ W + gn.parameter(f"b{name}", (out,))


def two(x: Tensor, **sizes: int) -> Tensor:
    hidden = sizes.get("hidden", 5)
    return dense(gn.tanh(dense(x, "1", 3, hidden)), "2", hidden, 2)


def shared_bias(x: Tensor) -> Tensor:
    b = gn.parameter("b", (2,))
    h = gn.tanh(x @ gn.parameter("W1", (3, 2), init="glorot_uniform") + b)
    return h @ gn.parameter("W2", (2, 2), init="glorot_uniform") + b


def bias_first(x: Tensor) -> Tensor:
    b = gn.parameter("b1", (4,))
    h = gn.tanh(b + x @ gn.parameter("W1", (3, 4), init="he_normal"))
    return dense(h, "2", 4, 2)


def residual(x: Tensor) -> Tensor:
    h = gn.tanh(dense(x, "1", 3, 4))
    return dense(h + gn.tanh(dense(h, "2", 4, 4)), "3", 4, 2)


def read_by_two(x: Tensor) -> Tensor:
    h = gn.tanh(dense(x, "1", 3, 4))
    return dense(h, "2", 4, 2) * gn.sigmoid(dense(h, "3", 4, 2))


def normed(x: Tensor) -> Tensor:
    return dense(gn.softmax(dense(x, "1", 3, 4)), "2", 4, 2)


def masked(x: Tensor) -> Tensor:
    return dense(gn.where(x > 0, gn.exp(-x), 0.5), "1", 3, 2)


def penalized(x: Tensor) -> Tensor:
    h = gn.sigmoid(dense(x, "1", 3, 4))
    return dense(h, "2", 4, 2) + gn.sum(h * h)


NETWORKS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {  # and how many stand over ones
    "two layers": (two, 2),
    "no small layer": (lambda x: two(x, hidden=2000), 0),
    "a bias of two layers": (shared_bias, 0),
    "the bias first": (bias_first, 1),
    "residual": (residual, 3),
    "read by two layers": (read_by_two, 1),
    "softmax inside": (normed, 2),
    "no product first": (masked, 0),
    "a sum beside": (penalized, 1),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("optimizer", [gn.SGD(lr=0.1, momentum=0.9), gn.AdamW(lr=0.01)])
def test_a_bias_may_be_a_row_of_its_weight(name: str, optimizer: Any) -> None:
    network, count = NETWORKS[name]

    def program(style: str) -> Any:
        x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch", 2))
        loss = gn.mse(gn.sigmoid(network(x)), t)
        return gn.training_step([x, t], loss, optimizer, dtype="float64", style=style)

    fast, plain = program("fast"), program("plain")
    rng = np.random.default_rng(0)
    for batch in (1, 4, 7, 4):
        given = rng.normal(size=(batch, 3)), rng.normal(size=(batch, 2))
        assert fast(*given) == pytest.approx(plain(*given), rel=1e-12)
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, rtol=1e-9, atol=1e-12)
    assert len(re.findall(r"_and_1\.fill\(1\)", fast.source)) == count


def test_predictions_that_are_asked_for_are_as_before() -> None:
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch", 2))
    h = gn.tanh(dense(x, "1", 3, 4))
    step = {
        style: gn.training_step(
            [x, t], gn.mse(dense(h, "2", 4, 2), t), gn.SGD(lr=0.1), outputs=h, dtype="float64",
            style=style,
        )
        for style in ("plain", "fast")
    }  # fmt: skip
    rng = np.random.default_rng(1)
    for _ in range(3):
        given = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
        for a, b in zip(step["fast"](*given), step["plain"](*given), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)

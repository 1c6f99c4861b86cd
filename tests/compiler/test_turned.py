"""Narrow arrays that stand transposed: which, and that nothing but rounding changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.ops.tensor import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def entropy(z: Tensor, t: Tensor, y: Tensor) -> Tensor:
    return gn.cross_entropy(z, t) + gn.mean(y)


def spread(z: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """Reductions both ways, along rows and along columns."""
    wide = gn.formula("R[n] = Max(Z[n,k], k) - Min(Z[n,k], k)", Z=z)
    tall = gn.formula("C[k] = Max(Z[n,k], n)", Z=z)
    return gn.mean(wide * wide) + gn.sum(tall) * 0.1 + entropy(z, t, y)


def beside_an_argument(z: Tensor, t: Tensor, y: Tensor) -> Tensor:
    return gn.mean(gn.logsumexp(z * y, axis=1)) + gn.cross_entropy(z, t)


TABLE: dict[str, tuple[Loss, int, bool]] = {  # loss, classes, whether the logits are transposed
    "few classes": (entropy, 7, True),
    "two classes": (entropy, 2, True),
    "many classes": (entropy, 33, False),
    "reduced both ways": (spread, 5, True),
    "beside an argument": (beside_an_argument, 5, False),
}


def program(loss: Loss, classes: int, style: str, outputs: bool = False) -> Any:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    y = gn.input("y", ("batch", classes))
    W = gn.parameter("W", (6, classes), init="glorot_uniform")
    z = x @ W + gn.parameter("b", (classes,))
    how: dict[str, Any] = {"outputs": z} if outputs else {}
    return gn.training_step(
        [x, t, y], loss(z, t, y), gn.SGD(lr=0.1), dtype="float64", style=style, **how
    )


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("outputs", [False, True])
def test_narrow_arrays_stand_transposed(name: str, outputs: bool) -> None:
    loss, classes, turned = TABLE[name]
    fast, plain = (program(loss, classes, style, outputs) for style in ("fast", "plain"))
    rng = np.random.default_rng(0)
    for batch in (1, 4, 9, 4):
        x, y = rng.normal(size=(batch, 6)), rng.normal(size=(batch, classes))
        given = x, rng.integers(0, classes, batch), y
        found = [p(*given) for p in (fast, plain)]
        for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in found), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11)
            assert np.ndim(a) == 0 or a.flags.c_contiguous
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, rtol=1e-10, atol=1e-12)
    assert (f"new(({classes}, batch), " in fast.source) == turned

"""What does not fit into memory is refused in words, and at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn

x = gn.input("x", ("batch",))


def started(kind: Callable[..., Any], shape: tuple[int, ...], init: str) -> Any:
    return gn.function([], gn.sum(kind("W", shape, init=init)))


ABSURD = (10**9, 10**9)
TOO_LARGE: dict[str, Callable[[], Any]] = {
    "a parameter": lambda: started(gn.parameter, ABSURD, "glorot_uniform"),
    "zeros": lambda: started(gn.parameter, ABSURD, "zeros"),
    "more than an index": lambda: started(gn.parameter, (2**62, 4), "orthogonal"),
    "a state": lambda: started(gn.state, ABSURD, "ones"),
    "plain": lambda: gn.function([], gn.zeros(ABSURD))(),
    "fast": lambda: gn.function([], gn.zeros(ABSURD), style="fast")(),
    "an outer product": lambda: gn.function(x, gn.einsum("i,j,k->ijk", x, x, x))(np.ones(10**5)),
    "run": lambda: gn.function(x, gn.einsum("i,j,k->ijk", x, x, x)).run(np.ones(10**5)),
    "a model": lambda: gn.Sequential([gn.Input(10**9), gn.Dense(10**9)]).compile("sgd"),
    "neurons": lambda: gn.draw(gn.Dense(3)(gn.input("x", ("batch", 10**9))), "forward", "neurons"),
    "unfolded": lambda: gn.unfold(gn.zeros((10**9,))).lines(),
    "checked": lambda: gn.check_gradients(gn.sum(gn.input("x", (10**8,)))),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large(name: str) -> None:
    began = time.perf_counter()
    with pytest.raises(gn.GraphnetError, match=r"not enough memory|too l(arge|ong)|more than"):
        TOO_LARGE[name]()
    assert time.perf_counter() - began < 5

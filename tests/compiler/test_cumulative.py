"""Running sums and extrema are one pass in every direction, and equal to literal loops."""

from __future__ import annotations

import time

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network

SIDES = ("k <= i", "k < i", "i <= k", "i < k", "k >= i", "k > i", "i >= k", "i > k")
CASES = {
    **{f"Sum {c}": (f"Y[n,i] = Sum(where({c}, x[n,k], 0), k), i < SIZE", "cumsum" if c in
                    ("k <= i", "i >= k") else "running(np.add") for c in SIDES},
    **{f"Max {c}": (f"Y[n,i] = Max(where({c}, x[n,k], -oo), k), i < SIZE", "maximum")
       for c in SIDES},
    "Min": ("Y[n,i] = Min(where(k <= i, x[n,k], oo), k), i < SIZE", "np.minimum.accumulate"),
    "first axis": ("Y[i,m] = Sum(where(k <= i, x[k,m], 0), k), i < 4", "cumsum"),
    "of a product": ("Y[n,i] = Sum(where(k <= i, 2*x[n,k]*x[n,k], 0), k), i < SIZE", "cumsum"),
    "of a sum": ("Y[i] = Sum(where(k <= i, x[n,k], 0), k, n), i < SIZE", "cumsum"),
    "two beside each other":
        ("Y[n,i] = Sum(where(k <= i, x[n,k], 0) - where(i < k, x[n,k], 0), k), i < SIZE", "cumsum"),
    "another size": ("Y[n,i] = Sum(where(k <= i, x[n,k], 0), k), i < 9", None),
    "not of x alone": ("Y[n,i] = Sum(where(k <= i, x[n,k]*x[n,i], 0), k)", None),
    "another rest": ("Y[n,i] = Sum(where(k <= i, x[n,k], 1), k), i < SIZE", None),
}  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("name", CASES)
def test_one_pass_is_equal_to_loops(name, size):
    text, call = CASES[name]
    x = gn.input("x", (4, size))
    y = gn.formula(text.replace("SIZE", str(size)), x=x)
    up = np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(y.shape)
    outputs = [y, gn.grad(y, x, upstream=gn.constant(up))]
    if "Max" in name or name == "Min":
        outputs = outputs[:1]  # a row of nothing has no slope to compare
    program = gn.function(x, outputs, dtype="float64")
    value = np.random.default_rng(0).normal(size=(4, size))
    network = Network.collect([t.node for t in outputs])
    arrays = interpret(network, {"x": value} if "x" in network else {})
    for found, tensor in zip(program(value), outputs, strict=True):
        np.testing.assert_allclose(found, arrays[network.name_of(tensor.node)], atol=1e-13)
    if size == 5:
        source = gn.function(x, y).source
        body = source[source.index("def forward") :]
        assert (call in body) if call else ("cumsum" not in body and "running(" not in body)


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_the_slope_of_cumsum_is_one_pass_back(style):
    x = gn.input("x", ("batch", 3, 7))
    up = gn.input("up", ("batch", 3, 7))
    y = gn.cumsum(x, axis=2)
    program = gn.function(
        [x, up], [y, gn.grad(y, x, upstream=up)], dtype="float64", style=style
    )  # fmt: skip
    value, weight = np.random.default_rng(0).normal(size=(2, 4, 3, 7))
    found = program(value, weight)
    np.testing.assert_allclose(found[0], np.cumsum(value, 2), rtol=1e-12)
    expected = np.cumsum(weight[..., ::-1], 2)[..., ::-1]
    np.testing.assert_allclose(found[1], expected, rtol=1e-12)
    assert "back=True" in program.source


def test_a_long_cumsum_takes_no_square_of_memory():
    x = gn.input("x", (200_000,))
    program = gn.function(x, gn.grad(gn.sum(gn.cumsum(x) ** 2), x))
    start = time.perf_counter()
    assert np.isfinite(program(np.ones(200_000))).all()
    assert time.perf_counter() - start < 5

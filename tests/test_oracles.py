"""Every op's value and gradients, compiled in float64, against what torch gave (ops.npz)."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn

ORACLE = runpy.run_path(str(Path(__file__).parent / "oracles" / "make_ops.py"))
CASES, FIXED, upstream = (ORACLE[k] for k in ("CASES", "FIXED", "upstream"))
with np.load(ORACLE["TABLE"]) as table:
    RECORDED = dict(
        zip(table["names"].tolist(), np.split(table["values"], table["ends"][:-1]), strict=True)
    )


def graphnet_results(case: tuple, fixed: str | None = None) -> np.ndarray:
    """The result of a case and its gradients, flat, by a compiled function."""
    arrays, ask, _ = case
    kinds = {"f": "float", "i": "int"}
    inputs = {k: gn.input(k, v.shape, dtype=kinds[v.dtype.kind]) for k, v in arrays.items()}
    y = ask(gn, **inputs)
    outputs = [y]
    if y.dtype == "float":
        floats = [x for k, x in inputs.items() if x.dtype == "float" and k != fixed]
        outputs += gn.grad(y, floats, upstream=gn.constant(upstream(y.shape)))
    program = gn.function(list(inputs.values()), outputs, dtype="float64")
    found = program(*arrays.values())
    return np.concatenate([np.ravel(r).astype(np.float64) for r in found])


def test_the_table_is_of_these_cases():
    assert list(RECORDED) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_that_torch_recorded(name):
    found = graphnet_results(CASES[name], FIXED.get(name))
    np.testing.assert_allclose(found, RECORDED[name], rtol=1e-10, atol=1e-12)


@pytest.mark.oracle
def test_the_recorded_table_is_what_torch_gives():
    pytest.importorskip("torch")
    for name in CASES:
        live = ORACLE["torch_results"](CASES[name], FIXED.get(name))
        np.testing.assert_allclose(live, RECORDED[name], rtol=1e-12, atol=1e-14, err_msg=name)


# Cases that hold for any sizes n, m, k: name -> (shapes of the inputs, graphnet, torch).
DRAWN = {
    "matmul": ({"a": "nm", "b": "mk"}, lambda _, a, b: a @ b, lambda _, a, b: a @ b),
    "batched": ({"a": "knm", "b": "mn"}, lambda _, a, b: a @ b, lambda _, a, b: a @ b),
    "broadcast": ({"a": "nm", "b": "knm", "c": "m"}, lambda _, a, b, c: a * b + c / 2 - a,
                  lambda _, a, b, c: a * b + c / 2 - a),
    "dense": ({"x": "nm", "W": "mk", "b": "k"}, lambda gn, x, W, b: gn.tanh(x @ W + b),
              lambda torch, x, W, b: torch.tanh(x @ W + b)),
    "sum": ({"x": "nmk"}, lambda gn, x: gn.sum(x, axis=1), lambda torch, x: torch.sum(x, 1)),
    "cumsum": ({"x": "nmk"}, lambda gn, x: gn.cumsum(x, 1), lambda torch, x: torch.cumsum(x, 1)),
    "cumprod": ({"x": "nm"}, lambda gn, x: gn.cumprod(x, 1), lambda torch, x: torch.cumprod(x, 1)),
    "softmax": ({"x": "nmk"}, lambda gn, x: gn.softmax(x, 1), lambda torch, x: torch.softmax(x, 1)),
    "concatenate": ({"a": "nk", "b": "mk"}, lambda gn, a, b: gn.concatenate([a, b, a]),
                    lambda torch, a, b: torch.cat([a, b, a])),
    "flatten": ({"x": "nmk"}, lambda gn, x: gn.reshape(x, x.shape[0], x.shape[1] * x.shape[2]),
                lambda torch, x: torch.flatten(x, 1)),
    "mse": ({"p": "nm", "t": "nm"}, lambda gn, p, t: gn.mse(p, t, reduction="sum"),
            lambda torch, p, t: torch.nn.functional.mse_loss(p, t, reduction="sum")),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", DRAWN)
def test_drawn_sizes_against_live_torch(name):
    pytest.importorskip("torch")
    shapes, ask, ask_torch = DRAWN[name]

    @settings(max_examples=25, deadline=None)
    @given(st.tuples(*[st.integers(0, 5)] * 3), st.integers(0, 99))
    def check(sizes, seed):
        size, rng = dict(zip("nmk", sizes, strict=True)), np.random.default_rng(seed)
        inputs = {k: rng.normal(size=[size[s] for s in letters]) for k, letters in shapes.items()}
        case = inputs, ask, ask_torch
        expected = ORACLE["torch_results"](case)
        np.testing.assert_allclose(graphnet_results(case), expected, rtol=1e-10, atol=1e-12)

    check()

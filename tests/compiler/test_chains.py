"""Chains of calls on wide arrays: block by block of rows, slopes made ahead, same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.fast import blocks, chains, naming
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.helpers import HELPERS
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor
from tests.compiler.test_fast import NETWORKS as SMALL
from tests.compiler.test_fast import arguments, same

WIDTH = 280  # 117 rows are a block
UNCHAINED = ("relu", "dropout", "heads", "scores")  # of the small networks


def dense(x: Tensor, columns: int, name: str) -> Tensor:
    W = gn.parameter(f"W{name}", (x.shape[-1], columns), init="glorot_uniform")
    return x @ W + gn.parameter(f"b{name}", (columns,))


def perceptron(activation: Callable[[Tensor], Tensor], batch: int | str = "batch") -> Any:
    x, t = gn.input("x", (batch, 6)), gn.input("t", (batch,), dtype="int")
    z = dense(activation(dense(x, WIDTH, "1")), 4, "2")
    return [x, t], gn.cross_entropy(z, t), None


def block(activation: Callable[[Tensor], Tensor]) -> Any:
    """Layer norm, two dense layers and a residual at 7 places, as in a transformer."""
    x, t = gn.input("x", ("batch", 7, 20)), gn.input("t", ("batch", 7), dtype="int")
    h = gn.layer_norm(x, gn.parameter("g", (20,), init="ones"), gn.parameter("s", (20,)))
    h = x + dense(activation(dense(h, 80, "1")), 20, "2")
    return [x, t], gn.cross_entropy(dense(h, 4, "3"), t), None


def shown() -> Any:
    """What the chain makes is given out too, so that it is there for the backward pass."""
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch", WIDTH))
    y = gn.gelu(dense(x, WIDTH, "1"), approximate=True)
    return [x, t], gn.mse(y, t), y


def scaled_rows() -> Any:
    """A chain over what every row is divided by."""
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    h = dense(x, WIDTH, "1")
    h = h / (1 + gn.sqrt(gn.sum(h * h, axis=1, keepdims=True)))
    return [x, t], gn.cross_entropy(dense(h * h * gn.tanh(h) - h, 4, "2"), t), None


def twice() -> Any:
    """Two chains, the second over what the first has made."""
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    h = gn.silu(dense(x, WIDTH, "1"))
    return [x, t], gn.cross_entropy(dense(h + gn.mish(dense(h, WIDTH, "2")), 4, "3"), t), None


NETWORKS: dict[str, Callable[[], Any]] = {
    "gelu": lambda: perceptron(gn.gelu),
    "gelu_tanh": lambda: perceptron(lambda z: gn.gelu(z, approximate=True)),
    "silu": lambda: perceptron(gn.silu),
    "mish": lambda: perceptron(gn.mish),
    "cubes": lambda: perceptron(lambda z: (z * z + 1) * (z - 2) * z / (1 + z * z)),
    "fixed": lambda: perceptron(lambda z: gn.gelu(z, approximate=True), batch=500),
    "block": lambda: block(lambda z: gn.gelu(z, approximate=True)),
    "block_mish": lambda: block(gn.mish),
    "shown": shown,
    "scaled_rows": scaled_rows,
    "twice": twice,
}


def without(program: Program, switch: str, dtype: str) -> Program:
    return Program(
        program.network, program.inputs, program.outputs, style="fast", restore=program._restore,
        recast=program.recast,
        off=frozenset({switch}), dtype=dtype,
    )  # fmt: skip


def steps(name: str, dtype: str) -> tuple[Program, Program]:
    """The step in plain style, and in fast style."""
    inputs, loss, outputs = NETWORKS[name]()
    plain, fast = (
        gn.training_step(
            inputs, loss, gn.Adam(lr=0.01), outputs=[] if outputs is None else outputs,
            style=style, dtype=dtype,
        ) for style in ("plain", "fast")
    )  # fmt: skip
    return plain, fast


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_rows_in_blocks_change_no_bit(name: str, dtype: str) -> None:
    """Every element comes from the same calls, whatever the rows: fewer than a block, as many as
    two, a last block that is shorter."""
    plain, fast = steps(name, dtype)
    whole = without(fast, "blocks", dtype)
    assert "_block" in fast.source
    assert "_block" not in whole.source
    for count in (1, 5, 117, 234, 235, 500, 3):
        given = arguments(plain, 500 if name == "fixed" else count, count)
        if dtype == "float32":
            given = [a.astype(np.float32) if a.dtype == np.float64 else a for a in given]
        results = [np.atleast_1d(r) for r in _all(fast(*given))]
        for one, other in zip(results, _all(whole(*given)), strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(results, _all(plain(*given)), strict=True):
            tolerance = 1e-9 if dtype == "float64" else 2e-4
            np.testing.assert_allclose(one, np.atleast_1d(other), tolerance, tolerance)
    for key, array in fast.parameters.items():
        np.testing.assert_array_equal(whole.parameters[key], array)


def _all(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", ["gelu_tanh", "silu", "block", "twice"])
def test_a_slope_is_made_in_the_forward_pass(name: str) -> None:
    """Where it is kept instead of several arrays that it is made of: no bit changes."""
    plain, fast = steps(name, "float32")
    late = without(fast, "ahead", "float32")
    line = "# a part of the slope, for the backward pass"
    assert 0 < fast.source.index(line) < fast.source.index("# -- backward")
    assert line not in late.source
    assert buffers(fast) < buffers(late)
    given = arguments(plain, 700)
    assert [fast(*given) for _ in range(3)] == [late(*given) for _ in range(3)]


def buffers(program: Program) -> int:
    """How many arrays of the size of the batch a step has."""
    return sum(program.source.count(f"new((batch, {row}), np.float") for row in ("7, 80", WIDTH))


def test_slopes_wait_where_that_keeps_no_more() -> None:
    """1 - y**2 of a y that the next layer's gradient needs anyway."""
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    z = dense(gn.tanh(dense(x, WIDTH, "1")), 4, "2")
    source = gn.training_step([x, t], gn.cross_entropy(z, t), gn.SGD(lr=0.1)).source
    assert source.index("square(tanh_1, tanh_1)") > source.index("# -- backward")


@pytest.mark.parametrize("name", [n for n in SMALL if n not in UNCHAINED])
def test_the_same_in_small_networks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of network, in blocks of a row or two where chains of two calls are enough."""
    monkeypatch.setattr(chains, "SHORT", 1)
    monkeypatch.setattr(chains, "BLOCK", 12)
    monkeypatch.setattr(blocks, "LEAST", 2)
    plain = SMALL[name](dtype="float64", style="plain")
    fast = Program(
        plain.network, plain.inputs, plain.outputs, dtype="float64", style="fast",
        restore=plain._restore,
    )  # fmt: skip
    assert "_block" in fast.source
    same(fast, plain, [8, 8, 3, 11, 1, 8], 1e-9)


WHOLE: dict[str, Callable[[Tensor], Tensor]] = {
    "an element": lambda h: gn.exp(h * h[0, 0]) * h,
    "the largest": lambda h: gn.exp(h / gn.max(h)) * h,
    "the first row": lambda h: gn.exp(gn.tanh(h * h[0])) * h,
    "a row, turned": lambda h: gn.exp(gn.tanh(h * gn.flip(h[0], 0))) * h,
    "the rows, turned": lambda h: gn.exp(gn.tanh(h * h[::-1])) * h,
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("made", ["by the chain", "before the chain", "along one axis"])
def test_what_is_read_of_a_whole_array_is_there(
    name: str, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row of a chain may read another row of what the chain makes, or of what it reads."""
    monkeypatch.setattr(chains, "SHORT", 1)
    monkeypatch.setattr(chains, "BLOCK", 12)
    monkeypatch.setattr(blocks, "LEAST", 2)
    monkeypatch.setattr(blocks, "BLOCK", 7)
    monkeypatch.setattr(naming, "BLOCK", 7)
    line = made == "along one axis"
    if line and name not in ("the largest", "an element"):
        pytest.skip("a vector has no rows")
    x = gn.input("x", (20,) if line else ("batch", 3))
    h = x @ gn.eye(3) if made == "before the chain" else gn.tanh(x) * 2 + 1
    y = gn.exp(h * h[0]) * h if line and name == "an element" else WHOLE[name](h)
    plain, fast = (gn.function(x, y, style=s, dtype="float64") for s in ("plain", "fast"))
    make_plan(plain.network, lower(plain.network), plain.outputs).check()
    for count in (5, 30, 2):
        given = np.random.default_rng(count).normal(size=(20,) if line else (count, 3))
        np.testing.assert_allclose(fast(given), plain(given), 1e-12, 1e-12)


def test_short_chains_and_short_rows_stay_whole() -> None:
    for width, activation in ((300, gn.relu), (20, gn.gelu)):
        x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
        z = dense(activation(dense(x, width, "1")), 4, "2")
        step = gn.training_step([x, t], gn.cross_entropy(z, t), gn.SGD(lr=0.1))
        assert "_block" not in step.source, width


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 4, 1), (1, 4, 1), (8, 4, 8), (9, 4, 3), (64, 15, 13), (500, 117, 100), (16, 2, 2)],
)
def test_blocks_are_of_about_equal_length(count: int, most: int, expected: int) -> None:
    space: dict[str, Any] = {}
    exec(HELPERS["evenly"], space)
    found = space["evenly"](count, most)
    assert found == expected
    parts = [min(found, count - k) for k in range(0, count, found)]
    assert sum(parts) == count
    assert all(0 < p <= 2 * most for p in parts)

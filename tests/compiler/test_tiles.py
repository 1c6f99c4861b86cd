"""Long products in blocks of rows, in parts and in tiles: each is the product, at every size."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

import graphnet as gn
from graphnet.compiler.blas import unpacked
from graphnet.compiler.fast.products import tile
from graphnet.compiler.helpers import CALLED, HELPERS
from graphnet.compiler.program import Program

Array = NDArray[Any]
MOST = 1_000_000  # multiplications of a product that OpenBLAS does without packing

LAID: dict[str, Callable[[Array], Array]] = {
    "straight": lambda a: a,
    "turned": lambda a: a.T.copy().T,
    "apart": lambda a: np.repeat(a, 2, 1)[:, ::2],
    "backward": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "one row": lambda a: np.broadcast_to(a[:1], a.shape),
}


def helper(name: str, most: int = MOST) -> Any:
    """A helper as on a processor that multiplies so many pairs without packing them."""
    names: dict[str, Any] = {"np": np}
    for called in (*CALLED.get(name, ()), name):
        exec(HELPERS[called], names)
    names["UNPACKED"] = most
    return cast(Any, names[name])


def test_one_product_where_small_ones_are_packed() -> None:
    """Without kernels for 512 bits blocks would only pack the same matrix again and again."""
    a, b, out = np.ones((1000, 64)), np.ones((64, 96)), np.empty((1000, 96))
    ((product, rows),) = helper("in_rows", 0)(a, out, b.size)
    product(b, rows)
    np.testing.assert_array_equal(out, 64.0)
    (part,) = helper("in_parts", 0)(a.T, out, b, np.empty(0), 64, 96)
    part()
    np.testing.assert_array_equal(b, 64000.0)
    helper("tiles", 0)(out[:32], b, 16, 48)(a[:32].T)()
    np.testing.assert_array_equal(b, 32.0 * 64)


BLAS = {"internal_api": "openblas", "filepath": "numpy.libs/libopenblas.so", "num_threads": 1}
SCIPY = {**BLAS, "filepath": "scipy.libs/libopenblas.so"}


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        ([{**BLAS, "architecture": "SkylakeX"}], MOST),
        ([{**BLAS, "architecture": "SapphireRapids"}], MOST),
        ([{**BLAS, "architecture": "SkylakeX", "num_threads": 8}], 0),
        ([{**BLAS, "architecture": "Haswell"}], 0),
        ([{**BLAS, "architecture": "neoversen1"}], 0),
        ([BLAS], 0),
        ([{**BLAS, "architecture": "SkylakeX"}, {**SCIPY, "num_threads": 8}], MOST),
        ([{"internal_api": "mkl", "filepath": "libmkl_rt.so", "num_threads": 1}], 0),
        ([], 0),
    ],
)
def test_where_products_are_faster_unpacked(
    libraries: Sequence[dict[str, Any]], expected: int
) -> None:
    assert unpacked(libraries) == expected


def test_a_program_asks_the_blas_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is the same everywhere; what the program runs with is what its BLAS does well."""
    monkeypatch.setattr("graphnet.compiler.program.unpacked", unpacked)
    step = broad((336,), (192, 192, 40), style="fast")
    assert "UNPACKED = 0" in step.source
    assert step.forward.__globals__["UNPACKED"] == unpacked()


@pytest.mark.parametrize("count", [0, 1, 7, 127, 243, 244, 245, 488, 1000, 1021])
@pytest.mark.parametrize("columns", [64, 1024])
@pytest.mark.parametrize("turned", [False, True])
def test_blocks_of_rows(count: int, columns: int, turned: bool) -> None:
    """Rows that divide and rows that are left over; blocks of four where the matrix is large."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(count, 64)), rng.normal(size=(64, columns))
    out, a = np.full((count, columns), np.nan), LAID["turned" if turned else "straight"](a)
    for block_dot, rows in helper("in_rows")(a, out, b.size):
        block_dot(b, rows)
        assert rows.ndim == 2 or len(rows[0]) * b.size <= MOST
        assert rows.ndim == 2 or len(rows[0]) % 4 == 0
    np.testing.assert_allclose(out, a @ b, 1e-12, 1e-12)


@pytest.mark.parametrize("count", [0, 1, 7, 127, 243, 244, 245, 488, 1000, 1021])
@pytest.mark.parametrize(
    ("shape", "cut"),
    [((64, 64), (64, 64)), ((17, 50), (17, 50)), ((64, 256), (64, 64)), ((60, 192), (20, 96))],
)
@pytest.mark.parametrize("laid", ["straight", "turned"])
def test_parts_of_long_sums(
    count: int, shape: tuple[int, int], cut: tuple[int, int], laid: str
) -> None:
    """Whole parts and parts in tiles, in the memory that the plan counts for them."""
    rng = np.random.default_rng(0)
    a = LAID[laid](rng.normal(size=(shape[0], count)))
    b, out = rng.normal(size=(count, shape[1])), np.full(shape, np.nan)
    room = np.full((count // (MOST // (cut[0] * cut[1]) // 2 + 1) + 1) * out.size, np.nan)
    steps = helper("in_parts")(a, b, out, room, *cut)
    for part in steps:
        part()
    assert (len(steps) == 1) == (count * out.size <= MOST)
    np.testing.assert_allclose(out, a @ b, 1e-11, 1e-11)


@pytest.mark.parametrize("count", [0, 1, 2, 31, 128, 182, 183, 300])
@pytest.mark.parametrize("laid", LAID)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiles_are_the_product(count: int, laid: str, dtype: type) -> None:
    """Short sums go in tiles, long ones and factors that lie apart do not; all are the product."""
    rng, shape = np.random.default_rng(0), (336, 384)
    a = LAID[laid](rng.normal(size=(count or 1, shape[0])).astype(dtype))[:count].T
    b = rng.normal(size=(count, shape[1])).astype(dtype)
    out = np.full(shape, np.nan, dtype)
    helper("tiles")(b, out, 56, 64)(a)()
    close = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(out, a.astype(float) @ b.astype(float), close, close)


@pytest.mark.parametrize("rows", [1, 15, 16, 61, 64, 100, 784, 1000, 1021])
@pytest.mark.parametrize("columns", [10, 48, 50, 64, 96, 100, 512, 784, 1000])
def test_tiles_make_up_a_matrix(rows: int, columns: int) -> None:
    cut = tile(rows, columns)
    if cut is None:
        assert rows < 16 or all(columns % n for n in (48, 64, 80, 96, 112)) or rows in (61, 1021)
        return
    assert rows % cut[0] == columns % cut[1] == 0
    assert cut[0] * cut[1] <= 4096
    assert cut[1] % 16 == 0


def broad(inputs: Sequence[int], sizes: Sequence[int], **k: Any) -> Program:
    x, t = gn.input("x", ("batch", *inputs)), gn.input("t", ("batch", *inputs[:-1]), dtype="int")
    y, before = x, inputs[-1]
    for n, size in enumerate(sizes):
        W = gn.parameter(f"W{n}", (before, size), init="glorot_uniform")
        y, before = (gn.tanh(y) if n else y) @ W + gn.parameter(f"b{n}", (size,)), size
    return gn.training_step([x, t], gn.cross_entropy(y, t), gn.SGD(lr=0.1), **k)


STEPS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]] = {
    # inputs of a row, layers: how often the source asks for each
    "gradients in tiles": ((336,), (192, 192, 40), {"tiles": 2, "in_rows": 2, "in_parts": 0}),
    "parts in tiles": ((9, 48), (128, 192, 5), {"tiles": 0, "in_rows": 3, "in_parts": 2}),
    "narrow ends": ((20,), (384, 512, 5), {"tiles": 1, "in_rows": 4, "in_parts": 2}),
    "no tile divides": ((331,), (331, 5), {"tiles": 0, "in_rows": 0, "in_parts": 0}),
}


@pytest.mark.parametrize("off", ["", "small"])
@pytest.mark.parametrize("name", STEPS)
def test_steps_with_tiles(name: str, off: str) -> None:
    """One program at several batches, of which some go in tiles and some do not, against plain."""
    inputs, sizes, asked = STEPS[name]
    plain = broad(inputs, sizes, dtype="float64", style="plain")
    fast = Program(
        plain.network, plain.inputs, plain.outputs, dtype="float64", style="fast",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    for helper, count in asked.items():
        found = re.findall(rf"(?<!def )\b{helper}\(", fast.source)
        assert len(found) == (0 if off else count), helper
    rng = np.random.default_rng(0)
    for batch in (8, 130, 1, 64, 255, 8, 3):
        x, t = rng.normal(size=(batch, *inputs)), rng.integers(0, 5, (batch, *inputs[:-1]))
        x = x[:, ::-1] if batch == 3 else np.asfortranarray(x) if batch == 8 else x
        np.testing.assert_allclose(fast(x, t), plain(x, t), 1e-9, 1e-9, err_msg=str(batch))
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, 1e-9, 1e-9, err_msg=key)

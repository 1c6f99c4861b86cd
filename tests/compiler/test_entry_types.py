"""What a program takes: every dtype of numbers exactly, however it lies in memory; nothing else."""

from __future__ import annotations

import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphnet as gn

WHOLE = np.array([[0, 1, 2], [3, 4, 5]])
x = gn.input("x", ("batch", 3))
k = gn.input("k", ("batch",), dtype="int")
E = gn.constant(np.arange(10.0).reshape(5, 2))

DTYPES = ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g", ">i4",
          ">f4", ">f8", "<f8", ">u2"]  # fmt: skip
LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "as it is": lambda a: a, "fortran": np.asfortranarray, "reversed": lambda a: a[::-1][::-1],
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2], "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a.tolist())), "rows": list,
    "broadcast": lambda a: np.broadcast_to(a, a.shape), "matrix": lambda a: a.view(np.recarray),
}  # fmt: skip


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_taken_exactly(dtype: str, style: str) -> None:
    given = WHOLE.astype(dtype)
    wanted = given.astype(np.float64) * 2
    program = gn.function(x, 2 * x, dtype="float64", style=style)
    for layout in LAYOUTS.values():
        laid = layout(given)
        if isinstance(laid, np.ndarray):
            laid.flags.writeable = False
        before = np.array(laid, copy=True)
        np.testing.assert_array_equal(program(laid), wanted)
        np.testing.assert_array_equal(np.asarray(laid), before)


def test_memory_maps_and_what_numpy_can_read(tmp_path: Path) -> None:
    program = gn.function(x, 2 * x, dtype="float64")
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 3))
    mapped[:] = WHOLE
    np.testing.assert_array_equal(program(mapped), WHOLE * 2)

    class Frame:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return WHOLE.astype(dtype or float)

    np.testing.assert_array_equal(program(Frame()), WHOLE * 2)
    flat = gn.input("v", ("n",))
    assert gn.function(flat, flat * 2)(array.array("d", [1.5, 2])).tolist() == [3.0, 4.0]


REFUSED = {
    "complex": (WHOLE * 1j, "complex128"),
    "text": (np.array([["a"] * 3]), "dtype <U1"),
    "objects": (WHOLE.astype(object), "dtype object"),
    "ragged": ([[1, 2, 3], [1]], "not an array"),
    "dates": (WHOLE.astype("M8[s]"), "datetime64"),
    "records": (np.zeros((2, 3), [("a", int)]), "dtype"),
    "masked": (np.ma.array(WHOLE, mask=WHOLE > 3), "would lose its mask"),
    "none": (None, "NoneType"),
    "a word": ("abc", "str"),
    "bytes": (b"abc", "bytes"),
    "a set": ({1, 2}, "set"),
    "narrow": (WHOLE[:, :2], r"expected shape \(batch, 3\), came \(2, 2\): axis 1 is 2, not 3"),
    "flat": (WHOLE[0], r"expected 2 axes, shape \(batch, 3\), came shape \(3,\)"),
    "number": (3.0, "expected 2 axes"),
    "deep": (WHOLE[None], "expected 2 axes"),
}
LABELS = {
    "floats": ([0.0, 1.0], r"expected ints of shape \(batch,\), came dtype float64; cast it"),
    "one-hot": (np.eye(5, dtype=int)[[0, 1]], r"expected 1 axes, shape \(batch,\)"),
    "bools": ([True, False], "dtype bool"),
    "negative": ([0, -1], r"k\[1\] is -1, the valid range is 0 .. 4: it picks from axis 0"),
    "large": ([5, 0], r"k\[0\] is 5, the valid range is 0 .. 4"),
    "huge": ([0, 2**63], "float64"),  # so NumPy reads a list of these
    "huge unsigned": (np.array([0, 2**64 - 1], np.uint64), "more than an int can hold"),
    "narrow and negative": (np.array([0, -128], np.int8), r"k\[1\] is -128"),
    "nan": ([0, np.nan], "float64"),
    "none": ([0, None], "object"),
}


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_array_of_numbers(name: str, style: str) -> None:
    value, words = REFUSED[name]
    with pytest.raises(gn.GraphnetError, match=words) as caught:
        gn.function(x, 2 * x, style=style)(value)
    assert str(caught.value).startswith("input x: ")


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("name", LABELS)
def test_what_is_no_label(name: str, style: str) -> None:
    value, words = LABELS[name]
    program = gn.function(k, gn.take(E, k, axis=0), style=style)
    with pytest.raises(gn.GraphnetError, match=words):
        program(value)
    for good in ([0, 4], np.array([0, 4], np.uint8), np.array([0, 4], ">i2")):
        assert np.asarray(program(good)).tolist() == [[0.0, 1.0], [8.0, 9.0]]


def test_drawn_labels_pick_or_are_refused() -> None:
    """A fixed budget of drawn labels: what is in range picks that row, what is not is named."""
    rng = np.random.default_rng(3)
    program = gn.function(k, gn.take(E, k, axis=0), dtype="float64", style="fast")
    for _ in range(300):
        labels = rng.integers(-2, 7, rng.integers(1, 6))
        bad = [n for n, label in enumerate(labels) if not 0 <= label < 5]
        if not bad:
            np.testing.assert_array_equal(program(labels), E.node.array.array[labels])
            continue
        with pytest.raises(gn.GraphnetError, match=rf"k\[{bad[0]}\] is {labels[bad[0]]}, "):
            program(labels)

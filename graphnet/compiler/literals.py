"""Arrays as Python source that needs only NumPy and gives back the same bits.

>>> literal(np.array([0.1, 2.0], np.float32))
'np.array([0.1, 2.0], np.float32)'
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["dtype_source", "kinds", "literal"]

SMALL = 64  # elements that are written as numbers; more are written as hexadecimal bytes
RUNS = 16  # or as what repeats, such as the first bias of an LSTM: 0, 1, 0, 0 for each of its units


def kinds(dtype: str) -> dict[str, np.dtype[Any]]:
    """The NumPy dtype of every dtype of a tensor."""
    return {"float": np.dtype(dtype), "int": np.dtype(np.intp), "bool": np.dtype(np.bool_)}


def dtype_source(dtype: np.dtype[Any]) -> str:
    """How a dtype of emitted code is written: np.float32, np.intp, bool."""
    if dtype.kind == "i":
        return "np.intp"
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"


def literal(array: NDArray[Any], width: int = 79) -> str:
    """The expression for an array; over several lines where one would pass `width`.

    Up to 64 elements are numbers, the shortest that round to the same bits; larger arrays are what
    they repeat, or the bytes themselves.

    >>> literal(np.repeat([0.0, 1.0, 0.0], 100))
    'np.repeat(np.array([0.0, 1.0, 0.0], np.float64), 100)'
    """
    kind = dtype_source(array.dtype)
    if array.size <= SMALL:
        text = _nested(array)
        if array.size == 0 and array.ndim != 1:
            return f"np.zeros({array.shape}, {kind})"
        if len(text) + len(kind) + 12 <= width:
            return f"np.array({text}, {kind})"
        return f"np.array({_wrapped(text, width)}, {kind})"
    if repeated := _repeated(array, kind, width):
        return repeated
    order = array.dtype.newbyteorder("<") if array.dtype.kind != "b" else array.dtype
    if order.kind == "i":
        order = np.dtype("<i8")
    digits = np.ascontiguousarray(array, order).tobytes().hex()
    step = width - 11
    rows = "\n".join(f'        "{digits[k : k + step]}"' for k in range(0, len(digits), step))
    shape = "" if array.ndim == 1 else f".reshape{array.shape}"
    code = order.str if order.kind != "b" else "?"
    return (
        f'np.frombuffer(\n    bytes.fromhex(\n{rows}\n    ),\n    "{code}",\n)'
        f"{shape}.astype({kind})"
    )


def _repeated(array: NDArray[Any], kind: str, width: int) -> str:
    """The expression for an array of few runs of equal bits; nothing for others."""
    flat = np.ascontiguousarray(array).reshape(-1)
    bits = flat.view(f"u{array.dtype.itemsize}")
    starts = np.flatnonzero(np.concatenate([[True], bits[1:] != bits[:-1]]))
    if len(starts) > RUNS or np.isnan(flat).any():
        return ""
    counts = np.diff([*starts, flat.size])
    if len(starts) == 1:
        return f"np.full({array.shape}, {_nested(flat[0])}, {kind})"
    every = int(np.gcd.reduce(counts))
    if flat.size // every <= RUNS:
        values, times = literal(flat[::every], width), str(every)
    else:
        values, times = literal(flat[starts], width), f"[{', '.join(map(str, counts))}]"
    shape = "" if array.ndim == 1 else f".reshape{array.shape}"
    text = f"np.repeat({values}, {times}){shape}"
    return text if max(map(len, text.split("\n"))) <= width else ""


def _nested(array: NDArray[Any]) -> str:
    if array.ndim:
        return f"[{', '.join(_nested(np.asarray(row)) for row in array)}]"
    if array.dtype.kind != "f":
        return str(array.item())
    value = array.item()
    if value != value:
        return "np.nan"
    if value in (float("inf"), float("-inf")):
        return "np.inf" if value > 0 else "-np.inf"
    short = repr(float(str(array[()])))
    same = np.dtype(array.dtype).type(float(short)) == array
    return short if same else repr(value)


def _wrapped(text: str, width: int) -> str:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) + 5 > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n" + "\n".join(f"    {row}" for row in [*lines, line]) + "\n"

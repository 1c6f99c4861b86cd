"""An array as a small table: all of it where it is small, else a corner and what the rest is like.

>>> import numpy as np
>>> table(np.array([[1.0, -2.0]])).rows
(('1', '-2'),)
>>> table(np.arange(1000.0)).summary
'from 0 to 999, mean 499.5'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.view.work import number

__all__ = ["LARGE", "SMALL", "Table", "table"]

LARGE = (8, 6)  # rows and columns of a table that is shown whole, and of the corner of a larger one
SMALL = (4, 3)
_SHADES = 5


@dataclass(frozen=True)
class Table:
    """Cells as text, and a shade each from -5 (the most negative) to 5; "" where nothing stands."""

    rows: tuple[tuple[str, ...], ...]
    shades: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    more_rows: bool = False
    more_columns: bool = False
    part: str = ""  # which part of the array this is, such as [0, :, :]
    summary: str = ""

    @property
    def alone(self) -> bool:
        """Whether it is one number."""
        return not self.shape


def table(array: NDArray[Any], most: tuple[int, int] = LARGE) -> Table:
    """The table of an array of numbers or truth values of any shape, `most` LARGE or SMALL."""
    grid = array[(0,) * max(array.ndim - 2, 0)] if array.size else array.reshape(-1)[:0]
    plane = grid.reshape(1, -1) if grid.ndim < 2 else grid
    height, width = (n if n <= most[0] else most[1] for n in plane.shape)
    corner = plane[:height, :width]
    finite = np.abs(array[np.isfinite(array)].astype(float))
    largest = float(finite.max()) if finite.size else 0.0
    whole = 0 < array.size == corner.size and array.ndim <= 2
    return Table(
        rows=tuple(tuple(_cell(x) for x in row) for row in corner),
        shades=tuple(tuple(_shade(float(x), largest) for x in row) for row in corner),
        shape=array.shape,
        more_rows=height < plane.shape[0],
        more_columns=width < plane.shape[1],
        part=f"[{', '.join(['0'] * (array.ndim - 2) + [':', ':'])}]" if array.ndim > 2 else "",
        summary="" if whole else _summary(array),
    )


def _cell(value: Any) -> str:
    return str(int(value)) if value.dtype.kind in "iub" else number(value)


def _shade(value: float, largest: float) -> int:
    if not largest or not np.isfinite(value):
        return 0
    return round(_SHADES * value / largest)


def _summary(array: NDArray[Any]) -> str:
    if not array.size:
        return "empty"
    numbers = array.astype(float)
    with np.errstate(all="ignore"):  # infinities of both signs have no mean
        low, high, mean = numbers.min(), numbers.max(), numbers.mean()
    if low == high:
        return f"all {number(low)}"
    return f"from {number(low)} to {number(high)}, mean {number(mean)}"

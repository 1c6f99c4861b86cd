"""What people give to be drawn: labels, rows of numbers, points and ranges, checked.

>>> interval("x", (0, 1))
(0.0, 1.0)
>>> interval("x", (1, 0))
Traceback (most recent call last):
    ...
graphnet.errors.GraphnetError: x goes from a smaller to a larger number, not (1, 0)
"""

from __future__ import annotations

import re
from typing import Any

from graphnet.arguments import items, number, text
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.view.style import shorten

__all__ = [
    "GROUPS", "array_of", "as_text", "interval", "label", "number_rows", "points_of", "two_labels",
]  # fmt: skip

LONGEST = 120  # characters of a label
MOST = 1e100  # larger numbers have no place on an axis, whose ticks are differences
GROUPS = 100  # kinds of points that colors and marks can still tell apart, with patience


def label(value: Any, what: str = "a label", limit: int = LONGEST) -> str:
    r"""A text as a figure shows it: no formula of TeX, no sign that cannot be drawn, not too long.

    >>> label("5 $ for _x_"), label("_x"), label("a\0b")
    ('5 \\$ for _x_', ' _x', 'a�b')
    """
    told = "".join(c if c.isprintable() else "\ufffd" for c in text(what, value)[: limit + 1])
    told = re.sub(r"(?<!\\)\$", r"\\$", shorten(told, limit))
    return f" {told}" if told.startswith("_") else told  # matplotlib leaves out such labels


def as_text(value: Any) -> str:
    """A text as it is, anything else as messages show it: 3, True."""
    if isinstance(value, str):
        return value
    return str(value) if type(value).__module__ == "numpy" else told(value)


def two_labels(what: str, value: Any) -> tuple[str, str]:
    """The names of two axes."""
    found = items(what, value, "two names")
    if len(found) != 2:
        raise GraphnetError(f"{what} are two, one an axis, not {told(value)}")
    return label(found[0], what), label(found[1], what)


def interval(what: str, value: Any) -> tuple[float, float]:
    """The two ends of an axis, the lower one first."""
    ends = items(what, value, "two numbers")
    if len(ends) != 2:
        raise GraphnetError(f"{what} is (from, to), not {told(value)}")
    low, high = (float(number(f"an end of {what}", end)) for end in ends)
    if not low < high or high - low > MOST:
        raise GraphnetError(f"{what} goes from a smaller to a larger number, not {told(value)}")
    return low, high


def points_of(what: str, points: Any, beside: str, groups: Any) -> tuple[Any, Any]:
    """Points (n, 2) of a plane, and the group of each: a number or a text."""
    import numpy as np

    found = number_rows(points, what, finite=True)
    try:
        which = np.asarray(groups).ravel()
    except ValueError as error:
        raise GraphnetTypeError(f"{beside} are no array: {error}") from None
    if found.ndim != 2 or found.shape[1] != 2 or len(found) != len(which) or not len(found):
        raise GraphnetError(
            f"expected {what} as points (n, 2) and {beside} for n points, came {found.shape} and "
            f"{which.shape}"
        )
    if which.dtype.kind not in "fiubU":
        raise GraphnetTypeError(f"{beside} are numbers or texts, not {told(groups)}")
    if len(np.unique(which)) > GROUPS:
        raise GraphnetError(f"{beside} are at most {GROUPS} different ones, not more")
    return found, which


def number_rows(rows: Any, what: str, finite: bool = False) -> Any:
    """Rows of numbers as a float array; what is not finite or beyond 1e100 is left blank (nan).

    GraphnetError for anything else and for none, and with `finite` for a number that is not.
    """
    import numpy as np

    array = array_of(rows, what).astype(float)
    array[~(np.abs(array) <= MOST)] = np.nan
    if finite and not np.isfinite(array).all():
        raise GraphnetError(f"{what} must be finite numbers of at most {MOST:g}")
    return array


def array_of(rows: Any, what: str) -> Any:
    """One or more rows of numbers as an array of their own dtype."""
    import numpy as np

    try:
        array = np.asarray(rows)
    except ValueError as error:
        raise GraphnetTypeError(f"{what} must be numbers: {error}") from None
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise GraphnetTypeError(f"{what} must be numbers, a row or more, not {told(rows)}")
    if not array.size:
        raise GraphnetError(f"{what} must be numbers, came none: shape {array.shape}")
    return array

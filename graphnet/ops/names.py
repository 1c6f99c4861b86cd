"""Which names and shapes people may give: checked once, where a tensor is made."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from graphnet.arguments import LARGEST, items, mapping, one_of, whole
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.elements import MOST_AXES
from graphnet.formula.extent import Extent, Poly, named
from graphnet.formula.syntax import GREEK, WORDS, character, near

__all__ = ["check_dtype", "check_name", "check_shape", "sizes_given"]

_FIRST = f"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_{GREEK}"
_LETTERS = frozenset(f"{_FIRST}0123456789")
LONGEST_NAME = 200


def check_name(name: Any, what: str = "a tensor") -> str:
    """The name, if formulas can hold it: ASCII letters, digits, `_` and the Greek of formulas.

    >>> check_name("W1"), check_name("θ_0"), check_name("lambda")
    ('W1', 'θ_0', 'lambda')
    >>> check_name("x-1")
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetError: 'x-1' cannot name a tensor: '-' (U+002D HYPHEN-MINUS) is no
    letter, digit or _
    """
    if not isinstance(name, str):
        raise GraphnetTypeError(f"the name of {what} is a str, not {told(name)}")
    if len(name) > LONGEST_NAME:
        raise GraphnetError(
            f"{told(name)} cannot name {what}: it has {len(name)} characters, the most are "
            f"{LONGEST_NAME}"
        )
    reason = _why_not(name)
    if reason:
        raise GraphnetError(f"{told(name)} cannot name {what}: {reason}")
    return name


def _why_not(name: str) -> str:
    """Why formulas could not hold a name; nothing where they can."""
    wrong = next((c for c in name if c not in _LETTERS), None)
    if wrong is not None:
        return f"{told(wrong)} ({character(wrong)}) is no letter, digit or _{near(wrong)}"
    if not name or name[0] not in _FIRST:
        return "it begins with a digit" if name else "it is empty"
    return f"it is a word of formulas, such as {name}_ is not" if name in WORDS else ""


def check_dtype(dtype: Any, where: str) -> str:
    return one_of("dtype", dtype, ("float", "int", "bool"), where=where)


def check_shape(shape: Any, where: str) -> tuple[Extent, ...]:
    """Sizes from ints >= 0 and names of sizes; one int or name alone is a shape of one axis.

    >>> check_shape(("batch", 64), "x")
    (batch, 64)
    """
    if isinstance(shape, str | Poly) or not isinstance(shape, Iterable):
        shape = (shape,)
    elif not isinstance(shape, tuple):
        shape = tuple(items("a shape", shape, "sizes", where=where))
    if len(shape) > MOST_AXES:
        raise GraphnetError(f"a tensor has at most {MOST_AXES} axes, not {len(shape)}", where=where)
    return tuple(_extent(size, shape, where) for size in shape)


def sizes_given(sizes: Any) -> dict[str, int]:
    """Numbers for named sizes, as a caller gives them.

    >>> sizes_given({"batch": 2})
    {'batch': 2}
    """
    given = mapping("sizes", sizes, "numbers by name of size")
    return {
        check_name(name, "a size"): whole(f"the size {name}", size, 0)
        for name, size in given.items()
    }


def _extent(size: Any, shape: Any, where: str) -> Extent:
    if isinstance(size, Poly):
        return size
    if isinstance(size, str):
        return named(check_name(size, "a size"))
    try:
        number = None if isinstance(size, bool) else operator.index(size)
    except TypeError:
        number = None
    if number is None:
        raise GraphnetTypeError(
            f"a size is an int or a name, not {told(size)}, in the shape {told(shape)}"
            + ('; one that may vary has a name, such as "time"' if size is None else ""),
            where=where,
        )
    if number > LARGEST:
        raise GraphnetError(f"a size is at most {LARGEST}, not {told(number)}", where=where)
    if number < 0:
        raise GraphnetError(f"a size is at least 0, not {number}, in the shape {told(shape)}",
                            where=where)  # fmt: skip
    return number

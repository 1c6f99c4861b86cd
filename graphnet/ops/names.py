"""Which names and shapes people may give: checked once, where a tensor is made."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from typing import Any

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.formula.extent import Extent, Poly, named
from graphnet.formula.formula import REDUCTIONS
from graphnet.formula.functions import FUNCTIONS

__all__ = ["check_dtype", "check_name", "check_shape"]

_NAME = re.compile(r"[A-Za-z_\u0370-\u03ff][A-Za-z0-9_\u0370-\u03ff]*")
_WORDS = {"Eq", "False", "Ne", "Piecewise", "True", "and", "not", "oo", "or", "pi", "size"}
RESERVED = frozenset({*FUNCTIONS, *REDUCTIONS, *_WORDS})


def check_name(name: Any, what: str = "a tensor") -> str:
    """The name, if formulas can hold it.

    >>> check_name("W1"), check_name("θ_0")
    ('W1', 'θ_0')
    >>> check_name("exp")
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetError: 'exp' is a word of formulas, so it cannot name a tensor
    """
    if not isinstance(name, str):
        raise GraphnetTypeError(f"the name of {what} is a str, not {type(name).__name__}: {name!r}")
    if not _NAME.fullmatch(name):
        raise GraphnetError(
            f"{name!r} cannot name {what}: a name is made of letters (ASCII or Greek), digits "
            "and _, and starts with no digit"
        )
    if name in RESERVED:
        raise GraphnetError(f"{name!r} is a word of formulas, so it cannot name {what}")
    return name


def check_dtype(dtype: Any, where: str) -> str:
    if dtype not in ("float", "int", "bool"):
        raise GraphnetError(f'dtype is "float", "int" or "bool", not {dtype!r}', where=where)
    return str(dtype)


def check_shape(shape: Any, where: str) -> tuple[Extent, ...]:
    """Sizes from ints >= 0 and names of sizes; one int or name alone is a shape of one axis.

    >>> check_shape(("batch", 64), "x")
    (batch, 64)
    """
    if isinstance(shape, int | str | Poly) or not isinstance(shape, Sequence):
        shape = (shape,)
    return tuple(_extent(size, shape, where) for size in shape)


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
            f"a size is an int or a name, not {size!r}, in the shape {shape!r}", where=where
        )
    if number < 0:
        raise GraphnetError(f"a size is at least 0, not {number}, in the shape {shape!r}",
                            where=where)  # fmt: skip
    return number

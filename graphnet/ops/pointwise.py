"""The ops of the catalogue as functions, and comparisons.

Every row of `catalogue.FORMULAS` is a function here, made when it is first asked for: its operands
are those of the formula, in order of first appearance, by position or by name.

>>> from graphnet.ops.define import input
>>> from graphnet.ops.pointwise import exp
>>> exp(input("x", (3,)))
exp (3,) = exp(x[i])
"""

from __future__ import annotations

import re
from typing import Any

from graphnet.errors import GraphnetTypeError, did_you_mean
from graphnet.formula.functions import FUNCTIONS
from graphnet.ops.catalogue import FORMULAS
from graphnet.ops.names import check_name
from graphnet.ops.tensor import Tensor, TensorLike, apply

__all__ = ["CatalogueOp", "clip", "equal", "row", "where"]

_WORD = re.compile(r"[A-Za-z_]\w*")
_NAMED = re.compile(r"(?:^|;)\s*(\w+)\s*(?:\[[^=]*?\])?\s*(?:=(?!=)|\+=)")


def operand_names(text: str) -> tuple[str, ...]:
    """The operands of a row, in order of first appearance.

    >>> operand_names("Y[...,i] = Sum(A[...,i,k]*b[k], k)")
    ('A', 'b')
    >>> operand_names("where(x > 0, x, alpha*x)")
    ('x', 'alpha')
    """
    made = set(_NAMED.findall(text))
    if not made:  # pointwise: every name that is not called
        return _distinct(text, r"[A-Za-z_]\w*(?!\w|\s*\()", {"pi", "oo", "and", "or", "not"})
    return _distinct(text, r"[A-Za-z_]\w*(?=\[)", made)


def _distinct(text: str, pattern: str, without: set[str]) -> tuple[str, ...]:
    found = re.findall(pattern, text)
    return tuple(dict.fromkeys(n for n in found if n not in without and n not in FUNCTIONS))


class CatalogueOp:
    """A row of the catalogue as a function."""

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = __name__
        self.formula = FORMULAS[name]
        self.operands = operand_names(self.formula)
        self.__doc__ = self.formula

    def __call__(self, *operands: TensorLike, name: str | None = None, **named: Any) -> Tensor:
        if name is not None:
            check_name(name)
        given = dict(zip(self.operands, operands, strict=False)) | named
        if len(operands) > len(self.operands) or set(given) != set(self.operands):
            came = ", ".join(given) or "none"
            raise GraphnetTypeError(
                f"expected {', '.join(self.operands)}, came {came} ({self.formula})",
                where=self.__name__,
            )
        ordered = {operand: given[operand] for operand in self.operands}
        return apply(self.formula, ordered, label=self.__name__, name=name)

    def __repr__(self) -> str:
        return f"<op {self.__name__}: {self.formula}>"


def row(label: str, *, name: str | None = None, axis: int = -1, **operands: TensorLike) -> Tensor:
    """The tensor of a row of the catalogue."""
    return apply(FORMULAS[label], operands, label=label, name=name, axis=axis)


def clip(x: TensorLike, low: TensorLike = None, high: TensorLike = None) -> Tensor:
    """min(max(x, low), high); None leaves a side open. Slope 1/2 at the bounds.

    >>> import graphnet as gn
    >>> gn.clip(gn.input("x", ("batch", 3)), -1, 1)
    clip (batch, 3) = Min(Max(x[i,j], -1), 1)
    """
    if low is None and high is None:
        raise GraphnetTypeError("clip needs low, high or both")
    if high is None:
        return apply("Max(x, low)", {"x": x, "low": low}, label="clip")
    if low is None:
        return apply("Min(x, high)", {"x": x, "high": high}, label="clip")
    return apply("Min(Max(x, low), high)", {"x": x, "low": low, "high": high}, label="clip")


def equal(a: TensorLike, b: TensorLike) -> Tensor:
    """Whether a and b are equal, element by element: a bool tensor.

    >>> import graphnet as gn
    >>> gn.equal(gn.input("a", (3,)), gn.input("b", (3,)))
    equal (3,) = where(a[i] == b[i], 1, 0)
    """
    return apply("where(a == b, 1, 0)", {"a": a, "b": b}, label="equal", dtype="bool")


def where(c: TensorLike, a: TensorLike, b: TensorLike) -> Tensor:
    """a where the bool tensor c is true, else b.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 3))
    >>> gn.where(x > 0, x, 0)
    where (batch, 3) = where(greater[i,j], x[i,j], 0)
    """
    dtype = None
    if all(isinstance(v, int) and not isinstance(v, bool) for v in (a, b)):
        dtype = "int"
    return apply(FORMULAS["where"], {"c": c, "a": a, "b": b}, label="where", dtype=dtype)


def __getattr__(name: str) -> CatalogueOp:
    if name not in FORMULAS:
        raise AttributeError(f"no op {name!r}{did_you_mean(name, FORMULAS)}")
    made = globals()[name] = CatalogueOp(name)
    return made

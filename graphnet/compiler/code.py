"""Pieces of Python text, and how tightly they bind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Code", "axis_text", "tuple_text", "type_text"]

# Python's levels of precedence, tightest first.
ATOM, POWER, UNARY, PRODUCT, SUM, AND, OR, COMPARE, CHOICE = 16, 14, 13, 12, 11, 9, 7, 6, 1


@dataclass(frozen=True)
class Code:
    """An expression and how tightly it binds."""

    text: str
    level: int = ATOM
    turned: tuple[str, tuple[int, ...]] | None = None  # the variable of which this is a transpose

    def at(self, level: int) -> str:
        """The text, in parentheses where it binds less tightly than the place needs."""
        return self.text if self.level >= level else f"({self.text})"


def tuple_text(items: Iterable[object]) -> str:
    """(a, b), or (a,) where there is one item."""
    texts = [str(item) for item in items]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def type_text(kind: str, dtype: str) -> str:
    """The NumPy dtype of a "float" | "int" | "bool", where floats are of `dtype`."""
    return {"float": f"np.{dtype}", "int": "np.intp", "bool": "bool"}[kind]


def axis_text(axes: Sequence[int]) -> str:
    """The argument `axis` of a reduction: a number, or a tuple of several."""
    return str(axes[0]) if len(axes) == 1 else str(tuple(axes))

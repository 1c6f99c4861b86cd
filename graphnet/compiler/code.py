"""A piece of Python text and how tightly it binds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Code"]

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

"""Long lines of generated code, broken at operators and commas inside parentheses.

>>> print(wrap("y = ", "alpha + beta + gamma", 16))
y = (
    alpha + beta
    + gamma
)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["fill", "wrap"]

BREAK = re.compile(r"(?<=,) | (?=(?:[-+*/@%&|]|//|[<>=!]=?|==|if|else) )")


def wrap(head: str, expression: str, width: int) -> str:
    """`head + expression` on one line if it fits, else in parentheses over several lines."""
    if len(head) + len(expression) <= width:
        return head + expression
    lines = fill(expression, width - 4)
    return "\n".join([f"{head}(", *(f"    {line}" for line in lines), ")"])


def fill(text: str, width: int) -> list[str]:
    """The text in lines of at most `width`, broken where brackets and operators bind least."""
    breaks = list(_breaks(text))
    lines: list[str] = []
    start, indent = 0, 0
    while indent + len(text) - start > width:
        later = [b for b in breaks if b.place > start]
        fitting = [b for b in later if indent + b.place - start <= width]
        if not later:
            break
        best = min(fitting, key=lambda b: (b.depth, b.binding, -b.place), default=later[0])
        lines.append(" " * indent + text[start : best.place].rstrip())
        start, indent = best.place + 1, 4 * min(best.depth, 3)
    return [*lines, " " * indent + text[start:]]


@dataclass(frozen=True)
class Break:
    """A space at which a line may end: how deep in brackets, how tightly what follows binds."""

    place: int
    depth: int
    binding: int


def _breaks(text: str) -> Iterator[Break]:
    depth, quoted, depths = 0, False, []
    for character in text:
        quoted ^= character == '"'
        depth += 0 if quoted else (character in "([{") - (character in ")]}")
        depths.append(-1 if quoted else depth)
    for match in BREAK.finditer(text):
        place = match.start()
        if depths[place] >= 0:
            product = text[place + 1] in "*/@%"
            yield Break(place, depths[place], 1 if product else 0)

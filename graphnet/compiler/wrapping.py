"""Long lines of generated code: expressions broken at operators, lists of names between the names.

>>> print(wrap("y = ", "alpha + beta + gamma", 16))
y = (
    alpha + beta
    + gamma
)
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "INDENT", "VIEW_WIDTH", "WIDTH", "comment_lines", "fill", "listed", "packed", "wrap"
]  # fmt: skip

# Of a step in fast style:
INDENT = 12  # columns before a statement: it stands inside three functions
WIDTH = 79 - INDENT  # columns of its code
VIEW_WIDTH = 88  # columns of a line that names an array

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


def listed(head: str, items: Sequence[str], tail: str, width: int) -> list[str]:
    """`head`, the items and `tail` on one line if they fit, else the items below `head`."""
    line = f"{head}{', '.join(items)}{tail}"
    return [line] if len(line) <= width else [head, *packed("    ", items, "", width, "    "), tail]


def packed(head: str, items: Sequence[str], tail: str, width: int, indent: str) -> list[str]:
    """`head`, the items and `tail` in lines of at most `width`, broken between the items alone.

    >>> packed("f(", ["alpha", "beta - 1", "gamma"], ")", 18, "  ")
    ['f(alpha, beta - 1,', '  gamma)']
    """
    last = "".join(items[-1:])
    first, *others = [*(f"{item}," for item in items[:-1]), f"{last}{tail}"]
    lines = [f"{head}{first}"]
    for word in others:
        if len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent}{word}")
    return lines


def comment_lines(text: str, width: int) -> list[str]:
    """A comment, over several lines where one of `width` columns is too short."""
    rows = textwrap.wrap(
        text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return [f"# {row}" for row in rows]


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

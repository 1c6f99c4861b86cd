"""Long lines of generated code, broken at operators and commas inside parentheses.

>>> print(wrap("y = ", "alpha + beta + gamma", 16))
y = (
    alpha + beta
    + gamma
)
"""

from __future__ import annotations

import re

__all__ = ["wrap"]

BREAK = re.compile(r"(?<=,) | (?=(?:[-+*/@%&|]|//|[<>=!]=?|==|if|else) )")


def wrap(head: str, expression: str, width: int) -> str:
    """`head + expression` on one line if it fits, else in parentheses over several lines."""
    if len(head) + len(expression) <= width:
        return head + expression
    lines = fill(expression, width - 4)
    return "\n".join([f"{head}(", *(f"    {line}" for line in lines), ")"])


def fill(text: str, width: int) -> list[str]:
    """The text in lines of at most `width`, broken where brackets are nested least."""
    lines = []
    indent = ""
    while len(indent) + len(text) > width:
        best = None
        for place, depth in _breaks(text):
            if len(indent) + place > width:
                break
            if best is None or (depth, -place) <= (best[1], -best[0]):
                best = (place, depth)
        if best is None:
            best = next(iter(_breaks(text)), None)
        if best is None:
            break
        lines.append(indent + text[: best[0]].rstrip())
        text = text[best[0] :].lstrip()
        indent = "    " * min(best[1], 3)
    return [*lines, indent + text]


def _breaks(text: str) -> list[tuple[int, int]]:
    """(position, depth of brackets) of every space at which a line may break."""
    depths, depth, quoted = [], 0, False
    for character in text:
        if character == '"':
            quoted = not quoted
        depth += (character in "([{") - (character in ")]}")
        depths.append(99 if quoted else max(depth, 0))
    return [(m.start(), depths[m.start()]) for m in BREAK.finditer(text) if depths[m.start()] < 99]

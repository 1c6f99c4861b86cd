"""Formulas in lines short enough for a box, broken where a reader would break them.

A break is best behind a comma, before a sign, and outside of brackets; there is none within a
subscript or a comparison.

>>> wrap("c[n,k] = f[n,k]*c0[n,k] + i[n,k + 4]*g[n,k], k < 4", 36, 3)
['c[n,k] = f[n,k]*c0[n,k]', '+ i[n,k + 4]*g[n,k], k < 4']
"""

from __future__ import annotations

import re

from graphnet.view.style import shorten

__all__ = ["wrap"]

_DEEPER = 3.0  # what each bracket around a break costs
_EMPTY = 8.0  # what a line costs that is left empty, where not everything can be shown
_SIGNS = ("+", "-", "and", "or")
_TIES = ("<", ">", "≤", "≥", "=", "≠", "==", "!=", "<=", ">=", "not", "%", "//")


def wrap(text: str, width: int, most: int) -> list[str]:
    """The text in at most `most` lines of `width` characters, as few as can be.

    What is longer ends in an ellipsis; a name longer than a line is cut.
    """
    text = text.strip()
    if len(text) <= width or most == 1:
        return [shorten(text, width)] if text else []
    places = _breaks(text[: width * most + 1])
    for lines in range(2, most + 1):
        if len(text) <= width * lines and (found := _fitted(text, places, width, lines)):
            return found
    at = min(
        (p for p in places if len(text[:p].strip()) <= width),
        key=lambda p: places[p] + _EMPTY * (1 - p / width), default=width,
    )  # fmt: skip
    return [text[:at].strip(), *wrap(text[at:], width, most - 1)]


def _fitted(text: str, places: dict[int, float], width: int, lines: int) -> list[str]:
    """The text in so many lines at the least cost, of equal ones the fullest first; or nothing."""
    stops = [*places, len(text)]
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}  # of the lines before a stop
    for k in range(1, lines + 1):
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for stop in stops:
            cost = places.get(stop, 0.0)
            ways = [
                (before + cost, (*ends, stop)) for start, (before, ends) in best.items()
                if start < stop and len(text[start:stop].strip()) <= width
                and (stop == len(text)) == (k == lines)
            ]  # fmt: skip
            if ways:
                reached[stop] = min(ways, key=lambda way: (way[0], [-end for end in way[1]]))
        best = reached
    if len(text) not in best:
        return []
    _, ends = best[len(text)]
    return [text[a:b].strip() for a, b in zip((0, *ends), ends)]


def _breaks(text: str) -> dict[int, float]:
    """Where a line may begin, and what that costs."""
    found: dict[int, float] = {}
    round_, square = 0, 0
    for k, c in enumerate(text):
        round_ += (c == "(") - (c == ")")
        square += (c == "[") - (c == "]")
        cost = None if square else _cost(text, k)
        if cost is not None:
            place = k if c == "/" else k + 1
            found[place] = cost + _DEEPER * max(round_, 0)
    return {k: cost for k, cost in found.items() if 0 < k < len(text)}


def _cost(text: str, k: int) -> float | None:
    """The cost of a break at a character, brackets aside; None where there is none."""
    c, beside = text[k], text[k - 1 : k] + text[k + 1 : k + 2]
    if c in "·*" and "*" not in beside:
        return 3.0
    if c == "/" and "/" not in beside:
        return 2.0
    if c != " ":
        return None
    before = text[:k].rpartition(" ")[2]
    after = re.split(r"[ (]", text[k + 1 :], maxsplit=1)[0]
    if before.endswith((",", ":")):
        return 0.0
    if before in ("=", "+="):
        return 5.0 if text[:k].count(" ") == 1 else None
    if after in _SIGNS:
        return 1.0
    if before in _SIGNS or before in _TIES or after in (*_TIES, "+=") or before.startswith("Σ"):
        return None
    return 2.0 if before[-1:].isalnum() and after[:1].isalnum() else None

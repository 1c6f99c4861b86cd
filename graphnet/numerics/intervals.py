"""Several forms on intervals, where no form is right everywhere: at most four."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from sympy import Expr, Rational, S

from graphnet.formula.functions import Abs, where
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.forms import cost
from graphnet.numerics.judge import Marks, Mask, Points

__all__ = ["by_intervals", "gaps", "preference"]

INTERVALS = 4


def preference(form: Expr) -> tuple[object, ...]:
    """The cheapest first."""
    return (cost(form), sympy.default_sort_key(form))


def by_intervals(points: Points, tried: Mapping[Expr, Marks], least: int) -> Expr:
    """At most four intervals, each with a form that is as right on it as any that was tried.

    Marks above `least` count as `least`: 1 asks for float64 alone, 2 for float32 too.
    """
    forms = sorted(tried, key=preference)
    marks = [np.minimum(tried[c], least) for c in forms]
    best = np.maximum.reduce(marks)
    masks = [m >= best for m in marks]  # what nobody gets right is nobody's fault
    pieces = _greedy(masks)
    if len(pieces) > INTERVALS:
        pieces = _fewest_wrong(masks, pieces)
    chosen = [(forms[k], start) for k, start in pieces]
    return _where(points, chosen, masks, [k for k, _ in pieces])


def gaps(points: Points, tried: Mapping[Expr, Marks], asked: Marks) -> list[tuple[float, float]]:
    """Where nothing that was tried is right, between points at which something is."""
    best = np.maximum.reduce(list(tried.values()))
    missed = np.flatnonzero(best < asked)
    runs = np.split(missed, np.flatnonzero(np.diff(missed) > 1) + 1) if len(missed) else []
    last = len(points) - 1
    return [
        (float(points[run[0] - 1]), float(points[run[-1] + 1]))
        for run in runs
        if run[0] > 0 and run[-1] < last
    ]


def _greedy(masks: Sequence[Mask]) -> list[tuple[int, int]]:
    """(form, first point): from the left, always the form that reaches farthest."""
    n, start = len(masks[0]), 0
    pieces: list[tuple[int, int]] = []
    while start < n:
        reach = [_reach(m, start) for m in masks]
        best = max(range(len(masks)), key=lambda k: (reach[k], -k))
        stop = max(reach[best], start + 1)
        pieces.append((best, start))
        start = stop
    return pieces


def _reach(mask: Mask, start: int) -> int:
    wrong = np.flatnonzero(~mask[start:])
    return start + int(wrong[0]) if len(wrong) else len(mask)


def _fewest_wrong(masks: Sequence[Mask], pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The one form that is right at most points, alone or beside the longest other piece."""
    counts = [int(m.sum()) for m in masks]
    best = max(range(len(masks)), key=lambda k: (counts[k], -k))
    n = len(masks[0])
    wins, chosen = counts[best], [(best, 0)]
    for k, mask in enumerate(masks):
        gain = mask.astype(int) - masks[best].astype(int)
        total = np.concatenate([[0], np.cumsum(gain)])
        low = int(np.argmin(total))
        high = low + int(np.argmax(total[low:]))
        if counts[best] + total[high] - total[low] > wins and k != best:
            wins = counts[best] + int(total[high] - total[low])
            chosen = [(best, 0)] if low else []
            chosen += [(k, low)] + ([(best, high)] if high < n else [])
    return chosen


def _where(
    points: Points, chosen: Sequence[tuple[Expr, int]], masks: Sequence[Mask], which: Sequence[int]
) -> Expr:
    """The forms on their intervals, each cut in the middle of where both neighbours are right."""
    cuts = []
    for (_, start), before, after in zip(chosen[1:], which, which[1:]):
        low = start
        while low > 0 and masks[after][low - 1] and masks[before][low - 1]:
            low -= 1
        cuts.append(_cut(points[low], points[start - 1] if start else points[0], points[start]))
    forms = [form for form, _ in chosen]
    if len(forms) == 3 and forms[0] == forms[2] and cuts[0] < 0 < cuts[1]:
        width = min(-cuts[0], cuts[1])
        symmetric = _symmetric(points, masks, which, width)
        if symmetric:
            return where(Abs(ARGUMENT) < _number(width), forms[1], forms[0])
    result = forms[-1]
    for form, cut in zip(reversed(forms[:-1]), reversed(cuts)):
        result = where(_number(cut) > ARGUMENT, form, result)
    return result


def _symmetric(points: Points, masks: Sequence[Mask], which: Sequence[int], width: float) -> bool:
    inside = np.abs(points) < width
    return bool(masks[which[1]][inside].all() and masks[which[0]][~inside].all())


def _cut(low: float, high: float, start: float) -> float:
    """A short number between the first point both get right and the last."""
    if low >= start:  # no overlap: the cut lies between two neighbours
        return float(start)
    if np.sign(low) != np.sign(high) or high - low < 0.2 * max(abs(low), abs(high)):
        middle = (low + high) / 2
    else:  # the number nearest to 1, a quarter of the way in from both ends
        near, far = sorted((math.log(abs(low)), math.log(abs(high))))
        margin = min((far - near) / 4, math.log(4))
        middle = math.copysign(math.exp(min(max(0.0, near + margin), far - margin)), low)
    for digits in range(1, 17):
        short = float(f"{middle:.{digits}g}")
        if low < short <= high:
            return short
    return float(start)


def _number(x: float) -> Expr:
    return Rational(repr(x)) if x != 0 else S.Zero

"""The search: which form computes a function of one argument right, and its slope.

Rules make candidates; certified truth decides. A form is clean where

    |error| <= 3e-13*(|f| + |x f'|)        for every point (numbers below 2.2e-308 count as that)

at every point of `points.POINTS` where f and what it means are finite. The cheapest clean form
wins; where there is none at most four intervals get one each; points that no form gets right are
part of the answer. The slope is searched as a function of its own, among the slopes of all value
forms. (The idea is that of Panchekha et al., "Herbie", PLDI 2015, with balls in place of samples.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr, Rational, S

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.functions import Abs, Extremum, where
from graphnet.formula.searched import ARGUMENT, meant
from graphnet.numerics.exprat import in_q
from graphnet.numerics.forms import cost, evaluate
from graphnet.numerics.points import around
from graphnet.numerics.polynomial import at_infinity, at_zero
from graphnet.numerics.rules import rewritings, simple_rewritings
from graphnet.numerics.truth import tape, truth

__all__ = ["BAR", "Answer", "Judge", "search"]

BAR, ACCEPTED = 1e-12, 3e-13
BAR32, ACCEPTED32 = 1e-5, 4e-6
TINY = 2.2250738585072014e-308  # below the smallest normal number the bar is that of it
DEPTH, CAP, INTERVALS = 3, 70, 4
EARLY = 2  # the stage from which intervals are tried
LARGEST = 60  # operations beyond which a candidate is not pursued

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass
class Judge:
    """What is true of a function at the points, and whether a form is right there."""

    points: Points
    values: Points
    slopes: Points  # of the same function, which say how well conditioned it is

    def right(self, form: Expr, bar: float = ACCEPTED, dtype: type = np.float64) -> Mask:
        """Where a form is right; True where there is nothing to be right about."""
        try:
            got = evaluate(form, self.points.astype(dtype)).astype(np.float64)
        except (GraphnetError, TypeError, OverflowError):
            return np.zeros(len(self.points), bool)
        return self.agrees(got, bar, dtype)

    def agrees(self, got: Points, bar: float, dtype: type = np.float64) -> Mask:
        """Whether computed values are within the bar."""
        tiny = float(np.finfo(dtype).tiny)
        with np.errstate(all="ignore"):
            scale = np.abs(self.values) + np.nan_to_num(np.abs(self.points * self.slopes), nan=0.0)
            fine = np.abs(got - self.values) <= bar * np.maximum(scale, tiny)
        return fine | ~self.asked(dtype)

    def rounded(self, dtype: type) -> Judge:
        """The judge at those points that a dtype holds exactly."""
        if dtype is np.float64:
            return self
        with np.errstate(all="ignore"):
            exact = self.points.astype(dtype).astype(np.float64) == self.points
        return Judge(self.points[exact], self.values[exact], self.slopes[exact])

    def asked(self, dtype: type = np.float64) -> Mask:
        """The points at which the function has a finite value in a dtype."""
        with np.errstate(all="ignore"):
            return np.abs(self.values) <= float(np.finfo(dtype).max)


@dataclass
class Answer:
    """A form of a function and the points at which it is not right."""

    form: Expr
    clean: bool
    unclean: tuple[float, ...] = ()
    candidates: tuple[Expr, ...] = ()  # what was tried, for the slope
    stage: int = 0


def judges(meaning: Expr) -> tuple[Judge, Judge]:
    """The truth about a function and about its slope."""
    points = around(kinks(meaning), _has_roots(meaning))
    first = derivative(meaning, ARGUMENT)
    f, df = tape(meaning, ARGUMENT), tape(first, ARGUMENT)
    values, slopes = truth(f, points), truth(df, points)
    try:
        second = truth(tape(derivative(first, ARGUMENT), ARGUMENT), points)
    except GraphnetError:
        second = np.zeros_like(values)
    return Judge(points, values, slopes), Judge(points, slopes, second)


def _has_roots(expr: Expr) -> bool:
    return any(not p.args[1].is_Integer for p in expr.atoms(sympy.Pow) if p.has(ARGUMENT))


def kinks(expr: Expr) -> list[float]:
    """Where a function branches, as far as conditions say it: x against a number."""
    found = []
    for relation in expr.atoms(sympy.core.relational.Relational):
        difference = sympy.expand(relation.args[0] - relation.args[1])
        found += _zeros(difference)
    for part in expr.atoms(Abs, Extremum):
        sides = [part.args[0]] if isinstance(part, Abs) else [part.args[0] - part.args[1]]
        for side in sides:
            found += _zeros(sympy.expand(side))
    return sorted(set(found))


def _zeros(linear: Expr) -> list[float]:
    if linear.is_polynomial(ARGUMENT) and sympy.degree(linear, ARGUMENT) == 1:
        c1, c0 = linear.coeff(ARGUMENT, 1), linear.coeff(ARGUMENT, 0)
        if c1.is_number and c0.is_number and c1.is_real and c0.is_real:
            return [float(-c0 / c1)]
    return []


def search(meaning: Expr) -> tuple[Answer, Answer]:
    """The best form of a function, and of its slope."""
    meaning = meant(meaning)
    return _searched(meaning, *judges(meaning))


def _searched(meaning: Expr, value: Judge, slope: Judge) -> tuple[Answer, Answer]:
    found = find(value, meaning, [meaning])
    starts = [derivative(meaning, ARGUMENT)]
    for form in (found.form, *found.candidates):
        try:
            new = derivative(form, ARGUMENT)
        except GraphnetError:
            continue
        if new not in starts and new.count_ops() <= LARGEST:
            starts.append(new)
    return found, find(slope, starts[0], starts)


def examined(meaning: Expr) -> dict[str, Any]:
    """What a search finds, as texts and numbers; a form that is as written is an empty text."""
    from graphnet.numerics.records import spelled

    value, slope = judges(meaning)
    found, steep = _searched(meaning, value, slope)
    derived = derivative(meaning, ARGUMENT)
    same = steep.form == derived
    return {
        "form": "" if found.form == meaning else spelled(found.form),
        "slope": "" if same else spelled(steep.form),
        "reuse": "" if same else reuse(value, slope),
        "unclean": list(found.unclean),
        "unclean_slope": list(steep.unclean),
        "unclean32": _wrong32(found.form, value),
        "unclean32_slope": _wrong32(steep.form, slope),
        "fails": [*failures("value", meaning, value), *failures("slope", derived, slope)],
    }


def _wrong32(form: Expr, judge: Judge) -> list[float]:
    small = judge.rounded(np.float32)
    return [float(x) for x in small.points[~small.right(form, BAR32, np.float32)]]


# Slopes in terms of the value a itself, as textbooks have them.
REUSES = ("a*(1 - a)", "1 - a**2", "1 - exp(-a)", "a", "1 - a", "-a*(1 - a)", "-a")


def reuse(value: Judge, slope: Judge) -> str:
    """The first of REUSES whose error is at most 2 ulp of the slope's largest value; else ""."""
    from graphnet.numerics.records import VALUE, read

    asked = slope.asked() & value.asked()
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(slope.slopes[asked] * 0 + slope.values[asked]), initial=0))
        for text in REUSES:
            form = read(text).xreplace({VALUE: ARGUMENT})
            got = evaluate(form, value.values)
            if asked.all() and (np.abs(got - slope.values) <= 2 * np.spacing(largest)).all():
                return text
    return ""


def failures(what: str, naive: Expr, judge: Judge) -> list[str]:
    """Where the naive form is first wrong by more than the bar, in float64 and in float32."""
    lines = []
    for dtype, bar in ((np.float64, BAR), (np.float32, BAR32)):
        kind = np.dtype(dtype).name
        rounded = judge.rounded(dtype)
        wrong = ~rounded.right(naive, bar, dtype)
        runs = _runs(rounded.points, wrong)
        if runs:
            lines.append(f"{what} in {kind}: {' and '.join(runs)}")
    return lines


def _runs(points: Points, wrong: Mask) -> list[str]:
    """Intervals of wrong points, at most three."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wrong, [False]]).astype(int)))
    found = []
    for low, high in zip(edges[::2], edges[1::2] - 1):
        first, last = points[low], points[high]
        if low == 0 and high == len(points) - 1:
            found.append("everywhere")
        elif low == 0:
            found.append(f"x <= {last:.4g}")
        elif high == len(points) - 1:
            found.append(f"x >= {first:.4g}")
        else:
            found.append(f"x = {first:.4g}" if low == high else f"{first:.4g} <= x <= {last:.4g}")
    return found[:3] + (["..."] if len(found) > 3 else [])


def find(judge: Judge, meaning: Expr, starts: Sequence[Expr]) -> Answer:
    """The cheapest form that is right everywhere, or several on intervals."""
    tried: dict[Expr, Mask] = {}
    best: tuple[Expr, Mask] | None = None
    clean: dict[Expr, int] = {}  # forms that are right in float64, with their misses in float32
    small = judge.rounded(np.float32)
    stage = 0
    for stage, batch in enumerate(_stages(starts)):
        fresh = [c for c in batch if c not in tried]
        tried |= {c: judge.right(c) for c in fresh}
        for c in fresh:
            if tried[c].all():
                clean[c] = int((~small.right(c, ACCEPTED32, np.float32)).sum())
        if clean and (min(clean.values()) == 0 or stage >= EARLY):
            found = min(clean, key=lambda c: (clean[c], *_preference(c)))
            return Answer(found, True, (), tuple(tried), stage)
        if stage < EARLY:
            continue
        if stage == EARLY:
            tried |= {c: judge.right(c) for c in _local(meaning)}
        best = _by_intervals(judge, tried)
        if best[1].all():
            break
    assert best is not None
    form, right = best
    bad = tuple(float(x) for x in judge.points[~right])
    return Answer(form, not bad, bad, tuple(tried), stage)


def _preference(form: Expr) -> tuple[object, ...]:
    return (cost(form), sympy.default_sort_key(form))


def _local(meaning: Expr) -> list[Expr]:
    """Forms for a part of the line: polynomials at 0 and far out, limits."""
    f = tape(meaning, ARGUMENT)
    found = [at_zero(f), at_infinity(f, 1), at_infinity(f, -1)]
    limits = [S.Zero, S.One, S.NegativeOne, ARGUMENT, -ARGUMENT]
    return [form for form in [*found, *limits] if form is not None]


def _stages(starts: Sequence[Expr]) -> Iterator[list[Expr]]:
    """As written; in q and by one row; by any one rule; by up to three, CAP candidates each."""
    yield list(starts[:1])
    near = dict.fromkeys(_with_q(starts[:6]))
    for start in starts[:3]:
        near |= dict.fromkeys(_small(simple_rewritings(start)))
    yield list(near)
    seen = dict.fromkeys([*starts, *near])
    layer = [*starts, *near]
    for depth in range(DEPTH):
        fresh: dict[Expr, None] = {}
        for c in layer:
            for new in _small(rewritings(c)):
                if new not in seen:
                    fresh[new] = None
                    q = in_q(new) if depth == 0 else None
                    if q is not None and q not in seen:
                        fresh[q] = None
                if len(fresh) >= CAP:
                    break
            if len(fresh) >= CAP:
                break
        yield list(fresh)
        seen |= fresh
        layer = list(fresh)


def _small(forms: Iterable[Expr]) -> Iterator[Expr]:
    return (form for form in forms if form.count_ops() <= LARGEST)


def _with_q(forms: Iterable[Expr]) -> Iterator[Expr]:
    for form in forms:
        yield form
        q = in_q(form)
        if q is not None:
            yield q


# -- intervals -----------------------------------------------------------------------------------


def _by_intervals(judge: Judge, tried: dict[Expr, Mask]) -> tuple[Expr, Mask]:
    """At most four intervals, each with a form that is right on it as far as it goes."""
    forms = sorted(tried, key=_preference)
    masks = [tried[c] for c in forms]
    reachable = np.logical_or.reduce(masks)
    masks = [m | ~reachable for m in masks]  # what nobody gets right is nobody's fault
    pieces = _greedy(masks)
    if len(pieces) > INTERVALS:
        pieces = _fewest_wrong(masks, pieces)
    chosen = [(forms[k], start) for k, start in pieces]
    form = _where(judge.points, chosen, masks, [k for k, _ in pieces])
    return form, judge.right(form)


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

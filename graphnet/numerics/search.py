"""The search: which form computes a function of one argument right, and its slope.

Rules make candidates; certified truth decides. A form is clean where

    |error| <= 3e-13*(|f| + |x f'|)        for every point (numbers below 2.2e-308 count as that)

at every point of `points.POINTS` where f and what it means are finite. The cheapest clean form
wins; where there is none at most four intervals get one each; points that no form gets right are
part of the answer. The slope is searched as a function of its own, among the slopes of all value
forms. (The idea is that of Panchekha et al., "Herbie", PLDI 2015, with balls in place of samples.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, S

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.searched import ARGUMENT, meant
from graphnet.numerics.exprat import in_q
from graphnet.numerics.fails import failures
from graphnet.numerics.forms import evaluate
from graphnet.numerics.intervals import by_intervals, preference
from graphnet.numerics.judge import ACCEPTED32, BAR32, Judge, Mask, judges
from graphnet.numerics.polynomial import at_infinity, at_zero
from graphnet.numerics.rules import rewritings, simple_rewritings
from graphnet.numerics.truth import tape

__all__ = ["Answer", "examined", "find", "reuse", "search"]

DEPTH, CAP = 3, 70
EARLY = 2  # the stage from which intervals are tried
LARGEST = 60  # operations beyond which a candidate is not pursued


@dataclass
class Answer:
    """A form of a function and the points at which it is not right."""

    form: Expr
    clean: bool
    unclean: tuple[float, ...] = ()
    candidates: tuple[Expr, ...] = ()  # what was tried, for the slope
    stage: int = 0


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
            found = min(clean, key=lambda c: (clean[c], *preference(c)))
            return Answer(found, True, (), tuple(tried), stage)
        if stage < EARLY:
            continue
        if stage == EARLY:
            tried |= {c: judge.right(c) for c in _local(meaning)}
        best = by_intervals(judge, tried)
        if best[1].all():
            break
    assert best is not None
    form, right = best
    bad = tuple(float(x) for x in judge.points[~right])
    return Answer(form, not bad, bad, tuple(tried), stage)


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

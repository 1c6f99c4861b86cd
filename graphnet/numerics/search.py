"""The search: which form computes a function of one argument right, and its slope.

Rules make candidates; certified truth decides. A form is clean where

    |error| <= 3e-13*(|f| + |x f'|)        for every point (numbers below 2.2e-308 count as that)

at every point of `points.POINTS` where f and what it means are finite, and where the same form run
in float32 is within 4e-6 at the numbers of float32. The cheapest clean form wins; where there is
none at most four intervals get one each; points that no form gets right are part of the answer.
The slope is searched as a function of its own, among the slopes of all value
forms. (The idea is that of Panchekha et al., "Herbie", PLDI 2015, with balls in place of samples.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import sympy
from sympy import Expr, S

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.functions import where
from graphnet.formula.searched import ARGUMENT, meant
from graphnet.numerics.exprat import in_q
from graphnet.numerics.fails import failures
from graphnet.numerics.intervals import by_intervals, gaps, preference
from graphnet.numerics.judge import BAR32, Judge, Marks, judges
from graphnet.numerics.parts import is_simple
from graphnet.numerics.polynomial import at_infinity, at_zero, between
from graphnet.numerics.rules import rewritings, simple_rewritings
from graphnet.numerics.slopes import reuse
from graphnet.numerics.symmetry import half, on_the_right, parity, unfolded
from graphnet.numerics.tape import Values, tape

__all__ = ["Answer", "examined", "find", "search"]

DEPTH, CAP = 3, 70
EARLY = 2  # the stage from which intervals are tried
FARTHEST, WIDEST = 50, 8  # gaps that a polynomial closes
PARTS = 4  # that are searched apart
SMALL = 24  # operations of a function for which no stage is spared
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
        "reuse": "" if same else reuse(meaning, value, slope),
        "unclean": list(found.unclean),
        "unclean_slope": list(steep.unclean),
        "unclean32": _wrong32(found.form, value),
        "unclean32_slope": _wrong32(steep.form, slope),
        "fails": [*failures("value", meaning, value), *failures("slope", derived, slope)],
    }


def _wrong32(form: Expr, judge: Judge) -> list[float]:
    small = judge.rounded(np.float32)
    return [float(x) for x in small.points[~small.right(form, BAR32, np.float32)]]


def find(judge: Judge, meaning: Expr, starts: Sequence[Expr], last: bool = True) -> Answer:
    """The cheapest form that is right everywhere, or several on intervals.

    With `last` what leaves something to wish for is folded at 0, and searched part by part.
    """
    tried: dict[Expr, Marks] = {}
    asked = np.where(judge.single, 2, 1).astype(np.int8)
    best = Answer(meaning, False)
    least: tuple[object, ...] = ()
    stages, small = _stages(starts), meaning.count_ops() <= SMALL
    batches = chain(stages, _last(judge, meaning, starts)) if last and small else stages
    for stage, batch in enumerate(batches):
        tried |= {c: judge.marks(c) for c in batch if c not in tried}
        options = [c for c, marks in tried.items() if (marks >= asked).all()]
        if not options and stage < EARLY:
            continue
        if not options and stage == EARLY:
            tried |= {c: judge.marks(c) for c in _local(meaning)}
            tried |= {c: judge.marks(c) for c in _between(judge, meaning, tried, asked)}
        if not options:
            options = [c for c, marks in tried.items() if marks.all()]
            options += [by_intervals(judge.points, tried, 2), by_intervals(judge.points, tried, 1)]
        for form in options:
            marks = tried[form] if form in tried else judge.marks(form)
            wrong = int((marks == 0).sum()), int((marks < asked).sum())
            if not least or (*wrong, *preference(form)) < least:
                least = (*wrong, *preference(form))
                bad = tuple(float(x) for x in judge.points[marks == 0])
                best = Answer(form, not bad, bad, (), stage)
        if least[1] == 0 or (least[0] == 0 and not small):
            break
    return replace(best, candidates=tuple(tried))


def _local(meaning: Expr) -> list[Expr]:
    """Forms for a part of the line: polynomials at 0 and far out, limits."""
    f = tape(meaning, ARGUMENT)
    found = [at_zero(f), at_zero(f, 1.0), *_far(f), *_logarithms_far(meaning)]
    limits = [S.Zero, S.One, S.NegativeOne, ARGUMENT, -ARGUMENT]
    return [form for form in [*found, *limits] if form is not None]


def _far(f: Values) -> list[Expr]:
    found = [at_infinity(f, side, far) for side in (1, -1) for far in (0.12, 0.3)]
    return [form for form in found if form is not None]


def _logarithms_far(meaning: Expr) -> Iterator[Expr]:
    """log(A) = u + log(A e^-u) for an A that goes as e^u, with A e^-u as it is far out."""
    for part in sorted(meaning.atoms(sympy.log), key=sympy.default_sort_key):
        (inside,) = part.args
        for e in sorted(inside.atoms(sympy.exp), key=sympy.default_sort_key):
            u = e.args[0]
            if u.has(ARGUMENT):
                for series in _far(tape(inside * sympy.exp(-u), ARGUMENT)):
                    yield meaning.xreplace({part: u + sympy.log(series)})


def _last(judge: Judge, meaning: Expr, starts: Sequence[Expr]) -> Iterator[list[Expr]]:
    """The function folded at 0; its parts, each by its own best form."""
    side = parity(judge)
    if side:
        right = [on_the_right(s) for s in starts]
        found = find(half(judge), on_the_right(meaning), right, last=False)
        yield [unfolded(found.form, side)]
    args = [a for a in meaning.args if isinstance(a, Expr) and a.has(ARGUMENT)]
    if args and len(args) <= PARTS and not isinstance(meaning, where):
        yield [meaning.func(*(_best(a) for a in meaning.args))]


def _best(part: Expr) -> Expr:
    """The best form of a part, as far as it has one."""
    if not part.has(ARGUMENT) or is_simple(part):
        return part
    value, _ = judges(part)
    return find(value, part, [part], last=False).form


def _between(
    judge: Judge, meaning: Expr, tried: Mapping[Expr, Marks], asked: Marks
) -> Iterator[Expr]:
    """Polynomials for the gaps that all the other forms leave."""
    f = tape(meaning, ARGUMENT)
    for low, high in gaps(judge.points, tried, asked):
        if max(abs(low), abs(high)) < FARTHEST and high - low < WIDEST:
            form = between(f, low, high)
            if form is not None:
                yield form


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
        for new in _in_turn([_small(rewritings(c)) for c in layer]):
            if new not in seen:
                fresh[new] = None
                q = in_q(new) if depth == 0 else None
                if q is not None and q not in seen:
                    fresh[q] = None
            if len(fresh) >= CAP:
                break
        yield list(fresh)
        seen |= fresh
        layer = list(fresh)


def _in_turn(sources: Sequence[Iterator[Expr]]) -> Iterator[Expr]:
    """One of each, then the next of each: no start takes the places of all others."""
    open_ = list(sources)
    while open_:
        for source in list(open_):
            new = next(source, None)
            if new is None:
                open_.remove(source)
            else:
                yield new


def _small(forms: Iterable[Expr]) -> Iterator[Expr]:
    return (form for form in forms if form.count_ops() <= LARGEST)


def _with_q(forms: Iterable[Expr]) -> Iterator[Expr]:
    for form in forms:
        yield form
        q = in_q(form)
        if q is not None:
            yield q

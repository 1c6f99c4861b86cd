"""Facts: what is known of a tensor's elements, and what that makes of a formula that reads them.

    one_hot       along the last axis one element is 1, the others 0
    probability   along the last axis the elements are >= 0 and their sum is 1
    binary        every element is 0 or 1
    positive      every element is > 0
    nonzero       no element is 0

A rule is a fact, the law that it states, and what it makes of a body; all of it is algebra, no
derivative is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import sympy
from sympy import Expr, Integer, Pow

from graphnet.errors import GraphnetError, did_you_mean
from graphnet.formula import functions as fn
from graphnet.formula.formula import Formula, hole, index_symbol, size_symbol

__all__ = ["FACTS", "checked_facts", "implied", "known_sum", "simplified", "without_loop"]

FACTS = ("one_hot", "probability", "binary", "positive", "nonzero")
IMPLIES = {
    "one_hot": ("probability", "binary", "nonnegative"), "probability": ("nonnegative",),
    "binary": ("nonnegative",), "positive": ("nonzero", "nonnegative"),
}  # fmt: skip


def checked_facts(given: Iterable[str] | str, where: str) -> tuple[str, ...]:
    """The facts as a tuple. GraphnetError for one that is not known."""
    found = (given,) if isinstance(given, str) else tuple(given)
    for fact in found:
        if fact not in FACTS:
            hint = did_you_mean(str(fact), FACTS)
            raise GraphnetError(
                f"a fact is one of {', '.join(FACTS)}, not {fact!r}{hint}", where=where
            )
    return found


def implied(facts: Iterable[str]) -> dict[str, str]:
    """Everything that follows from declared facts: fact -> the declared one it follows from.

    >>> implied(["positive"])
    {'positive': 'positive', 'nonzero': 'positive', 'nonnegative': 'positive'}
    """
    found: dict[str, str] = {}
    for fact in facts:
        for each in (fact, *IMPLIES.get(fact, ())):
            found.setdefault(each, fact)
    return found


# -- along the last axis -------------------------------------------------------------------------


def known_sum(f: Formula, k: int, p: int) -> Expr | None:
    """c of a body c*Y[...,p] that is summed over p, Y being read k; None where it is none such.

    The sum over p is then c. Neither c nor the target nor another subscript may know p.
    """
    if not (f.accumulate or f.reduce == "Sum") or p not in f.over:
        return None
    read = f.reads[k]
    if not read.subs or read.subs[-1].bare != p:
        return None
    if any(p in s.indices() for s in (*read.subs[:-1], *f.target)):
        return None
    y = hole(k)
    c = _without(f.body, y)
    if c is None or c.has(index_symbol(p)):
        return None
    others = [f.reads[n] for n in f.holes(c)]
    return None if any(p in r.indices() for r in others) else c


def _without(body: Expr, y: Expr) -> Expr | None:
    """c of a body c*y."""
    terms = [_factor(t, y) for t in sympy.Add.make_args(body)]
    return None if any(t is None for t in terms) else sympy.Add(*terms)


def _factor(term: Expr, y: Expr) -> Expr | None:
    c = term / y
    return None if c.has(y) else c


# -- element by element --------------------------------------------------------------------------

_ABOVE, _FROM = sympy.StrictGreaterThan, sympy.GreaterThan
_BELOW, _UPTO = sympy.StrictLessThan, sympy.LessThan
Rule = tuple[str, str, Callable[[Expr, Expr], Expr | None]]  # fact, law, part and y -> new part


def _power(part: Expr, y: Expr) -> Expr | None:
    if isinstance(part, Pow) and part.base == y and part.exp.is_number and part.exp > 0:
        return y
    return None


def _absolute(part: Expr, y: Expr) -> Expr | None:
    return y if part == fn.Abs(y) else None


def _above_zero(part: Expr, y: Expr) -> Expr | None:
    return y if isinstance(part, fn.Max) and set(part.args) == {y, Integer(0)} else None


def _asked(kinds: dict[type, bool], bound: int) -> Callable[[Expr, Expr], Expr | None]:
    """where(y > bound, a, b) and the like as the branch that the answer chooses."""

    def rule(part: Expr, y: Expr) -> Expr | None:
        if not isinstance(part, fn.where):
            return None
        condition, a, b = part.args
        answer = kinds.get(type(condition))
        if answer is None or set(condition.args) != {y, Integer(bound)}:
            return None
        if condition.args[0] != y and not isinstance(condition, sympy.Eq | sympy.Ne):
            return None
        return a if answer else b

    return rule


RULES: tuple[Rule, ...] = (
    ("binary", "{y}**n = {y}", _power),
    ("nonnegative", "|{y}| = {y}", _absolute),
    ("nonnegative", "Max({y}, 0) = {y}", _above_zero),
    ("nonnegative", "{y} >= 0", _asked({_FROM: True, _BELOW: False}, 0)),
    ("positive", "{y} > 0", _asked({_ABOVE: True, _UPTO: False}, 0)),
    ("nonzero", "{y} != 0", _asked({sympy.Eq: False, sympy.Ne: True}, 0)),
    ("probability", "{y} <= 1", _asked({_UPTO: True, _ABOVE: False}, 1)),
)


def simplified(
    body: Expr, reads: Sequence[tuple[int, dict[str, str]]]
) -> tuple[Expr, list[tuple[int, str, str]]]:
    """A body simplified by what is known of its reads, and (read, declared fact, law) of each use.

    >>> y = hole(0)
    >>> simplified(fn.where(y > 0, y**2, 0), [(0, implied(["one_hot"]))])
    (where(_h0 > 0, _h0, 0), [(0, 'one_hot', '{y}**n = {y}')])
    """
    used: list[tuple[int, str, str]] = []
    for k, known in reads:
        y = hole(k)
        for fact, law, rule in RULES:
            if fact not in known:
                continue
            new = _everywhere(body, y, rule)
            if new != body:
                used.append((k, known[fact], law))
                body = new
    return body, used


def _everywhere(expr: Expr, y: Expr, rule: Callable[[Expr, Expr], Expr | None]) -> Expr:
    if not expr.has(y):
        return expr
    args = [_everywhere(a, y, rule) if isinstance(a, Expr) else a for a in expr.args]
    if args:
        expr = expr.func(*args)
    found = rule(expr, y)
    return expr if found is None else found


def without_loop(f: Formula, p: int, c: Expr, size: Expr) -> Formula:
    """The formula with its sum over p written as c; loop p then runs once."""
    bounds = tuple(1 if q == p else b for q, b in enumerate(f.bounds))
    return replace(f, body=c.xreplace({size_symbol(p): size}), bounds=bounds)

"""Kinks: which slope a formula has where its slope jumps, as data.

A kink stands where a `where` asks `a > b` (or <, >=, <=) and its branches differ in slope, in
`Abs`, in `Max` and `Min` of scalars, and among the tied elements of a Max or Min over indices. The
choice is a word or a number:

    "written"           the branch that the formula as written takes
    "left", "right"     the slope below or above the point, in a - b of a condition a > b, in x of
                        Abs(x), in a of Max(a, b)
    a number w          (1 - w)*left + w*right, so 0, 1/2 and 1 are left, both and right
    "first", "last"     of several arguments or elements that are tied, one has the whole slope
    "even"              of those, each has an equal share
    "all"               of tied elements over indices, each has the whole slope

So a slope never leaves the interval of the one-sided slopes. A table has a choice for every op
that it names, by the op's label; every other formula has those of its parts, which are called as
the ops that they define: abs, maximum, minimum, where, and max and min over indices.

>>> pytorch = kinks("pytorch")
>>> pytorch.of("max_pool2d").max, pytorch.of("max").max, kinks("graphnet").of("relu").where
('first', 'even', 'written')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache
from typing import Any

import sympy
from sympy import Expr, Rational

from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula import functions as fn

__all__ = ["AS_WRITTEN", "PARTS", "PRESETS", "Choice", "Kinks", "chosen", "kinks", "restored"]

Word = str | Fraction
HALF = Fraction(1, 2)
SIDES = ("written", "left", "right")
TIES = ("even", "first", "last", "all")

# What the kernels of these libraries do, each row checked against them (tests/oracles).
# graphnet's relu, leaky_relu and hard_sigmoid say by their formulas which branch 0 belongs to.
PRESETS: dict[str, dict[str, str | float]] = {
    "graphnet": {},
    "pytorch": {  # torch 2.13: max and min are amax and amin, clip is clamp
        "clip": "first", "max_pool2d": "first", "hinge": "left",
    },
    "jax": {  # jax 0.10: jax.nn and jax.numpy, max_pool2d by reduce_window
        "abs": "right", "leaky_relu": "right", "max_pool2d": "first",
        "hinge": 0.5,
    },
    "pytensor": {  # pytensor 3: relu is maximum(x, 0)
        "maximum": "first", "minimum": "first", "relu": "right", "max": "all", "min": "all",
        "hinge": "left",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The choice for every part of one formula that may have a kink."""

    where: Word = "written"
    abs: Word = HALF
    maximum: Word = "even"
    minimum: Word = "even"
    max: Word = "even"
    min: Word = "even"


AS_WRITTEN = Choice()
PARTS = tuple(f.name for f in fields(Choice))


@dataclass(frozen=True)
class Kinks:
    """A table of choices under a name."""

    name: str
    table: tuple[tuple[str, Word], ...] = ()

    def of(self, label: str) -> Choice:
        """The choice for a formula whose node has this label."""
        return _of(self, label)


@cache
def _of(given: Kinks, label: str) -> Choice:
    rows = dict(given.table)
    choice = replace(AS_WRITTEN, **{part: rows[part] for part in PARTS if part in rows})
    if label not in rows or label in PARTS:
        return choice
    word = rows[label]
    return replace(choice, **{part: word for part in PARTS if _fits(part, word)})


def _fits(part: str, word: Word) -> bool:
    """Whether a word says what happens in this part of a formula."""
    if part in ("max", "min"):
        return word in TIES
    return word not in TIES if part in ("where", "abs") else word not in ("all", "written")


def kinks(given: Any) -> Kinks:
    """The table of a preset's name, or one of {op or part: choice} on top of graphnet's.

    >>> kinks({"relu": 0.5}).of("relu").where
    Fraction(1, 2)
    """
    if isinstance(given, Kinks):
        return given
    if isinstance(given, str):
        if given not in PRESETS:
            known = ", ".join(map(repr, PRESETS))
            raise GraphnetError(
                f"kinks are {known} or a dict of choices, not {told(given)}"
                f"{did_you_mean(given, PRESETS)}"
            )
        return _table(given, PRESETS[given])
    if not isinstance(given, Mapping):
        raise GraphnetTypeError(
            f"kinks are a preset's name or a dict of choices, not {told(given)}"
        )
    return _table("own", given)


def _table(name: str, rows: Mapping[str, Any]) -> Kinks:
    return Kinks(name, tuple((label, _word(label, word)) for label, word in rows.items()))


def _word(label: Any, word: Any) -> Word:
    if not isinstance(label, str):
        raise GraphnetTypeError(f"a choice is for an op by its name, not for {told(label)}")
    words = [w for w in (*SIDES, *TIES) if label not in PARTS or _fits(label, w)]
    if isinstance(word, str) and word in words:
        return word
    if isinstance(word, int | float | Fraction) and not isinstance(word, bool) and 0 <= word <= 1:
        number = Fraction(repr(word) if isinstance(word, float) else word)
        if label not in PARTS or _fits(label, number):
            return number
    some = "" if label in ("max", "min") else "a number from 0 to 1 or "
    raise GraphnetError(
        f"the choice for {told(label)} is {some}one of {', '.join(words)}, not {told(word)}"
        f"{did_you_mean(word, words)}",
        where="kinks",
    )


# ------------------------------------------------------------------------- choices inside a body


def chosen(body: Expr, choice: Choice) -> tuple[Expr, dict[Expr, Expr]]:
    """A body of the same values whose branches, as written, have the chosen slopes.

    The second result takes what was rewritten back (see `restored`).

    >>> x = sympy.Symbol("x", real=True)
    >>> chosen(fn.where(x > 0, x, 0), Choice(where="right"))[0]
    where(x >= 0, x, 0)
    """
    back: dict[Expr, Expr] = {}
    if choice == AS_WRITTEN or not body.has(fn.where, fn.Abs, fn.Max, fn.Min):
        return body, back
    return _rewritten(body, choice, back), back


def restored(expr: Expr, back: Mapping[Expr, Expr]) -> Expr:
    """An expression with the parts that `chosen` rewrote as they were, the outermost first."""
    for new in reversed(back):
        expr = expr.xreplace({new: back[new]})
    return expr


def _rewritten(expr: Expr, choice: Choice, back: dict[Expr, Expr]) -> Expr:
    if not expr.has(fn.where, fn.Abs, fn.Max, fn.Min):
        return expr
    if isinstance(expr, fn.where):
        condition, *branches = expr.args
        a, b = (_rewritten(x, choice, back) for x in branches)
        old = fn.where(condition, a, b)
        new = _switched(condition, a, b, choice.where)
    else:
        args = [_rewritten(a, choice, back) if isinstance(a, Expr) else a for a in expr.args]
        old = new = expr.func(*args)
        if isinstance(old, fn.Abs):
            new = _switched(old.args[0] > 0, old.args[0], -old.args[0], choice.abs)
        elif isinstance(old, fn.Max | fn.Min):
            new = _tied(old, choice.maximum if isinstance(old, fn.Max) else choice.minimum)
    if new != old:
        back[new] = old
    return new


_ABOVE = {sympy.StrictGreaterThan, sympy.GreaterThan}
_BELOW = {sympy.StrictLessThan, sympy.LessThan}


def _switched(condition: Any, a: Expr, b: Expr, word: Word) -> Expr:
    """where(condition, a, b), the sides of a comparison meeting at equality as the word says."""
    kind = type(condition)
    if word == "written" or kind not in _ABOVE | _BELOW:
        return fn.where(condition, a, b)
    left, right = condition.args
    high, low = (a, b) if kind in _ABOVE else (b, a)
    if word in ("right", 1):
        return fn.where(left >= right, high, low)
    if word in ("left", 0):
        return fn.where(left > right, high, low)
    weight = Rational(word)
    mixed = (1 - weight) * low + weight * high
    return fn.where(left > right, high, fn.where(left < right, low, mixed))


def _tied(extremum: Expr, word: Word) -> Expr:
    """Max or Min of scalars as selections in which the tied share as the word says."""
    if word == "even":
        return extremum
    first, *rest = extremum.args
    other = rest[0] if len(rest) == 1 else _tied(extremum.func(*rest), word)
    high, low = (first, other) if isinstance(extremum, fn.Max) else (other, first)
    if word in ("first", "last"):
        word = "right" if (word == "first") == (high is first) else "left"
    return _switched(first > other, high, low, word)

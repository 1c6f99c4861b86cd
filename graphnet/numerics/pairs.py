"""Differences of the same function of two arguments, right where the two are nearly equal.

    law                                                computed so where
    log(a) - log(b) = log1p((a - b)/b)                 |a - b| < b/2
    sqrt(a) - sqrt(b) = (a - b)/(sqrt(a) + sqrt(b))    |a - b| < b/2
    exp(a) - exp(b) = exp(b)*expm1(a - b)              |a - b| < 1
    1/a - 1/b = (b - a)/a/b                            |a - b| < |b|/2
    a**2 - b**2 = (a - b)*(a + b)                      everywhere

Where the condition holds a - b is exact (Sterbenz) or right to half an ulp, and nothing overflows
but where the result does. Elsewhere, also at zeros, infinities and arguments of the wrong sign, the
difference stands as it is written: no row is anywhere worse by more than an ulp or two. Slopes are
those of what is written, 1/a and -1/b.

>>> p, q = hole(3), hole(4)
>>> paired(2*sympy.log(p) - 2*sympy.log(q) + p)
(_h3 + 2*log_difference(_h3, _h4), ['log(a) - log(b) = log1p((a - b)/b)'])
>>> paired(p**2 - q**2)
((_h3 - _h4)*(_h3 + _h4), ['a**2 - b**2 = (a - b)*(a + b)'])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Pow, Rational

from graphnet.formula.formula import hole, symbol_kind
from graphnet.formula.functions import Abs, expm1, log1p, where
from graphnet.formula.searched import Record, searched
from graphnet.formula.special import over
from graphnet.numerics.parts import one_argument

__all__ = ["ROWS", "may_pair", "paired"]

a, b = hole(0), hole(1)
HALF = Rational(1, 2)
exp, log, sqrt = sympy.exp, sympy.log, sympy.sqrt

# the function, the name of its difference, condition, form, law
ROWS: tuple[tuple[Expr, str, Any, Expr, str], ...] = (
    (log(a), "log_difference", Abs(a - b) < b/2, log1p(over(a - b, b)),
     "log(a) - log(b) = log1p((a - b)/b)"),
    (sqrt(a), "sqrt_difference", Abs(a - b) < b/2, over(a - b, sqrt(a) + sqrt(b)),
     "sqrt(a) - sqrt(b) = (a - b)/(sqrt(a) + sqrt(b))"),
    (exp(a), "exp_difference", Abs(a - b) < 1, exp(b)*expm1(a - b),
     "exp(a) - exp(b) = exp(b)*expm1(a - b)"),
    (1/a, "reciprocal_difference", Abs(a - b) < Abs(b)/2, over(over(b - a, a), b),
     "1/a - 1/b = (b - a)/a/b"),
)  # fmt: skip
SQUARES = "a**2 - b**2 = (a - b)*(a + b)"

Difference = Callable[[Expr, Expr], Expr]


def _written(f: Expr, name: str, near: Any, form: Expr) -> Difference:
    naive = f - f.xreplace({a: b})
    return searched(Record(name, naive, where(near, form, naive)))


_DIFFERENCES: dict[Any, tuple[Difference, str]] = {
    (row[0].func, row[0].args[1:]): (_written(*row[:4]), row[4]) for row in ROWS
}
_DIFFERENCES[Pow, (sympy.Integer(2),)] = (lambda u, v: (u - v) * (u + v), SQUARES)


def paired(body: Any) -> tuple[Any, list[str]]:
    """The body with such differences exchanged, and the laws that were used."""
    if not body.args or isinstance(body, sympy.logic.boolalg.Boolean):
        return body, []
    found = [paired(arg) for arg in body.args]
    laws = [law for _, used in found for law in used]
    new = body.func(*(arg for arg, _ in found)) if laws else body
    if isinstance(new, Add):
        new, law = _of_sum(new)
        laws += law
    return new, laws


def _of_sum(total: Add) -> tuple[Expr, list[str]]:
    """A sum with one pair of its terms exchanged, if it has just one that is meant so."""
    pairs = []
    for k, first in enumerate(total.args):
        for second in total.args[k + 1 :]:
            pairs += [(first, second, *p) for p in [_pair(first, second)] if p is not None]
    if len(pairs) != 1:
        return total, []
    first, second, new, law = pairs[0]
    return Add(new, *(t for t in total.args if t not in (first, second))), [law]


def _pair(first: Expr, second: Expr) -> tuple[Expr, str] | None:
    """c*f(u) - c*f(v) as one; None where two terms are nothing of the kind."""
    for c, kind, u in _functions(first):
        for d, other, v in _functions(second):
            if kind != other or c != -d or one_argument(first + second) is not None:
                continue
            if c.could_extract_minus_sign():
                c, u, v = d, v, u
            difference, law = _DIFFERENCES[kind]
            return c * difference(u, v), law
    return None


def may_pair(term: Expr) -> bool:
    """Whether a term could be one of a pair."""
    return bool(_functions(term))


def _functions(term: Expr) -> list[tuple[Expr, Any, Expr]]:
    """(c, f, u) for every way in which a term is c*f(u), u with a read in it."""
    found = []
    for factor in Mul.make_args(term):
        kind = (factor.func, factor.args[1:])
        if kind in _DIFFERENCES and any(symbol_kind(s)[0] == "h" for s in factor.free_symbols):
            found.append((term / factor, kind, factor.args[0]))
    return found

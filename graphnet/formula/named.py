"""Textbook names for searched functions, by the form that their search found.

Every spelling of a sigmoid lands on one form, so the form knows what it is: log(1 - 1/(1 + e^-x))
is shown, and called in plain source, as log_sigmoid(-x), and the slope of a sigmoid as

    sigmoid(x)*sigmoid(-x)        for 1 - sigmoid(x) = sigmoid(-x), here without cancellation

A short form is shown itself where its name was made up: log(1 - x) as log1p(-x).
Names are for people and for plain source. They stand in no network: nothing derives them, and what
is saved has the searched function itself.

>>> from graphnet.formula.searched import Record, searched
>>> x = ARGUMENT
>>> s = searched(Record("f", 1 - 1/(1 + exp(2*x)), exp(2*Min(x, 0))/(1 + exp(-2*Abs(x)))))
>>> s(x), told(3*s(x))
(f(_h0), 3*sigmoid(2*_h0))
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from sympy import Expr, Integer, Symbol, cosh, exp, log

from graphnet.formula.formula import Formula
from graphnet.formula.functions import Abs, Min, expm1, log1p, where
from graphnet.formula.scalar import Scalar
from graphnet.formula.searched import ARGUMENT, Searched

__all__ = ["MEANINGS", "in_names", "log_sigmoid", "named", "sech", "sigmoid", "softplus", "told"]


SHORT = 4  # calls in a form that is shown itself
MADE_UP = re.compile(r"_\d+$|_written|_d\d|^f_[0-9a-f]{6}")


class sigmoid(Scalar):
    """1/(1 + exp(-x))."""

    nargs = 1
    ufunc = "sigmoid"


class softplus(Scalar):
    """log(1 + exp(x))."""

    nargs = 1
    ufunc = "softplus"


class log_sigmoid(Scalar):
    """log(1/(1 + exp(-x)))."""

    nargs = 1
    ufunc = "log_sigmoid"


class sech(Scalar):
    """1/cosh(x)."""

    nargs = 1
    ufunc = "sech"


MEANINGS: dict[type[Scalar], Callable[[Expr], Expr]] = {
    sigmoid: lambda x: 1 / (1 + exp(-x)),
    softplus: lambda x: log(1 + exp(x)),
    log_sigmoid: lambda x: -log(1 + exp(-x)),
    sech: lambda x: 1 / cosh(x),
}


def _forms(x: Symbol, k: Expr) -> dict[Expr, Expr]:
    """What searched forms are called, in k*x; a form times a number is the name times it."""
    small, below, above = exp(-k * Abs(x)), exp(k * Min(x, 0)), exp(-k * where(x > 0, x, 0))
    zero, u = Integer(0), k * x
    slope = where(x > 0, 1 + u * small + small, (1 + u + small) * small)
    return {
        below / (1 + small): sigmoid(u),
        above / (1 + small): sigmoid(-u),
        small / (1 + small) ** 2: sigmoid(u) * sigmoid(-u),
        4 * small / (1 + small) ** 2: sech(u / 2) ** 2,  # the slope of tanh
        log1p(small) + where(x > 0, u, zero): softplus(u),
        log1p(small) + where(x > 0, zero, -u): softplus(-u),
        where(x > 0, zero, u) - log1p(small): log_sigmoid(u),
        where(x > 0, -u, zero) - log1p(small): log_sigmoid(-u),
        x * below / (1 + small): x * sigmoid(u),
        slope / (1 + small) ** 2: sigmoid(u) * (1 + u * sigmoid(-u)),
    }


@lru_cache(maxsize=1024)
def named(form: Expr) -> Expr | None:
    """A form by the names of textbooks; None where it has none."""
    scales = {-a.args[0].coeff(Abs(ARGUMENT)) for a in form.atoms(exp) if a.has(Abs)}
    if len(scales) != 1 or form.has(expm1):
        return None
    known = _table(scales.pop())
    coefficient, rest = form.as_coeff_Mul()
    for c, f in ((Integer(1), form), (coefficient, rest), (-coefficient, -rest)):
        if f in known:
            return c * known[f]
    return None


@cache
def _table(k: Expr) -> dict[Expr, Expr]:
    return _forms(ARGUMENT, k)


def told(expr: Any) -> Any:
    """The expression with the searched functions that textbooks have names for in those names."""
    if not expr.has(Searched):
        return expr
    args = [told(a) for a in expr.args]
    if isinstance(expr, Searched) and len(args) == 1:
        form, own = expr.record.form, expr.record.name
        name = named(form)
        if name is None and MADE_UP.search(own) and form.count_ops() <= SHORT:
            name = form
        if name is not None:
            return name.xreplace({ARGUMENT: args[0]})
    return expr.func(*args) if tuple(args) != expr.args else expr


def in_names(f: Formula) -> Formula:
    """The formula with textbook names."""
    return replace(f, body=told(f.body)) if f.body.has(Searched) else f

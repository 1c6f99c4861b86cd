"""Slopes in terms of the value a they belong to, as textbooks have them.

    a = 1/(1 + e^-x)        a' = a*(1 - a)
    a = log(1 + e^x)        a' = 1 - exp(-a)
    a = x for x > 0, else n(x) with n' = k*n + c (ELU and its like):
                            a' = k*min(a, 0) + c + (s - c)*[a > 0]

A form is taken where its error is at most 2 ulp of the slope's largest value at every point.

>>> import sympy
>>> from graphnet.formula.functions import expm1, where
>>> x = ARGUMENT
>>> of_a_branch(where(x > 0, x, 2*expm1(x/2)))
Min(_h1, 0)/2 + 1
"""

from __future__ import annotations

import numpy as np
import sympy
from sympy import Expr, S

from graphnet.formula.formula import hole
from graphnet.formula.functions import Min, expm1, where
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.forms import evaluate
from graphnet.numerics.judge import Judge

__all__ = ["in_two", "of_a_branch", "reuse"]

VALUE = hole(1)  # the function's own value

REUSES = ("a*(1 - a)", "1 - a**2", "1 - exp(-a)", "a", "1 - a", "-a*(1 - a)", "-a")


def reuse(meaning: Expr, value: Judge, slope: Judge) -> str:
    """The text of the first form that is right to 2 ulp of the slope's largest value; else ""."""
    from graphnet.numerics.records import read, spelled

    asked = slope.asked() & value.asked()
    if not asked.all():
        return ""
    own = of_a_branch(meaning)
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(slope.values), initial=0))
        for text in (*REUSES, *([] if own is None else [spelled(own)])):
            got = evaluate(read(text).xreplace({VALUE: ARGUMENT}), value.values)
            if (np.abs(got - slope.values) <= 2 * np.spacing(largest)).all():
                return text
    return ""


def branches(h: Expr) -> tuple[Expr, Expr] | None:
    """(s*x, n(x)) of where(x > 0, s*x, n(x)), s > 0; None of anything else."""
    if not isinstance(h, where) or h.args[0] != (ARGUMENT > 0):
        return None
    _, right, left = h.args
    s, x = right.as_coeff_Mul()
    return (right, left) if x == ARGUMENT and s.is_positive and left.has(sympy.exp, expm1) else None


def of_a_branch(h: Expr) -> Expr | None:
    """The slope in VALUE of a line joined to an n with n' = k*n + c, as the law in front has it."""
    found = branches(h)
    if found is None:
        return None
    s, n = found[0] / ARGUMENT, found[1].replace(expm1, lambda u: sympy.exp(u) - 1)
    first = n.diff(ARGUMENT)
    k = sympy.cancel(first.diff(ARGUMENT) / first)
    c = sympy.expand(first - k * n)
    if not (k.is_number and c.is_number):
        return None
    jump = (s - c) * where(VALUE > 0, S.One, S.Zero)
    result: Expr = k * Min(VALUE, S.Zero) + c + jump
    return result


def in_two(h: Expr) -> Expr | None:
    """where(x > 0, s*x, n(x)) as s*max(x, 0) + n(min(x, 0)), for an n that is 0 at 0."""
    found = branches(h)
    if found is None or found[1].xreplace({ARGUMENT: S.Zero}) != 0:
        return None
    above, below = where(ARGUMENT > 0, ARGUMENT, S.Zero), Min(ARGUMENT, S.Zero)
    total: Expr = found[0].xreplace({ARGUMENT: above}) + found[1].xreplace({ARGUMENT: below})
    return total

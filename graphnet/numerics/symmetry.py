"""Even and odd functions: half of the line is searched, with |x| in the place of x.

>>> from graphnet.formula.functions import log1p
>>> x = ARGUMENT
>>> on_the_right(Abs(x) - log1p(Abs(x)))
_h0 - log1p(_h0)
>>> unfolded(x**3, 1), unfolded(x**3, -1) == sign(x)*Abs(x)**3
(Abs(_h0)**3, True)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from sympy import Expr, S

from graphnet.formula.functions import Abs, sign, where
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.judge import Judge

__all__ = ["half", "on_the_right", "parity", "unfolded"]

_RIGHT = (ARGUMENT > 0, ARGUMENT >= 0, sympy.StrictLessThan(0, ARGUMENT))
_LEFT = (ARGUMENT < 0, ARGUMENT <= 0, sympy.StrictGreaterThan(0, ARGUMENT))


def parity(judge: Judge) -> int:
    """1 of an even function, -1 of an odd one, as its values say; else 0."""
    points, values = judge.points, judge.values
    if not np.array_equal(points, -points[::-1]):
        return 0
    for side in (1, -1):
        if np.array_equal(values[points > 0], side * values[points < 0][::-1], equal_nan=True):
            return side
    return 0


def half(judge: Judge) -> Judge:
    """The judge at the points from 0 on."""
    at = judge.points >= 0
    return Judge(judge.points[at], judge.values[at], judge.slopes[at], judge.again)


def on_the_right(expr: Any) -> Any:
    """An expression as it reads where the argument is positive."""
    if isinstance(expr, where) and expr.args[0] in _RIGHT:
        return on_the_right(expr.args[1])
    if isinstance(expr, where) and expr.args[0] in _LEFT:
        return on_the_right(expr.args[2])
    if expr == Abs(ARGUMENT):
        return ARGUMENT
    if expr == sign(ARGUMENT):
        return S.One
    return expr.func(*(on_the_right(a) for a in expr.args)) if expr.args else expr


def unfolded(form: Expr, side: int) -> Expr:
    """A form for the right half as one for the whole line."""
    whole = form.xreplace({ARGUMENT: Abs(ARGUMENT)})
    if side > 0:
        return whole
    factors = sympy.Mul.make_args(whole)
    if Abs(ARGUMENT) in factors:  # |x| sign(x) = x
        return sympy.Mul(*(ARGUMENT if f == Abs(ARGUMENT) else f for f in factors))
    return sign(ARGUMENT) * whole

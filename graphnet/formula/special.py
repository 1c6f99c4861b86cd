"""Scalar functions that forms are made of: tails of erf, and operations sympy must keep apart.

>>> from sympy import Symbol
>>> x = Symbol("x", real=True)
>>> times(sympy.exp(x/2), sympy.exp(x/2)), poly(x, 1, 2, 3).diff(x), poly(x, 7)
(times(exp(x/2), exp(x/2)), poly(x, 2, 6), 7)
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Integer

from graphnet.formula.scalar import Scalar

__all__ = ["erfc", "erfcx", "hypot", "log_erfc", "over", "poly", "square", "times"]


class times(Scalar):
    """a*b, in this order: sympy would merge exp(x/2)*exp(x/2), which overflows later."""

    nargs = 2
    ufunc = "multiply"

    def fdiff(self, argindex: int = 1) -> Expr:
        return self.args[2 - argindex]


class over(Scalar):
    """a/b, one division: x/h/h does not overflow where x/h**2 does."""

    nargs = 2
    ufunc = "divide"

    def fdiff(self, argindex: int = 1) -> Expr:
        a, b = self.args
        return 1 / b if argindex == 1 else -a / b**2


class square(Scalar):
    """x*x of a whole expression: sympy would turn exp(x/2)**2 into exp(x)."""

    nargs = 1
    ufunc = "square"

    def fdiff(self, argindex: int = 1) -> Expr:
        return 2 * self.args[0]


class poly(Scalar):
    """poly(x, c0, c1, ...) = c0 + c1*x + ..., by Horner's rule; the c are numbers."""

    ufunc = "poly"

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return args[1] if len(args) == 2 else None  # of one coefficient it is a number

    def fdiff(self, argindex: int = 1) -> Expr:
        x, *c = self.args
        slopes = [k * a for k, a in enumerate(c)][1:]
        return poly(x, *slopes) if slopes else Integer(0)


class erfc(Scalar):
    """1 - erf(x), accurate where erf(x) is near 1."""

    nargs = 1
    ufunc = "erfc"

    def fdiff(self, argindex: int = 1) -> Expr:
        return -2 / sympy.sqrt(sympy.pi) * sympy.exp(-(self.args[0] ** 2))


class erfcx(Scalar):
    """exp(x**2)*erfc(x), which does not underflow."""

    nargs = 1
    ufunc = "erfcx"

    def fdiff(self, argindex: int = 1) -> Expr:
        (x,) = self.args
        return 2 * x * erfcx(x) - 2 / sympy.sqrt(sympy.pi)


class log_erfc(Scalar):
    """log(erfc(x)) far into the tail."""

    nargs = 1
    ufunc = "log_erfc"

    def fdiff(self, argindex: int = 1) -> Expr:
        (x,) = self.args
        return -2 / sympy.sqrt(sympy.pi) / erfcx(x)


class hypot(Scalar):
    """sqrt(a**2 + b**2) without overflow in between."""

    nargs = 2
    ufunc = "hypot"

    def fdiff(self, argindex: int = 1) -> Expr:
        return over(self.args[argindex - 1], self)

"""The scalar functions of formulas, as sympy classes that evaluate nothing behind our back.

sympy's own `Abs`, `Max`, `sign`, `Heaviside` and `Piecewise` rewrite themselves and have slopes
made of DiracDelta, and a product with a mask turns 0*inf into nan. Here everything that branches
is differentiated by selection, and everything else by an `fdiff` of one line.

>>> from sympy import Symbol
>>> x = Symbol("x", real=True)
>>> where(x > 0, x, 0).diff(x)
where(x > 0, 1, 0)
>>> Abs(x).diff(x)
where(x > 0, 1, where(x < 0, -1, 0))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, S
from sympy.logic.boolalg import Boolean, BooleanFunction

from graphnet.formula.scalar import Scalar
from graphnet.formula.special import (
    erfc,
    erfcx,
    hypot,
    log_erfc,
    over,
    poly,
    square,
    times,
)

__all__ = [
    "FUNCTIONS", "SLOPES", "Abs", "Heaviside", "Holds", "Max", "Min", "erfc", "erfcx", "expm1",
    "expw", "floor", "floordiv", "hypot", "log1p", "log_erfc", "mod", "over", "poly", "sign",
    "square", "times", "where",
]  # fmt: skip


class where(Scalar):
    """where(c, a, b): a where the condition holds, else b; the other branch is never touched."""

    nargs = 3

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        condition, a, b = args
        if condition == S.true or a == b:
            return a
        if condition == S.false:
            return b
        return None

    def _eval_derivative(self, s: Any) -> Expr:
        condition, a, b = self.args
        return where(condition, a.diff(s), b.diff(s))  # select, never multiply: 0*inf is nan


class Abs(Scalar):
    """|x|, slope 0 at 0."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return sympy.Abs(args[0]) if args[0].is_number else None

    def _eval_derivative(self, s: Any) -> Expr:
        (x,) = self.args
        dx = x.diff(s)
        return where(x > 0, dx, where(x < 0, -dx, Integer(0)))


class sign(Scalar):
    """-1, 0 or 1; slope 0."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return sympy.sign(args[0]) if args[0].is_number else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(0)


class Heaviside(Scalar):
    """0 below 0, 1 above, and 1/2 at 0 (or the second argument); slope 0."""

    nargs = (1, 2)

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        x = args[0]
        at_zero = args[1] if len(args) == 2 else Rational(1, 2)
        if x.is_number:
            return S.One if x > 0 else S.Zero if x < 0 else at_zero
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        if argindex == 1:
            return Integer(0)
        return where(sympy.Eq(self.args[0], 0), Integer(1), Integer(0))


class floor(Scalar):
    """The largest integer that is not above x; slope 0."""

    nargs = 1
    ufunc = "floor"

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return sympy.floor(args[0]) if args[0].is_number else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(0)


class floordiv(Scalar):
    """The largest integer that is not above a/b, as Python's a // b; slope 0 in both."""

    nargs = 2
    ufunc = "floor_divide"

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return _quotient(*args)

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(0)


class mod(Scalar):
    """a - b*floordiv(a, b), as Python's a % b: of the sign of b. Slope 1 in a, -floordiv in b."""

    nargs = 2
    ufunc = "remainder"

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        a, b = args
        whole = _quotient(a, b)
        return None if whole is None else a - b * whole

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(1) if argindex == 1 else -floordiv(*self.args)


def _quotient(a: Any, b: Any) -> Expr | None:
    """floor(a/b) of finite numbers."""
    finite = all(x.is_number and x.is_finite for x in (a, b))
    return sympy.floor(a / b) if finite and b != 0 else None


class Extremum(Scalar):
    """Max and Min of two or more scalars: the slope goes to the winner, ties share evenly."""

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        if len(args) == 1 or all(a == args[0] for a in args):
            return args[0]
        if all(
            (a.is_number and a.is_comparable) or a in (S.Infinity, S.NegativeInfinity) for a in args
        ):
            return (sympy.Max if cls is Max else sympy.Min)(*args)
        return None

    @classmethod
    def beats(cls, a: Any, b: Any) -> Any:
        return a > b if cls is Max else a < b

    def _eval_derivative(self, s: Any) -> Expr:
        slopes = [a.diff(s) for a in self.args]
        if all(d == slopes[0] for d in slopes):
            return slopes[0]
        if len(self.args) == 2:
            (a, b), (da, db) = self.args, slopes
            return where(self.beats(a, b), da, where(self.beats(b, a), db, (da + db) / 2))
        # Among n arguments: the mean slope of those that reach the extremum.
        wins = [sympy.Eq(a, self) for a in self.args]
        count = sympy.Add(*(where(w, Integer(1), Integer(0)) for w in wins))
        chosen = sympy.Add(*(where(w, d, Integer(0)) for w, d in zip(wins, slopes, strict=True)))
        return chosen / count


class Max(Extremum):
    """The largest of two or more scalars."""


class Min(Extremum):
    """The smallest of two or more scalars."""


class log1p(Scalar):
    """log(1 + x), accurate near 0."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return S.Zero if args[0] == 0 else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return 1 / (1 + self.args[0])


class expm1(Scalar):
    """exp(x) - 1, accurate near 0."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Any) -> Expr | None:
        return S.Zero if args[0] == 0 else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return sympy.exp(self.args[0])


class expw(Scalar):
    """expw(b, y) = exp(b - y), and 0 where y is -oo: the weight of b in a LogSumExp of value y."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Expr:
        return self if argindex == 1 else -self


class Holds(BooleanFunction):
    """Whether an element of a bool tensor is true; made from a bare bool read in a condition."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Any) -> Boolean | None:
        if args[0] in (S.true, S.One):
            return S.true
        if args[0] in (S.false, S.Zero):
            return S.false
        return None


# Spelling in formula text -> sympy class or function. The accepted second spellings come last.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": sympy.exp, "log": sympy.log, "log1p": log1p, "expm1": expm1, "sqrt": sympy.sqrt,
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "sinh": sympy.sinh, "cosh": sympy.cosh,
    "tanh": sympy.tanh, "atan": sympy.atan, "asinh": sympy.asinh, "acosh": sympy.acosh,
    "atanh": sympy.atanh, "erf": sympy.erf, "erfc": erfc, "erfcx": erfcx, "log_erfc": log_erfc,
    "hypot": hypot, "times": times, "over": over, "square": square, "poly": poly, "sign": sign,
    "Abs": Abs,
    "Max": Max, "Min": Min, "Heaviside": Heaviside, "where": where, "expw": expw,
    "floor": floor, "floordiv": floordiv, "mod": mod,
    "abs": Abs, "maximum": Max, "minimum": Min,
}  # fmt: skip

# The printed list of slopes that do not come from sympy: function -> slope in each argument.
SLOPES: dict[str, tuple[str, ...]] = {
    "where": ("none", "where(c, 1, 0)", "where(c, 0, 1)"),
    "Abs": ("where(x>0, 1, where(x<0, -1, 0))",),
    "Max": ("1 to the largest, ties share evenly",),
    "Min": ("1 to the smallest, ties share evenly",),
    "sign": ("0",),
    "floor": ("0",),
    "floordiv": ("0", "0"),
    "mod": ("1", "-floordiv(a, b)"),
    "Heaviside": ("0", "where(x==0, 1, 0)"),
    "log1p": ("1/(1+x)",),
    "expm1": ("exp(x)",),
    "expw": ("expw(b, y)", "-expw(b, y)"),
    "erfc": ("-2/sqrt(pi)*exp(-x**2)",),
    "erfcx": ("2*x*erfcx(x) - 2/sqrt(pi)",),
    "log_erfc": ("-2/sqrt(pi)/erfcx(x)",),
    "hypot": ("a/hypot(a, b)", "b/hypot(a, b)"),
    "times": ("b", "a"),
    "over": ("1/b", "-a/b**2"),
    "square": ("2*x",),
    "poly": ("c1 + 2*c2*x + ...",),
}

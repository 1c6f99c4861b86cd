"""An expression as a function of balls (python-flint, Arb), ready to be run at many points.

A tape computes equal parts once a point, and the branch that a `where` does not take never.

>>> import flint
>>> from flint import arb
>>> x = Symbol("x", real=True)
>>> flint.ctx.prec = 60
>>> tape(fn.where(x > 0, sympy.log(x), x), x)(arb(-1))
-1.0000000000000000
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from flint import arb
from sympy import Basic, Expr, S, Symbol

from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula import special as more
from graphnet.formula.searched import meant

__all__ = ["Ball", "Unsure", "Values", "tape"]

Ball = Any  # flint.arb
Values = Callable[[Ball], Ball]


class Unsure(Exception):
    """A comparison that the precision does not decide."""


def _compare(relation: type[Basic], a: Ball, b: Ball) -> bool:
    d = a - b
    if d.is_nan():
        raise Unsure
    if d.is_zero() and d.is_exact():
        return relation in (sympy.LessThan, sympy.GreaterThan, sympy.Equality)
    if d > 0:
        return relation in (sympy.StrictGreaterThan, sympy.GreaterThan, sympy.Unequality)
    if d < 0:
        return relation in (sympy.StrictLessThan, sympy.LessThan, sympy.Unequality)
    raise Unsure


def _sign(x: Ball) -> Ball:
    return arb(1 if _compare(sympy.StrictGreaterThan, x, arb(0)) else
               -1 if _compare(sympy.StrictLessThan, x, arb(0)) else 0)  # fmt: skip


def _abs(x: Ball) -> Ball:
    return abs(x)


def _heaviside(x: Ball, at_zero: Ball | None = None) -> Ball:
    s = _sign(x)
    return (arb(1) + s) / 2 if s != 0 or at_zero is None else at_zero


def _floor(x: Ball) -> Ball:
    whole = x.floor()
    if not whole.is_exact():
        raise Unsure
    return whole


def _mod(a: Ball, b: Ball) -> Ball:
    return a - b * _floor(a / b)


def _poly(x: Ball, *c: Ball) -> Ball:
    result = arb(0)
    for a in reversed(c):
        result = result * x + a
    return result


_FUNCTIONS: dict[type[Basic], Callable[..., Ball]] = {
    sympy.exp: lambda x: x.exp(), sympy.log: lambda x: x.log(), fn.log1p: lambda x: x.log1p(),
    fn.expm1: lambda x: x.expm1(), sympy.sin: lambda x: x.sin(), sympy.cos: lambda x: x.cos(),
    sympy.tan: lambda x: x.tan(), sympy.sinh: lambda x: x.sinh(), sympy.cosh: lambda x: x.cosh(),
    sympy.tanh: lambda x: x.tanh(), sympy.atan: lambda x: x.atan(), sympy.erf: lambda x: x.erf(),
    sympy.asinh: lambda x: x.asinh(), sympy.acosh: lambda x: x.acosh(),
    sympy.atanh: lambda x: x.atanh(), more.erfc: lambda x: x.erfc(),
    more.erfcx: lambda x: (x * x).exp() * x.erfc(), more.log_erfc: lambda x: x.erfc().log(),
    more.hypot: lambda a, b: (a * a + b * b).sqrt(), more.times: lambda a, b: a * b,
    more.over: lambda a, b: a / b, more.square: lambda x: x * x, more.poly: _poly,
    fn.sign: _sign, fn.Abs: _abs, sympy.Abs: _abs, fn.Heaviside: _heaviside, fn.floor: _floor,
    fn.floordiv: lambda a, b: _floor(a / b), fn.mod: _mod,
    fn.Max: lambda *a: _extreme(a, 1), fn.Min: lambda *a: _extreme(a, -1),
    fn.expw: lambda b, y: (b - y).exp(),
}  # fmt: skip


def _extreme(values: Sequence[Ball], side: int) -> Ball:
    best = values[0]
    for v in values[1:]:
        if _compare(sympy.StrictGreaterThan, side * (v - best), arb(0)):
            best = v
    return best


def tape(expr: Expr, x: Symbol) -> Values:
    """An expression as a function of balls; equal parts are computed once a point."""
    steps: list[Callable[[list[Any]], Any]] = []
    place: dict[Basic, int] = {}

    def visit(part: Basic) -> int:
        if part not in place:
            step = _step(part, x, visit)
            place[part] = len(steps)
            steps.append(step)
        return place[part]

    root = visit(sharpened(meant(expr)))

    def run(at: Ball) -> Ball:
        held: list[Any] = [at]
        for step in steps:
            held.append(step(held))
        return held[root + 1]()

    return run


def sharpened(expr: Any) -> Any:
    """1 + erf(u) as erfc(-u), exp(u) - 1 as expm1(u), log(1 + u) as log1p(u): fewer bits needed.

    These are identities of exact mathematics, so what the balls certify stays what was meant.
    """
    if not expr.args:
        return expr
    args = [sharpened(a) for a in expr.args]
    if isinstance(expr, sympy.Add):
        whole = sympy.Add(*args)
        constant, _ = whole.as_coeff_Add()
        for term in sympy.Add.make_args(whole):
            c, u = term.as_coeff_Mul()
            if isinstance(u, sympy.erf) and c == -constant and constant != 0:
                return constant * more.erfc(u.args[0]) + (whole - constant - term)
            if isinstance(u, sympy.erf) and c == constant and constant != 0:
                return constant * more.erfc(-u.args[0]) + (whole - constant - term)
            if isinstance(u, sympy.exp) and c == -constant and constant != 0:
                return c * fn.expm1(u.args[0]) + (whole - constant - term)
        return whole
    if isinstance(expr, sympy.log) and isinstance(args[0], sympy.Add):
        constant, rest = args[0].as_coeff_Add()
        if constant == 1:
            return fn.log1p(rest)
    return expr.func(*args)


def _step(part: Basic, x: Symbol, visit: Callable[[Basic], int]) -> Callable[[list[Any]], Any]:
    """A step puts a thunk on the tape: the branch that a where does not take is never computed."""
    if part == x:
        return lambda held: lambda: held[0]
    if part in (S.true, S.false):
        truth_of = part == S.true
        return lambda held: lambda: truth_of
    if isinstance(part, sympy.Number | sympy.NumberSymbol):
        number = _number(part)
        return lambda held: number
    if isinstance(part, sympy.core.relational.Relational):
        kind = type(part)
        return _lazy([visit(a) for a in part.args], lambda a, b: _compare(kind, a, b))
    if isinstance(part, fn.where):
        c, a, b = (visit(p) + 1 for p in part.args)
        return lambda held: _once(lambda: (held[a] if held[c]() else held[b])())
    if isinstance(part, sympy.And | sympy.Or):
        fold = all if isinstance(part, sympy.And) else any
        return _lazy([visit(a) for a in part.args], lambda *v: fold(v))
    if isinstance(part, sympy.Not):
        return _lazy([visit(part.args[0])], lambda v: not v)
    if isinstance(part, sympy.Add | sympy.Mul):
        add = isinstance(part, sympy.Add)
        return _lazy([visit(a) for a in part.args], _sum if add else _product)
    if isinstance(part, sympy.Pow):
        return _power(part, visit)
    if part.func not in _FUNCTIONS:
        raise GraphnetError(f"no certified values are known of {type(part).__name__}")
    return _lazy([visit(a) for a in part.args], _FUNCTIONS[part.func])


def _sum(*terms: Ball) -> Ball:
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    return total


def _product(*factors: Ball) -> Ball:
    total = factors[0]
    for f in factors[1:]:
        total = total * f
    return total


def _number(part: Basic) -> Callable[[], Ball]:
    if isinstance(part, sympy.Rational):
        p, q = int(part.p), int(part.q)
        return lambda: arb(p) / q if q != 1 else arb(p)
    if part == S.Pi:
        return arb.pi
    if part == S.Exp1:
        return lambda: arb(1).exp()
    if part in (S.Infinity, S.NegativeInfinity):
        return arb.pos_inf if part == S.Infinity else arb.neg_inf
    value = float(part)
    return lambda: arb(value)


def _power(part: sympy.Pow, visit: Callable[[Basic], int]) -> Callable[[list[Any]], Any]:
    base, e = part.args
    if isinstance(e, sympy.Integer):
        n = int(e)
        return _lazy([visit(base)], lambda b: b**n if n >= 0 else 1 / b**-n)
    if isinstance(e, sympy.Rational) and e.q == 2:
        p = int(e.p)
        return _lazy([visit(base)], lambda b: b.sqrt() ** p if p >= 0 else 1 / b.sqrt() ** -p)
    return _lazy([visit(base), visit(e)], _general)


def _general(base: Ball, e: Ball) -> Ball:
    return arb(0) if base.is_zero() and e > 0 else base**e


def _lazy(places: list[int], function: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    if len(places) == 1:
        only = places[0] + 1
        return lambda held: _once(lambda: function(held[only]()))
    return lambda held: _once(lambda: function(*[held[k + 1]() for k in places]))


def _once(compute: Callable[[], Any]) -> Callable[[], Any]:
    found: list[Any] = []

    def value() -> Any:
        if not found:
            found.append(compute())
        return found[0]

    return value

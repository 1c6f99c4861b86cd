"""One body at one loop point: a walk over its expression, made into nested Python functions.

>>> from graphnet.formula.formula import hole
>>> body = fn.where(hole(0) > 0, 1/hole(0), 0)
>>> point = Point(index=(3,), reads=[lambda index: float(index[0] + 1)])
>>> evaluator(body)(point)
0.25
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy
from sympy import Basic, Integer, Rational, S, Symbol

from graphnet.compiler import ieee
from graphnet.compiler.ieee import Number
from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.formula import symbol_kind
from graphnet.formula.searched import Searched

__all__ = ["Point", "evaluator"]


@dataclass(slots=True)
class Point:
    """One point of the loops: what the symbols of a body stand for."""

    index: tuple[int, ...]
    reads: Sequence[Callable[[tuple[int, ...]], Number]]
    extents: Sequence[int] = ()
    dims: Sequence[int] = ()


Evaluator = Callable[[Point], Any]

# Functions of numbers; every argument is evaluated first.
_FUNCTIONS: dict[type[Basic], Callable[..., Any]] = {
    sympy.exp: ieee.exp, sympy.log: ieee.log, fn.log1p: ieee.log1p, fn.expm1: ieee.expm1,
    sympy.sin: ieee.sin, sympy.cos: ieee.cos, sympy.tan: ieee.tan, sympy.sinh: ieee.sinh,
    sympy.cosh: ieee.cosh, sympy.tanh: ieee.tanh, sympy.atan: ieee.atan, sympy.erf: ieee.erf,
    fn.sign: ieee.sign, fn.Abs: ieee.absolute, fn.Max: ieee.largest, fn.Min: ieee.smallest,
    fn.Heaviside: ieee.heaviside, fn.expw: ieee.expw, fn.floor: ieee.floor,
    fn.floordiv: ieee.floordiv, fn.mod: ieee.mod,
    sympy.asinh: ieee.asinh, sympy.acosh: ieee.acosh, sympy.atanh: ieee.atanh,
    fn.erfc: ieee.erfc, fn.erfcx: ieee.erfcx, fn.log_erfc: ieee.log_erfc, fn.hypot: ieee.hypot,
    fn.poly: ieee.poly, fn.times: lambda a, b: a * b, fn.over: ieee.divide,
    fn.square: lambda a: a * a,
    sympy.Add: lambda *terms: sum(terms[1:], terms[0]),
    sympy.StrictLessThan: lambda a, b: a.real < b.real,
    sympy.LessThan: lambda a, b: a.real <= b.real,
    sympy.StrictGreaterThan: lambda a, b: a.real > b.real,
    sympy.GreaterThan: lambda a, b: a.real >= b.real,
    sympy.Equality: lambda a, b: a.real == b.real,
    sympy.Unequality: lambda a, b: a.real != b.real,
    sympy.And: lambda *conditions: all(conditions),
    sympy.Or: lambda *conditions: any(conditions),
    sympy.Not: lambda condition: not condition,
    fn.Holds: lambda element: bool(element),
}  # fmt: skip


@lru_cache(maxsize=4096)
def evaluator(part: Basic) -> Evaluator:
    """A body, or a part of it, as a function of a loop point."""
    if isinstance(part, Symbol):
        return _symbol(part)
    if part in (S.true, S.false):
        return _always(part == S.true)
    if isinstance(part, sympy.Number | sympy.NumberSymbol):
        return _always(_number(part))
    if isinstance(part, fn.where):
        condition, a, b = map(evaluator, part.args)
        return lambda p: a(p) if condition(p) else b(p)
    if isinstance(part, sympy.Mul):
        return _product(part)
    if isinstance(part, sympy.Pow):
        return _power(evaluator(part.base), part.exp)
    if isinstance(part, Searched):
        return evaluator(part.form)
    if part.func not in _FUNCTIONS:
        raise GraphnetError(f"the function {part.func.__name__} of {part} has no meaning here")
    function, arguments = _FUNCTIONS[part.func], [evaluator(a) for a in part.args]
    if len(arguments) == 1:
        (only,) = arguments
        return lambda p: function(only(p))
    return lambda p: function(*[a(p) for a in arguments])


def _always(value: Any) -> Evaluator:
    return lambda p: value


def _symbol(symbol: Symbol) -> Evaluator:
    kind, k = symbol_kind(symbol)
    return {
        "h": lambda p: p.reads[k](p.index),
        "i": lambda p: p.index[k],
        "n": lambda p: p.extents[k],
        "d": lambda p: p.dims[k],
    }[kind]


def _number(number: Basic) -> Number:
    if isinstance(number, Integer):
        return int(number)
    if isinstance(number, Rational):
        return int(number.p) / int(number.q)
    return float(number)


def _product(part: sympy.Mul) -> Evaluator:
    """a*b/c/d: what stands under the line is divided by, one factor at a time."""
    below = [a for a in part.args if isinstance(a, sympy.Pow) and a.exp.is_negative]
    above = [evaluator(a) for a in part.args if a not in below]
    under = [_power(evaluator(a.base), -a.exp) for a in below]

    def product(p: Point) -> Number:
        value: Number = above[0](p) if above else 1
        for factor in above[1:]:
            value = value * factor(p)
        for factor in under:
            value = ieee.divide(value, factor(p))
        return value

    return product


def _power(base: Evaluator, exponent: Basic) -> Evaluator:
    if exponent == Rational(1, 2):
        return lambda p: ieee.sqrt(base(p))
    if exponent == Rational(-1, 2):
        return lambda p: ieee.divide(1, ieee.sqrt(base(p)))
    e = evaluator(exponent)
    return lambda p: ieee.power(base(p), e(p))

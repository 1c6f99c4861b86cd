"""Forms as NumPy computes them: an expression in one argument, evaluated on an array of points.

Order and grouping of operations are those of the compiler (`compiler/body.py`), so what is judged
here is what the emitted code does; a test holds the two to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Basic, Expr, S

from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula import special as more
from graphnet.formula.arrange import fraction, terms
from graphnet.formula.searched import ARGUMENT, Searched
from graphnet.numerics import tails

__all__ = ["cost", "evaluate"]

Value = Any  # an array, or a Python number that broadcasts

_FUNCTIONS: dict[type[Basic], Callable[..., Value]] = {
    sympy.exp: np.exp, sympy.log: np.log, fn.log1p: np.log1p, fn.expm1: np.expm1,
    sympy.sin: np.sin, sympy.cos: np.cos, sympy.tan: np.tan, sympy.sinh: np.sinh,
    sympy.cosh: np.cosh, sympy.tanh: np.tanh, sympy.atan: np.arctan, sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh, sympy.atanh: np.arctanh, fn.sign: np.sign, fn.Abs: np.abs,
    fn.floor: np.floor, fn.floordiv: np.floor_divide, fn.mod: np.remainder,
    sympy.erf: tails.erf, more.erfc: tails.erfc, more.erfcx: tails.erfcx,
    more.log_erfc: tails.log_erfc, more.hypot: np.hypot, more.times: np.multiply,
    more.over: np.divide, more.square: np.square,
    sympy.StrictLessThan: np.less, sympy.LessThan: np.less_equal,
    sympy.StrictGreaterThan: np.greater, sympy.GreaterThan: np.greater_equal,
    sympy.Eq: np.equal, sympy.Ne: np.not_equal, sympy.Not: np.logical_not,
}  # fmt: skip


def evaluate(form: Expr, x: NDArray[Any]) -> NDArray[Any]:
    """The values of a form at points, in the dtype of the points."""
    memo: dict[Basic, Value] = {ARGUMENT: x}
    with np.errstate(all="ignore"):
        result = _value(form, memo, x.dtype)
        return np.broadcast_to(np.asarray(result, x.dtype), x.shape)


def _value(e: Basic, memo: dict[Basic, Value], dtype: np.dtype[Any]) -> Value:
    if e not in memo:
        memo[e] = _make(e, memo, dtype)
    return memo[e]


def _make(e: Any, memo: dict[Basic, Value], dtype: np.dtype[Any]) -> Value:
    def value(a: Any) -> Value:
        return _value(a, memo, dtype)

    if e in (S.true, S.false):
        return e == S.true
    if e.is_number:
        return number(e)
    if isinstance(e, sympy.Add):
        return _add(e, value)
    if isinstance(e, sympy.Mul):
        return _mul(e, value)
    if isinstance(e, sympy.Pow):
        return _pow(e, value)
    if isinstance(e, fn.where):
        return _where(e, value, dtype)
    if isinstance(e, fn.Max | fn.Min):
        op = np.maximum if isinstance(e, fn.Max) else np.minimum
        result = value(e.args[0])
        for a in e.args[1:]:
            result = op(result, value(a))
        return result
    if isinstance(e, fn.Heaviside):
        at_zero = e.args[1] if len(e.args) == 2 else sympy.Rational(1, 2)
        return np.heaviside(value(e.args[0]), value(at_zero))
    if isinstance(e, sympy.And | sympy.Or):
        fold: Any = np.logical_and if isinstance(e, sympy.And) else np.logical_or
        result, *rest = (value(a) for a in e.args)
        for other in rest:
            result = fold(result, other)
        return result
    if isinstance(e, more.poly):
        return _horner(value(e.args[0]), [number(c) for c in e.args[1:]])
    if isinstance(e, Searched):
        return value(e.form)
    if e.func not in _FUNCTIONS:
        raise GraphnetError(f"no NumPy for {type(e).__name__}")
    return _FUNCTIONS[e.func](*[value(a) for a in e.args])


def number(e: Any) -> float | int:
    if e in (S.Infinity, S.NegativeInfinity):
        return np.inf if e == S.Infinity else -np.inf
    if e.is_Integer and abs(int(e)) < 2**53:
        return int(e)
    return float(e.evalf(30))


def _horner(x: Value, c: Sequence[float]) -> Value:
    result: Value = c[-1]
    for a in reversed(c[:-1]):
        result = result * x + a
    return result


def _add(e: sympy.Add, value: Callable[[Any], Value]) -> Value:
    parts = terms(e)
    first = next((k for k, (minus, _) in enumerate(parts) if not minus), 0)
    ordered = [parts[first], *parts[:first], *parts[first + 1 :]]
    minus, head = ordered[0]
    result = -value(head) if minus else value(head)
    for minus, t in ordered[1:]:
        result = result - value(t) if minus else result + value(t)
    return result


def _product(factors: Sequence[Value]) -> Value:
    result: Value = None
    for f in factors:
        result = f if result is None else result * f
    return result


def _scaled(a: Value, c: Any) -> Value:
    if c == 1:
        return a
    if c == -1:
        return -a
    if c.is_Rational and c.q % 5 and c.q != 1:
        return _scaled(a, sympy.Integer(c.p)) / int(c.q)
    return number(c) * a


def _mul(e: sympy.Mul, value: Callable[[Any], Value]) -> Value:
    coefficient, _ = e.as_coeff_Mul()
    above, below = fraction(e)
    top = _product([value(f) for f in above])
    bottom = _product([value(f) for f in below])
    if bottom is None:
        return _scaled(top, coefficient)
    size = abs(coefficient)
    if size.is_Rational and size.q % 5 and size.q != 1:
        bottom = _scaled(bottom, sympy.Integer(size.q))
        size = sympy.Integer(size.p)
    top = _scaled(top, size) if top is not None else number(size)
    return _scaled(top / bottom, sympy.sign(coefficient))


def _pow(e: sympy.Pow, value: Callable[[Any], Value]) -> Value:
    base, exponent = e.args
    if exponent == -1:
        return 1 / value(base)
    if exponent.is_Rational and exponent.is_negative:
        return 1 / value(sympy.Pow(base, -exponent))
    if exponent == sympy.Rational(1, 2):
        return np.sqrt(value(base))
    if exponent == 2:
        return np.square(value(base))
    return np.power(value(base), value(exponent))


def _where(e: Any, value: Callable[[Any], Value], dtype: np.dtype[Any]) -> Value:
    condition, a, b = e.args
    if is_maximum(e):
        return np.maximum(value(a), 0)
    chosen, other = value(a), value(b)
    if not isinstance(chosen, np.ndarray) and not isinstance(other, np.ndarray):
        chosen = dtype.type(chosen)
    return np.where(value(condition), chosen, other)


# In additions, as measured by `python -m tests.benchmarks.prices` (which says how): the mean of
# float64 and float32. A `where` pays for every condition that the processor guesses wrong.
_PRICES: dict[str, float] = {
    "where": 11, "exp": 1.5, "log": 1.6, "log1p": 2, "expm1": 1.7, "tanh": 2, "sinh": 1.9,
    "cosh": 1.6, "sin": 8, "cos": 9, "tan": 2.3, "atan": 2, "erf": 27, "erfc": 47, "erfcx": 36,
    "log_erfc": 66, "hypot": 18, "asinh": 3.6, "acosh": 4.5, "atanh": 4, "Pow": 4,
}  # fmt: skip


def cost(form: Expr) -> float:
    """About how long a form takes, in additions; equal parts count once."""
    total, seen = 0.0, set[Basic]()
    for part in sympy.preorder_traversal(form):
        if part in seen or not part.args or getattr(part, "is_number", False):
            continue
        seen.add(part)
        if isinstance(part, sympy.Pow):
            e = part.args[1]
            total += 1 if e in (-1, 2) else 1.4 if e == S.Half else _PRICES["Pow"]
        elif isinstance(part, more.poly):
            total += 2 * len(part.args)
        elif isinstance(part, sympy.Add | sympy.Mul):
            total += len(part.args) - 1
        elif not is_maximum(part):
            total += _PRICES.get(part.func.__name__, 1)
    return total


def is_maximum(e: Basic) -> bool:
    """where(a > 0, a, 0), which is computed as the larger of a and 0."""
    if not isinstance(e, fn.where):
        return False
    condition, a, b = e.args
    return bool(b == 0 and isinstance(condition, sympy.StrictGreaterThan)
                and condition.args == (a, b))  # fmt: skip

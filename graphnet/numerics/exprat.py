"""Functions of one exponential in q = exp(-|b|) <= 1, in which nothing overflows.

Any expression that is rational in exp(b), logarithms of such included, is brought to P(E)/Q(E) with
E = exp(b), and each half (b > 0, b < 0) is written in q: powers of E that would overflow cancel,
1 - q is expm1, and logarithms become m*b + log1p(...). Every spelling of sigmoid, tanh, softplus,
log-cosh and their slopes lands on the same few lines.

>>> from graphnet.formula.searched import ARGUMENT as x
>>> in_q(sympy.log(1 + sympy.exp(x)))
log1p(exp(-Abs(_h0))) + where(_h0 > 0, _h0, 0)
"""

from __future__ import annotations

import math
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Rational, S, Symbol

from graphnet.formula.functions import Abs, Min, expm1, log1p, where
from graphnet.formula.searched import ARGUMENT, meant
from graphnet.numerics.rules import plain

__all__ = ["in_exponentials", "in_q"]

# Symbols of our own, made once: a fresh one costs sympy's assumption machinery.
E, Q = Symbol("_E", positive=True), Symbol("_q", positive=True)
_BELOW = Symbol("_below", positive=True)  # where(b > 0, 1, q)
_ABOVE = Symbol("_above", positive=True)  # where(b > 0, q, 1)
LARGEST_POWER = 24


class _Not(Exception):
    """This is no function of one exponential."""


class _Negative(Exception):
    """The logarithm of a negative number."""


def in_exponentials(expr: Expr) -> Expr:
    """Hyperbolic functions, expm1 and log1p written with exp and log."""
    expr = plain(meant(expr))
    table: dict[Any, Any] = {
        sympy.tanh: lambda u: (sympy.exp(2 * u) - 1) / (sympy.exp(2 * u) + 1),
        sympy.sinh: lambda u: (sympy.exp(u) - sympy.exp(-u)) / 2,
        sympy.cosh: lambda u: (sympy.exp(u) + sympy.exp(-u)) / 2,
        expm1: lambda u: sympy.exp(u) - 1,
        log1p: lambda u: sympy.log(1 + u),
    }  # fmt: skip
    if not expr.has(*table):
        return expr
    args = [in_exponentials(a) if isinstance(a, Expr) else a for a in expr.args]
    for kind, written in table.items():
        if isinstance(expr, kind):
            return written(*args)
    return expr.func(*args)


def in_q(expr: Expr) -> Expr | None:
    """The expression in q = exp(-|b|); None where it is no function of one exponential."""
    if isinstance(expr, where):
        condition, *branches = expr.args
        found = [in_q(b) or b for b in branches]
        new = where(condition, *found)
        return new if new != expr else None
    try:
        return _in_q(in_exponentials(expr))
    except (_Not, sympy.PolynomialError, NotImplementedError):
        return None


def _in_q(expr: Expr) -> Expr:
    expr, base = _in_base(expr)
    size, direction = base.as_coeff_Mul()
    if base.is_nonnegative:
        return _half(expr, 1, base).xreplace({Q: sympy.exp(-base)})
    q = {Q: sympy.exp(-size * Abs(direction)), _BELOW: sympy.exp(size * Min(direction, S.Zero)),
         _ABOVE: sympy.exp(-size * where(direction > 0, direction, S.Zero))}  # fmt: skip
    up, down = _domain(expr, 1, base), _domain(expr, -1, base)
    if up is None or down is None:
        if up is None and down is None:
            raise _Not
        return (up or down).xreplace(q)  # type: ignore[union-attr]
    return _joined(direction, up, down).xreplace(q)


def _domain(expr: Expr, side: int, base: Expr) -> Expr | None:
    """A half; None where it is not real, as log(exp(x) - 1) for x < 0."""
    try:
        return _half(expr, side, base)
    except _Negative:
        return None


def _in_base(expr: Expr) -> tuple[Expr, Expr]:
    """The expression in E = exp(base), and the base."""
    found = sorted(
        (e for e in expr.atoms(sympy.exp) if e.has(ARGUMENT)), key=sympy.default_sort_key
    )
    if not found:
        raise _Not
    found = [e for e in found if e.args[0].has(sympy.exp)] or found  # the outermost is the one
    parts = [_exponent(e.args[0]) for e in found]
    first = parts[0][1]
    ratios = []
    for _, inner in parts:
        ratio = sympy.cancel(inner / first)
        if not ratio.is_Rational:
            raise _Not
        ratios.append(ratio)
    unit = Rational(math.gcd(*(r.p for r in ratios)), math.lcm(*(r.q for r in ratios)))
    base = first * unit
    sign = -1 if base.could_extract_minus_sign() else 1
    moves = {}
    for e, (constant, _), ratio in zip(found, parts, ratios, strict=True):
        power = sign * ratio / unit
        if abs(power) > LARGEST_POWER:
            raise _Not
        moves[e] = sympy.exp(constant) * E**power
    return expr.xreplace(moves), sign * base


def _exponent(inner: Expr) -> tuple[Expr, Expr]:
    """A number and the rest of an exponent."""
    constant, rest = sympy.expand(inner).as_coeff_Add()
    numbers = [t for t in Add.make_args(rest) if t.is_number]
    return constant + Add(*numbers), rest - Add(*numbers)


def _half(e: Any, side: int, base: Expr) -> Any:
    """The expression for base > 0 (side 1) or base < 0 (side -1), in q."""
    if not e.has(E):
        return e
    if _rational(e):
        return _fraction(e, side)
    if isinstance(e, sympy.log):
        return _logarithm(e.args[0], side, base)
    if isinstance(e, Add | Mul):
        own = [a for a in e.args if a.has(E) and _rational(a)]
        rest = [_half(a, side, base) for a in e.args if a not in own]
        return e.func(_fraction(e.func(*own), side), *rest) if own else e.func(*rest)
    if isinstance(e, sympy.Pow):
        return sympy.Pow(_half(e.args[0], side, base), _half(e.args[1], side, base))
    if isinstance(e, sympy.Function) and not isinstance(e, where):
        return e.func(*(_half(a, side, base) for a in e.args))
    raise _Not


def _rational(e: Expr) -> bool:
    """Whether an expression is rational in E, what else it holds being free of E."""
    if not e.has(E) or e == E:
        return True
    if isinstance(e, Add | Mul):
        return all(_rational(a) for a in e.args)
    return isinstance(e, sympy.Pow) and isinstance(e.args[1], Integer) and _rational(e.args[0])


def _above_below(e: Expr, side: int) -> tuple[Expr, Expr]:
    """Numerator and denominator as polynomials in q, powers of q that both have cancelled."""
    others = sorted(_others(e), key=sympy.default_sort_key)
    names = {o: Symbol(f"_o{k}", real=True) for k, o in enumerate(others)}
    whole = sympy.cancel(sympy.together(e.xreplace(names)))
    above, below = sympy.fraction(whole)
    if side > 0:
        degree = max(sympy.degree(above, E), sympy.degree(below, E))
        above = sympy.expand(above.xreplace({E: 1 / E}) * E**degree)
        below = sympy.expand(below.xreplace({E: 1 / E}) * E**degree)
        above, below = sympy.fraction(sympy.cancel(above / below))
    back = {name: o for o, name in names.items()} | {E: Q}
    return sympy.factor(above).xreplace(back), sympy.factor(below).xreplace(back)


def _others(e: Expr) -> set[Expr]:
    """The parts without E that stand where E is a polynomial's symbol, symbols apart.

    Of numbers these are such as exp(58943/12500), which is a power of 58943 to sympy's polynomials.
    """
    if not e.has(E):
        if e.has(ARGUMENT):
            return {e} if not e.is_Symbol else set()
        return {n for n in e.atoms(sympy.exp) if _power(n.args[0]) > LARGEST_POWER}
    return set().union(*(_others(a) for a in e.args)) if e.args else set()


def _power(exponent: Expr) -> int:
    """The largest numerator or denominator in an exponent."""
    terms = [t.as_coeff_Mul()[0] for t in Add.make_args(exponent)]
    return max(max(abs(c.p), c.q) if c.is_Rational else 0 for c in terms)


def _fraction(e: Expr, side: int) -> Expr:
    above, below = _above_below(e, side)
    return Mul(*(_factor(f) for f in Mul.make_args(above))) / Mul(
        *(_factor(f) for f in Mul.make_args(below))
    )


def _factor(f: Expr) -> Expr:
    """A factor as it is computed: 1 - q by expm1."""
    if isinstance(f, sympy.Pow) and isinstance(f.args[1], Integer):
        return _factor(f.args[0]) ** f.args[1]
    if f.free_symbols == {Q} and isinstance(f, Add) and f.xreplace({Q: S.One}) == 0:
        power = int(sympy.degree(f, Q))
        coefficient = f.coeff(Q, power)
        if f == coefficient * (Q**power - 1):
            return coefficient * expm1(power * sympy.log(Q))
    return f


def _logarithm(inside: Expr, side: int, base: Expr) -> Expr:
    """log(c q^k f g ...) = log c + k log q + log f + log g + ..."""
    if not _rational(inside):
        return sympy.log(_half(inside, side, base))
    above, below = _above_below(inside, side)
    total: Expr = S.Zero
    constant: Expr = S.One
    for whole, sign in ((above, 1), (below, -1)):
        for factor in Mul.make_args(whole):
            f, power = factor.as_base_exp() if isinstance(factor, sympy.Pow) else (factor, S.One)
            if not power.is_number:
                f, power = factor, S.One
            start = f.xreplace({Q: S.Zero})
            if f == Q:
                total += sign * power * -side * base
            elif not f.has(Q):
                constant *= f ** (sign * power)
            elif not start.is_number or start == 0:
                total += sign * power * sympy.log(f)
            else:
                constant *= start ** (sign * power)
                total += sign * power * _log_one(sympy.expand(f / start))
    if constant.is_number and constant.is_negative:
        raise _Negative
    return total + (sympy.log(constant) if constant != 1 else 0)


def _log_one(f: Expr) -> Expr:
    """log of a polynomial in q that is 1 at q = 0."""
    rest = f - 1
    if f.xreplace({Q: S.One}) == 0 and isinstance(rest, Mul | Symbol | sympy.Pow):
        coefficient, power = rest.as_coeff_Mul()
        if coefficient == -1:  # log(1 - q^k): two forms, Maechler 2012
            k = int(sympy.degree(power, Q))
            exponent = k * sympy.log(Q)
            return where(Q**k > HALF, sympy.log(-expm1(exponent)), log1p(rest))
    return log1p(rest)


HALF = Rational(1, 2)


def _joined(base: Expr, up: Expr, down: Expr) -> Expr:
    """where(base > 0, up, down) with what both halves share outside of it."""
    if up == down:
        return up
    if (up, down) in ((S.One, Q), (Q, S.One)):  # one more exp is cheaper than a where
        return _BELOW if up == 1 else _ABOVE
    if up == -down:
        return where(base > 0, S.One, S.NegativeOne) * up if up.is_Symbol else _signed(base, up)
    condition = base > 0
    for kind in (Mul, Add):
        a, b = kind.make_args(up), kind.make_args(down)
        shared = [t for t in a if t in b]
        if shared and (len(a) > 1 or len(b) > 1):
            left = kind(*(t for t in a if t not in shared))
            right = kind(*(t for t in b if t not in shared))
            return kind(_joined(base, left, right), *shared)
    return where(condition, up, down)


def _signed(base: Expr, up: Expr) -> Expr:
    numbers = Mul.make_args(up)
    head = next((f for f in numbers if f.has(Q) and not isinstance(f, sympy.Pow)), None)
    if head is None:
        return where(base > 0, up, -up)
    rest = Mul(*(f for f in numbers if f is not head))
    return where(base > 0, head, -head) * rest

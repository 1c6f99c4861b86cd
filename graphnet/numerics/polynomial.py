"""Polynomials at 0, and in 1/x far out: for sin(x)/x, x - tanh(x) and all that cancels there.

f(x) = x^k P(x): the leading power is split off, and P interpolates certified values at 24 Chebyshev
nodes of [-0.3, 0.3], computed to 90 digits. (Trefethen, Approximation Theory and Approximation
Practice, 2013.)
"""

from __future__ import annotations

import math

import flint
import sympy
from flint import arb, arb_poly
from sympy import Expr, Rational

from graphnet.formula.searched import ARGUMENT
from graphnet.formula.special import poly, times
from graphnet.numerics.tape import Unsure, Values

__all__ = ["at_infinity", "at_zero", "between"]

NODES, WIDTH, FAR, BITS = 24, 0.3, 0.12, 900
_NODES = tuple(math.cos(math.pi * (2 * j + 1) / (2 * NODES)) for j in range(NODES))
NOTHING = 1e-26  # a coefficient that is 0: of an odd or even function


def at_zero(f: Values, width: float = WIDTH) -> Expr | None:
    """x**k * poly(x, ...) on [-width, width], or on one side of 0; None where f is not smooth."""
    for sides in ((1, -1), (1,), (-1,)):
        found = _at_zero(f, width, sides)
        if found is not None:
            return found
    return None


def _at_zero(f: Values, width: float, sides: tuple[int, ...]) -> Expr | None:
    flint.ctx.prec = BITS
    k = _leading(f, sides)
    if k is None:
        return None
    if len(sides) == 2:  # symmetric to the last bit: what is even stays even
        half = [width * x for x in _NODES[: NODES // 2]]
        xs = [arb(side * x) for x in half for side in sides]
    else:
        xs = [arb(sides[0] * width / 2 * (1 + x)) for x in _NODES]
    try:
        ys = [f(x) / x**k for x in xs]
    except (Unsure, ZeroDivisionError, ValueError):
        return None
    if not all(y.is_finite() for y in ys):
        return None
    found = [float(c) for c in arb_poly.interpolate(xs, ys).coeffs()]
    return _written(found, k, width)


def between(f: Values, low: float, high: float) -> Expr | None:
    """poly(x - c, ...) on [low, high], c in the middle: where forms from left and right end."""
    flint.ctx.prec = BITS
    width = (high - low) / 2
    c = float(f"{(low + high) / 2:.3g}")
    xs = [arb(width * x) for x in _NODES]
    try:
        ys = [f(c + x) for x in xs]
    except (Unsure, ZeroDivisionError, ValueError):
        return None
    if not all(y.is_finite() for y in ys):
        return None
    found = [float(a) for a in arb_poly.interpolate(xs, ys).coeffs()]
    if not all(map(math.isfinite, found)) or not any(found):
        return None
    _shorten(found, width)
    return poly(ARGUMENT - Rational(repr(c)), *(Rational(repr(a)) for a in found))


def at_infinity(f: Values, side: int, far: float = FAR) -> Expr | None:
    """x**-k * poly(1/x, ...) beyond 1/far on one side: for x*erfcx(x) - 1/sqrt(pi) and the like."""
    flint.ctx.prec = BITS
    k = _leading(lambda r: f(side / r), sides=(1,), least=-2)
    if k is None:  # far out exp(-x**2) is no number any more; nearer it is
        k = _leading(lambda r: f(side / r), sides=(1,), least=-2, bits=10)
    if k is None:
        return None
    xs = [arb(far / 2 * (1 + x)) for x in _NODES]
    try:
        ys = [f(side / r) / r**k for r in xs]
    except (Unsure, ZeroDivisionError, ValueError):
        return None
    if not all(y.is_finite() for y in ys):
        return None
    c = [float(c) * side**j for j, c in enumerate(arb_poly.interpolate(xs, ys).coeffs())]
    if not all(map(math.isfinite, c)) or not any(c):
        return None
    series = poly(1 / ARGUMENT, *(Rational(repr(a)) for a in c))
    for _ in range(abs(k)):
        series = times(ARGUMENT if k < 0 else 1 / ARGUMENT, series)
    return series * side ** abs(k)  # an int also for k < 0


def _leading(
    f: Values, sides: tuple[int, ...] = (1, -1), least: int = 0, bits: int = 200
) -> int | None:
    """k with f(x) ~ c*x**k at 0, on both sides."""
    powers, starts = [], []
    for side in sides:
        try:
            near, far = (f(side * arb(2) ** -e) for e in (bits, bits - 1))
        except (Unsure, ZeroDivisionError, ValueError):
            return None
        if not (near.is_finite() and far.is_finite()) or near.is_zero() or near.contains(0):
            return None
        k = float((abs(far / near)).log() / arb(2).log())
        if abs(k - round(k)) > 2.0 ** (4 - bits) + 1e-6 or not least <= round(k) <= 8:
            return None
        powers.append(round(k))
        starts.append(near * (side * arb(2) ** bits) ** round(k))
    agree = all(abs(s - starts[0]) < abs(starts[0]) / 1000 for s in starts)  # not so of |x|
    return powers[0] if len(set(powers)) == 1 and agree else None


def _written(found: list[float], k: int, width: float) -> Expr | None:
    largest = max(map(abs, found), default=0.0)
    if not math.isfinite(largest) or largest == 0:
        return None
    c = [a if abs(a) > NOTHING * largest else 0.0 for a in found]
    even = not any(c[1::2])
    inner = ARGUMENT**2 if even else ARGUMENT
    kept = c[::2] if even else c
    _shorten(kept, width**2 if even else width)
    series = poly(inner, *(Rational(repr(a)) for a in kept))
    if k == 0:
        return series
    return times(ARGUMENT if k == 1 else sympy.Pow(ARGUMENT, k), series)


def _shorten(c: list[float], width: float) -> None:
    """Without the last coefficients, as far as they add nothing."""
    while len(c) > 1 and abs(c[-1]) * width ** (len(c) - 1) < 1e-18 * abs(c[0]):
        c.pop()

"""Certified values of a function of one argument, by ball arithmetic (python-flint, Arb).

A ball is a number and a radius that is sure to contain the exact value, so what is called true here
is proved: precision starts at 160 bits and is multiplied by 4 until the ball is 80 bits sharp.
(Johansson, "Arb", IEEE Trans. Computers 66, 2017.) Only at removable points such as sin(x)/x at 0
the value is a limit, taken 2**-1000 away on the sides where the function is real.
"""

from __future__ import annotations

import math

import flint
import numpy as np
from flint import arb
from numpy.typing import NDArray

from graphnet.numerics.tape import Ball, Unsure, Values

__all__ = ["ball", "truth"]

START, FACTOR, LAST, SHARP = 160, 4, 40960, 80


def ball(f: Values, at: float) -> Ball | None:
    """The sharp ball of f at a float; None where f is not real and finite there."""
    precision = START
    while precision <= LAST:
        flint.ctx.prec = precision
        try:
            value = f(arb(at))
        except (Unsure, ZeroDivisionError, ValueError):
            value = None
        if value is not None and value.is_finite():
            if value.is_zero() or value.rel_accuracy_bits() >= SHARP:
                return value
            if value.abs_upper() < arb(2) ** -1200:  # it underflows, whatever it is
                return arb(0)
        elif precision > START + max(0, math.frexp(at)[1]):
            return None  # twice no real value, all digits of x seen: out of the domain, or a pole
        precision *= FACTOR
    return None


def limit(f: Values, at: float) -> Ball | None:
    """The value at a removable point, from the sides where f is real; None where there is none."""
    sides = []
    for sign in (1, -1):
        found = []
        for bits in (1000, 1100):
            flint.ctx.prec = 8000
            try:
                value = f(arb(at) + arb(sign) * arb(2) ** -bits)
            except (Unsure, ZeroDivisionError, ValueError):
                value = arb.nan() if callable(arb.nan) else arb("nan")
            found.append(value)
        if all(v.is_finite() for v in found):
            sides.append(found)
    if not sides:
        return None
    first = sides[0][1]
    for pair in sides:
        for v in pair:
            if not abs(v - first) < arb(2) ** -200 * (1 + abs(first)):
                return None
    flint.ctx.prec = START
    return arb(0) if abs(first) < arb(2) ** -200 else +first.mid()


def truth(f: Values, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The true values at points, rounded; nan where f has none, inf beyond float64."""
    result = np.full(len(points), np.nan)
    for k, at in enumerate(points.tolist()):
        value = ball(f, at)
        if value is None and at == 0:
            value = limit(f, at)
        if value is not None:
            result[k] = _rounded(value)
    return result


def _rounded(value: Ball) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf

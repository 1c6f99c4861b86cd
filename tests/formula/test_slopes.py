"""Every slope of functions.py against certified balls (python-flint), at hard points too.

The truth is the derivative of the function's own power series over balls, at 200 bits: no formula
for a derivative enters it.
"""

from __future__ import annotations

import math

import mpmath
import pytest
import sympy
from flint import arb, arb_series, ctx

from graphnet.compiler.evaluate import Point, evaluator
from graphnet.formula.derive import slope
from graphnet.formula.formula import hole
from graphnet.formula.functions import FUNCTIONS, SLOPES

x = hole(0)
HARD = [
    0.0, -0.0, 5e-324, 1e-300, -1e-300, 1e-17, -1e-17, 1e-8, -1e-8, 0.1, -0.1, 0.5, -0.5, 1.0, -1.0,
    1.5, -1.5, math.pi / 2, -math.pi, 3.0, -3.0, 5.9, -5.9, 26.0, -26.0, 36.7, -36.7, 350.0, -350.0,
    700.0, -700.0, 1e10, 1e300,
]  # fmt: skip

# name -> the same function of a power series over balls, and where its slope exists
SERIES = {
    "exp": (lambda s: s.exp(), lambda v: abs(v) <= 700),
    "log": (lambda s: s.log(), lambda v: v > 1e-300),
    "log1p": (lambda s: (s + 1).log(), lambda v: v > -1),
    "expm1": (lambda s: s.exp() - 1, lambda v: abs(v) <= 700),
    "sqrt": (lambda s: s.sqrt(), lambda v: v > 0),
    "sin": (lambda s: s.sin(), lambda v: abs(v) < 1e11),
    "cos": (lambda s: s.cos(), lambda v: abs(v) < 1e11),
    "tan": (lambda s: s.tan(), lambda v: abs(v) < 1.55),
    "sinh": (lambda s: (s.exp() - (-s).exp()) / 2, lambda v: abs(v) <= 700),
    "cosh": (lambda s: (s.exp() + (-s).exp()) / 2, lambda v: abs(v) <= 700),
    "tanh": (lambda s: 1 - 2 / ((2 * s).exp() + 1), lambda v: abs(v) < 10),
    "atan": (lambda s: s.atan(), lambda v: abs(v) <= 1e10),
    "asinh": (lambda s: (s + (s * s + 1).sqrt()).log(), lambda v: abs(v) <= 1e10),
    "acosh": (lambda s: (s + (s * s - 1).sqrt()).log(), lambda v: 1 < v <= 1e10),
    "atanh": (lambda s: ((1 + s) / (1 - s)).log() / 2, lambda v: abs(v) < 1),
    "erf": (lambda s: s.erf(), lambda v: abs(v) <= 26),
    "erfc": (lambda s: s.erfc(), lambda v: abs(v) <= 26),
    "erfcx": (lambda s: (s * s).exp() * s.erfc(), lambda v: -26 < v < 10),
    "log_erfc": (lambda s: s.erfc().log(), lambda v: -26 < v < 1e6),
    "square": (lambda s: s * s, lambda v: abs(v) <= 1e10),
}
KINKED = {  # slope by the branch, with the value at the kink that the library states
    "sign": lambda v: 0.0,
    "Abs": lambda v: float((v > 0) - (v < 0)),
    "Heaviside": lambda v: 0.0,
}


def value(expr: sympy.Expr, *at: float) -> float:
    point = Point((0,), [lambda index, v=v: v for v in at], [1], [])
    point.index = (0,)
    return float(evaluator(expr)(point))


@pytest.mark.parametrize("name", SERIES)
def test_slope_is_the_series_of_balls(name: str) -> None:
    series, exists = SERIES[name]
    found = slope(FUNCTIONS[name](x), x)
    checked = 0
    old, ctx.prec, ctx.cap = ctx.prec, 3000, 2
    try:
        for v in filter(exists, HARD):
            truth = series(arb_series([arb(v), 1]))[1]
            assert truth.rel_accuracy_bits() > 60 or truth == 0
            expected = float(truth)
            # tanh and sin lose bits by 1 - tanh**2 and by reducing the argument; others do not.
            slack = 4e-16 * (1 + abs(v)) if name in ("tanh", "sin", "cos") else 0.0
            assert value(found, v) == pytest.approx(expected, rel=4e-14, abs=slack), v
            checked += 1
    finally:
        ctx.prec = old
    assert checked >= 8


@pytest.mark.parametrize("name", KINKED)
def test_slope_of_what_has_a_kink(name: str) -> None:
    found = slope(FUNCTIONS[name](x), x)
    for v in HARD:
        assert value(found, v) == KINKED[name](v), v


def test_slope_of_expw_and_heaviside_in_each_argument() -> None:
    y = hole(1)
    found = [slope(FUNCTIONS["expw"](x, y), h) for h in (x, y)]
    for b, top in [(0.5, 1.0), (-745.0, 0.0), (1e4, 1e4), (-math.inf, -math.inf), (1.0, 800.0)]:
        expected = 0.0 if top == -math.inf else float(mpmath.exp(mpmath.mpf(b) - top))
        assert value(found[0], b, top) == pytest.approx(expected, rel=1e-15)
        assert value(found[1], b, top) == pytest.approx(-expected, rel=1e-15)
    at_zero = slope(FUNCTIONS["Heaviside"](x, y), y)
    assert [value(at_zero, v, 0.5) for v in (-1.0, 0.0, 1.0)] == [0, 1, 0]


def test_the_printed_list_is_whole() -> None:
    """Functions with a slope of their own are listed; the others are sympy's and tried above."""
    own = {n for n, f in FUNCTIONS.items() if getattr(f, "__module__", "").startswith("graphnet")}
    aliases = {"abs", "maximum", "minimum"}
    assert own - aliases <= set(SLOPES)
    assert set(FUNCTIONS) - aliases <= set(SLOPES) | set(SERIES)

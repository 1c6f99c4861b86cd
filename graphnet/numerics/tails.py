"""The error function and its tails in NumPy, as emitted files carry them.

The compiler prints the source of these functions, without annotations, into files that use them:
what is judged here is what runs there. Approximations: Cody, Math. Comp. 23 (1969), 631-637.

>>> print(f"{erfc(np.array(20.0)):.14g} {log_erfc(np.array(1e3)):.14g}")
5.3958656116079e-176 -1000007.4801207
"""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import getsource
from typing import Any

import numpy as np

__all__ = ["CALLED", "SOURCES", "erf", "erfc", "erfcx", "log_erfc", "source"]

Array = Any
Function = Callable[..., Array]


def in_pieces(f: Function, x: Array) -> Array:
    """f(x), in pieces that fit the cache."""
    found, piece = np.empty(np.size(x), np.result_type(x, np.float32)), 2**13
    flat = np.reshape(x, -1)
    for i in range(0, len(flat), piece):
        found[i : i + piece] = f(flat[i : i + piece])
    return found.reshape(np.shape(x))


def ratio(x: Array, above: Array, below: Array) -> Array:
    """A quotient of two polynomials, highest powers first."""
    top, bottom = above[0] * x + above[1], below[0] * x + below[1]
    for a in above[2:]:
        top *= x
        top += a
    for b in below[2:]:
        bottom *= x
        bottom += b
    top /= bottom
    return top


def erfcx_right(y: Array) -> Array:
    """exp(y**2)*erfc(y) for y >= 0, within 1.6e-16: a minimax quotient in t = 1/(1 + y)."""
    t = 1 / (1 + y)
    above = (0.01001872499506264, 543.2453733854054, 1164.2091872617818,
             1363.8399006515053, 1095.1143214465826, 649.7553992688455,
             293.9933623216266, 100.92851941464428, 26.283119801127267,
             4.6295638799242225, 0.5641895835477562)  # fmt: skip
    below = (108.47921345360437, 473.6692793345717, 977.0386873944683,
             1257.573901734634, 1129.9135649330976, 742.3101441986962,
             369.5941776363378, 136.90837014915874, 38.87992857843202,
             7.205688326984449, 1)  # fmt: skip
    return t * ratio(t, above, below)


def exp_minus_square(y: Array) -> Array:
    """exp(-y**2) for 0 <= y, y split so that the square is exact: right far into the tail."""
    s = np.trunc(y * 16) / 16
    return np.exp(-s * s) * np.exp((s - y) * (s + y))


def erf(x: Array) -> Array:
    """The error function, 1 - exp(-y*h(y)) for y = |x|, h a minimax quotient on [0, 6]."""
    if np.size(x) > 2**13:
        return in_pieces(erf, x)
    above = (0.00011825404075258894, 0.003366789796696551, 0.034959164089967534,
             0.19982344300003443, 0.7202332535407371, 1.7140895152194744,
             2.6696800731321355, 2.5230425086900574, 1.1283791670955126)  # fmt: skip
    below = (0.00011827506728719996, 0.003364349720089064, 0.03440036950464212,
             0.18870577586622508, 0.6324535551275732, 1.3316511467481325,
             1.6717986217152463, 1)  # fmt: skip
    y = np.minimum(np.abs(x), 6)
    return np.copysign(np.expm1(-y * ratio(y, above, below)), x)


def erfc(x: Array) -> Array:
    """1 - erf(x), relatively right also where erf(x) is near 1."""
    if np.size(x) > 2**13:
        return in_pieces(erfc, x)
    y, side = np.minimum(np.abs(x), 30), np.copysign(1, x)
    return (1 - side) + side * (exp_minus_square(y) * erfcx_right(y))


def erfcx(x: Array) -> Array:
    """exp(x**2)*erfc(x), which does not underflow."""
    if np.size(x) > 2**13:
        return in_pieces(erfcx, x)
    side, left = np.copysign(1, x), np.minimum(x, 0)
    return (1 - side) * np.exp(left * left) + side * erfcx_right(np.abs(x))


def log_erfc(x: Array) -> Array:
    """log(erfc(x)), far into the tail too."""
    y = np.maximum(x, 0.5)
    return np.where(x > 0.5, np.log(erfcx_right(y)) - y * y, np.log1p(-erf(np.minimum(x, 0.5))))


_PARTS: tuple[Function, ...] = (
    in_pieces, ratio, erfcx_right, exp_minus_square, erf, erfc, erfcx, log_erfc,
)  # fmt: skip


def source(function: Callable[..., Any]) -> str:
    """The text of a function as it is emitted: without annotations and marks for formatters."""
    annotation = r"(: | -> )(Array|Function|int)\b"
    return re.sub(annotation, "", getsource(function)).replace("  # fmt: skip", "")


SOURCES: dict[str, str] = {f.__name__: source(f) for f in _PARTS}
CALLED: dict[str, tuple[str, ...]] = {
    "erf": (
        "in_pieces",
        "ratio",
    ),
    "erfc": ("in_pieces", "ratio", "erfcx_right", "exp_minus_square"),
    "erfcx": ("in_pieces", "ratio", "erfcx_right"),
    "log_erfc": ("in_pieces", "ratio", "erfcx_right", "erf"),
}

"""The error function and its tails in NumPy, as emitted files carry them.

The compiler prints the source of these functions, without annotations, into files that use them:
what is judged here is what runs there. Approximations: Cody, Math. Comp. 23 (1969), 631-637.

>>> print(f"{erfc(np.array(20.0)):.14g} {log_erfc(np.array(1e3)):.14g}")
5.3958656116079e-176 -1000007.4801207
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import getsource
from typing import Any

import numpy as np

__all__ = ["CALLED", "SOURCES", "erf", "erfc", "erfcx", "log_erfc"]

Array = Any


def erf_near(x: Array) -> Array:
    """erf for |x| <= 1/2: Cody, Math. Comp. 23 (1969)."""
    above = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2,
             3.77485237685302021e2, 3.20937758913846947e3)  # fmt: skip
    below = (1, 2.36012909523441209e1, 2.44024637934444173e2,
             1.28261652607737228e3, 2.84423683343917062e3)  # fmt: skip
    x = np.clip(x, -0.5, 0.5)
    return x * np.polyval(above, x * x) / np.polyval(below, x * x)


def erfcx_far(y: Array) -> Array:
    """exp(y**2)*erfc(y) for y >= 0.46875: Cody, Math. Comp. 23 (1969)."""
    above = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594,
             6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
             1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3)  # fmt: skip
    below = (1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
             1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3,
             3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
    middle = np.clip(y, 0.46875, 4)
    middle = np.polyval(above, middle) / np.polyval(below, middle)
    over = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
             1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
    under = (1, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1,
             6.05183413124413191e-2, 2.33520497626869185e-3)  # fmt: skip
    z = np.maximum(y, 4)
    t = 1 / z / z
    tail = (0.5641895835477563 - t * np.polyval(over, t) / np.polyval(under, t)) / z
    return np.where(y <= 4, middle, tail)


def exp_minus_square(y: Array) -> Array:
    """exp(-y**2), y split so that the square is exact: right far into the tail."""
    y = np.clip(np.abs(y), 0, 1e4)
    s = np.trunc(y * 16) / 16
    return np.exp(-s * s) * np.exp((s - y) * (s + y))


def erf(x: Array) -> Array:
    """The error function, within 2.3e-16."""
    y = np.abs(x)
    far = 1 - exp_minus_square(y) * erfcx_far(y)
    both = np.where(y <= 0.46875, erf_near(x), np.copysign(far, x))
    return both.astype(np.result_type(y, np.float32))


def erfc(x: Array) -> Array:
    """1 - erf(x), relatively right also where erf(x) is near 1."""
    y = np.abs(x)
    far = exp_minus_square(y) * erfcx_far(y)
    both = np.where(y <= 0.46875, 1 - erf_near(x), np.where(x > 0, far, 2 - far))
    return both.astype(np.result_type(y, np.float32))


def erfcx(x: Array) -> Array:
    """exp(x**2)*erfc(x), which does not underflow."""
    square = np.exp(np.minimum(x, 0.46875) ** 2)
    near = square * (1 - erf_near(x))
    left = 2 * square - erfcx_far(-x)
    both = np.where(x > 0.46875, erfcx_far(x), np.where(x < -0.46875, left, near))
    return both.astype(np.result_type(np.abs(x), np.float32))


def log_erfc(x: Array) -> Array:
    """log(erfc(x)), far into the tail too."""
    far = np.log(erfcx_far(x)) - x * x
    near = np.log1p(-erf_near(x))
    left = np.log1p(1 - exp_minus_square(x) * erfcx_far(-x))
    both = np.where(x > 0.46875, far, np.where(x < -0.46875, left, near))
    return both.astype(np.result_type(np.abs(x), np.float32))


_PARTS: tuple[Callable[..., Array], ...] = (
    erf_near, erfcx_far, exp_minus_square, erf, erfc, erfcx, log_erfc,
)  # fmt: skip


def _source(function: Callable[..., Array]) -> str:
    """The text of a function as it is emitted: without annotations and marks for formatters."""
    text = getsource(function).replace(": Array", "").replace(" -> Array", "")
    return text.replace("  # fmt: skip", "")


SOURCES: dict[str, str] = {f.__name__: _source(f) for f in _PARTS}
CALLED: dict[str, tuple[str, ...]] = {
    "erf": ("erf_near", "erfcx_far", "exp_minus_square"),
    "erfc": ("erf_near", "erfcx_far", "exp_minus_square"),
    "erfcx": ("erf_near", "erfcx_far"),
    "log_erfc": ("erf_near", "erfcx_far", "exp_minus_square"),
}

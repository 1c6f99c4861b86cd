"""The arguments at which functions are judged: every scale of float64, both signs, 0, thresholds.

Each stands here twice, as float64 and as float32 has it, so a form is judged in float32 at numbers
of float32 and no error of rounding the argument is counted.

>>> len(POINTS) > 800, 0.0 in POINTS, 710.0 in POINTS, -1e-300 in POINTS
(True, True, True, True)
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAR32", "LARGE", "POINTS", "POINTS32", "around"]

# Where float64 or float32 lose something: exp(x) and exp(x**2) underflow and overflow, 1 + x is 1.
THRESHOLDS = (
    0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5,
    3.0, 3.5, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 9.0, 9.5, 9.7, 10.0, 12.0, 14.0, 16.0, 16.7, 18.0,
    18.4, 19.0, 20.0, 22.0, 24.0, 25.5, 26.0, 26.6, 26.7, 27.0, 27.3, 28.0, 30.0, 33.0, 36.7, 37.0,
    37.5, 38.0, 38.6, 40.0, 44.0, 50.0, 60.0, 70.0, 80.0, 87.3, 88.7, 88.8, 89.4, 90.0, 92.0,
    100.0, 103.9, 120.0, 150.0, 200.0, 250.0, 300.0, 340.0, 350.0, 354.9, 355.0, 360.0, 372.6,
    400.0, 500.0, 600.0, 650.0, 700.0, 705.0, 708.4, 709.0, 709.78, 710.0, 710.4, 720.0, 740.0,
    745.1, 746.0, 760.0, 800.0, 1000.0, 1400.0, 1419.0, 1500.0, 2000.0, 3000.0, 5000.0, 1e4,
)  # fmt: skip
# From 1e-6 on not the numbers that people add, as in 1/sqrt(x + 1e-6): x + 1e-6 there is nothing
# but the error of rounding 1e-6.
SCALES = (5e-324, 1e-320, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-250, 1e-200, 1e-154, 1e-120,
          1e-80, 1e-40, 1e-30, 1e-24, 1e-20, 1e-16, 1e-12, 1e-8,
          1.3e-6, 1.3e-4, 1.3e-3, 0.013)  # fmt: skip
LARGE = (2e4, 1e5, 3e5, 1e6, 1e7, 1e8, 3e8, 1e9, 1e10, 1e12, 1e15, 1e16, 1e17, 1e20, 1e25)
FAR32 = 1e12  # beyond, float32 is asked only where HUGE is: cubes overflow there
HUGE = (1e40, 1e77, 1e100, 1e103, 1e153, 1.2e154, 1.5e154, 1e155, 1e160, 1e200, 1e250, 1e300)


def _positive() -> Iterable[float]:
    yield from SCALES
    for k in range(-60, 14):  # two of every binade, mantissas far from round
        yield math.ldexp(1.0 + 0.6180339887 * ((k * 0.754877) % 1), k)
        if k > -32:
            yield math.ldexp(1.0 + (0.31 + k * 0.5698403) % 1, k)
    yield from THRESHOLDS
    yield from LARGE


def _both(positive: Iterable[float]) -> NDArray[np.float64]:
    found = sorted(set(positive))
    return np.array([-x for x in reversed(found)] + [0.0] + found)


def in_float32(points: Iterable[float]) -> NDArray[np.float64]:
    """Points as float32 has them, those that it has at all."""
    with np.errstate(over="ignore"):
        found = np.array(list(points), np.float32)
    return np.unique(found[np.isfinite(found)]).astype(np.float64)


_ROUND = _both(_positive())
POINTS32 = in_float32(_ROUND)
POINTS = np.unique(np.concatenate([_ROUND, POINTS32]))


def around(places: Iterable[float], roots: bool = False) -> NDArray[np.float64]:
    """The points, and for every place where a function branches those next to it.

    With `roots` also arguments whose square overflows: sqrt(1 + x**2) is asked for up to 1e300.
    """
    more: list[float] = [side * x for x in HUGE for side in (1, -1)] if roots else []
    for c in places:
        more += [c, np.nextafter(c, -np.inf), np.nextafter(c, np.inf)]
        more += [c + d for step in (1e-12, 1e-6, 1e-3, 0.03) for d in (-step, step)]
        more += [float(np.nextafter(np.float32(c), np.float32(side))) for side in (-np.inf, np.inf)]
    found = [x for x in more if math.isfinite(x)]
    return np.unique(np.concatenate([POINTS, found, in_float32(found)])) if found else POINTS

"""Where a form is wrong: intervals, their ends found by bisection and verified.

>>> from graphnet.numerics.judge import judges
>>> from graphnet.numerics.records import read
>>> softplus = read("log(1 + exp(x))")
>>> failures("value", softplus, judges(softplus)[0])[0]
'value in float64: -736.027 <= x <= -12.0975 and x >= 709.783'
"""

from __future__ import annotations

import numpy as np
from sympy import Expr

from graphnet.numerics.judge import BAR, BAR32, Judge, Mask, Points

__all__ = ["failures"]

SHOWN = 3  # intervals of one line
STEPS = 24  # halvings of the gap between two points: more than the digits that are printed


def failures(what: str, naive: Expr, judge: Judge) -> list[str]:
    """Where the naive form is first wrong by more than the bar, in float64 and in float32."""
    lines = []
    for dtype, bar in ((np.float64, BAR), (np.float32, BAR32)):
        rounded = judge.rounded(dtype)
        runs = _runs(rounded, naive, bar, dtype)
        if runs:
            lines.append(f"{what} in {np.dtype(dtype).name}: {' and '.join(runs)}")
    return lines


def _runs(judge: Judge, naive: Expr, bar: float, dtype: type) -> list[str]:
    """Intervals of wrong points, as texts."""
    points, wrong = judge.points, ~judge.right(naive, bar, dtype)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wrong, [False]]).astype(int)))
    pairs = list(zip(edges[::2], edges[1::2] - 1, strict=True))
    shown, last = pairs[:SHOWN], len(points) - 1
    ends = [(low, low - 1) for low, _ in shown if low > 0]
    ends += [(high, high + 1) for _, high in shown if high < last]
    bad, good = (np.array([points[e[k]] for e in ends]) for k in (0, 1))
    exact = dict(
        zip(
            ((k, n - k) for k, n in ends),
            _bisected(judge, naive, bar, dtype, bad, good),
            strict=True,
        )
    )
    found = []
    for low, high in shown:
        first, end = exact.get((low, -1), points[low]), exact.get((high, 1), points[high])
        if low == 0 and high == last:
            found.append("everywhere")
        elif low == 0:
            found.append(f"x <= {end:.6g}")
        elif high == last:
            found.append(f"x >= {first:.6g}")
        else:
            found.append(f"x = {first:.6g}" if first == end else f"{first:.6g} <= x <= {end:.6g}")
    return found + (["..."] if len(pairs) > SHOWN else [])


def _bisected(
    judge: Judge, naive: Expr, bar: float, dtype: type, bad: Points, good: Points
) -> Points:
    """The wrong points nearest to right ones, between a wrong and a right one each."""
    for _ in range(STEPS if judge.again is not None and len(bad) else 0):
        middle = _between(bad, good).astype(dtype).astype(np.float64)
        assert judge.again is not None
        wrong: Mask = ~judge.again(middle).right(naive, bar, dtype)
        bad, good = np.where(wrong, middle, bad), np.where(wrong, good, middle)
    return bad


def _between(a: Points, b: Points) -> Points:
    """The geometric mean of points of one sign, else the mean."""
    same = (np.sign(a) == np.sign(b)) & (a != 0)
    with np.errstate(all="ignore"):
        root = np.sign(a) * np.sqrt(np.abs(a)) * np.sqrt(np.abs(b))
    middle: Points = np.where(same, root, a / 2 + b / 2)
    return middle

"""The judge: what is true of a function at the points, and whether a form is right there.

A form is right where

    |error| <= 3e-13*(|f| + |x f'|)        (numbers below 2.2e-308 count as that)

The truth is certified: balls of python-flint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.functions import Abs, Extremum
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.forms import evaluate
from graphnet.numerics.points import FAR32, LARGE, around
from graphnet.numerics.tape import tape
from graphnet.numerics.truth import truth

__all__ = ["ACCEPTED", "ACCEPTED32", "BAR", "BAR32", "Judge", "Marks", "Mask", "Points", "judges"]

BAR, ACCEPTED = 1e-12, 3e-13
BAR32, ACCEPTED32 = 1e-5, 4e-6

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]
Marks = NDArray[np.int8]


@dataclass
class Judge:
    """What is true of a function at the points, and whether a form is right there."""

    points: Points
    values: Points
    slopes: Points  # of the same function, which say how well conditioned it is
    again: Callable[[Points], Judge] | None = None  # the judge at other points

    def right(self, form: Expr, bar: float = ACCEPTED, dtype: type = np.float64) -> Mask:
        """Where a form is right; True where there is nothing to be right about."""
        try:
            got = evaluate(form, self.points.astype(dtype)).astype(np.float64)
        except (GraphnetError, TypeError, OverflowError):
            return np.zeros(len(self.points), bool)
        return self.agrees(got, bar, dtype)

    def agrees(self, got: Points, bar: float, dtype: type = np.float64) -> Mask:
        """Whether computed values are within the bar (below the normal numbers, that of all)."""
        tiny, least = float(np.finfo(dtype).tiny), BAR if dtype is np.float64 else BAR32
        with np.errstate(all="ignore"):
            scale = np.abs(self.values) + np.nan_to_num(np.abs(self.points * self.slopes), nan=0.0)
            fine = np.abs(got - self.values) <= np.maximum(bar * scale, least * tiny)
        return fine & np.isfinite(got) | ~self.asked(dtype)  # the scale may be inf, never the value

    def rounded(self, dtype: type) -> Judge:
        """The judge at the points at which a dtype is asked."""
        if dtype is np.float64:
            return self
        return self._small

    @cached_property
    def _small(self) -> Judge:
        at = self.single
        return Judge(self.points[at], self.values[at], self.slopes[at], self.again)

    def marks(self, form: Expr) -> Marks:
        """How far a form is right: 0 not in float64, 1 there, 2 also in float32, where that is."""
        single = self.single
        found = self.right(form).astype(np.int8) * 2
        if found.any():
            small = self.rounded(np.float32).right(form, ACCEPTED32, np.float32)
            found[np.flatnonzero(single)[~small]] //= 2
        return found

    @cached_property
    def single(self) -> Mask:
        """The points at which float32 is asked: its own numbers, without those out of bounds."""
        far = np.inf if self.points[-1] > LARGE[-1] else FAR32
        with np.errstate(all="ignore"):
            exact = self.points.astype(np.float32).astype(np.float64) == self.points
        found: Mask = exact & (np.abs(self.points) <= far)
        return found

    def asked(self, dtype: type = np.float64) -> Mask:
        """The points at which the function has a finite value in a dtype."""
        with np.errstate(all="ignore"):
            return np.abs(self.values) <= float(np.finfo(dtype).max)


def judges(meaning: Expr) -> tuple[Judge, Judge]:
    """The truth about a function and about its slope."""
    points = around(kinks(meaning), _has_roots(meaning))
    first = derivative(meaning, ARGUMENT)
    f, df = tape(meaning, ARGUMENT), tape(first, ARGUMENT)
    try:
        ddf = tape(derivative(first, ARGUMENT), ARGUMENT)
        truth(ddf, points[:1])
    except GraphnetError:
        ddf = None

    def value(at: Points) -> Judge:
        return Judge(at, truth(f, at), truth(df, at), value)

    def slope(at: Points) -> Judge:
        return Judge(at, truth(df, at), np.zeros_like(at) if ddf is None else truth(ddf, at), slope)

    steep = slope(points)
    return Judge(points, truth(f, points), steep.values, value), steep


def _has_roots(expr: Expr) -> bool:
    return any(not p.args[1].is_Integer for p in expr.atoms(sympy.Pow) if p.has(ARGUMENT))


def kinks(expr: Expr) -> list[float]:
    """Where a function branches, as far as conditions say it: x against a number."""
    found = []
    for relation in expr.atoms(sympy.core.relational.Relational):
        difference = sympy.expand(relation.args[0] - relation.args[1])
        found += _zeros(difference)
    for part in expr.atoms(Abs, Extremum):
        sides = [part.args[0]] if isinstance(part, Abs) else [part.args[0] - part.args[1]]
        for side in sides:
            found += _zeros(sympy.expand(side))
    return sorted(set(found))


def _zeros(linear: Expr) -> list[float]:
    if linear.is_polynomial(ARGUMENT) and sympy.degree(linear, ARGUMENT) == 1:
        c1, c0 = linear.coeff(ARGUMENT, 1), linear.coeff(ARGUMENT, 0)
        if c1.is_number and c0.is_number and c1.is_real and c0.is_real:
            return [float(-c0 / c1)]
    return []

"""The factors of a product, however it is grouped: (r*g)*x, r*(x*g) and g*(r*x) have the same.

Of an array with rows and columns they run along rows, or are a gain of each column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from graphnet.compiler.values import Local, Value

__all__ = ["RowSum", "Scaled", "bag", "scaled", "sum_over_rows", "without_numbers"]


@dataclass(frozen=True)
class RowSum:
    """The sum over all rows of an array times what else runs along rows, times `outer`."""

    value: Value
    column: int
    wide: list[Local]
    outer: list[Local]


@dataclass(frozen=True)
class Scaled:
    """c*(n*g + s): numbers, n*g itself, the factors of n and of g, and the terms of s."""

    outer: list[Local]
    product: Local
    wide: list[Local]
    gains: list[Local]
    shifts: list[Local]


def sum_over_rows(v: Value, array: Value) -> RowSum | None:
    """A vector as a sum over all rows of an array, in the loops of the array."""
    if v.op not in ("sum", "contract") or v.rank != 1 or v.dtype != "float":
        return None
    parts = [f for a, own in v.args for f in _factors(Local(a, own), array)]
    at = [f.labels for f in parts if f.value is array]
    if len(at) != 1 or sorted(at[0]) != list(range(array.rank)):
        return None
    loop = {p: axis for axis, p in enumerate(at[0])}
    if any(p not in loop for f in parts for p in f.labels):
        return None
    others = [Local(f.value, tuple(loop[p] for p in f.labels)) for f in parts]
    wide, outer = _apart((f for f in others if f.value is not array), loop[0])
    return RowSum(v, loop[0], wide, outer)


def scaled(whole: Local, column: int) -> Scaled | None:
    """A local as c*(n*g + s), where n has all of its loops, g and s at most that of the columns."""
    part, outer = without_numbers(whole)
    shifts: list[Local] = []
    while part.value.op == "add":
        wide, others = _apart(_args(part), column)
        if len(wide) != 1:
            return None  # n would be a sum, and have no gain
        part, shifts = wide[0], [*shifts, *others]
    wide, gains = _apart(_factors(part), column)
    floats = all(f.value.dtype == "float" for f in (*wide, *gains, *shifts, *outer))
    loops = {p for f in wide for p in f.labels}
    if not (floats and gains and loops == {*part.labels} == {*whole.labels}):
        return None
    return Scaled(outer, part, wide, gains, shifts)


def without_numbers(part: Local) -> tuple[Local, list[Local]]:
    """What is multiplied by numbers, and these."""
    numbers: list[Local] = []
    while part.value.op == "multiply":
        number, other = sorted(_args(part), key=lambda f: len(f.labels))
        if number.labels:
            break
        part, numbers = other, [*numbers, number]
    return part, numbers


def _apart(parts: Iterable[Local], column: int) -> tuple[list[Local], list[Local]]:
    """What runs along rows, and what does not."""
    found: tuple[list[Local], list[Local]] = [], []
    for part in parts:
        found[{*part.labels} <= {column}].append(part)
    return found


def bag(parts: Iterable[Local]) -> frozenset[tuple[Local, int]]:
    """Factors in any order, equal for equal products."""
    return frozenset(Counter(parts).items())


def _factors(whole: Local, stop: Value | None = None) -> list[Local]:
    """The factors of a product, in order; `stop` is not looked into."""
    found, stack = [], [whole]
    while stack:
        part = stack.pop()
        inside = None
        if part.value is not stop and part.value.dtype == "float":
            inside = _args(part) if part.value.op == "multiply" else _outer(part)
        if inside is None:
            found.append(part)
        else:
            stack += reversed(inside)
    return found


def _args(part: Local) -> list[Local]:
    return [Local(a, tuple(part.labels[p] for p in own)) for a, own in part.value.args]


def _outer(part: Local) -> list[Local] | None:
    """The vectors of an outer product that is written as (n, 1) @ (1, m)."""
    v, found = part.value, []
    if v.op != "contract" or not all(matrix.op == "reshape" for matrix, _ in v.args):
        return None
    for matrix, own in v.args:
        ((vector, _),) = matrix.args
        kept = [p for p in own if p < v.rank]
        ones = [size for size, p in zip(matrix.extents, own, strict=True) if p >= v.rank]
        if ones != [1] or vector.extents != tuple(v.extents[p] for p in kept):
            return None
        found.append(Local(vector, tuple(part.labels[p] for p in kept)))
    return found

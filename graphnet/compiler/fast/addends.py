"""The products that an array is a sum of, D = Sum(dz[r, j]*W[k, j], j) for several dz and W."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.factors import without_numbers
from graphnet.compiler.fast.products import usual
from graphnet.compiler.fast.roles import Readers
from graphnet.compiler.values import Axes, Local, Value

__all__ = ["Addend", "addend", "parts_of"]

LEAST = 1 << 18  # multiplications of a product that cost more than the calls in its place


@dataclass(frozen=True)
class Addend:
    """A product dz @ W.T over the loops of D and `over`, times numbers."""

    dz: Local
    weight: Local
    over: Axes
    numbers: list[Local]


def parts_of(d: Value, readers: Readers, ends: Collection[Value]) -> list[Value]:
    """What D is made of, products first and D last; nothing where others read of it."""
    found, stack = set[Value](), [d]
    while stack:
        v = stack.pop()
        added = _added(v)
        if added is None or (v is not d and (len(readers[v]) > 1 or v in ends)):
            return []
        found.add(v)
        stack += added
    return sorted(found, key=lambda v: v.number)


def addend(v: Value, column: int) -> Addend | None:
    """A large product of an array of all rows and one of none."""
    sizes = {p: size for a, own in v.args for p, size in zip(own, a.extents, strict=True)}
    over = sorted(p for p in sizes if p >= v.rank)
    rows = [p for p in range(v.rank) if p != column]
    for (dz, own), (weight, axes) in (v.args, v.args[::-1]):
        fits = sorted(own) == [*rows, *over] and sorted(axes) == [column, *over]
        floats = dz.dtype == weight.dtype == "float"
        known = all(isinstance(size, int) for size in weight.extents)
        if fits and floats and known and prod(map(usual, sizes.values())) >= LEAST:
            part, numbers = without_numbers(Local(dz, own))
            return Addend(part, Local(weight, axes), tuple(over), numbers)
    return None


def _added(v: Value) -> list[Value] | None:
    """The arrays that a value is a sum of, each with a number or none; nothing for a product."""
    if v.op == "contract":
        return []
    arrays = [(a, axes) for a, axes in v.args if a.rank]
    whole = all(axes == identity(v) for _, axes in arrays)
    if v.op == "multiply" or (v.op == "divide" and not v.args[1][0].rank):
        linear = len(arrays) == 1
    else:
        linear = v.op in ("add", "subtract", "negative") and len(arrays) == len(v.args)
    return [a for a, _ in arrays] if whole and linear else None

"""Weighted sums of columns: `a + 1 - 2*t` of arrays (batch, 1), with or without the axis of 1.

A sum is taken apart into weights of columns and of 1. Where a product with it is scaled by a
number, as an adjoint is by the learning rate, the scaled sum is wanted besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sympy import Integer

from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.roles import Readers, Roles
from graphnet.compiler.values import Value, Values

__all__ = ["Mix", "mixes", "times"]

MOST = 4  # columns and 1
SIGNS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,), "multiply": (1, 1)}

Weights = dict[Value | None, Value]  # column, None for 1 -> a number of the host language


@dataclass(frozen=True)
class Mix:
    """A sum, its weights, and the products with it that are scaled: value -> (factor, product)."""

    total: Value
    weights: Weights
    scaled: dict[Value, tuple[Value, Value]]
    alone: bool  # whether nothing but these products reads the sum

    def rows(self) -> list[Value | None]:
        """The factors of the sums that are wanted, None for the sum itself."""
        factors: dict[Value | None, None] = dict.fromkeys(f for f, _ in self.scaled.values())
        return [*factors, *([] if self.alone else [None])]


def mixes(values: Values, found: Sequence[Value], readers: Readers, roles: Roles) -> Iterator[Mix]:
    """The largest weighted sums of columns that take fewer calls as a product."""
    work = _Sums(values, readers, roles)
    for v in found:  # arguments come first
        work.read(v)
    taken: set[Value] = set()
    for v, weights in work.known.items():
        largest = not any(r in work.known for r in readers.get(v, ()))
        if not largest or len(weights) < 2 or work.calls[v] < 2:
            continue
        products = {w: found for w, found in work.scaled(v) if w not in taken}
        taken |= products.keys()
        alone = len(products) == len(readers.get(v, ())) > 0
        copies = sum(1 for a in weights if a is not None and roles(a) == "given")
        if work.calls[v] + len(products) > copies + 1:
            yield Mix(v, weights, products, alone)


@dataclass
class _Sums:
    values: Values
    readers: Readers
    roles: Roles
    known: dict[Value, Weights] = field(default_factory=dict)
    calls: dict[Value, int] = field(default_factory=dict)  # that compute each from its columns

    def read(self, v: Value) -> None:
        """Notes the weights of a sum of columns."""
        weights = self._column(v) if v.op == "slice" else self._sum(v)
        if weights is not None:
            self.known[v] = weights
            inside = (self.calls.get(a, 0) for a, _ in v.args)
            self.calls[v] = 0 if v.op == "slice" else 1 + sum(inside)

    def _column(self, v: Value) -> Weights | None:
        source = v.args[0][0]
        return self._array(source) if v.extra == (None, 0) and source not in self.known else None

    def _array(self, v: Value) -> Weights | None:
        """An array of one column by itself."""
        known = self.roles(v) == "given" or v.op in UFUNCS
        return {v: self._number(1)} if known and v.dtype == "float" and _is_column(v) else None

    def _sum(self, v: Value) -> Weights | None:
        signs = SIGNS.get(v.op)
        if signs is None or v.dtype != "float" or not (v.rank == 1 or _is_column(v)):
            return None
        parts = [self._part(v, k) for k in range(len(v.args))]
        if v.op == "multiply":
            numbers = [a for a, _ in v.args if a.host]
            sums = [part for part in parts if part is not None and list(part) != [None]]
            one = len(numbers) == len(sums) == 1
            return scaled(self.values, sums[0], numbers[0]) if one else None
        total: Weights = {}
        for sign, part in zip(signs, parts, strict=True):
            own = scaled(self.values, part or {}, self._number(sign))
            if part is None or own.keys() & total.keys() or len(own) + len(total) > MOST:
                return None  # of a column that came twice the weights might add up to 0
            total |= own
        return total

    def _part(self, v: Value, k: int) -> Weights | None:
        """The weights of an argument that nothing else reads, or that is a column."""
        a, axes = v.args[k]
        if a.host:
            return {None: a}
        if axes != tuple(range(v.rank)) or a.extents != v.extents:
            return None
        shared = a.op != "slice" and len(self.readers.get(a, ())) > 1
        return self.known[a] if a in self.known and not shared else self._array(a)

    def scaled(self, v: Value) -> Iterator[tuple[Value, tuple[Value, Value]]]:
        """Products with a sum that are read by nothing but a product with a number."""
        for product in self.readers.get(v, ()):
            after = self.readers.get(product, ())
            if product.op != "multiply" or len(after) != 1 or after[0].op != "multiply":
                continue
            factor = [a for a, _ in after[0].args if a.host]
            if len(factor) == 1 and sum(1 for a, _ in product.args if a is v) == 1:
                yield after[0], (factor[0], product)

    def _number(self, number: int) -> Value:
        return self.values.number(Integer(number)).value


def _is_column(v: Value) -> bool:
    return v.rank == 2 and v.extents[1] == 1


def scaled(values: Values, weights: Weights, factor: Value) -> Weights:
    """Weights times a number."""
    return {a: times(values, number, factor) for a, number in weights.items()}


def times(values: Values, a: Value, b: Value) -> Value:
    """The product of two numbers of the host language."""
    for one, other in ((a, b), (b, a)):
        if one.op == "number" and one.extra == 1:
            return other
    if a.op == b.op == "number":
        return values.number(a.extra * b.extra).value  # type: ignore[operator]
    return values.make("multiply", [(a, ()), (b, ())], host=True)

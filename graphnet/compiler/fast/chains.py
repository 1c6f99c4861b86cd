"""Chains of calls on wide arrays go some rows at a time, and keep little for the backward pass.

GELU of (1024, 256) is eight calls, its slope seven more, each on arrays of a megabyte. Over blocks
of rows what one call writes is in the cache for the next; what only the chain reads needs no more
memory than a block; and what is cheap to make of arrays that are kept anyway (u**2 of u, 1 + t of
t = tanh) is made again in the backward pass, where it would have to come from memory.
Rematerialisation: Griewank and Walther, Evaluating Derivatives, 2nd ed. 2008, chapter 12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.forms import UFUNCS, Form, Ufunc
from graphnet.compiler.fast.rebuilt import rebuilt
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.values import Axes, Value, Values
from graphnet.formula.extent import product

__all__ = ["AGAIN", "LEAST", "is_link", "made_again", "rows"]

BLOCK = 32768  # elements of a block: five such arrays are a third of a cache of 2 MB
LEAST = 4  # calls of a chain: fewer gain nothing
SHORT = 256  # elements of a row; with less a batch has to be large for two blocks
CHEAP = ("add", "subtract", "multiply", "square", "negative")
AGAIN = "again"  # marks a value made a second time


def rows(v: Value) -> int:
    """About how many rows of an array a chain goes along at a time; 0 where its rows are short."""
    if v.rank < 2:
        return 0
    row = product(v.extents[1:])
    if not isinstance(row, int) or not SHORT <= row <= BLOCK:
        return 0
    count = v.extents[0]
    return BLOCK // row if not isinstance(count, int) or count * row > 2 * BLOCK else 0


def is_link(
    v: Value, forms: Mapping[Value, Form], roles: Roles, orders: Mapping[Value, Order]
) -> bool:
    """Whether a statement of a chain can go row by row."""
    if not isinstance(forms.get(v), Ufunc) or v in orders or not rows(v):
        return False
    return all(_goes_along(a, axes, forms, roles, orders) for a, axes in v.args)


def _goes_along(
    a: Value, axes: Axes, forms: Mapping[Value, Form], roles: Roles, orders: Mapping[Value, Order]
) -> bool:
    """Whether an argument is there for every row, or a buffer with rows of its own."""
    if 0 not in axes:
        return a.host or roles(a) != "given"
    own = roles(a) == "line" and a in forms and a not in orders
    return own and axes[0] == 0 and list(axes) == sorted(axes)


def made_again(
    values: Values, shown: Iterable[Value], roots: Iterable[Value], roles: Roles
) -> dict[Value, Value]:
    """Every value, cheap ones of the forward pass made again behind it: old -> new."""
    ends = list(roots)
    work = _Again(values, set(live(shown)), readers_of(live(ends)), roles)
    work.find()
    return rebuilt(values, ends, work.change) if work.cheap else {}


@dataclass
class _Again:
    values: Values
    forward: set[Value]  # what is computed before the backward pass
    readers: Readers
    roles: Roles
    cheap: set[Value] = field(default_factory=set)

    def find(self) -> None:
        """The values that are made again, of arrays that are kept anyway."""
        kept: set[Value] = set()
        for v in sorted(self.forward, key=lambda v: v.number):
            late = [r for r in self.readers.get(v, ()) if r not in self.forward]
            if not late or not rows(v):
                continue
            wide = [a for a, _ in v.args if rows(a)]
            there = all(a in kept or a in self.cheap for a in wide) and wide
            if there and self._is_cheap(v) and all(self._is_along(r, v) for r in late):
                self.cheap.add(v)
            else:
                kept.add(v)

    def _is_cheap(self, v: Value) -> bool:
        return v.op in CHEAP and v.extra is None and v.dtype == "float" and all(
            a.host or self.roles(a) in ("fixed", "stored") or self._is_along(v, a)
            for a, _ in v.args
        )  # fmt: skip

    @staticmethod
    def _is_along(reader: Value, v: Value) -> bool:
        """Whether a call goes over all elements of an array as they lie."""
        alike = reader.op in UFUNCS and reader.extents == v.extents
        return alike and all(axes == identity(v) for a, axes in reader.args if a is v)

    def change(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        """A value of the backward pass, over those that are made again for it."""
        if v in self.forward or not any(a in self.cheap for a, _ in v.args):
            return None
        args = [(self._again(a, new), axes) for a, axes in v.args]
        return self.values.make(v.op, args, v.extents, v.dtype, v.extra, v.host)

    def _again(self, v: Value, new: Mapping[Value, Value]) -> Value:
        if v not in self.cheap:
            return new[v]
        args = [(self._again(a, new), axes) for a, axes in v.args]
        return self.values.make(v.op, args, v.extents, v.dtype, AGAIN)

"""Values: what lowering makes of formulas, one NumPy call each, hash-consed, with positional axes.

A value has axes 0, 1, ... and no index names: an argument is `(value, axes)`, where `axes[d]` says
along which axis of the result the argument's own axis d runs. So common subexpressions are found
through renaming and transposition. A reducing value (`sum`, `contract`, ...) runs over more loops
than it has axes: loops numbered from its rank up are reduced.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import sympy

from graphnet.formula.extent import Extent

__all__ = ["Axes", "Local", "Value", "Values", "live_values"]

Axes = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Value:
    """One call. `extra` is what the op needs besides arguments (an index pattern, a number)."""

    number: int
    op: str
    args: tuple[tuple[Value, Axes], ...]
    extents: tuple[Extent, ...]
    dtype: str  # "float" | "int" | "bool"
    extra: Hashable = None
    host: bool = False  # a Python scalar: made of numbers and sizes only

    @property
    def rank(self) -> int:
        return len(self.extents)

    def __repr__(self) -> str:
        args = ", ".join(f"%{v.number}{list(axes)}" for v, axes in self.args)
        extra = f" {self.extra!r}" if self.extra is not None else ""
        return f"%{self.number} = {self.op}({args}){extra} {self.dtype}{list(self.extents)}"


@dataclass(frozen=True)
class Local:
    """A value inside a formula: `labels[d]` is the loop index its axis d runs along."""

    value: Value
    labels: tuple[int, ...] = ()


@dataclass
class Values:
    """The table in which equal values are one object, numbered in order of creation.

    With `named`, functions that textbooks have a name for are one call: for plain source.
    """

    named: bool = False
    _known: dict[Hashable, Value] = field(default_factory=dict)
    _made: list[Value] = field(default_factory=list)

    def make(
        self,
        op: str,
        args: Sequence[tuple[Value, Axes]] = (),
        extents: Sequence[Extent] = (),
        dtype: str = "float",
        extra: Hashable = None,
        host: bool = False,
    ) -> Value:
        args, extents = tuple(args), tuple(extents)
        key = (op, tuple((v.number, axes) for v, axes in args), extents, dtype, extra)
        if key not in self._known:
            number = len(self._known)
            self._known[key] = Value(number, op, args, extents, dtype, extra, host)
            self._made.append(self._known[key])
        return self._known[key]

    def find(self, op: str, args: Sequence[tuple[Value, Axes]], extents: Sequence[Extent],
             dtype: str = "float", extra: Hashable = None) -> Value | None:  # fmt: skip
        """The value of a call if there is one already."""
        key = (op, tuple((v.number, axes) for v, axes in args), tuple(extents), dtype, extra)
        return self._known.get(key)

    def __len__(self) -> int:
        return len(self._known)

    def since(self, count: int) -> list[Value]:
        """The values made after the first `count`, in order."""
        return self._made[count:]

    def number(self, value: Hashable, dtype: str = "float") -> Local:
        """A number (a sympy number) as a scalar of the host language."""
        return Local(self.make("number", (), (), dtype, value, host=True))

    def size(self, extent: Extent) -> Local:
        """An extent as an int of the host language."""
        if isinstance(extent, int):
            return self.number(sympy.Integer(extent), "int")
        return Local(self.make("size", (), (), "int", extent, host=True))

    def range(self, extent: Extent, label: int, dtype: str = "int") -> Local:
        """0, 1, ..., extent-1 along a loop."""
        return Local(self.make("range", (), (extent,), dtype, extent), (label,))

    def pointwise(
        self, op: str, locals_: Sequence[Local], dtype: str = "float", extra: Hashable = None
    ) -> Local:
        """A ufunc of several locals, over the union of their loops.

        The axes stand in the order of the widest argument, so that exp(Z) is one value however
        a formula names and orders the loops over Z.
        """
        lead = max(locals_, key=lambda a: len(a.labels))
        labels = list(lead.labels)
        extents = {p: e for a in locals_ for p, e in zip(a.labels, a.value.extents, strict=True)}
        for a in locals_:
            labels += sorted(set(a.labels) - set(labels))
        args = [(a.value, tuple(labels.index(p) for p in a.labels)) for a in locals_]
        host = all(a.value.host for a in locals_)
        made = self.make(op, args, [extents[p] for p in labels], dtype, extra, host)
        return Local(made, tuple(labels))

    def reduce(self, op: str, a: Local, over: Sequence[int], extra: Hashable = None) -> Local:
        """sum, max, min or logsumexp of a local over some of its loops."""
        over = [p for p in a.labels if p in over]
        kept = [p for p in a.labels if p not in over]
        order = kept + over
        extents = dict(zip(a.labels, a.value.extents, strict=True))
        axes = tuple(order.index(p) for p in a.labels)
        made = self.make(
            op, [(a.value, axes)], [extents[p] for p in kept],
            "int" if a.value.dtype == "int" and op != "logsumexp" else "float", extra,
        )  # fmt: skip
        return Local(made, tuple(kept))

    def cast(self, a: Local, dtype: str) -> Local:
        """The same elements in another dtype."""
        if a.value.dtype == dtype or (a.value.host and a.value.dtype != "bool"):
            return a
        axes = tuple(range(a.value.rank))
        made = self.make("cast", [(a.value, axes)], a.value.extents, dtype, host=a.value.host)
        return Local(made, a.labels)


def live_values(roots: Iterable[Value]) -> tuple[list[Value], dict[Value, int]]:
    """Every value the roots depend on, arguments first, and how often each is read by another."""
    roots = list(roots)
    uses: dict[Value, int] = dict.fromkeys(roots, 0)
    stack = list(uses)
    while stack:
        for a, _ in stack.pop().args:
            if a not in uses:
                uses[a] = 0
                stack.append(a)
            uses[a] += 1
    return sorted(uses, key=lambda v: v.number), uses

"""Labels: which rows pick one element each, and the 0/1 array that does the same by a product.

`z[n, T[n]]` selects exactly one k, so it is Sum([k = T[n]]*z[n,k], k), and its adjoint is dense.
The array [k = T[n]] is one call, a row-take of an identity; it is worth it for few k. That a label
lies in 0 .. K-1 is checked where data enters (`ranges.bounds`), because it stands in a subscript.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphnet.compiler.algebra.softmax import Softmax
from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import Sum, add, moved
from graphnet.compiler.values import Axes, Local, Value

if TYPE_CHECKING:
    from graphnet.compiler.algebra.simplify import Simplifier

__all__ = ["Labels"]

MOST = 256  # classes up to which a row of zeros and a one is cheaper than gathering


class Labels:
    """Recognises reads, masks and writes at one element of each row."""

    def __init__(self, owner: Simplifier) -> None:
        self.owner = owner
        self.checked: set[tuple[Value, int]] = set()  # (labels, how many classes), old values

    def find(self, live: Iterable[Value]) -> None:
        """Notes the labels that are sure to be in range: those that stand in a subscript."""
        for v in live if self.owner.on("one-hot") else ():
            picked = self._picked(v)
            if picked is not None:
                self.checked.add((picked[0], picked[2]))

    def _picked(self, v: Value) -> tuple[Value, Axes, int] | None:
        """(T, its axes in the result, K) of `z[i, j, T[..]]` with all of i, j running."""
        extra: Any = v.extra
        if v.op == "take" and not extra[2]:
            first, extents = extra[0], v.args[0][0].extents
        elif v.op == "scatter" and extra[1] and len(v.args) - 1 == v.rank:
            first, extents = 0, v.extents
        else:
            return None
        *rows, (labels, axes) = v.args[1:]
        size = extents[first + len(rows)]
        if not isinstance(size, int) or not 0 < size <= MOST or not rows:
            return None
        if labels.dtype != "int" or labels.op == "range":
            return None
        loops: list[int] = []
        for k, (row, at) in enumerate(rows):
            if row.op != "range" or row.extents[0] != extents[first + k]:
                return None
            loops += at
        if len(set(loops)) < len(loops) or not set(axes) <= set(loops):
            return None
        return labels, axes, size

    def one_hot(self, labels: Value, size: int) -> Value:
        """[k = T] for k < size, as floats."""
        axes = tuple(range(labels.rank))
        return self.owner.values.make("one_hot", [(labels, axes)], (*labels.extents, size))

    def as_float(self, condition: Value, axes: Axes) -> Local:
        """A condition as 0 or 1, by the row-take where it asks for checked labels."""
        found = self._equal(condition)
        if found is not None:
            value, own = found
            return Local(value, tuple(axes[a] for a in own))
        return self.owner.values.cast(Local(condition, axes), "float")

    def _equal(self, condition: Value) -> tuple[Value, Axes] | None:
        """(one-hot, axes) of `T == range` for checked labels."""
        if condition.op != "equal" or not self.owner.on("one-hot"):
            return None
        new = {(self.owner.moves[t], size) for t, size in self.checked if t in self.owner.moves}
        for (t, at), (r, (k, *_)) in (
            (condition.args, condition.args[::-1]) if all(a.rank for a, _ in condition.args) else ()
        ):
            size: Any = r.extents[0]
            if r.op == "range" and (t, size) in new:
                return self.one_hot(t, size), (*at, k)
        return None

    def mask(self, v: Value) -> Sum | None:
        """The cast of a condition."""
        (a, axes) = v.args[0]
        if a.dtype != "bool" or a not in self.owner.moves:
            return None
        return (as_term(self.as_float(self.owner.moves[a], axes)),)

    def read(self, v: Value) -> Sum | None:
        """z[n,T[n]] as a sum over k; relative to the maximum where z has a LogSumExp over k."""
        picked = self._picked(v) if self.owner.on("one-hot") else None
        if picked is None:
            return None
        labels, axes, size = picked
        hot = self.one_hot(self.owner.moves[labels], size)
        if v.op == "scatter":
            return self._written(v, hot, axes)
        extra: Any = v.extra
        first, inner = extra[0], extra[1]
        source, rows = v.args[0][0], v.args[1:-1]
        # where the axes of z run in the result; the one that is picked from is summed over
        place = [*range(first), *(first + at[0] for _, at in rows), v.rank]
        place += range(first + inner, v.rank)
        chosen = (as_term(Local(hot, (*(first + a for a in axes), v.rank))),)
        terms, rest = self._relative(source, first + len(rows))
        product = self.owner.product(moved(terms, tuple(place)), chosen)
        found = self.owner.contractions.sum_of(product, v.rank, [size])
        return add(found, moved(rest, tuple(place)))

    def _relative(self, source: Value, axis: int) -> tuple[Sum, Sum]:
        """(z - m, m) where z has a LogSumExp over this axis, else (z, 0)."""
        found = self._softmax(source, axis)
        if found is None:
            return self.owner.sums[source], ()
        known, place = found
        axes = tuple(place.get(k, -1) for k in range(max(place) + 1))
        return moved([as_term(known.shift)], axes), moved([as_term(known.top)], axes)

    def _softmax(self, source: Value, axis: int) -> tuple[Softmax, dict[int, int]] | None:
        """The parts of a LogSumExp of this array over this axis."""
        owner = self.owner
        lse = owner.logsumexp.get(source)
        if lse is None or not owner.on("log-sum-exp"):
            return None
        own = lse.args[0][1]
        if [d for d, k in enumerate(own) if k >= lse.rank] != [axis]:
            return None
        owner.read(lse)
        z = owner.writer.array(owner.sums[source])
        known = owner.exponentials.softmax.get(z.value)
        if known is None or z.labels != tuple(range(source.rank)):
            return None
        return known, dict(zip(known.z.labels, range(source.rank), strict=True))

    def _written(self, v: Value, hot: Value, axes: Axes) -> Sum | None:
        """d[n, T[n]] += a[n], each row once, as a[n]*[k = T[n]]."""
        source, own = v.args[0]
        rows = v.args[1:-1]
        loops = {at[0]: k for k, (_, at) in enumerate(rows)}
        if len(own) != len(rows) or not set(own) <= set(loops):
            return None
        terms = moved(self.owner.sums[source], tuple(loops[a] for a in own))
        chosen = as_term(Local(hot, (*(loops[a] for a in axes), v.rank - 1)))
        return self.owner.product(terms, (chosen,))

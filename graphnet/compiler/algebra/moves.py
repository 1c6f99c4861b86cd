"""What moves elements is linear: a scale stays outside, an axis of length 1 is no move at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import Sum, Term, add, moved, power, times
from graphnet.compiler.values import Axes, Local, Value

if TYPE_CHECKING:
    from graphnet.compiler.algebra.simplify import Simplifier

__all__ = ["Moves"]


class Moves:
    """Reads slices, reshapes, pads, places, scatters, takes, windows and folds."""

    def __init__(self, owner: Simplifier) -> None:
        self.owner = owner

    def move(self, v: Value) -> Sum | None:
        """What moves elements is linear: the scale stays outside."""
        label = self.owner.labels.read(v)
        if label is not None:
            return label
        (source, axes), *rest = v.args
        if source in self.owner.moves or any(a not in self.owner.moves for a, _ in rest):
            return None  # nothing to be scaled, or a number around it
        unit = self._unit_axis(v)
        if unit is not None:
            return unit
        term = self.owner.writer.atom(self.owner.sums[source])
        if not term.factors:
            return None
        inside = self.owner.spread(self.owner.writer.array((term.core,)), source)
        args = [(inside, axes), *((self.owner.moves[a], at) for a, at in rest)]
        made = self.owner.values.make(v.op, args, v.extents, v.dtype, v.extra)
        return (times(term.scale, as_term(Local(made, tuple(range(v.rank))))),)

    def _unit_axis(self, v: Value) -> Sum | None:
        """An axis of length 1 that is dropped or added: no array is made."""
        source, axes = v.args[0]
        pattern: Any = v.extra
        if v.op == "place" and all(
            (not isinstance(p, tuple) and p == 0 and e == 1)
            or (isinstance(p, tuple) and p[:2] == (0, 1) and p[2] == e)
            for p, e in zip(pattern, v.extents, strict=True)
        ):
            return moved(self.owner.sums[source], axes)
        if v.op != "slice":
            return None
        terms = []
        for t in self.owner.sums[source]:
            found = Term(t.number, t.scalars)
            for f, own, e in t.factors:  # one element of an array is a 0-d value
                found = times(found, power(as_term(self._sliced(Local(f, own), v, axes)), e))
            terms.append(found)
        return add(terms)

    def _sliced(self, a: Local, v: Value, axes: Axes) -> Local:
        """The part of one factor that a slice of the whole reads."""
        pattern: Any = v.extra
        own = [pattern[d] for d in a.labels]
        kept = [d for d in a.labels if axes[d] >= 0]
        labels = tuple(axes[d] for d in kept)
        if all(p is None for p in own):
            return Local(a.value, labels)
        place = tuple(kept.index(d) if d in kept else -1 for d in a.labels)
        extents = [v.extents[axes[d]] for d in kept]
        made = self.owner.values.make("slice", [(a.value, place)], extents, v.dtype, tuple(own))
        return Local(made, labels)

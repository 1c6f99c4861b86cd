"""Reading: a tensor under subscripts -> a local over the formula's loops.

Every subscript is legal here. Slices, single elements, zeros around an array, windows and
reshapes are recognised; everything else is an index array (`take`), clipped and masked with 0
where it may leave the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy

from graphnet.compiler.held import Held, as_it_lies, digits, merged
from graphnet.compiler.values import Axes, Local, Value, Values
from graphnet.compiler.windows import Opened, channels_last, frame_of, opened
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, Mod
from graphnet.network.outside import is_inside

__all__ = ["Held", "Reader"]


@dataclass
class Reader:
    """Makes locals of reads for one formula."""

    values: Values
    extents: Sequence[Extent]
    held: Callable[[int], Held]  # by operand slot
    shape: Callable[[int], Sequence[Extent]]

    def read(self, slot: int, subs: Sequence[Affine], outside: sympy.Expr = sympy.S.Zero) -> Local:
        """The local of `operand[subs]`; elements outside the operand are 0, or another number."""
        held, shape = as_it_lies(self.held(slot)), self.shape(slot)
        if any(self._outside(s, size) for s, size in zip(subs, shape, strict=True)):
            return self.values.number(outside, held.value.dtype)
        own = digits(held, subs, self.extents)
        if own is None:
            held = as_it_lies(merged(self.values, held))
            own = [subs[axis] for axis in held.axes]
        sizes = list(held.value.extents) if held.steps else [shape[a] for a in held.axes]
        unsafe = [k for k, s in enumerate(own) if not self._inside(s, sizes[k])]
        # A subscript on an axis the value lacks matters only where it may leave the tensor.
        absent = [
            (s, shape[axis]) for axis, s in enumerate(subs)
            if axis not in held.axes and not self._inside(s, shape[axis])
        ]  # fmt: skip
        result = self._padded(Opened(held.value, tuple(own), tuple(sizes)), outside)
        if result is None:
            result = self._elements(held.value, own, sizes, unsafe)
            absent += [(own[k], sizes[k]) for k in unsafe]
        return self._masked(result, absent, outside) if absent else result

    def index(self, s: Affine) -> Local:
        """A subscript as an int local."""
        make = self.values.pointwise
        total: Local | None = None
        for atom, coefficient in s.terms:
            term = self._atom(atom)
            if coefficient != 1:
                term = make("multiply", [self.values.size(coefficient), term], "int")
            total = term if total is None else make("add", [total, term], "int")
        if total is None:
            return self.values.size(s.const)
        if s.const == 0:
            return total
        if at_least(ext.neg(s.const)):
            return make("subtract", [total, self.values.size(ext.neg(s.const))], "int")
        return make("add", [total, self.values.size(s.const)], "int")

    def valid(self, s: Affine, size: Extent) -> Local:
        """Whether a subscript stays inside 0 .. size-1, as a bool local."""
        make, at = self.values.pointwise, self.index(s)
        interval = None if s.gathers() else s.interval(self.extents)
        tests = []
        if interval is None or not at_least(interval[0]):
            tests.append(make("greater_equal", [at, self.values.size(0)], "bool"))
        if interval is None or not at_least(ext.sub(ext.sub(size, 1), interval[1])):
            tests.append(make("less", [at, self.values.size(size)], "bool"))
        return tests[0] if len(tests) == 1 else make("logical_and", tests, "bool")

    # -- the parts -------------------------------------------------------------------------------

    def _inside(self, s: Affine, size: Extent) -> bool:
        return is_inside(s, size, self.extents)

    def _outside(self, s: Affine, size: Extent) -> bool:
        """Whether a subscript is certain to miss 0 .. size-1 at every loop point."""
        interval = None if s.gathers() else s.interval(self.extents)
        if interval is None:
            return False
        low, high = interval
        return at_least(ext.sub(-1, high), 0, 0) or at_least(ext.sub(low, size), 0, 0)

    def _atom(self, atom: Index | FloorDiv | Mod | Gather) -> Local:
        match atom:
            case Index(position):
                return self.values.range(self.extents[position], position)
            case FloorDiv(inner, divisor):
                args = [self.index(inner), self.values.size(divisor)]
                return self.values.pointwise("floor_divide", args, "int")
            case Mod(inner, divisor):
                args = [self.index(inner), self.values.size(divisor)]
                return self.values.pointwise("remainder", args, "int")
            case Gather(slot, subs):
                return self.read(slot, subs)

    def _basic(self, s: Affine, size: Extent) -> tuple[Extent, Extent, int] | None:
        """(start, step, label) of a subscript that is a slice, label -1 for one element."""
        if not s.terms:
            return (s.const, 0, -1)
        if len(s.terms) == 1:
            atom, step = s.terms[0]
            if isinstance(atom, Index) and isinstance(step, int):
                stop = ext.add(s.const, ext.mul(step, self.extents[atom.position]))
                if step > 0 or isinstance(stop, int) or at_least(stop, 0, 0):
                    return (s.const, step, atom.position)
        return None

    def _padded(self, read: Opened, outside: sympy.Expr) -> Local | None:
        """Reads that step over the edge, in the array with a frame of zeros (or `outside`)."""
        if all(map(self._inside, read.subs, read.sizes)):
            return None
        read = self._narrowed(read)
        read = channels_last(self.values, read, self.extents)
        frame: list[tuple[int, int]] = []
        for s, size in zip(read.subs, read.sizes, strict=True):
            around = (0, 0) if self._inside(s, size) else self._frame(s, size)
            if around is None or (isinstance(size, int) and sum(around) > 4 * size + 16):
                return None
            frame.append(around)
        value, extents = self._framed(read.value, frame, outside)
        moved = [
            Affine(ext.add(s.const, b), s.terms) for s, (b, _) in zip(read.subs, frame, strict=True)
        ]
        return self._elements(value, moved, extents, [])

    def _narrowed(self, read: Opened) -> Opened:
        """Without the axes of which one fixed place is read."""
        basics = [
            self._basic(s, size) if not s.terms and self._inside(s, size) else None
            for s, size in zip(read.subs, read.sizes, strict=True)
        ]
        if not any(basics):
            return read
        kept = [k for k, basic in enumerate(basics) if basic is None]
        value = self._slice(read.value, read.subs, read.sizes, basics, set(kept))
        return Opened(value, tuple(read.subs[k] for k in kept), tuple(read.sizes[k] for k in kept))

    def _framed(
        self, value: Value, frame: Sequence[tuple[int, int]], outside: sympy.Expr
    ) -> tuple[Value, list[Extent]]:
        extents = [ext.add(e, b + a) for e, (b, a) in zip(value.extents, frame, strict=True)]
        args: list[tuple[Value, Axes]] = [(value, tuple(range(value.rank)))]
        if outside != 0:
            args.append((self.values.number(outside).value, ()))
        return self.values.make("pad", args, extents, value.dtype, tuple(frame)), extents

    def _frame(self, s: Affine, size: Extent) -> tuple[int, int] | None:
        """How far a subscript steps over both edges, where a frame can catch it."""
        if len(s.terms) < 2 and ((basic := self._basic(s, size)) is None or basic[2] < 0):
            return None
        return frame_of(s, size, self.extents)

    def _elements(
        self, value: Value, subs: Sequence[Affine], sizes: Sequence[Extent], unsafe: Sequence[int]
    ) -> Local:
        """Elements by views where all axes allow it, else by index arrays (clipped if unsafe)."""
        read = Opened(value, tuple(subs), tuple(sizes))
        if any(len(s.terms) > 1 for s in subs) and not unsafe:
            read = self._narrowed(read)
        read = opened(self.values, read, self.extents, unsafe)
        value, subs, sizes = read.value, read.subs, read.sizes
        basics = [None if k in unsafe else self._basic(s, sizes[k]) for k, s in enumerate(subs)]
        labels = [b[2] if b else None for b in basics]
        advanced = {k for k, b in enumerate(basics) if b is None}
        grown = True
        while grown:  # an axis whose loop an index array shares needs an index array itself
            taken = {p for k in advanced for p in subs[k].indices()}
            repeated = {p for p in labels if p is not None and p >= 0 and labels.count(p) > 1}
            more = {
                k for k, p in enumerate(labels)
                if k not in advanced and (p in taken or p in repeated)
            }  # fmt: skip
            if advanced:
                more |= set(range(min(advanced), max(advanced) + 1)) - advanced
            grown = bool(more)
            advanced |= more
        value = self._slice(value, subs, sizes, basics, advanced)
        kept = [k for k in range(len(subs)) if k in advanced or labels[k] != -1]
        if not advanced:
            return Local(value, tuple(labels[k] for k in kept))  # type: ignore[misc]
        return self._take(value, subs, sizes, kept, sorted(advanced), labels, unsafe)

    def _slice(
        self,
        value: Value,
        subs: Sequence[Affine],
        sizes: Sequence[Extent],
        basics: Sequence[tuple[Extent, Extent, int] | None],
        advanced: set[int],
    ) -> Value:
        """The basic slicing of the axes that are not advanced; one element drops its axis."""
        pattern: list[tuple[Extent, Extent, Extent] | Extent | None] = []
        extents, axes, place = [], [], 0
        for k, size in enumerate(sizes):
            basic = None if k in advanced else basics[k]
            if basic is not None and basic[2] < 0:
                pattern.append(basic[0])
                axes.append(-1)
                continue
            axes.append(place)
            place += 1
            if basic is None:
                pattern.append(None)
                extents.append(size)
                continue
            start, step, label = basic
            count = self.extents[label]
            pattern.append(
                None if (start, step) == (0, 1) and count == size else (start, step, count)
            )
            extents.append(count)
        if all(p is None for p in pattern):
            return value
        return self.values.make(
            "slice", [(value, tuple(axes))], extents, value.dtype, tuple(pattern)
        )

    def _take(
        self,
        value: Value,
        subs: Sequence[Affine],
        sizes: Sequence[Extent],
        kept: Sequence[int],
        advanced: Sequence[int],
        labels: Sequence[int | None],
        unsafe: Sequence[int],
    ) -> Local:
        """`value[:, i, j, :]`: index arrays on adjacent axes; their common loops stand there."""
        # A clipped index needs an element to stand on, also where a named size is 0.
        bare = [k for k in unsafe if k in kept and not at_least(sizes[k], 1, 0) and sizes[k] != 0]
        if bare:
            frame = tuple((0, int(k in bare)) for k in kept)
            grown = [ext.add(e, b) for e, (_, b) in zip(value.extents, frame, strict=True)]
            axes = tuple(range(value.rank))
            value = self.values.make("pad", [(value, axes)], grown, value.dtype, frame)
        indices = []
        for k in advanced:
            at = self.index(subs[k])
            if k in unsafe:
                last = self.values.size(ext.sub(sizes[k], 1))
                at = self.values.pointwise("clip", [at, self.values.size(0), last], "int")
            indices.append(at)
        inner: list[int] = []
        for at in indices:
            inner += [p for p in at.labels if p not in inner]
        inner.sort()
        first = kept.index(advanced[0])
        before = [labels[k] for k in kept[:first]]
        after = [labels[k] for k in kept[first + len(advanced) :]]
        result: list[int] = [*before, *inner, *after]  # type: ignore[list-item]
        args: list[tuple[Value, Axes]] = [(value, tuple(range(value.rank)))]
        args += [(at.value, tuple(inner.index(p) for p in at.labels)) for at in indices]
        extents = [self.extents[p] for p in result]
        empty = any(sizes[k] == 0 for k in advanced)
        made = self.values.make("take", args, extents, value.dtype, (first, len(inner), empty))
        return Local(made, tuple(result))

    def _masked(
        self, a: Local, tests: Sequence[tuple[Affine, Extent]], outside: sympy.Expr
    ) -> Local:
        make = self.values.pointwise
        ok, *rest = [self.valid(s, size) for s, size in tests]
        for other in rest:
            ok = make("logical_and", [ok, other], "bool")
        other = self.values.number(outside, a.value.dtype)
        return make("where", [ok, a, other], a.value.dtype)

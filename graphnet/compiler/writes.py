"""Writing: a local under target subscripts -> the tensor a "+=" formula makes.

Loops that the target lacks are summed first. A write that is a slice of zeros, or a reshape, is
recognised; everything else adds element by element (`scatter`). Writes outside are dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from graphnet.compiler.folds import folded, repeated
from graphnet.compiler.held import Held
from graphnet.compiler.reads import Reader
from graphnet.compiler.values import Axes, Local, Value, Values
from graphnet.compiler.windows import mixed_radix
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.formula.subscript import Affine, FloorDiv, Index, Mod
from graphnet.network.outside import is_inside

__all__ = ["end_to_end", "write"]

Slice = tuple[Extent, Extent, Extent]  # start, step, count


def write(
    values: Values, reader: Reader, a: Local, target: Sequence[Affine], shape: Sequence[Extent],
    split: Collection[int] = (),
) -> Held:  # fmt: skip
    """The tensor that holds `a` at the target subscripts, and 0 elsewhere.

    The axes in `split` stay as their digits, to be merged where they are read as a whole.
    """
    held = _merged(values, reader, a, target, shape, split)
    held = held or _unmerged(values, reader, a, target, shape)
    held = held or _placed(values, reader, a, target, shape)
    held = held or folded(values, reader, a, target, shape)
    return held or _scattered(values, reader, a, target, shape)


def _merged(
    values: Values, reader: Reader, a: Local, target: Sequence[Affine], shape: Sequence[Extent],
    split: Collection[int],
) -> Held | None:  # fmt: skip
    """`F[4*i + j] += A[i,j]` with j < 4: a reshape."""
    digits: list[list[int]] = []
    for s, size in zip(target, shape, strict=True):
        radix = mixed_radix(s, reader.extents, size)
        if radix is None:
            return None
        digits.append(radix)
    loops = [p for radix in digits for p in radix]
    if len(set(loops)) != len(loops):
        return None
    if split and all(k in split or len(radix) == 1 for k, radix in enumerate(digits)):
        step = {
            atom.position: (axis, c)
            for axis, s in enumerate(target) for atom, c in s.terms
            if isinstance(atom, Index) and isinstance(c, int)
        }  # fmt: skip
        if set(a.labels) == set(loops):
            places = [step[p] for p in a.labels]
            return Held(a.value, tuple(k for k, _ in places), tuple(c for _, c in places))
    # The axes stay in the order in which the local lies, so that nothing has to be moved.
    place = {p: k for k, p in enumerate(a.labels)}
    order = sorted(range(len(digits)), key=lambda k: place.get(digits[k][0], len(place)))
    full = repeated(values, a, [p for k in order for p in digits[k]], reader.extents)
    if len(loops) > len(shape):
        axes, sizes = tuple(range(full.rank)), [shape[k] for k in order]
        full = values.make("reshape", [(full, axes)], sizes, full.dtype)
    return Held(full, tuple(order))


def _unmerged(
    values: Values, reader: Reader, a: Local, target: Sequence[Affine], shape: Sequence[Extent]
) -> Held | None:
    """`Y[i//4, i%4] += F[i]`: a reshape the other way, for one loop over all of the shape."""
    if len(target) < 2 or a.labels != (loop := _only_loop(target)) or loop is None:
        return None
    (p,) = loop
    stride: Extent = 1
    for k in range(len(target) - 1, -1, -1):
        if not _is_digit(target[k], p, stride, shape[k], first=k == 0):
            return None
        stride = ext.mul(stride, shape[k])
    if stride != reader.extents[p]:
        return None
    made = values.make("reshape", [(a.value, (0,))], shape, a.value.dtype)
    return Held(made, tuple(range(len(shape))))


def _only_loop(target: Sequence[Affine]) -> tuple[int] | None:
    loops = sorted({p for s in target for p in s.indices()})
    return (loops[0],) if len(loops) == 1 else None


def _is_digit(s: Affine, p: int, stride: Extent, size: Extent, first: bool) -> bool:
    """Whether a subscript is the digit (i // stride) % size of index p."""
    index = Affine(0, ((Index(p), 1),))

    def over(x: Affine, divisor: Extent) -> Affine:
        return x if divisor == 1 else Affine(0, ((FloorDiv(x, divisor), 1),))

    quotient = over(index, stride)
    digit = Affine(0, ((Mod(quotient, size), 1),))
    nested = Affine(
        0, ((FloorDiv(Affine(0, ((Mod(index, ext.mul(stride, size)), 1),)), stride), 1),)
    )
    return s in ((quotient, digit) if first else (digit, nested))


def _placed(
    values: Values, reader: Reader, a: Local, target: Sequence[Affine], shape: Sequence[Extent]
) -> Held | None:
    """A slice of zeros: every subscript `c*i + d` with its own loop, or a number."""
    pattern: list[Slice | Extent] = []
    labels: list[int] = []
    cuts: list[tuple[int, int] | None] = []
    for s, size in zip(target, shape, strict=True):
        if not s.terms:
            if not is_inside(s, size, reader.extents):
                return None
            pattern.append(s.const)
            continue
        found = _strided(s, size, reader.extents)
        if found is None or found[0] in labels:
            return None
        p, where, cut = found
        labels.append(p)
        pattern.append(where)
        cuts.append(cut)
    full = repeated(values, a, labels, reader.extents)
    if any(cuts):
        window = tuple(None if c is None else (c[0], 1, c[1] - c[0]) for c in cuts)
        extents = [full.extents[k] if c is None else c[1] - c[0] for k, c in enumerate(cuts)]
        axes = tuple(range(full.rank))
        full = values.make("slice", [(full, axes)], extents, full.dtype, window)
    axes = tuple(k for k, entry in enumerate(pattern) if isinstance(entry, tuple))
    made = values.make("place", [(full, axes)], shape, full.dtype, tuple(pattern))
    return Held(made, tuple(range(len(shape))))


def _strided(
    s: Affine, size: Extent, extents: Sequence[Extent]
) -> tuple[int, Slice, tuple[int, int] | None] | None:
    """The loop i of a subscript `c*i + d`, the slice it counts through, and which of its steps,
    from a first one to an end, stay inside if not all do; None where that is not known."""
    atom, step = s.terms[0]
    if len(s.terms) > 1 or not isinstance(atom, Index) or not isinstance(step, int):
        return None
    p, count, start = atom.position, extents[atom.position], s.const
    if is_inside(s, size, extents):
        return p, (start, step, count), None
    if not (isinstance(start, int) and isinstance(count, int) and isinstance(size, int)):
        return None
    # 0 <= start + step*k < size, by division: a declared extent may be huge
    first, last = -start, size - 1 - start
    low, high = (first, last) if step > 0 else (-last, -first)
    cut = max(0, -(-low // abs(step))), min(count, high // abs(step) + 1)
    if cut[0] >= cut[1]:
        return None
    return p, (start + step * cut[0], step, cut[1] - cut[0]), cut


def _scattered(
    values: Values, reader: Reader, a: Local, target: Sequence[Affine], shape: Sequence[Extent]
) -> Held:
    """Element by element: index arrays, one a target axis, over all loops of the value."""
    indices = [reader.index(s) for s in target]
    labels = list(a.labels)
    for at in indices:
        labels += sorted(set(at.labels) - set(labels))
    full = repeated(values, a, labels, reader.extents)
    rank = len(shape)
    args: list[tuple[Value, Axes]] = [(full, tuple(rank + d for d in range(full.rank)))]
    args += [(at.value, tuple(rank + labels.index(p) for p in at.labels)) for at in indices]
    inside = all(is_inside(s, e, reader.extents) for s, e in zip(target, shape, strict=True))
    made = values.make("scatter", args, shape, full.dtype, (len(labels), inside))
    return Held(made, tuple(range(rank)))


def end_to_end(values: Values, parts: Sequence[Local]) -> Local | None:
    """The sum of slices of zeros that lie end to end along one axis: the slices, concatenated."""
    first = parts[0]
    if len(parts) < 2 or any(
        p.value.op != "place" or p.labels != first.labels or p.value.extents != first.value.extents
        for p in parts
    ):
        return None
    extents = first.value.extents
    whole = tuple((0, 1, e) for e in extents)
    patterns: list[tuple[Any, ...]] = [tuple(p.value.extra) for p in parts]  # type: ignore[arg-type]
    differ = {k for pattern in patterns for k, e in enumerate(pattern) if e != whole[k]}
    if len(differ) != 1:
        return None
    (axis,) = differ
    pieces = []
    for part, pattern in zip(parts, patterns, strict=True):
        entry = pattern[axis]
        if not isinstance(entry, tuple) or entry[1] != 1 or not isinstance(entry[0], int):
            return None
        pieces.append((entry[0], entry[2], part.value.args[0]))
    end: Extent = 0
    ordered = sorted(pieces, key=lambda piece: piece[0])
    for start, count, _ in ordered:
        if start != end:
            return None
        end = ext.add(end, count)
    if end != extents[axis]:
        return None
    args = [arg for _, _, arg in ordered]
    made = values.make("concatenate", args, extents, first.value.dtype, axis)
    return Local(made, first.labels)

"""Subscripts of several indices as views: digits split an axis, windows slide along it.

`A[2*y + u]` with u < 2 counts through the axis: a reshape. `A[y + u]` reads overlapping windows:
`sliding_window_view`, which copies nothing. Both leave an array with an axis for every index, and
plain slices of it do the rest (stride, dilation, an index that runs backwards).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphnet.compiler.values import Value, Values
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least
from graphnet.formula.subscript import Affine, Index

__all__ = [
    "Opened", "channels_last", "frame_of", "framed", "is_window", "mixed_radix", "opened",
    "outermost", "reaches_inside",
]  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """A value under subscripts, one a value's axis."""

    value: Value
    subs: tuple[Affine, ...]
    sizes: tuple[Extent, ...]


def opened(
    values: Values, read: Opened, extents: Sequence[Extent], locked: Sequence[int] = ()
) -> Opened:
    """The same elements with one index a subscript, wherever a view can do that.

    Axes in `locked` are left alone: what they read may lie outside.
    """
    k = 0
    while k < len(read.subs):
        if k not in locked and _alone(read.subs, k):
            digits = _radix(read.subs[k], extents)
            if digits is not None:
                read = _split(values, read, k, digits, extents)
                continue
            outer = outermost(read.subs[k], extents)
            if outer is not None:
                read = _slid(values, read, k, outer, extents)
        k += 1
    return read


def _alone(subs: Sequence[Affine], k: int) -> bool:
    """Whether a subscript has several indices, none of which stands in another subscript."""
    s = subs[k]
    if len(s.terms) < 2 or not s.affine_in_indices:
        return False
    return all(not (s.indices() & other.indices()) for j, other in enumerate(subs) if j != k)


# -- digits --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Digits:
    order: tuple[int, ...]  # the loops, slowest first
    start: Extent
    step: Extent
    count: Extent


def _radix(s: Affine, extents: Sequence[Extent]) -> _Digits | None:
    """`start + step*(4*i + j)` with j < 4: every element read once, in order."""
    rest = {a.position: c for a, c in s.terms if isinstance(a, Index)}
    least = [p for p, c in rest.items() if isinstance(c, int)]
    if not least:
        return None
    step = min(rest[p] for p in least)
    if not at_least(step, 1):
        return None
    order: list[int] = []
    stride: Extent = step
    while rest:
        p = next((q for q, c in rest.items() if c == stride), None)
        if p is None:
            return None
        del rest[p]
        order.insert(0, p)
        stride = ext.mul(stride, extents[p])
    count = ext.product(tuple(extents[p] for p in order))
    return _Digits(tuple(order), s.const, step, count)


def mixed_radix(s: Affine, extents: Sequence[Extent], size: Extent) -> list[int] | None:
    """The loops, slowest first, of a subscript that counts 0 .. size-1 once: 4*i + j with j < 4."""
    if not s.affine_in_indices or not s.terms:
        return None
    digits = _radix(s, extents)
    if digits is None or (digits.start, digits.step, digits.count) != (0, 1, size):
        return None
    return list(digits.order)


def _split(
    values: Values, read: Opened, k: int, digits: _Digits, extents: Sequence[Extent]
) -> Opened:
    value, sizes = read.value, list(read.sizes)
    if (digits.start, digits.step, digits.count) != (0, 1, sizes[k]):
        sizes[k] = digits.count
        pattern = [None] * value.rank
        pattern[k] = (digits.start, digits.step, digits.count)  # type: ignore[call-overload]
        axes = tuple(range(value.rank))
        value = values.make("slice", [(value, axes)], sizes, value.dtype, tuple(pattern))
    sizes[k : k + 1] = [extents[p] for p in digits.order]
    subs = list(read.subs)
    subs[k : k + 1] = [Affine(0, ((Index(p), 1),)) for p in digits.order]
    if value.op == "reshape":
        value = value.args[0][0]
    value = values.make("reshape", [(value, tuple(range(value.rank)))], sizes, value.dtype)
    return Opened(value, tuple(subs), tuple(sizes))


# -- windows -------------------------------------------------------------------------------------


def outermost(s: Affine, extents: Sequence[Extent]) -> int | None:
    """The index along which windows lie, the others running inside them; None where none can.

    It is the longest one, so that a convolution and the slope of its kernel, in which the indices
    change roles, read the same view.
    """
    terms = [(a.position, c) for a, c in s.terms if isinstance(a, Index)]
    if not terms or not s.affine_in_indices or not all(isinstance(c, int) for _, c in terms):
        return None
    found = max(terms, key=lambda t: (not isinstance(extents[t[0]], int), _number(extents[t[0]])))
    if any(not isinstance(extents[p], int) for p, _ in terms if p != found[0]):
        return None
    return found[0]


def _number(e: Extent) -> int:
    return e if isinstance(e, int) else 0


def _slid(values: Values, read: Opened, k: int, outer: int, extents: Sequence[Extent]) -> Opened:
    """Axis k as the places of windows; an axis through the windows stands last."""
    value, s = read.value, read.subs[k]
    along = tuple(t for t in s.terms if t[0] == Index(outer))
    inside = Affine(0, tuple(t for t in s.terms if t[0] != Index(outer)))
    interval = inside.interval(extents)
    assert interval is not None
    low, length = interval[0], ext.add(ext.sub(interval[1], interval[0]), 1)
    sizes = list(read.sizes)
    sizes[k] = ext.add(ext.sub(sizes[k], length), 1)
    subs = list(read.subs)
    subs[k] = Affine(ext.add(s.const, low), along)
    # Windows over several axes are one view.
    windows: tuple[tuple[int, Extent], ...] = ((k, length),)
    axes = tuple(range(value.rank))
    sizes.append(length)
    subs.append(Affine(ext.neg(low), inside.terms))
    if value.op == "window":
        earlier: Any = value.extra
        if k < value.args[0][0].rank and all(axis != k for axis, _ in earlier):
            (value, axes), windows = value.args[0], (*earlier, *windows)
    made = values.make("window", [(value, axes)], sizes, value.dtype, windows)
    return Opened(made, tuple(subs), tuple(sizes))


def is_window(value: Value) -> bool:
    """Whether a value is a view in which elements repeat, so that a copy of it grows."""
    while value.op in ("slice", "transpose"):
        value = value.args[0][0]
    return value.op == "window"


# -- what stands before --------------------------------------------------------------------------


def frame_of(s: Affine, size: Extent, extents: Sequence[Extent]) -> tuple[int, int] | None:
    """How far a subscript steps over both edges, where that is a known number of places."""
    interval = s.interval(extents) if s.affine_in_indices else None
    if interval is None:
        return None
    before, after = ext.neg(interval[0]), ext.sub(interval[1], ext.sub(size, 1))
    before, after = (0 if at_least(ext.neg(e)) else e for e in (before, after))
    if not isinstance(before, int) or not isinstance(after, int):
        return None
    return before, after


def channels_last(values: Values, read: Opened, extents: Sequence[Extent]) -> Opened:
    """The axis of channels moved behind those of the windows, where windows are to be padded.

    A window over (.., y, x, c) copies (size * channels) neighbors at once; over (.., c, y, x) a row
    of places. The longer run wins. Both readers of an array come to the same answer.
    """
    bare = [k for k, s in enumerate(read.subs) if len(s.terms) == 1]
    slid = [k for k, s in enumerate(read.subs) if len(s.terms) > 1 and s.affine_in_indices]
    if len(bare) < 2 or not slid or bare[-1] > slid[-1]:
        return read
    channels, last = read.sizes[bare[-1]], read.subs[slid[-1]]
    lengths = sorted(
        e for a, _ in last.terms
        if isinstance(a, Index) and isinstance(e := extents[a.position], int)
    )  # fmt: skip
    if not isinstance(channels, int) or len(lengths) < 2 or channels * lengths[0] < lengths[-1]:
        return read
    order = [*(k for k in range(len(read.subs)) if k != bare[-1]), bare[-1]]
    sizes = tuple(read.sizes[k] for k in order)
    axes = tuple(order.index(k) for k in range(len(order)))
    moved = values.make("transpose", [(read.value, axes)], sizes, read.value.dtype)
    return Opened(moved, tuple(read.subs[k] for k in order), sizes)


def framed(value: Value) -> Value:
    """What stands in the frame that windows slide over."""
    while value.op in ("slice", "transpose", "window", "pad"):
        value = value.args[0][0]
    return value


def reaches_inside(extremum: Value) -> bool:
    """Whether every window of a padded array, of which the extreme is taken, holds an element of
    the array: the frame is narrower than the window on each side, and the whole window is reduced.
    """
    value, loops = extremum.args[0]
    if value.op == "slice":
        ((window, axes),) = value.args
    else:
        window, axes = value, tuple(range(value.rank))
    frame = window.args[0][0] if window.op == "window" else window
    if window.op != "window" or frame.op != "pad" or frame.args[0][0].op == "window":
        return False
    slid, around = window.extra, frame.extra
    assert isinstance(slid, tuple)
    assert isinstance(around, tuple)
    windows = dict(slid)
    for k, (axis, length) in enumerate(windows.items()):
        inner = axes[frame.rank + k]
        whole = inner >= 0 and value.extents[inner] == length and loops[inner] >= extremum.rank
        if not whole or not isinstance(length, int) or max(around[axis]) >= length:
            return False
    return all(sides == (0, 0) or axis in windows for axis, sides in enumerate(around))

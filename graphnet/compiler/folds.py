"""Writes of windows that overlap: slices of zeros to which the value is added, one for every
place inside a window (col2im). The adjoint of a read through `sliding_window_view`.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.compiler.held import Held
from graphnet.compiler.reads import Reader
from graphnet.compiler.values import Local, Value, Values
from graphnet.compiler.windows import frame_of, outermost
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.formula.subscript import Affine, Index

__all__ = ["folded", "repeated"]

MOST = 1024  # slices in one write; beyond that elements are added one by one


def folded(
    values: Values, reader: Reader, a: Local, target: Sequence[Affine], shape: Sequence[Extent]
) -> Held | None:
    """The tensor that holds the sum of `a` at overlapping places, where slices can do that."""
    outer = [outermost(s, reader.extents) for s in target]
    loops = [a.position for s in target for a, _ in s.terms if isinstance(a, Index)]
    if any(p is None for p in outer) or len(loops) != len(set(loops)):
        return None
    inner = [p for p in loops if p not in outer]
    count = ext.product(tuple(reader.extents[p] for p in inner))
    if not isinstance(count, int) or not 1 < count <= MOST:
        return None
    order = sorted(range(len(target)), key=lambda k: _rank(a.labels, outer[k]))
    labels = [*(outer[k] for k in order), *inner]
    starts, steps, extents, crop = [], [], [], []
    for k in order:
        s, size, frame = target[k], shape[k], frame_of(target[k], shape[k], reader.extents)
        step = dict(s.terms)[Index(outer[k])]  # type: ignore[arg-type]
        if frame is None or not isinstance(step, int) or step < 1:
            return None
        starts.append(ext.add(s.const, frame[0]))
        steps.append(step)
        extents.append(ext.add(size, sum(frame)))
        crop.append((frame[0], 1, size) if any(frame) else None)
    within = tuple(
        (place, s_dilation)
        for p in inner for place, k in enumerate(order)
        for atom, s_dilation in target[k].terms if atom == Index(p)
    )  # fmt: skip
    full = repeated(values, a, labels, reader.extents)  # type: ignore[arg-type]
    axes = tuple(range(full.rank))
    extra = (tuple(starts), tuple(steps), within)
    made = values.make("fold", [(full, axes)], extents, full.dtype, extra)
    if any(crop):
        sizes = [shape[k] for k in order]
        made = values.make("slice", [(made, axes[: len(order)])], sizes, made.dtype, tuple(crop))
    return Held(made, tuple(order))


def _rank(labels: Sequence[int], p: int | None) -> int:
    return labels.index(p) if p in labels else len(labels)


def repeated(values: Values, a: Local, labels: Sequence[int], extents: Sequence[Extent]) -> Value:
    """The local with exactly these axes in order, repeated along those it lacks."""
    axes = tuple(labels.index(p) for p in a.labels)
    if axes == tuple(range(len(labels))) and not a.value.host:
        return a.value
    op = "transpose" if len(axes) == len(labels) and not a.value.host else "broadcast"
    return values.make(op, [(a.value, axes)], [extents[p] for p in labels], a.value.dtype)

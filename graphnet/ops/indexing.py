"""Indexing: ints, slices, None, ..., and one int tensor, as NumPy has them, in one formula.

>>> from graphnet.ops.define import input
>>> x = input("x", ("batch", 8))
>>> x[:, ::2]
index (batch, 4) = x[i,2*j], j < 4
>>> x[0, ::-1]
index (8,) = x[0,7 - i], i < 8
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from graphnet.arguments import whole
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least, show_extent
from graphnet.formula.subscript import Affine, Gather, bare, constant
from graphnet.network.nodes import Node, show_shape
from graphnet.ops.array import Array
from graphnet.ops.building import constant_node, place, to_node
from graphnet.ops.tensor import Tensor, TensorLike

__all__ = ["gather", "index"]


@dataclass
class _Reading:
    """A formula in the making: the subscripts of x, the loops, and the int tensor that is read."""

    x: Node
    subs: list[Affine] = field(default_factory=list)
    extents: list[Extent] = field(default_factory=list)
    chooser: Node | None = None

    def loop(self, extent: Extent) -> Affine:
        self.extents.append(extent)
        return bare(len(self.extents) - 1)

    def gather(self, indices: Node) -> None:
        """Adds the subscript T[i, j, ...] over new loops."""
        self.chooser = indices
        subs = tuple(self.loop(e) for e in indices.shape)
        self.subs.append(Affine(0, ((Gather(1, subs), 1),)))

    def made(self, label: str) -> Tensor:
        reads: list[tuple[Node, Sequence[Affine]]] = [(self.x, self.subs)]
        if self.chooser is not None:
            reads.append((self.chooser, [bare(0)] * len(self.chooser.shape)))
        return Tensor(place(reads, self.extents, label=label))


def index(x: Tensor, key: Any) -> Tensor:
    """x[key]. Raises GraphnetError where an element may lie outside, GraphnetTypeError for a key
    of another kind."""
    keys = _spelled_out(x, key if isinstance(key, tuple) else (key,))
    reading = _Reading(x.node)
    axis = 0
    for item in keys:
        if item is None:
            reading.loop(1)
            continue
        size = x.shape[axis]
        if isinstance(item, slice):
            start, step, count = _slice(item, size, x)
            reading.subs.append(constant(start) + reading.loop(count).scale(step))
        elif _is_int(item):
            item = whole("an element", item, where="index")
            reading.subs.append(constant(_element(item, size, x)))
        else:
            reading.gather(_chooser(item, size, "index"))
        axis += 1
    untouched = [bare(a) for a in range(len(x.shape))]
    if reading.subs == untouched and tuple(reading.extents) == x.shape:
        return x
    return reading.made("index")


def gather(x: Tensor, indices: TensorLike, axis: int, label: str) -> Tensor:
    """Elements along one axis by an int tensor; its axes stand where that axis stood."""
    reading = _Reading(x.node)
    for a, size in enumerate(x.shape):
        if a == axis:
            reading.gather(_chooser(indices, size, label))
        else:
            reading.subs.append(reading.loop(size))
    return reading.made(label)


def _is_int(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool)


def _spelled_out(x: Tensor, keys: tuple[Any, ...]) -> list[Any]:
    """The keys with `...` and what is missing at the end as full slices."""
    dots = [k for k, item in enumerate(keys) if item is Ellipsis]
    if len(dots) > 1:
        raise GraphnetError(f"'...' stands twice in the index of {x!r}", where="index")
    used = sum(item is not None and item is not Ellipsis for item in keys)
    missing = len(x.shape) - used
    if missing < 0:
        raise GraphnetError(
            f"{used} indices for the {len(x.shape)} axes of shape {show_shape(x.shape)}",
            where="index",
        )
    at = dots[0] if dots else len(keys)
    result = [*keys[:at], *[slice(None)] * missing, *keys[at + 1 :]]
    advanced = [k for k, item in enumerate(result) if not isinstance(item, slice | None)]
    tensors = [k for k in advanced if not _is_int(result[k])]
    if len(tensors) > 1:
        raise GraphnetError(
            "one int tensor in an index is enough; for more write the formula, as in "
            'gn.formula("Y[n] = x[i[n],j[n]]", x=x, i=i, j=j)',
            where="index",
        )
    if tensors and len(advanced) > 1 and advanced[-1] - advanced[0] >= len(advanced):
        raise GraphnetError(
            "an int and an int tensor with something between them move axes in NumPy; "
            "index twice, as in x[0][:, t]",
            where="index",
        )
    return result


def _unsure(x: Tensor, size: Extent, least: int) -> NoReturn:
    raise GraphnetError(
        f"the size {show_extent(size)} of {x!r} is not known to be at least {least}", where="index"
    )


def _element(item: int, size: Extent, x: Tensor) -> Extent:
    if isinstance(size, int):
        if not -size <= item < size:
            raise GraphnetError(
                f"element {item} of an axis of size {size}, shape {show_shape(x.shape)}",
                where="index",
            )
        return item % size
    if not at_least(size, item + 1 if item >= 0 else -item):
        _unsure(x, size, item + 1 if item >= 0 else -item)
    return item if item >= 0 else ext.add(size, item)


def _slice(item: slice, size: Extent, x: Tensor) -> tuple[Extent, int, Extent]:
    """(first element, step, count)."""
    for part in (item.start, item.stop, item.step):
        if part is not None and not _is_int(part):
            raise GraphnetTypeError(f"a slice is made of ints, not {told(part)}", where="index")
    step = 1 if item.step is None else operator.index(item.step)
    if step == 0:
        raise GraphnetError("the step of a slice is not 0", where="index")
    if isinstance(size, int):
        run = range(*item.indices(size))
        return run.start if len(run) else 0, step, len(run)

    def bound(value: int | None, default: Extent) -> Extent:
        if value is None:
            return default
        if not at_least(size, abs(value)):
            _unsure(x, size, abs(value))
        return value if value >= 0 else ext.add(size, value)

    if step > 0:
        start, stop = bound(item.start, 0), bound(item.stop, size)
        span = ext.sub(stop, start)
    else:
        start, stop = bound(item.start, ext.sub(size, 1)), bound(item.stop, -1)
        span = ext.sub(start, stop)
    if not at_least(span):
        if isinstance(span, int):
            return 0, step, 0
        raise GraphnetError(
            f"the slice {item.start}:{item.stop}:{step} of size {show_extent(size)} may be empty",
            where="index",
        )
    return start, step, ext.floordiv(ext.add(span, abs(step) - 1), abs(step))


def _chooser(item: Any, size: Extent, where: str) -> Node:
    """The int tensor of an index; negative elements of an array count from the end."""
    if isinstance(item, list | np.ndarray | int | np.integer):
        array = Array(np.zeros(0, int) if isinstance(item, list) and not item else item)
        if array.dtype == "int":
            return constant_node(_from_front(array, size, where))
    node = to_node(item)
    if node.dtype != "int":
        raise GraphnetTypeError(
            f"an index is an int, a slice, None, ... or an int tensor, not of dtype {node.dtype}",
            where=where,
        )
    return node


def _from_front(array: Array, size: Extent, where: str) -> Array:
    values = array.array
    if not values.size:
        return array
    low, high = int(values.min()), int(values.max())
    if isinstance(size, int):
        if low < -size or high >= size:
            bad = low if low < -size else high
            raise GraphnetError(f"element {bad} of an axis of size {size}", where=where)
        return Array(np.where(values < 0, values + size, values)) if low < 0 else array
    if low < 0 or not at_least(size, high + 1):
        raise GraphnetError(
            f"elements {low} .. {high} of an axis of size {show_extent(size)}", where=where
        )
    return array

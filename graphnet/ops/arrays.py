"""Moving elements: reshape, transpose, flip, take, tril, one_hot.

Each is one formula of subscripts (a reshape that regroups several axes at once is two).

>>> from graphnet.ops.define import input
>>> x = input("x", ("batch", 8, 8))
>>> reshape(x, ("batch", 64))
reshape (batch, 64): Y[i,8*j + k] += x[i,j,k], shape (batch, 64)
>>> transpose(x).shape
(8, 8, batch)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sympy

from graphnet.arguments import items, whole
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, show_extent
from graphnet.formula.formula import hole, index_names, index_symbol
from graphnet.formula.functions import where
from graphnet.formula.subscript import Affine, bare, constant
from graphnet.network.nodes import Node, show_shape
from graphnet.ops.building import place
from graphnet.ops.names import check_shape
from graphnet.ops.reductions import axes_of, one_axis
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = ["flip", "one_hot", "reshape", "take", "transpose", "tril"]


def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order (reversed where none is given).

    >>> import graphnet as gn
    >>> gn.transpose(gn.input("x", ("batch", 3)))
    transpose (3, batch) = x[j,i]
    """
    x = as_tensor(x)
    rank = x.ndim
    given = tuple(range(rank))[::-1]
    if axes is not None:
        given = tuple(items("axes", axes, "ints", where="transpose"))
    order = [one_axis(a, rank, "transpose") for a in given]
    if sorted(order) != list(range(rank)):
        raise GraphnetError(
            f"{told(given)} does not name each of the {rank} axes once", where="transpose"
        )
    if order == sorted(order):
        return as_tensor(x)
    subs = [bare(order.index(a)) for a in range(rank)]
    return Tensor(place([(x.node, subs)], [x.shape[a] for a in order], label="transpose"))


def reshape(x: TensorLike, *shape: Any) -> Tensor:
    """The elements in the same order in another shape; one size may be -1.

    Raises GraphnetError where the numbers of elements are not certain to be equal.

    >>> import graphnet as gn
    >>> gn.reshape(gn.input("x", ("batch", 2, 3)), (-1, 6))
    reshape (batch, 6): Y[i,3*j + k] += x[i,j,k], shape (batch, 6)
    """
    x = as_tensor(x)
    wanted: Any = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | str) else shape
    new = _new_shape(x.shape, wanted)
    if new == x.shape:
        return as_tensor(x)
    groups = _groups(x.shape, new)
    many = [len(a) > 1 and len(b) > 1 for a, b in groups]
    if any(many):
        joined = [[ext.product(tuple(a))] if m else a
                  for (a, _), m in zip(groups, many, strict=True)]  # fmt: skip
        flat = _regroup(x.node, list(zip([a for a, _ in groups], joined, strict=True)))
        return Tensor(_regroup(flat, list(zip(joined, [b for _, b in groups], strict=True))))
    return Tensor(_regroup(x.node, groups))


Group = tuple[list[Extent], list[Extent]]


def _new_shape(old: tuple[Extent, ...], wanted: Any) -> tuple[Extent, ...]:
    single = isinstance(wanted, str | ext.Poly) or not isinstance(wanted, Iterable)
    sizes = [wanted] if single else items("a shape", wanted, "sizes", where="reshape")
    ints = int | np.integer
    free = [k for k, size in enumerate(sizes) if isinstance(size, ints) and size == -1]
    total = ext.product(old)
    refused = f"cannot reshape {show_shape(old)} to {told(tuple(sizes))}"
    if len(free) > 1:
        raise GraphnetError(f"{refused}: only one size may be -1", where="reshape")
    new = list(check_shape([1 if k in free else s for k, s in enumerate(sizes)], "reshape"))
    if free:
        known = ext.product(tuple(new))
        try:
            new[free[0]] = ext.floordiv(total, known) if known != 0 else 0
        except GraphnetError:
            new[free[0]] = 0
        if known == 0:
            raise GraphnetError(f"{refused}: nothing says what -1 is", where="reshape")
    if ext.product(tuple(new)) != total:
        old_at, new_at = index_names(len(old)), index_names(len(old) + len(new))[len(old) :]
        raise GraphnetError(
            f"{refused}: {show_extent(total)} elements do not become "
            f"{show_extent(ext.product(tuple(new)))} "
            f"(Y[{','.join(new_at)}] = x[{','.join(old_at)}] in the same order)",
            where="reshape",
        )
    return tuple(new)


def _groups(old: tuple[Extent, ...], new: tuple[Extent, ...]) -> list[Group]:
    """Runs of axes, as short as possible, with equally many elements on both sides."""
    if ext.product(old) == 0:
        return [(list(old), list(new))]
    groups: list[Group] = []
    i = j = 0
    while i < len(old) or j < len(new):
        ends = [(a, b) for a in range(i, len(old) + 1) for b in range(j, len(new) + 1) if (a, b)
                != (i, j) and ext.product(old[i:a]) == ext.product(new[j:b])]  # fmt: skip
        a, b = min(ends, key=lambda end: (end[0] + end[1], -end[0]))
        groups.append((list(old[i:a]), list(new[j:b])))
        i, j = a, b
    return groups


def _regroup(x: Node, groups: Sequence[Group]) -> Node:
    """One formula in which every group has one axis (or only axes of size 1) on some side."""
    extents: list[Extent] = []
    subs: list[Affine] = []
    target: list[Affine] = []
    for old, new in groups:
        longer = old if len(old) > len(new) else new
        loops = [_loop(e, extents, keep=longer is new) for e in longer]
        joint = _joined(loops, longer)
        if longer is old and len(old) != len(new):
            subs += loops
            target += [joint] * len(new)
        else:
            subs += [joint] * len(old)
            target += loops
    shape = [e for _, new in groups for e in new]
    return place([(x, subs)], extents, label="reshape", target=target, shape=shape)


def _loop(extent: Extent, extents: list[Extent], keep: bool) -> Affine:
    """A new loop of an extent; an axis of size 1 that is only read needs none."""
    if extent == 1 and not keep:
        return constant(0)
    extents.append(extent)
    return bare(len(extents) - 1)


def _joined(loops: Sequence[Affine], sizes: Sequence[Extent]) -> Affine:
    """The place in row-major order: `(i*n + j)*m + k`."""
    joint = constant(0)
    for loop, size in zip(loops, sizes, strict=True):
        joint = joint.scale(size) + (constant(0) if size == 1 else loop)
    return joint


def flip(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """The elements along some axes (all where None) in reverse order.

    >>> import graphnet as gn
    >>> gn.flip(gn.input("x", ("batch", 3)), axis=1)
    flip (batch, 3) = x[i,2 - j], j < 3
    """
    x = as_tensor(x)
    over = axes_of(axis, x.ndim, "flip")
    subs = [
        constant(ext.sub(e, 1)) - bare(a) if a in over else bare(a) for a, e in enumerate(x.shape)
    ]
    return Tensor(place([(x.node, subs)], x.shape, label="flip"))


def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements by int indices along an axis (of all elements in order where it is None).

    >>> import graphnet as gn
    >>> gn.take(gn.parameter("E", (20, 4)), gn.input("T", ("batch",), dtype="int"), axis=0)
    take (batch, 4) = E[T[i],j]
    """
    from graphnet.ops.indexing import gather

    x = as_tensor(x)
    if axis is None:
        return gather(reshape(x, (-1,)), indices, 0, "take")
    return gather(x, indices, one_axis(axis, x.ndim, "take"), "take")


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """The elements on and below a diagonal of the last two axes, 0 above.

    >>> import graphnet as gn
    >>> gn.tril(gn.input("x", (3, 3)))
    tril (3, 3) = where(j <= i, x[i,j], 0)
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise GraphnetError(f"expected at least two axes, came {x!r}", where="tril")
    text = "Y[...,i,j] = where(j <= i + k, x[...,i,j], 0)"
    return apply(text, {"x": x, "k": whole("k", k, where="tril")}, label="tril")


def one_hot(labels: TensorLike, depth: Any) -> Tensor:
    """1 at the place that a label names along a new last axis, else 0; labels are in range.

    >>> from graphnet.ops.define import input
    >>> one_hot(input("t", ("batch",), dtype="int"), 10)
    one_hot (batch, 10) = where(t[i] == j, 1, 0), j < 10
    """
    labels = as_tensor(labels)
    if labels.dtype != "int":
        raise GraphnetTypeError(f"labels are ints, came {labels!r}", where="one_hot")
    (size,) = check_shape((depth,), "one_hot")
    rank = labels.ndim
    return Tensor(
        place(
            [(labels.node, [bare(a) for a in range(rank)])],
            [*labels.shape, size],
            label="one_hot",
            body=where(sympy.Eq(hole(0), index_symbol(rank)), sympy.Integer(1), sympy.Integer(0)),
            dtype="float",
        )
    )

"""Joining and framing: concatenate, stack, pad, each one formula of selections.

>>> from graphnet.ops.define import input
>>> A, B = input("A", (2, 3)), input("B", ("n", 3))
>>> concatenate([A, B])
concatenate (n + 2, 3) = where(i < 2, A[i,j], B[i - 2,j]), i < n + 2
>>> pad(A, ((0, 0), (1, 2)))
pad (2, 6) = A[i,j - 1], j < 6
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from graphnet.arguments import whole
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.formula.formula import dim_symbol, hole, index_names, index_symbol
from graphnet.formula.functions import where
from graphnet.formula.subscript import bare, constant
from graphnet.network.nodes import show_difference
from graphnet.ops.arrays import reshape
from graphnet.ops.building import place, to_number
from graphnet.ops.reductions import one_axis
from graphnet.ops.tensor import Tensor, TensorLike, as_tensor

__all__ = ["concatenate", "pad", "stack"]

_AT_ONCE = 16  # tensors in one formula: a body stays shallow however many are joined


def concatenate(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors one after another along an axis; the other sizes must agree.

    >>> import graphnet as gn
    >>> gn.concatenate([gn.input("x", ("batch", 3)), gn.input("y", ("batch", 2))], axis=1)
    concatenate (batch, 5) = where(j < 3, x[i,j], y[i,j - 3]), j < 5
    """
    parts = _parts(tensors, "concatenate")
    axis = one_axis(axis, parts[0].ndim, "concatenate")
    for part in parts[1:]:
        same = part.ndim == parts[0].ndim and all(
            a == axis or e == f for a, (e, f) in enumerate(zip(part.shape, parts[0].shape))
        )
        if not same:
            indices = index_names(parts[0].ndim)
            apart = show_difference(_named(parts[0], "A"), _named(part, "B"), indices, axis)
            at = ",".join(indices)
            shifted = ",".join(f"{i} - n" if a == axis else i for a, i in enumerate(indices))
            raise GraphnetError(
                f"{apart}; only axis {axis} may differ "
                f"(Y[{at}] = where({indices[axis]} < n, A[{at}], B[{shifted}]))",
                where="concatenate",
            )
    parts = [p for p in parts if p.shape[axis] != 0] or parts[:1]
    while len(parts) > 1:
        parts = [_join(parts[k : k + _AT_ONCE], axis) for k in range(0, len(parts), _AT_ONCE)]
    return parts[0]


def _named(part: Tensor, letter: str) -> tuple[str, Sequence[Extent]]:
    return part.name or letter, part.shape


def _parts(tensors: Sequence[TensorLike], where: str) -> list[Tensor]:
    if not isinstance(tensors, list | tuple):
        raise GraphnetTypeError(f"expected a list of tensors, came {told(tensors)}", where=where)
    if not tensors:
        raise GraphnetError("expected at least one tensor, came none", where=where)
    return [as_tensor(t) for t in tensors]


def _join(parts: list[Tensor], axis: int) -> Tensor:
    """`where(i < n, A[i], B[i-n])`."""
    if len(parts) == 1:
        return parts[0]
    reads, ends, end = [], [], constant(0)
    for part in parts:
        subs = [bare(a) - end if a == axis else bare(a) for a in range(part.ndim)]
        reads.append((part.node, subs))
        end = end + constant(part.shape[axis])
        ends.append(end.const)
    body, dims = _chosen(axis, ends)
    shape = [ends[-1] if a == axis else e for a, e in enumerate(parts[0].shape)]
    return Tensor(place(reads, shape, label="concatenate", body=body, dims=dims))


def _chosen(axis: int, ends: Sequence[Extent]) -> tuple[Any, list[Extent]]:
    """Hole k where the index lies before ends[k], and the sizes that the body names."""
    body: Any = hole(len(ends) - 1)
    dims: list[Extent] = []
    for k in reversed(range(len(ends) - 1)):
        body = where(index_symbol(axis) < number(ends[k], dims), hole(k), body)
    return body, dims


def number(extent: Extent, dims: list[Extent]) -> Any:
    """An extent as a number in a body; named sizes are added to `dims`."""
    if isinstance(extent, int):
        return sympy.Integer(extent)
    dims.append(extent)
    return dim_symbol(len(dims) - 1)


def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis.

    >>> import graphnet as gn
    >>> gn.stack([gn.input("x", (3,)), gn.input("y", (3,))])
    stack (2, 3) = where(i < 1, x[j], y[j]), i < 2
    """
    parts = _parts(tensors, "stack")
    rank = parts[0].ndim + 1
    axis = one_axis(axis, rank, "stack")
    for part in parts[1:]:
        if part.shape != parts[0].shape:
            indices = index_names(rank)[1:]
            apart = show_difference(_named(parts[0], "A"), _named(part, "B"), indices)
            at = ",".join(indices)
            raise GraphnetError(
                f"{apart} (Y[i,{at}] = where(i < 1, A[{at}], B[{at}]))", where="stack"
            )
    unit = [a for a in range(rank) if a != axis]
    if 1 < len(parts) <= _AT_ONCE:
        reads = [(p.node, [bare(a) for a in unit]) for p in parts]
        body, _ = _chosen(axis, [k + 1 for k in range(len(parts))])
        shape = list(parts[0].shape)
        shape.insert(axis, len(parts))
        return Tensor(place(reads, shape, label="stack", body=body))
    return concatenate([_with_axis(p, axis) for p in parts], axis)


def _with_axis(x: Tensor, axis: int) -> Tensor:
    shape = list(x.shape)
    shape.insert(axis, 1)
    return reshape(x, shape)


def pad(x: TensorLike, pad_width: Any, constant_values: float = 0) -> Tensor:
    """The tensor with a frame: `pad_width` is n, (before, after), or such a pair for every axis.

    >>> import graphnet as gn
    >>> gn.pad(gn.input("x", (3,)), 1)
    pad (5,) = x[i - 1], i < 5
    """
    x = as_tensor(x)
    widths = _widths(pad_width, x.ndim)
    subs = [bare(a) - constant(before) for a, (before, _) in enumerate(widths)]
    shape = [ext.add(e, *w) for e, w in zip(x.shape, widths, strict=True)]
    body: Any = hole(0)
    dims: list[Extent] = []
    value = to_number(constant_values)
    inside = [
        condition
        for a, (e, (before, after)) in enumerate(zip(x.shape, widths, strict=True))
        for condition in (
            [index_symbol(a) >= before] * (before > 0)
            + [index_symbol(a) < number(ext.add(e, before), dims)] * (after > 0)
        )
    ]
    if value != 0 and inside:  # an outside read is 0 by itself
        body = where(sympy.And(*inside), body, value)
        return Tensor(place([(x.node, subs)], shape, label="pad", body=body, dims=dims))
    return Tensor(place([(x.node, subs)], shape, label="pad"))


def _widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    try:
        if not isinstance(pad_width, Sequence):
            pairs = [(pad_width, pad_width)] * rank
        elif all(isinstance(w, Sequence) for w in pad_width):
            pairs = list(pad_width) * (rank if len(pad_width) == 1 else 1)
        else:
            pairs = [tuple(pad_width) * (2 if len(pad_width) == 1 else 1)] * rank
        widths = [(whole("a width", a), whole("a width", b)) for a, b in pairs]
    except (TypeError, ValueError):
        widths = [(-1, -1)]
    if len(widths) != rank or any(a < 0 or b < 0 for a, b in widths):
        raise GraphnetError(
            "expected a width >= 0, a pair (before, after) or such a pair for each of "
            f"{rank} axes, came {told(pad_width)}",
            where="pad",
        )
    return widths

"""Products of many matrices, stored in the order in which those that read them merge their axes.

`A[n,h,i,r] = Sum(P[n,h,i,j]*V[n,j,h,r], j)` is one matrix for each n and h. What reads it as a
matrix with rows (n, i) and columns (h, r) would copy it; stored as (n, i, h, r) it is that matrix,
and `matmul` writes it there as quickly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.roles import live, readers_of
from graphnet.compiler.values import Axes, Value, Values
from graphnet.formula.extent import product

__all__ = ["merged_as_read"]

Split = tuple[Axes, Axes]  # the axes of a product, those of rows and those of columns


def merged_as_read(values: Values, held: Mapping[str, Value]) -> dict[str, Value]:
    """What each node holds, with products of many matrices in the order that saves most copies."""
    lines = live(held.values())
    readers = readers_of(lines)
    orders: dict[Value, Axes] = {}
    for v in lines:
        if v.op == "contract" and _is_batched(v):
            found = _alike(v, readers)
            order = _best(v, found, readers) if found is not None else None
            if found is not None and order is not None:
                orders |= dict.fromkeys(found, order)
    if not orders:
        return dict(held)
    new: dict[Value, Value] = {}
    for v in lines:
        new[v] = _again(values, v, new, orders)
    return {name: new[v] for name, v in held.items()}


def _alike(v: Value, readers: Mapping[Value, list[Value]]) -> list[Value] | None:
    """A product and what is made of it and numbers, element by element; None where something
    reads one of these beside arrays that lie otherwise."""
    found = [v]
    for made in found:
        for reader in readers.get(made, ()):
            if reader.op in ("contract", "transpose"):
                continue
            wide = [axes for a, axes in reader.args if a.rank]
            if reader.op not in UFUNCS or wide != [identity(v)]:
                return None
            found.append(reader)
    return found


def _best(v: Value, found: Sequence[Value], readers: Mapping[Value, list[Value]]) -> Axes | None:
    """The order in which most of the matrices that a product is read as lie as they are."""
    turned = [r for made in found for r in readers.get(made, ()) if r.op == "transpose"]
    splits = [s for t in turned for r in readers.get(t, ()) if (s := _split(r)) is not None]
    own = [a for a in range(v.rank) if not all(a in axes for _, axes in v.args)]
    votes: dict[Axes, int] = {}
    for rows, columns in splits:
        for order in ((*rows, *columns), (*columns, *rows)):
            if order[-1] in own and order[0] == 0:
                votes[order] = votes.get(order, 0) + 1
    return max(votes, key=lambda order: votes[order]) if votes else None


def _is_batched(v: Value) -> bool:
    (_, axes_a), (_, axes_b) = v.args
    shared = [a for a in axes_a if a in axes_b and a < v.rank]
    own_a = [a for a in axes_a if a not in axes_b]
    own_b = [a for a in axes_b if a not in axes_a]
    return bool(shared) and len(own_a) == len(own_b) == 1 and v.dtype == "float"


def _split(reader: Value) -> Split | None:
    """The axes of a transposed array that a reshape merges into rows, and those into columns."""
    if reader.op != "reshape" or reader.rank != 2:
        return None
    ((turned, own),) = reader.args
    if turned.op != "transpose" or own != identity(turned):
        return None
    (_, axes) = turned.args[0]
    order = tuple(axes.index(k) for k in range(turned.rank))  # the source's axes as they follow
    for k in range(1, turned.rank):
        if product(tuple(turned.extents[:k])) == reader.extents[0]:
            return order[:k], order[k:]
    return None


def _again(
    values: Values, v: Value, new: Mapping[Value, Value], orders: Mapping[Value, Axes]
) -> Value:
    """A value over rebuilt arguments; a product in its order is read through a transposition."""
    args = [(new[a], axes) for a, axes in v.args]
    split = _split(v)
    source = v.args[0][0].args[0][0] if split else v
    if split and source in orders:
        found = _as_it_lies(values, v, new[source], orders[source], split)
        if found is not None:
            return found
    if v.op == "contract" or v in orders:
        args = [_below(a, axes) for a, axes in args]
    if v not in orders:
        same = all(a is b and x == y for (a, x), (b, y) in zip(args, v.args, strict=True))
        return v if same else values.make(v.op, args, v.extents, v.dtype, v.extra, v.host)
    order = orders[v]
    place = {axis: k for k, axis in enumerate(order)}
    args = [(a, tuple(place.get(x, x) for x in axes)) for a, axes in args]
    made = values.make(v.op, args, [v.extents[a] for a in order], v.dtype, v.extra)
    return values.make("transpose", [(made, order)], v.extents, v.dtype)


def _below(a: Value, axes: Axes) -> tuple[Value, Axes]:
    """What is transposed, read directly."""
    if a.op != "transpose":
        return a, axes
    ((source, own),) = a.args
    return source, tuple(axes[k] for k in own)


def _as_it_lies(
    values: Values, v: Value, turned: Value, order: Sequence[int], split: Split
) -> Value | None:
    """The matrix that a product is, where its order is rows and columns or the other way round."""
    made = turned.args[0][0]
    (rows, columns), (n, m) = split, v.extents
    if (*rows, *columns) == tuple(order):
        return values.make("reshape", [(made, identity(made))], (n, m), v.dtype)
    if (*columns, *rows) == tuple(order):
        flat = values.make("reshape", [(made, identity(made))], (m, n), v.dtype)
        return values.make("transpose", [(flat, (1, 0))], (n, m), v.dtype)
    return None

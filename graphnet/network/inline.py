"""Substitution: the formula of a pointwise tensor in place of the reads of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Integer, Symbol

from graphnet.formula.extent import Extent
from graphnet.formula.formula import (
    Formula,
    Read,
    dim_symbol,
    hole,
    index_symbol,
    normalize,
    size_symbol,
    symbol_kind,
)
from graphnet.formula.subscript import Affine
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.nodes import Computed, Node
from graphnet.network.outside import is_inside

__all__ = ["inline", "with_body"]


def inline(
    node: Computed, producers: Mapping[Node, Computed], wanted: Callable[[int], bool] | None = None
) -> Computed:
    """The node with the formulas of pointwise producers in place of its reads of them.

    `producers` maps an operand to the pointwise node whose formula stands for it; `wanted` says
    of a read's number whether it is replaced (all are, unless given). A read that may leave its
    tensor stays as it is, for there it is 0.
    """
    f, operands = node.formula, list(node.operands)
    reads, dims, moves = list(f.reads), list(f.dims), dict[Symbol, Expr]()
    for k, read in enumerate(f.reads):
        producer = producers.get(node.operands[read.slot])
        if producer is None or not is_pointwise(producer) or not (wanted is None or wanted(k)):
            continue
        if not all(map(is_inside, read.subs, producer.shape, [node.extents] * len(read.subs))):
            continue
        numbers = _numbers(producer, read.subs, node.extents, len(reads), dims)
        if numbers is None:
            continue
        g, at = producer.formula, len(operands)
        moves[hole(k)] = g.body.xreplace(numbers)
        place = dict(zip(g.plain_target or (), read.subs, strict=True))
        reads += [_moved(r, place, at) for r in g.reads]
        operands += producer.operands
    if not moves:
        return node
    new = replace(f, body=f.body.xreplace(moves), reads=tuple(reads), dims=tuple(dims))
    return with_body(node, normalize(new), operands)


def with_body(node: Computed, f: Formula, operands: Sequence[Node]) -> Computed:
    """A node of another formula over the same loops; name and label stay."""
    new = draft(f, operands, node.extents, node.shape, node.spelling)
    return replace(
        new, dtype=node.dtype, name=node.name, made=node.made or node.name is None,
        label=node.label, origin=node.origin,
    )  # fmt: skip


def _moved(read: Read, place: Mapping[int, Affine], by: int) -> Read:
    subs = (s.map(index=place.__getitem__, slot=lambda k: k + by) for s in read.subs)
    return Read(read.slot + by, tuple(subs))


def _numbers(
    producer: Computed,
    subs: Sequence[Affine],
    extents: Sequence[Extent],
    first_hole: int,
    dims: list[Extent],
) -> dict[Symbol, Expr] | None:
    """What the symbols of a producer's body become inside a consumer's loops."""
    g, found = producer.formula, dict[Symbol, Expr]()
    target = list(g.plain_target or ())
    for symbol in sorted(g.body.free_symbols, key=str):
        kind, number = symbol_kind(symbol)
        if kind == "h":
            found[symbol] = hole(first_hole + number)
        elif kind == "i":
            s = subs[target.index(number)]
            if s.bare is None and s.terms:
                return None  # an index that stands as a number must stay an index
            found[symbol] = Integer(s.const) if s.bare is None else index_symbol(s.bare)
        else:
            size = producer.extents[number] if kind == "n" else g.dims[number]
            found[symbol] = _size(size, extents, dims)
    return found


def _size(size: Extent, extents: Sequence[Extent], dims: list[Extent]) -> Expr:
    if size in extents:
        return size_symbol(list(extents).index(size))
    if isinstance(size, int):
        return Integer(size)
    dims.append(size)
    return dim_symbol(len(dims) - 1)

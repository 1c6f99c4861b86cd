"""What one read of one node adds to an adjoint, and how the parts of an adjoint become one node.

An adjoint is a Node, or `Uniform`: the same number everywhere, as the 1 a derivation starts from
and the 1/N of a mean. A Uniform is written into the formulas that read it and is no node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import sympy
from sympy import Expr, Integer

from graphnet.formula.derive import adjoint, operand_count
from graphnet.formula.extent import Extent
from graphnet.formula.formula import (
    Formula,
    Read,
    dim_symbol,
    hole,
    index_names,
    index_symbol,
    normalize,
    size_symbol,
    symbol_kind,
)
from graphnet.formula.functions import where
from graphnet.formula.kinks import AS_WRITTEN, Choice
from graphnet.formula.subscript import Gather, bare
from graphnet.network.nodes import Computed, Input, Node
from graphnet.network.shapes import computed

__all__ = [
    "Uniform", "Upstream", "as_selection", "contribution", "draft", "filled", "is_draft",
    "is_pointwise", "merge", "placed", "reduced", "summed",
]  # fmt: skip


@dataclass(frozen=True)
class Uniform:
    """An adjoint whose elements are all `value`, an expression in the named sizes `dims`."""

    value: Expr = sympy.S.One
    dims: tuple[Extent, ...] = ()


Upstream = Node | Uniform


def contribution(
    node: Computed, k: int, upstream: Upstream, value: Node, ties: Node | None,
    choice: Choice = AS_WRITTEN,
) -> Upstream | None:  # fmt: skip
    """What read k of a node adds to the adjoint of the tensor it reads; None where that is 0.

    A Computed that comes back has no name yet; the upstream itself comes back where the
    contribution is nothing but it.
    """
    found = adjoint(node.formula, k, choice)
    if found is None:
        return None
    operand = node.operands[node.formula.reads[k].slot]
    formula = replace(found.formula, shape=operand.shape)
    n = operand_count(node.formula)
    if isinstance(upstream, Uniform):
        formula = _seeded(formula, found.upstream, upstream, node.extents)
    given = upstream if isinstance(upstream, Node) else node
    operands = (*node.operands[:n], given, value, ties or node)
    result = draft(formula, operands, node.extents, operand.shape, node.spelling)
    return reduced(result, upstream)


@lru_cache(maxsize=8192)
def _seeded(f: Formula, slot: int, upstream: Uniform, extents: tuple[Extent, ...]) -> Formula:
    """The formula with the number of a Uniform in place of the reads of its slot."""
    number, dims = _number(upstream, extents, len(f.dims))
    moves = {hole(k): number for k, read in enumerate(f.reads) if read.slot == slot}
    return normalize(replace(f, body=f.body.xreplace(moves), dims=f.dims + dims))


def _number(
    uniform: Uniform, extents: Sequence[Extent], start: int
) -> tuple[Expr, tuple[Extent, ...]]:
    """A Uniform's number inside loops: a size that is a loop's is written size(index)."""
    moves: dict[Expr, Expr] = {}
    dims: list[Extent] = []
    for k, size in enumerate(uniform.dims):
        if size in extents:
            moves[dim_symbol(k)] = size_symbol(list(extents).index(size))
        elif isinstance(size, int):
            moves[dim_symbol(k)] = Integer(size)
        else:
            moves[dim_symbol(k)] = dim_symbol(start + len(dims))
            dims.append(size)
    return uniform.value.xreplace(moves), tuple(dims)


def reduced(result: Computed, upstream: Upstream) -> Upstream:
    """The upstream itself, or a Uniform, where the contribution is no more than that."""
    f = result.formula
    if not is_pointwise(result):
        return result
    if f.body == hole(0) and f.reads == (Read(0, f.target),):
        (operand,) = result.operands
        if operand is upstream and operand.shape == result.shape:
            return operand
    kinds = {symbol_kind(s) for s in f.body.free_symbols}
    if not f.reads and all(kind in "nd" for kind, _ in kinds) and _is_short(f.body):
        sizes = sorted(kinds)
        moves = {
            (size_symbol if kind == "n" else dim_symbol)(k): dim_symbol(place)
            for place, (kind, k) in enumerate(sizes)
        }
        dims = tuple(result.extents[k] if kind == "n" else f.dims[k] for kind, k in sizes)
        return Uniform(f.body.xreplace(moves), dims)
    return result


def _is_short(body: Expr) -> bool:
    """Whether a number is worth writing into every formula: 3**100 is a node."""
    return all(max(abs(r.p), r.q) < 10**6 for r in body.atoms(sympy.Rational))


def is_draft(node: Node) -> bool:
    """Whether a node is a contribution that has no name yet."""
    return node.name is None and node.label == "adjoint"


def is_pointwise(node: Node) -> bool:
    """Whether a node is `Y[i, j] = body` without reduction."""
    return isinstance(node, Computed) and not (node.formula.accumulate or node.formula.over)


def placed(node: Node) -> Computed:
    """The draft `d[i, j] = node[i, j]`."""
    target = tuple(bare(p) for p in range(len(node.shape)))
    f = Formula(target, hole(0), (Read(0, target),), indices=len(target))
    return draft(f, (node,), node.shape, node.shape)


def filled(uniform: Uniform, shape: tuple[Extent, ...]) -> Computed:
    """The draft of a tensor that holds a Uniform's number everywhere."""
    number, dims = _number(uniform, shape, 0)
    target = tuple(bare(p) for p in range(len(shape)))
    f = normalize(Formula(target, number, (), indices=len(shape), bounds=shape, dims=dims))
    return draft(f, (), shape, shape)


def merge(parts: Sequence[Computed]) -> Computed:
    """One formula that adds the bodies of drafts with plain targets and equal loops."""
    first = parts[0]
    bodies, reads, dims, operands = [], list[Read](), list[Extent](), list[Node]()
    for part in parts:
        f, at = part.formula, len(operands)
        moves = {hole(k): hole(len(reads) + k) for k in range(len(f.reads))}
        moves |= {dim_symbol(k): dim_symbol(len(dims) + k) for k in range(len(f.dims))}
        bodies.append(f.body.xreplace(moves))
        reads += [_shifted(r, at) for r in f.reads]
        dims += f.dims
        operands += part.operands
    f = replace(
        first.formula, body=sympy.Add(*bodies), reads=tuple(reads), dims=tuple(dims),
        bounds=first.extents,
    )  # fmt: skip
    best = max(parts, key=lambda p: len(p.spelling))
    return draft(normalize(f), operands, first.extents, first.shape, best.spelling)


def summed(a: Node, b: Node) -> Computed:
    """The draft a + b of two tensors of one shape."""
    return merge([placed(a), placed(b)])


def _shifted(read: Read, by: int) -> Read:
    return Read(read.slot + by, tuple(s.map(slot=lambda k: k + by) for s in read.subs))


def as_selection(node: Computed) -> Computed:
    """A write at one place of each row, `d[n, T[n]] += a`, as `d[n, k] = where(T[n] == k, a, 0)`.

    That is worth it only beside a dense contribution, with which it then merges. Comes back
    unchanged where a row is written more than once.
    """
    f = node.formula
    if not f.accumulate:
        return node
    indices, extents, target, asked = f.indices, [*node.extents], list[int](), []
    for axis, s in enumerate(f.target):
        p = s.bare
        if p is not None and p not in target and extents[p] == node.shape[axis]:
            target.append(p)
            continue
        gather = s.gathers()[0] if s.gathers() else None
        if gather is None or s.const != 0 or s.terms != ((gather, 1),):
            return node
        target.append(len(extents))
        extents.append(node.shape[axis])
        asked.append((gather, target[-1]))
    if not asked or not set(range(indices)) <= set(target):
        return node
    body, reads = f.body, list(f.reads)
    for gather, p in asked:
        same = sympy.Eq(hole(len(reads)), index_symbol(p))
        reads.append(_read_of(gather))
        body = where(same, body, Integer(0))
    spelled = (*node.spelling, *index_names(len(asked), node.spelling)) if node.spelling else ()
    new = replace(
        f, target=tuple(bare(p) for p in target), body=body, reads=tuple(reads),
        indices=len(extents), bounds=tuple(extents), accumulate=False, shape=None,
    )  # fmt: skip
    return draft(normalize(new), node.operands, tuple(extents), node.shape, spelled)


def _read_of(gather: Gather) -> Read:
    return Read(gather.slot, gather.subs)


def draft(
    f: Formula,
    operands: Sequence[Node],
    extents: Sequence[Extent],
    shape: Sequence[Extent],
    spelling: Sequence[str] = (),
) -> Computed:
    """`shapes.computed` without a name, its work shared by all drafts of equal structure."""
    distinct = list(dict.fromkeys(operands))
    template, kept = _template(
        f, tuple(extents), tuple(shape), tuple(spelling),
        tuple((o.shape, o.dtype) for o in distinct), tuple(distinct.index(o) for o in operands),
    )  # fmt: skip
    return replace(template, operands=tuple(distinct[k] for k in kept), made=True)


@lru_cache(maxsize=8192)
def _template(
    f: Formula,
    extents: tuple[Extent, ...],
    shape: tuple[Extent, ...],
    spelling: tuple[str, ...],
    kinds: tuple[tuple[tuple[Extent, ...], str], ...],
    pattern: tuple[int, ...],
) -> tuple[Computed, tuple[int, ...]]:
    stand_in: list[Node] = [Input(shape=s, dtype=dtype) for s, dtype in kinds]
    node = computed(
        f, [stand_in[k] for k in pattern], extents, shape, spelling=spelling, dtype="float",
        label="adjoint",
    )  # fmt: skip
    return node, tuple(stand_in.index(o) for o in node.operands)

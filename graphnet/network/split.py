"""Formulas cut in two: the part that some reads have no part in becomes a node of its own.

`tanh(p[n,o] + q[n,o] + b[o])` with q apart is `tanh(r[n,o] + q[n,o])`, `r = p[n,o] + b[o]`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import sympy
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
from graphnet.formula.functions import Holds, where
from graphnet.formula.subscript import bare
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.inline import inline, with_body
from graphnet.network.nodes import Computed, Node
from graphnet.network.outside import is_inside

__all__ = ["cut", "joined"]


def joined(node: Computed, producers: dict[Node, Computed]) -> Computed:
    """The node with those producers written into it that are sums in its sum, or products in its
    product, so that what belongs together can be told."""
    if not is_pointwise(node) or not producers:
        return node
    names = {
        hole(k) for k, r in enumerate(node.formula.reads) if node.operands[r.slot] in producers
    }
    body = _factored(node.formula.body, names)
    if body != node.formula.body:
        node = with_body(node, normalize(replace(node.formula, body=body)), node.operands)
    wanted = []
    for k, read in enumerate(node.formula.reads):
        producer = producers.get(node.operands[read.slot])
        if producer is None or [r.slot for r in node.formula.reads].count(read.slot) > 1:
            continue
        kind = producer.formula.body.func
        if kind in (sympy.Add, sympy.Mul) and _stands_in(node.formula.body, hole(k), kind):
            wanted.append(k)
    return inline(node, producers, wanted.__contains__) if wanted else node


def _stands_in(body: sympy.Basic, symbol: Symbol, kind: type) -> bool:
    """Whether a symbol is an argument of a sum (or product) of a body, and stands nowhere else."""
    places = [e for e in sympy.preorder_traversal(body) if symbol in e.args]
    return len(places) == 1 and isinstance(places[0], kind)


def cut(node: Computed, apart: Collection[Node], make: Callable[[Computed], Node]) -> Computed:
    """The node with maximal parts that read none of the nodes `apart` as reads of other nodes.

    `make` is given each part, a Computed without a name, and gives the node that is read.
    Nothing is cut out of a Max or Min, whose ties compare bits.
    """
    f = node.formula
    if f.reduce in ("Max", "Min"):
        return node
    slots = {k for k, o in enumerate(node.operands) if o in apart}
    held = {
        hole(k) for k, r in enumerate(f.reads)
        if r.slot in slots or any(g.slot in slots for g in r.gathers())
    }  # fmt: skip
    if not held:
        return node
    operands, reads, parts = [*node.operands], [*f.reads], dict[Expr, Symbol]()

    def pull(e: sympy.Basic) -> sympy.Basic:
        free = not (e.free_symbols & held)
        if free:
            return part(e) if isinstance(e, Expr) else e
        if isinstance(e, sympy.Add | sympy.Mul):
            alone = [a for a in e.args if not (a.free_symbols & held)]
            others = [pull(a) for a in e.args if a.free_symbols & held]
            together = e.func(*alone)
            return e.func(part(together), *others)
        return e.func(*map(pull, e.args)) if e.args else e

    def part(e: Expr) -> Expr:
        found = parts.get(e) or _part(node, e)
        if found is None:
            return e
        if isinstance(found, Computed):
            target = _indices(f, e)
            operands.append(make(found))
            reads.append(Read(len(operands) - 1, tuple(bare(p) for p in target)))
            parts[e] = hole(len(reads) - 1)
        return parts[e]

    body = pull(_factored(f.body, held))
    if not parts:
        return node
    return with_body(node, normalize(replace(f, body=body, reads=tuple(reads))), operands)


def _factored(body: sympy.Basic, held: Collection[Symbol]) -> sympy.Basic:
    """where(c, a*h, b*h) as h*where(c, a, b) for what is apart; the same product is taken."""

    def out(condition: sympy.Basic, a: Expr, b: Expr) -> Expr:
        def own(e: Expr) -> set[Expr]:
            return {x for x in sympy.Mul.make_args(e) if x.free_symbols & set(held)}

        common = [x for x in sympy.Mul.make_args(a) if x in own(a) & own(b)]
        if not common:
            return where(condition, a, b)
        both = [sympy.Mul(*(x for x in sympy.Mul.make_args(e) if x not in common)) for e in (a, b)]
        return sympy.Mul(*common, where(condition, *both))

    return body.replace(where, out) if body.has(where) else body


def _indices(f: Formula, e: Expr) -> list[int]:
    """The loops that a part of a body runs over."""
    found = set[int]()
    for symbol in e.free_symbols:
        kind, number = symbol_kind(symbol)
        if kind == "h":
            found |= f.reads[number].indices()
        elif kind == "i":
            found.add(number)
    return sorted(found)


def _part(node: Computed, e: Expr) -> Computed | None:
    """A part of a body as a node, where that is worth it: not a mere read (or a multiple of it),
    and no larger than one of the tensors it reads."""
    f, extents = node.formula, node.extents
    numbers = f.holes(e)
    factors = [a for a in e.args if not a.is_number] if isinstance(e, sympy.Mul) else [e]
    if not numbers or (len(factors) == 1 and isinstance(factors[0], Symbol)) or e.atoms(Holds):
        return None
    target = _indices(f, e)
    if not any(f.reads[k].indices() == frozenset(target) for k in numbers):
        return None
    for k in numbers:
        shape = node.operands[f.reads[k].slot].shape
        if not all(is_inside(s, size, extents) for s, size in zip(f.reads[k].subs, shape)):
            return None
    place = {old: new for new, old in enumerate(target)}
    moves: dict[Symbol, Expr] = {}
    dims = list(f.dims)
    for symbol in sorted(e.free_symbols, key=str):
        kind, number = symbol_kind(symbol)
        if kind == "i":
            moves[symbol] = index_symbol(place[number])
        elif kind == "n":
            moves[symbol] = _size(extents[number], place.get(number), dims)
    reads = tuple(
        Read(r.slot, tuple(s.map(index=lambda p: bare(place.get(p, 0))) for s in r.subs))
        for r in f.reads
    )
    own = tuple(extents[p] for p in target)
    formula = Formula(
        tuple(bare(p) for p in range(len(target))), e.xreplace(moves), reads, indices=len(target),
        bounds=own, dims=tuple(dims),
    )  # fmt: skip
    spelled = tuple(node.spelling[p] for p in target) if node.spelling else ()
    made = draft(normalize(formula), node.operands, own, own, spelled)
    return replace(made, label=f"{node.name or node.label}_part")


def _size(size: Extent, at: int | None, dims: list[Extent]) -> Expr:
    if at is not None:
        return size_symbol(at)
    if isinstance(size, int):
        return Integer(size)
    dims.append(size)
    return dim_symbol(len(dims) - 1)

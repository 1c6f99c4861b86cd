"""What declared facts make of a contribution to an adjoint: P*Sum(Y) - Y becomes P - Y."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy
from sympy import Expr, Integer

from graphnet.formula.facts import implied, known_sum, simplified, without_loop
from graphnet.formula.formula import (
    dim_symbol,
    hole,
    index_symbol,
    normalize,
    size_symbol,
    symbol_kind,
)
from graphnet.formula.functions import where
from graphnet.formula.subscript import bare
from graphnet.network.contributions import draft
from graphnet.network.nodes import Computed, Input, Node

__all__ = ["Use", "facts_of", "is_one_hot", "with_facts"]


@dataclass(frozen=True)
class Use:
    """A fact that simplified something: which, of what tensor, and the law it states."""

    fact: str
    of: Node
    law: str


def facts_of(node: Node) -> tuple[str, ...]:
    """The facts that are known of a tensor: declared, or of the labels of gn.one_hot."""
    if isinstance(node, Input):
        return node.facts
    return ("one_hot",) if is_one_hot(node) else ()


def is_one_hot(node: Node) -> bool:
    """Whether a node is gn.one_hot of labels, whose range is checked where they enter."""
    if not isinstance(node, Computed) or node.label != "one_hot" or len(node.formula.reads) != 1:
        return False
    f, last = node.formula, node.formula.indices - 1
    on = where(sympy.Eq(hole(0), index_symbol(last)), Integer(1), Integer(0))
    plain = tuple(bare(p) for p in range(f.indices))
    return f.body == on and f.target == plain and f.reads[0].subs == plain[:-1]


def with_facts(node: Computed) -> tuple[Computed, tuple[Use, ...]]:
    """A contribution simplified by the facts of what it reads; the same node where none helps."""
    reads = [(k, *_scaled(node, k)) for k in range(len(node.formula.reads))]
    known = [(k, t, c, implied(facts_of(t))) for k, t, c in reads if facts_of(t)]
    for k, tensor, factor, facts in known:
        if "probability" in facts:
            summed = _summed(node, k, factor)
            if summed is not None:
                return summed, (Use(facts["probability"], tensor, "Sum({y}[...,k], k) = 1"),)
    direct = [(k, facts) for k, _, factor, facts in known if factor == 1]
    body, used = simplified(node.formula.body, direct)
    if not used:
        return node, ()
    uses = [Use(fact, node.operands[node.formula.reads[k].slot], law) for k, fact, law in used]
    formula = normalize(replace(node.formula, body=body))
    return draft(formula, node.operands, node.extents, node.shape, node.spelling), tuple(uses)


def _scaled(node: Computed, k: int) -> tuple[Node, Expr]:
    """(Y, c) where read k is c*Y: of a node d = -Y/size(n) that is Y and -1/size(n)."""
    read = node.formula.reads[k]
    tensor, factor = node.operands[read.slot], Integer(1)
    while isinstance(tensor, Computed) and not facts_of(tensor):
        f = tensor.formula
        c = f.body / hole(0)
        plain = f.plain_target == tuple(range(f.indices)) and not f.over and not f.accumulate
        kinds = {symbol_kind(s)[0] for s in c.free_symbols}
        if not (plain and len(f.reads) == 1 and f.reads[0].subs == f.target and kinds <= {"n"}):
            break
        moves = {size_symbol(q): size_symbol(s.bare) for q, s in enumerate(read.subs)
                 if s.bare is not None and node.extents[s.bare] == tensor.extents[q]}  # fmt: skip
        if not c.free_symbols <= moves.keys():
            break
        factor *= c.xreplace(moves)
        tensor = tensor.operands[f.reads[0].slot]
    return tensor, factor


def _summed(node: Computed, k: int, factor: Expr) -> Computed | None:
    """The contribution without its sum over the last axis of read k, whose rows sum to factor."""
    f = node.formula
    p = f.reads[k].subs[-1].bare if f.reads[k].subs else None
    if p is None or node.extents[p] != node.operands[f.reads[k].slot].shape[-1]:
        return None
    c = known_sum(f, k, p)
    if c is None:
        return None
    size: Expr
    if isinstance(node.extents[p], int):
        size = Integer(node.extents[p])
    else:
        size = dim_symbol(len(f.dims))
        f = replace(f, dims=(*f.dims, node.extents[p]))
    extents = tuple(1 if q == p else e for q, e in enumerate(node.extents))
    formula = normalize(without_loop(f, p, factor * c, size))
    return draft(formula, node.operands, extents, node.shape, node.spelling)

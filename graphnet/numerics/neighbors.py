"""Functions of neighbouring columns of one array, in the body of a loop, as one function of all.

    i = 1/2 + 1/2*tanh(1/2*a[n,k])             t = tanh(m[k]*a[n,k])
    g = tanh(a[n,k + u])              ->       s = p[k] + q[k]*t[n,k]
    c = i[n,k]*g[n,k]                          c = s[n,k]*s[n,k + u]

What is p + q*tanh(m*a[n,k + start]) with numbers p, q and m, for several starts, is one tanh with
rows of numbers. In a loop, where a call costs more than its arithmetic, a cell of four gates so
takes five calls for its gates and not thirteen. The numbers m go to what a is made of
(columns.py), once for all steps; where they cannot, and differ, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy
from sympy import Expr

from graphnet.formula.extent import Extent
from graphnet.formula.formula import Formula, Read, hole, normalize
from graphnet.formula.subscript import bare, constant
from graphnet.network.contributions import draft
from graphnet.network.graph import Network
from graphnet.network.inline import inline
from graphnet.network.nodes import Computed, Input, Node, with_operands
from graphnet.network.runs import bodies, runs_of
from graphnet.network.tighten import tighten
from graphnet.numerics.columns import Pieces, Scaling, row
from graphnet.numerics.gates import Gate, groups
from graphnet.numerics.stabilize import Rewrite, noted

__all__ = ["join_neighbors"]

RULE, LAW = "neighbours joined", "p + q*tanh(m*a) for several columns of a, with rows p, q and m"


def join_neighbors(network: Network) -> Network:
    """The network with functions of neighbouring columns joined in the bodies of its loops, and
    the products with rows in front of them.

    What was done is added to `graph["rewrites"]`.
    """
    done: list[Rewrite] = []
    new = _with_bodies(network, done)
    if new is network:
        return network
    return noted(network, tighten(new), done)


def _with_bodies(network: Network, done: list[Rewrite]) -> Network:
    states = {run.loop.body: run.loop.states for run in runs_of(network)}

    def change(body: Network) -> Network:
        names, body = states[body], _with_bodies(body, done)
        while True:
            found = ((group, _joined(body, names, group)) for group in groups(body))
            group, joined = next((pair for pair in found if pair[1] is not None), ([], None))
            if joined is None:
                return body
            done.append(Rewrite(RULE, LAW, tuple(gate.name for gate in group)))
            body = joined

    return bodies(network, change)


def _joined(body: Network, states: Sequence[str], group: list[Gate]) -> Network | None:
    """The body with the gates of a group as one; None where their scales cannot be placed."""
    first = group[0]
    shape = (*first.node.shape[:-1], sum(gate.width for gate in group))
    argument = _whole(first, shape)
    scaling = Scaling(body, states, {g.node for g in group}.union(*(g.gone for g in group)))
    scaled = scaling.scaled(argument, _pieces(group, "scale"), len(shape) - 1)
    scales = {gate.scale for gate in group}
    if scaled is None and len(scales) > 1:
        return None
    inner = hole(0) if scaled is not None else first.scale * hole(0)
    t = _pointwise(sympy.tanh(inner), [scaled or argument], None)
    rows: list[Node] = [t]
    numbers = []
    for what in ("times", "add"):
        pieces = _pieces(group, what)
        numbers.append(pieces[0][1] if len(pieces) == 1 else hole(len(rows)))
        if len(pieces) > 1:
            rows.append(row(pieces, shape[-1]))
    named = all(gate.node.name is not None for gate in group)
    name = "_".join(gate.name for gate in group) if named else None  # i_f_g_o
    whole = _pointwise(numbers[0] * hole(0) + numbers[1], rows, name)
    return _with_parts(body, group, whole, scaling.replaced)


def _whole(first: Gate, shape: tuple[Extent, ...]) -> Node:
    """The argument of all gates of a group: the formula of the first one's over more columns."""
    made = draft(first.argument.formula, first.argument.operands, shape, shape, first.node.spelling)
    (*operands,) = made.operands
    bare_ = made.formula.body == hole(0) and made.formula.reads[0].subs == made.formula.target
    return operands[0] if bare_ and operands[0].shape == shape else replace(made, label="a")


def _pieces(group: Sequence[Gate], what: str) -> Pieces:
    found: list[tuple[int, Expr]] = []
    for gate in group:
        number = getattr(gate, what)
        if not found or found[-1][1] != number:
            found.append((gate.start - group[0].start, number))
    return tuple(found)


def _pointwise(body: Expr, operands: Sequence[Node], name: str | None) -> Computed:
    """A formula of one element of each operand, rows along the last axis."""
    shape = operands[0].shape
    rank = len(shape)
    target = tuple(bare(p) for p in range(rank))
    reads = tuple(Read(k, target[rank - len(o.shape) :]) for k, o in enumerate(operands))
    f = normalize(Formula(target, body, reads, indices=rank))
    if f.body == hole(0) and len(operands) == 1:
        assert isinstance(operands[0], Computed)
        return operands[0]
    return replace(draft(f, operands, shape, shape), name=name, label="tanh")


def _with_parts(
    body: Network, group: Sequence[Gate], whole: Computed, replaced: dict[Node, Node]
) -> Network:
    """The body with columns of the whole in the place of the gates, and what reads them over it."""
    old = dict(body.items())
    gates: dict[Node, Gate] = {gate.node: gate for gate in group}

    def cut(name: str, node: Node) -> Node | None:
        gate = gates.get(old[name])
        if gate is None and not isinstance(node, Input):
            given = [replaced.get(o, o) if isinstance(o, Input) else o for o in node.operands]
            return replaced.get(old[name]) or with_operands(node, given, made=True)
        if gate is None:
            return None  # the loop knows it by its name; who reads it reads what replaces it
        at = tuple(bare(p) for p in range(len(node.shape)))
        start = constant(gate.start - group[0].start)
        f = Formula(at, hole(0), (Read(0, (*at[:-1], at[-1] + start)),), indices=len(at))
        made = draft(f, [whole], node.shape, node.shape, gate.node.spelling)
        return replace(made, name=node.name, label=node.label)

    new = body.rebuild(cut)
    parts = {new.node(gate.name): new.node(gate.name) for gate in group if gate.name in new}

    def over(name: str, node: Node) -> Node | None:
        return inline(node, parts) if isinstance(node, Computed) else None  # type: ignore[arg-type]

    new = new.rebuild(over)
    new.take_notes(body)
    return new

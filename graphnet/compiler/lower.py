"""Network -> values: every node's formula becomes calls; reading a node reads its value.

So substitution and common-subexpression elimination over forward, backward and update happen by
themselves: equal values are one object, and a value that nothing needs is never emitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Expr, S

from graphnet.compiler.body import Context
from graphnet.compiler.cumulative import running
from graphnet.compiler.held import Held, merged
from graphnet.compiler.inside import tests_inside
from graphnet.compiler.pull import pulled
from graphnet.compiler.reads import Reader
from graphnet.compiler.splits import (
    Wishes,
    loops_to_split,
    split_axes,
    split_loops,
    wished,
)
from graphnet.compiler.values import Local, Value, Values
from graphnet.compiler.writes import write
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.formula.formula import Formula
from graphnet.formula.named import in_names
from graphnet.formula.subscript import Affine, Index
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Node, Order, Scan

__all__ = ["Lowered", "full", "lower", "readable"]


@dataclass(frozen=True)
class Lowered:
    """The values of a network and what each node holds."""

    values: Values
    held: dict[str, Held]
    notes: dict[Value, str] = field(default_factory=dict)  # the node a value was first made for
    split: bool = False  # whether poolings are read by phases
    scales: Mapping[str, Any] = field(default_factory=dict)  # what nodes are read times


def lower(
    network: Network, values: Values | None = None, counter: str | None = None,
    scales: Mapping[str, Any] | None = None, split: bool = False,
) -> Lowered:  # fmt: skip
    """The values of every node of a network, in its order. No recursion over nodes.

    `counter` is an input that is a Python int when it runs: the step of a loop whose body it is.
    What a node in `scales` holds is read times that number. With `split` what a pooling reads is
    laid out by phases (splits.py): faster, and less to read.
    """
    values = Values() if values is None else values
    held: dict[str, Held] = {}
    loops: dict[object, Value] = {}
    notes: dict[Value, str] = {}
    wishes = wished(network) if split else None
    for name, node in network.items():
        operands, count = network.operands(name), len(values)
        match node:
            case Computed():
                made = _computed(values, node, [held[o] for o in operands], wishes)
                held[name] = _in_order(values, made, node) if node.name is not None else made
            case Scan():
                held[name] = _scan(values, node, [held[o] for o in operands], loops)
            case Order():
                source = full(values, held[operands[0]], node.operands[0].shape)
                arg = [(source, tuple(range(source.rank)))]
                made_ = values.make(node.op, arg, node.shape, "int", node.axis)
                held[name] = Held(made_, tuple(range(len(node.shape))))
            case _:
                leaf = values.make("leaf", (), node.shape, node.dtype, name, host=name == counter)
                held[name] = Held(leaf, tuple(range(len(node.shape))))
        if scales and name in scales:
            made_ = held[name].value
            by = (values.number(scales[name]).value, ())
            args = [by, (made_, tuple(range(made_.rank)))]
            made_ = values.make("multiply", args, made_.extents, made_.dtype)
            held[name] = replace(held[name], value=made_)
        notes.update(dict.fromkeys(values.since(count), name))
    return Lowered(values, held, notes, split, dict(scales or {}))


def readable(network: Network) -> Lowered:
    """The values of a network for plain source: sigmoid(z) is a call of that name."""
    return lower(network, Values(named=True))


def full(values: Values, held: Held, shape: Sequence[Extent]) -> Value:
    """The value with exactly the axes of the node, in order."""
    held = merged(values, held)
    if held.axes == tuple(range(len(shape))) and not held.value.host:
        return held.value
    moved = len(held.axes) == len(shape) > 0 and not held.value.host
    op = "transpose" if moved else "broadcast"
    return values.make(op, [(held.value, held.axes)], shape, held.value.dtype)


def _in_order(values: Values, held: Held, node: Node) -> Held:
    """A named node keeps the layout it is shown with, so that its variable can be looked at."""
    order = tuple(sorted(held.axes))
    if held.axes == order or held.steps is not None:
        return held
    axes = tuple(order.index(a) for a in held.axes)
    extents = [node.shape[a] for a in order]
    made = values.make("transpose", [(held.value, axes)], extents, held.value.dtype)
    return Held(made, order)


_OF_NOTHING = {"Max": S.NegativeInfinity, "Min": S.Infinity, "LogSumExp": S.NegativeInfinity}


def _computed(
    values: Values, node: Computed, operands: Sequence[Held], wishes: Wishes | None
) -> Held:
    f = in_names(node.formula) if values.named else node.formula
    if 0 in (*node.extents, *node.shape):  # no loop runs, what stands is a reduction of nothing
        nothing = _OF_NOTHING.get(f.reduce or "Sum", S.Zero)
        return Held(values.number(nothing, node.dtype).value, ())
    extents, shapes = node.extents, [o.shape for o in node.operands]
    if f.accumulate:
        f, extents = pulled(f, extents, node.shape, shapes) or (f, extents)
    elif f.plain_target is None:
        raise GraphnetError(f"the target of an = formula must be distinct indices: {f.target}")
    phases = {}
    if wishes is not None:
        phases = loops_to_split(f, extents, node.shape, operands, wishes.get(node, {}))
        f, extents = split_loops(f, extents, phases)
    reader = Reader(values, extents, operands.__getitem__, shapes.__getitem__)
    context = _context(values, f, extents, reader, node.shape)
    if f.accumulate:
        body = context.sum(f.body, f.over, node.dtype)
        return write(values, reader, body, f.target, node.shape, split_axes(f, operands))
    if f.over and f.reduce == "Sum":
        result = context.sum(f.body, f.over, node.dtype)
    elif f.over and f.reduce:
        result = _extremum(values, context, f, node.dtype)
    else:
        result = context.local(f.body, node.dtype)
    place = {
        atom.position: (axis, step)
        for axis, s in enumerate(f.target) for atom, step in s.terms
        if isinstance(atom, Index) and isinstance(step, int)
    }  # fmt: skip
    axes, steps = [place[p][0] for p in result.labels], [place[p][1] for p in result.labels]
    return Held(result.value, tuple(axes), tuple(steps) if phases else None)


def _context(
    values: Values, f: Formula, extents: Sequence[Extent], reader: Reader, shape: Sequence[Extent]
) -> Context:
    """How the body of a formula gets at its reads, each made once."""
    cache: dict[int, Local] = {}

    def read(k: int) -> Local:
        if k not in cache:
            cache[k] = reader.read(f.reads[k].slot, f.reads[k].subs)
        return cache[k]

    def read_in(k: int, outside: Expr, tests: frozenset[Affine]) -> Local | None:
        r = f.reads[k]
        needed = tests_inside(r.subs, reader.shape(r.slot), extents)
        return reader.read(r.slot, r.subs, outside) if tests == needed else None

    given = tests_inside(f.target, shape, extents) if f.accumulate else frozenset()
    order = f.plain_target if f.plain_target is not None else _loops_of_target(f)
    return Context(values, f, extents, read, order, read_in, given)


def _loops_of_target(f: Formula) -> tuple[int, ...]:
    found: list[int] = []
    for s in f.target:
        found += sorted(s.indices() - set(found))
    return tuple(found)


def _extremum(values: Values, context: Context, f: Formula, dtype: str) -> Local:
    """Max, Min or LogSumExp; loops that the body lacks are repeated where that matters."""
    if f.reduce in ("Max", "Min"):
        one_pass = running(context, f.body, f.over, dtype, f.reduce)
        if one_pass is not None:
            return one_pass
    body = context.local(f.body, dtype)
    missing = [
        p for p in f.over
        if p not in body.labels
        and (f.reduce == "LogSumExp" or not isinstance(e := context.extents[p], int) or e == 0)
    ]  # fmt: skip
    if missing:
        labels = [*body.labels, *missing]
        axes = tuple(range(len(body.labels)))
        extents = [context.extents[p] for p in labels]
        repeated = values.make("broadcast", [(body.value, axes)], extents, body.value.dtype)
        body = Local(repeated, tuple(labels))
    over = [p for p in f.over if p in body.labels]
    if not over:
        return body
    may_be_empty = any(not isinstance(e := context.extents[p], int) or e == 0 for p in over)
    return values.reduce(str(f.reduce).lower(), body, over, may_be_empty)


def _scan(values: Values, node: Scan, operands: Sequence[Held], loops: dict[object, Value]) -> Held:
    """One result of a run; all results over the same loop and operands share the run."""
    key = (id(node.loop), node.operands)
    if key not in loops:
        args = [
            (full(values, h, o.shape), tuple(range(len(o.shape))))
            for h, o in zip(operands, node.operands, strict=True)
        ]
        loops[key] = values.make("scan", args, (), "float", node.loop)
    made = values.make("result", [(loops[key], ())], node.shape, node.dtype, node.result)
    return Held(made, tuple(range(len(node.shape))))

"""A lowered network with fewer and cheaper values: what the fast style prints.

The values of outputs and updates keep their meaning; what a node in between holds may change by a
factor or vanish, so only the nodes that are still held as they were are in `held`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sympy import Integer

from graphnet.compiler.algebra.facts import Facts
from graphnet.compiler.algebra.simplify import Simplifier
from graphnet.compiler.algebra.terms import Term, power, scaled
from graphnet.compiler.lower import Lowered, full
from graphnet.compiler.reads import Held
from graphnet.compiler.values import Value, Values
from graphnet.network.graph import Computed, Input, Network, State

__all__ = ["improved", "live_values"]


def improved(
    network: Network, lowered: Lowered, keep: Sequence[str] = (), off: Collection[str] = (),
    scales: Mapping[str, Any] | None = None,
) -> Lowered:  # fmt: skip
    """The values a network's outputs, updates and the nodes in `keep` need, simplified.

    `off` names rules that are not used (`simplify.RULES`). `scales` are positive numbers for
    states: what the program keeps for state `v` is v/scales[v], in `held` also.
    """
    scales = dict(scales or {})
    roots = list(dict.fromkeys([*network.outputs.values(), *network.updates.values(), *keep]))
    old = {name: full(lowered.values, lowered.held[name], network.node(name).shape)
           for name in roots}  # fmt: skip
    live, uses = live_values(old.values())
    wishes = {old[new]: Term(scales.get(target, Integer(1)))
              for target, new in network.updates.items()}  # fmt: skip
    inputs = [n for n, node in network.of(Input) if node.distribution is None]
    values = Values()
    work = Simplifier(
        values, uses, Facts(_counters(network)), inputs, off,
        {v: w for v, w in wishes.items() if uses[v] and v.dtype == "float"},
        scales={v: Term(scales[str(v.extra)]) for v in live
                if v.op == "leaf" and v.extra in scales},
    )  # fmt: skip
    notes: dict[Value, str] = {}
    for v in work.prepared(live):
        before = len(values)
        work.read(v)
        _note(notes, values, before, lowered.notes.get(v, ""))
    held: dict[str, Held] = {}
    for name in roots:
        before = len(values)
        held[name] = _root(work, old[name], wishes.get(old[name], Term()))
        _note(notes, values, before, name)
    for name, node in network.items():
        source = lowered.held[name]
        if name not in held:
            found = _unchanged(work, source)
            if found is not None and name not in scales:
                held[name] = found
            elif not node.operands:
                held[name] = source if source.value in work.moves else _leaf(work, source)
    return Lowered(values, {n: held[n] for n in network.nodes if n in held}, notes)


def _note(notes: dict[Value, str], values: Values, before: int, name: str) -> None:
    for value in values.since(before):
        notes[value] = name


def _root(work: Simplifier, v: Value, scale: Term) -> Held:
    """The array of an output, or of a new state in the program's own scale."""
    if v in work.moves:
        value = work.moves[v]
    else:
        own = scaled(work.sums[v], power(scale, Integer(-1)))
        value = work.spread(work.writer.array(own), v)
    return Held(value, tuple(range(v.rank)))


def _unchanged(work: Simplifier, source: Held) -> Held | None:
    """What a node holds, where one array is still just that."""
    v = source.value
    if v in work.moves:
        return Held(work.moves[v], source.axes)
    terms = work.sums.get(v)
    if terms is None or len(terms) != 1:
        return None
    (t,) = terms
    if t.number != 1 or t.scalars or len(t.factors) != 1 or t.factors[0][2] != 1:
        return None
    value, axes, _ = t.factors[0]
    return Held(value, tuple(source.axes[a] for a in axes))


def _leaf(work: Simplifier, source: Held) -> Held:
    v = source.value
    made = work.values.make(v.op, (), v.extents, v.dtype, v.extra)
    return Held(made, source.axes)


def _counters(network: Network) -> list[str]:
    """The 0-d states that start at 0 and grow by a positive number each step."""
    found = []
    for name, node in network.of(State):
        new = network.node(network.updates[name]) if name in network.updates else None
        if node.shape or node.init.name != "zeros" or not isinstance(new, Computed):
            continue
        f = new.formula
        if new.operands == (node,) and len(f.reads) == 1:
            step = f.body - next(iter(f.body.free_symbols))
            if step.is_number and step.is_positive:
                found.append(name)
    return found


def live_values(roots: Iterable[Value]) -> tuple[list[Value], dict[Value, int]]:
    """Every value the roots depend on, arguments first, and how often each is read by another."""
    uses: dict[Value, int] = dict.fromkeys(roots, 0)
    stack = list(uses)
    while stack:
        for a, _ in stack.pop().args:
            if a not in uses:
                uses[a] = 0
                stack.append(a)
            uses[a] += 1
    return sorted(uses, key=lambda v: v.number), uses

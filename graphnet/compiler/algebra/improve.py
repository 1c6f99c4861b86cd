"""A lowered network with fewer and cheaper values: what the fast style prints.

The values of outputs and updates keep their meaning; what a node in between holds may change by a
factor or vanish, so only the nodes that are still held as they were are in `held`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Integer

from graphnet.compiler.algebra.facts import Facts
from graphnet.compiler.algebra.simplify import Simplifier
from graphnet.compiler.algebra.terms import Term, moved, power, scaled
from graphnet.compiler.held import Held
from graphnet.compiler.lower import Lowered, full, lower
from graphnet.compiler.values import Value, Values, live_values
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Constant, Input, Parameter, State

__all__ = ["Reading", "improved", "improved_values"]


@dataclass
class Reading:
    """All values that some nodes of a network need, read as sums."""

    network: Network
    lowered: Lowered
    work: Simplifier
    roots: dict[str, Value]  # node -> its old value
    wishes: dict[Value, Term]  # the scale a new state is to have
    held: dict[str, Held] = field(default_factory=dict)
    notes: dict[Value, str] = field(default_factory=dict)

    def calls(self) -> list[Value]:
        """The calls that the roots need, without views and what is known when a step is built."""
        live, _ = live_values([h.value for h in self.held.values()])
        free = ("leaf", "number", "size", "broadcast", "slice", "transpose", "reshape", "cast")
        return [v for v in live if not v.host and v.op not in free]

    def coefficient(self, state: str) -> Any:
        """The number before the terms of a new state that do not read the state; None where there
        is not just one such number."""
        old = self.roots[self.network.updates[state]]
        terms = self.work.sums.get(old, ())
        if len(terms) == 1 and len(terms[0].factors) == 1:
            value, axes, _ = terms[0].factors[0]
            definition = self.work.writer.definitions.get(value)
            if definition is not None:
                terms = scaled(moved(definition, axes), terms[0].scale)
        if len(terms) < 2:
            return None
        rest = [t for t in terms if not any(v.extra == state for v, _, _ in t.factors)]
        numbers = {t.number for t in rest}
        if len(numbers) != 1 or any(t.scalars for t in rest):
            return None
        (number,) = numbers
        return number if number.is_Rational and number.is_positive else None


def improved(
    network: Network, lowered: Lowered, keep: Sequence[str] = (), off: Collection[str] = (),
    scales: Mapping[str, Any] | None = None,
) -> Lowered:  # fmt: skip
    """The values a network's outputs, updates and the nodes in `keep` need, simplified.

    `off` names rules that are not used (`simplify.RULES`). `scales` are positive numbers: what
    the program keeps for state `v` is v/scales[v], and what a node holds that is in `scales` (a
    gradient that was seeded with another number than 1) is to be read times that number.
    """
    found = improved_values(network, lowered, keep, off, scales)
    values = found.work.values
    for name, node in network.items():
        source = found.lowered.held[name]
        if name not in found.held:
            same = _unchanged(found.work, source) if name not in (scales or {}) else None
            if same is not None:
                found.held[name] = same
            elif isinstance(node, (Constant, Input, Parameter, State)):
                found.held[name] = _leaf(found.work, source, name in (scales or {}))
    held = {name: found.held[name] for name in network.nodes if name in found.held}
    return Lowered(values, held, found.notes)


def improved_values(
    network: Network, lowered: Lowered, keep: Sequence[str] = (), off: Collection[str] = (),
    scales: Mapping[str, Any] | None = None,
) -> Reading:  # fmt: skip
    """Reads all that outputs and updates need, and writes those out."""
    numbers = dict(scales or {})
    names = list(dict.fromkeys([*network.outputs.values(), *network.updates.values(), *keep]))
    if numbers != lowered.scales:
        lowered = lower(network, scales=numbers, split=lowered.split)
    roots = {name: full(lowered.values, lowered.held[name], network.node(name).shape)
             for name in names}  # fmt: skip
    live, uses = live_values(roots.values())
    wishes = {roots[new]: Term(numbers.get(target, Integer(1)))
              for target, new in network.updates.items()}  # fmt: skip
    wanted = {**dict.fromkeys(_gradients(network, lowered, numbers), Term()), **wishes}
    inputs = [n for n, node in network.of(Input) if node.distribution is None]
    constants = [n for n, _ in network.of(Constant)]
    work = Simplifier(
        Values(), uses, Facts(_counters(network)), inputs, constants, off,
        {v: w for v, w in wanted.items() if uses.get(v) and v.dtype == "float"},
    )  # fmt: skip
    found = Reading(network, lowered, work, roots, wishes)
    for v in work.prepared(live):
        before = len(work.values)
        work.read(v)
        _note(found.notes, work.values, before, lowered.notes.get(v, ""))
    for name, v in roots.items():
        before = len(work.values)
        found.held[name] = _root(work, v, wishes.get(v, Term()))
        _note(found.notes, work.values, before, name)
    return found


def _gradients(network: Network, lowered: Lowered, scales: Mapping[str, Any]) -> list[Value]:
    """What updates read of the backward stage: arrays in a scale of 1, alike for all parameters."""
    names = dict.fromkeys(
        o for name in network.nodes if network.stage(name) == "update"
        for o in network.operands(name) if network.stage(o) == "backward"
    )  # fmt: skip
    found = [lowered.held[name].value for name in names]
    return [v.args[1][0] if n in scales else v for n, v in zip(names, found, strict=True)]


def _note(notes: dict[Value, str], values: Values, before: int, name: str) -> None:
    for value in values.since(before):
        notes[value] = name


def _root(work: Simplifier, v: Value, scale: Term) -> Held:
    """The array of an output, or of a new state in the program's own scale."""
    if v in work.moves:
        value = work.moves[v]
    else:
        own = scaled(work.sums[v], power(scale, -1))
        value = work.spread(work.writer.array(own), v)
    return Held(value, tuple(range(v.rank)))


def _unchanged(work: Simplifier, source: Held) -> Held | None:
    """What a node holds, where one array is still just that."""
    v = source.value
    if v in work.moves:
        return replace(source, value=work.moves[v])
    terms = work.sums.get(v)
    if terms is None or len(terms) != 1:
        return None
    (t,) = terms
    if t.number != 1 or t.scalars or len(t.factors) != 1 or t.factors[0][2] != 1:
        return None
    value, axes, _ = t.factors[0]
    steps = source.steps and tuple(source.steps[a] for a in axes)
    return Held(value, tuple(source.axes[a] for a in axes), steps)


def _leaf(work: Simplifier, source: Held, scaled: bool) -> Held:
    v = source.value.args[1][0] if scaled else source.value
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

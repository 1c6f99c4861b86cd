"""Plan: the statements of a step in order, and the memory each one writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphnet.compiler.fast import biases
from graphnet.compiler.fast import memory as mem
from graphnet.compiler.fast.ahead import made_ahead, moved_ahead
from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.batched import merged_as_read
from graphnet.compiler.fast.blocks import gathered, local, runs
from graphnet.compiler.fast.flat import Adjacent, Flat
from graphnet.compiler.fast.form import Form
from graphnet.compiler.fast.forms import form_of
from graphnet.compiler.fast.replay import check
from graphnet.compiler.fast.rewriting import Rewriting
from graphnet.compiler.fast.roles import Roles, live, readers_of
from graphnet.compiler.fast.rules import rewritten
from graphnet.compiler.fast.schedule import scheduled
from graphnet.compiler.fast.sequences import step_by_step
from graphnet.compiler.fast.sides import Side, sides
from graphnet.compiler.fast.sides import orders as orders_of_sides
from graphnet.compiler.fast.turned import narrow
from graphnet.compiler.fast.windows import see_through_copies
from graphnet.compiler.lower import Lowered, full
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import Extent, add, product
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Node, Parameter, State

if TYPE_CHECKING:
    from graphnet.compiler.fast.bodies import PlannedBody

__all__ = ["Plan", "lines_of", "make_plan"]


@dataclass
class Plan:
    """Everything that is decided before a step is written as text."""

    network: Network
    values: Values
    owners: dict[Value, list[str]]  # value -> the nodes it is
    outputs: list[tuple[str, Value]]  # (node, what is returned: a number, or an "output" line)
    flat: Flat
    roles: Roles
    stages: dict[Value, str]  # the stage of the node that a value was made for
    orders: dict[Value, Order] = field(default_factory=dict)
    lines: tuple[Value, ...] = ()
    forms: dict[Value, Form] = field(default_factory=dict)
    ahead: set[Value] = field(default_factory=set)  # of the backward pass, made in the forward one
    sides: list[Side] = field(default_factory=list)
    runs: list[list[Value]] = field(default_factory=list)  # lines that go block by block together
    memory: mem.Memory = field(default_factory=lambda: mem.Memory(()))
    bodies: dict[Value, PlannedBody] = field(default_factory=dict)  # of loops

    def check(self) -> None:
        """Replays the memory; GraphnetError where a statement would read what is not there."""
        check(self.memory, self.roles, self.forms, self.orders, self.runs)


def make_plan(
    network: Network,
    lowered: Lowered,
    outputs: Sequence[str],
    *,
    copy: bool = True,
    adjacent: Adjacent | None = None,
    off: frozenset[str] = frozenset(),
) -> Plan:
    """The plan of a network. `off` names the recognisers that are not used."""
    values, roles = lowered.values, Roles(network)
    held = _held(network, lowered, outputs, roles, off)
    stages = {v: network.stage(name) for v, name in lowered.notes.items() if name in network}
    work = Rewriting(network, values, roles, stages, held, outputs, adjacent, off)
    work.run()
    held, flat = work.held, work.flat
    shown, stores = _ends(values, network, held, flat, roles, outputs, copy)
    plan = Plan(network, values, _owners(held, flat, roles), shown, flat, roles, stages)
    ends, news = [v for _, v in shown], [s.args[0][0] for s in stores]
    plan.orders = _orders([*ends, *news], roles, off)
    packs = _packs(flat)
    views = [v for v in ends if v.op == "output" and not v.extra]
    first = [v for v in ends if v not in views]
    first += [v.args[0][0] for v in views]  # made of old values, and kept until all else is done
    roots = [*first, *packs, *news, *stores, *views]
    if "windows" not in off:
        see_through_copies(live(roots), roles)
    lines = lines_of(plan, roots, packs if "early" not in off else ())
    if "ahead" not in off and "blocks" not in off:
        plan.ahead = made_ahead([held[name] for name in outputs], roots, roles)
        lines = moved_ahead(lines, plan.ahead, roles)
    _forms(plan, lines, off)
    possible = all(v in plan.forms for v in lines if v in plan.orders)  # they write transposed
    if possible:
        lines = gathered(lines, plan.forms, roles) if "blocks" not in off else lines
        possible = _allocate(plan, lines, stores, off)
    return plan if possible else make_plan(
        network, lowered, outputs, copy=copy, adjacent=adjacent, off=off | _next_off(off)
    )  # fmt: skip


def _held(
    network: Network, lowered: Lowered, outputs: Sequence[str], roles: Roles, off: frozenset[str]
) -> dict[str, Value]:
    """What each node holds, in the faster forms that no layout of parameters decides."""
    values = lowered.values
    whole = {*outputs, *network.updates.values()}
    held = {
        name: full(values, lowered.held[name], node.shape)
        if node.shape and (name in whole or lowered.held[name].steps is None)
        else lowered.held[name].value
        for name, node in network.items()
        if name in lowered.held  # what algebra did away with is not there
    }
    held = rewritten(values, held, off)
    if "batched" not in off:
        held = merged_as_read(values, held)
    if "step_by_step" not in off:
        held = step_by_step(values, held, [n for n in held if n in whole], roles)
    return held


def _owners(held: Mapping[str, Value], flat: Flat, roles: Roles) -> dict[Value, list[str]]:
    """The nodes that each value is."""
    owners: dict[Value, list[str]] = {}
    for name, value in held.items():
        if not value.host and value.op != "leaf":
            owners.setdefault(value, []).append(name)
    for name, value in held.items():  # a node that is moved by nothing but views is its source
        base = value
        while base.op in ("reshape", "transpose") and roles(base) == "view":
            base = base.args[0][0]
        if base is not value and roles(base) == "line":
            owners.setdefault(base, [name])
    return owners | {value: list(names) for value, names in flat.covers.items()}


def _orders(ends: Sequence[Value], roles: Roles, off: frozenset[str]) -> dict[Value, Order]:
    """Which arrays stand transposed."""
    orders = biases.orders(ends)
    orders = orders_of_sides(ends, roles, orders) or orders
    return narrow(ends, roles, orders) if "turned" not in off else orders


def _next_off(off: frozenset[str]) -> frozenset[str]:
    """The recognisers to do without where something that stands transposed has no form."""
    for names in ({"mixes", "calls"}, {"turned"}, {"ones"}):
        if not names <= off:
            return frozenset(names)
    raise AssertionError("nothing stands transposed without these")


def _packs(flat: Flat) -> list[Value]:
    """The joined gradients, those of the last layer first."""
    packs = [v for v in live(flat.updates.values()) if v.op == "pack"]
    parts = [a for pack in packs for a, _ in pack.args]

    def age(v: Value) -> int:
        if v.op == "copy":
            return v.args[0][0].number
        if v.op == "contract" and v.args[0][0].op in ("over_ones", "pad"):
            return v.args[1][0].number
        return v.number

    return sorted(parts, key=age)


def _ends(
    values: Values, network: Network, held: Mapping[str, Value], flat: Flat, roles: Roles,
    outputs: Sequence[str], copy: bool,
) -> tuple[list[tuple[str, Value]], list[Value]]:  # fmt: skip
    """What is returned, and what writes the new values; states before parameters."""
    shown: list[tuple[str, Value]] = []
    for name in outputs:
        v = held[name]
        number = not v.rank and roles(v) in ("host", "line")
        fresh = copy or roles.base(v).extra in network.updates  # a view would show the new value
        wrapped = (
            v if number else values.make("output", [(v, identity(v))], v.extents, v.dtype, fresh)
        )
        shown.append((name, wrapped))
    stores = []
    late = {held[name] for name, _ in network.of(Parameter)}
    late |= {v.leaf for v in flat.vectors if v.kind == "parameters"}
    for target, new in sorted(flat.updates.items(), key=lambda item: item[0] in late):
        if roles(roles.base(new)) in ("stored", "given") or roles(new) in ("view", "fixed"):
            new = values.make("copy", [(new, identity(new))], new.extents, new.dtype, "kept")
        stores.append(values.make("store", [(new, identity(new))], new.extents, new.dtype, target))
    return shown, stores


def lines_of(plan: Plan, roots: Sequence[Value], early: Sequence[Value] = ()) -> tuple[Value, ...]:
    """The statements. A number that one statement reads is written inside that statement."""
    returned = {v for _, v in plan.outputs}
    returned |= {root.args[0][0] for root in roots if root.op == "store"}
    for v, readers in readers_of(live(roots)).items():
        named = any(plan.network.node(n).name is not None for n in plan.owners.get(v, ()))
        inside = v.op not in ("scan", "result", "contract", "sum", "copy") and v not in returned
        if inside and v.rank == 0 and plan.roles(v) == "line" and len(readers) == 1 and not named:
            plan.roles.number(v)
    return scheduled(roots, plan.roles, early)


def _forms(plan: Plan, lines: Sequence[Value], off: frozenset[str]) -> None:
    for v in lines:
        if v.op not in ("output", "store"):
            form = form_of(v, plan.roles, plan.orders, off)
            if form is not None:
                plan.forms[v] = form


def _allocate(
    plan: Plan, lines: tuple[Value, ...], stores: Sequence[Value], off: frozenset[str]
) -> bool:  # fmt: skip
    """Memory for parameters and states, for joined gradients, and then for every statement; and
    whether all that is to lie side by side does."""
    from graphnet.compiler.fast.bodies import planned_bodies

    memory = mem.Memory(lines)
    _place_stored(plan, lines, memory)
    _place_packs(lines, memory)
    wishes = {s.args[0][0]: memory.places[s.extra] for s in reversed(stores)}  # type: ignore[index]
    joins = [v for v in live(lines) if v.op in ("over_ones", "beside")]
    plan.runs = [[v] for v in lines]
    if "blocks" not in off:
        plan.runs = runs(lines, plan.forms, plan.roles, plan.orders)
        memory.local = local(plan.runs, plan.roles)
    plan.sides, together = sides(memory, joins)
    wishes |= together
    _pass_on(wishes, plan, lines)
    planned_bodies(plan, memory, off)
    mem.allocate(lines, plan.roles, plan.forms, plan.orders, memory, wishes)
    plan.memory = memory
    plan.lines = memory.lines = mem.without_idle_stores(lines, memory)
    kept = set(plan.lines)
    plan.runs = [run for run in plan.runs if run[0] in kept]  # stores stand alone
    return all(memory.places.get(v) == place for v, place in together.items())


def _place_stored(plan: Plan, lines: Sequence[Value], memory: mem.Memory) -> None:
    """Memory for parameters and states, those of a vector inside it."""
    joined: dict[str, mem.Place] = {}
    for vector in plan.flat.vectors:
        place = memory.storage(vector.leaf.dtype, vector.size, pinned=True)
        memory.places[vector.leaf] = place
        for member, offset in zip(vector.members, vector.starts, strict=True):
            joined[member] = mem.Place(place.storage, offset, 0)
    for leaf in (v for v in live([*lines, *plan.flat.updates]) if v.op == "leaf"):
        if plan.roles(leaf) == "stored" and leaf not in memory.places:
            size = product(leaf.extents)
            inside = joined.get(str(leaf.extra))
            memory.places[leaf] = (
                mem.Place(inside.storage, inside.start, size) if inside
                else memory.storage(leaf.dtype, size, pinned=True)
            )  # fmt: skip


def _place_packs(lines: Sequence[Value], memory: mem.Memory) -> None:
    """Memory for joined gradients, and a part of it for each of them."""
    for pack in (v for v in live(lines) if v.op == "pack"):
        place = memory.places[pack] = memory.storage(pack.dtype, pack.extents[0])
        start: Extent = 0
        for v, _ in pack.args:
            size = product(v.extents)
            memory.places[v] = mem.Place(place.storage, start, size)
            start = add(start, size)


def _pass_on(wishes: dict[Value, mem.Place], plan: Plan, lines: Sequence[Value]) -> None:
    """What a new state is made of, element by element, wants the place of the state too."""
    readers = readers_of(lines)
    stack = list(wishes)
    while stack:
        line = stack.pop()
        form = plan.forms.get(line)
        for k, (v, axes) in enumerate(line.args if form else ()):
            alike = axes == identity(line) and v.extents == line.extents and v.dtype == line.dtype
            inside = form is not None and k in form.overwrites(line) and v in plan.forms
            if alike and inside and len({*readers[v]}) == 1 and v not in wishes and line.rank:
                wishes[v] = wishes[line]
                stack.append(v)


def drawn(network: Network, inputs: Sequence[str]) -> Iterator[tuple[str, Input]]:
    """The inputs that no argument gives."""
    return ((name, node) for name, node in network.of(Input) if name not in inputs)


def owned(network: Network) -> Iterator[tuple[str, Node]]:
    """Parameters and states."""
    return iter([*network.of(Parameter), *network.of(State)])

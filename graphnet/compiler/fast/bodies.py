"""The plan of a loop's body: its statements, and the memory that each one writes.

What a step puts out and nothing else is written in memory that the step around it plans, as any
result is. It may be written over a sequence that is read for the last time in the loop, where the
step has read its part of it by then. Where a body has numbers for states, loops of its own or the
step's number, it has no plan, and runs in plain style.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.fast import memory as mem
from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.flat import Flat
from graphnet.compiler.fast.forms import UFUNCS, form_of
from graphnet.compiler.fast.plan import Plan, lines_of
from graphnet.compiler.fast.roles import Roles, readers_of
from graphnet.compiler.fast.rules import rewritten
from graphnet.compiler.fast.windows import Pad
from graphnet.compiler.lower import full, lower
from graphnet.compiler.values import Value
from graphnet.formula.extent import Extent, add, product
from graphnet.network.nodes import Loop, Scan
from graphnet.network.runs import Result

__all__ = ["PlannedBody", "planned_bodies"]


def planned_bodies(plan: Plan, memory: mem.Memory, off: frozenset[str]) -> None:
    """Plans the bodies of all loops, and says where what they put out is written."""
    last = mem.occupied(memory.lines, plan.roles)
    results: dict[Value, list[Value]] = {}
    for v in memory.lines:
        if v.op == "result":
            results.setdefault(v.args[0][0], []).append(v)
    for k, v in enumerate(memory.lines):
        if v.op != "scan" or not _can_be_planned(v.extra):
            continue
        loop, found = v.extra, results.get(v, [])
        assert isinstance(loop, Loop)
        given = dict(zip((*loop.states, *loop.sequences, *loop.constants), v.args, strict=True))
        dying = [
            s for s in loop.sequences
            if "in_place" not in off and last.get(given[s][0]) == k
            and _is_free(given[s][0], v, plan, memory)
        ]  # fmt: skip
        apart = [n for n, (a, _) in given.items() if _lies_apart(a, plan)]
        body = plan.bodies[v] = PlannedBody(loop, [r.extra for r in found], dying, apart)  # type: ignore[misc]
        own: dict[int, list[Value]] = {}
        for r in found:
            pin = body.own_pin(r.extra)  # type: ignore[arg-type]
            if pin is not None:
                own.setdefault(pin, []).append(r)
        memory.given[v] = [
            mem.Given(tuple(rs), given[body.over[pin]][0] if pin in body.over else None)
            for pin, rs in own.items()
        ]  # fmt: skip


def _can_be_planned(loop: object) -> bool:
    assert isinstance(loop, Loop)
    if loop.step is not None or loop.body.of(Scan) or not loop.states:
        return False
    names = [*loop.states, *loop.carried, *loop.emits]
    return all(loop.body.node(name).shape for name in names)


def _is_free(array: Value, scan: Value, plan: Plan, memory: mem.Memory) -> bool:
    """Whether an array has a buffer of the planned ones, and the loop reads it only as this
    sequence."""
    form = plan.forms.get(array)
    if form is None or isinstance(form, Pad) or array in plan.orders or array in memory.places:
        return False
    bases = [plan.roles.base(a) for a, _ in scan.args if not a.host]
    return bases.count(array) == 1


def _lies_apart(array: Value, plan: Plan) -> bool:
    """Whether the elements of an array may lie apart."""
    moved = plan.roles(array) == "view" and array.op != "reshape"
    return moved or array in plan.orders


WHOLE = frozenset({"small"})  # the products of a step of a loop are small as they are


@dataclass
class PlannedBody:
    """The plan of a body. `pins` are what is written to a place of this very step: a state with a
    history (its number), or something given out (as ~number). `dying` are the sequences that it
    may be written over, `apart` inputs whose elements may lie apart."""

    loop: Loop
    asked: Sequence[Result]
    dying: Collection[str]
    apart: Collection[str]
    over: dict[int, str] = field(default_factory=dict)  # pin -> the sequence it is written over
    pins: dict[int, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        loop, body = self.loop, self.loop.body
        self.lowered = lower(body)
        values = self.lowered.values
        held = {n: full(values, self.lowered.held[n], node.shape) for n, node in body.items()}
        self.held = rewritten(values, held)
        self.roles = Roles(body)
        self.states = [self.held[name] for name in loop.states]
        for leaf in self.states:
            self.roles.set(leaf, "stored")
        for name in self.apart:
            if name not in loop.states:
                self.roles.set(self.held[name], "view")
        emitted = [k for kind, k in self.asked if kind == "emit"]
        self.history = [
            i for i, c in enumerate(loop.carried)
            if ("before", i) in self.asked or c in [loop.emits[k] for k in emitted]
        ]  # fmt: skip
        for i in self.history:
            self.pins[i] = self._own(self.held[loop.carried[i]])
        self.emitted: dict[int, int] = {}  # what is given out -> its pin
        for k in emitted:
            name = loop.emits[k]
            same = [i for i in self.history if loop.carried[i] == name]
            same += [pin for other, pin in self.emitted.items() if loop.emits[other] == name]
            if not same:
                self.pins[~k] = self._own(self.held[name])
            self.emitted[k] = same[0] if same else ~k
        self.plan = self._plan()

    def _own(self, value: Value) -> Value:
        """The value, or a copy of it where its memory cannot be chosen."""
        if self.roles(value) == "line" and value not in self.pins.values():
            return value
        extra = ("given out", len(self.pins))
        return self._copy(value, extra)

    def _copy(self, value: Value, extra: object) -> Value:
        args = [(value, identity(value))]
        return self.lowered.values.make("copy", args, value.extents, value.dtype, extra)

    def _plan(self) -> Plan:
        values, roles, memory = self.lowered.values, self.roles, mem.Memory(())
        for leaf in self.states:
            memory.places[leaf] = memory.storage(leaf.dtype, product(leaf.extents), pinned=True)
        for v in self.pins.values():
            memory.places[v] = memory.storage(v.dtype, product(v.extents), pinned=True)
        stores, news = [], []
        for i, leaf in enumerate(self.states):
            if i in self.history:
                continue
            new = self.held[self.loop.carried[i]]
            if new is leaf:
                continue
            if roles(new) != "line" or new in self.pins.values():
                new = self._copy(new, ("kept", i))
            news.append(new)
            args = [(new, identity(new))]
            stores.append(values.make("store", args, new.extents, new.dtype, leaf))
        owners: dict[Value, list[str]] = {}
        for name, v in self.held.items():
            if not v.host and v.op != "leaf":
                owners.setdefault(v, []).append(name)
        stages = dict.fromkeys(owners, "")
        plan = Plan(self.loop.body, values, owners, [], Flat(), roles, stages)
        lines = lines_of(plan, [*self.pins.values(), *news, *stores])
        self._join(lines, memory)
        for v in lines:
            form = form_of(v, roles, plan.orders, WHOLE) if v.op != "store" else None
            if form is not None:
                plan.forms[v] = form
        memory.lines = lines
        self._write_over(lines, plan, memory)
        wishes = {s.args[0][0]: memory.places[s.extra] for s in reversed(stores)}  # type: ignore[index]
        mem.allocate(lines, roles, plan.forms, plan.orders, memory, wishes)
        plan.memory = memory
        plan.lines = memory.lines = mem.without_idle_stores(lines, memory)
        plan.check()
        return plan

    def own_pin(self, result: Result) -> int | None:
        """The pin of a result that is nothing but given out."""
        kind, k = result
        return self.emitted[k] if kind == "emit" and self.emitted[k] < 0 else None

    def _write_over(self, lines: Sequence[Value], plan: Plan, memory: mem.Memory) -> None:
        """What is given out takes the place of a sequence that nothing reads behind it."""
        last = mem.occupied(lines, self.roles)
        places = {v: k for k, v in enumerate(lines)}
        for pin, v in self.pins.items():
            if pin >= 0 or v.op == "concatenate":
                continue  # a history is longer; parts are written before the whole
            for name in self.dying:
                leaf = self.held[name]
                same = leaf.rank and (leaf.dtype, leaf.extents) == (v.dtype, v.extents)
                if not same or name in self.over.values() or leaf in self.pins.values():
                    continue
                end = last.get(leaf, -1)
                form = plan.forms.get(v)
                if end < places[v] or (end == places[v] and form is not None and mem.fits(
                    v, leaf, self.roles, form, plan.orders
                )):  # fmt: skip
                    self.over[pin] = name
                    self.roles.set(leaf, "stored")
                    memory.places[leaf] = memory.places[v]
                    break

    def _join(self, lines: Sequence[Value], memory: mem.Memory) -> None:
        """Parts that are written end to end are computed in their place, where nobody else reads
        them: the whole has memory of its own, and its parts are slices of it."""
        readers = readers_of(lines)
        self.slices: dict[Value, tuple[Value, str]] = {}
        self.joined = [v for v in lines if v.op == "concatenate" and v.extra == v.rank - 1]
        for whole in self.joined:
            if whole not in memory.places:
                size = product(whole.extents)
                memory.places[whole] = memory.storage(whole.dtype, size, pinned=True)
            start: Extent = 0
            for part, axes in whole.args:
                end = add(start, part.extents[-1])
                own = part.op in UFUNCS and len(readers[part]) == 1 and part not in memory.places
                if own and axes == identity(part) and self.roles(part) == "line":
                    size = product(part.extents)
                    memory.places[part] = memory.storage(part.dtype, size, pinned=True)
                    self.slices[part] = whole, f"[{':, ' * (whole.rank - 1)}{start}:{end}]"
                start = end

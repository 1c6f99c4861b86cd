"""A scan with planned memory: one call a statement, and every view of a step bound ahead.

What a loop gives out has buffers of its own, stacked along axis 0. A state whose every value is
read later has one more place there than there are steps, so that a step reads one place and
writes the next: `H[0]` is the start, `H[1:]` what was given out, `H[:-1]` what the steps found.
Where a body has numbers for states, loops of its own or the step's number, it runs in plain style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from graphnet.compiler.expressions import Printer
from graphnet.compiler.fast import memory as mem
from graphnet.compiler.fast.arrays import Array, Arrays, identity
from graphnet.compiler.fast.emit import WIDTH, Emitter, filled
from graphnet.compiler.fast.flat import Flat
from graphnet.compiler.fast.forms import UFUNCS, form_of
from graphnet.compiler.fast.plan import Plan, lines_of
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.fast.rules import rewritten
from graphnet.compiler.listing import Writer
from graphnet.compiler.loops import described, told
from graphnet.compiler.lower import full, lower
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value
from graphnet.formula.extent import Extent, add, product
from graphnet.network.graph import Loop, Scan
from graphnet.network.runs import Result

__all__ = ["planned_loop"]


def planned_loop(outer: Emitter, value: Value, stage: str) -> Statement | None:
    """The statement that runs a loop; None where it has to run in plain style."""
    loop = value.extra
    assert isinstance(loop, Loop)
    results = {r.extra: r for r in outer.writer.results.get(value, ())}
    if loop.step is not None or loop.body.of(Scan) or not loop.states:
        return None
    names = [*loop.states, *loop.carried, *loop.emits]
    if any(not loop.body.node(name).shape for name in names):
        return None
    body = _Planned(loop, [r for r in results if isinstance(r, tuple)])
    return _Loop(outer, value, body, results, stage).statement()  # type: ignore[arg-type]


@dataclass
class _Planned:
    """The plan of a body. `pins` are what is written to a place of this very step: a state with a
    history (its number), or something given out (as ~number)."""

    loop: Loop
    asked: Sequence[Result]
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
            form = form_of(v, roles, plan.orders) if v.op != "store" else None
            if form is not None:
                plan.forms[v] = form
        memory.lines = lines
        wishes = {s.args[0][0]: memory.places[s.extra] for s in reversed(stores)}  # type: ignore[index]
        mem.allocate(lines, roles, plan.forms, plan.orders, memory, wishes)
        plan.memory = memory
        plan.lines = memory.lines = mem.without_idle_stores(lines, memory)
        plan.check()
        return plan

    def _join(self, lines: Sequence[Value], memory: mem.Memory) -> None:
        """Parts that are written end to end are computed in their place, where nobody else reads
        them: the whole has memory of its own, and its parts are slices of it."""
        readers: dict[Value, int] = {}
        for v in lines:
            for a, _ in v.args:
                readers[a] = readers.get(a, 0) + 1
        self.slices: dict[Value, tuple[Value, str]] = {}
        self.joined = [v for v in lines if v.op == "concatenate" and v.extra == v.rank - 1]
        for whole in self.joined:
            if whole not in memory.places:
                size = product(whole.extents)
                memory.places[whole] = memory.storage(whole.dtype, size, pinned=True)
            start: Extent = 0
            for part, axes in whole.args:
                end = add(start, part.extents[-1])
                own = part.op in UFUNCS and readers[part] == 1 and part not in memory.places
                if own and axes == identity(part) and self.roles(part) == "line":
                    size = product(part.extents)
                    memory.places[part] = memory.storage(part.dtype, size, pinned=True)
                    self.slices[part] = whole, f"[{':, ' * (whole.rank - 1)}{start}:{end}]"
                start = end


@dataclass
class _StepArrays(Arrays):
    """Arrays of a body: those of a step have names that are bound for each step ahead."""

    step_lines: list[str] = field(default_factory=list)
    step_names: set[str] = field(default_factory=set)
    matrices: dict[str, Sequence[Extent]] = field(default_factory=dict)  # constants with two axes
    turned: dict[str, tuple[str, Sequence[Extent]]] = field(default_factory=dict)  # copies of them

    def transposed(self, array: Array, turn: Sequence[int]) -> Array:
        """A constant that every step reads with its axes turned is turned once, in a copy: a
        product with a matrix as it lies takes less than half the time."""
        if array.text not in self.matrices or list(turn) != [1, 0]:
            return super().transposed(array, turn)
        if array.text not in self.turned:
            name, (n, m) = self.namer.made(f"{array.text}_T"), self.matrices[array.text]
            self.turned[array.text] = name, (m, n)
        return Array(self.turned[array.text][0])

    def view(self, array: Array, text: str, suffix: str) -> Array:
        if not array.lasting or array.text not in self.step_names:
            return super().view(array, text, suffix)
        if text not in self.views:
            name = self.views[text] = self.namer.made(f"{array.text}_{suffix}")
            self.step_lines.append(f"{name} = {text}")
            self.step_names.add(name)
        return Array(self.views[text])


@dataclass
class _Body(Emitter):
    """Writes the statements of a body, with the names, buffers and constants of what is around."""

    outer: Emitter | None = None
    planned: _Planned | None = None

    def __post_init__(self) -> None:
        outer, plan = self.outer, self.plan
        assert outer is not None
        self.namer, self.size_names, self.buffers = outer.namer, outer.size_names, outer.buffers
        used = {n for v in plan.lines for n in plan.owners.get(v, ())}
        self.identifier = {n: outer.namer.made(n) if n in used else n for n in plan.network.nodes}
        self.printer = Printer(self.dtype, self._leaf, self.size_names.__getitem__)
        self.printer.helpers = outer.printer.helpers
        around = outer.arrays
        self.steps = self.arrays = _StepArrays(
            plan.roles, self.printer, self.namer, plan.orders, around.buffers,
            constants=around.constants, view_lines=around.view_lines, views=around.views,
            calls=around.calls, _made=around._made,
        )  # fmt: skip
        self.writer = Writer(
            plan.network, self.lowered, self.dtype, self.identifier, self.size_names, self.namer,
            width=WIDTH - 4,
        )  # fmt: skip
        self.writer.owners = {v: list(names) for v, names in plan.owners.items()}
        self.context = self._contexts()
        self.scratch = set()  # nothing of a step is worked on block by block

    def name_temporaries(self) -> None:
        """Buffers for what lives within a step."""
        assert self.planned is not None
        memory = self.plan.memory
        own = {v: p for v, p in memory.places.items() if p.storage not in memory.pinned}
        self.plan.memory = replace(memory, places=own)
        self._name_buffers()
        self.plan.memory = memory
        leaves = {memory.places[v].storage: v for v in memory.places if v.op == "leaf"}
        for v, place in memory.places.items():  # a new state that is written over the old one
            if place.storage in leaves and v.op not in ("leaf", "store"):
                self.arrays.held[v] = self.arrays.held[leaves[place.storage]]
        for whole in self.planned.joined:
            if whole not in self.arrays.held:
                name = self._name(whole)
                self.buffers.add(name, whole.extents, self.printer.kind(whole))
                self.arrays.held[whole] = Array(name)
        for part, (whole, at) in self.planned.slices.items():
            base = self.arrays.held[whole]
            self.arrays.held[part] = self.arrays.view(base, f"{base.text}{at}", "part")

    def lines(self) -> dict[Value, list[str]]:
        """The text of each statement."""
        found: dict[Value, list[str]] = {}
        assert self.planned is not None
        for v in self.plan.lines:
            if v.op == "concatenate" and all(a in self.planned.slices for a, _ in v.args):
                continue  # every part stands in its place
            for s in self._statement(v):
                found[v] = [*told(s.comment, WIDTH - 4), *s.code.split("\n")]
        return found


@dataclass
class _Loop:
    """One loop being written into the step around it."""

    outer: Emitter
    value: Value
    planned: _Planned
    results: dict[Result, Value]
    stage: str

    def __post_init__(self) -> None:
        self.loop = self.planned.loop
        self.body = _Body(
            self.planned.plan, self.planned.lowered, [], self.outer.dtype, self.outer.sizes,
            outer=self.outer, planned=self.planned,
        )  # fmt: skip
        self.printer, self.namer = self.outer.printer, self.outer.namer
        self.histories: dict[int, str] = {}  # the buffer of a state's values
        self.heads: list[str] = []  # what is bound for each step first
        self.given: list[tuple[str, str]] = []  # (name, array) of what is only there in the step
        self.counter = self.namer.made("k")

    def statement(self) -> Statement:
        loop, outer = self.loop, self.outer
        outer.arrays.expression_of_arguments(self.value)
        args = [a for a, _ in self.value.args]
        n, m = len(loop.states), len(loop.states) + len(loop.sequences)
        first = [line for i in range(n) for line in self.state(i, args[i])]
        for name, arg in zip(loop.sequences, args[n:m], strict=True):
            self.sequence(name, arg)
        for name, arg in zip(loop.constants, args[m:], strict=True):
            array = self.body.arrays.held[self.planned.held[name]] = outer.arrays.logical(arg)
            if arg.rank == 2 and arg.dtype == "float":
                self.body.steps.matrices[array.text] = arg.extents
        for k, pin in self.planned.emitted.items():
            if pin == ~k:
                self.emit(k)
        self.hand_out()
        self.body.name_temporaries()
        inside = self.body.lines()
        lines = [*first, *self.turned(), *self.run(inside)]
        nodes = tuple(n for r in self.results.values() for n in outer.plan.owners.get(r, ()))
        comment = described(outer.plan.network, loop, nodes)
        return Statement(self.stage, "", "\n".join(lines), comment, nodes)

    # -- the arrays ------------------------------------------------------------------------------

    def state(self, i: int, start: Value) -> Iterator[str]:
        """The memory of a state; the lines that start it."""
        loop, planned = self.loop, self.planned
        leaf, name = planned.states[i], loop.states[i]
        k = self.counter
        first, then = (f"{k} + 1", k) if loop.reverse else (k, f"{k} + 1")
        text = self.outer.arrays.logical(start).text
        if i not in planned.history:
            buffer = self.buffer(self.namer.made(name), leaf, ())
            self.body.arrays.held[leaf] = Array(buffer)
            yield f"{self.outer.arrays.call('np.copyto')}({buffer}, {text})"
            return
        whole = self.buffer(self.namer.made(f"{name}_all"), leaf, (add(loop.length, 1),))
        self.histories[i] = whole
        self.step_array(leaf, name, f"{whole}[{first}]")
        self.step_array(planned.pins[i], loop.carried[i], f"{whole}[{then}]")
        at = self.view(whole, self.end(first=True), "start")
        if self.outer.plan.roles(start) == "fixed":
            self.outer.arrays.view_lines.append(f"{at}[...] = {text}")
        else:
            yield f"{self.outer.arrays.call('np.copyto')}({at}, {text})"

    def end(self, first: bool) -> str:
        """Where a history begins, or ends."""
        return "0" if first != self.loop.reverse else "-1"

    def buffer(self, name: str, like: Value, front: tuple[Extent, ...]) -> str:
        self.outer.buffers.add(name, (*front, *like.extents), self.printer.kind(like))
        return name

    def view(self, whole: str, at: str, suffix: str) -> str:
        return self.outer.arrays.view(Array(whole), f"{whole}[{at}]", suffix).text

    def step_array(self, value: Value, wish: str, text: str) -> None:
        """A name for an array that is another one at every step."""
        name = self.namer.made(wish)
        self.heads.append(f"{name} = {text}")
        self.body.steps.step_names.add(name)
        self.body.arrays.held[value] = Array(name)

    def sequence(self, name: str, arg: Value) -> None:
        leaf, outer = self.planned.held[name], self.outer
        array = outer.arrays.logical(arg)
        if outer.plan.roles(arg) == "view" and arg.op != "reshape":
            self.planned.roles.set(leaf, "view")  # its elements may lie apart
        if array.lasting:
            self.step_array(leaf, name, f"{array.text}[{self.counter}]")
            return
        made = self.namer.made(name)
        self.given.append((made, f"{array.text}[::-1]" if self.loop.reverse else array.text))
        self.body.arrays.held[leaf] = Array(made, False)

    def emit(self, k: int) -> None:
        result = self.results["emit", k]
        name = self.buffer(self.outer._name(result), self.planned.pins[~k], (self.loop.length,))
        self.outer.arrays.held[result] = Array(name)
        self.step_array(self.planned.pins[~k], self.loop.emits[k], f"{name}[{self.counter}]")

    def hand_out(self) -> None:
        """Names for the results that are parts of histories, and for the last states."""
        held = self.outer.arrays.held
        found, after = (":-1", "1:") if not self.loop.reverse else ("1:", ":-1")
        for (kind, k), result in self.results.items():
            if kind == "emit" and self.planned.emitted[k] == ~k:
                continue
            if kind == "emit" and self.planned.emitted[k] < 0:
                twin = self.results["emit", ~self.planned.emitted[k]]
                held[result] = held[twin]
                continue
            i = self.planned.emitted[k] if kind == "emit" else k
            if i not in self.planned.history:
                held[result] = self.body.arrays.held[self.planned.states[i]]
                continue
            whole = self.histories[i]
            part = {"emit": after, "before": found}.get(kind) or self.end(first=False)
            name = self.outer._name(result)
            self.outer.arrays.view_lines.append(f"{name} = {whole}[{part}]")
            held[result] = Array(name)

    # -- the text --------------------------------------------------------------------------------

    def turned(self) -> Iterator[str]:
        for text, (name, shape) in self.body.steps.turned.items():
            self.outer.buffers.add(name, shape, f"np.{self.outer.dtype}")
            yield f"{self.outer.arrays.call('np.copyto')}({name}, {text}.T)"

    def needed_last(self) -> set[Value]:
        """The statements of the last step: what only a step behind it would read is left out."""
        planned, roles = self.planned, self.planned.roles
        wanted = list(planned.pins.values())
        for kind, k in self.results:
            if kind == "last" and k not in planned.history:
                wanted.append(planned.held[self.loop.carried[k]])
        found = dict.fromkeys(wanted)
        stack = list(found)
        while stack:
            for v in mem.reads(stack.pop(), roles):
                if v not in found:
                    found[v] = None
                    stack.append(v)
        copies = [v for v in planned.plan.lines if v.op in ("copy", "store")]
        return {*found, *copies}

    def run(self, texts: dict[Value, list[str]]) -> list[str]:
        """The loop over the steps, whose arrays are bound ahead."""
        needed = self.needed_last()
        inside = [line for lines in texts.values() for line in lines]
        last = [line for v, lines in texts.items() if v in needed for line in lines]
        length = self.printer.extent(self.loop.length)
        order = f"reversed(range({length}))" if self.loop.reverse else f"range({length})"
        words = set(re.findall(r"\w+", "\n".join(line for line in inside if line[:1] != "#")))
        names = [name for name in self.names() if name in words]
        given = [(name, array) for name, array in self.given if name in words]
        if not names and not given:
            return [f"for _ in range({length}):", *_deeper(inside or ["pass"])]
        steps, tuple_ = self.namer.made("steps"), f"({', '.join(names)}{',' * (len(names) == 1)})"
        if names:
            append = filled(f"{steps}.append((", tuple_[1:-1], "))", WIDTH)
            build = [*self.heads, *self.body.steps.step_lines, *append]
            self.outer.arrays.view_lines.append(
                "\n".join([f"{steps} = []", f"for {self.counter} in {order}:", *_deeper(build)])
            )
        heads = [name for name, _ in given] + [tuple_] * bool(names)
        arrays = [array for _, array in given] + [steps] * bool(names)
        over = arrays[0] if len(arrays) == 1 else f"zip({', '.join(arrays)})"
        head = ", ".join(heads) if len(heads) > 1 else heads[0].removeprefix("(").removesuffix(")")
        if given or not last or len(last) == len(inside):
            return [*_head(head, over), *_deeper(inside or ["pass"])]
        return [
            *_head(head, f"{over}[:-1]"), *_deeper(inside),
            *_head(head, f"{over}[-1:]"), *_deeper(last),
        ]  # fmt: skip

    def names(self) -> list[str]:
        """What is bound for each step, in order."""
        return [line.split(" = ", 1)[0] for line in [*self.heads, *self.body.steps.step_lines]]


def _head(names: str, over: str) -> list[str]:
    """The head of a loop, over more than one line where it is long."""
    bare = filled("for ", names, f" in {over}:", WIDTH)
    return bare if len(bare) == 1 else filled("for (", names, f") in {over}:", WIDTH)


def _deeper(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]

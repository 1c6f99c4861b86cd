"""A scan with planned memory: one call a statement, and every view of a step bound ahead.

What a loop gives out is stacked along axis 0. A state whose every value is read later has a buffer
of its own with one more place than there are steps, so that a step reads one place and writes the
next: `H[0]` is the start, `H[1:]` what was given out, `H[:-1]` what the steps found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphnet.compiler.fast import memory as mem
from graphnet.compiler.fast.arrays import Array
from graphnet.compiler.fast.bodies import PlannedBody
from graphnet.compiler.fast.emit import Emitter
from graphnet.compiler.fast.steps import BodyEmitter
from graphnet.compiler.loops import described
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import WIDTH, listed
from graphnet.formula.extent import Extent, add
from graphnet.network.runs import Result

__all__ = ["planned_loop"]


def planned_loop(outer: Emitter, value: Value, stage: str) -> Statement | None:
    """The statement that runs a loop; None where it has to run in plain style."""
    body = outer.plan.bodies.get(value)
    if body is None:
        return None
    results = {r.extra: r for r in outer.writer.results.get(value, ())}
    return _Loop(outer, value, body, results, stage).statement()  # type: ignore[arg-type]


@dataclass
class _Loop:
    """One loop being written into the step around it."""

    outer: Emitter
    value: Value
    planned: PlannedBody
    results: dict[Result, Value]
    stage: str

    def __post_init__(self) -> None:
        self.loop = self.planned.loop
        self.body = BodyEmitter(
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
            yield f"{buffer}[...] = {text}"
            return
        whole = self.buffer(self.namer.made(f"{name}_all"), leaf, (add(loop.length, 1),))
        self.histories[i] = whole
        self.step_array(leaf, name, f"{whole}[{first}]")
        self.step_array(planned.pins[i], loop.carried[i], f"{whole}[{then}]")
        at = self.view(whole, self.end(first=True), "start")
        if self.outer.plan.roles(start) == "fixed":
            self.outer.arrays.view_lines.append(f"{at}[...] = {text}")
        else:
            yield f"{at}[...] = {text}"

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
        if array.lasting:
            over = [pin for pin, other in self.planned.over.items() if other == name]
            wish = self.loop.emits[~over[0]] if over else name
            self.step_array(leaf, wish, f"{array.text}[{self.counter}]")
            return
        made = self.namer.made(name)
        self.given.append((made, f"{array.text}[::-1]" if self.loop.reverse else array.text))
        self.body.arrays.held[leaf] = Array(made, False)

    def emit(self, k: int) -> None:
        """What a step puts out, in its place of the result."""
        pin, held = self.planned.pins[~k], self.body.arrays.held
        over = self.planned.over.get(~k)
        if over is not None:
            held[pin] = held[self.planned.held[over]]
            return
        name = self.outer.arrays.held[self.results["emit", k]].text
        self.step_array(pin, self.loop.emits[k], f"{name}[{self.counter}]")

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
            name = self.outer.name(result)
            self.outer.arrays.view_lines.append(f"{name} = {whole}[{part}]")
            held[result] = Array(name)

    # -- the text --------------------------------------------------------------------------------

    def turned(self) -> Iterator[str]:
        for text, (name, shape) in self.body.steps.turned.items():
            self.outer.buffers.add(name, shape, f"np.{self.outer.dtype}")
            yield f"{name}[...] = {text}.T"

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
            append = listed(f"{steps}.append((", tuple_[1:-1].split(", "), "))", WIDTH)
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
    line, items = f"for {names} in {over}:", names.split(", ")
    return [line] if len(line) <= WIDTH else listed("for (", items, f") in {over}:", WIDTH)


def _deeper(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]

"""How the statements of a loop's body are written: every view of a step is bound ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from graphnet.compiler.expressions import Printer
from graphnet.compiler.fast.arrays import Array, Arrays
from graphnet.compiler.fast.bodies import PlannedBody
from graphnet.compiler.fast.emit import Emitter
from graphnet.compiler.listing import Writer
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import WIDTH, comment_lines
from graphnet.formula.extent import Extent

__all__ = ["BodyEmitter"]


@dataclass
class StepArrays(Arrays):
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
class BodyEmitter(Emitter):
    """Writes the statements of a body, with the names, buffers and constants of what is around."""

    outer: Emitter | None = None
    planned: PlannedBody | None = None

    def __post_init__(self) -> None:
        outer, plan = self.outer, self.plan
        assert outer is not None
        self.namer, self.size_names, self.buffers = outer.namer, outer.size_names, outer.buffers
        used = {n for v in plan.lines for n in plan.owners.get(v, ())}
        self.identifier = {n: outer.namer.made(n) if n in used else n for n in plan.network.nodes}
        self.printer = Printer(self.dtype, self._leaf, self.size_names.__getitem__)
        self.printer.helpers = outer.printer.helpers
        around = outer.arrays
        self.steps = self.arrays = StepArrays(
            plan.roles, self.printer, self.namer, plan.orders, around.buffers,
            constants=around.constants, view_lines=around.view_lines, views=around.views,
            calls=around.calls, _made=around._made,
        )  # fmt: skip
        self.writer = Writer(
            plan.network, self.lowered, self.dtype, self.identifier, self.size_names, self.namer,
            width=WIDTH - 4,
        )  # fmt: skip
        self.writer.owners = {v: list(names) for v, names in plan.owners.items()}
        self.wholes = self._wholes()

    def name_temporaries(self) -> None:
        """Buffers for what lives within a step."""
        assert self.planned is not None
        memory = self.plan.memory
        own = {v: p for v, p in memory.places.items() if p.storage not in memory.pinned}
        self.plan.memory = replace(memory, places=own)
        self.name_buffers()
        self.plan.memory = memory
        leaves = {memory.places[v].storage: v for v in memory.places if v.op == "leaf"}
        for v, place in memory.places.items():  # a new state that is written over the old one
            if place.storage in leaves and v.op not in ("leaf", "store"):
                self.arrays.held[v] = self.arrays.held[leaves[place.storage]]
        for whole in self.planned.joined:
            if whole not in self.arrays.held:
                name = self.name(whole)
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
            for s in self.statement(v):
                found[v] = [*comment_lines(s.comment, WIDTH + 12), *s.code.split("\n")]
        return found

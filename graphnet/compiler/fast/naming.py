"""Names of a planned step: a buffer is called after what it holds, a view after what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphnet.compiler.expressions import Printer
from graphnet.compiler.fast import memory as mem
from graphnet.compiler.fast.arrays import Array, Arrays
from graphnet.compiler.fast.blocks import BLOCK
from graphnet.compiler.fast.buffers import Buffers
from graphnet.compiler.fast.chains import rows
from graphnet.compiler.fast.plan import Plan, owned
from graphnet.compiler.fast.roles import live
from graphnet.compiler.fast.sides import Side, parts, width
from graphnet.compiler.helpers import evenly
from graphnet.compiler.identifiers import RESERVED, node_and_size_names
from graphnet.compiler.listing import Writer
from graphnet.compiler.lower import Lowered
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import WIDTH, listed
from graphnet.formula.extent import Extent, add, product
from graphnet.network.names import Namer
from graphnet.network.nodes import Input, Parameter, Scan

__all__ = ["Naming"]


@dataclass
class Naming:
    """The names of a step: of its buffers and what lies in them, of views, leaves and sizes."""

    plan: Plan
    lowered: Lowered
    inputs: list[str]
    dtype: str
    sizes: tuple[str, ...]
    stores: list[str] = field(default_factory=list)
    block_rows: dict[str, str] = field(default_factory=dict)  # rows of a block: expression -> name
    joined_in: dict[Value, str] = field(default_factory=dict)  # new value -> the vector it is of

    def __post_init__(self) -> None:
        network = self.plan.network
        known, self.size_names = node_and_size_names(network.nodes, self.sizes)
        self.identifier = known
        self.namer = Namer([*known.values(), *RESERVED, *self.size_names.values()])
        self.printer = Printer(self.dtype, self._leaf, self.size_names.__getitem__)
        self.buffers = Buffers(self.printer)
        self.vectors = Buffers(self.printer)
        plan = self.plan
        self.arrays = Arrays(plan.roles, self.printer, self.namer, plan.orders, self.buffers)
        self.writer = Writer(
            network, self.lowered, self.dtype, known, self.size_names, self.namer, width=WIDTH
        )
        self.writer.printer = self.printer
        self.writer.owners = {v: list(names) for v, names in plan.owners.items()}
        for v in plan.lines:
            if v.op == "result":
                self.writer.results.setdefault(v.args[0][0], []).append(v)
                self.writer.owners.setdefault(v, []).extend(
                    name for name, node in network.of(Scan)
                    if v not in plan.owners
                    and (node.loop, node.result) == (v.args[0][0].extra, v.extra)
                )  # fmt: skip

    def _leaf(self, name: str) -> str:
        return self.identifier[name]

    def name_leaves(self) -> None:
        """Names for parameters, states, flat vectors and arguments."""
        network, plan = self.plan.network, self.plan
        for vector in plan.flat.vectors:
            name = self.namer.made(vector.name)
            members = [f'"{m}"' for m in vector.members]
            maker = self.vectors.maker
            head = f"{name} = {self.printer.helper('joined')}({maker}, {vector.kind}, ["
            self.vectors.reserve((vector.size,), self.printer.kind(vector.leaf))
            self.stores += listed(head, members, "])", 75)
            self.arrays.held[vector.leaf] = Array(name)
            self.joined_in[plan.flat.updates[vector.leaf]] = name
        read = {str(v.extra) for v in plan.memory.places if v.op == "leaf"}
        for name, node in owned(network):
            if name in read:
                kind = "parameters" if isinstance(node, Parameter) else "states"
                self.stores.append(f'{self.identifier[name]} = {kind}["{name}"]')
        for v in live(plan.lines):
            if v.op == "stacked":
                self._stack(v)
        for name, node in [*owned(network), *network.of(Input)]:
            leaf = self.plan.values.make("leaf", (), node.shape, node.dtype, name)
            lasting = not isinstance(node, Input) or name not in self.inputs
            self.arrays.held[leaf] = Array(self.identifier[name], lasting)

    def _stack(self, v: Value) -> None:
        """A view of a weight and the bias beside it, as one matrix."""
        first, second = (str(a.extra) for a, _ in v.args)
        vector = next(w for w in self.plan.flat.vectors if first in w.members)
        start = vector.starts[vector.members.index(first)]
        end = self.printer.extent(add(start, product(v.extents)))
        name = self.namer.made(f"{self.identifier[first]}_{self.identifier[second]}")
        shape = self.printer.shape(v.extents)
        base = self.arrays.held[vector.leaf].text
        self.stores.append(f"{name} = {base}[{start}:{end}].reshape{shape}")
        self.arrays.held[v] = Array(name)

    def _side_by_side(self, side: Side) -> None:
        """A buffer of rows, some of which stay 1, and the views of the arrays in it."""
        first = next(p for p in side.chain if p is not None)
        names = ["1" if p is None else self._stem(p) for p in side.chain]
        starts: list[Extent] = [0]
        for part in side.chain:
            starts.append(add(starts[-1], width(part)))
        whole = any(parts(join) == side.chain for join in side.joins)
        base = self.namer.made(_together(names) if whole else "rows")
        rows = (starts[-1], first.extents[0])
        fill = "1" if None in side.chain else ""
        self.buffers.add(base, rows, self.printer.kind(first), fill)

        def view(name: str, start: int, count: int) -> str:
            first, end = (self.printer.extent(starts[k]) for k in (start, start + count))
            self.arrays.view_lines.append(f"{name} = {base}[{first}:{end}]")
            return name

        for join, k in side.joins.items():
            count = len(parts(join))
            name = base if count == len(names) else view(
                self.namer.made(_together(names[k : k + count])), k, count
            )  # fmt: skip
            self.arrays.held[join] = Array(name)
        for k, part in enumerate(side.chain):
            if part is None:
                continue
            turned = part.op == "copy"
            name = view(self.namer.made(f"{names[k]}_T") if turned else names[k], k, 1)
            place = self.plan.memory.places[part]
            for w, own in self.plan.memory.places.items():
                if own == place:
                    self.arrays.held[w] = Array(name)

    def _stem(self, part: Value) -> str:
        """The name of an array, or of the argument that it is a copy of."""
        return self.identifier[str(part.args[0][0].extra)] if part.op == "copy" else self.name(part)

    def name_buffers(self) -> None:
        """A buffer is called after the last node it holds, else after what it holds first."""
        plan, memory = self.plan, self.plan.memory
        occupants: dict[int, list[Value]] = {}
        for v in [*plan.lines, *(v for v in memory.places if v.op == "pack")]:
            if v.op != "store" and v in memory.places:
                occupants.setdefault(memory.places[v].storage, []).append(v)
        stored = {
            place.storage: v
            for v, place in memory.places.items()
            if v.op == "leaf" and (place.start, place.size) == (0, memory.sizes[place.storage])
        }
        self.wholes = self._wholes()
        for side in plan.sides:
            del occupants[side.storage]
            self._side_by_side(side)
        for storage in sorted(occupants):
            held = occupants[storage]
            if storage in stored:
                base = self.arrays.held[stored[storage]]
                shape = stored[storage].extents
            else:
                packs = [v for v in held if v.op == "pack"]
                owner = next((v for v in reversed(held) if plan.owners.get(v)), held[0])
                owner = packs[0] if packs else owner
                base = Array(self.namer.made("G") if packs else self.name(owner))
                shape = tuple(owner.extents[axis] for axis in self.arrays.order(owner))
                frame = memory.frames.get(storage)
                fill = "" if storage not in memory.frames else "0"
                fill = self.printer.code(frame).text if frame is not None else fill
                if storage in memory.blocks:
                    self._add_block(base.text, owner)
                else:
                    self.buffers.add(base.text, shape, self.printer.kind(owner), fill)
            for v in held:
                self._place(v, base, tuple(shape))

    def _add_block(self, name: str, owner: Value) -> None:
        """A buffer of as many elements or rows as calls go along at a time."""
        if owner.rank == 1:
            self.buffers.add(name, (BLOCK,), self.printer.kind(owner))
            return
        count, *row = owner.extents
        most = 2 * rows(owner) if not isinstance(count, int) else rows(owner)
        tail = ", ".join(map(self.printer.extent, row))
        kind = self.printer.kind(owner)
        self.buffers.add(name, (most, *row), kind, room=f"({self.step(owner)}, {tail})")

    def step(self, v: Value) -> str:
        """How many elements or rows calls go along at a time: a number, or the name of one."""
        if v.rank == 1:
            return str(BLOCK)
        count, most = v.extents[0], rows(v)
        if isinstance(count, int):
            return str(evenly(count, most))
        text = f"{self.printer.helper('evenly')}({self.printer.extent(count)}, {most})"
        if text not in self.block_rows:
            self.block_rows[text] = self.namer.made("step_rows")
            self.buffers.first.append(f"{self.block_rows[text]} = {text}")
        return self.block_rows[text]

    def _place(self, v: Value, base: Array, shape: Sequence[Extent]) -> None:
        """The array of a value in a buffer."""
        place, memory = self.plan.memory.places[v], self.plan.memory
        own = tuple(v.extents[axis] for axis in self.arrays.order(v))
        if v in self.arrays.held:
            return
        if place.size != memory.sizes[place.storage]:
            end = self.printer.extent(add(place.start, place.size))
            text = f"{base.text}[{self.printer.extent(place.start)}:{end}]"
            if len(own) != 1:
                text += f".reshape{self.printer.shape(own)}"
        elif own == tuple(shape):
            self.arrays.held[v] = base
            return
        elif len(own) == 1:
            text = f"{base.text}.reshape(-1)"
        else:
            text = f"{base.text}.reshape{self.printer.shape(own)}"
        name = self.name(v)
        self.arrays.view_lines.append(f"{name} = {text}")
        self.arrays.held[v] = Array(name)

    def _wholes(self) -> dict[Value, str]:
        """The node that each statement is, or is a part of: the first that is made of it."""
        updates, gradients = self.plan.network.updates, self.plan.flat.gradients()
        nodes = {v: updates[name] for v, name in gradients.items()}
        nodes |= {v: names[0] for v, names in self.plan.owners.items()}
        found: dict[Value, tuple[int, str]] = {}  # where the node is computed, and its name
        for k, v in reversed([*enumerate(self.plan.lines)]):
            if v in nodes:
                found[v] = k, nodes[v]
            for a in mem.reads(v, self.plan.roles) if v in found else ():
                found[a] = min(found[v], found.get(a, found[v]))
        return {v: name for v, (_, name) in found.items()}

    def name(self, value: Value) -> str:
        """A name for a value: its node's, or one after what it is a part of."""
        for name in self.plan.owners.get(value, ()):
            if self.identifier[name] not in self.writer._taken:
                self.writer._taken.add(self.identifier[name])
                return self.identifier[name]
        if value in self.plan.ahead:
            return self.namer.made("slope")
        return self.made_for(value, value.op)

    def made_for(self, value: Value, what: str) -> str:
        """A name after the node that a value is a part of."""
        whole = self.identifier.get(self.wholes.get(value, ""), "t")
        return self.namer.made(f"{whole}_{what}")


def _together(names: Sequence[str]) -> str:
    """What arrays that lie side by side are called."""
    first, *rest = names
    return "_and_".join(["ones" if first == "1" else first, *rest])

"""Plan -> text: `build(parameters, states)` gives `plan(sizes)`, which gives the step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.expressions import Printer
from graphnet.compiler.fast.arrays import Array, Arrays
from graphnet.compiler.fast.blocks import BLOCK, runs, scratch
from graphnet.compiler.fast.buffers import Buffers
from graphnet.compiler.fast.forms import scalar
from graphnet.compiler.fast.plan import Plan, drawn, owned
from graphnet.compiler.fast.roles import live
from graphnet.compiler.fast.sides import Side, parts, width
from graphnet.compiler.function import commented, note_lines
from graphnet.compiler.helpers import HELPERS
from graphnet.compiler.identifiers import RESERVED, python_names
from graphnet.compiler.listing import Writer
from graphnet.compiler.loops import loop_statement
from graphnet.compiler.lower import Lowered
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import fill, wrap
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent, add, names, product
from graphnet.network.graph import STAGES, Input, Network, Parameter, Scan, State
from graphnet.network.names import Namer

__all__ = ["Text", "filled", "written"]

INDENT = 12  # columns before a statement: it stands inside three functions
WIDTH = 79 - INDENT  # columns of its code


@dataclass
class Text:
    """`build`, the helpers it calls, and the sizes `plan` takes, in order."""

    source: str
    helpers: tuple[str, ...]
    sizes: tuple[str, ...]
    variable: dict[str, str]
    statements: tuple[Statement, ...]
    draws: bool


def written(
    plan: Plan, lowered: Lowered, inputs: Sequence[str], dtype: str, sizes: Sequence[str]
) -> Text:
    """The text of a plan."""
    return Emitter(plan, lowered, list(inputs), dtype, tuple(sizes)).text()


@dataclass
class Emitter:
    plan: Plan
    lowered: Lowered
    inputs: list[str]
    dtype: str
    sizes: tuple[str, ...]
    stores: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        network = self.plan.network
        known = python_names([*network.nodes, *(s for s in self.sizes if s not in network)])
        self.identifier = known
        self.size_names = {
            s: known[s] if s not in network else f"{known[s]}_size" for s in self.sizes
        }
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

    # -- the parts of the text -------------------------------------------------------------------

    def text(self) -> Text:
        plan, network = self.plan, self.plan.network
        self._leaves()
        self.runs = (
            runs(plan.lines, plan.forms, plan.roles, plan.memory) if plan.blocks
            else [[v] for v in plan.lines]
        )  # fmt: skip
        self.scratch = {
            s for run in self.runs if len(run) > 1
            for s in scratch(run, plan.memory, plan.roles)
        }  # fmt: skip
        self._name_buffers()
        statements = [s for run in self.runs for s in self._run(run)]
        draws = [
            line for name, node in drawn(network, self.inputs) for line in self._draw(name, node)
        ]
        body = [*draws, *self._sections(statements), *self._finish()]
        arguments = [self.identifier[name] for name in self.inputs] + ["rng"] * bool(draws)
        step = [f"def step({', '.join(arguments)}):", *_indented(body or ["pass"])]
        calls = [f"{name} = {function}" for function, name in self.arrays.calls.items()]
        prologue = [
            *_section("buffers", self.buffers.lines()),
            *_section("constants", self.arrays.constants),
            *_section("views and bound methods", [*calls, *self.arrays.view_lines]),
        ]
        sizes = ", ".join(self.size_names[s] for s in self.sizes)
        inside = [
            '"""A step for these sizes, with buffers of its own."""' if sizes else
            '"""A step with buffers of its own."""',
            *prologue, "", '@np.errstate(all="ignore")', *step, "", "return step",
        ]  # fmt: skip
        stores = ["parameters"] * any(network.of(Parameter)) + ["states"] * any(network.of(State))
        outer = [
            '"""plan(sizes) -> step, over these arrays."""' if not stores else
            '"""plan(sizes) -> step; the arrays become views of flat vectors."""',
            *self.vectors.opening(), *self.stores, "",
            f"def plan({sizes}):", *_indented(inside), "", "return plan",
        ]  # fmt: skip
        source = "\n".join([f"def build({', '.join(stores)}):", *_indented(outer)])
        helpers = dict.fromkeys(n for n in HELPERS if n in self.printer.helpers)
        variable = {name: self.identifier[name] for name in network.nodes}
        return Text(
            source, tuple(HELPERS[n] for n in helpers), self.sizes, variable, tuple(statements),
            bool(draws),
        )  # fmt: skip

    def _leaves(self) -> None:
        """Names for parameters, states, flat vectors and arguments."""
        network, plan = self.plan.network, self.plan
        for vector in plan.flat.vectors:
            name = self.namer.made(vector.name)
            members = ", ".join(f'"{m}"' for m in vector.members)
            maker = self.vectors.maker
            head = f"{name} = {self.printer.helper('joined')}({maker}, {vector.kind}, ["
            self.vectors.reserve((vector.size,), self.printer.kind(vector.leaf))
            self.stores += filled(head, members, "])", 75)
            self.arrays.held[vector.leaf] = Array(name)
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
        return (
            self.identifier[str(part.args[0][0].extra)] if part.op == "copy" else self._name(part)
        )

    def _name_buffers(self) -> None:
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
        self.context = self._contexts()
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
                base = Array(self.namer.made("G") if packs else self._name(owner))
                shape = tuple(owner.extents[axis] for axis in self.arrays.order(owner))
                frame = memory.frames.get(storage)
                fill = "" if storage not in memory.frames else "0"
                fill = self.printer.code(frame).text if frame is not None else fill
                room = (BLOCK,) if storage in self.scratch else shape
                self.buffers.add(base.text, room, self.printer.kind(owner), fill)
            for v in held:
                self._place(v, base, tuple(shape))

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
        name = self._name(v)
        self.arrays.view_lines.append(f"{name} = {text}")
        self.arrays.held[v] = Array(name)

    def _contexts(self) -> dict[Value, str]:
        """The node each statement is a part of: the next one that is computed."""
        result: dict[Value, str] = {}
        whole = ""
        for v in reversed(self.plan.lines):
            owners = self.plan.owners.get(v)
            whole = owners[0] if owners else whole
            result[v] = self.identifier.get(whole, "t")
        return result

    def _name(self, value: Value) -> str:
        for name in self.plan.owners.get(value, ()):
            if self.identifier[name] not in self.writer._taken:
                self.writer._taken.add(self.identifier[name])
                return self.identifier[name]
        return self.namer.made(f"{self.context.get(value, 't')}_{value.op}")

    # -- statements ------------------------------------------------------------------------------

    def _run(self, run: list[Value]) -> Iterator[Statement]:
        """The statement of a line, or one loop over blocks for lines over one long axis."""
        if len(run) == 1:
            yield from self._statement(run[0])
            return
        arrays, memory = self.arrays, self.plan.memory
        for number in dict.fromkeys(a for v in run for a, _ in v.args if not (a.rank or a.host)):
            if number not in arrays.held:  # it was to be written in place, once a block
                name = self.namer.made(f"{self.context.get(run[-1], 't')}_scale")
                yield Statement(
                    self._stage(run[0]),
                    name,
                    wrap(f"{name} = ", arrays.expression(number), WIDTH),
                    "",
                    (),
                )
                arrays.held[number] = Array(name, False)
        kept = dict(arrays.held)
        wide = list(dict.fromkeys(w for v in run for w in (*(a for a, _ in v.args), v) if w.rank))
        slices: dict[str, str] = {}  # array -> its block
        size = self.printer.extent(run[0].extents[0])
        parts = []
        for w in wide:
            text = kept[w].text
            if text not in slices:
                slices[text] = self.namer.made(f"{text.lower()}_block")
                short = memory.places[w].storage in self.scratch
                parts.append(f"{text}[:{size} - k]" if short else f"{text}[k:k + {BLOCK}]")
            arrays.held[w] = Array(slices[text], False)
        arrays.blocked = True
        inner = [s for v in run for s in self._statement(v)]
        arrays.blocked = False
        arrays.held.update({w: kept[w] for w in wide})
        blocks = self.namer.made("blocks")
        arrays.view_lines += [
            f"{blocks} = [", *textwrap.wrap(
                f"({', '.join(parts)})", 70, initial_indent="    ", subsequent_indent="     "
            ), f"    for k in range(0, {size}, {BLOCK})", "]",
        ]  # fmt: skip
        rows = "\n".join(commented(inner, INDENT + 4)).split("\n")
        names = ", ".join(slices.values())
        code = "\n".join([f"for {names} in {blocks}:", *(f"    {row}" for row in rows)])
        nodes = tuple(n for s in inner for n in s.nodes)
        yield Statement(self._stage(run[0]), "", code, f"{BLOCK} elements at a time", nodes)

    def _statement(self, v: Value) -> Iterator[Statement]:
        stage = self._stage(v)
        nodes = tuple(self.plan.owners.get(v, ()))
        if v.op == "result":
            return
        if v.op == "scan":
            from graphnet.compiler.fast.loops import planned_loop

            loop = planned_loop(self, v, stage)
            if loop is not None:
                yield loop
                return
            self.arrays.expression_of_arguments(v)
            yield loop_statement(self.writer, v, stage)
            for r in self.writer.results.get(v, ()):
                self.arrays.held[r] = Array(self.printer.variables[r], False)
            return
        if v.op == "store":
            target, (source, _) = self._target(v), v.args[0]
            text = (
                self.printer.code(source).text if source.host else self.arrays.logical(source).text
            )
            yield Statement(stage, "", f"{target}[...] = {text}", "written when all are known", ())
            return
        if v.op == "output":
            yield from self._output(v)
            return
        comment = "; ".join(self.plan.network.show(n) for n in nodes[:1])
        if len(nodes) > 1 and v in self.plan.flat.covers:
            comment += f"; so for {', '.join(nodes[1:])}"
        elif len(nodes) > 1:
            comment = "; ".join(self.plan.network.show(n) for n in nodes)
        if not comment and v.op == "contract" and v.args[1][0].op == "numbers":
            comment = f"weighted sums of {self.arrays.held[v.args[0][0]].text}"
        if v in self.plan.memory.places:
            out = self.arrays.held[v]
            form = self.plan.forms.get(v)
            if form is not None:
                code = form.code(self.arrays, v, out)
                if "\n" not in code:  # loops of windows stand as they are
                    head, copies, text = code.partition("[...] = ")
                    code = (
                        wrap(head + copies, text, WIDTH) if copies
                        else "\n".join(fill(code, WIDTH))
                    )  # fmt: skip
            else:
                code = wrap(f"{out.text}[...] = ", self.arrays.expression(v), WIDTH)
            yield Statement(stage, out.text, code, comment, nodes)
            return
        name = self._name(v)
        text = scalar(self.arrays, v) or self._mean(v) or self.arrays.expression(v)
        self.arrays.held[v] = Array(name, False)
        yield Statement(stage, name, wrap(f"{name} = ", text, WIDTH), comment, nodes)

    def _mean(self, v: Value) -> str | None:
        """`0.25*total/batch` of a loss as one product, its factor made ahead of the step.

        Steps alone: an update over no rows is refused, while a function may divide by none.
        """
        if v.op != "divide" or v.rank or v.dtype != "float" or not self.plan.network.updates:
            return None
        (part, _), (size, _) = v.args
        if part.op != "multiply" or self.plan.roles(part) != "number" or not size.host:
            return None
        hosts = [a for a, _ in part.args if a.host]
        totals = [a for a, _ in part.args if a in self.arrays.held]
        if len(hosts) != 1 or len(totals) != 1 or self.arrays.exact(totals[0]):
            return None
        quotient = self.plan.values.make("divide", [(hosts[0], ()), (size, ())], host=True)
        factor = self.arrays.constant(self.printer.code(quotient).text, "k")
        return f"{factor.text} * float({self.arrays.held[totals[0]].text})"

    def _target(self, store: Value) -> str:
        return self.arrays.held[store.extra].text  # type: ignore[index]

    def _output(self, v: Value) -> Iterator[Statement]:
        """A fresh array of what is returned."""
        ((source, _),) = v.args
        array = self.arrays.logical(source) if not source.host else None
        copy = bool(v.extra)
        base = self.plan.roles.base(source)
        fresh = base is source and self.plan.roles(source) == "line" and (
            source not in self.plan.memory.places and not self.arrays.held[source].lasting
        )  # fmt: skip
        assert array is not None
        if not v.rank:
            text = f"{v.dtype}({array.text})"
        elif copy and not (fresh and source not in self._returned):
            text = f"{array.text}.copy()"
        else:
            self._returned.add(source)
            self.arrays.held[v] = array
            return
        name = self.namer.made(f"{array.text.split('.')[0].split('[')[0]}_out")
        self.arrays.held[v] = Array(name, False)
        yield Statement(self._stage(source), name, f"{name} = {text}", "", ())

    _returned: set[Value] = field(default_factory=set)

    def _stage(self, v: Value) -> str:
        owners = self.plan.owners.get(v)
        if v.op == "store":
            return "update"
        if owners:
            return self.plan.network.stage(owners[0])
        return self.plan.stages.get(v, "")

    def _sections(self, statements: Sequence[Statement]) -> Iterator[str]:
        """The statements under the headings of their stages."""
        stages = [s.stage for s in statements]
        last = 0
        ranks: list[int] = []
        for k, stage in enumerate(stages):
            rank = STAGES.index(stage) if stage in STAGES else -1
            if rank < 0:  # a part of what comes next
                rank = next((STAGES.index(s) for s in stages[k:] if s in STAGES), last)
            last = max(last, rank)
            ranks.append(last)
        several = len(set(ranks)) > 1
        for rank in sorted(set(ranks)):
            if several:
                yield f"\n# -- {STAGES[rank]}"
            if STAGES[rank] == "backward":
                yield from note_lines(self.plan.network)
            section = [s for s, r in zip(statements, ranks, strict=True) if r == rank]
            yield from commented(section, INDENT)

    def _finish(self) -> Iterator[str]:
        results = []
        for name, v in self.plan.outputs:
            node = self.plan.network.node(name)
            if v.op == "output":
                text = self.arrays.held[v].text
                again = v.rank and v.extra and text in results  # asked for twice
                results.append(f"{text}.copy()" if again else text)
            else:
                known = self.printer.code(v) if v.host else self.arrays.physical(v)
                results.append(f"{node.dtype}({known.text})")
        if results:
            yield wrap("return ", ", ".join(results), WIDTH)

    def _draw(self, name: str, node: Input) -> Iterator[str]:
        distribution = node.distribution
        if distribution is None:
            raise GraphnetError(f"the input {name!r} is not given")
        method = {"uniform": "random", "normal": "standard_normal"}.get(distribution.name)
        if method is None:
            raise GraphnetError(f"{name!r} is drawn from {distribution.name!r}, which is not known")
        buffer = self.identifier[name]
        self.buffers.add(buffer, node.shape, f"np.{self.dtype}")
        low, high = distribution.args or (0.0, 1.0)
        shown = ", ".join(f"{a:g}" for a in (low, high))
        call = f"rng.{method}(None, np.{self.dtype}, {buffer})"
        yield f"{call}  # {name} ~ {distribution.name}({shown})"
        scale = high - low if method == "random" else high
        if (low, high) != (0.0, 1.0):
            for function, number in (("np.multiply", scale), ("np.add", low)):
                constant = self.arrays.constant(f"np.array({number!r}, np.{self.dtype})", "k")
                yield f"{self.arrays.call(function)}({buffer}, {constant.text}, {buffer})"


def size_names(network: Network) -> list[str]:
    """The named sizes of a network, in order of appearance."""
    found: dict[str, None] = {}
    for _, node in network.items():
        for extent in (*node.shape, *getattr(node, "extents", ())):
            found |= dict.fromkeys(names(extent))
    return list(found)


def _together(names: Sequence[str]) -> str:
    """What arrays that lie side by side are called."""
    first, *rest = names
    return "_and_".join(["ones" if first == "1" else first, *rest])


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"# -- {title}", *lines] if lines else []


def _indented(lines: Sequence[str]) -> list[str]:
    text = "\n".join(lines)
    return textwrap.indent(text, "    ", lambda line: line.strip() != "").split("\n")


def filled(head: str, inside: str, tail: str, width: int) -> list[str]:
    if len(head) + len(inside) + len(tail) <= width:
        return [f"{head}{inside}{tail}"]
    rows = textwrap.wrap(inside, width - 4, break_long_words=False)
    return [head, *(f"    {row}" for row in rows), tail]

"""Values -> statements in plain style: which values get a variable, in which order and stage.

A value gets a variable if a named node holds it, if it is read more than once and is not a mere
view, or if its expression has grown long. Everything else is written in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.expressions import Printer
from graphnet.compiler.helpers import HELPERS
from graphnet.compiler.identifiers import RESERVED, node_and_size_names
from graphnet.compiler.loops import loop_statement
from graphnet.compiler.lower import Lowered, full, readable
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value, live_values
from graphnet.compiler.wrapping import wrap
from graphnet.errors import GraphnetError
from graphnet.formula.extent import show_extent
from graphnet.network.extents import named_sizes
from graphnet.network.graph import Network
from graphnet.network.names import Namer
from graphnet.network.nodes import Constant, Input, Node, Parameter, State

__all__ = ["Listing", "listing", "origin"]

WIDTH = 75  # columns of code, so that it stands indented in a function within 79
WEIGHT = 14  # calls in one expression
VIEWS = ("leaf", "slice", "transpose", "range", "number", "size", "broadcast", "cast", "window")


@dataclass(frozen=True)
class Listing:
    """The statements of a network and how its nodes are called in them.

    `variable` has an expression for every input, parameter, state, constant, output and updated
    value; `helpers` are the sources of the functions the code calls; `sizes` says where each named
    size is read off.
    """

    statements: tuple[Statement, ...]
    helpers: tuple[str, ...]
    variable: dict[str, str]
    sizes: dict[str, str]


def listing(network: Network, dtype: str = "float32", lowered: Lowered | None = None) -> Listing:
    """The statements that compute a network's outputs and updates, in plain style.

    `lowered` may be given where the network is a part of one that was lowered before.
    """
    sizes = named_sizes(node for _, node in network.items())
    lowered = lowered or readable(network)
    identifier, size_names = node_and_size_names(network.nodes, sizes)
    namer = Namer([*identifier.values(), *RESERVED])
    writer = Writer(network, lowered, dtype, identifier, size_names, namer)
    roots = list(dict.fromkeys([*network.outputs.values(), *network.updates.values()]))
    statements = writer.statements(roots)
    held = network.of(Input, Parameter, State, Constant)
    variable = {name: identifier[name] for name, _ in held}
    variable |= {name: writer.reference(name) for name in roots}
    given = [(identifier[n], a) for n, a in held if getattr(a, "distribution", None) is None]
    first = [
        Statement("forward", size_names[s], f"{size_names[s]} = {origin(s, given)}",
                  f"the size {s!r}", ())
        for s in sizes if s in writer.used_sizes
    ]  # fmt: skip
    helpers = tuple(text for name, text in HELPERS.items() if name in writer.printer.helpers)
    return Listing((*first, *statements), helpers, variable, {s: size_names[s] for s in sizes})


def origin(size: str, arrays: Iterable[tuple[str, Node]]) -> str:
    """What a named size is read from: `x.shape[0]` of the first array that has it as an axis.

    GraphnetError where none has.
    """
    for variable, node in arrays:
        for axis, extent in enumerate(node.shape):
            if not isinstance(extent, int) and show_extent(extent) == size:
                return f"{variable}.shape[{axis}]"
    raise GraphnetError(f"no input has an axis of size {size!r}, so its number is not known")


def _is_short(value: Value, weight: Mapping[Value, int]) -> bool:
    """Whether a value reads better where it is used than under a name: -z and 1 - t do."""
    columns = sum(a.op == "slice" and weight[a] == 1 for a, _ in value.args)  # 1 - y[:, 0]
    if weight[value] > 1 + columns or value.dtype != "float":
        return False
    of_number = value.op in ("add", "subtract") and any(a.host for a, _ in value.args)
    return value.op == "negative" or of_number


@dataclass
class Writer:
    """Writes the statements of one network, or of the body of a loop in it."""

    network: Network
    lowered: Lowered
    dtype: str
    identifier: Mapping[str, str]
    size_names: Mapping[str, str]
    namer: Namer
    bound: Mapping[str, str] = field(default_factory=dict)  # leaves that stand for other text
    width: int = WIDTH
    used_sizes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        def leaf(name: str) -> str:
            return self.bound.get(name) or self.identifier[name]

        def size(name: str) -> str:
            self.used_sizes.add(name)
            return self.size_names[name]

        self.printer = Printer(self.dtype, leaf, size)
        self.wanted: set[Value] = set()  # values that get a variable
        self.owners: dict[Value, list[str]] = {}  # the nodes that hold a value
        self.results: dict[Value, list[Value]] = {}  # the results of every loop
        self.shown: dict[Value, Value] = {}  # a value whose transpose has the variable
        self._done: set[Value] = set()
        self._taken: set[str] = set()

    def statements(self, roots: Sequence[str]) -> list[Statement]:
        """The statements for the values of some nodes, dependencies first, by stage."""
        values = {name: self.value(name) for name in roots}
        live, uses = live_values(values.values())
        known = self.lowered.held  # what algebra did away with is not there
        held = {name: known[name].value for name in self.network.nodes if name in known} | values
        self._show(held, live, uses)
        for name, value in held.items():
            if value in uses and not value.host and value.op != "leaf":
                self.owners.setdefault(value, []).append(name)
        for value in live:
            if value.op == "result":
                self.results.setdefault(value.args[0][0], []).append(value)
        self._choose(live, uses, set(values.values()))
        result: list[Statement] = []
        for name, value in held.items():
            if value in self.owners and value in self.wanted:
                stage = self.network.stage(name)
                result += self._needed(value, stage, self.identifier[name])
        return result

    def reference(self, name: str) -> str:
        """An expression for what a node holds, in the layout of the node."""
        return self.printer.code(self.value(name)).text

    def value(self, name: str) -> Value:
        """What a node holds, in the layout of the node."""
        return full(self.lowered.values, self.lowered.held[name], self.network.node(name).shape)

    def _show(self, held: Mapping[str, Value], live: list[Value], uses: dict[Value, int]) -> None:
        """A node that only its transpose is read of still gets a variable in its own layout."""
        readers: dict[Value, int] = {}
        for v in live:
            for a, _ in v.args:
                readers[a] = min(v.number, readers.get(a, v.number))
        for name, value in held.items():
            if value in uses or value.op != "transpose" or self.network.node(name).name is None:
                continue
            ((source, _),) = value.args
            first = readers.get(source, -1)
            if source not in self.shown and source.op != "leaf" and value.number < first:
                self.shown[source] = value
                uses[value] = 0
                live.append(value)
        live.sort(key=lambda v: v.number)

    def _choose(self, live: Sequence[Value], uses: Mapping[Value, int], roots: set[Value]) -> None:
        """Which values get a variable; an argument always has a smaller number than its reader."""
        weight: dict[Value, int] = {}
        looped = {a for v in live if v.op == "scan" for a, _ in v.args}
        for value in live:
            if value.host or value.op == "leaf":
                weight[value] = 0
                continue
            weight[value] = 1 + sum(weight[a] for a, _ in value.args)
            if value in self.shown:
                continue
            often = uses[value] > 1 and (value.op not in VIEWS or weight[value] > 2)
            if often and uses[value] <= 3 and _is_short(value, weight):
                often = False
            named = any(self.network.node(n).name is not None for n in self.owners.get(value, ()))
            special = value.op in ("scan", "result", "window") or value in roots or value in looped
            if often or named or special or weight[value] > WEIGHT:
                self.wanted.add(value)
                weight[value] = 0

    def _needed(self, value: Value, stage: str, context: str) -> list[Statement]:
        """Statements for a value and for what it needs that has none yet."""
        pending: list[Value] = []
        stack, seen = [value], set()
        while stack:
            v = stack.pop()
            if v in seen or v in self._done:
                continue
            seen.add(v)
            if v in self.wanted:
                pending.append(v)
            elif v in self.shown and self.shown[v] not in seen:
                stack.append(self.shown[v])
                continue
            stack.extend(a for a, _ in v.args)
        result = []
        for v in sorted(pending, key=lambda v: v.number):
            if v in self._done:
                continue
            self._done.add(v)
            if v.op == "scan":
                self._done.update(self.results[v])
                result.append(loop_statement(self, v, stage))
            else:
                result.append(self._assign(v, stage, context))
        return result

    def name(self, value: Value, context: str) -> str:
        """A variable for a value: its node's name, the user's first, else after the context."""
        owners = self.owners.get(value, [])
        for name in sorted(owners, key=lambda n: self.network.node(n).name is None):
            if self.identifier[name] not in self._taken:
                self._taken.add(self.identifier[name])
                return self.identifier[name]
        return self.namer.made(f"{context}_{value.op}")

    def _assign(self, value: Value, stage: str, context: str) -> Statement:
        text = self.printer.expression(value).text
        nodes = self.nodes(value)
        target = self.name(value, context)
        self.printer.variables[value] = target
        if value.op == "transpose" and self.shown.get(value.args[0][0]) is value:
            source, axes = value.args[0]
            self.printer.turned[source] = (target, axes)
        comment = "; ".join(self.network.show(n) for n in nodes)
        return Statement(stage, target, wrap(f"{target} = ", text, self.width), comment, nodes)

    def nodes(self, value: Value) -> tuple[str, ...]:
        """The nodes a statement computes: those of its value, then those written in place."""
        found: dict[str, None] = {}
        stack, known = [value], self.printer.variables.keys() | self.printer.turned.keys()
        while stack:
            v = stack.pop()
            found |= dict.fromkeys(self.owners.get(v, ()))
            stack.extend(a for a, _ in v.args if a not in known)
        return tuple(found)

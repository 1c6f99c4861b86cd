"""Nodes and the Network that holds them: a networkx MultiDiGraph, one edge an operand slot.

A node is frozen and refers to its operands, so any set of nodes is a network waiting to be
collected. `Network.collect` gives every node its one name (its id), in topological order.

A node is one of
    Input      given at run time, or a random draw that the runtime makes
    Parameter  trained; State: kept between steps; Constant: an array fixed at build
    Computed   one formula
    Scan       one result of a Loop, whose body is a network for one step
    Order      argmax or argsort: integers, without gradient
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import networkx as nx

from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.formula.extent import Extent, show_extent
from graphnet.formula.formula import Equation, Formula, index_names
from graphnet.network.names import Namer

__all__ = [
    "STAGES", "Array", "Computed", "Constant", "Distribution", "Init", "Input", "Loop", "Network",
    "Node", "Order", "Parameter", "Scan", "State", "show_difference", "show_shape", "topological",
]  # fmt: skip

STAGES = ("forward", "loss", "backward", "update")


class Array(Protocol):
    """An array that travels opaquely: this package never looks inside."""

    id: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Init:
    """How a parameter or state starts: an initializer's name and arguments, or an array.

    `fans` = (fan_in, fan_out) where the shape alone does not say them.
    """

    name: str
    args: tuple[tuple[str, float], ...] = ()
    array: Array | None = None


@dataclass(frozen=True)
class Distribution:
    """What a random input is drawn from: "uniform" [low, high), "normal" (mean, std)."""

    name: str
    args: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Node:
    """A tensor. `name` is the user's or a pass's (then `made`); `label` names nameless nodes."""

    shape: tuple[Extent, ...]
    dtype: str = "float"  # "float" | "int" | "bool"
    operands: tuple[Node, ...] = ()
    name: str | None = None
    made: bool = False
    label: str = "node"
    origin: tuple[str, ...] = ()  # ids of the nodes a pass made this one from

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name or self.label} {show_shape(self.shape)}>"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Input(Node):
    """Given by the caller of a program, or drawn by the runtime where it has a distribution."""

    distribution: Distribution | None = None
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Parameter(Node):
    init: Init
    trainable: bool = True


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class State(Node):
    init: Init


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Constant(Node):
    array: Array


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Computed(Node):
    """One formula; `extents[p]` is how often the loop of index p runs, `spelling[p]` its name."""

    formula: Formula
    extents: tuple[Extent, ...] = ()
    spelling: tuple[str, ...] = ()

    def equation(self, name: str, operands: Sequence[str]) -> Equation:
        """The formula in names, for showing."""
        n = self.formula.indices
        spelled = self.spelling if len(self.spelling) == n else index_names(n, operands)
        return Equation(self.formula, name, tuple(operands), spelled)


@dataclass(frozen=True, eq=False, kw_only=True)
class Loop:
    """A recurrence: `body` is a network for one step t, run `length` times.

    The body's inputs are named in `states`, `sequences`, `constants` and (an int, 0-d) `step`.
    The operands of every Scan node over this loop are the initial states, then the sequences
    (along axis 0), then the constants. `carried[i]` is the body's output that becomes states[i];
    `emits` are the outputs that are stacked along axis 0. With `reverse` the steps run from the
    last to the first; what is stacked stands at its step's position all the same.
    """

    body: Network
    states: tuple[str, ...]
    carried: tuple[str, ...]
    sequences: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    step: str | None = None
    length: Extent = 0
    reverse: bool = False


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Scan(Node):
    """One result of a loop.

    ("last", i): states[i] after the last step. ("emit", j): emits[j] of every step, stacked.
    ("before", i): states[i] as each step found it, stacked (what the adjoint reads).
    Scan nodes over the same Loop object and operands share one run.
    """

    loop: Loop
    result: tuple[str, int]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Order(Node):
    """op "argmax": index of the first largest along axis (axis dropped); "argsort": stable."""

    op: str
    axis: int


_GIVEN = (Input, Parameter, State)


class Network(nx.MultiDiGraph):
    """Nodes by name, in topological order of insertion; an edge's key is the operand slot.

    Node attributes: `node` (the Node), `stage` (one of STAGES), `layer` (a name or None).
    Graph attributes: `outputs` (key -> node name) and `updates` (parameter or state -> node name).
    """

    @classmethod
    def collect(
        cls,
        outputs: Mapping[str, Node] | Sequence[Node],
        updates: Mapping[Node, Node] | None = None,
        *,
        names: Mapping[Node, str] | None = None,
        stages: Mapping[Node, str] | None = None,
        layers: Mapping[Node, str] | None = None,
        extra: Sequence[Node] = (),
    ) -> Self:
        """The network of everything the outputs and updates depend on.

        `names` are names already given (a pass keeps those of its input); `extra` nodes are kept
        though nothing depends on them (an input that is not read).
        Raises GraphnetError where the user gave one name to two nodes.
        """
        if not isinstance(outputs, Mapping):
            outputs = {f"out{k}": node for k, node in enumerate(outputs)}
        updates = dict(updates or {})
        order = topological([*extra, *outputs.values(), *updates, *updates.values()])
        name_of = Namer.for_nodes(order, names or {})
        network = cls()
        for node in order:
            network.add_node(
                name_of[node],
                node=node,
                stage=(stages or {}).get(node, "forward"),
                layer=(layers or {}).get(node),
            )
            for slot, operand in enumerate(node.operands):
                network.add_edge(name_of[operand], name_of[node], key=slot)
        network.graph["outputs"] = {key: name_of[node] for key, node in outputs.items()}
        network.graph["updates"] = {name_of[a]: name_of[b] for a, b in updates.items()}
        return network

    @property
    def outputs(self) -> dict[str, str]:
        return self.graph.get("outputs", {})

    @property
    def updates(self) -> dict[str, str]:
        return self.graph.get("updates", {})

    def node(self, name: str) -> Node:
        """The node of a name; GraphnetError where there is none."""
        if name not in self:
            raise GraphnetError(f"there is no node {told(name)}{did_you_mean(name, self)}")
        found: Node = self.nodes[name]["node"]
        return found

    def name_of(self, node: Node) -> str:
        """The name of a node of this network."""
        table = self._table
        if node not in table:
            raise GraphnetError(f"{node!r} is not in this network")
        return table[node]

    def __contains__(self, n: object) -> bool:
        if isinstance(n, Node):
            return n in self._table
        return super().__contains__(n)

    @property
    def _table(self) -> dict[Node, str]:
        held = self.graph.get("_table")
        if held is None or len(held) != len(self):
            held = {data["node"]: name for name, data in self.nodes(data=True)}
            self.graph["_table"] = held
        table: dict[Node, str] = held
        return table

    def items(self) -> Iterator[tuple[str, Node]]:
        """(name, node) in topological order."""
        for name, data in self.nodes(data=True):
            yield name, data["node"]

    def of(self, *kinds: type[Node]) -> list[tuple[str, Any]]:
        """(name, node) of the nodes of some classes, in topological order."""
        return [(name, node) for name, node in self.items() if isinstance(node, kinds)]

    def operands(self, name: str) -> tuple[str, ...]:
        """The names of a node's operands, by slot."""
        return tuple(self.name_of(o) for o in self.node(name).operands)

    def stage(self, name: str) -> str:
        stage: str = self.nodes[name]["stage"]
        return stage

    def layer(self, name: str) -> str | None:
        layer: str | None = self.nodes[name]["layer"]
        return layer

    def equation(self, name: str) -> Equation:
        """The formula of a computed node, in the names of this network."""
        node = self.node(name)
        if not isinstance(node, Computed):
            raise GraphnetError(f"{told(name)} is a {node.kind}, it has no formula")
        return node.equation(name, self.operands(name))

    def show(self, name: str) -> str:
        """How a node is defined, in one line of text."""
        from graphnet.network.describe import describe

        return describe(self, name)

    def check(self) -> None:
        """Raises GraphnetError where this is not a legal network."""
        from graphnet.network.check import check

        check(self)

    def rebuild(self, change: Callable[[str, Node], Node | None]) -> Network:
        """The network with some nodes replaced; what depends on them is rebuilt.

        `change(name, node)` sees each node after its operands were replaced, in topological
        order, and returns another node of the same shape, or None to keep it. Names, stages,
        layers, outputs and updates stay, and so do inputs, parameters and states.
        """
        new: dict[Node, Node] = {}
        names: dict[Node, str] = {}
        stages: dict[Node, str] = {}
        layers: dict[Node, str] = {}
        for name, data in self.nodes(data=True):
            old: Node = data["node"]
            operands = tuple(new[o] for o in old.operands)
            moved = any(a is not b for a, b in zip(operands, old.operands, strict=True))
            node = replace(old, operands=operands, made=True) if moved else old
            node = change(name, node) or node
            new[old] = node
            names.setdefault(node, name)
            for part in topological([node], stages):  # with it the nodes that were made for it
                stages[part] = data["stage"]
                if data["layer"] is not None:
                    layers[part] = data["layer"]
        by_name = {name: new[node] for name, node in self.items()}
        outputs = {key: by_name[name] for key, name in self.outputs.items()}
        updates = {by_name[a]: by_name[b] for a, b in self.updates.items()}
        read = set(topological([*outputs.values(), *updates, *updates.values()]))
        given = [new[node] for _, node in self.items() if isinstance(node, _GIVEN)]
        return type(self).collect(
            outputs,
            updates,
            names=names,
            stages=stages,
            layers=layers,
            extra=[node for node in given if node not in read],
        )

    def with_outputs(
        self,
        outputs: Mapping[str, Node],
        updates: Mapping[Node, Node] | None = None,
        stage: str = "backward",
    ) -> Network:
        """This network and what further outputs and updates depend on; new nodes get `stage`."""
        all_outputs = {key: self.node(name) for key, name in self.outputs.items()} | dict(outputs)
        all_updates = {self.node(a): self.node(b) for a, b in self.updates.items()}
        all_updates |= dict(updates or {})
        known = self._table
        fresh = topological([*all_outputs.values(), *all_updates, *all_updates.values()], known)
        stages = {node: self.stage(name) for node, name in known.items()}
        layers = {
            node: data for node, name in known.items() if (data := self.layer(name)) is not None
        }
        return type(self).collect(
            all_outputs,
            all_updates,
            names=known,
            stages=stages | dict.fromkeys(fresh, stage),
            layers=layers,
            extra=[node for _, node in self.items()],
        )


def topological(roots: Iterable[Node], known: Mapping[Node, object] | None = None) -> list[Node]:
    """Everything the roots depend on (but for what is known), operands first; no recursion."""
    order: list[Node] = []
    done: set[Node] = set()
    known = known or {}  # not copied: it may be large and asked for one node at a time
    for root in roots:
        stack: list[tuple[Node, Iterator[Node]]] = []
        if root not in done and root not in known:
            done.add(root)
            stack.append((root, iter(root.operands)))
        while stack:
            node, operands = stack[-1]
            for operand in operands:
                if operand not in done and operand not in known:
                    done.add(operand)
                    stack.append((operand, iter(operand.operands)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def show_shape(shape: Sequence[Extent]) -> str:
    """(batch, 64)"""
    inside = ", ".join(show_extent(e) for e in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def show_difference(
    first: tuple[str, Sequence[Extent]],
    second: tuple[str, Sequence[Extent]],
    indices: Sequence[str],
    beside: int | None = None,
) -> str:
    """Where two (name, shape) first differ, with the index of a formula that runs there.

    >>> show_difference(("p", (2, 3)), ("t", (2, 4)), ["n", "k"])
    'index k is 3 in p (2, 3) but 4 in t (2, 4)'
    """
    (a, shape), (b, other) = first, second
    if len(shape) != len(other):
        tail = f"{b} {show_shape(other)} has {len(other)}"
        return f"{a} {show_shape(shape)} has {len(shape)} axes, {tail}"
    axis = next(k for k, (e, f) in enumerate(zip(shape, other)) if e != f and k != beside)
    return (
        f"index {indices[axis]} is {show_extent(shape[axis])} in {a} {show_shape(shape)} but "
        f"{show_extent(other[axis])} in {b} {show_shape(other)}"
    )

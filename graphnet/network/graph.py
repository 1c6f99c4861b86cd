"""The Network that holds nodes: a networkx MultiDiGraph, one edge an operand slot.

`Network.collect` gives every node its one name (its id), in topological order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import networkx as nx

from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.formula.formula import Equation
from graphnet.network.names import Namer
from graphnet.network.nodes import (
    Computed,
    Input,
    Node,
    Parameter,
    State,
    topological,
    with_operands,
)

__all__ = ["STAGES", "Network"]

STAGES = ("forward", "loss", "backward", "update")

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

    def take_notes(self, network: Network) -> None:
        """Takes over what passes noted of another network, where this one has no such note."""
        for key, value in network.graph.items():
            if not key.startswith("_"):
                self.graph.setdefault(key, value)

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
            node = with_operands(old, [new[o] for o in old.operands], made=True)
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

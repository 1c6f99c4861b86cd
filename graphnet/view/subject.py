"""What a picture or a text is about: the Network of anything that has one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.network.graph import Network
from graphnet.network.nodes import Node, topological

__all__ = ["adjoints", "network_of"]


def network_of(what: Any, stage: str) -> Network:
    """The Network of anything that has one: itself, tensors, or a model's compiled step."""
    if isinstance(what, Network):
        return what
    if isinstance(what, list | tuple) and what:
        return _of_tensors([_node(item) for item in what])
    if callable(getattr(what, "network", None)):
        return _of_model(what, stage)
    inner = getattr(what, "network", None)
    if isinstance(inner, Network):
        return inner
    return _of_tensors([_node(what)])


def _of_tensors(nodes: list[Node]) -> Network:
    """The network of some tensors; what `grad` made and what reads it is the backward pass."""
    return Network.collect(nodes, stages=dict.fromkeys(adjoints(topological(nodes)), "backward"))


def adjoints(order: Iterable[Node], known: Iterable[Node] = ()) -> set[Node]:
    """The nodes of a topological order that `grad` made, those known, and those that read them."""
    late = set(known)
    for node in order:
        adjoint = node.made and (node.name or "").startswith("d_")
        if adjoint or not late.isdisjoint(node.operands):
            late.add(node)
    return late


def _of_model(model: Any, stage: str) -> Network:
    """The network of a model's compiled step, its tensors in the model's layers."""
    forward: Network = model.network()
    step = getattr(model, "step", None)
    if step is None:
        if stage in ("loss", "backward", "update"):
            raise GraphnetError(
                f"this model has no {stage} stage before model.compile(optimizer, loss)"
            )
        return forward
    layer_of = {name: layer for name in forward if (layer := forward.layer(name)) is not None}
    network: Network = step.network
    layers: dict[Node, str] = {}
    for name, node in network.items():
        layer = network.layer(name) or layer_of.get(name)
        if layer is None and network.stage(name) == "backward":
            layer = layer_of.get(name.removeprefix("d_"))
        if layer is not None:
            layers[node] = layer
    return Network.collect(
        {key: network.node(name) for key, name in network.outputs.items()},
        {network.node(old): network.node(new) for old, new in network.updates.items()},
        names={node: name for name, node in network.items()},
        stages={node: network.stage(name) for name, node in network.items()},
        layers=layers,
        extra=[node for _, node in network.items()],
    )


def _node(what: Any) -> Node:
    node = what if isinstance(what, Node) else getattr(what, "node", None)
    if not isinstance(node, Node):
        raise GraphnetTypeError(
            f"expected a tensor, a network or a model, got {type(what).__name__}"
        )
    return node

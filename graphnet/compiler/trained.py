"""A network with the gradients of its loss and the updates of an optimizer, in order of stages."""

from __future__ import annotations

from typing import Protocol

from sympy import Expr, S

from graphnet.compiler.stages import ancestors, in_order, predictions, staged
from graphnet.errors import GraphnetError
from graphnet.formula.kinks import Kinks
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Parameter
from graphnet.network.tighten import tighten
from graphnet.numerics.stabilize import Rewrite

__all__ = ["Optimizer", "tightened", "trained"]


class Optimizer(Protocol):
    """What adds update formulas to a network that has gradients."""

    def extend(self, network: Network, gradients: dict[str, str]) -> Network: ...


def trained(network: Network, optimizer: Optimizer, kinks: Kinks, seed: Expr = S.One) -> Network:
    """The network with gradients of its loss and the optimizer's updates, in order of stages."""
    loss = network.outputs["loss"]
    needed = ancestors(network, [loss])
    wrt = [n for n, node in network.of(Parameter) if node.trainable and n in needed]
    if not wrt:
        raise GraphnetError(f"the loss {loss!r} depends on no trainable parameter")
    outputs, rewrites = dict(network.outputs), network.graph.get("rewrites", ())
    network = staged(network, predictions(network, list(outputs.values())[1:], loss), loss)
    network = backward(network, loss, wrt, kinks=kinks, seed=seed)
    notes = {key: network.graph[key] for key in ("kinks", "facts") if key in network.graph}
    gradients = {name: network.outputs[f"d_{name}"] for name in wrt}
    network = optimizer.extend(network, gradients)
    network.graph["outputs"] = outputs
    network = in_order(network, {node: network.stage(name) for name, node in network.items()})
    network.graph["rewrites"] = (*rewrites, *map(_by_fact, notes.get("facts", ())))
    network.graph["gradients"] = gradients
    network.graph.update(notes)
    return network


def _by_fact(note: tuple[str, str, str, str]) -> Rewrite:
    fact, tensor, law, adjoint = note
    return Rewrite(f"fact: {tensor} is {fact}", law, (adjoint,))


def tightened(network: Network) -> Network:
    """The network with what can be done outside of loops done there, in order of stages."""
    new = tighten(network)
    if new is network:
        return network
    return in_order(new, {node: new.stage(name) for name, node in new.items()})

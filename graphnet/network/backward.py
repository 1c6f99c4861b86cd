"""Reverse accumulation: a network and the adjoints of some of its tensors, as one network.

What reaches one tensor over several ways is added in one explicit node, `d_<name>`; contributions
that are pointwise are merged into that formula. Of a contribution that is only the upstream itself
no node is made: both names mean one node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Expr, S

from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.kinks import Kinks
from graphnet.network.contributions import Uniform
from graphnet.network.graph import Network
from graphnet.network.nodes import Node, show_shape, topological
from graphnet.network.reverse import Reverse

__all__ = ["AS_IN_GRAPHNET", "backward"]

AS_IN_GRAPHNET = Kinks("graphnet")


def backward(
    network: Network, output: str, wrt: Sequence[str], upstream: Node | None = None,
    kinks: Kinks = AS_IN_GRAPHNET, seed: Expr = S.One,
) -> Network:  # fmt: skip
    """The network with the adjoints of the tensors `wrt`: outputs "d_<name>" of the same shapes.

    Without an upstream the output must be 0-d, and its adjoint is the number `seed`, written
    into the formulas and is no node. With an upstream (of the output's shape) the adjoints are
    those of sum(upstream*output). A tensor on which the output does not depend has the adjoint 0.
    New nodes are in stage "backward" and in the layer of their forward node; a node called d_W
    before stays, the new one is d_W_2, and the output "d_W" is the new one. A Computed labelled
    "stop_gradient" passes nothing on. Slopes at kinks are as `kinks` says (formula/kinks.py);
    graph["kinks"] has that table's name and, for every node with a kink, its slope there in words;
    graph["facts"] has (fact, tensor, law, adjoint) of every declared fact that simplified one.

    Raises GraphnetError where a name is unknown, shapes do not fit, or a tensor is int or bool.

    >>> from graphnet.formula.parse import parse
    >>> from graphnet.network.nodes import Input
    >>> from graphnet.network.shapes import bind
    >>> a, b = Input(name="a", shape=(2, 3)), Input(name="b", shape=(3,))
    >>> (product,) = parse("y = Sum(a[i,k]*b[k], i, k)")
    >>> forward = Network.collect([bind(product, [a, b], name="y")])
    >>> print(backward(forward, "y", ["b"]).show("d_b"))
    d_b[k] = Sum(a[i,k], i)
    """
    target = _float_node(network, output)
    sources = [_float_node(network, name) for name in wrt]
    if upstream is None and target.shape != ():
        raise GraphnetError(
            f"{output} has shape {show_shape(target.shape)}; only a 0-d tensor has a gradient "
            "without an upstream: sum it, or give upstream="
        )
    if upstream is not None and (upstream.shape, upstream.dtype) != (target.shape, "float"):
        raise GraphnetError(
            f"the upstream of {output} must be float {show_shape(target.shape)}, not "
            f"{upstream.dtype} {show_shape(upstream.shape)}"
        )
    names = {node: name for name, node in network.items()}
    reverse = Reverse(topological([target]), names, kinks)
    found = reverse.run([(target, upstream or Uniform(seed))], sources)
    outputs = {f"d_{name}": found[s] for name, s in zip(wrt, sources, strict=True)}
    result = _collected(network, outputs, reverse.made_from)
    if reverse.at_kinks:
        before = dict(network.graph.get("kinks", ("", ()))[1])
        result.graph["kinks"] = (kinks.name, tuple((before | reverse.at_kinks).items()))
    called = {u.of: names.get(u.of, u.of.label) for u, _ in reverse.used}
    facts = [(u.fact, called[u.of], u.law.format(y=called[u.of]), node) for u, node in reverse.used]
    if facts:
        result.graph["facts"] = tuple(dict.fromkeys((*network.graph.get("facts", ()), *facts)))
    return result


def _float_node(network: Network, name: str) -> Node:
    if name not in network:
        raise GraphnetError(f"there is no node {told(name)}{did_you_mean(name, network)}")
    node = network.node(name)
    if node.dtype != "float":
        raise GraphnetTypeError(f"{name} is of dtype {node.dtype}: it has no gradient")
    return node


def _collected(
    network: Network, outputs: Mapping[str, Node], made_from: Mapping[Node, Node]
) -> Network:
    """The network with further outputs; new nodes lie in the layer of what they were made from."""
    by_key = {key: network.node(name) for key, name in network.outputs.items()} | dict(outputs)
    updates = {network.node(a): network.node(b) for a, b in network.updates.items()}
    names = {node: name for name, node in network.items()}
    old = [node for _, node in network.items()]
    new = topological([*by_key.values()], names)
    layers = {node: layer for node in old if (layer := network.layer(names[node])) is not None}
    for node in new:
        layer = layers.get(made_from.get(node, node))
        if layer is not None:
            layers[node] = layer
    stages = {node: network.stage(names[node]) for node in old}
    result = Network.collect(
        by_key, updates, names=names, stages=stages | dict.fromkeys(new, "backward"),
        layers=layers, extra=old,
    )  # fmt: skip
    result.take_notes(network)
    return result

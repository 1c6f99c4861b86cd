"""The table of a network: a row a layer, with its output and its parameters."""

from __future__ import annotations

import math

from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Parameter, show_shape

__all__ = ["summary"]


def summary(network: Network) -> str:
    """Layers in topological order; the totals count parameters, trained and not.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 4))
    >>> print(summary(gn.Model(x, gn.Dense(3)(x)).network()))
    layer    output             parameters
    x        x  (batch, 4)               0
    dense_1  Z1 (batch, 3)              15  W1 (4, 3), b1 (3,)
    15 parameters, 15 trained
    """
    rows = _rows(network)
    wide = max((len(output) for _, output, _ in rows), default=0)
    table = [("layer", "output", "parameters", "")]
    for layer, output, held in rows:
        shape = show_shape(network.node(output).shape)
        sizes = ", ".join(f"{name} {show_shape(p.shape)}" for name, p in held)
        count = sum(_size(p) for _, p in held)
        table.append((layer, f"{output:<{wide}} {shape}", f"{count:,}", sizes))
    widths = [max(len(row[k]) for row in table) for k in range(3)]
    w, v, n = widths
    lines = [f"{a:<{w}}  {b:<{v}}  {c:>{n}}  {d}".rstrip() for a, b, c, d in table]
    every = [p for _, p in network.of(Parameter)]
    total, trained = sum(map(_size, every)), sum(_size(p) for p in every if p.trainable)
    return "\n".join([*lines, f"{total:,} parameters, {trained:,} trained"])


def _rows(network: Network) -> list[tuple[str, str, list[tuple[str, Parameter]]]]:
    """(layer, its last node, its parameters); inputs and nodes of no layer stand for themselves."""
    found: dict[str, tuple[str, list[tuple[str, Parameter]]]] = {}
    for name, node in network.items():
        layer = network.layer(name)
        if layer is None and not isinstance(node, Input | Parameter):
            continue
        key = layer or name
        _, held = (
            found.pop(key, ("", []))
            if key in found and node.operands
            else (found.get(key, ("", [])))
        )
        if isinstance(node, Parameter):
            held = [*held, (name, node)]
        last = name if node.operands or key not in found else found[key][0]
        found[key] = (last, held)
    return [(layer, last, held) for layer, (last, held) in found.items()]


def _size(parameter: Parameter) -> int:
    return math.prod(e for e in parameter.shape if isinstance(e, int))

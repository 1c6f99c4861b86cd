"""The box of a tensor: its name, how it is made, and its shape."""

from __future__ import annotations

from typing import Any

from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Constant, Input, Order, Scan, show_shape
from graphnet.view.dot import Box
from graphnet.view.style import shorten
from graphnet.view.wrapping import wrap

__all__ = ["box", "definition", "number_of"]

_WIDE = 46  # characters in a line of a box; the whole of a formula is in the hover title
_LONGEST = 2000  # characters of a hover title


def box(
    network: Network, name: str, stage: str, id: str, *, told: str | None = None,
    kind: str | None = None, cluster: str | None = None, beside: str | None = None,
    heavy: bool = False,
) -> Box:  # fmt: skip
    """The box of a tensor; `told` says how it is made where that is not its definition."""
    node = network.node(name)
    shape = show_shape(node.shape) + ("" if node.dtype == "float" else f" {node.dtype}")
    told = definition(network, name) if told is None else told
    whole = f"{kind or node.kind} {name} {shape}" + (f": {told}" if told else "")
    return Box(
        id=id,
        lines=(shorten(name, _WIDE), *wrap(told, _WIDE, 4), shorten(shape, _WIDE)),
        kind=kind or node.kind,
        stage=stage,
        cluster=cluster,
        beside=beside,
        tip=shorten(whole, _LONGEST),
        heavy=heavy,
    )


def definition(network: Network, name: str) -> str:
    """How a node is computed, in Unicode; nothing for what is given."""
    node = network.node(name)
    if isinstance(node, Computed):
        from graphnet.formula.show import show

        return show(network.equation(name), style="unicode")
    if isinstance(node, Input) and node.distribution:
        return "~" + network.show(name).rpartition("~")[2]  # name and shape have lines of their own
    if isinstance(node, Scan | Order):
        return network.show(name)
    if isinstance(node, Constant) and not node.shape:
        return number_of(node)
    return ""


def number_of(node: Constant) -> str:
    """The number that a 0-d constant is."""
    array: Any = node.array
    return f"{array.array[()].item():.6g}"

"""Any node in one line of text."""

from __future__ import annotations

from graphnet.formula.extent import show_extent
from graphnet.formula.show import show
from graphnet.network.graph import Network
from graphnet.network.nodes import (
    Computed,
    Constant,
    Init,
    Input,
    Loop,
    Order,
    Parameter,
    Scan,
    show_shape,
)

__all__ = ["describe", "result_of"]


def describe(network: Network, name: str) -> str:
    """How a node is defined: the formula of a computed one, else its kind, name and shape.

    >>> network = Network.collect({"x": Input(name="x", shape=(2, 3))})
    >>> describe(network, "x")
    'input x (2, 3)'
    """
    node = network.node(name)
    dtype = "" if node.dtype == "float" else f" {node.dtype}"
    head = f"{node.kind} {name} {show_shape(node.shape)}{dtype}"
    match node:
        case Computed():
            return show(network.equation(name))
        case Input() if node.distribution is not None:
            args = ", ".join(f"{a:g}" for a in node.distribution.args)
            return f"{head} ~ {node.distribution.name}({args})"
        case Constant() if node.array.shape:
            return f"{head} {node.array.id[:12]}"
        case Order():
            return f"{name} = {node.op}({network.operands(name)[0]}, axis={node.axis})"
        case Scan():
            return _scan(network, name, node)
        case Parameter() if not node.trainable:
            return f"{head}, frozen, starts as {_init(node.init)}"
        case _ if (init := getattr(node, "init", None)) is not None:
            return f"{head} starts as {_init(init)}"
    return head


def _init(init: Init) -> str:
    args = ", ".join(f"{key}={value:g}" for key, value in init.args)
    return f"{init.name}({args})" if args else init.name


def _scan(network: Network, name: str, node: Scan) -> str:
    order = "backward " if node.loop.reverse else ""
    operands = ", ".join(network.operands(name))
    what = result_of(node.loop, node.result)
    return f"{name} = scan({operands}): {what}, {order}over {show_extent(node.loop.length)} steps"


def result_of(loop: Loop, result: tuple[str, int]) -> str:
    """What a result of a loop is, in words: the last h, every out, every h before its step."""
    kind, k = result
    if kind == "emit":
        return f"every {loop.emits[k]}"
    return (
        f"the last {loop.states[k]}"
        if kind == "last"
        else f"every {loop.states[k]} before its step"
    )

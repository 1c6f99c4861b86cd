"""Which tensors may share memory with which: what is moved but never computed."""

from __future__ import annotations

from sympy import Basic, Symbol

from graphnet.formula.formula import symbol_kind
from graphnet.formula.functions import where
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Scan

__all__ = ["sources"]


def sources(network: Network, name: str) -> frozenset[str]:
    """The nodes whose memory the array of a node may be a view of.

    A node with arithmetic in it is its own; a transpose, slice or selection has the sources of
    what it reads, and so may the result of a loop. Sources that are leaves (inputs, parameters,
    states, constants) must be copied before they leave a program or are overwritten.
    """
    found: set[str] = set()
    stack, seen = [name], {name}
    while stack:
        current = stack.pop()
        node = network.node(current)
        operands = network.operands(current)
        if isinstance(node, Scan):
            moved = list(operands)
            found.add(current)
        elif isinstance(node, Computed):
            moved = [operands[slot] for slot in _moved_slots(node)]
        else:
            moved = []
        if not moved:
            found.add(current)
        for operand in moved:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return frozenset(found)


def _moved_slots(node: Computed) -> list[int]:
    """The operands whose elements a formula only moves; none where it computes."""
    leaves: list[Basic] = []
    stack: list[Basic] = [node.formula.body]
    while stack:
        part = stack.pop()
        if isinstance(part, where):
            stack.extend(part.args[1:])
        else:
            leaves.append(part)
    holes = [s for s in leaves if isinstance(s, Symbol) and symbol_kind(s)[0] == "h"]
    if node.formula.reduce in ("Sum", "LogSumExp"):
        return []
    return sorted({node.formula.reads[symbol_kind(s)[1]].slot for s in holes})

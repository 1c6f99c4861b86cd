"""Which tensors have a gradient: those that some sources reach with a slope that is not 0."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from graphnet.formula.derive import slope
from graphnet.formula.formula import hole
from graphnet.network.nodes import Computed, Loop, Node, Scan

__all__ = ["STOP", "live", "live_states"]

STOP = "stop_gradient"  # the label of a Computed that passes no gradient on


def live(order: Iterable[Node], sources: Collection[Node]) -> set[Node]:
    """The nodes of a topological order whose slope along some source may differ from 0."""
    found = set(sources)
    for node in order:
        if node not in found and any(o in found for o in node.operands) and _passes(node, found):
            found.add(node)
    return found


def _passes(node: Node, found: Collection[Node]) -> bool:
    if node.dtype != "float":
        return False
    if isinstance(node, Computed):
        return node.label != STOP and any(
            node.operands[read.slot] in found and slope(node.formula.body, hole(k)) != 0
            for k, read in enumerate(node.formula.reads)
        )
    if isinstance(node, Scan):
        slots = tuple(k for k, o in enumerate(node.operands) if o in found)
        return node.result in live_results(node.loop, slots)
    return False


@lru_cache(maxsize=1024)
def live_states(loop: Loop, slots: tuple[int, ...]) -> tuple[frozenset[int], frozenset[Node]]:
    """States of a loop that live operands reach at some step, and the live nodes of its body."""
    inputs = [loop.body.node(n) for n in (*loop.states, *loop.sequences, *loop.constants)]
    order = [node for _, node in loop.body.items()]
    states = {k for k in slots if k < len(loop.states)}
    while True:  # a state may become live through another one, a step later
        reached = live(order, [inputs[k] for k in sorted({*slots, *states})])
        more = {i for i, c in enumerate(loop.carried) if loop.body.node(c) in reached}
        more = {i for i in more if inputs[i].dtype == "float"}
        if more <= states:
            return frozenset(states), frozenset(reached)
        states |= more


def live_results(loop: Loop, slots: tuple[int, ...]) -> frozenset[tuple[str, int]]:
    """The results of a loop that live operands reach."""
    states, reached = live_states(loop, slots)
    emits = [j for j, e in enumerate(loop.emits) if loop.body.node(e) in reached]
    return frozenset(
        [("last", i) for i in states]
        + [("before", i) for i in states]
        + [("emit", j) for j in emits]
    )

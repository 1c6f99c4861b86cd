"""What is remembered of the calls of layers, by the nodes that they gave.

So a Model plays its layers again, for training or not, knows which layer made a node, and finds
the states that are renewed on the way to a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from graphnet.network.nodes import Node, State, topological, with_operands
from graphnet.ops.tensor import Tensor

if TYPE_CHECKING:
    from graphnet.ops.layer import Layer

__all__ = [
    "Call", "Renewal", "count", "label", "layer_labels", "layers_before", "layers_of", "remember",
    "renew", "set_layer_labels", "updates_of", "with_training",
]  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A layer and what it was given; that and the parameters are all it may hold of the graph."""

    layer: Layer
    inputs: tuple[Node, ...]
    place: int = 0  # which of the layer's outputs, where it has several


CALLS: WeakKeyDictionary[Node, Call] = WeakKeyDictionary()  # by output; the outermost call wins
LABELS: WeakKeyDictionary[Node, str] = WeakKeyDictionary()  # node -> layer; the innermost wins
NUMBERS: WeakKeyDictionary[Node, int] = WeakKeyDictionary()  # by output: layers so far
Renewal = tuple[State, Node]  # a state and its new value
RENEWALS: WeakKeyDictionary[Node, tuple[Renewal, ...]] = WeakKeyDictionary()  # by output


def remember(output: Node, call: Call) -> None:
    """A layer gave this node when it was called."""
    CALLS[output] = call


def renew(output: Node, renewals: Sequence[Renewal]) -> None:
    """Every step that a node is a part of renews these states, after those it does already."""
    RENEWALS[output] = (*RENEWALS.get(output, ()), *renewals)


def label(output: Node, inputs: Sequence[Node], name: str) -> None:
    """Every node between the inputs and an output is of this layer, if of none inside it."""
    for node in topological([output], dict.fromkeys(inputs)):
        LABELS.setdefault(node, name)


def count(output: Node, number: int) -> None:
    """At least so many numbered layers lead to a node, unless it was told before how many."""
    NUMBERS.setdefault(output, max(layers_before(output), number))


def layers_before(node: Node) -> int:
    """How many numbered layers stand before a node: the largest number it depends on."""
    found, stack, seen = 0, [node], {node}
    while stack:
        at = stack.pop()
        if at in NUMBERS:
            found = max(found, NUMBERS[at])
            continue
        fresh = [o for o in at.operands if o not in seen]
        seen.update(fresh)
        stack += fresh
    return found


def layer_labels(nodes: Sequence[Node]) -> dict[Node, str]:
    """The label of the layer that made each node, for `Network.collect(layers=...)`."""
    return {node: LABELS[node] for node in topological(nodes) if node in LABELS}


def set_layer_labels(labels: Mapping[Node, str]) -> None:
    """Says which layers made nodes that were read from a file."""
    LABELS.update(labels)


def layers_of(outputs: Sequence[Tensor]) -> list[Layer]:
    """The layers whose calls lead to the outputs, each once, in topological order."""
    calls = (CALLS[node].layer for node in topological(t.node for t in outputs) if node in CALLS)
    return list(dict.fromkeys(calls))


def updates_of(outputs: Sequence[Tensor]) -> dict[Tensor, Tensor]:
    """The states that layers renew on the way to the outputs, with their new values.

    Where a state is renewed twice, the second formula reads what the first one gave.
    """
    new: dict[Node, Node] = {}
    for node in topological(t.node for t in outputs):
        for state, value in RENEWALS.get(node, ()):
            new[state] = _substituted(value, state, new[state]) if state in new else value
    return {Tensor(state): Tensor(value) for state, value in new.items()}


def _substituted(root: Node, old: Node, new: Node) -> Node:
    """The node with another in the place of one that it depends on."""
    moved: dict[Node, Node] = {old: new}
    for node in topological([root], moved):
        moved[node] = with_operands(node, [moved.get(o, o) for o in node.operands], name=None)
    return moved.get(root, root)


def with_training(outputs: Sequence[Tensor], training: bool) -> list[Tensor]:
    """The same tensors with every layer called again, for training or not.

    Inputs, parameters and states are the same nodes; layers keep their parameters.
    """
    new: dict[Node, Node] = {}
    played: dict[int, tuple[Tensor, ...]] = {}  # by the call: its outputs name one tuple of inputs
    for node in _outer_order([t.node for t in outputs]):
        call = CALLS.get(node)
        if call is not None:
            if id(call.inputs) not in played:
                given = [Tensor(new[o]) for o in call.inputs]
                played[id(call.inputs)] = call.layer._run(*given, training=training)
            new[node] = played[id(call.inputs)][call.place].node
            continue
        new[node] = with_operands(node, [new[o] for o in node.operands])
        if new[node] is not node and node in LABELS:
            LABELS[new[node]] = LABELS[node]
    return [Tensor(new[t.node]) for t in outputs]


def _outer_order(roots: Sequence[Node]) -> list[Node]:
    """Topological order of what stands outside layers: a call depends on its inputs alone."""
    order: list[Node] = []
    state: dict[Node, bool] = {}  # seen; True where done
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if state.get(node):
            stack.pop()
            continue
        call = CALLS.get(node)
        operands: Mapping[Node, None] = dict.fromkeys(call.inputs if call else node.operands)
        if node in state:
            state[node] = True
            order.append(node)
            stack.pop()
            continue
        state[node] = False
        stack += [o for o in operands if o not in state]
    return order

"""Which of the four stages a node belongs to: where a prediction ends and its loss begins.

What the caller asked for besides the loss is forward, and so is all it depends on. Where nothing
was asked for, the prediction is what a target is compared with: the first tensor, made with
parameters, that meets an input which no parameter has met.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphnet.formula import extent as ext
from graphnet.network.extents import named_sizes
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Input, Node, Parameter

__all__ = ["ancestors", "in_order", "part", "predictions", "staged"]


def staged(network: Network, predicted: Sequence[str], loss: str) -> Network:
    """The network with forward and loss told apart, and its nodes in the order of the stages.

    What only an update needs, as that of a running mean, stays in the stage it has.
    """
    ahead = ancestors(network, predicted)
    needed = ancestors(network, [loss])

    def stage(name: str) -> str:
        if name in ahead:
            return "forward"
        return "loss" if name in needed else network.stage(name)

    return in_order(network, {node: stage(name) for name, node in network.items()})


def in_order(network: Network, stage: dict[Node, str]) -> Network:
    """The network with new stages, its nodes sorted by stage (each still after its operands)."""
    rank = {name: k for k, name in enumerate(STAGES)}
    order = sorted((node for _, node in network.items()), key=lambda node: rank[stage[node]])
    layers = {n: layer for name, n in network.items() if (layer := network.layer(name)) is not None}
    result = Network.collect(
        {key: network.node(name) for key, name in network.outputs.items()},
        {network.node(a): network.node(b) for a, b in network.updates.items()},
        names={node: name for name, node in network.items()},
        stages=stage, layers=layers, extra=order,
    )  # fmt: skip
    result.take_notes(network)
    return result


def predictions(network: Network, outputs: Sequence[str], loss: str) -> list[str]:
    """The nodes that forward returns: see the module's docstring."""
    learned = _descendants(network, [name for name, _ in network.of(Parameter)])
    targets = _targets(network, learned)
    judged = _descendants(network, targets)
    asked = [name for name in outputs if name != loss and name not in judged]
    if asked:
        return list(dict.fromkeys(asked))
    needed = ancestors(network, [loss])
    met = [
        o for name in network.nodes if name in judged and name in needed
        for o in network.operands(name) if o in learned and o not in judged
        and not isinstance(network.node(o), Parameter)
    ]  # fmt: skip
    several = set(met)
    first = [o for o in dict.fromkeys(met) if ancestors(network, [o]) & several == {o}]
    return first or [loss]


def part(network: Network, names: Sequence[str]) -> Network:
    """What some nodes of a network depend on, under the same names and stages.

    A named size that no input among them has is known by an input of the whole network.
    """
    kept = ancestors(network, names)
    missing = set(named_sizes(map(network.node, kept)))
    given = [(name, node) for name, node in network.of(Input) if node.distribution is None]
    for name, node in sorted(given, key=lambda item: item[0] not in kept):
        found = missing & {ext.show_extent(e) for e in node.shape}
        if name in kept or found:
            kept.add(name)
            missing -= found
    return Network.collect(
        {name: network.node(name) for name in names},
        names={network.node(name): name for name in network.nodes if name in kept},
        stages={network.node(name): network.stage(name) for name in kept},
        extra=[node for name, node in network.items() if name in kept],
    )


def ancestors(network: Network, names: Iterable[str]) -> set[str]:
    """The nodes that some nodes depend on, themselves included."""
    found = set(names)
    stack = list(found)
    while stack:
        for operand in network.operands(stack.pop()):
            if operand not in found:
                found.add(operand)
                stack.append(operand)
    return found


def _descendants(network: Network, names: Iterable[str]) -> set[str]:
    """The nodes that depend on some nodes, themselves included."""
    found = set(names)
    for name in network.nodes:
        if any(o in found for o in network.operands(name)):
            found.add(name)
    return found


def _targets(network: Network, learned: set[str]) -> list[str]:
    """The inputs that meet no parameter itself, only what was computed with parameters."""
    result = []
    parameters = {name for name, _ in network.of(Parameter)}
    for name, node in network.of(Input):
        if node.distribution is not None:
            continue
        own = _descendants_without(network, name, learned)
        readers = [n for n in network.nodes if n in learned and own & {*network.operands(n)}]
        meets = [{*network.operands(n)} & learned for n in readers]
        if readers and all(m and not m & parameters for m in meets):
            result.append(name)
    return result


def _descendants_without(network: Network, name: str, learned: set[str]) -> set[str]:
    """An input and what is computed from it and other data alone, such as its one-hot rows."""
    found = {name}
    for other in network.nodes:
        if other not in learned and any(o in found for o in network.operands(other)):
            found.add(other)
    return found

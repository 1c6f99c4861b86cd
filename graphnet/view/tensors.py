"""Network -> Diagram with a box for every tensor: its name, its formula and its shape."""

from __future__ import annotations

from graphnet.errors import GraphnetError
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Computed, Input, Order, Scan, show_shape
from graphnet.view.dot import Arrow, Box, Diagram
from graphnet.view.style import shorten, wrap

__all__ = ["LEVELS", "PICTURES", "homes", "shown", "tensor_diagram"]

PICTURES = (*STAGES, "all")
LEVELS = ("layers", "tensors", "neurons")
_WIDE = 46  # characters in a line of a box; the whole of a formula is in the hover title
_LONGEST = 2000  # characters of a hover title


def shown(network: Network, stage: str) -> list[str]:
    """The names that a picture of a stage shows, in topological order.

    The backward pass is drawn beside the forward pass it belongs to; loss and update are drawn
    with the tensors they read. Raises GraphnetError where the network has no such stage.
    """
    names = list(network)
    if stage == "all":
        return names
    if stage == "backward":
        wanted = {n for n in names if network.stage(n) != "update"}
    else:
        wanted = {n for n in names if network.stage(n) == stage}
    if not any(network.stage(n) == stage for n in names):
        have = ", ".join(s for s in STAGES if any(network.stage(n) == s for n in names))
        raise GraphnetError(f"this network has no {stage} stage, only {have or 'nothing'}")
    if stage == "forward":  # without the labels, which only the loss reads
        read = {o for n in wanted for o in network.operands(n)} | set(network.outputs.values())
        loose = {n for n in wanted if not network.node(n).operands and n not in read}
        wanted = (wanted - loose) or wanted
    if stage in ("loss", "update"):
        wanted |= {o for n in names if n in wanted for o in network.operands(n)}
    if stage == "update":
        wanted |= {old for old, new in network.updates.items() if new in wanted}
    return [n for n in names if n in wanted]


def tensor_diagram(network: Network, stage: str) -> Diagram:
    """The picture of a stage, a box a tensor; layers are clusters."""
    names = shown(network, stage)
    diagram = Diagram(f"{stage}: {len(names)} tensors")
    here, outputs, home = set(names), set(network.outputs.values()), homes(network)
    for name in names:
        cluster = home[name]
        if cluster is not None:
            diagram.clusters.setdefault(cluster, cluster)
        diagram.boxes.append(_box(network, name, cluster, name in outputs))
    for name in names:
        at = network.stage(name)
        for operand in network.operands(name):
            if operand in here:
                same = network.stage(operand) == at
                crosses = at == "backward" and not same
                diagram.arrows.append(
                    Arrow(
                        operand, name, at, up=at == "backward" and same, free=crosses,
                        style="dashed" if crosses else "solid",
                    )
                )  # fmt: skip
    for old, new in network.updates.items():
        if old in here and new in here:
            diagram.arrows.append(Arrow(new, old, "update", style="dotted", free=True))
    return diagram


def homes(network: Network) -> dict[str, str | None]:
    """Tensor -> the layer it is drawn in; what updates the parameters of a layer is at home there.

    Loss tensors that belong to no layer are at home in "loss".
    """
    home = {
        n: network.layer(n) or ("loss" if network.stage(n) == "loss" else None) for n in network
    }
    for old, new in network.updates.items():
        if network.stage(new) == "update":
            home[new] = home[new] or home[old]
    readers: dict[str, set[str | None]] = {n: set() for n in network}
    for name in reversed(list(network)):
        late = network.stage(name) in ("backward", "update")
        if home[name] is None and late and len(readers[name]) == 1:
            (home[name],) = readers[name]
        for operand in network.operands(name):
            readers[operand].add(home[name])
    return home


def _box(network: Network, name: str, cluster: str | None, heavy: bool) -> Box:
    node = network.node(name)
    shape = show_shape(node.shape) + ("" if node.dtype == "float" else f" {node.dtype}")
    told = _definition(network, name)
    stage = network.stage(name)
    base = name.removeprefix("d_")
    return Box(
        id=name,
        lines=(shorten(name, _WIDE), *wrap(told, _WIDE, 3), shorten(shape, _WIDE)),
        kind=node.kind,
        stage=stage,
        cluster=cluster,
        beside=base if stage == "backward" and base != name and base in network else None,
        tip=shorten(f"{node.kind} {name} {shape}" + (f": {told}" if told else ""), _LONGEST),
        heavy=heavy,
    )


def _definition(network: Network, name: str) -> str:
    """How a node is computed, in Unicode; nothing for what is given."""
    node = network.node(name)
    if isinstance(node, Computed):
        from graphnet.formula.show import show

        return show(network.equation(name), style="unicode")
    if isinstance(node, Input) and node.distribution:
        return "~" + network.show(name).rpartition("~")[2]  # name and shape have lines of their own
    if isinstance(node, Scan | Order):
        return network.show(name)
    return ""

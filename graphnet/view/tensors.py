"""Network -> Diagram with a box for every tensor: its name, its formula and its shape."""

from __future__ import annotations

from graphnet.errors import GraphnetError
from graphnet.network.graph import STAGES, Network
from graphnet.view.dot import Arrow, Diagram
from graphnet.view.steps import Scope, add_arrows, add_boxes, opened

__all__ = ["LEVELS", "PICTURES", "homes", "shown", "tensor_diagram"]

PICTURES = (*STAGES, "all")
LEVELS = ("layers", "tensors", "neurons")


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


def tensor_diagram(network: Network, stage: str, steps: bool = True) -> Diagram:
    """The picture of a stage, a box a tensor; layers are clusters, and so is a recurrence's step.

    Without `steps` a recurrence is boxes of what comes out of it.
    """
    names = shown(network, stage)
    diagram = Diagram(f"{stage}: {len(names)} tensors")
    home = homes(network)
    for name in names:
        if (cluster := home[name]) is not None:
            diagram.clusters.setdefault(cluster, cluster)
    whole = Scope(
        network, {n: home[n] for n in names}, {n: network.stage(n) for n in network},
        {n: n for n in names}, outputs=set(network.outputs.values()),
    )  # fmt: skip
    add_boxes(diagram, whole, opened(whole, _stages(stage)) if steps else {})
    add_arrows(diagram, whole)
    for old, new in network.updates.items():
        if old in whole.ids and new in whole.ids:
            diagram.arrows.append(Arrow(new, old, "update", style="dotted", free=True))
    return diagram


def _stages(stage: str) -> tuple[str, ...]:
    """The stages that a picture is of; of others it has only what these read."""
    return {"all": STAGES, "backward": STAGES[:3]}.get(stage, (stage,))


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

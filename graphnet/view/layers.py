"""Network -> Diagram with a box for every layer: output shape and number of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Loop, Parameter, Scan, State, show_shape
from graphnet.network.runs import Run, run_stages
from graphnet.view.dot import Arrow, Box, Diagram
from graphnet.view.steps import times
from graphnet.view.style import shorten
from graphnet.view.tensors import homes, shown

__all__ = ["layer_diagram", "owners"]

_WIDE = 46  # characters in a line of a box
_LONGEST = 2000  # characters of a hover title


def layer_diagram(network: Network, stage: str) -> Diagram:
    """The picture of a stage, a box a layer and one for the loss; inputs stand alone."""
    names = shown(network, stage)
    if stage == "forward" and any(network.stage(n) == "loss" for n in network):
        names = [n for n in network if network.stage(n) in ("forward", "loss")]
    owner = owners(network, names)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(owner[name], []).append(name)
    diagram = Diagram(f"{stage}: {len(groups)} boxes")
    shapes = {
        home: _shape(network, n) for n, home in homes(network).items()
        if home is not None and network.stage(n) == "forward" and network.operands(n)
    }  # fmt: skip
    diagram.boxes = [
        _box(network, key, members, shapes.get(key, "")) for key, members in groups.items()
    ]
    stages = {box.id: box.stage for box in diagram.boxes}
    seen: set[tuple[str, str]] = set()
    for name in names:
        for operand in network.operands(name):
            tail, head = owner.get(operand), owner[name]
            if tail is None or tail == head or (tail, head) in seen:
                continue
            seen.add((tail, head))
            diagram.arrows.append(_arrow(tail, head, stages[tail], stages[head]))
    diagram.arrows += _rounds(network, names, owner)
    return diagram


def _rounds(network: Network, names: list[str], owner: Mapping[str, str]) -> list[Arrow]:
    """From every box that holds a recurrence an arrow to itself."""
    runs = run_stages(network, {name: network.stage(name) for name in network})
    found: dict[str, Loop] = {}
    for name in names:
        node = network.node(name)
        if isinstance(node, Scan) and runs[Run.of(node)] == network.stage(name):
            found.setdefault(owner[name], node.loop)
    return [
        Arrow(box, box, "time", style="time", free=True, label=times(loop))
        for box, loop in found.items()
    ]  # fmt: skip


def _arrow(tail: str, head: str, first: str, then: str) -> Arrow:
    crosses = then == "backward" and first != then
    return Arrow(
        tail, head, then, up=then == "backward" == first, free=crosses,
        style="dashed" if crosses else "solid",
    )  # fmt: skip


def owners(network: Network, names: list[str]) -> dict[str, str]:
    """Tensor -> box: its layer at its stage, the loss, or itself."""
    owner: dict[str, str] = {}
    home = homes(network)
    for name in names:
        stage, layer = network.stage(name), home[name]
        if layer is not None:
            owner[name] = layer if stage in ("forward", "loss") else f"{layer} {stage}"
        else:
            owner[name] = name if stage == "forward" else stage
    # The results of a recurrence of its own are one box.
    first: dict[Run, str] = {}
    for name in names:
        node = network.node(name)
        if owner[name] == name and isinstance(node, Scan):
            owner[name] = first.setdefault(Run.of(node), name)
    # What only one box reads, a mask or a table of constants, belongs to it.
    readers: dict[str, set[str]] = {}
    for name in names:
        for operand in network.operands(name):
            readers.setdefault(operand, set()).add(owner[name])
    for name in names:
        node, boxes = network.node(name), readers.get(name, set())
        loose = owner[name] == name and isinstance(node, Constant | Parameter | State)
        if loose and len(boxes) == 1:
            owner[name] = next(iter(boxes))
    return owner


def _stage(network: Network, members: list[str]) -> str:
    """A box is drawn as what is computed in it."""
    computed = [n for n in members if network.node(n).operands] or members
    return network.stage(computed[-1])


def _shape(network: Network, name: str) -> str:
    node = network.node(name)
    return show_shape(node.shape) + ("" if node.dtype == "float" else f" {node.dtype}")


def _box(network: Network, key: str, members: list[str], shape: str) -> Box:
    stage = _stage(network, members)
    alone = members == [key]
    results = [n for n in members if isinstance(network.node(n), Scan)]
    lines = [shorten(key, _WIDE)]
    if key in results and len(results) > 1:
        lines = ["scan", *_some([f"{n} {_shape(network, n)}" for n in results])]
    elif stage == "update":
        lines += _some([f"{old} ← {new}" for old, new in network.updates.items() if new in members])
    elif stage == "backward":
        lines += _some([f"{n} {_shape(network, n)}" for n in _gradients(network, members)])
    else:
        lines.append(shape or _shape(network, members[-1]))
    count = sum(prod(_sizes(p)) for n in members if isinstance(p := network.node(n), Parameter))
    if stage in ("forward", "loss") and count and not alone:
        lines.append(f"{count:,} parameter{'s' if count > 1 else ''}")
    tip = f"{key}: {', '.join(members[:40])}{', …' if len(members) > 40 else ''}"
    tip = shorten(tip, _LONGEST)
    return Box(
        id=key, lines=tuple(lines), kind=network.node(key).kind if alone else "layer",
        stage=stage, tip=tip, beside=key.removesuffix(" backward") if stage == "backward" else None,
        heavy=bool(set(members) & set(network.outputs.values())) and stage == "loss",
    )  # fmt: skip


def _sizes(node: Parameter) -> list[int]:
    return [e for e in node.shape if isinstance(e, int)]


def _gradients(network: Network, members: list[str]) -> list[str]:
    """The adjoints of parameters among a box's tensors."""
    parameters = {f"d_{name}" for name, _ in network.of(Parameter)}
    return [n for n in members if n in parameters]


def _some(lines: list[str], most: int = 8) -> list[str]:
    """At most `most` lines, the last of which says how many more there are."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"… and {len(lines) - most + 1} more"]

"""The chapters of a lesson, one a stage, and their steps, one a tensor or one a layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphnet.errors import GraphnetError
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Computed, Constant, Input, Node, Order, Parameter, Scan, State
from graphnet.network.runs import Run, run_stages
from graphnet.view.dot import Diagram
from graphnet.view.folding import fold
from graphnet.view.layers import layer_diagram, owners
from graphnet.view.tensors import homes, shown, tensor_diagram

__all__ = ["COMPUTED", "LEVELS", "Chapter", "Step", "chapters"]

LEVELS = ("auto", "tensors", "layers")
COMPUTED = (Computed, Scan, Order)
_STEPS = 150  # of a lesson with a step a tensor
_MOST = 400  # of any lesson


@dataclass(frozen=True)
class Step:
    """One step: what it computes."""

    number: int
    stage: str
    title: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Chapter:
    """A stage: its picture and its steps."""

    stage: str
    diagram: Diagram
    steps: tuple[Step, ...]
    owner: Mapping[str, str]  # tensor -> the box that stands for it

    def boxes(self, nodes: Iterable[str]) -> set[str]:
        """The boxes of its picture that stand for tensors, of loops also those of their steps."""
        wanted = set(nodes)
        found = {self.owner[n] for n in wanted if n in self.owner}
        for box in self.diagram.boxes:
            cluster = box.cluster
            while cluster is not None:
                if cluster.removesuffix(" step") in wanted and cluster not in wanted:
                    found.add(box.id)
                cluster = self.diagram.inside.get(cluster)
        return found


def chapters(network: Network, level: str) -> tuple[str, tuple[Chapter, ...]]:
    """The level that was asked for, or the one that a page can hold, and the chapters.

    Raises GraphnetError where no page can hold it.
    """
    groups = {name: _by_tensors(network) if name == "tensors" else _by_layers(network)
              for name in (("tensors", "layers") if level == "auto" else (level,))}  # fmt: skip
    told = ""
    for name, steps in groups.items():
        count = sum(map(len, steps.values())) + 1
        if count > (_STEPS if level == "auto" and name == "tensors" else _MOST):
            told = f"{count:,} steps"
            continue
        diagrams = {s: _diagram(network, s, name) for s in steps}
        if level != "tensors" and any(fold(d) is not d for d in diagrams.values()):
            told = f"a picture of {max(len(d.boxes) for d in diagrams.values()):,} boxes"
            continue
        return name, _numbered(network, steps, diagrams, name)
    hint = 'ask for level="layers"' if level == "tensors" else "show a part of it"
    raise GraphnetError(
        f"this lesson would have {told}, more than anyone steps through (the most are {_MOST}): "
        f"{hint}"
    )


def _diagram(network: Network, stage: str, level: str) -> Diagram:
    return (layer_diagram if level == "layers" else tensor_diagram)(network, stage)


Groups = dict[str, list[tuple[str, tuple[str, ...]]]]  # stage -> (title, nodes) of its steps


def _by_tensors(network: Network) -> Groups:
    """A step for every tensor; results of one run of a loop are one step."""
    found: dict[str, dict[object, list[str]]] = {}
    for name, node, stage in _computed(network):
        run = Run.of(node) if isinstance(node, Scan) else name
        found.setdefault(stage, {}).setdefault(run, []).append(name)
    return {
        stage: [(nodes[0], tuple(nodes)) for nodes in found[stage].values()]
        for stage in STAGES if stage in found
    }  # fmt: skip


def _computed(network: Network) -> Iterator[tuple[str, Node, str]]:
    """(name, node, stage) of what is computed, results of a loop at the stage that runs it."""
    stages = {name: network.stage(name) for name in network}
    runs = run_stages(network, stages)
    for name, node in network.of(*COMPUTED):
        yield name, node, runs[Run.of(node)] if isinstance(node, Scan) else stages[name]


def _by_layers(network: Network) -> Groups:
    """A step for every layer at its stage; what is in no layer is one step for each tensor."""
    found: dict[str, dict[str, list[str]]] = {}
    home = homes(network)
    for name, _, stage in _computed(network):
        box = home[name] or (name if stage == "forward" else stage)
        found.setdefault(stage, {}).setdefault(box, []).append(name)
    return {
        stage: [(box, tuple(nodes)) for box, nodes in found[stage].items()]
        for stage in STAGES if stage in found
    }  # fmt: skip


def _numbered(
    network: Network, groups: Groups, diagrams: Mapping[str, Diagram], level: str
) -> tuple[Chapter, ...]:
    """Chapters whose steps are numbered from 1, the first of which is what is given."""
    made: list[Chapter] = []
    given = tuple(n for n, _ in network.of(Input, Parameter, State, Constant))
    number = 0
    for stage, steps in groups.items():
        diagram = diagrams[stage]
        owner = _boxes(network, stage, level, diagram)
        listed: list[Step] = []
        for title, nodes in [*([("what is given", given)] * (not made)), *steps]:
            number += 1
            listed.append(Step(number, stage, title, nodes))
        made.append(Chapter(stage, diagram, tuple(listed), owner))
    return tuple(made)


def _boxes(network: Network, stage: str, level: str, diagram: Diagram) -> dict[str, str]:
    """Tensor -> the box of the picture that stands for it."""
    if level == "tensors":
        return {box.id: box.id for box in diagram.boxes}
    names = shown(network, stage)
    if stage == "forward":
        names = [n for n in network if network.stage(n) in ("forward", "loss")]
    return owners(network, names)

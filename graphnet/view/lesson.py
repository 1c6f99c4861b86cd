"""gn.lesson: one page on which a student steps through one step of training, on real numbers.

A lesson has a chapter for each stage and a step for each tensor (for each layer, where a network
has many tensors): its formula, the same in numbers, its value, and the lines of NumPy that it
became. `view/lesson_page` writes it as HTML.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import one_of, text, whole
from graphnet.arguments import path as file_name
from graphnet.compiler.program import Program
from graphnet.compiler.traced import Traced, traced
from graphnet.errors import GraphnetError
from graphnet.files import require_writable, write_file
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Computed, Constant, Input, Node, Order, Parameter, Scan, State
from graphnet.network.runs import Run, run_stages
from graphnet.ops.array import arrays_given
from graphnet.training.watch import watch
from graphnet.view.dot import Diagram
from graphnet.view.folding import fold
from graphnet.view.layers import layer_diagram, owners
from graphnet.view.style import clean
from graphnet.view.subject import network_of
from graphnet.view.tensors import homes, shown, tensor_diagram
from graphnet.view.work import complete

__all__ = ["Chapter", "Lesson", "Step", "lesson", "lesson_of"]

LEVELS = ("auto", "tensors", "layers")
_STEPS = 150  # of a lesson with a step a tensor
_MOST = 400  # of any lesson
_ROWS = {"tensors": 3, "layers": 1}  # elements in numbers
_COMPUTED = (Computed, Scan, Order)

Arrays = Mapping[str, NDArray[Any]]


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


@dataclass(frozen=True)
class Lesson:
    """All that a page tells of one step of training."""

    title: str
    network: Network
    arrays: Arrays
    source: Traced
    chapters: tuple[Chapter, ...]
    most: int
    level: str = "tensors"
    note: str = ""
    home: dict[str, int] = field(default_factory=dict)  # tensor -> the step that computes it


def lesson(
    what: Any, values: Mapping[str, Any], path: str | os.PathLike[str], *, title: str = "",
    most: int | None = None, level: str = "auto", note: str = "",
) -> str:  # fmt: skip
    """Writes one HTML file that steps through what a program or a compiled model does once.

    `what` is that of `gn.work`, and so are `values`, arrays by name; a program and a model have
    parameters and states of their own. Forward, loss, backward and update are chapters. Each step
    shows its formula, the same in numbers for the first `most` elements, its value, in backward
    the local derivatives and what they are multiplied with, in update old and new values, and the
    lines of the plain source that compute it. Nothing is trained: the numbers are computed in
    float64 from parameters and states as they are.

    `level` is "tensors" (a step a tensor, of 3 elements in numbers), "layers" (a step a layer and
    stage, of 1), or "auto": layers where there are more than 150 tensors or a picture that no page
    holds. `title` and `note` are text at its top. The file needs nothing beside itself and no
    network; without scripts all steps stand below one another.
    Returns the path. Raises GraphnetError where a value is missing or does not fit, where nothing
    is computed or there are more than 400 steps, and GraphnetFileError where the file cannot be
    written.

    >>> import graphnet as gn, os, tempfile
    >>> x, w = gn.input("x", (2,)), gn.parameter("w", (2,))
    >>> loss = gn.sum((w * x - 1) ** 2).rename("loss")
    >>> step = gn.training_step([x], loss, gn.SGD(lr=0.1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = gn.lesson(step, {"x": [1.0, 2.0]}, os.path.join(folder, "lesson.html"))
    ...     print(os.path.basename(path))
    lesson.html
    """
    from graphnet.view.lesson_page import lesson_page

    target = file_name("path", path)
    require_writable(target)
    made = lesson_of(what, values, title=title, most=most, level=level, note=note)
    write_file(target, lesson_page(made))
    return target


def lesson_of(
    what: Any, values: Mapping[str, Any], *, title: str = "", most: int | None = None,
    level: str = "auto", note: str = "",
) -> Lesson:  # fmt: skip
    """The lesson of what `lesson` takes, not yet a page."""
    title, note = clean(text("title", title)), clean(text("note", note))
    most = None if most is None else whole("most", most, 1, 50)
    one_of("level", level, LEVELS)
    program = what.step if callable(getattr(what, "network", None)) else what
    network = network_of(what, "all")
    if not network.of(*_COMPUTED):
        raise GraphnetError("nothing is computed here, so there is no step to show")
    given = _held(program) | arrays_given(values)
    inputs, outputs = [n for n, i in network.of(Input) if i.distribution is None], None
    dtype = "float32"
    if isinstance(program, Program):
        inputs, outputs, dtype = list(program.inputs), list(program.outputs), program.dtype
    source = traced(network, inputs, outputs or [*network.outputs.values()], dtype)
    level, chapters = _chapters(network, level)
    home = {name: s.number for c in chapters for s in c.steps for name in s.nodes}
    return Lesson(
        title or "One step of training", network, values_of(network, complete(network, given)),
        source, chapters, most or _ROWS[level], level, note, home,
    )  # fmt: skip


def _held(what: Any) -> dict[str, Any]:
    """The parameters and states that a program has."""
    if not isinstance(what, Program):
        return {}
    names = set(what.network)
    held = {**what.parameters, **what.states}
    return {name: array for name, array in held.items() if name in names}


def values_of(network: Network, given: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Every tensor of a network, computed by its plain program in float64."""
    names = {kind: [n for n, _ in network.of(kind)] for kind in (Input, Parameter, State)}
    wrong = [name for name in given if not any(name in held for held in names.values())]
    if wrong:
        network.node(wrong[0])  # says what it may have meant
        raise GraphnetError(f"{wrong[0]} is computed, its value is not given")
    program = watch(
        network, names[Input], {n: given[n] for n in names[Parameter]},
        {n: given[n] for n in names[State]}, "float64",
    )  # fmt: skip
    results = program(*(given[n] for n in names[Input]))
    arrays = {n: np.asarray(node.array.array) for n, node in network.of(Constant)}
    for name in (n for held in names.values() for n in held):
        node = network.node(name)
        arrays[name] = np.asarray(given[name], float if node.dtype == "float" else None)
    return arrays | {n: np.asarray(a) for n, a in zip(program.outputs, results, strict=True)}


# -- chapters and steps --------------------------------------------------------------------------


def _chapters(network: Network, level: str) -> tuple[str, tuple[Chapter, ...]]:
    """The level that was asked for, or the one that a page can hold, and the chapters."""
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
    for name, node in network.of(*_COMPUTED):
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
    chapters: list[Chapter] = []
    given = tuple(n for n, _ in network.of(Input, Parameter, State, Constant))
    number = 0
    for stage, steps in groups.items():
        diagram = diagrams[stage]
        owner = _boxes(network, stage, level, diagram)
        listed: list[Step] = []
        for title, nodes in [*([("what is given", given)] * (not chapters)), *steps]:
            number += 1
            listed.append(Step(number, stage, title, nodes))
        chapters.append(Chapter(stage, diagram, tuple(listed), owner))
    return tuple(chapters)


def _boxes(network: Network, stage: str, level: str, diagram: Diagram) -> dict[str, str]:
    """Tensor -> the box of the picture that stands for it."""
    if level == "tensors":
        return {box.id: box.id for box in diagram.boxes}
    names = shown(network, stage)
    if stage == "forward":
        names = [n for n in network if network.stage(n) in ("forward", "loss")]
    return owners(network, names)

"""gn.lesson: one page on which a student steps through one step of training, on real numbers.

A lesson has a chapter for each stage and a step for each tensor (for each layer, where a network
has many tensors): its formula, the same in numbers, its value, and the lines of NumPy that it
became. `view/lesson_page` writes it as HTML.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
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
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Input, Parameter, State
from graphnet.ops.array import arrays_given
from graphnet.training.watch import watch
from graphnet.view.chapters import COMPUTED, LEVELS, Chapter, chapters
from graphnet.view.style import clean
from graphnet.view.subject import network_of
from graphnet.view.work import complete

__all__ = ["Lesson", "lesson", "lesson_of"]

_ROWS = {"tensors": 3, "layers": 1}  # elements in numbers
Arrays = Mapping[str, NDArray[Any]]


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
    if not network.of(*COMPUTED):
        raise GraphnetError("nothing is computed here, so there is no step to show")
    given = _held(program) | arrays_given(values)
    inputs, outputs = [n for n, i in network.of(Input) if i.distribution is None], None
    dtype = "float32"
    if isinstance(program, Program):
        inputs, outputs, dtype = list(program.inputs), list(program.outputs), program.dtype
    source = traced(network, inputs, outputs or [*network.outputs.values()], dtype)
    level, made = chapters(network, level)
    home = {name: s.number for c in made for s in c.steps for name in s.nodes}
    return Lesson(
        title or "One step of training", network, values_of(network, complete(network, given)),
        source, made, most or _ROWS[level], level, note, home,
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

"""The page of a lesson: one HTML file, its style, script, font and pictures inside it.

jinja2 escapes everything; only drawings, which `view/engine` made well-formed, and MathML, which
`view/typeset` made of known tags, go in as they are. The page's policy allows one script, by its
hash, and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

import graphnet
from graphnet.network.nodes import Input, Node, Parameter
from graphnet.view.chapters import Chapter, Step
from graphnet.view.lesson import Lesson
from graphnet.view.lesson_parts import Given, Parts
from graphnet.view.marked import marked
from graphnet.view.page import TEXTS, inline, points

__all__ = ["lesson_page"]

_BRIEF = 40  # tensors that are given: of more, only small ones are shown as tables

_KINDS = ("inputs", "random draws", "parameters", "frozen parameters", "states", "constants")

_INTRO = TEXTS | {
    "loss": "One number for the whole batch that says how wrong the prediction is.",
    "backward": "From the loss back to every parameter. d_Z, typeset as a letter with a bar, is "
    "the slope of the loss with respect to Z: the local derivative times what arrives (red).",
    "update": "The optimizer makes a new value of every parameter of the old one and its slope.",
}


def lesson_page(lesson: Lesson) -> str:
    """The HTML text of a lesson."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("graphnet.view"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = _file("lesson.js")
    pages = _Pages(lesson)
    return environment.get_template("lesson.html.j2").render(
        lesson=lesson,
        chapters=[pages.chapter(c) for c in lesson.chapters],
        count=sum(len(c.steps) for c in lesson.chapters),
        source=list(enumerate(lesson.source.text.split("\n"), 1)),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=Markup(_file("lesson.css")),
        font=_font(),
        version=graphnet.__version__,
    )


def _file(name: str) -> str:
    return (resources.files("graphnet.view") / "templates" / name).read_text(encoding="utf-8")


@cache
def _font() -> str:
    data = (resources.files("graphnet.view") / "fonts" / "STIXTwoMath-subset.woff2").read_bytes()
    return base64.b64encode(data).decode()


class _Pages:
    """What the template is given of chapters and steps."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson, self.network = lesson, lesson.network
        self.parts = Parts(lesson)
        self.rows = lesson.source.text.split("\n")

    def chapter(self, chapter: Chapter) -> dict[str, Any]:
        number = {box.id: k for k, box in enumerate(chapter.diagram.boxes)}
        every = (step for c in self.lesson.chapters for step in c.steps)
        steps = {box: step.number for step in every for box in chapter.boxes(step.nodes)}
        svg = marked(chapter.diagram, steps)
        return {
            "stage": chapter.stage,
            "intro": _INTRO[chapter.stage],
            "svg": Markup(inline(svg, chapter.stage)),
            "width": f"{points('width', svg):.0f}",
            "steps": [self.step(chapter, step, number) for step in chapter.steps],
        }

    def step(self, chapter: Chapter, step: Step, number: dict[str, int]) -> dict[str, Any]:
        reads = dict.fromkeys(o for n in step.nodes for o in self.network.operands(n))
        reads = {o: None for o in reads if o not in step.nodes}
        given = step.number == 1
        now = chapter.boxes(step.nodes)
        lines = {k for n in step.nodes for k in self.lesson.source.lines.get(n, ())}
        return {
            "number": step.number,
            "title": step.title,
            "given": self.kinds(step.nodes) if given else [],
            "brief": len(step.nodes) > _BRIEF,
            "now": _words(number[b] for b in now),
            "reads": _words(number[b] for b in chapter.boxes(reads) - now),
            "operands": [self.parts.given(n) for n in reads],
            "parts": [] if given else list(self.parts.of(step.nodes)),
            "lines": [(k, self.rows[k - 1]) for k in sorted(lines)],
            "several": len(step.nodes) > 1,
        }

    def kinds(self, names: tuple[str, ...]) -> list[tuple[str, list[Given]]]:
        """What is given, by kind."""
        found: dict[str, list[Given]] = {}
        for name in names:
            found.setdefault(_kind(self.network.node(name)), []).append(self.parts.given(name))
        return [(word, found[word]) for word in _KINDS if word in found]


def _kind(node: Node) -> str:
    if isinstance(node, Input):
        return _KINDS[0] if node.distribution is None else _KINDS[1]
    if isinstance(node, Parameter):
        return _KINDS[2] if node.trainable else _KINDS[3]
    return f"{node.kind}s"


def _words(numbers: Iterable[int]) -> str:
    return " ".join(map(str, sorted(numbers)))

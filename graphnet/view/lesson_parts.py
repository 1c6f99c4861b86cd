"""What the page of a lesson is given of tensors: formulas and numbers typeset, arrays as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from numpy.typing import NDArray

from graphnet.formula import functions as fn
from graphnet.formula.latex import name as latex_name
from graphnet.formula.show import show
from graphnet.network.nodes import Computed, Scan, show_shape
from graphnet.view.explain import meanings, step_of
from graphnet.view.lesson import Lesson
from graphnet.view.numbers import Numbers, inside_loop
from graphnet.view.style import shorten
from graphnet.view.tables import Table, table
from graphnet.view.typeset import ADJOINT, phrases, typeset
from graphnet.view.work import Line, numeral

__all__ = ["Given", "Part", "Parts"]

_LONG = 1500  # characters of a formula that is typeset
_WIDE = 2500  # characters of MathML: a longer formula is set smaller
_EXPW = "expw(b, y) = where(y == -oo, 0, exp(b - y)): a term of a LogSumExp y, as its share"


@dataclass(frozen=True)
class Given:
    """A tensor with its numbers."""

    name: str
    math: Markup  # how formulas write it, "" where that is its name
    shape: str
    table: Table
    step: int  # where it is computed


@dataclass(frozen=True)
class Local:
    """A local derivative, and the adjoint that it is multiplied with."""

    whole: Markup
    value: Markup
    upstream: Markup
    step: int  # where the upstream is computed, 0 where it has no tensor of its own


@dataclass(frozen=True)
class Part:
    """One tensor of a step. Rows are an element and what it is equal to, line by line."""

    value: Given
    formula: Markup = field(default_factory=Markup)
    long: bool = False
    told: str = ""  # what a loop or an order is, in words
    functions: list[str] = field(default_factory=list)
    locals: list[Local] = field(default_factory=list)
    rows: list[list[Markup]] = field(default_factory=list)
    left: int = 0  # elements that have no row
    body: list[Markup] = field(default_factory=list)  # the formulas of a loop
    inside: list[list[Markup]] = field(default_factory=list)  # rows of one of its steps
    when: str = ""  # which
    old: list[tuple[str, Table, Table]] = field(default_factory=list)  # (what, before, change)


class Parts:
    """The parts of the steps of a lesson."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson, self.network = lesson, lesson.network
        self.numbers = Numbers(lesson.network, lesson.arrays, lesson.most)
        self.old: dict[str, list[str]] = {}
        for old, new in lesson.network.updates.items():
            self.old.setdefault(new, []).append(old)
        self.late = {n for n in self.network if self.network.stage(n) in ("backward", "update")}

    def given(self, name: str) -> Given:
        node, array = self.network.node(name), self.lesson.arrays[name]
        return Given(
            name, _symbol(name), _shape(node.shape, array.shape), self.table(array),
            self.lesson.home.get(name, 1),
        )  # fmt: skip

    def table(self, array: NDArray[Any]) -> Table:
        """The table of an array, its corner smaller where a step has many tensors."""
        return table(array, *((3, 4) if self.lesson.level == "layers" else ()))

    def of(self, nodes: tuple[str, ...]) -> Iterator[Part]:
        """The parts of a step; what runs a loop twice tells of it once."""
        told: set[int] = set()
        for name in nodes:
            node = self.network.node(name)
            if isinstance(node, Scan):
                yield self._loop(name, node, id(node.loop) in told)
                told.add(id(node.loop))
            elif isinstance(node, Computed):
                yield self._computed(name)
            else:
                yield Part(self.given(name), told=self.network.show(name), old=self._old(name))

    def _computed(self, name: str) -> Part:
        equation, lines = self.network.equation(name), self.numbers.of(name)
        formula = _formula(show(equation, "latex"), show(equation, "unicode"))
        body = equation.formula.body
        return Part(
            self.given(name), formula, len(formula) > _WIDE,
            functions=meanings([body]) + [_EXPW] * body.has(fn.expw),
            locals=list(self._locals(name)), rows=[_row(line) for line in lines],
            left=self.lesson.arrays[name].size - len(lines) if lines else 0, old=self._old(name),
        )  # fmt: skip

    def _loop(self, name: str, node: Scan, known: bool) -> Part:
        loop, told, old = node.loop, self.network.show(name), self._old(name)
        if known:
            return Part(self.given(name), told=told, old=old)
        equations = [loop.body.equation(n) for n, _ in loop.body.of(Computed)]
        body = [_formula(show(e, "latex"), show(e, "unicode")) for e in equations]
        for state, new in zip(loop.states, loop.carried, strict=True):
            arrow = rf"{latex_name(state)} \leftarrow {latex_name(new)}"
            body.append(_formula(arrow, f"{state} ← {new}"))
        when, lines = inside_loop(self.network, name, self.lesson.arrays, min(self.lesson.most, 2))
        return Part(
            self.given(name), told=told, body=body, when=when, old=old,
            inside=[_row(line) for line in lines],
            functions=meanings([e.formula.body for e in equations]),
        )  # fmt: skip

    def _old(self, name: str) -> list[tuple[str, Table, Table]]:
        """Of what becomes a new value: the name, the old value and the change."""
        new, arrays = self.lesson.arrays[name], self.lesson.arrays
        return [
            (old, self.table(arrays[old]), self.table(new - arrays[old].astype(new.dtype)))
            for old in self.old.get(name, ())
        ]

    def _locals(self, name: str) -> Iterator[Local]:
        """The local derivatives that an adjoint is made of, each with what arrives."""
        network = self.network
        if network.stage(name) != "backward" or not name.startswith("d_"):
            return
        for local in step_of(network, name, self.late).locals:
            above, below, value = local.text("latex")
            plain = local.text("unicode")
            upstream = f"d_{local.reader}"
            told = latex_name(upstream)
            if upstream not in network and local.reader == network.outputs.get("loss", "loss"):
                told += " = 1"
            yield Local(
                typeset(rf"\frac{{\partial {above}}}{{\partial {below}}}", plain[0], True),
                phrases(f"= {value}", f"= {plain[2]}"),
                typeset(f"{ADJOINT}{{{told}}}", upstream), self.lesson.home.get(upstream, 0),
            )  # fmt: skip


def _formula(latex: str, plain: str) -> Markup:
    """A formula typeset; one that is too long to be looked at as text, cut."""
    if len(plain) > _LONG:
        return Markup("<code>{}</code>").format(shorten(plain, _LONG))
    return typeset(latex, plain, display=True)


def _row(line: Line) -> list[Markup]:
    """An element, its formula, and that in numbers with the value; what repeats is left out."""
    second = list(dict.fromkeys((line.numbers, numeral(line.value))))
    rows = [[line.formula], second] if line.formula != line.numbers else [second]
    told = ["".join(f" = {x}" for x in row) for row in rows]
    return [typeset(line.element, line.tensor), *(phrases(text, text) for text in told)]


def _symbol(name: str) -> Markup:
    """A name as a formula writes it, where that is another way than the code's."""
    latex = latex_name(name)
    return Markup() if latex.startswith(r"\mathrm") else typeset(latex, name)


def _shape(shape: Any, sizes: tuple[int, ...]) -> str:
    """(batch, 3), and in numbers where that says more."""
    if not sizes:
        return "one number"
    named, plain = show_shape(shape), show_shape(sizes)
    return named if named == plain else f"{named} = {plain}"

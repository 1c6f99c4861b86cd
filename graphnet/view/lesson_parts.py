"""What the page of a lesson is given of tensors: formulas and numbers typeset, arrays as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from numpy.typing import NDArray

from graphnet.compiler.interpret import infer_sizes
from graphnet.formula import functions as fn
from graphnet.formula.extent import evaluate
from graphnet.formula.formula import Equation, size_symbol
from graphnet.formula.latex import name as latex_name
from graphnet.formula.show import show
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Scan, show_shape
from graphnet.network.runs import Run, run_stages
from graphnet.view.derivation import Step as Derived
from graphnet.view.explain import meanings, step_of
from graphnet.view.lesson import Lesson
from graphnet.view.numbers import Numbers, inside_loop
from graphnet.view.recurrences import step_back, step_forward
from graphnet.view.slopes import Local, Slopes, local_of
from graphnet.view.style import shorten
from graphnet.view.tables import LARGE, SMALL, Table, table
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
class Part:
    """One tensor of a step. Rows are an element and what it is equal to, line by line."""

    value: Given
    formula: Markup = field(default_factory=Markup)
    long: bool = False
    title: str = ""  # of a loop
    words: list[str] = field(default_factory=list)  # what goes into it and comes out of it
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
        self.runs = run_stages(self.network, {n: self.network.stage(n) for n in self.network})
        self.slopes = Slopes(lesson)

    def given(self, name: str) -> Given:
        node, array = self.network.node(name), self.lesson.arrays[name]
        return Given(
            name, _symbol(name), _shape(node.shape, array.shape), self.table(array),
            self.lesson.home.get(name, 1),
        )  # fmt: skip

    def table(self, array: NDArray[Any]) -> Table:
        """The table of an array, its corner smaller where a step has many tensors."""
        return table(array, SMALL if self.lesson.level == "layers" else LARGE)

    def of(self, nodes: tuple[str, ...]) -> Iterator[Part]:
        """The parts of a step; what runs a loop twice tells of it once."""
        told: set[Run] = set()
        for name in nodes:
            node = self.network.node(name)
            if isinstance(node, Scan):
                run = Run.of(node)
                yield self._loop(name, run, run in told)
                told.add(run)
            elif isinstance(node, Computed):
                yield self._computed(name)
            else:
                yield Part(self.given(name), words=[self.network.show(name)], old=self._old(name))

    def _computed(self, name: str) -> Part:
        equation, lines = self.network.equation(name), self.numbers.of(name)
        formula = _formula(show(equation, "latex"), show(equation, "unicode"))
        return Part(
            self.given(name), formula, len(formula) > _WIDE,
            functions=self._sizes(name) + _functions([equation.formula.body]),
            locals=list(self.slopes.of(name)), rows=[_row(line) for line in lines],
            left=self.lesson.arrays[name].size - len(lines) if lines else 0, old=self._old(name),
        )  # fmt: skip

    def _sizes(self, name: str) -> list[str]:
        """How often the indices run that a formula uses as numbers."""
        node: Any = self.network.node(name)
        equation = self.network.equation(name)
        used = equation.formula.body.free_symbols
        sizes = infer_sizes(self.network, self.lesson.arrays)
        return [
            f"|{index}| = {evaluate(extent, sizes)}, the values of {index}"
            for p, (index, extent) in enumerate(zip(equation.indices, node.extents))
            if size_symbol(p) in used
        ]

    def _loop(self, name: str, run: Run, known: bool) -> Part:
        value, old = self.given(name), self._old(name)
        if known:
            return Part(value, old=old)
        locals: list[Local] = []
        if self.runs[run] == "backward":
            told = step_back(self.network, run, _adjoints)
            for step in told.parts:
                locals += [local_of(x, latex_name(f"d_{x.reader}"), 0) for x in step.locals]
            equations = [step.equation for step in told.parts if step.equation is not None]
        else:
            told = step_forward(self.network, run, _equations)
            equations = list(told.parts)
        when, lines = inside_loop(self.network, run, self.lesson.arrays, min(self.lesson.most, 2))
        results = [r if isinstance(r, str) else show(r, "unicode") for r in told.results]
        return Part(
            value, words=[*told.given, *told.next, *results], title=told.title, old=old,
            body=[_formula(show(e, "latex"), show(e, "unicode")) for e in equations],
            functions=_functions(e.formula.body for e in equations), locals=locals, when=when,
            inside=[_row(line) for line in lines],
        )  # fmt: skip

    def _old(self, name: str) -> list[tuple[str, Table, Table]]:
        """Of what becomes a new value: the name, the old value and the change."""
        new, arrays = self.lesson.arrays[name], self.lesson.arrays
        return [
            (old, self.table(arrays[old]), self.table(new.astype(float) - arrays[old]))
            for old in self.old.get(name, ())
        ]


def _equations(body: Network) -> list[Equation]:
    """The formulas of the body of a loop, and of loops in it."""
    found: dict[object, list[Equation]] = {}
    for name, node in body.of(Computed, Scan):
        if isinstance(node, Scan):
            found[Run.of(node)] = _equations(node.loop.body)
        else:
            found[name] = [body.equation(name)]
    return [e for listed in found.values() for e in listed]


def _adjoints(both: Network, late: set[str]) -> list[Derived]:
    """The adjoints in the body of a loop, as an explanation derives them."""
    found: dict[object, list[Derived]] = {}
    for name, node in both.of(Computed, Scan):
        if name in late and isinstance(node, Scan):
            inner = _equations(node.loop.body)
            found[Run.of(node)] = [Derived(e.name, e.name, e, ()) for e in inner]
        elif name in late:
            found[name] = [step_of(both, name, late)]
    return [step for listed in found.values() for step in listed]


def _functions(bodies: Iterable[Any]) -> list[str]:
    """What functions mean that are not in every textbook."""
    listed = list(bodies)
    return meanings(listed) + [_EXPW] * any(body.has(fn.expw) for body in listed)


def _formula(latex: str, plain: str) -> Markup:
    """A formula typeset; one that is too long to be looked at as text, cut."""
    if len(plain) > _LONG:
        return Markup("<code>{}</code>").format(shorten(plain, _LONG))
    return typeset(latex, plain, display=True)


def _row(line: Line) -> list[Markup]:
    """An element, its formula, and that in numbers with the value; what repeats is left out."""
    value = numeral(line.value)
    second = [line.numbers] if _bare(line.numbers) == _bare(value) else [line.numbers, value]
    rows = [[line.formula], second] if line.formula != line.numbers else [second]
    told = ["".join(f" = {x}" for x in row) for row in rows]
    return [typeset(line.element, line.tensor), *(phrases(text, text) for text in told)]


def _bare(text: str) -> str:
    """LaTeX without marks and braces, to compare numbers."""
    return text.replace(ADJOINT, "").replace("{", "").replace("}", "")


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

"""The parts of a derivation, and how they are written: as text, in LaTeX, as rows of a table.

A part is an Equation, a Step, a Recurrence, or words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from sympy import Expr

from graphnet.formula.formula import Equation, Read
from graphnet.formula.latex import _Latex
from graphnet.formula.named import told
from graphnet.formula.show import Shower, show
from graphnet.view.recurrences import Recurrence

__all__ = ["Local", "Step", "equations", "html_rows", "latex_rows", "lines", "words"]


@dataclass(frozen=True)
class Local:
    """A local derivative: of an element of `reader` with respect to what it reads of a tensor.

    `by_value` is the derivative once more, made of the reader's own value: a*(1 - a).
    """

    reader: str
    equation: Equation  # its body is the derivative
    read: Read
    by_value: Expr | None = None

    def text(self, style: str) -> tuple[str, str, str]:
        """(element of the reader, element that is read, the derivative)."""
        e = self.equation
        if style == "latex":
            tex = _Latex(e)
            body = self._both(tex.scalar)
            return tex.element(e.name, e.formula.target), self._read(tex), body
        plain = Shower(e, style == "unicode")
        body = self._both(lambda expr: plain.scalar(expr)[0])
        return plain.element(e.name, e.formula.target), self._read(plain), body

    def _both(self, write: Callable[[Any], str]) -> str:
        exprs = (self.equation.formula.body, self.by_value)
        return " = ".join(write(told(expr)) for expr in exprs if expr is not None)

    def _read(self, writer: Any) -> str:
        return str(writer.element(self.equation.operands[self.read.slot], self.read.subs))


@dataclass(frozen=True)
class Step:
    """One adjoint: the tensor, the local derivatives it is made of, and its formula."""

    tensor: str
    adjoint: str
    equation: Equation | None
    locals: tuple[Local, ...]


def equations(parts: Sequence[Any]) -> Iterator[Equation]:
    """Every equation of an explanation."""
    for part in parts:
        match part:
            case Equation():
                yield part
            case Step():
                yield from (local.equation for local in part.locals)
                yield from [] if part.equation is None else [part.equation]
            case Recurrence():
                yield from equations((*part.parts, *part.equations))


def lines(parts: Sequence[Any], style: str, margin: str) -> Iterator[str]:
    """In lines of text; style "text" or "unicode"."""
    for part in parts:
        match part:
            case Equation():
                yield f"{margin}{show(part, style)}"
            case str():
                yield f"{margin}{part}"
            case Step():
                for local in part.locals:
                    whole, read, value = local.text(style)
                    who = f"{part.tensor} is read by {local.reader}"
                    yield f"{margin}{who}: d {whole}/d {read} = {value}"
                if part.equation:
                    yield f"{margin}  {show(part.equation, style)}"
            case Recurrence():
                yield f"{margin}{', '.join([part.title, *part.given])}"
                yield from lines((*part.parts, *part.next), style, margin + "  ")
                yield from lines(part.results, style, margin)


def words(line: str) -> str:
    """A line of words in LaTeX."""
    return rf"&\text{{{line.replace('_', chr(92) + '_').replace('…', chr(92) + 'ldots{}')}}}"


def latex_rows(parts: Sequence[Any], margin: str = "") -> list[str]:
    """The rows of an `aligned` environment."""
    rows: list[str] = []
    for part in parts:
        match part:
            case Equation():
                rows.append(margin + show(part, "latex").replace(" = ", " &= ", 1))
            case str():
                rows.append(words(part))
            case Step():
                for local in part.locals:
                    whole, read, value = local.text("latex")
                    above, below = rf"\partial {whole}", rf"\partial {read}"
                    rows.append(rf"{margin}\frac{{{above}}}{{{below}}} &= {value}")
                rows += latex_rows([part.equation] if part.equation else [], margin)
            case Recurrence():
                rows.append(words(", ".join([part.title, *part.given])))
                rows += latex_rows((*part.parts, *part.next), margin + r"\quad ")
                rows += latex_rows(part.results, margin)
    return rows


def html_rows(parts: Sequence[Any], stage: str) -> Iterator[str]:
    """The rows of a table, all text escaped."""

    def row(middle: str, made: str) -> str:
        return f"<tr><td>{escape(stage)}</td><td>{middle}</td><td>{escape(made)}</td></tr>"

    for part in parts:
        match part:
            case Equation():
                yield row("", show(part, "unicode"))
            case str():
                yield row("", part)
            case Step():
                local = [f"∂{a}/∂{b} = {c}" for a, b, c in (x.text("unicode") for x in part.locals)]
                made = show(part.equation, "unicode") if part.equation else ""
                yield row("<br>".join(map(escape, local)), made)
            case Recurrence():
                yield row("", ", ".join([part.title, *part.given]))
                yield from html_rows((*part.parts, *part.next), part.title.partition(",")[0])
                yield from html_rows(part.results, stage)

"""The local derivatives of an adjoint as a page sets them, each with what it is multiplied with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup

from graphnet.formula.latex import name as latex_name
from graphnet.network.nodes import Computed
from graphnet.view.derivation import Local as Derivative
from graphnet.view.explain import locals_of, step_of
from graphnet.view.lesson import Lesson
from graphnet.view.numbers import at_start
from graphnet.view.typeset import ADJOINT, phrases, typeset
from graphnet.view.work import numeral

__all__ = ["Local", "Slopes", "local_of"]


@dataclass(frozen=True)
class Local:
    """A local derivative, and the adjoint that it is multiplied with."""

    whole: Markup
    value: Markup
    upstream: Markup
    step: int  # where the upstream is computed, 0 where it has no step of its own
    numbers: Markup | None = None  # the derivative where all indices are 0
    arrives: Markup | None = None  # the number of the upstream there


class Slopes:
    """The local derivatives of the adjoints of a lesson."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson, self.network = lesson, lesson.network
        self.late = {n for n in self.network if self.network.stage(n) in ("backward", "update")}

    def of(self, name: str) -> Iterator[Local]:
        """The local derivatives that an adjoint is made of, each with what arrives."""
        network = self.network
        if network.stage(name) != "backward" or not name.startswith("d_"):
            return
        for local in step_of(network, name, self.late).locals:
            upstream = self._upstream(local.reader)
            told = latex_name(f"d_{local.reader}")
            if upstream and upstream != f"d_{local.reader}":
                told += f" = {latex_name(upstream)}"
            elif not upstream:
                told += self._seed(local.reader)
            made = local_of(local, told, self.lesson.home.get(upstream, 0))
            yield self._with_numbers(made, local, upstream) if upstream else made

    def _upstream(self, reader: str) -> str:
        """The tensor that holds the adjoint of a reader, "" where none does.

        Of what a tensor with an adjoint only adds something to, it is that one's.
        """
        network, at = self.network, reader
        while f"d_{at}" not in network:
            after = [r for r in dict.fromkeys(network.successors(at)) if r not in self.late]
            if len(after) != 1 or not isinstance(network.node(after[0]), Computed):
                return ""
            found = list(locals_of(network, at, after[0]))
            f = found[0].equation.formula if len(found) == 1 else None
            if f is None or f.body != 1 or f.over or found[0].read.subs != f.target:
                return ""
            at = after[0]
        return f"d_{at}"

    def _seed(self, reader: str) -> str:
        """What the adjoint of the loss is, or of what the loss alone reads."""
        network = self.network
        loss = network.outputs.get("loss", "loss")
        if reader == loss:
            return " = 1"
        after = [r for r in network.successors(reader) if r not in self.late]
        found = list(locals_of(network, reader, loss)) if after == [loss] else []
        return f" = {found[0].text('latex')[2]}" if len(found) == 1 else ""

    def _with_numbers(self, made: Local, local: Derivative, upstream: str) -> Local:
        """With the numbers where all indices are 0, if the derivative has one there."""
        line = at_start(self.network, local, self.lesson.arrays)
        if line is None:
            return made
        told = dict.fromkeys((line.formula, line.numbers, numeral(line.value)))
        text = "".join(f" = {x}" for x in told)
        first = numeral(self.lesson.arrays[upstream].ravel()[0])
        arrives = typeset(f"{ADJOINT}{{{first}}}", first)
        return replace(made, numbers=phrases(text, text), arrives=arrives)


def local_of(local: Derivative, upstream: str, step: int) -> Local:
    """A local derivative; `upstream` is the LaTeX of what arrives, made in a step."""
    above, below, slope = local.text("latex")
    plain = local.text("unicode")
    return Local(
        typeset(rf"\frac{{\partial {above}}}{{\partial {below}}}", plain[0], True),
        phrases(f"= {slope}", f"= {plain[2]}"),
        typeset(f"{ADJOINT}{{{upstream}}}", f"d_{local.reader}"), step,
    )  # fmt: skip

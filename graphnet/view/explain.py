"""gn.explain: how a gradient comes about, step by step, from the loss back to a tensor.

>>> import graphnet as gn
>>> x, w = gn.input("x", ("batch", 2)), gn.parameter("w", (2,))
>>> z = gn.formula("z[n] = Sum(x[n,i]*w[i], i)", x=x, w=w, name="z")
>>> print(gn.explain(gn.sum(gn.tanh(z).rename("a")).rename("loss"), w))
forward
  z[n] = Sum(x[n,i]*w[i], i)
  a[i] = tanh(z[i])
  loss = Sum(a[i], i)
backward
  z is read by a: d a[i]/d z[i] = 1 - tanh(z[i])**2
    d_z[i] = 1 - tanh(z[i])**2
  w is read by z: d z[n]/d w[i] = x[n,i]
    d_w[i] = Sum(x[n,i]*d_z[n], n)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import networkx as nx
import sympy

from graphnet.arguments import one_of
from graphnet.errors import GraphnetTypeError
from graphnet.formula import functions as fn
from graphnet.formula.derive import slope
from graphnet.formula.formula import Equation, Formula, Read, hole
from graphnet.formula.latex import _Latex
from graphnet.formula.searched import Searched
from graphnet.formula.show import Shower, show
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Scan, topological
from graphnet.numerics.records import described
from graphnet.ops.gradients import grad
from graphnet.ops.tensor import Tensor

__all__ = ["Explanation", "Local", "Step", "explain"]


@dataclass(frozen=True)
class Local:
    """A local derivative: of an element of `reader` with respect to what it reads of a tensor."""

    reader: str
    equation: Equation  # its body is the derivative
    read: Read

    def text(self, style: str) -> tuple[str, str, str]:
        """(element of the reader, element that is read, the derivative)."""
        e = self.equation
        if style == "latex":
            made = _Latex(e)
            body = made.scalar(e.formula.body)
            return made.element(e.name, e.formula.target), self._read(made), body
        plain = Shower(e, style == "unicode")
        return (
            plain.element(e.name, e.formula.target), self._read(plain),
            plain.scalar(e.formula.body)[0],
        )  # fmt: skip

    def _read(self, writer: Any) -> str:
        return str(writer.element(self.equation.operands[self.read.slot], self.read.subs))


@dataclass(frozen=True)
class Step:
    """One adjoint: the tensor, the local derivatives it is made of, and its formula."""

    tensor: str
    adjoint: str
    equation: Equation | None  # None where a loop makes it
    locals: tuple[Local, ...]


class Explanation:
    """The derivation of a gradient; prints as text, shows as LaTeX in a notebook."""

    def __init__(
        self, forward: Sequence[Equation], steps: Sequence[Step], notes: Sequence[str] = ()
    ) -> None:
        self.forward, self.steps, self.notes = tuple(forward), tuple(steps), tuple(notes)

    @property
    def functions(self) -> list[str]:
        """What the searched functions in it mean, a line each."""
        told = [
            e for step in self.steps for e in (step.equation, *(x.equation for x in step.locals))
        ]
        bodies = [e.formula.body for e in (*self.forward, *told) if e is not None]
        applied = [
            s for b in bodies for s in sympy.preorder_traversal(b) if isinstance(s, Searched)
        ]
        return [described(record) for record in dict.fromkeys(s.record for s in applied)]

    def text(self, style: str = "text") -> str:
        """In lines; style "text" or "unicode"."""
        one_of("style", style, ("text", "unicode"))
        rows = ["forward", *(f"  {show(e, style)}" for e in self.forward), "backward"]
        rows += [f"  {note}" for note in self.notes]
        for step in self.steps:
            for local in step.locals:
                whole, part, value = local.text(style)
                rows.append(
                    f"  {step.tensor} is read by {local.reader}: d {whole}/d {part} = {value}"
                )
            made = (
                show(step.equation, style) if step.equation else f"{step.adjoint}: a loop backwards"
            )
            rows.append(f"    {made}")
        if functions := self.functions:
            rows += ["functions", *(f"  {line}" for line in functions)]
        return "\n".join(rows)

    def latex(self) -> str:
        """An `aligned` environment, without dollar signs."""
        rows = [show(e, "latex").replace(" = ", " &= ", 1) for e in self.forward]
        rows += [rf"&\text{{{note.replace('_', chr(92) + '_')}}}" for note in self.notes]
        for step in self.steps:
            for local in step.locals:
                whole, part, value = local.text("latex")
                rows.append(rf"\frac{{\partial {whole}}}{{\partial {part}}} &= {value}")
            if step.equation:
                rows.append(show(step.equation, "latex").replace(" = ", " &= ", 1))
        rows += [rf"&\text{{{line.replace('_', chr(92) + '_')}}}" for line in self.functions]
        return r"\begin{aligned}" + " \\\\\n".join(["", *rows])[3:] + r"\end{aligned}"

    def html(self) -> str:
        """A table for a page: the tensor, its local derivatives, its adjoint; all text escaped."""
        rows = "".join(self._rows())
        return f'<table class="explanation">{rows}</table>'

    def _rows(self) -> Iterator[str]:
        for e in self.forward:
            yield f"<tr><td>forward</td><td></td><td>{escape(show(e, 'unicode'))}</td></tr>"
        for note in self.notes:
            yield f"<tr><td>backward</td><td></td><td>{escape(note)}</td></tr>"
        for step in self.steps:
            told = [f"∂{a}/∂{b} = {c}" for a, b, c in (x.text("unicode") for x in step.locals)]
            made = show(step.equation, "unicode") if step.equation else "a loop backwards"
            cells = "<br>".join(map(escape, told))
            yield f"<tr><td>backward</td><td>{cells}</td><td>{escape(made)}</td></tr>"
        for line in self.functions:
            yield f"<tr><td>function</td><td></td><td>{escape(line)}</td></tr>"

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"


def explain(
    output: Tensor, wrt: Tensor | Sequence[Tensor], *, stabilize: bool = True,
    kinks: Any = "graphnet",
) -> Explanation:  # fmt: skip
    """How the gradient of an output (0-d) with respect to some tensors is derived.

    Forward formulas first; then, from the output back, for each tensor on the way: the local
    derivative of everything that reads it, and the adjoint that is their sum, upstream times
    local, as it is computed. With `stabilize` the formulas are those that are rewritten to be safe.

    Raises GraphnetError where the output is not one number, and as `gn.grad` does.
    """
    if not isinstance(output, Tensor):
        raise GraphnetTypeError(f"a tensor is explained, not {type(output).__name__}")
    wanted: Any = [wrt] if isinstance(wrt, Tensor) else wrt
    gradients = grad(output, wanted, stabilize=stabilize, kinks=kinks)
    nodes = [g.node for g in gradients]
    network = Network.collect({"output": output.node, **{f"d{k}": n for k, n in enumerate(nodes)}})
    late = {
        name for name, node in network.items()
        if node.made and (node.name or "").startswith("d_") and node.origin
    }  # fmt: skip
    late |= {n for name in late for n in nx.descendants(network, name)}
    forward = [
        network.equation(name) for name, _ in network.of(Computed) if name not in late
    ]  # fmt: skip
    steps = [_step(network, name, late) for name, _ in network.of(Computed, Scan) if name in late]
    used, head = set(topological([output.node])), network.outputs["output"]
    notes = [
        f"{head} does not depend on {t.name or t.node.label}: its gradient is 0"
        for t in ([wrt] if isinstance(wrt, Tensor) else wrt) if t.node not in used
    ]  # fmt: skip
    return Explanation(forward, [s for s in steps if s], notes)


def _step(network: Network, name: str, late: set[str]) -> Step | None:
    node = network.node(name)
    tensor = name.removeprefix("d_")
    equation = network.equation(name) if isinstance(node, Computed) else None
    if tensor not in network:
        return Step(tensor, name, equation, ())
    found = []
    for reader in dict.fromkeys(network.successors(tensor)):
        if reader not in late and isinstance(network.node(reader), Computed):
            found += list(_locals(network, tensor, reader))
    return Step(tensor, name, equation, tuple(found))


def _locals(network: Network, tensor: str, reader: str) -> Iterator[Local]:
    equation = network.equation(reader)
    f = equation.formula
    for k, read in enumerate(f.reads):
        if equation.operands[read.slot] != tensor:
            continue
        value = slope(f.body, hole(k))
        if value == 0:
            continue
        yield Local(reader, _valued(equation, f, value), read)


def _valued(equation: Equation, f: Formula, value: Any) -> Equation:
    """The local derivative as an equation over the reads of the formula, and its own value."""
    own = hole(len(f.reads))
    reads = (*f.reads, Read(len(equation.operands), f.target))
    if f.reduce == "LogSumExp":
        value = value * fn.expw(f.body, own)
    elif f.reduce in ("Max", "Min"):
        value = fn.where(sympy.Eq(f.body, own), value, 0)
    made = replace(f, body=value, reads=reads)
    return replace(equation, formula=made, operands=(*equation.operands, equation.name))

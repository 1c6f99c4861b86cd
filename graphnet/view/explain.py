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
  z is read by a: d a[i]/d z[i] = 1 - tanh(z[i])**2 = 1 - a[i]**2
    d_z[i] = 1 - tanh(z[i])**2
  w is read by z: d z[n]/d w[i] = x[n,i]
    d_w[i] = Sum(x[n,i]*d_z[n], n)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import networkx as nx
import sympy
from sympy import Expr, Symbol

from graphnet.arguments import one_of
from graphnet.errors import GraphnetTypeError
from graphnet.formula import functions as fn
from graphnet.formula.derive import slope
from graphnet.formula.formula import Equation, Formula, Read, hole
from graphnet.formula.named import MEANINGS, told
from graphnet.formula.searched import ARGUMENT, Searched
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Scan, topological
from graphnet.network.runs import Run
from graphnet.numerics.parts import is_simple, one_argument
from graphnet.numerics.records import VALUE, described, known, spelled
from graphnet.ops.gradients import derivation
from graphnet.ops.tensor import Tensor
from graphnet.view.derivation import Local, Step, equations, html_rows, latex_rows, lines, words
from graphnet.view.recurrences import Recurrence, step_back, step_forward

__all__ = ["Explanation", "Local", "Step", "explain", "locals_of", "meanings", "step_of"]


class Explanation:
    """The derivation of a gradient; prints as text, shows as LaTeX in a notebook."""

    def __init__(
        self, forward: Sequence[Equation | Recurrence], steps: Sequence[Step | Recurrence],
        notes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.forward, self.steps, self.notes = tuple(forward), tuple(steps), tuple(notes)

    @property
    def functions(self) -> list[str]:
        """What the searched functions in it mean, a line each."""
        return meanings([e.formula.body for e in equations((*self.forward, *self.steps))])

    def text(self, style: str = "text") -> str:
        """In lines; style "text" or "unicode"."""
        one_of("style", style, ("text", "unicode"))
        rows = ["forward", *lines(self.forward, style, "  "), "backward"]
        rows += [f"  {note}" for note in self.notes]
        rows += lines(self.steps, style, "  ")
        if functions := self.functions:
            rows += ["functions", *(f"  {line}" for line in functions)]
        return "\n".join(rows)

    def latex(self) -> str:
        """An `aligned` environment, without dollar signs."""
        rows = latex_rows(self.forward)
        rows += [words(note) for note in self.notes]
        rows += latex_rows(self.steps)
        rows += map(words, self.functions)
        return r"\begin{aligned}" + " \\\\\n".join(["", *rows])[3:] + r"\end{aligned}"

    def html(self) -> str:
        """A table for a page: the tensor, its local derivatives, its adjoint; all text escaped."""
        rows = "".join(self._rows())
        return f'<table class="explanation">{rows}</table>'

    def _rows(self) -> Iterator[str]:
        yield from html_rows(self.forward, "forward")
        for note in self.notes:
            yield f"<tr><td>backward</td><td></td><td>{escape(note)}</td></tr>"
        yield from html_rows(self.steps, "backward")
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
    written, network = derivation(output, wanted, stabilize, kinks)
    late = {
        name for name, node in network.items()
        if node.made and (node.name or "").startswith("d_") and node.origin
    }  # fmt: skip
    late |= {n for name in late for n in nx.descendants(network, name)}
    used, head = set(topological([output.node])), written.outputs["output"]
    loose = {  # zeros that adjoints start from
        name for name, node in network.of(Computed) if not node.operands and name not in written
    }  # fmt: skip
    forward = _forward(written)
    forward += [  # what stabilizing added
        network.equation(name) for name, _ in network.of(Computed)
        if name not in late | loose and name not in written
    ]  # fmt: skip
    notes = [
        f"{head} does not depend on {t.name or t.node.label}: its gradient is 0"
        for t in wanted if t.node not in used
    ]  # fmt: skip
    return Explanation(forward, _backward(network, late, written), notes)


def _forward(network: Network, late: Collection[str] = ()) -> list[Equation | Recurrence]:
    """The formulas of a network that are not late, and the steps of its loops."""
    found: list[Equation | Recurrence] = []
    done: set[Run] = set()
    for name, node in network.of(Computed, Scan):
        run = Run.of(node) if isinstance(node, Scan) else None
        if run in done or (name in late and not _asked(network, run, late)):
            continue
        if run is None:
            found.append(network.equation(name))
        else:
            done.add(run)
            found.append(step_forward(network, run, _forward))
    return found


def _asked(network: Network, run: Run | None, late: Collection[str]) -> bool:
    """Whether a loop has results that are not late."""
    return run is not None and any(
        name not in late for name, node in network.of(Scan) if Run.of(node) == run
    )


def _backward(
    network: Network, late: set[str], written: Network | None = None
) -> list[Step | Recurrence]:  # fmt: skip
    """The steps of the adjoints of a network, and the steps back of its loops.

    Local derivatives are those of the formulas as `written`, where these have the same reads.
    """
    found: list[Step | Recurrence] = []
    done: set[Run] = set()
    for name, node in network.of(Computed, Scan):
        if name not in late:
            continue
        if isinstance(node, Computed):
            found.append(step_of(network, name, late, written))
        elif (run := Run.of(node)) not in done and not _asked(network, run, late):
            done.add(run)
            found.append(step_back(network, run, _backward))
    return found


def meanings(bodies: Sequence[Any]) -> list[str]:
    """What the searched functions in some bodies mean, a line each."""
    applied = [type(s) for b in bodies for s in sympy.preorder_traversal(told(b))]
    return [
        described(f.record) if issubclass(f, Searched) else _meaning(f)
        for f in dict.fromkeys(applied) if issubclass(f, Searched) or f in MEANINGS
    ]  # fmt: skip


def step_of(network: Network, name: str, late: set[str], written: Network | None = None) -> Step:
    """The step of an adjoint; `late` are the names of the backward pass and what reads it."""
    node = network.node(name)
    tensor = name.removeprefix("d_")
    if tensor not in network and node.origin:  # d_h_2 beside the d_h of the step behind
        tensor = re.sub(r"_\d+$", "", tensor) if tensor.startswith(node.origin[0]) else tensor
    equation = network.equation(name) if isinstance(node, Computed) else None
    if tensor not in network:
        return Step(tensor, name, equation, ())
    found = []
    for reader in dict.fromkeys(network.successors(tensor)):
        if reader not in late and isinstance(network.node(reader), Computed):
            own = written if written and written.has_edge(tensor, reader) else network
            found += list(locals_of(own, tensor, reader))
    return Step(tensor, name, equation, tuple(found))


def locals_of(network: Network, tensor: str, reader: str) -> Iterator[Local]:
    """The derivatives of a reader with respect to what it reads of a tensor."""
    equation = network.equation(reader)
    f = equation.formula
    for k, read in enumerate(f.reads):
        if equation.operands[read.slot] != tensor:
            continue
        value = slope(f.body, hole(k))
        if value == 0:
            continue
        yield Local(reader, _valued(equation, f, value), read, _by_value(f, value, hole(k)))


def _meaning(name: Any) -> str:
    """What a textbook name stands for."""
    return f"{name.__name__}(x) = {spelled(MEANINGS[name](ARGUMENT))}"


def _by_value(f: Formula, value: Expr, read: Symbol) -> Expr | None:
    """A derivative in terms of the value of its function, as textbooks have it: 1 - a^2."""
    own = hole(len(f.reads))
    direct: Expr = value.xreplace({f.body: own})
    if f.body.has(sympy.Function) and direct != value:
        return direct if direct.free_symbols == {own} else None
    if isinstance(f.body, Searched):
        taken: Any = (f.body.record.meaning, f.body.args[0])
    else:
        taken = one_argument(f.body)
    if f.reduce or taken is None or taken[1] != read or is_simple(taken[0]):
        return None
    record = known(taken[0])
    steep = None if record is None else record.slope
    if not isinstance(steep, Searched) or steep.record.reuse is None:
        return None
    return steep.record.reuse.xreplace({VALUE: own})


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

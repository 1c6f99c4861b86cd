"""Show the work: every number of one step as symbol = numbers = value.

>>> import graphnet as gn
>>> x, w = gn.input("x", (2,)), gn.parameter("w", (2,))
>>> z = gn.formula("z = Sum(x[i]*w[i], i)", x=x, w=w, name="z")
>>> print(gn.work(gn.relu(z).rename("a"), {"x": [1.0, 2.0], "w": [0.5, -0.1]}))
forward
  z = x[0]*w[0] + x[1]*w[1] = 1*0.5 + 2*(-0.1) = 0.3
  a = relu(z) = relu(0.3) = 0.3
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import sympy

from graphnet.arguments import one_of, whole
from graphnet.compiler.interpret import infer_sizes, interpret
from graphnet.errors import GraphnetError
from graphnet.formula.arrange import ordered
from graphnet.formula.extent import evaluate
from graphnet.network.describe import describe
from graphnet.network.graph import STAGES, Network
from graphnet.network.neurons import LONG, Element, Ends, places
from graphnet.network.nodes import Computed, Input, Node, Order, Parameter, Scan, State
from graphnet.network.runs import Run, run_stages
from graphnet.network.unroll import is_open, opened
from graphnet.ops.array import arrays_given
from graphnet.view.spell import write
from graphnet.view.subject import network_of
from graphnet.view.unfold import Unfolded

__all__ = ["Line", "Work", "complete", "number", "numeral", "work"]


@dataclass(frozen=True)
class Line:
    """One element: what it is, its formula, the formula in numbers, its value."""

    stage: str
    tensor: str
    element: str
    formula: str
    numbers: str
    value: float
    steps: tuple[tuple[str, int], ...] = ()  # (loop, step) of those it is in, outermost first

    def __str__(self) -> str:
        parts = [self.element, self.formula, self.numbers, number(self.value)]
        shown = [p for k, p in enumerate(parts) if k == 0 or p != parts[k - 1]]
        return " = ".join(shown)


def work(
    what: Any, values: Mapping[str, Any], *, most: int = 6, style: str = "text", digits: int = 4
) -> Work:
    """The work of one step on a tensor, a network, a program's network or a compiled model.

    `values` holds an array for every input, parameter and state by name; of each tensor the first
    `most` elements are written out, of a recurrence step by step, the first `most` steps. Every
    number is computed by literal loops in float64.
    Raises GraphnetError where a value is missing or does not fit.
    """
    network = opened(network_of(what, "all"))
    given = arrays_given(values)
    most, digits = whole("most", most, 1), whole("digits", digits, 1, 17)
    one_of("style", style, ("text", "unicode", "latex"))
    arrays = interpret(network, complete(network, given))
    return Work(network, arrays, most, style, digits)


def complete(network: Network, given: Mapping[str, Any]) -> dict[str, Any]:
    """With random draws, which the runtime would make, drawn from seed 0."""
    values, generator = dict(given), np.random.default_rng(0)
    sizes = infer_sizes(network, given)
    for name, node in network.of(Input):
        if node.distribution is not None and name not in values:
            draw = getattr(generator, node.distribution.name)
            shape = tuple(evaluate(e, sizes) for e in node.shape)
            values[name] = draw(*node.distribution.args, size=shape)
    missing = [name for name, _ in network.of(Input, Parameter, State) if name not in values]
    if missing:
        raise GraphnetError(f"to show the work, give values of {', '.join(missing)}")
    return values


class Work:
    """The lines of one step, by stage and tensor; printed, or one by one in `lines`."""

    def __init__(
        self, network: Network, arrays: Mapping[str, Any], most: int, style: str, digits: int,
        short: bool = False,
    ) -> None:  # fmt: skip
        self.network, self.arrays, self.most, self.style = network, arrays, most, style
        self.digits = digits
        sizes = infer_sizes(network, arrays)
        self._unfolded = Unfolded(
            network, sizes, lambda e: int(arrays[e.tensor][e.place]), most, short
        )
        self.lines: tuple[Line, ...] = tuple(self._lines())

    def _lines(self) -> Iterator[Line]:
        unfolding = self._unfolded.unfolding
        bodies = unfolding.bodies | unfolding.ends | self._unfolded.named()
        runs = run_stages(self.network, {n: self.network.stage(n) for n in self.network})
        for stage in STAGES:
            for name, node in self.network.of(Computed, Scan, Order):
                run = Run.of(node) if isinstance(node, Scan) else None
                if run is not None and is_open(self.network, run):
                    if runs.get(run) == stage:
                        del runs[run]
                        yield from self._steps(stage, run, bodies)
                    continue
                if self.network.stage(name) != stage:
                    continue
                for place in places(unfolding.shape(name), self.most):
                    element = Element(name, place)
                    if element in bodies:
                        yield self._line(stage, element, bodies[element])
                    elif not isinstance(node, Computed):
                        yield self._result(stage, element, node)

    def _steps(self, stage: str, run: Run, bodies: Mapping[Element, Any]) -> Iterator[Line]:
        """The lines of a loop, in the order in which its steps compute them."""
        made = {name for name, node in self.network.of(Scan) if Run.of(node) == run}
        for element, steps in self._unfolded.unfolding.steps.items():
            if element.tensor in made:
                yield replace(self._line(stage, element, bodies[element]), steps=steps)

    def _result(self, stage: str, element: Element, node: Node) -> Line:
        """A line of what no formula makes: a loop, argmax, argsort."""
        made = describe(self.network, element.tensor).partition(" = ")[2]
        value = float(self.arrays[element.tensor][element.place])
        return Line(stage, element.tensor, self.name(element), made, made, value)

    def _line(self, stage: str, element: Element, body: Any) -> Line:
        body, elements = self._unfolded.unfolding.in_order(element, self.known(body))

        def name(k: int) -> str:
            return self.name(elements[k])

        def value(k: int) -> str:
            return self.numeral(elements[k])

        return Line(
            stage, element.tensor, self.name(element), _short(body, name, self.style),
            _short(body, value, self.style, numbers=True),
            float(self.arrays[element.tensor][element.place]),
        )  # fmt: skip

    def name(self, element: Element) -> str:
        """How an element is written."""
        return self._unfolded.text(element, self.style)

    def numeral(self, element: Element) -> str:
        """How its value is written."""
        value = self.arrays[element.tensor][element.place]
        return (numeral if self.style == "latex" else number)(value, self.digits)

    def known(self, body: Any) -> Any:
        """What of a body is written: all of it."""
        return body

    def of(self, tensor: str) -> list[Line]:
        """The lines of one tensor."""
        self.network.node(tensor)
        return [line for line in self.lines if line.tensor == tensor]

    def __str__(self) -> str:
        rows: list[str] = []
        before: Line | None = None
        for line in (*self.lines, None):
            rows += self._left_out(before, line)
            if line is None:
                break
            if before is None or before.stage != line.stage:
                rows.append(line.stage)
            for k in range(_common(before, line), len(line.steps)):
                rows.append(f"{'  ' * (k + 1)}step {line.steps[k][1]}")
            rows.append(f"{'  ' * (len(line.steps) + 1)}{line}")
            before = line
        return "\n".join(rows)

    def _left_out(self, before: Line | None, line: Line | None) -> Iterator[str]:
        """What is not shown between two lines: elements of the first one's tensor, and steps."""
        if before is None:
            return
        steps = line.steps if line is not None else ()
        same = line is not None and (before.tensor, before.steps) == (line.tensor, steps)
        shape, depth = self.arrays[before.tensor].shape, len(before.steps)
        left = prod(shape[depth:]) - self.most
        if left > 0 and not same:
            yield f"{'  ' * (depth + 1)}… and {left:,} more of {before.tensor}"
        ends = _common(before, line)  # the loops behind this one end here, it itself may go on
        if len(steps) > ends < depth and steps[ends][0] == before.steps[ends][0]:
            ends += 1
        for k in reversed(range(ends, depth)):
            if (left := shape[k] - self.most) > 0:
                yield f"{'  ' * (k + 1)}… and {left:,} more step{'s' * (left > 1)}"

    __repr__ = __str__


def _common(before: Line | None, line: Line | None) -> int:
    """How many loops two lines are at the same step of."""
    if before is None or line is None:
        return 0
    pairs = enumerate(zip(before.steps, line.steps))
    least = min(len(before.steps), len(line.steps))
    return next((k for k, (a, b) in pairs if a != b), least)


def _short(body: Any, text: Any, style: str, numbers: bool = False) -> str:
    """A body as text; of a long sum the first three terms and the last."""
    if isinstance(body, Ends):
        return _ends(body, text, style, numbers)
    if not isinstance(body, sympy.Add) or len(body.args) <= LONG:
        return write(body, text, style, numbers)
    terms = ordered(body)
    return _dotted(terms[:3], terms[-1], text, style, numbers)


def _dotted(head: Sequence[Any], last: Any, text: Any, style: str, numbers: bool) -> str:
    """a + b + c + … + z"""
    begin = write(sympy.Add(*head), text, style, numbers)
    tail = write(last, text, style, numbers)
    dots = r"\cdots" if style == "latex" else "…"
    return f"{begin} + {dots} {f'- {tail[1:]}' if tail.startswith('-') else f'+ {tail}'}"


def _ends(body: Ends, text: Any, style: str, numbers: bool) -> str:
    """The first three terms of a reduction and the last, with what is done to them."""
    *head, last = body.terms
    latex = style == "latex"
    begin, end = (r"\left(", r"\right)") if latex else ("(", ")")
    if body.reduce == "Sum":
        return _dotted(head, last, text, style, numbers)
    if body.reduce == "LogSumExp":
        inside = _dotted([*map(sympy.exp, head)], sympy.exp(last), text, style, numbers)
        return f"{chr(92) if latex else ''}log{begin}{inside}{end}"
    told = [write(term, text, style, numbers) for term in body.terms]
    told.insert(3, r"\cdots" if latex else "…")
    return f"{chr(92) if latex else ''}{body.reduce.lower()}{begin}{', '.join(told)}{end}"


def number(value: Any, digits: int = 4) -> str:
    """A number at so many digits: 0.3, -2, 1.5e-09."""
    return f"{float(value) or 0.0:.{digits}g}"  # -0.0 is written 0


def numeral(value: Any, digits: int = 4) -> str:
    r"""A number in LaTeX: 0.3, -2, 1.5 \cdot 10^{-9}."""
    mantissa, e, exponent = number(value, digits).partition("e")
    if not mantissa.lstrip("-")[0].isdigit():
        return mantissa.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa

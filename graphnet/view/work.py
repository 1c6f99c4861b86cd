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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from graphnet.network.neurons import Element, places
from graphnet.network.nodes import Computed, Input, Node, Order, Parameter, Scan, State
from graphnet.ops.array import arrays_given
from graphnet.view.spell import write
from graphnet.view.subject import network_of
from graphnet.view.unfold import Unfolded

__all__ = ["Line", "Work", "work"]

_TERMS = 8  # of a longer sum the first three terms and the last are shown


@dataclass(frozen=True)
class Line:
    """One element: what it is, its formula, the formula in numbers, its value."""

    stage: str
    tensor: str
    element: str
    formula: str
    numbers: str
    value: float

    def __str__(self) -> str:
        parts = [self.element, self.formula, self.numbers, number(self.value)]
        shown = [p for k, p in enumerate(parts) if k == 0 or p != parts[k - 1]]
        return " = ".join(shown)


def work(
    what: Any, values: Mapping[str, Any], *, most: int = 6, style: str = "text", digits: int = 4
) -> Work:
    """The work of one step on a tensor, a network, a program's network or a compiled model.

    `values` holds an array for every input, parameter and state by name; of each tensor the first
    `most` elements are written out. Every number is computed by literal loops in float64.
    Raises GraphnetError where a value is missing or does not fit.
    """
    network = network_of(what, "all")
    given = arrays_given(values)
    most, digits = whole("most", most, 1), whole("digits", digits, 1, 17)
    one_of("style", style, ("text", "unicode", "latex"))
    arrays = interpret(network, _complete(network, given))
    return Work(network, arrays, most, style, digits)


def _complete(network: Network, given: Mapping[str, Any]) -> dict[str, Any]:
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
        self, network: Network, arrays: Mapping[str, Any], most: int, style: str, digits: int
    ) -> None:
        self.network, self.arrays, self.most, self.style = network, arrays, most, style
        self.digits = digits
        sizes = infer_sizes(network, arrays)
        self._unfolded = Unfolded(network, sizes, lambda e: int(arrays[e.tensor][e.place]), most)
        self.lines: tuple[Line, ...] = tuple(self._lines())

    def _lines(self) -> Iterator[Line]:
        unfolding = self._unfolded.unfolding
        bodies = unfolding.bodies | self._unfolded.named()
        for stage in STAGES:
            for name, node in self.network.of(Computed, Scan, Order):
                if self.network.stage(name) != stage:
                    continue
                for place in list(places(unfolding.shape(name)))[: self.most]:
                    element = Element(name, place)
                    if element in bodies:
                        yield self._line(stage, element, bodies[element])
                    elif not isinstance(node, Computed):
                        yield self._result(stage, element, node)

    def _result(self, stage: str, element: Element, node: Node) -> Line:
        """A line of what no formula makes: a loop, argmax, argsort."""
        made = describe(self.network, element.tensor).partition(" = ")[2]
        value = float(self.arrays[element.tensor][element.place])
        shown = self._unfolded.text(element, self.style)
        return Line(stage, element.tensor, shown, made, made, value)

    def _line(self, stage: str, element: Element, body: Any) -> Line:
        elements = self._unfolded.unfolding.elements

        def name(k: int) -> str:
            return self._unfolded.text(elements[k], self.style)

        def value(k: int) -> str:
            return number(self.arrays[elements[k].tensor][elements[k].place], self.digits)

        return Line(
            stage, element.tensor, self._unfolded.text(element, self.style),
            _short(body, name, self.style), _short(body, value, self.style),
            float(self.arrays[element.tensor][element.place]),
        )  # fmt: skip

    def of(self, tensor: str) -> list[Line]:
        """The lines of one tensor."""
        self.network.node(tensor)
        return [line for line in self.lines if line.tensor == tensor]

    def __str__(self) -> str:
        rows: list[str] = []
        stage = tensor = ""
        for line in self.lines:
            if line.tensor != tensor:
                rows += self._left_out(tensor)
            if line.stage != stage:
                stage = line.stage
                rows.append(stage)
            tensor = line.tensor
            rows.append(f"  {line}")
        return "\n".join(rows + self._left_out(tensor))

    def _left_out(self, tensor: str) -> list[str]:
        left = self.arrays[tensor].size - self.most if tensor else 0
        return [f"  … and {left:,} more of {tensor}"] if left > 0 else []

    __repr__ = __str__


def _short(body: Any, text: Any, style: str) -> str:
    """A body as text; of a long sum the first three terms and the last."""
    if not isinstance(body, sympy.Add) or len(body.args) <= _TERMS:
        return write(body, text, style)
    terms = ordered(body)
    head = write(sympy.Add(*terms[:3]), text, style)
    tail = write(terms[-1], text, style)
    dots = r"\cdots" if style == "latex" else "…"
    return f"{head} + {dots} {f'- {tail[1:]}' if tail.startswith('-') else f'+ {tail}'}"


def number(value: Any, digits: int = 4) -> str:
    """A number at so many digits: 0.3, -2, 1.5e-09."""
    return f"{float(value) or 0.0:.{digits}g}"  # -0.0 is written 0

"""The work of a step as a page sets it: in LaTeX, indices as in the code, adjoints marked.

>>> import graphnet as gn, numpy as np
>>> from graphnet.network.graph import Network
>>> x = gn.input("x", (2,))
>>> network = Network.collect({"y": gn.relu(2 * x).rename("y").node})
>>> arrays = {"x": np.array([3.0, -1.0]), "mul_1": np.array([6.0, -2.0]),
...           "y": np.array([6.0, 0.0])}
>>> [line.numbers for line in Numbers(network, arrays, 2).of("mul_1")]
['2 \\\\cdot 3', '2 \\\\cdot \\\\left(-1\\\\right)']
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from graphnet.compiler.evaluate import Point, evaluator
from graphnet.compiler.interpret import infer_sizes
from graphnet.formula import functions as fn
from graphnet.formula.extent import evaluate
from graphnet.formula.formula import symbol_kind
from graphnet.formula.latex import name as latex_name
from graphnet.formula.subscript import bare
from graphnet.network.graph import Network
from graphnet.network.neurons import Element, Ends
from graphnet.network.nodes import Computed, Input
from graphnet.network.runs import Body, Run, body_names
from graphnet.training.watch import watch
from graphnet.view.derivation import Local
from graphnet.view.typeset import ADJOINT
from graphnet.view.work import Line, Work

__all__ = ["Numbers", "at_start", "inside_loop"]

_SLOPE = "slope"


class Numbers(Work):
    """The lines of a network whose arrays are known."""

    def __init__(self, network: Network, arrays: Mapping[str, Any], most: int) -> None:
        super().__init__(network, arrays, most, "latex", 4, short=True)

    def name(self, element: Element) -> str:
        below = ",".join(map(str, element.place))
        text = latex_name(element.tensor) + (f"_{{{below}}}" if below else "")
        return self._marked(element, text)

    def numeral(self, element: Element) -> str:
        return self._marked(element, super().numeral(element))

    def _marked(self, element: Element, text: str) -> str:
        """What comes from the backward pass is marked; a sign stays outside, where it is seen."""
        if not element.tensor.startswith("d_"):
            return text
        sign = "-" if text.startswith("-") else ""
        return f"{sign}{ADJOINT}{{{text.removeprefix('-')}}}"

    def value(self, element: Element) -> float:
        """What its formula gives."""
        unfolding = self._unfolded.unfolding
        reads = [lambda _, e=e: self.arrays[e.tensor][e.place].item() for e in unfolding.elements]
        return float(evaluator(unfolding.bodies[element])(Point((), reads)))

    def known(self, body: Any) -> Any:
        """With every choice made: of `where(3 > 0, a, b)` only a is written."""
        elements = self._unfolded.unfolding.elements

        def chosen(expr: Any) -> Any:
            if not expr.has(fn.where):
                return expr
            if isinstance(expr, fn.where):
                held = self._holds(expr.args[0], elements)
                if held is not None:
                    return chosen(expr.args[1 if held else 2])
            return expr.func(*map(chosen, expr.args))

        if isinstance(body, Ends):
            return replace(body, terms=tuple(map(chosen, body.terms)))
        return chosen(body)

    def _holds(self, condition: Any, elements: Any) -> bool | None:
        """Whether a condition over elements holds; None where that is not known."""
        numbers: dict[Any, Any] = {}
        for symbol in condition.free_symbols:
            element = elements[symbol_kind(symbol)[1]]
            value = self.arrays[element.tensor][element.place]
            if not np.isfinite(value):
                return None
            numbers[symbol] = sympy.Float(float(value), 17) if value % 1 else sympy.Integer(value)
        told = condition.replace(fn.Holds, lambda a: sympy.Ne(a, 0)).xreplace(numbers)
        return bool(told) if told in (sympy.true, sympy.false) else None


def at_start(
    network: Network, derivative: Local, arrays: Mapping[str, NDArray[Any]]
) -> Line | None:  # fmt: skip
    """A local derivative in numbers, with all indices at 0: the line of one term of the adjoint.

    None where at 0 the reader does not write, or read, element 0 of every axis.
    """
    equation, node = derivative.equation, network.node(derivative.reader)
    f = equation.formula
    plain = f.plain_target is not None and all(s.bare is not None for s in derivative.read.subs)
    if not isinstance(node, Computed) or f.accumulate or not plain:
        return None
    known = {name: network.node(name) for name in equation.operands}
    given = {n: Input(name=n, shape=a.shape, dtype=a.dtype) for n, a in known.items()}
    whole = replace(f, target=tuple(map(bare, range(f.indices))), reduce=None)
    slope = Computed(
        name=_SLOPE, shape=node.extents, operands=tuple(given[n] for n in equation.operands),
        formula=whole, extents=node.extents, spelling=node.spelling,
    )  # fmt: skip
    alone = Network.collect([slope], extra=list(given.values()))
    sizes = infer_sizes(network, arrays)
    unknown = np.broadcast_to(0.0, tuple(evaluate(e, sizes) for e in node.extents))
    numbers = Numbers(alone, {**{name: arrays[name] for name in given}, _SLOPE: unknown}, 1)
    lines = numbers.of(_SLOPE)
    if not lines:
        return None
    return replace(lines[0], value=numbers.value(Element(_SLOPE, (0,) * len(node.extents))))


def inside_loop(
    network: Network, run: Run, arrays: Mapping[str, NDArray[Any]], most: int
) -> tuple[str, list[Line]]:
    """(which step of a loop this is, its lines): the second it takes, for states start at 0."""
    length = evaluate(run.loop.length, infer_sizes(network, arrays))
    if not length:
        return "", []
    body, name = Body.of(run), body_names(network, run)
    inside = Network.collect([], names=name, extra=list(name))
    inputs = [n for n, _ in inside.of(Input)]
    program = watch(inside, inputs, {}, {}, "float64")
    outside = {node: arrays[network.name_of(o)] for node, o in body.outer.items()}
    values: dict[str, Any] = {name[node]: array for node, array in outside.items()}
    order = range(length)[:: -1 if run.loop.reverse else 1][:2]
    known: dict[str, Any] = {}
    for t in order:
        if known:
            values |= {name[a]: known[name[b]] for a, b in zip(body.states, body.carried)}
        values |= {name[node]: outside[node][t] for node in body.sequences}
        values |= {name[body.step]: np.asarray(t)} if body.step is not None else {}
        known = {n: np.asarray(values[n]) for n in inputs}
        computed = program(*known.values())
        known |= {n: np.asarray(a) for n, a in zip(program.outputs, computed, strict=True)}
    told = f"at t = {order[-1]}, {'the second' if len(order) > 1 else 'its only'} step"
    lines = Numbers(inside, known, most).lines
    return told, [x for x in lines if isinstance(inside.node(x.tensor), Computed)]

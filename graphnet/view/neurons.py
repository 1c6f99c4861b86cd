"""Network -> the picture every textbook starts with: circles for neurons, arrows for weights.

A neuron is an element that depends on the data, together with the steps that lead to it alone
(sum, bias, activation); parameters are written on the arrows, biases come from a unit that is 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any

from sympy import Add, Expr, Mul, Symbol

from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.formula.formula import symbol_kind
from graphnet.network.graph import Network
from graphnet.network.neurons import MOST, Element, Unfolding
from graphnet.network.nodes import Computed, Input
from graphnet.network.unroll import opened
from graphnet.ops.array import arrays_given
from graphnet.view.dot import quote
from graphnet.view.spell import write
from graphnet.view.style import FONT, INK, KINDS, PAPER, shorten, text_width
from graphnet.view.tensors import shown
from graphnet.view.unfold import NAMED, Unfolded

__all__ = ["NeuronDiagram", "neuron_diagram"]

COLUMN = 8  # neurons of a column that are drawn; of more the first five and a mark
FIRST = 5
LABELS = 24  # more arrows than these are drawn without their weights


@dataclass
class Neuron:
    """A circle: its elements from the first sum to the activation."""

    elements: list[Element]
    depth: int = 0
    inputs: dict[Element, str] = field(default_factory=dict)  # element read -> weight
    bias: str = ""


@dataclass
class NeuronDiagram:
    """What is drawn, and how it is written as DOT."""

    title: str
    unfolded: Unfolded
    columns: list[list[Neuron]]
    hidden: list[int]  # neurons of each column that are not drawn
    adjoints: Network | None = None  # the network that has them, for a picture of the backward pass
    values: Mapping[str, Any] = field(default_factory=dict)

    def dot(self) -> str:
        """The picture in the DOT language, inputs at the left."""
        return "\n".join([*self._head(), *self._neurons(), *self._arrows(), "}", ""])

    def _head(self) -> list[str]:
        return [
            f"digraph {quote(self.title)} {{",
            f'  graph [rankdir=LR, nodesep=0.25, ranksep=1.3, bgcolor="{PAPER}", splines=line, '
            f'fontname="{FONT}", fontsize=12]',
            f'  node [fontname="{FONT}", fontsize=11, shape=circle, fixedsize=true, style=filled]',
            f'  edge [arrowsize=0.6, fontname="{FONT}", fontsize=9, color="#555555"]',
        ]

    def _neurons(self) -> Iterator[str]:
        for k, column in enumerate(self.columns):
            ids = [_id(n) for n in column]
            for neuron in column:
                yield self._circle(neuron)
            if self.hidden[k]:
                dots = quote(f"more {k}")
                text = quote("⋮", f"{self.hidden[k]:,} more")
                yield f'  {dots} [shape=plaintext, width=0.9, fillcolor="{PAPER}", label={text}]'
                ids.append(dots)
            if any(n.bias for n in column) and self.adjoints is None:
                one = quote(f"one {k}")
                yield (
                    f'  {one} [label="1", width=0.4, fillcolor="#E8E8E8", color="#888888", '
                    f"tooltip={quote('the bias unit, which is 1')}]"
                )
            yield f"  {{ rank=same; {'; '.join(ids)} }}"
            for above, below in pairwise(ids):
                yield f"  {above} -> {below} [style=invis]"

    def _circle(self, neuron: Neuron) -> str:
        last = neuron.elements[-1]
        node = self.unfolded.network.node(last.tensor)
        lines = [self.unfolded.text(last, "unicode")]
        if isinstance(node, Computed) and node.label in NAMED:
            lines.append(node.label)
        valued = last
        if self.adjoints is not None and not isinstance(node, Input):
            passed = self._passed(neuron)
            lines = [f"d_{self.unfolded.text(passed, 'unicode')}"]
            valued = Element(f"d_{passed.tensor}", passed.place)
        if valued.tensor in self.values:
            lines.append(self._value(valued))
        lines = [shorten(line, 14) for line in lines]
        width = max(0.72, max(map(text_width, lines)) / 72 + 0.22)
        ink = INK["backward"] if self.adjoints is not None else INK["forward"]
        fill = KINDS["input"].fill if isinstance(node, Input) else PAPER
        bodies = self.unfolded.unfolding.bodies
        told = [self.unfolded.line(e, bodies[e]) for e in neuron.elements if e in bodies]
        tip = quote(*(shorten(t, 300) for t in told or [str(last)]))
        return (
            f'  {_id(neuron)} [label={quote(*lines)}, width={width:.3g}, fillcolor="{fill}", '
            f'color="{ink}", fontcolor="{ink}", tooltip={tip}]'
        )

    def _value(self, element: Element) -> str:
        array, place = self.values[element.tensor], element.place
        if array.ndim != len(place) or not all(p < n for p, n in zip(place, array.shape)):
            raise GraphnetError(f"values[{element.tensor!r}] is {array.shape}, without {element}")
        return f"{float(array[element.place]):.3g}"

    def _passed(self, neuron: Neuron) -> Element:
        """Whose adjoint passes through a neuron: its sum's, delta in textbooks."""
        known = self.adjoints or ()
        return next((e for e in neuron.elements if f"d_{e.tensor}" in known), neuron.elements[-1])

    def _gradient(self, weight: str) -> str:
        """The adjoint of a weight, where the network has it."""
        tensor = weight.rstrip("".join("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾,˒"))
        return f"d_{weight}" if f"d_{tensor}" in (self.adjoints or ()) else ""

    def _arrows(self) -> Iterator[str]:
        drawn = {e: n for column in self.columns for n in column for e in n.elements}
        arrows = [
            (drawn[e], neuron, weight)
            for column in self.columns for neuron in column
            for e, weight in neuron.inputs.items() if e in drawn
        ]  # fmt: skip
        labelled = len(arrows) <= LABELS
        for tail, head, weight in arrows:
            weight = self._gradient(weight) if self.adjoints is not None else weight
            given = [f"tooltip={quote(weight or 'read')}"]
            if labelled and weight:
                given.append(f"label={quote(shorten(weight, 16))}")
            if self.adjoints is not None:
                given += ["dir=back", f'color="{INK["backward"]}"']
            yield f"  {_id(tail)} -> {_id(head)} [{', '.join(given)}]"
        for k, column in enumerate(self.columns):
            for neuron in column:
                if neuron.bias and self.adjoints is None:
                    label = f", label={quote(shorten(neuron.bias, 16))}" if labelled else ""
                    yield (
                        f"  {quote(f'one {k}')} -> {_id(neuron)} "
                        f"[style=dashed, tooltip={quote(neuron.bias)}{label}]"
                    )


def _id(neuron: Neuron) -> str:
    return quote(str(neuron.elements[-1]))


def neuron_diagram(
    network: Network, stage: str, values: Mapping[str, Any] | None = None
) -> NeuronDiagram:
    """The picture of a network for one sample, neuron by neuron.

    `stage` is "forward", or "backward" for the same neurons with their adjoints in red; named
    sizes are 1. A recurrence is drawn unrolled, step by step, the first few of its steps.
    Raises GraphnetError for another stage, where nothing is computed, and where a neuron reads
    more than can be written out.
    """
    if stage not in ("forward", "backward", "all"):
        raise GraphnetError(f"neurons are drawn at stage forward or backward, not {stage!r}")
    names = shown(network, "forward")
    part = Network.collect(
        {n: network.node(n) for n in names if network.stage(n) == "forward"},
        names={node: name for name, node in network.items()},
    )
    if stage == "backward":
        shown(network, "backward")  # it is there, or this says that it is not
    unfolded = Unfolded(opened(part), {}, _label, COLUMN)
    _require_whole(unfolded)
    neurons = _neurons(unfolded)
    if not any(n.inputs for n in neurons):
        raise GraphnetError("this network computes nothing from its inputs: no neuron to draw")
    columns, hidden = _columns(neurons, unfolded)
    adjoints = network if stage == "backward" else None
    title = f"{stage}: {sum(map(len, columns)) + sum(hidden):,} neurons"
    arrays = arrays_given(values)
    if arrays and not any(name in network for name in arrays):
        wrong = next(iter(arrays))
        raise GraphnetError(f"values: there is no tensor {told(wrong)}{did_you_mean(wrong, names)}")
    return NeuronDiagram(title, unfolded, columns, hidden, adjoints, arrays)


def _label(element: Element) -> int:
    return 0  # which row of a table a label chooses does not change the picture's shape


def _require_whole(unfolded: Unfolded) -> None:
    """A picture without a tensor that is computed from the data would be another network's."""
    data: set[str] = set()
    for name, node in unfolded.network.items():
        operands = map(unfolded.network.name_of, node.operands)
        if isinstance(node, Input) or not data.isdisjoint(operands):
            data.add(name)
    for name in unfolded.unfolding.passed:
        if name in data:
            raise GraphnetError(
                f"too large to be drawn neuron by neuron: the first {COLUMN} of its elements have "
                f'more than {MOST:,} terms; level="tensors" draws it in one box',
                where=name,
            )


def _neurons(unfolded: Unfolded) -> list[Neuron]:
    """Circles in order of computation; inputs first."""
    unfolding, network = unfolded.unfolding, unfolded.network
    data: dict[Element, list[Element]] = {}  # element -> the elements it reads that hold data
    readers: dict[Element, set[Element]] = {}
    for element in unfolding.bodies:
        reads = [
            e for e in unfolding.reads(element)
            if e in data or isinstance(network.node(e.tensor), Input)
        ]  # fmt: skip
        if not reads:
            continue
        for e in reads:
            if isinstance(network.node(e.tensor), Input):
                data.setdefault(e, [])
            readers.setdefault(e, set()).add(element)
        data[element] = reads
    home: dict[Element, Neuron] = {}
    for element, reads in data.items():
        only = home.get(reads[0]) if len(reads) == 1 else None
        joins = only is not None and only.inputs and len(readers[reads[0]]) == 1
        if joins and only is not None and only.elements[-1] == reads[0]:
            only.elements.append(element)
            only.bias = only.bias or _bias(unfolded, element, reads[0])
            home[element] = only
            continue
        depth = 1 + max((home[e].depth for e in reads), default=-1)
        neuron = Neuron([element], depth)
        weights = _weights(unfolded, element) if reads else {}
        neuron.inputs = {e: weights.get(e, "") for e in reads}
        home[element] = neuron
    return list({id(n): n for n in home.values()}.values())


def _weights(unfolded: Unfolded, element: Element) -> dict[Element, str]:
    """What an element's formula multiplies each of its reads with, where that is one thing."""
    unfolding = unfolded.unfolding
    factors: dict[Symbol, list[Expr]] = {}
    for term in Add.make_args(unfolding.bodies[element]):
        parts = Mul.make_args(term)
        for part in parts:
            if part.is_Symbol and symbol_kind(part)[0] == "h":
                factors.setdefault(part, []).append(Mul(*(p for p in parts if p != part)))
    found = {}
    for read, several in factors.items():
        factor = Add(*several)
        if factor.is_Symbol:
            found[unfolding.element(read)] = unfolded.text(unfolding.element(factor), "unicode")
        elif factor.is_Rational and factor not in (0, 1):
            found[unfolding.element(read)] = write(factor, str, "unicode")
    return found


def _bias(unfolded: Unfolded, element: Element, read: Element) -> str:
    """The parameter that is added, if the formula is read + parameter."""
    unfolding: Unfolding = unfolded.unfolding
    rest = unfolding.bodies[element] - unfolding.hole(read)
    if rest.is_Symbol and symbol_kind(rest)[0] == "h":
        element = unfolding.element(rest)  # one that a loop makes is of the states it starts from
        return "" if unfolding.steps.get(element) else unfolded.text(element, "unicode")
    return ""


def _columns(neurons: list[Neuron], unfolded: Unfolded) -> tuple[list[list[Neuron]], list[int]]:
    """Neurons by depth, inputs in order of their places; of a long column the first few."""
    columns: list[list[Neuron]] = [[] for _ in range(1 + max(n.depth for n in neurons))]
    for neuron in neurons:
        columns[neuron.depth].append(neuron)
    columns[0].sort(key=lambda n: (n.elements[0].tensor, n.elements[0].place))
    hidden = []
    made = Counter(_part(unfolded, e) for e in unfolded.unfolding.bodies)
    for k, column in enumerate(columns):
        shown = Counter(_part(unfolded, n.elements[-1]) for n in column)
        total = sum(
            count + max(0, _size(unfolded, part) - max(count, made[part]))
            for part, count in shown.items()
        )
        keep = total if total <= COLUMN else FIRST
        columns[k] = column[:keep]
        hidden.append(max(0, total - len(columns[k])))
    return columns, hidden


def _part(unfolded: Unfolded, element: Element) -> tuple[str, tuple[int, ...]]:
    """The tensor of an element, of the step at which a loop makes it."""
    return element.tensor, element.place[: len(unfolded.unfolding.steps.get(element, ()))]


def _size(unfolded: Unfolded, part: tuple[str, tuple[int, ...]]) -> int:
    tensor, step = part
    return prod(unfolded.unfolding.shape(tensor)[len(step) :])

"""Neurons: every element of every tensor by its own formula, without an index left.

`Z[n,o] = Sum(x[n,i]*W[i,o], i)` over 2 inputs and 3 outputs is three formulas such as
`Z[0,2] = x[0,0]*W[0,2] + x[0,1]*W[1,2]`. A body is a sympy expression over numbered holes, as in a
Formula; a hole stands for an element here, numbered in order of appearance in the whole network.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from sympy import Expr, Integer, Symbol

from graphnet.errors import GraphnetError
from graphnet.formula.extent import evaluate
from graphnet.formula.formula import hole, symbol_kind
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Constant
from graphnet.network.unroll import Inner

__all__ = ["LONG", "MOST", "Element", "Ends", "Place", "Unfolding", "home_of", "place_of", "places"]

MOST = 50_000  # terms that are written out
LONG = 8  # terms of a reduction; of a longer one the first three and the last may do
DEEPEST = 4_000  # operations of one formula with everything put in

Place = tuple[int, ...]


@dataclass(frozen=True)
class Element:
    """One number of a tensor."""

    tensor: str
    place: Place = ()

    def __str__(self) -> str:
        return f"{self.tensor}[{','.join(map(str, self.place))}]" if self.place else self.tensor


@dataclass(frozen=True)
class Ends:
    """The first three terms of a long reduction and the last."""

    reduce: str
    terms: tuple[Expr, ...]


@dataclass
class Unfolding:
    """The formulas of the elements of a network; what is given has none.

    `elements[k]` is what hole k stands for.
    """

    network: Network
    sizes: Mapping[str, int]
    number: Callable[[Constant, Place], Expr] | None = None
    bodies: dict[Element, Expr] = field(default_factory=dict)
    ends: dict[Element, Ends] = field(default_factory=dict)  # in place of bodies, of long ones
    nodes: dict[Element, Computed] = field(default_factory=dict)  # of which elements these are
    passed: list[str] = field(default_factory=list)  # tensors of too many terms
    # The loops they are in, each by one of its results, and their steps.
    steps: dict[Element, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    elements: list[Element] = field(default_factory=list)
    # What the formula of an element reads: by read, then in the order of what is added.
    order: dict[Element, tuple[Element, ...]] = field(default_factory=dict)
    _number: dict[Element, int] = field(default_factory=dict)

    def hole(self, element: Element) -> Symbol:
        """The symbol that stands for an element."""
        if element not in self._number:
            self._number[element] = len(self.elements)
            self.elements.append(element)
        return hole(self._number[element])

    def add(self, inner: Inner, place: Place, body: Expr | Ends) -> None:
        """Takes the formula of an element."""
        element = home_of(inner, place)
        if isinstance(body, Ends):
            self.ends[element] = body
        else:
            self.bodies[element] = body
            if inner.node is not None:
                self.nodes[element] = inner.node
        self.steps[element] = tuple(zip(inner.loops, inner.step, strict=True))

    def read(self, element: Element | Integer) -> Expr:
        """What stands for an element in a formula: its symbol, or the number of a constant."""
        if not isinstance(element, Element):
            return element
        node = self.network.node(element.tensor)
        if self.number is not None and isinstance(node, Constant) and node.dtype == "float":
            return self.number(node, element.place)
        return self.hole(element)

    def element(self, symbol: Symbol) -> Element:
        return self.elements[symbol_kind(symbol)[1]]

    def reads(self, element: Element) -> list[Element]:
        """The elements that an element's formula reads, in order of appearance."""
        found = sorted(symbol_kind(s)[1] for s in self.bodies[element].free_symbols)
        return [self.elements[k] for k in found]

    def in_order(self, element: Element, body: Expr | Ends) -> tuple[Expr | Ends, list[Element]]:
        """A formula of an element with its holes numbered in the order in which it is written.

        The list has what they stand for. Of what was put in, what that reads stands in its place.
        """
        parts = body.terms if isinstance(body, Ends) else (body,)
        left = {self.element(s) for part in parts for s in part.free_symbols}
        found: list[Element] = []
        seen: set[Element] = set()
        stack = [element]
        while stack:
            here = stack.pop()
            if here in seen:
                continue
            seen.add(here)
            if here in left:
                left.remove(here)
                found.append(here)
            else:
                stack += reversed(self.order.get(here, ()))
        found += sorted(left, key=self._number.__getitem__)
        first = {name: k for k, name in enumerate(dict.fromkeys(e.tensor for e in found))}
        found.sort(key=lambda e: first[e.tensor])  # else x*W at one step and W*x at the next
        new = {self.hole(e): hole(k) for k, e in enumerate(found)}
        if isinstance(body, Ends):
            return Ends(body.reduce, tuple(t.xreplace(new) for t in parts)), found
        return body.xreplace(new), found

    def shape(self, tensor: str) -> Place:
        return tuple(evaluate(e, self.sizes) for e in self.network.node(tensor).shape)

    def inlined(
        self,
        element: Element,
        keep: frozenset[str] = frozenset(),
        shorter: Mapping[Element, Expr] | None = None,
    ) -> Expr:
        """The formula of an element with those of all it reads put in, but for kept tensors.

        `shorter` holds bodies to take instead of an element's own.
        Raises GraphnetError where it grows past what can be read.
        """
        bodies = self.bodies | dict(shorter or {})
        full: dict[Element, Expr] = {}
        stack = [element]
        while stack:
            here = stack[-1]
            if here in full:
                stack.pop()
                continue
            parts = [
                e for e in self.reads(here) if e in self.bodies and e.tensor not in keep
            ]  # fmt: skip
            missing = [e for e in parts if e not in full]
            if missing:
                stack += missing
                continue
            body = bodies[here].xreplace({self.hole(e): full[e] for e in parts})
            if body.count_ops() > DEEPEST:
                raise GraphnetError(
                    f"with everything put in, the formula of {here} has more than {DEEPEST:,} "
                    "operations; take smaller sizes, or keep some tensors"
                )
            full[here] = body
            stack.pop()
        return full[element]


def places(shape: Place, first: int | None = None) -> Iterator[Place]:
    """The places of a tensor, the last axis fastest, all of them or the first few.

    GraphnetError where all are asked for and there are too many.
    """
    count = math.prod(shape)
    if first is not None:
        return map(partial(place_of, shape), range(min(count, first)))
    if count > 20 * MOST:
        raise GraphnetError(f"a tensor of {count:,} elements is too large to be written out")
    return itertools.product(*map(range, shape))


def place_of(shape: Place, at: int) -> Place:
    """The place that comes so far behind the first one."""
    found: list[int] = []
    for size in reversed(shape):
        at, p = divmod(at, size)
        found.append(p)
    return tuple(reversed(found))


def home_of(inner: Inner, place: Place) -> Element:
    """Which element of the network something is that is computed at a step."""
    return Element(inner.name, (*inner.step, *place))

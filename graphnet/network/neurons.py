"""Network -> neurons: every element of every tensor by its own formula, without an index left.

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
from math import prod

import sympy
from sympy import Expr, Integer, Symbol

from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.extent import Extent, evaluate, names
from graphnet.formula.formula import dim_symbol, hole, index_symbol, size_symbol, symbol_kind
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, Mod
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Constant, Node, Scan
from graphnet.network.runs import Run
from graphnet.network.unroll import Inner, Locate, is_open, unrolled

__all__ = ["LONG", "MOST", "Element", "Ends", "Unfolding", "places", "unfold"]

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
        element = _home(inner, place)
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


def unfold(
    network: Network,
    sizes: Mapping[str, int] | None = None,
    whole: Callable[[Element], int] | None = None,
    first: int | None = None,
    number: Callable[[Constant, Place], Expr] | None = None,
    short: bool = False,
) -> Unfolding:
    """Every element of every computed tensor by its formula.

    `sizes` gives named sizes their numbers; those it lacks are 1. `whole` gives the elements of
    int tensors that stand in subscripts. With `first` only so many elements of each tensor are
    unfolded, of so many steps of a loop, and tensors with too many terms are `passed` over.
    `number` gives the elements of constants, which then stand in the formulas as numbers. Of a loop
    that is laid open (network/unroll.py) every step is written out; one that is not is passed over.
    With `short` besides `first` long reductions have `ends` and no bodies, however long they are.
    Raises GraphnetError, without `first`, for a loop as it is and for more terms than can be
    written out; and where a subscript needs an element that is not given.
    """
    found = _sizes(network, sizes or {})
    result = Unfolding(network, found, number)
    total = 0
    for inner in _computed(network, found, first):
        wanted = list(places(inner.shape, first))
        runs = _terms(inner.node, len(wanted), found, short)
        total = runs if first is not None else total + runs
        if total <= MOST:
            _unfold_node(result, inner, wanted, whole, short)
        elif first is None:
            raise GraphnetError(
                f"unfolded, this network has more than {MOST:,} terms", where=inner.name
            )  # fmt: skip
        else:
            result.passed.append(inner.name)
    return result


def _computed(network: Network, sizes: Mapping[str, int], first: int | None) -> Iterator[Inner]:
    """What is computed by formulas, in order; of loops that are laid open what their steps do."""

    def find(node: Node, place: Place) -> tuple[str, Place]:
        return network.name_of(node), place

    done: set[Run] = set()
    for name, node in network.items():
        if isinstance(node, Computed):
            shape = tuple(evaluate(e, sizes) for e in node.shape)
            yield Inner(name, shape, (), find, node)
        elif isinstance(node, Scan) and (run := Run.of(node)) not in done:
            done.add(run)
            if is_open(network, run):
                named = {n.result: m for m, n in network.of(Scan) if Run.of(n) == run}
                yield from unrolled(run, named, sizes, find, most=first)
            elif first is None:
                raise GraphnetError("a loop is not unfolded into neurons", where=name)


def _terms(node: Computed | None, wanted: int, sizes: Mapping[str, int], short: bool) -> int:
    """How many terms the formulas of so many elements have."""
    if node is None:
        return wanted
    loops = [evaluate(e, sizes) for e in node.extents]
    if node.formula.plain_target is None or node.formula.accumulate:
        return prod(loops)
    over = prod(loops[p] for p in node.formula.over)
    return wanted * (min(over, LONG) if short else over)


def _sizes(network: Network, given: Mapping[str, int]) -> dict[str, int]:
    known = {n for _, node in network.items() for e in node.shape for n in names(e)}
    for name, size in given.items():
        if name not in known:
            told = ", ".join(sorted(known)) or "none"
            raise GraphnetError(f"this network has no size {name!r}; its named sizes: {told}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise GraphnetError(f"the size {name!r} is a whole number of at least 0, not {size!r}")
    return dict.fromkeys(sorted(known), 1) | dict(given)


def places(shape: Place, first: int | None = None) -> Iterator[Place]:
    """The places of a tensor, the last axis fastest, all of them or the first few.

    GraphnetError where all are asked for and there are too many.
    """
    count = math.prod(shape)
    if first is not None:
        return map(partial(_place, shape), range(min(count, first)))
    if count > 20 * MOST:
        raise GraphnetError(f"a tensor of {count:,} elements is too large to be written out")
    return itertools.product(*map(range, shape))


def _place(shape: Place, at: int) -> Place:
    """The place that comes so far behind the first one."""
    found: list[int] = []
    for size in reversed(shape):
        at, p = divmod(at, size)
        found.append(p)
    return tuple(reversed(found))


@dataclass
class _Point:
    """One point of the loops of a formula."""

    unfolding: Unfolding
    find: Locate
    nodes: tuple[Node, ...]
    index: Place
    whole: Callable[[Element], int] | None

    def size(self, extent: Extent) -> int:
        return evaluate(extent, self.unfolding.sizes)

    def subscript(self, s: Affine) -> int:
        return self.size(s.const) + sum(self.size(c) * self.atom(a) for a, c in s.terms)

    def atom(self, atom: Index | FloorDiv | Mod | Gather) -> int:
        match atom:
            case Index(position):
                return self.index[position]
            case FloorDiv(inner, divisor):
                return self.subscript(inner) // self.size(divisor)
            case Mod(inner, divisor):
                return self.subscript(inner) % self.size(divisor)
            case Gather(slot, subs):
                element = self.read(slot, subs)
                if not isinstance(element, Element):
                    return int(element)
                if self.whole is None:
                    raise GraphnetError(
                        f"{element} chooses what is read: give its value to unfold this network"
                    )
                return self.whole(element)

    def read(self, slot: int, subs: tuple[Affine, ...]) -> Element | Integer:
        """The element that is read; 0 outside of the tensor, and the number of a step itself."""
        place = tuple(self.subscript(s) for s in subs)
        shape = tuple(map(self.size, self.nodes[slot].shape))
        inside = all(0 <= p < n for p, n in zip(place, shape, strict=True))
        return _element(self.find(self.nodes[slot], place)) if inside else Integer(0)


def _home(inner: Inner, place: Place) -> Element:
    """Which element of the network something is that is computed at a step."""
    return Element(inner.name, (*inner.step, *place))


def _element(found: tuple[str, Place] | int) -> Element | Integer:
    return Integer(found) if isinstance(found, int) else Element(*found)


def _unfold_node(
    result: Unfolding,
    inner: Inner,
    wanted: list[Place],
    whole: Callable[[Element], int] | None,
    short: bool,
) -> None:
    if (node := inner.node) is None:
        for place in wanted:
            element = _element(inner.find(place))
            result.add(inner, place, result.read(element))
            if isinstance(element, Element):
                result.order[_home(inner, place)] = (element,)
        return
    f = node.formula
    extents = [evaluate(e, result.sizes) for e in node.extents]
    fixed = {size_symbol(p): Integer(e) for p, e in enumerate(extents)}
    fixed |= {dim_symbol(k): Integer(evaluate(e, result.sizes)) for k, e in enumerate(f.dims)}
    terms: dict[Place, list[Expr]] = {place: [] for place in wanted}
    order: dict[Place, list[dict[Element, None]]] = {p: [{} for _ in f.reads] for p in wanted}
    long = short and not f.accumulate and f.plain_target is not None
    long = long and prod(extents[p] for p in f.over) > LONG
    for index in _points(node, extents, wanted, long):
        point = _Point(result, inner.find, node.operands, index, whole)
        target = tuple(point.subscript(s) for s in f.target)
        if target not in terms:
            continue  # not asked for, or outside: such a write is dropped
        body = f.body.xreplace(fixed | {index_symbol(p): Integer(i) for p, i in enumerate(index)})
        reads = {}
        for k in f.holes(body):
            element = point.read(f.reads[k].slot, f.reads[k].subs)
            reads[hole(k)] = result.read(element)
            if isinstance(element, Element):
                order[target][k][element] = None
        terms[target].append(body.xreplace(reads))
    reduce = "Sum" if f.accumulate or not f.reduce else f.reduce
    for place in wanted:
        kept = terms[place]
        result.add(inner, place, Ends(reduce, tuple(kept)) if long else _reduced(reduce, kept))
        read = dict.fromkeys(e for found in order[place] for e in found)
        result.order[_home(inner, place)] = tuple(read)


def _points(
    node: Computed, extents: list[int], wanted: list[Place], ends: bool
) -> Iterator[Place]:  # fmt: skip
    """The points of the loops; of a plain target only those that land on a wanted place.

    With `ends` only the first three of those that a place is reduced over, and the last.
    """
    f = node.formula
    target = f.plain_target
    if target is None or f.accumulate:
        yield from places(tuple(extents))
        return
    for place in wanted:
        index = [0] * f.indices
        for p, i in zip(target, place, strict=True):
            index[p] = i
        over = tuple(extents[p] for p in f.over)
        chosen = (0, 1, 2, prod(over) - 1)
        for rest in map(partial(_place, over), chosen) if ends else places(over):
            for p, i in zip(f.over, rest, strict=True):
                index[p] = i
            yield tuple(index)


def _reduced(reduce: str, terms: list[Expr]) -> Expr:
    if reduce == "Sum":
        return sympy.Add(*terms)
    if reduce == "LogSumExp":
        return sympy.log(sympy.Add(*map(sympy.exp, terms))) if terms else -sympy.oo
    if not terms:
        return -sympy.oo if reduce == "Max" else sympy.oo
    return terms[0] if len(terms) == 1 else (fn.Max if reduce == "Max" else fn.Min)(*terms)

"""Network -> neurons: the loops of its formulas are walked, and every element gets its own.

`Z[n,o] = Sum(x[n,i]*W[i,o], i)` over 2 inputs and 3 outputs is three formulas such as
`Z[0,2] = x[0,0]*W[0,2] + x[0,1]*W[1,2]`, bodies of an Unfolding (network/neurons.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

import sympy
from sympy import Expr, Integer

from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.extent import Extent, evaluate, names
from graphnet.formula.formula import dim_symbol, hole, index_symbol, size_symbol
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, Mod
from graphnet.network.graph import Network
from graphnet.network.neurons import (
    LONG,
    MOST,
    Element,
    Ends,
    Place,
    Unfolding,
    home_of,
    place_of,
    places,
)
from graphnet.network.nodes import Computed, Constant, Node, Scan
from graphnet.network.runs import Run
from graphnet.network.unroll import Inner, Locate, is_open, unrolled

__all__ = ["unfold"]


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
                result.order[home_of(inner, place)] = (element,)
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
        result.order[home_of(inner, place)] = tuple(read)


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
        for rest in map(partial(place_of, over), chosen) if ends else places(over):
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

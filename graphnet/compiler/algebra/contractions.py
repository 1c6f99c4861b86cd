"""Sums of products: scales stay outside or go to the smallest array, small sums come first.

A scale in front of a product of arrays has to be applied once. It may go to one of the factors (to
the one whose scaled form exists, or is smallest, shared among all that read it) or stay with the
result, where an optimizer may absorb it. In a plain sum it becomes a vector of that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphnet.compiler.algebra.products import LARGE, elements
from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import (
    MINUS,
    ONE,
    Factor,
    Sum,
    Term,
    add,
    divisor,
    is_negative,
    moved,
    power,
    scaled,
    times,
)
from graphnet.compiler.contraction import lies, sum_of_product
from graphnet.compiler.unfold import as_matrix
from graphnet.compiler.values import Local, Value
from graphnet.formula.extent import Extent

if TYPE_CHECKING:
    from graphnet.compiler.algebra.simplify import Simplifier

__all__ = ["Contractions"]


class Contractions:
    """Sums over loops numbered from a rank up."""

    def __init__(self, owner: Simplifier) -> None:
        self.owner = owner
        # sums of arrays over some of their axes that exist, in the axes of the array
        self.totals: dict[tuple[Value, frozenset[int]], Sum] = {}

    def contract(self, v: Value) -> Sum:
        """A contraction of two old values."""
        over: Any = v.extra
        return self.sum_of(
            self.owner.product(self.owner.arg(v, 0), self.owner.arg(v, 1)), v.rank, over
        )

    def sum(self, v: Value) -> Sum | None:
        """The sum of an old value over some axes."""
        (source, axes) = v.args[0]
        if v.dtype != "float" or source in self.owner.moves:
            return None
        sizes = dict(zip(axes, source.extents, strict=True))
        over = [sizes[a] for a in range(v.rank, len(sizes))]
        terms = self.owner.arg(v, 0)
        return self.sum_of(self._vanishing(terms, v.rank, over), v.rank, over)

    def sum_of(self, terms: Sum, rank: int, over: Sequence[Extent]) -> Sum:
        """Sum over loops rank, rank + 1, ... of the given extents."""
        if len(terms) > 1 and not self._apart(terms, rank, len(over)):
            terms = (self.owner.writer.atom(terms),)
        return add(*(self._of_term(t, rank, over) for t in terms))

    def _apart(self, terms: Sum, rank: int, over: int) -> bool:
        """Whether a sum is cheaper term by term: where terms have fewer loops, or are products."""
        every = frozenset[int]().union(*(t.labels for t in terms))
        if every <= set(range(rank, rank + over)) and any(self._is_sum(t) for t in terms):
            return True
        return all(
            t.labels != every or all(set(axes) != every for _, axes, _ in t.factors)
            for t in terms
        )  # fmt: skip

    def _is_sum(self, t: Term) -> bool:
        """Whether a term is a sum that nothing else reads, which merges with a sum over it."""
        return len(t.factors) == 1 and t.factors[0][0].op == "sum" and (
            self.owner.readers(t.factors[0][0]) == 1
        )  # fmt: skip

    def _of_term(self, term: Term, rank: int, over: Sequence[Extent]) -> Sum:
        values = self.owner.values
        loops = [rank + k for k in range(len(over))]
        missing = [p for p in loops if p not in term.labels]
        scale = term.scale
        for p in missing:
            scale = times(scale, as_term(values.size(over[p - rank])))
        loops = [p for p in loops if p not in missing]
        if not loops:
            return (times(scale, term.core),)
        if len(term.factors) == 1 and term.factors[0][2] == 1:
            merged = self._merged(term.factors[0][0], term.factors[0][1], loops)
            if merged is not None:
                return (times(scale, merged),)
        term = self._with_pairs(term.core)
        scale = times(scale, term.scale)
        outer = tuple(f for f in term.factors if not set(f[1]) & set(loops))
        inner = tuple(f for f in term.factors if set(f[1]) & set(loops))
        if set(loops) >= frozenset(a for _, axes, _ in inner for a in axes):
            dot = self._dot(inner, loops)
            if dot is not None:
                return (times(scale, times(Term(factors=outer), dot)),)
        arrays = self._groups(inner)
        if len(arrays) == 1:
            before = scale
            result, scale = self._plain(arrays[0], loops, scale, bool(outer))
            if scale == before or divisor(before, (ONE,), self.owner.facts.positive) == before:
                self._remember(arrays[0], loops, result, times(scale, power(before, -1)))
        else:
            arrays, scale = self._scaled(arrays, loops, scale)
            result = sum_of_product(
                values, arrays, loops, sorted(term.labels - set(loops)), matrices=True
            )
        return (times(scale, times(Term(factors=outer), as_term(result))),)

    def _remember(self, a: Local, loops: Sequence[int], result: Local, scale: Term) -> None:
        """That `result`, times a scale, is the sum of an array over some of its axes."""
        place = {label: d for d, label in enumerate(a.labels)}
        summed = frozenset(place[p] for p in a.labels if p in loops)
        own = Local(result.value, tuple(place[p] for p in result.labels))
        self.totals.setdefault((a.value, summed), (times(scale, as_term(own)),))

    def _dot(self, factors: Sequence[Factor], loops: Sequence[int]) -> Term | None:
        """The sum of all elements of a product is one inner product."""
        every = frozenset(loops)
        if any(frozenset(axes) != every or e not in (1, 2) for _, axes, e in factors):
            return None
        (value, axes, exponent), *rest = factors[::-1]
        if exponent == 2:
            rest = [*rest, (value, axes, 1)]
        if not rest:
            return None
        other = self.owner.products.array(Term(factors=tuple(rest[::-1])))
        return self._inner(other, Local(value, axes))

    def _inner(self, a: Local, b: Local) -> Term:
        """Sum of the products of all elements of two arrays over the same loops."""
        axes = tuple(a.labels.index(p) for p in b.labels)
        args = [(a.value, tuple(range(a.value.rank))), (b.value, axes)]
        made = self.owner.values.make("contract", args, (), "float", tuple(a.value.extents))
        return as_term(Local(made))

    def _merged(self, value: Value, axes: Sequence[int], loops: Sequence[int]) -> Term | None:
        """The sum of all of an array that is a sum itself: one sum, where nothing else reads it."""
        if value.op != "sum" or not set(axes) <= set(loops) or self.owner.readers(value) > 1:
            return None
        source = value.args[0][0]
        if source.op == "multiply" and all(a.rank == source.rank for a, _ in source.args):
            a, b = (Local(v, at) for v, at in source.args)
            return self._inner(a, b)
        everything = tuple(range(source.rank))
        return as_term(self.owner.values.reduce("sum", Local(source, everything), everything))

    def _with_pairs(self, term: Term) -> Term:
        """Two factors whose product exists already are that product."""
        plain = [Local(v, axes) for v, axes, e in term.factors if e == 1]
        rest = tuple(f for f in term.factors if f[2] != 1)
        if len(plain) < 2:
            return term
        found = Term(factors=rest)
        for a in self.owner.products.reused(plain):
            found = times(found, as_term(a))
        return found

    def _groups(self, factors: Sequence[Factor]) -> list[Local]:
        """Factors over the same loops as one array; one over fewer loops joins the smallest."""
        groups: dict[frozenset[int], Term] = {}
        for f in factors:
            key = frozenset(f[1])
            groups[key] = times(groups.get(key, ONE), Term(factors=(f,)))
        made = {k: self.owner.products.array(t) for k, t in groups.items()}

        def size(k: frozenset[int]) -> tuple[int, int]:
            return elements(made[k].value.extents), made[k].value.number

        while len(made) > 2:
            small = min(made, key=size)
            wider = [k for k in made if k > small]
            if not wider:
                break
            large = min(wider, key=size)
            groups[large] = times(groups[small], groups[large])
            made[large] = self.owner.products.array(groups[large])
            del made[small]
        return list(made.values())

    # -- where the scale goes ----------------------------------------------------------------------

    def _plain(
        self, a: Local, loops: Sequence[int], scale: Term, outer: bool
    ) -> tuple[Local, Term]:
        """A sum without a product; a number known at build time goes into the vector of ones."""
        values = self.owner.values
        kept = [p for p in a.labels if p not in loops]
        over = [p for p in a.labels if p in loops]
        moved = a.value.op == "window" or _is_mask(a.value)  # bits are counted as they lie
        if kept and not moved and not lies(a, kept, over):
            return self._of_matrix(a, kept, over, scale, outer)
        number = self.owner.products.scalar(scale)
        plain = number is None or (scale.number in (1, -1) and not scale.scalars)
        if plain or not kept or outer or not self.owner.on("scaled ones"):
            return values.reduce("sum", a, loops), scale
        assert number is not None
        if not number.value.host:
            return values.reduce("sum", a, loops), scale
        made = self.owner.products.known("multiply", [number, a])
        if made is not None:  # one array for the gradients of weights and of bias
            return values.reduce("sum", made, loops), ONE
        over = [p for p in a.labels if p in loops]
        extents = dict(zip(a.labels, a.value.extents, strict=True))
        ones = values.make("broadcast", [(number.value, ())], [extents[p] for p in over])
        vector = Local(ones, tuple(over))
        return sum_of_product(values, [a, vector], over, kept), ONE

    def _of_matrix(
        self, a: Local, kept: Sequence[int], over: Sequence[int], scale: Term, outer: bool
    ) -> tuple[Local, Term]:
        """The sum of what does not lie side by side: of the matrix that a gradient is made of."""
        values = self.owner.values
        (matrix, groups), kept = as_matrix(values, a, (), kept, over)
        rows = Local(matrix, tuple(0 if g == "own" else 1 for g in groups))
        total, scale = self._plain(rows, [1], scale, outer)
        extents = dict(zip(a.labels, a.value.extents, strict=True))
        sizes = [extents[p] for p in kept]
        if len(kept) > 1:
            made = values.make("reshape", [(total.value, (0,))], sizes, a.value.dtype)
            return Local(made, tuple(kept)), scale
        return Local(total.value, tuple(kept)), scale

    def _scaled(
        self, arrays: list[Local], loops: Sequence[int], scale: Term
    ) -> tuple[list[Local], Term]:
        """The arrays, the scale applied to one of them where that is cheaper than to the result."""
        if scale.number in (1, -1) and not scale.scalars:
            return arrays, scale
        number = self.owner.products.scalar(replace(scale, number=abs(scale.number)))
        sign = MINUS if is_negative(scale.number) else ONE
        if number is None:
            return arrays, scale
        best: tuple[float, int] | None = None
        for k, a in enumerate(arrays):
            known = self.owner.products.known("multiply", [number, a]) is not None
            cost = 0.0 if known else _cost(a.value.extents) / self.owner.readers(a.value)
            best = min(best, (cost, k)) if best is not None else (cost, k)
        assert best is not None
        extents = {p: e for a in arrays for p, e in zip(a.labels, a.value.extents, strict=True)}
        result = _cost([e for p, e in extents.items() if p not in loops])
        if best[0] and best[0] >= result:
            return arrays, scale
        chosen = arrays[best[1]]
        made = self.owner.products.known("multiply", [number, chosen])
        made = made or self.owner.values.pointwise("multiply", [number, chosen])
        return [made if k == best[1] else a for k, a in enumerate(arrays)], sign

    # -- sums that are 0 ---------------------------------------------------------------------------

    def _vanishing(self, terms: Sum, rank: int, over: Sequence[Extent]) -> Sum:
        """Without the parts whose sum is 0 by definition: Sum(x - Sum(x)/n)."""
        if not self.owner.on("zero sum"):
            return terms
        kept = []
        for t in terms:
            definition = None
            inner = [f for f in t.factors if any(a >= rank for a in f[1])]
            if len(inner) == 1 and inner[0][2] == 1:
                value, axes, _ = inner[0]
                definition = self.owner.writer.definitions.get(value)
            if definition is not None and self._is_zero(moved(definition, axes), rank, over):
                continue
            kept.append(t)
        return tuple(kept)

    def _is_zero(self, terms: Sum, rank: int, over: Sequence[Extent]) -> bool:
        total: list[Sum] = []
        loops = {rank + k for k in range(len(over))}
        for t in terms:
            if not loops & t.labels:
                scale = Term()
                for e in over:
                    scale = times(scale, as_term(self.owner.values.size(e)))
                total.append((times(scale, t),))
                continue
            if len(t.factors) != 1 or t.factors[0][2] != 1 or not loops <= t.labels:
                return False
            value, axes, _ = t.factors[0]
            summed = frozenset(d for d, a in enumerate(axes) if a in loops)
            found = self.totals.get((value, summed))
            if found is None:
                return False
            total.append(scaled(moved(found, axes), t.scale))
        return not add(*total)


def _cost(extents: Sequence[Extent]) -> int:
    """What a pass over an array costs, in elements: a call takes as long as LARGE of them."""
    return LARGE + elements(extents)


def _is_mask(v: Value) -> bool:
    return v.op == "cast" and v.args[0][0].dtype == "bool"

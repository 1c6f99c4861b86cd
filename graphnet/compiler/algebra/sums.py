"""Sums written out as calls: `Sums.atom` gives a scale and one array, `Sums.array` the array.

A scale that the terms share stays outside. A part of the sum that was made before is found again
(`1 + t` in GELU's slope), a factor that all terms share is applied once (Horner), small terms are
added first, and constants go to what depends on data only, so that it can be prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Integer

from graphnet.compiler.algebra.products import Products, elements
from graphnet.compiler.algebra.terms import (
    ONE,
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
from graphnet.compiler.values import Local, Value

__all__ = ["Sums", "as_term"]


def as_term(local: Local) -> Term:
    """An array or a 0-d value as a term."""
    value = local.value
    if value.op == "number" and value.dtype != "bool":
        return Term(value.extra)
    if value.rank == 0:
        return Term(scalars=((value, 1),))
    return Term(factors=((value, local.labels, 1),))


@dataclass
class Sums:
    """Makes values of sums; `definitions` tells which sum a value was made of, in its axes."""

    products: Products
    input_only: Callable[[Value], bool]
    positive: Callable[[Value], bool]
    reuse: bool = True
    definitions: dict[Value, Sum] = field(default_factory=dict)
    _parts: dict[Any, list[Value]] = field(default_factory=dict)

    def atom(self, terms: Sum, outside: Term | None = None) -> Term:
        """The sum as a scale times at most one array of exponent 1."""
        terms = self._with_known_parts(terms) if self.reuse else terms
        if not terms:
            return Term(Integer(0))
        if len(terms) == 1:
            return self._of_product(terms[0])
        common = self._common(terms)
        if common is not None:
            inverse = power(common, -1)
            made = self._of_product(
                times(common, self.atom(tuple(_divided(t, inverse) for t in terms)))
            )
            self._define(made, terms)
            return made
        scale = outside or self._shared_scale(terms)
        rest = scaled(terms, power(scale, -1))
        made = times(scale, as_term(self._total(rest)))
        self._define(made, terms)
        return made

    def _of_product(self, term: Term) -> Term:
        """A reciprocal takes its scale into the numerator, where it costs nothing."""
        if term.factors and all(e < 0 for *_, e in term.factors) and not term.scalars:
            return as_term(self.products.array(term))
        if all(e == 1 for *_, e in term.factors) and len(term.factors) <= 1:
            return term
        return times(term.scale, as_term(self.products.array(term.core)))

    def array(self, terms: Sum) -> Local:
        """The array itself, every scale applied."""
        if not terms:
            return self.products.values.number(Integer(0))
        if len(terms) > 1:
            shared = self._shared_scale(terms)
            rest = scaled(terms, power(shared, -1))
            inside = _passes(terms) <= _passes(rest) + (not _is_sign(shared))
            return self.products.array(self.atom(terms, ONE if inside else shared))
        return self.products.array(terms[0])

    # -- scales ------------------------------------------------------------------------------------

    def _shared_scale(self, terms: Sum) -> Term:
        """The scale that leaves the least to be multiplied when it is taken out."""

        whole = any(t.factors for t in terms)  # of 0-d values only what is known early is scale

        def outside(t: Term) -> Term:
            return t.scale if whole else Term(t.number, tuple(s for s in t.scalars if s[0].host))

        def cost(scale: Term) -> tuple[float, bool, bool, int]:
            rest = scaled(terms, power(scale, -1))
            work = sum(_size(t) for t in rest if not _is_sign(outside(t)))
            return (work, not scale.is_one, is_negative(scale.number), order.index(scale))

        order = list(dict.fromkeys(divisor(outside(t), terms, self.positive) for t in terms))
        return min(order, key=cost)

    # -- the calls ---------------------------------------------------------------------------------

    def _total(self, terms: Sum) -> Local:
        items = []
        for t in terms:
            minus = is_negative(t.number)
            t = replace(t, number=-t.number) if minus else t
            items.append((self.products.array(t), minus))
        return self._added(items)

    def _added(self, items: list[tuple[Local, bool]]) -> Local:
        """+ and - of arrays: equal shapes first, then from the smallest up."""
        groups: dict[tuple[frozenset[int], bool], tuple[Local, bool]] = {}
        for local, minus in self._known_pairs(items):
            key = (frozenset(local.labels), self.input_only(local.value))
            groups[key] = (
                self._pair(groups[key], (local, minus)) if key in groups else (local, minus)
            )
        while len(groups) > 1:
            small = min(groups, key=lambda k: (self._weight(groups[k]), not k[1]))
            a = groups.pop(small)
            wider = [k for k in groups if k[0] >= small[0]] or list(groups)
            large = min(wider, key=lambda k: (not k[1], self._weight(groups[k])))
            made = self._pair(groups.pop(large), a)
            key = (small[0] | large[0], self.input_only(made[0].value))
            groups[key] = self._pair(groups[key], made) if key in groups else made
        ((local, minus),) = groups.values()
        return self.products.values.pointwise("negative", [local]) if minus else local

    def _weight(self, item: tuple[Local, bool]) -> tuple[int, int]:
        return (elements(item[0].value.extents), item[0].value.number)

    def _pair(self, a: tuple[Local, bool], b: tuple[Local, bool]) -> tuple[Local, bool]:
        make = self.products.values.pointwise
        if a[1] and not b[1]:
            a, b = b, a
        if b[1] and not a[1]:
            return make("subtract", [a[0], b[0]]), False
        return self.products.known("add", [a[0], b[0]]) or make("add", [a[0], b[0]]), a[1]

    def _known_pairs(self, items: list[tuple[Local, bool]]) -> list[tuple[Local, bool]]:
        """Pairs whose sum or difference exists already are replaced by it."""
        items, changed = list(items), self.reuse
        while changed and len(items) > 2:
            changed = False
            for i in range(len(items)):
                for j in range(len(items)):
                    (a, minus_a), (b, minus_b) = items[i], items[j]
                    if i == j or a.value.host or b.value.host:
                        continue
                    op = "add" if minus_a == minus_b else "subtract"
                    found = self.products.known(op, [a, b])
                    if found is not None:
                        items = [t for k, t in enumerate(items) if k not in (i, j)]
                        items.append((found, minus_a))
                        changed = True
                        break
                if changed:
                    break
        return items

    # -- what exists already -----------------------------------------------------------------------

    def _define(self, made: Term, terms: Sum) -> None:
        """Remembers what the array of a term is the sum of."""
        if len(made.factors) != 1 or made.factors[0][0] in self.definitions:
            return
        value, labels, _ = made.factors[0]
        if any(value is v for t in terms for v, *_ in t.factors):
            return  # c*y + y is y times a number, and defines no y
        if divisor(made.scale, terms, self.positive) != made.scale:
            return
        place = {label: d for d, label in enumerate(labels)}
        if any(label not in place for t in terms for label in t.labels):
            return
        axes = tuple(place.get(k, -1) for k in range(max(labels) + 1))
        own = moved(scaled(terms, power(made.scale, -1)), axes)
        self.definitions[value] = own
        for t in own:
            if t.factors:
                self._parts.setdefault(t.factors[0][0], []).append(value)

    def _with_known_parts(self, terms: Sum) -> Sum:
        """Terms that together are a multiple of a sum that was made before are replaced by it."""
        for t in terms:
            for value, axes, _ in t.factors[:1]:
                for made in self._parts.get(value, ()):
                    found = self._match(made, value, axes, terms)
                    if found is not None:
                        return self._with_known_parts(found)
        return terms

    def _match(self, made: Value, value: Value, axes: Sequence[int], terms: Sum) -> Sum | None:
        definition = self.definitions[made]
        if len(definition) > len(terms):
            return None
        anchor = next(t for t in definition if t.factors and t.factors[0][0] is value)
        own = anchor.factors[0][1]
        if set(own) != set(range(made.rank)):
            return None  # the axes of the sum are not known from this factor
        place = dict(zip(own, axes, strict=True))
        here = moved(definition, tuple(place[d] for d in range(made.rank)))
        by_core = {t.factors: t for t in terms}
        if len(by_core) < len(terms):
            return None  # a*y + b*y: which of them is meant is not known
        ratio: Term | None = None
        for t in here:
            other = by_core.get(t.factors)
            if other is None:
                return None
            quotient = times(other.scale, power(t.scale, -1))
            if ratio is not None and quotient != ratio:
                return None
            ratio = quotient
        assert ratio is not None
        used = {t.factors for t in here}
        rest = tuple(t for t in terms if t.factors not in used)
        labels = tuple(place[d] for d in range(made.rank))
        return add([times(ratio, as_term(Local(made, labels)))], rest)

    def _common(self, terms: Sum) -> Term | None:
        """The arrays that stand in every term, where taking them out saves a product."""
        shared: dict[Any, Any] = {}
        for k, t in enumerate(terms):
            own = {(v, axes): e for v, axes, e in t.factors if e > 0}
            shared = own if k == 0 else {f: min(e, own[f]) for f, e in shared.items() if f in own}
        if not shared:
            return None
        if all(self._is_known(t) for t in terms):
            return None
        return Term(factors=tuple((v, axes, e) for (v, axes), e in shared.items()))

    def _is_known(self, term: Term) -> bool:
        """Whether the array of a term costs no call."""
        if not _is_sign(term.scale):
            return False
        locals_ = [Local(v, axes) for v, axes, e in term.factors if e == 1]
        if len(locals_) != len(term.factors):
            return False
        if len(locals_) == 2:
            return self.products.known("multiply", locals_) is not None
        return len(locals_) == 1


def _divided(term: Term, inverse: Term) -> Term:
    """A term without factors that it has."""
    gone = {(v, axes): e for v, axes, e in inverse.factors}
    left = [(v, axes, e + gone.get((v, axes), 0) if e > 0 else e)
            for v, axes, e in term.factors]  # fmt: skip
    return replace(term, factors=tuple(f for f in left if f[2] != 0))


def _is_sign(scale: Term) -> bool:
    return scale.number in (1, -1) and not scale.scalars


def _passes(terms: Sum) -> int:
    """How many terms have to be multiplied by a number."""
    host = [s for t in terms for s in t.scalars if s[0].host]
    if any(t.factors for t in terms):
        return sum(not _is_sign(t.scale) for t in terms if t.factors)
    return sum(t.number not in (1, -1) for t in terms) + len(host)


def _size(term: Term) -> float:
    """What it costs to multiply a term by a number: its smallest array."""
    return min((float(elements(v.extents)) for v, _, _ in term.factors), default=0.1)

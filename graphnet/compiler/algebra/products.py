"""Products written out as calls: small arrays first, what exists before what is new.

`Products.array` makes the array of some factors and a scalar. A pair that was multiplied before is
found again whatever the order of the factors, so that `x*r` of a layer norm serves forward and
backward; a division by a smaller array is a product with its reciprocal where the larger one is
large, for a division costs more and hides the pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from sympy import Integer

from graphnet.compiler.algebra.terms import Exponent, Term, exact, is_negative
from graphnet.compiler.values import Axes, Local, Value, Values
from graphnet.formula.extent import Extent, evaluate, names

__all__ = ["LARGE", "Products", "elements"]

NAMED = 32  # the guess for a size that has only a name
HALF = Fraction(1, 2)
LARGE = 2048  # elements from which a reciprocal and a product are cheaper than a division


def elements(extents: Iterable[Extent]) -> int:
    """About how many elements a shape has."""
    return prod(e if isinstance(e, int) else _guess(e) for e in extents)


def _guess(extent: Extent) -> int:
    return max(1, evaluate(extent, dict.fromkeys(names(extent), NAMED)))


@dataclass
class Products:
    """Makes values of products; equal products become one value."""

    values: Values

    def scalar(self, term: Term) -> Local | None:
        """The value of a term's scale, None where it is 1."""
        above = [self._scalar_power(v, e) for v, e in term.scalars if e > 0]
        below = [self._scalar_power(v, -e) for v, e in term.scalars if e < 0]
        number = term.number
        if number != 1 or not above:
            above.insert(0, self.values.number(number))
        top = self._chain(above)
        if not below:
            return None if term.is_one or (number == 1 and not term.scalars) else top
        return self.values.pointwise("divide", [top, self._chain(below)])

    def _scalar_power(self, value: Value, exponent: Exponent) -> Local:
        return self._power(Local(value), exponent)

    def _chain(self, factors: Sequence[Local]) -> Local:
        ordered = sorted(factors, key=lambda f: not f.value.host)
        result = ordered[0]
        for f in ordered[1:]:
            result = self.values.pointwise("multiply", [result, f])
        return result

    def array(self, term: Term) -> Local:
        """The array of a term, its sign and scale applied (to the smallest factor)."""
        if is_negative(term.number) and not term.factors:
            scale = self.scalar(term)
            return scale if scale is not None else self.values.number(term.number)
        scale = self.scalar(term.scale)
        above = [self._power(Local(v, axes), e) for v, axes, e in term.factors if e > 0]
        below = [self._power(Local(v, axes), -e) for v, axes, e in term.factors if e < 0]
        if term.number == -1 and not term.scalars and (above or below):
            return self.values.pointwise("negative", [self._fraction(above, below, None)])
        return self._fraction(above, below, scale)

    def _fraction(self, above: list[Local], below: list[Local], scale: Local | None) -> Local:
        if not below:
            return self._product([scale, *above] if scale is not None else above)
        bottom = self._product(below)
        if not above:
            top = scale if scale is not None else self.values.number(Integer(1))
            return self.values.pointwise("divide", [top, bottom])
        widest = max(above, key=lambda a: elements(a.value.extents))
        smaller = set(bottom.labels) < set(widest.labels)
        known = self.known("divide", [self.values.number(Integer(1)), bottom])
        if known is not None or (smaller and elements(widest.value.extents) >= LARGE):
            over = scale if scale is not None and known is None else None
            numerator = over if over is not None else self.values.number(Integer(1))
            inverse = known or self.values.pointwise("divide", [numerator, bottom])
            rest = [scale] if scale is not None and over is None else []
            return self._product([*rest, inverse, *above])
        top = self._product([scale, *above] if scale is not None else above)
        return self.values.pointwise("divide", [top, bottom])

    # -- the order of multiplication --------------------------------------------------------------

    def _product(self, factors: list[Local]) -> Local:
        if not factors:
            return self.values.number(Integer(1))
        factors = self.reused(factors)
        groups: dict[frozenset[int], Local] = {}
        for f in factors:
            key = frozenset(f.labels)
            groups[key] = self._times(groups[key], f) if key in groups else f
        self._outer_first(groups)
        while len(groups) > 1:
            small = min(groups, key=lambda k: _rank(groups[k]))
            a = groups.pop(small)
            wider = [k for k in groups if k > small] or list(groups)
            large = min(wider, key=lambda k: _rank(groups[k]))
            b = groups.pop(large)
            groups[small | large] = (
                self._times(groups[small | large], self._times(a, b))
                if small | large in groups else self._times(a, b)
            )  # fmt: skip
        return next(iter(groups.values()))

    def _outer_first(self, groups: dict[frozenset[int], Local]) -> None:
        """A small column times a row, before both are multiplied into what has both loops."""
        for whole in [k for k in groups if len(k) == 2 and _size(groups[k]) <= LARGE]:
            parts = [frozenset([p]) for p in sorted(whole)]
            if all(p in groups for p in parts):
                made = self._outer(groups.pop(parts[0]), groups.pop(parts[1]))
                groups[whole] = self._times(made, groups[whole])

    def _times(self, a: Local, b: Local) -> Local:
        found = self.known("multiply", [a, b])
        if found is not None:
            return found
        if a.labels and b.labels and not set(a.labels) & set(b.labels):
            return self._outer(a, b)
        return self.values.pointwise("multiply", [a, b])

    def _outer(self, a: Local, b: Local) -> Local:
        """Vectors over different loops: a product of a column and a row costs one small call."""
        if len(a.labels) + len(b.labels) > 2 or _size(a) * _size(b) > LARGE:
            return self.values.pointwise("multiply", [a, b])
        extents = (*a.value.extents, *b.value.extents)
        args = [self._matrix(a.value, 0), self._matrix(b.value, 1)]
        made = self.values.make("contract", args, extents, "float", (1,))
        return Local(made, (*a.labels, *b.labels))

    def _matrix(self, vector: Value, place: int) -> tuple[Value, Axes]:
        """A vector as a matrix with a loop, number 2, of length 1: that which it was cut from."""
        if vector.op == "slice":
            (source, axes), pattern = vector.args[0], vector.extra
            whole = source.rank == 2 and all(
                p is None if axis >= 0 else p == 0 and e == 1
                for p, axis, e in zip(pattern, axes, source.extents, strict=True)  # type: ignore[call-overload]
            )
            if whole:
                return source, tuple(place if axis >= 0 else 2 for axis in axes)
        extents = (*vector.extents, 1) if place == 0 else (1, *vector.extents)
        made = self.values.make("reshape", [(vector, (0,))], extents)
        return made, (0, 2) if place == 0 else (2, 1)

    def reused(self, factors: list[Local]) -> list[Local]:
        """Pairs whose product exists already are replaced by it, the largest first."""
        factors = list(factors)
        while len(factors) > 1:
            best: tuple[tuple[int, int, int], Local] | None = None
            for i in range(len(factors)):
                for j in range(i + 1, len(factors)):
                    found = self.known("multiply", [factors[i], factors[j]])
                    rank = (-_size(factors[i]) - _size(factors[j]), i, j)
                    if found is not None and not found.value.host:
                        best = min(best, (rank, found), key=lambda b: b[0]) if best else (
                            rank, found)  # fmt: skip
            if best is None:
                return factors
            (_, i, j), found = best
            factors = [*(f for k, f in enumerate(factors) if k not in (i, j)), found]
        return factors

    def known(self, op: str, args: Sequence[Local]) -> Local | None:
        """A call that exists, a commuting one in either order."""
        orders = [list(args), list(reversed(args))] if op in ("add", "multiply") else [list(args)]
        for order in orders:
            lead = max(order, key=lambda a: len(a.labels))
            labels = list(lead.labels)
            extents = {p: e for a in order for p, e in zip(a.labels, a.value.extents, strict=True)}
            for a in order:
                labels += sorted(set(a.labels) - set(labels))
            given = [(a.value, tuple(labels.index(p) for p in a.labels)) for a in order]
            found = self.values.find(op, given, [extents[p] for p in labels])
            if found is not None:
                return Local(found, tuple(labels))
        return None

    # -- powers ------------------------------------------------------------------------------------

    def _power(self, base: Local, exponent: Exponent) -> Local:
        """base**exponent for exponent > 0, by products and roots where that is possible."""
        make = self.values.pointwise
        if exponent == 1:
            return base
        if exponent == HALF:
            return make("sqrt", [base])
        if exponent == 2:
            return make("square", [base])
        if exponent * 2 == int(exponent * 2) and exponent != int(exponent) and exponent < 5:
            return self._times(self._power(base, int(exponent - HALF)), make("sqrt", [base]))
        if exponent == 3:
            return self._times(make("square", [base]), base)
        if exponent == 4:
            return make("square", [make("square", [base])])
        return make("power", [base, self.values.number(exact(exponent))])


def _rank(a: Local) -> tuple[bool, int, int]:
    """Small first; parameters last, for what was computed without them is shared more often."""
    return a.value.op == "leaf", _size(a), a.value.number


def _size(a: Local) -> int:
    return elements(a.value.extents)

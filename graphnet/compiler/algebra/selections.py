"""Selections: a choice as a product with its mask, or as no choice at all, where that is proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sympy import Integer, S

from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import (
    ONE,
    Sum,
    Term,
    add,
    divisor,
    power,
    scaled,
    times,
)
from graphnet.compiler.values import Axes, Local, Value

if TYPE_CHECKING:
    from graphnet.compiler.algebra.simplify import Simplifier

__all__ = ["Selections"]


class Selections:
    """Reads where, maximum and minimum."""

    def __init__(self, owner: Simplifier) -> None:
        self.owner = owner
        self._fixed: dict[Value, bool] = {}

    def finite(self, terms: Sum) -> bool:
        """Whether every part of a sum is proved finite."""
        parts = [(v, e) for t in terms for v, e in t.scalars]
        parts += [(v, e) for t in terms for v, _, e in t.factors]
        return all(
            self.owner.facts.finite(v) and (e > 0 or self.owner.facts.positive(v)) for v, e in parts
        )

    def where(self, v: Value) -> Sum | None:
        """A choice between a and 0 as a product with the mask, where a is finite."""
        (condition, axes), *_ = v.args
        chosen, other = self.owner.argument(v, 1), self.owner.argument(v, 2)
        if v.host or not self.owner.on("mask"):
            return self._common_scale(v, chosen, other)
        mask = self.owner.moves[condition]
        if not other and chosen and all(self._vanishes(t, mask, axes) for t in chosen):
            return chosen
        if not other and self.finite(tuple(t.core for t in chosen)):
            return self.owner.product(chosen, (as_term(self.owner.labels.as_float(mask, axes)),))
        return self._barred(v, chosen, other) or self._common_scale(v, chosen, other)

    def _vanishes(self, t: Term, mask: Value, axes: Axes) -> bool:
        """Whether a term is 0 already where the mask does not hold: a masked weight."""
        return any(
            e > 0 and set(axes) <= set(own)
            and self.owner.facts.vanishes(v, mask, tuple(own.index(a) for a in axes))
            for v, own, e in t.factors
        )  # fmt: skip

    def _barred(self, v: Value, chosen: Sum, other: Sum) -> Sum | None:
        """where(c, a, -oo) = a + where(c, 0, -oo) for a mask that is known when a step is built."""
        barred = len(other) == 1 and [s.extra for s, _ in other[0].scalars] == [-S.Infinity]
        condition, axes = v.args[0]
        if not barred or not self.fixed(self.owner.moves[condition]) or not self.finite(chosen):
            return None
        zero, low = self.owner.values.number(Integer(0)), self.owner.values.number(-S.Infinity)
        mask = Local(self.owner.moves[condition], axes)
        return add(chosen, [as_term(self.owner.values.pointwise("where", [mask, zero, low]))])

    def fixed(self, value: Value) -> bool:
        """Whether a value is made of numbers, sizes and constants alone."""
        if value not in self._fixed:
            constant = value.extra in self.owner.constants if value.op == "leaf" else True
            self._fixed[value] = constant and all(self.fixed(a) for a, _ in value.args)
        return self._fixed[value]

    def _common_scale(self, v: Value, a: Sum, b: Sum) -> Sum | None:
        """where(c, s*a, s*b) = s*where(c, a, b); a sum takes a scale into its terms."""
        if v.host or v.rank == 0:
            return None
        parts = [self.owner.writer.atom(t) for t in (a, b) if t]
        scale = parts[0].scale if parts else ONE
        scale = divisor(scale, (*a, *b), self.owner.facts.positive)
        if scale.is_one or not all(p.factors for p in parts):
            return None
        if any(p.scale != scale and len(t) == 1 for p, t in zip(parts, (a, b))):
            return None
        left, right = (scaled(t, power(scale, -1)) for t in (a, b))
        args = [
            self.owner.local(v, 0),
            self.owner.writer.array(left),
            self.owner.writer.array(right),
        ]
        return (times(scale, as_term(self.owner.values.pointwise("where", args, v.dtype))),)

    def larger(self, v: Value) -> Sum | None:
        """max(s*a, s*b) = s*max(a, b) for s > 0, and so min."""
        parts = [self.owner.writer.atom(self.owner.argument(v, k)) for k in range(2)]
        scale = parts[0].scale
        positive = bool(scale.number.is_positive) and not scale.scalars
        if v.rank == 0 or scale.is_one or not positive or parts[1].scale != scale:
            return None
        args = [self.owner.products.array(p.core) for p in parts]
        return (times(scale, as_term(self.owner.values.pointwise(v.op, args, v.dtype))),)

"""Powers: squares, roots and quotients as exponents of terms."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sympy import Integer, S, log

from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import Exponent, Sum, Term, is_negative, power, times
from graphnet.compiler.values import Local, Value

if TYPE_CHECKING:
    from graphnet.compiler.algebra.simplify import Simplifier

__all__ = ["Powers"]

HALF = Fraction(1, 2)


class Powers:
    """Reads squares, roots, powers and differences of them."""

    def __init__(self, owner: Simplifier) -> None:
        self.owner = owner

    def square(self, v: Value) -> Sum | None:
        return self._raised(self.owner.argument(v, 0), 2)

    def sqrt(self, v: Value) -> Sum | None:
        return self._raised(self.owner.argument(v, 0), HALF)

    def power(self, v: Value) -> Sum | None:
        exponent: Any = v.args[1][0].extra
        if v.args[1][0].op != "number" or not exponent.is_Rational:
            return None
        return self._raised(self.owner.argument(v, 0), Fraction(int(exponent.p), int(exponent.q)))

    def _raised(self, terms: Sum, exponent: Exponent) -> Sum | None:
        """A power; of a root only what is not negative comes out."""
        if not terms:
            return () if exponent > 0 else None
        term = terms[0] if len(terms) == 1 else self.owner.writer.atom(terms)
        if exponent == int(exponent):
            return (power(term, exponent),)
        if is_negative(term.number):
            return None
        out = [(s, e) for s, e in term.scalars if self.owner.facts.nonnegative(s)]
        kept = replace(term, number=S.One, scalars=tuple(s for s in term.scalars if s not in out))
        outside = power(Term(term.number, tuple(out)), exponent)
        if kept.is_one:
            return (outside,)
        if sum(1 for _ in (*kept.scalars, *kept.factors)) > 1 or any(
            e != 1 for *_, e in (*kept.scalars, *kept.factors)
        ):
            kept = as_term(self.owner.products.array(kept))
        return (times(outside, power(kept, exponent)),)

    def near_one(self, terms: Sum) -> Sum | None:
        """1 - b**t as -expm1(t*log b) for a number b < 1: float32 would lose its digits."""
        by_sign = {t.number: t for t in terms}
        power_, one = by_sign.get(S.NegativeOne), by_sign.get(S.One)
        if len(terms) != 2 or power_ is None or one is None or not one.is_one:
            return None
        if power_.factors or len(power_.scalars) != 1 or power_.scalars[0][1] != 1:
            return None
        value = power_.scalars[0][0]
        if value.op != "power" or not self.owner.on("bias correction") or value.host:
            return None
        (base, _), (t, _) = value.args
        number: Any = base.extra
        if base.op != "number" or not 0 < number < 1:
            return None
        make = self.owner.values.pointwise
        exponent = make("multiply", [self.owner.values.number(log(number)), Local(t)])
        return (as_term(make("negative", [make("expm1", [exponent])])),)

    def difference_of_squares(self, terms: Sum) -> Sum:
        """1 - t**2 as (1 + t)*(1 - t) where 1 + t is there already."""
        if len(terms) != 2 or not self.owner.on("squares"):
            return terms
        one, square = sorted(terms, key=lambda t: bool(t.factors))
        if one.factors or not one.is_one or square.number != -1 or square.scalars:
            return terms
        if len(square.factors) != 1 or square.factors[0][2] != 2:
            return terms
        value, axes, _ = square.factors[0]
        t = Local(value, axes)
        above = self.owner.products.known("add", [self.owner.values.number(Integer(1)), t])
        if above is None:
            return terms
        below = self.owner.values.pointwise("subtract", [self.owner.values.number(Integer(1)), t])
        return (times(as_term(above), as_term(below)),)

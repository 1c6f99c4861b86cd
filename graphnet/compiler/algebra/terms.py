"""Terms: a number times powers of scalars times powers of arrays, and sums of such.

This is the form in which a value travels while it is simplified: coefficients are pending, nothing
is multiplied out before something needs the array. A `Sum` is a tuple of terms without two of the
same core; the empty one is 0. Arrays stand with the axes of the value the sum is about: in
`(array, axes, exponent)` axis d of the array runs along axis `axes[d]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from sympy import Integer, Rational, S

from graphnet.compiler.values import Axes, Value

__all__ = [
    "MINUS", "ONE", "Exponent", "Factor", "Sum", "Term", "add", "constant", "divisor",
    "exact", "is_negative", "moved", "power", "scaled", "times",
]  # fmt: skip

Exponent = int | Fraction
Scalar = tuple[Value, Exponent]
Factor = tuple[Value, Axes, Exponent]


@dataclass(frozen=True)
class Term:
    """number * product of 0-d values**exponent * product of arrays**exponent."""

    number: Any = S.One
    scalars: tuple[Scalar, ...] = ()
    factors: tuple[Factor, ...] = ()

    @property
    def scale(self) -> Term:
        """What is the same for all elements."""
        return replace(self, factors=())

    @property
    def core(self) -> Term:
        """The arrays alone."""
        return Term(factors=self.factors)

    @property
    def is_one(self) -> bool:
        return self.number is S.One and not self.scalars and not self.factors

    @property
    def labels(self) -> frozenset[int]:
        return frozenset(a for _, axes, _ in self.factors for a in axes)


Sum = tuple[Term, ...]
ONE = Term()


def constant(number: Any) -> Sum:
    return (Term(number),) if number != 0 else ()


MINUS = Term(Integer(-1))


def times(a: Term, b: Term) -> Term:
    """The product. x/x of an array stays, for it is nan at 0; 0-d values cancel."""
    number = b.number if a.number is S.One else a.number * b.number
    return Term(
        number,
        _scalars(a.scalars, b.scalars),
        _factors((*a.factors, *b.factors)) if a.factors and b.factors else a.factors or b.factors,
    )


def _scalars(a: tuple[Scalar, ...], b: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    if not a or not b:
        return a or b
    found: dict[Value, Exponent] = dict(a)
    for value, exponent in b:
        found[value] = found.get(value, 0) + exponent
    return tuple(sorted(((v, e) for v, e in found.items() if e), key=_place))


def _factors(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    if len(factors) < 2:
        return factors
    found: dict[tuple[Value, Axes, bool], Exponent] = {}
    for value, axes, exponent in factors:
        key = (value, axes, exponent > 0)
        found[key] = found.get(key, 0) + exponent
    return tuple(sorted(((v, axes, e) for (v, axes, _), e in found.items()), key=_place))


def _place(part: Sequence[Any]) -> tuple[Any, ...]:
    return (part[0].number, *part[1:])


def power(a: Term, exponent: Exponent) -> Term:
    """a**exponent, where the exponent is whole or the number positive and all exponents are 1."""
    return Term(
        a.number if a.number is S.One else a.number ** exact(exponent),
        tuple((v, _whole(e * exponent)) for v, e in a.scalars),
        tuple((v, axes, _whole(e * exponent)) for v, axes, e in a.factors),
    )


def exact(exponent: Exponent) -> Any:
    """An exponent as a sympy number."""
    return Rational(exponent.numerator, exponent.denominator)


def _whole(exponent: Exponent) -> Exponent:
    return int(exponent) if exponent == int(exponent) else exponent


def add(*sums: Iterable[Term]) -> Sum:
    """The sum, like terms collected, in order of first appearance."""
    found: dict[Any, Term] = {}
    for terms in sums:
        for t in terms:
            key = (t.scalars, t.factors)
            old = found.get(key)
            found[key] = t if old is None else replace(t, number=old.number + t.number)
    return tuple(t for t in found.values() if t.number != 0)


def scaled(terms: Iterable[Term], by: Term) -> Sum:
    """The sum times a term."""
    if by is ONE or by.is_one:
        return tuple(terms)
    return add(times(t, by) for t in terms)


def divisor(scale: Term, terms: Sum, positive: Callable[[Value], bool]) -> Term:
    """The part of a scale that terms may be divided by.

    A 0-d value may be 0 (a gain that starts there), and then c*a + b is not c*(a + b/c): it
    is taken out where every term has it, or where it is certainly above 0.
    """
    powers = [dict(t.scalars) for t in terms]
    kept = tuple(
        (v, e) for v, e in scale.scalars
        if e < 0 or positive(v) or all(p.get(v, 0) >= e for p in powers)
    )  # fmt: skip
    return replace(scale, scalars=kept)


def moved(terms: Iterable[Term], axes: Axes) -> Sum:
    """The same sum seen from a value along whose axis `axes[d]` its axis d runs."""
    if axes == tuple(range(len(axes))):
        return tuple(terms)
    return add(
        Term(
            t.number, t.scalars,
            _factors(tuple((v, tuple(axes[a] for a in own), e) for v, own, e in t.factors)),
        )
        for t in terms
    )  # fmt: skip


@cache
def is_negative(number: Any) -> bool:
    """Whether a number is below 0; sympy takes long to answer."""
    return bool(number.is_negative)

"""Terms: a number times powers of scalars times powers of arrays, and sums of such.

This is the form in which a value travels while it is simplified: coefficients are pending, nothing
is multiplied out before something needs the array. A `Sum` is a tuple of terms without two of the
same core; the empty one is 0. Arrays stand with the axes of the value the sum is about: in
`(array, axes, exponent)` axis d of the array runs along axis `axes[d]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Integer, S

from graphnet.compiler.values import Axes, Value

__all__ = ["Factor", "Sum", "Term", "add", "constant", "moved", "power", "scaled", "times"]

Scalar = tuple[Value, Any]
Factor = tuple[Value, Axes, Any]


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
        return self.number == 1 and not self.scalars and not self.factors

    @property
    def labels(self) -> frozenset[int]:
        return frozenset(a for _, axes, _ in self.factors for a in axes)


Sum = tuple[Term, ...]
ONE = Term()


def constant(number: Any) -> Sum:
    return (Term(number),) if number != 0 else ()


def times(a: Term, b: Term) -> Term:
    """The product. x/x of an array stays, for it is nan at 0; 0-d values cancel."""
    return Term(
        a.number * b.number,
        _joined([*a.scalars, *b.scalars], _always),
        _joined([*a.factors, *b.factors], _never),
    )


def _joined(parts: Sequence[Any], cancels: Callable[[Any], bool]) -> tuple[Any, ...]:
    found: dict[Any, Any] = {}
    for *base, exponent in parts:
        side = 0 if cancels(base) else 1 if exponent > 0 else -1
        key = (*base, side)
        found[key] = found.get(key, S.Zero) + exponent
    kept = [(*key[:-1], e) for key, e in found.items() if e != 0]
    return tuple(sorted(kept, key=lambda p: (p[0].number, *map(str, p[1:]))))


def power(a: Term, exponent: Any) -> Term:
    """a**exponent, where the exponent is whole or the number positive and all exponents are 1."""
    return Term(
        a.number**exponent,
        tuple((v, e * exponent) for v, e in a.scalars),
        tuple((v, axes, e * exponent) for v, axes, e in a.factors),
    )


def add(*sums: Iterable[Term]) -> Sum:
    """The sum, like terms collected, in order of first appearance."""
    found: dict[Any, Any] = {}
    for terms in sums:
        for t in terms:
            key = (t.scalars, t.factors)
            found[key] = found.get(key, Integer(0)) + t.number
    return tuple(Term(n, *key) for key, n in found.items() if n != 0)


def scaled(terms: Iterable[Term], by: Term) -> Sum:
    return add(times(t, by) for t in terms)


def moved(terms: Iterable[Term], axes: Axes) -> Sum:
    """The same sum seen from a value along whose axis `axes[d]` its axis d runs."""
    return add(
        Term(
            t.number, t.scalars,
            _joined([(v, tuple(axes[a] for a in own), e) for v, own, e in t.factors], _never),
        )
        for t in terms
    )  # fmt: skip


def _always(base: Sequence[Any]) -> bool:
    return True


def _never(base: Sequence[Any]) -> bool:
    return False

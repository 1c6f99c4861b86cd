"""Extents: how long an axis is, as a number or as a polynomial in named sizes such as "batch".

An extent is an `int` where it is known, else a `Poly` with integer coefficients over named sizes
and floors of such polynomials. Two extents are equal only if they are the same polynomial.

>>> batch = named("batch")
>>> show_extent(add(mul(2, batch), 3))
'2*batch + 3'
>>> sub(add(batch, 1), batch)
1
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

from graphnet.errors import GraphnetError

__all__ = [
    "Extent", "Floor", "Poly", "add", "at_least", "evaluate", "floordiv", "mul", "named", "names",
    "neg", "product", "show_extent", "sub",
]  # fmt: skip


@dataclass(frozen=True, order=True)
class Floor:
    """The atom `inner // divisor` (divisor a positive int)."""

    text: str  # the sorting key; equal atoms have equal text
    inner: Poly
    divisor: int


@dataclass(frozen=True)
class Poly:
    """A polynomial that is not a constant: ((monomial, coefficient), ...), sorted, no zeros."""

    terms: tuple[tuple[tuple[str | Floor, ...], int], ...]

    @cached_property
    def text(self) -> str:
        """The polynomial as text; its hash is that of this text, which is asked for often."""
        return show_extent(self)

    @property
    def is_atom(self) -> bool:
        """Whether this is one named size or one floor."""
        return len(self.terms) == 1 and len(self.terms[0][0]) == 1 and self.terms[0][1] == 1

    def __eq__(self, other: object) -> bool:
        """Equal to the same polynomial, and to its text: x.shape == ("batch", 64)."""
        if isinstance(other, Poly):
            return self.terms == other.terms
        return isinstance(other, str) and self.text == other

    def __hash__(self) -> int:
        return hash(self.text)  # that of the text it equals

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __lt__(self, other: object) -> bool:
        return str(self) < str(other)

    # People compute with shapes: gn.reshape(x, (x.shape[0] * x.shape[1], 8)).

    def __add__(self, other: Extent) -> Extent:
        return add(self, other)

    def __sub__(self, other: Extent) -> Extent:
        return sub(self, other)

    def __rsub__(self, other: Extent) -> Extent:
        return sub(other, self)

    def __mul__(self, other: Extent) -> Extent:
        return mul(self, other)

    def __floordiv__(self, other: Extent) -> Extent:
        return floordiv(self, other)

    __radd__, __rmul__ = __add__, __mul__


Extent = int | Poly


def _key(monomial: tuple[str | Floor, ...]) -> tuple[int, tuple[str, ...]]:
    return (-len(monomial), tuple(a if isinstance(a, str) else a.text for a in monomial))


def _atom_text(atom: str | Floor) -> str:
    return atom if isinstance(atom, str) else atom.text


def _normal(terms: Mapping[tuple[str | Floor, ...], int]) -> Extent:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if list(kept) == [()]:
        return kept[()]
    return Poly(tuple((m, kept[m]) for m in sorted(kept, key=_key)))


def _terms(e: Extent) -> dict[tuple[str | Floor, ...], int]:
    return {(): e} if isinstance(e, int) else dict(e.terms)


def named(name: str) -> Extent:
    """The named size itself."""
    return Poly((((name,), 1),))


def add(*extents: Extent) -> Extent:
    if all(isinstance(e, int) for e in extents):
        return sum(extents)
    return _sum(extents)


@lru_cache(maxsize=4096)  # lowering asks for the same few polynomials once a node
def _sum(extents: tuple[Extent, ...]) -> Extent:
    total: dict[tuple[str | Floor, ...], int] = {}
    for e in extents:
        for m, c in _terms(e).items():
            total[m] = total.get(m, 0) + c
    return _normal(total)


def neg(e: Extent) -> Extent:
    return mul(-1, e)


def sub(a: Extent, b: Extent) -> Extent:
    return add(a, neg(b))


def mul(a: Extent, b: Extent) -> Extent:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return _product(a, b)


@lru_cache(maxsize=4096)
def _product(a: Extent, b: Extent) -> Extent:
    total: dict[tuple[str | Floor, ...], int] = {}
    for m, c in _terms(a).items():
        for n, d in _terms(b).items():
            joint = tuple(sorted(m + n, key=_atom_text))
            total[joint] = total.get(joint, 0) + c * d
    return _normal(total)


def product(extents: tuple[Extent, ...]) -> Extent:
    result: Extent = 1
    for e in extents:
        result = mul(result, e)
    return result


def floordiv(a: Extent, divisor: Extent) -> Extent:
    """a // divisor; a polynomial is divided term by term where that is exact."""
    if a == divisor and not isinstance(a, int):
        return 1  # sizes are positive wherever an index runs over them
    if not isinstance(divisor, int):
        exact = _divide_exactly(a, divisor)
        if exact is None:
            raise GraphnetError(f"cannot divide the extent {a} by {divisor}")
        return exact
    if divisor <= 0:
        raise GraphnetError(f"an extent is divided by a positive number, not by {divisor}")
    if isinstance(a, int):
        return a // divisor
    whole: dict[tuple[str | Floor, ...], int] = {}
    rest: dict[tuple[str | Floor, ...], int] = {}
    for m, c in a.terms:
        whole[m], rest[m] = c // divisor, c % divisor
    remainder = _normal(rest)
    if isinstance(remainder, int):
        return _normal(whole)  # 0 <= remainder < divisor: (d*w + r)//d = w
    common = math.gcd(divisor, *rest.values())
    inner = _normal({m: c // common for m, c in rest.items()})
    if divisor // common == 1:
        return add(_normal(whole), inner)
    assert isinstance(inner, Poly)
    text = f"({show_extent(inner)})//{divisor // common}"
    return add(_normal(whole), Poly((((Floor(text, inner, divisor // common),), 1),)))


def _divide_exactly(a: Extent, divisor: Poly) -> Extent | None:
    """a / divisor for a divisor of one term, else None."""
    if a == 0:
        return 0
    if len(divisor.terms) != 1:
        return None
    ((monomial, coefficient),) = divisor.terms
    quotient: dict[tuple[str | Floor, ...], int] = {}
    for m, c in _terms(a).items():
        left = list(m)
        for atom in monomial:
            if atom not in left:
                return None
            left.remove(atom)
        if c % coefficient:
            return None
        quotient[tuple(left)] = c // coefficient
    return _normal(quotient)


def names(e: Extent) -> tuple[str, ...]:
    """The named sizes an extent depends on, sorted."""
    found: set[str] = set()
    stack = [e]
    while stack:
        for monomial, _ in _terms(stack.pop()).items():
            for atom in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    stack.append(atom.inner)
    return tuple(sorted(found))


def evaluate(e: Extent, sizes: Mapping[str, int]) -> int:
    """The number an extent stands for, given every named size."""
    if isinstance(e, int):
        return e
    total = 0
    for monomial, coefficient in e.terms:
        for atom in monomial:
            if isinstance(atom, str):
                if atom not in sizes:
                    raise GraphnetError(f"the size {atom!r} is not known here")
                coefficient *= sizes[atom]
            else:
                coefficient *= evaluate(atom.inner, sizes) // atom.divisor
        total += coefficient
    return total


def substitute(e: Extent, sizes: Mapping[str, Extent]) -> Extent:
    """The extent with some named sizes replaced by other extents."""
    if isinstance(e, int):
        return e
    total: Extent = 0
    for monomial, coefficient in e.terms:
        term: Extent = coefficient
        for atom in monomial:
            if isinstance(atom, str):
                term = mul(term, sizes.get(atom, named(atom)))
            else:
                term = mul(term, floordiv(substitute(atom.inner, sizes), atom.divisor))
        total = add(total, term)
    return total


def at_least(e: Extent, bound: int = 0, smallest: int = 1) -> bool:
    """Whether e >= bound is certain for all sizes >= `smallest` (False: not certain).

    `smallest` is 1 where a loop is known to run, for then no size is 0.
    """
    return e >= bound if isinstance(e, int) else _at_least(e, bound, smallest)


@lru_cache(maxsize=4096)
def _at_least(e: Poly, bound: int, smallest: int) -> bool:
    shifted = _shift(sub(e, bound), smallest)
    # The extent is an integer: above -1 is at least 0.
    return shifted.pop((), Fraction(0)) > -1 and all(c >= 0 for c in shifted.values())


def _shift(e: Extent, smallest: int) -> dict[tuple[str, ...], Fraction]:
    """Coefficients of a lower bound of e in u = size - smallest >= 0, floors by their bounds."""
    total: dict[tuple[str, ...], Fraction] = {}
    for monomial, coefficient in _terms(e).items():
        factors: list[dict[tuple[str, ...], Fraction]] = [{(): Fraction(coefficient)}]
        for atom in monomial:
            if isinstance(atom, str):
                factors.append({(atom,): Fraction(1), (): Fraction(smallest)})
                continue
            inner = _shift(atom.inner, smallest)
            # inner/d - (d-1)/d <= inner // d <= inner/d
            bound = {m: c / atom.divisor for m, c in inner.items()}
            if coefficient > 0:
                bound[()] = bound.get((), Fraction(0)) - Fraction(atom.divisor - 1, atom.divisor)
            factors.append(bound)
        term: dict[tuple[str, ...], Fraction] = {(): Fraction(1)}
        for factor in factors:
            grown: dict[tuple[str, ...], Fraction] = {}
            for m, c in term.items():
                for n, d in factor.items():
                    joint = tuple(sorted(m + n))
                    grown[joint] = grown.get(joint, Fraction(0)) + c * d
            term = grown
        for m, c in term.items():
            total[m] = total.get(m, Fraction(0)) + c
    return total


def _numerator(e: Extent, rename: Callable[[str], str]) -> str:
    text = show_extent(e, rename)
    return text if text.isidentifier() else f"({text})"


def show_extent(e: Extent, rename: Callable[[str], str] = str) -> str:
    """The extent as text that is also Python."""
    if isinstance(e, int):
        return str(e)
    parts: list[str] = []
    for monomial, coefficient in e.terms:
        factors = [
            rename(a) if isinstance(a, str) else f"{_numerator(a.inner, rename)}//{a.divisor}"
            for a in monomial
        ]
        # -(a//2) is not -a//2
        if len(factors) > 1 or abs(coefficient) != 1 or (coefficient < 0 and not parts):
            factors = [f if "//" not in f else f"({f})" for f in factors]
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, str(abs(coefficient)))
        term = "*".join(factors)
        if not parts:
            parts.append(term if coefficient > 0 else f"-{term}")
        else:
            parts.append(f"+ {term}" if coefficient > 0 else f"- {term}")
    return " ".join(parts)

"""Subscripts: which element an index reads, as an affine form over a few kinds of atoms.

`X[2*i + u - 1]` has the subscript `Affine(-1, ((Index(0), 2), (Index(1), 1)))`. An atom is an
index, a floor or remainder of another subscript, or an element of an int tensor (`E[T[n], d]`).
Indices are numbered by position and tensors by operand slot; names live outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, show_extent

__all__ = ["Affine", "Atom", "FloorDiv", "Gather", "Index", "Mod", "bare", "constant"]


@dataclass(frozen=True)
class Index:
    """The loop index at a position of the formula."""

    position: int


@dataclass(frozen=True)
class FloorDiv:
    """inner // divisor, rounded towards minus infinity (divisor > 0)."""

    inner: Affine
    divisor: Extent


@dataclass(frozen=True)
class Mod:
    """inner % divisor, in 0 .. divisor-1 (divisor > 0)."""

    inner: Affine
    divisor: Extent


@dataclass(frozen=True)
class Gather:
    """The element `T[subs]` of the int tensor in an operand slot."""

    slot: int
    subs: tuple[Affine, ...]


Atom = Index | FloorDiv | Mod | Gather


@dataclass(frozen=True)
class Affine:
    """constant + sum of coefficient * atom; atoms sorted, coefficients not 0."""

    const: Extent
    terms: tuple[tuple[Atom, Extent], ...] = ()

    @property
    def bare(self) -> int | None:
        """The position of the index this subscript is, or None where it is more than an index."""
        if self.const == 0 and len(self.terms) == 1:
            atom, coefficient = self.terms[0]
            if coefficient == 1 and isinstance(atom, Index):
                return atom.position
        return None

    def __add__(self, other: Affine) -> Affine:
        return make(ext.add(self.const, other.const), [*self.terms, *other.terms])

    def __sub__(self, other: Affine) -> Affine:
        return self + other.scale(-1)

    def scale(self, factor: Extent) -> Affine:
        return make(ext.mul(self.const, factor), [(a, ext.mul(c, factor)) for a, c in self.terms])

    def atoms(self) -> Iterator[Atom]:
        """Every atom, also inside floors, remainders and gathers, outermost first."""
        for atom, _ in self.terms:
            yield atom
            if isinstance(atom, FloorDiv | Mod):
                yield from atom.inner.atoms()
            elif isinstance(atom, Gather):
                for s in atom.subs:
                    yield from s.atoms()

    def indices(self) -> frozenset[int]:
        return frozenset(a.position for a in self.atoms() if isinstance(a, Index))

    def gathers(self) -> tuple[Gather, ...]:
        return tuple(a for a in self.atoms() if isinstance(a, Gather))

    @property
    def affine_in_indices(self) -> bool:
        """Whether every atom is an index: no floor, remainder or gather."""
        return all(isinstance(a, Index) for a, _ in self.terms)

    def map(
        self,
        index: Callable[[int], Affine] | None = None,
        slot: Callable[[int], int] | None = None,
        extent: Callable[[Extent], Extent] | None = None,
    ) -> Affine:
        """The same subscript with indices replaced, slots renumbered, extents rewritten."""
        size = extent or (lambda e: e)
        result = constant(size(self.const))
        for atom, coefficient in self.terms:
            new: Affine
            match atom:
                case Index(position):
                    new = index(position) if index else bare(position)
                case FloorDiv(inner, divisor):
                    new = floordiv(inner.map(index, slot, extent), size(divisor))
                case Mod(inner, divisor):
                    new = mod(inner.map(index, slot, extent), size(divisor))
                case Gather(s, subs):
                    mapped = tuple(x.map(index, slot, extent) for x in subs)
                    new = make(0, [(Gather(slot(s) if slot else s, mapped), 1)])
            result = result + new.scale(size(coefficient))
        return result

    def interval(self, extents: Sequence[Extent]) -> tuple[Extent, Extent] | None:
        """The least and the greatest value while every loop runs; None where it is not known."""
        low = high = self.const
        for atom, coefficient in self.terms:
            match atom:
                case Index(position):
                    least: Extent = 0
                    most = ext.sub(extents[position], 1)
                case Mod(_, divisor):
                    least, most = 0, ext.sub(divisor, 1)
                case FloorDiv(inner, divisor):
                    inside = inner.interval(extents)
                    if inside is None or not isinstance(divisor, int):
                        return None
                    least = ext.floordiv(inside[0], divisor)
                    most = ext.floordiv(inside[1], divisor)
                case Gather():
                    return None
            if ext.at_least(coefficient):
                low = ext.add(low, ext.mul(coefficient, least))
                high = ext.add(high, ext.mul(coefficient, most))
            elif ext.at_least(ext.neg(coefficient)):
                low = ext.add(low, ext.mul(coefficient, most))
                high = ext.add(high, ext.mul(coefficient, least))
            else:
                return None
        return low, high

    def key(self) -> tuple[object, ...]:
        return (
            show_extent(self.const),
            tuple((_atom_key(a), show_extent(c)) for a, c in self.terms),
        )


def _atom_key(atom: Atom) -> tuple[object, ...]:
    match atom:
        case Index(position):
            return (0, position)
        case FloorDiv(inner, divisor):
            return (1, inner.key(), show_extent(divisor))
        case Mod(inner, divisor):
            return (2, inner.key(), show_extent(divisor))
        case Gather(slot, subs):
            return (3, slot, tuple(s.key() for s in subs))


def make(const: Extent, terms: Sequence[tuple[Atom, Extent]]) -> Affine:
    """An affine form in normal form: equal atoms collected, zeros dropped, atoms sorted."""
    total: dict[Atom, Extent] = {}
    for atom, coefficient in terms:
        total[atom] = ext.add(total.get(atom, 0), coefficient)
    kept = [(a, c) for a, c in total.items() if c != 0]
    return Affine(const, tuple(sorted(kept, key=lambda t: _atom_key(t[0]))))


def constant(value: Extent) -> Affine:
    return Affine(value)


def bare(position: int) -> Affine:
    return Affine(0, ((Index(position), 1),))


def floordiv(inner: Affine, divisor: Extent) -> Affine:
    """inner // divisor, folded where inner is a number."""
    if divisor == 1:
        return inner
    if not inner.terms and isinstance(divisor, int):
        return constant(ext.floordiv(inner.const, divisor))
    return make(0, [(FloorDiv(inner, divisor), 1)])


def mod(inner: Affine, divisor: Extent) -> Affine:
    """inner % divisor, folded where inner is a number."""
    if divisor == 1:
        return constant(0)
    if not inner.terms and isinstance(inner.const, int) and isinstance(divisor, int):
        return constant(inner.const % divisor)
    return make(0, [(Mod(inner, divisor), 1)])

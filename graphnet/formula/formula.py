"""Formula: what one node computes, as structure without names.

`Y[n,o] = Sum(x[n,i]*W[i,o], i)` is stored as: target subscripts, a sympy body in which each
distinct read is a numbered hole `_h0, _h1, ...`, the list of reads, and how the loops that are
not in the target are reduced. Indices are numbered by position (the target's first), operands by
slot. Names live in `Equation`, so renaming changes no structure and no derived bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import sympy
from sympy import Expr, Symbol

from graphnet.errors import GraphnetError
from graphnet.formula import functions
from graphnet.formula.extent import Extent, Poly
from graphnet.formula.subscript import Affine, Gather, bare

__all__ = [
    "REDUCTIONS", "Equation", "Formula", "Read", "dim_symbol", "hole", "index_symbol",
    "size_symbol",
]  # fmt: skip

REDUCTIONS = ("Sum", "Max", "Min", "LogSumExp")


@cache
def _symbol(kind: str, number: int) -> Symbol:
    # Fixed symbols: a fresh one costs sympy's assumption machinery 12-80 ms, a reused one nothing.
    return Symbol(f"_{kind}{number}", real=True)


def hole(k: int) -> Symbol:
    """The place of read k in a body."""
    return _symbol("h", k)


def index_symbol(position: int) -> Symbol:
    """The loop index at a position, used as a number in a body."""
    return _symbol("i", position)


def size_symbol(position: int) -> Symbol:
    """The extent of the loop index at a position, used as a number: `size(i)`."""
    return _symbol("n", position)


def dim_symbol(k: int) -> Symbol:
    """The k-th of `Formula.dims`: a named size used as a number in a body."""
    return _symbol("d", k)


def symbol_kind(symbol: Symbol) -> tuple[str, int]:
    """('h' | 'i' | 'n' | 'd', number) of one of the four kinds of symbols above."""
    return symbol.name[1], int(symbol.name[2:])


@dataclass(frozen=True)
class Read:
    """One element of the tensor in an operand slot."""

    slot: int
    subs: tuple[Affine, ...] = ()

    def indices(self) -> frozenset[int]:
        return frozenset().union(*(s.indices() for s in self.subs))

    def gathers(self) -> tuple[Gather, ...]:
        return tuple(g for s in self.subs for g in s.gathers())

    def key(self) -> tuple[object, ...]:
        return (self.slot, tuple(s.key() for s in self.subs))


@dataclass(frozen=True)
class Formula:
    """`Y[target] = reduce(body, the other indices)`, or `Y[target] += body` over all loops.

    `reads[k]` is what hole k of the body reads. `bounds[p]` is the declared extent of index p, or
    None. `shape` is given for "+=" only. `dims` are the named sizes the body uses as numbers.
    A `pointwise` formula has no indices: its reads are bare and broadcast as NumPy does.
    """

    target: tuple[Affine, ...]
    body: Expr
    reads: tuple[Read, ...]
    indices: int = 0
    reduce: str | None = None
    accumulate: bool = False
    bounds: tuple[Extent | None, ...] = ()
    shape: tuple[Extent, ...] | None = None
    dims: tuple[Extent, ...] = ()
    pointwise: bool = False

    def __post_init__(self) -> None:
        if len(self.bounds) != self.indices:
            object.__setattr__(self, "bounds", (None,) * self.indices)
        # Pointwise is what has no index at all: over 0-d tensors it is the formula as it stands.
        plain = not (self.target or self.indices or self.accumulate or self.reduce or self.shape)
        bare_reads = not any(r.subs for r in self.reads)
        object.__setattr__(self, "pointwise", plain and bare_reads)

    @property
    def slots(self) -> tuple[int, ...]:
        """The operand slots that are read, sorted."""
        found = {r.slot for r in self.reads}
        for subs in [self.target, *(r.subs for r in self.reads)]:
            for s in subs:
                found.update(g.slot for g in s.gathers())
        return tuple(sorted(found))

    @property
    def plain_target(self) -> tuple[int, ...] | None:
        """The target's index positions if they are bare and distinct, else None."""
        positions = [s.bare for s in self.target]
        if None in positions or len(set(positions)) != len(positions):
            return None
        return tuple(p for p in positions if p is not None)

    @property
    def over(self) -> tuple[int, ...]:
        """The positions of the indices that do not stand in the target."""
        kept = frozenset[int]().union(*(s.indices() for s in self.target))
        return tuple(p for p in range(self.indices) if p not in kept)

    def holes(self, expr: sympy.Basic | None = None) -> tuple[int, ...]:
        """The numbers of the holes that stand in the body (or in a part of it), sorted."""
        part = self.body if expr is None else expr
        kinds = (symbol_kind(s) for s in part.free_symbols if isinstance(s, Symbol))
        return tuple(sorted(n for kind, n in kinds if kind == "h"))

    def with_slots(self, new: dict[int, int]) -> Formula:
        """The same formula with operand slots renumbered, in normal form."""

        def at(subs: tuple[Affine, ...]) -> tuple[Affine, ...]:
            return tuple(s.map(slot=lambda k: new[k]) for s in subs)

        reads = tuple(Read(new[r.slot], at(r.subs)) for r in self.reads)
        return normalize(replace(self, target=at(self.target), reads=reads))

    def with_indices(self, order: Sequence[int]) -> Formula:
        """The same formula with index `order[p]` moved to position p, in normal form."""
        place = {old: new for new, old in enumerate(order)}

        def at(subs: tuple[Affine, ...]) -> tuple[Affine, ...]:
            return tuple(s.map(index=lambda p: bare(place[p])) for s in subs)

        symbols: dict[Symbol, Symbol] = {}
        for old, new in place.items():
            symbols[index_symbol(old)] = index_symbol(new)
            symbols[size_symbol(old)] = size_symbol(new)
        return normalize(
            replace(
                self,
                target=at(self.target),
                body=self.body.xreplace(symbols),
                reads=tuple(Read(r.slot, at(r.subs)) for r in self.reads),
                indices=len(order),
                bounds=tuple(self.bounds[p] for p in order),
            )
        )


def normalize(f: Formula) -> Formula:
    """The formula in normal form: equal reads merged, unused reads and sizes dropped, both sorted.

    Raises GraphnetError where the body is not a real number (1/0, oo - oo, sqrt(-1)).
    """
    f = _atomic_dims(f)
    body = f.body
    if body.has(sympy.Abs):  # sympy makes it of sqrt(x**2); its slope is not by selection
        body = body.replace(sympy.Abs, functions.Abs)
    if body.has(sympy.cot):  # sympy makes it of tan(x + pi/2)
        body = body.replace(sympy.cot, lambda x: 1 / sympy.tan(x))
    if body.has(sympy.nan, sympy.zoo, sympy.I, sympy.AccumBounds):
        why = "it takes a root or logarithm of a negative number" if body.has(sympy.I) else (
            "it divides by 0 or subtracts oo from oo"
        )  # fmt: skip
        raise GraphnetError(f"the formula has no real value: {why}")
    holes = f.holes(body)
    reads = tuple(sorted({f.reads[k] for k in holes}, key=Read.key))
    moves: dict[Symbol, Symbol] = {hole(k): hole(reads.index(f.reads[k])) for k in holes}
    used = sorted(n for s in body.free_symbols for kind, n in [symbol_kind(s)] if kind == "d")
    dims = tuple(sorted({f.dims[k] for k in used}, key=str))
    moves |= {dim_symbol(k): dim_symbol(dims.index(f.dims[k])) for k in used}
    merged = len(reads) < len(holes) or len(dims) < len(used)
    moves = {old: new for old, new in moves.items() if old != new}
    result = replace(f, body=body.xreplace(moves) if moves else body, reads=reads, dims=dims)
    # Merging two holes may cancel terms, x[i] - x[i] = 0, and so drop a read altogether.
    return normalize(result) if merged else result


def _atomic_dims(f: Formula) -> Formula:
    """The sizes of the body as sums and products of named sizes and floors, one dim each."""
    if all(isinstance(e, Poly) and e.is_atom for e in f.dims):
        return f
    atoms: list[Extent] = []

    def number(e: Extent) -> Expr:
        if isinstance(e, int):
            return sympy.Integer(e)
        terms = []
        for monomial, coefficient in e.terms:
            dims: list[Extent] = [Poly((((atom,), 1),)) for atom in monomial]
            atoms.extend(d for d in dims if d not in atoms)
            terms.append(sympy.Mul(coefficient, *(dim_symbol(atoms.index(d)) for d in dims)))
        return sympy.Add(*terms)

    body = f.body.xreplace({dim_symbol(k): number(e) for k, e in enumerate(f.dims)})
    return replace(f, body=body, dims=tuple(atoms))


@dataclass(frozen=True)
class Equation:
    """A formula with the names it is written in: `name[indices] = ... operands[slot][...] ...`."""

    formula: Formula
    name: str
    operands: tuple[str, ...]
    indices: tuple[str, ...] = ()

    def __str__(self) -> str:
        from graphnet.formula.show import show

        return show(self)


def index_names(count: int, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Names for indices nobody named: i, j, k, l, m, n, then i1, j1, ..."""
    avoid, round_ = set(taken), 0
    result: list[str] = []
    while len(result) < count:
        for letter in "ijklmnopqrs":
            name = f"{letter}{round_ or ''}"
            if name not in avoid and len(result) < count:
                result.append(name)
        round_ += 1
    return tuple(result)

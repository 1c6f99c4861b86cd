"""Writes of overlapping windows turned into reads: `dX[y + u] += W[u]*G[y]` is
`dX[q] = Sum(W[u]*G[q - u], u)`, in which G counts as 0 outside. A sum of products then is one
product of matrices, where the write would add element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy

from graphnet.compiler.windows import outermost
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.formula.formula import (
    Formula,
    Read,
    index_symbol,
    normalize,
    size_symbol,
    symbol_kind,
)
from graphnet.formula.subscript import Affine, Index, bare

__all__ = ["pulled"]

Shapes = Sequence[Sequence[Extent]]


def pulled(
    f: Formula, extents: Sequence[Extent], shape: Sequence[Extent], operands: Shapes
) -> tuple[Formula, tuple[Extent, ...]] | None:
    """The formula with a bare index wherever its target added two; None where that is not legal.

    Index y of the target `y + u + c` becomes the place q = y + u + c itself, so y = q - u - c is
    read outside at the edges. The terms there vanish only if a factor of the body is read at the
    bare y; no other part may be harmed by a read outside (1/0). The other indices of the target
    are reversed, so that windows are read forward and the kernel backward.
    """
    factors = _factors(f.body)
    if factors is None:
        return None
    sizes = list(extents)
    moves: dict[int, Affine] = {}
    for axis, s in enumerate(f.target):
        if len(s.terms) < 2 or not s.affine_in_indices:
            continue
        found = _place(f, axis, sizes, factors, operands)
        if found is None:
            continue
        inner = s - bare(found)
        if not all(isinstance(sizes[p], int) for p in inner.indices()):
            return None
        for p in sorted(inner.indices()):  # p runs backwards
            moves[p] = Affine(ext.sub(sizes[p], 1), ((Index(p), -1),))
        back = inner.map(index=lambda p: moves.get(p) or bare(p))
        moves[found] = bare(found) - back
        sizes[found] = shape[axis]
    if not moves or _counts(f, moves):
        return None

    def at(subs: Sequence[Affine]) -> tuple[Affine, ...]:
        return tuple(s.map(index=lambda p: moves.get(p) or bare(p)) for s in subs)

    new = replace(
        f, target=at(f.target), reads=tuple(Read(r.slot, at(r.subs)) for r in f.reads),
        bounds=tuple(sizes),
    )  # fmt: skip
    return normalize(new), tuple(sizes)


def _factors(body: sympy.Expr) -> list[int] | None:
    """The holes that the body is a product of, two or more; None where it is something else."""
    found = []
    for part in sympy.Mul.make_args(body):
        if all(symbol_kind(s)[0] in "nd" for s in part.free_symbols):
            continue
        base, exponent = part.as_base_exp()
        if not (base.is_Symbol and exponent.is_Integer and exponent > 0):
            return None
        found.append(symbol_kind(base))
    holes = [number for kind, number in found if kind == "h"]
    return holes if len(holes) == len(found) > 1 else None


def _place(
    f: Formula, axis: int, sizes: Sequence[Extent], factors: Sequence[int], operands: Shapes
) -> int | None:
    """The index along which windows lie, if it has coefficient 1, stands in no other target
    subscript, and a factor is read at it bare.
    """
    p = outermost(f.target[axis], sizes)
    if p is None or (Index(p), 1) not in f.target[axis].terms:
        return None
    if any(p in s.indices() for k, s in enumerate(f.target) if k != axis):
        return None
    for k in factors:
        read = f.reads[k]
        if any(s.bare == p and operands[read.slot][d] == sizes[p] for d, s in enumerate(read.subs)):
            return p
    return None


def _counts(f: Formula, moves: dict[int, Affine]) -> bool:
    """Whether an index that moves also stands in the body as a number."""
    symbols = {index_symbol(p) for p in moves} | {size_symbol(p) for p in moves}
    return bool(symbols & f.body.free_symbols)

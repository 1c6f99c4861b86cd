"""How numbers and index names are spelled in shown formulas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from graphnet.formula.extent import Extent, Poly, names
from graphnet.formula.formula import Equation, Formula, index_names

__all__ = ["decimal", "lowered", "sizes_in", "spelled"]

SUBSCRIPT = dict(zip("aehijklmnoprstuvx0123456789", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉", strict=True))


@lru_cache(maxsize=8192)
def sizes_in(f: Formula) -> frozenset[str]:
    """The named sizes that stand in a formula."""
    found: set[str] = set()
    extents: list[Extent | None] = [*f.bounds, *(f.shape or ()), *f.dims]
    for subs in [f.target, *(r.subs for r in f.reads)]:
        for s in subs:
            s.map(extent=lambda e: extents.append(e) or e)  # type: ignore[func-returns-value]
    for e in extents:
        found.update(names(e) if isinstance(e, Poly) else ())
    return frozenset(found)


def spelled(equation: Equation) -> tuple[str, ...]:
    """The names of the indices, apart from those of named sizes; made up where none is given.

    An int tensor i that stands in a subscript would stand there as i[i], and be two things.
    """
    f, taken = equation.formula, sizes_in(equation.formula)
    gathers = (g for subs in (f.target, *(r.subs for r in f.reads)) for s in subs
               for g in s.gathers())  # fmt: skip
    taken |= {equation.operands[g.slot] for g in gathers}
    given = equation.indices
    if len(given) == f.indices and not taken.intersection(given):
        return given
    fresh = iter(index_names(f.indices, {*taken, *given, *equation.operands}))
    kept = [n if n not in taken else None for n in given]
    kept += [None] * (f.indices - len(kept))
    return tuple(next(fresh) if n is None else n for n in kept)


def decimal(value: Any) -> str:
    """A rational as an integer, a finite decimal where that is short, else p/q."""
    p, q = int(value.p), int(value.q)
    rest, twos, fives = q, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    exponent = max(twos, fives)
    digits = str(abs(p) * 10**exponent // q)
    short = digits.rstrip("0") if len(digits) > 20 else digits
    if rest != 1 or (twos > 3 and not fives) or len(short) > 40:
        return f"{p}/{q}" if q != 1 else str(p)
    sign, exponent = "-" if p < 0 else "", len(digits) - len(short) - exponent
    point = len(short) + exponent  # where the decimal point stands, counted from the first digit
    if exponent == 0:
        return f"{sign}{short}"
    if -4 < point <= len(short):
        padded = short.rjust(len(short) + 1 - min(point, 1), "0")
        point = max(point, 1)
        return f"{sign}{padded[:point]}.{padded[point:]}"
    mantissa = short[0] + (f".{short[1:]}" if short[1:] else "")
    return f"{sign}{mantissa}e{point - 1:+03d}"


def lowered(names: Sequence[str]) -> str:
    """Index names as a subscript: ᵢ, or _{n,c}."""
    joined = "".join(names)
    if all(c in SUBSCRIPT for c in joined) and all(len(n) == 1 for n in names):
        return "".join(SUBSCRIPT[c] for c in joined)
    return f"_{{{','.join(names)}}}"

"""Conditions on indices that say no more than that a subscript stays inside its tensor.

`where(y + u - 1 >= 0 and y + u - 1 < 7, X[y + u - 1], -oo)` reads X in a frame of -oo. In a "+="
formula such a condition on the target says nothing: writes outside are dropped anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy.logic.boolalg import And

from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least
from graphnet.formula.formula import symbol_kind
from graphnet.formula.subscript import Affine, bare, constant

__all__ = ["asks", "tests_inside"]


def tests_inside(
    subs: Sequence[Affine], shape: Sequence[Extent], extents: Sequence[Extent]
) -> frozenset[Affine]:
    """What has to be >= 0 for subscripts to stay inside, less what always is."""
    sides = [t for s, e in zip(subs, shape, strict=True) for t in (s, constant(ext.sub(e, 1)) - s)]
    return frozenset(t for t in sides if not _holds(t, extents))


def asks(
    condition: sympy.Basic, extents: Sequence[Extent], dims: Sequence[Extent]
) -> frozenset[Affine] | None:
    """What has to be >= 0 for a condition to hold, less what always is; None for other kinds."""
    found = set()
    for part in condition.args if isinstance(condition, And) else [condition]:
        match part:
            case sympy.GreaterThan():
                difference, strict = part.args[0] - part.args[1], 0
            case sympy.StrictGreaterThan():
                difference, strict = part.args[0] - part.args[1], 1
            case sympy.LessThan():
                difference, strict = part.args[1] - part.args[0], 0
            case sympy.StrictLessThan():
                difference, strict = part.args[1] - part.args[0], 1
            case _:
                return None
        form = _affine(difference, extents, dims)
        if form is None:
            return None
        found.add(form - constant(strict))
    return frozenset(t for t in found if not _holds(t, extents))


def _holds(t: Affine, extents: Sequence[Extent]) -> bool:
    interval = None if t.gathers() else t.interval(extents)
    return interval is not None and at_least(interval[0])


def _affine(expr: sympy.Basic, extents: Sequence[Extent], dims: Sequence[Extent]) -> Affine | None:
    """An expression as a sum of whole multiples of indices and sizes."""
    total = constant(0)
    for term in sympy.Add.make_args(expr):
        factor, rest = term.as_coeff_Mul()
        if not factor.is_Integer:
            return None
        if rest == 1:
            total += constant(int(factor))
            continue
        if not isinstance(rest, sympy.Symbol):
            return None
        kind, k = symbol_kind(rest)
        if kind == "h":
            return None
        atom = bare(k) if kind == "i" else constant(extents[k] if kind == "n" else dims[k])
        total += atom.scale(int(factor))
    return total

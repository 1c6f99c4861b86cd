"""Reads that may step outside their tensor: which those are, and when they are legal.

An outside read is 0. It is legal where the body vanishes with it (the term is skipped), or inside
a branch of where, whose condition says what it means; anywhere else it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from graphnet.errors import GraphnetError
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least, show_extent
from graphnet.formula.formula import Equation, Read, hole
from graphnet.formula.functions import where
from graphnet.formula.subscript import Affine
from graphnet.network.nodes import Node

__all__ = ["check_outside", "is_inside", "reads_outside"]


def is_inside(sub: Affine, size: Extent, extents: Sequence[Extent]) -> bool:
    """Whether a subscript is certain to stay in 0 .. size-1 while all loops run.

    An element `T[..]` alone counts as inside: int tensors are range-checked where they enter.
    """
    if any(e == 0 for e in extents):
        return True
    if sub.gathers():
        return sub.const == 0 and len(sub.terms) == 1 and sub.terms[0] == (sub.gathers()[0], 1)
    interval = sub.interval(extents)
    if interval is None:
        return False
    low, high = interval
    return at_least(low) and at_least(ext.sub(ext.sub(size, 1), high))


def reads_outside(
    read: Read, operands: Sequence[Node], extents: Sequence[Extent]
) -> tuple[int, ...]:
    """The axes along which a read may leave its tensor."""
    shape = operands[read.slot].shape
    return tuple(
        axis for axis, sub in enumerate(read.subs) if not is_inside(sub, shape[axis], extents)
    )


def check_outside(equation: Equation, extents: Sequence[Extent], operands: Sequence[Node]) -> None:
    """Refuses a read that may leave its tensor unless the formula says what that means."""
    f = equation.formula
    for k, read in enumerate(f.reads):
        _refuse_never_inside(equation, read, operands)
        axes = reads_outside(read, operands, extents)
        if not axes or _in_branch_only(f.body, hole(k)):
            continue
        if f.reduce in (None, "Sum") and f.body.xreplace({hole(k): sympy.Integer(0)}) == 0:
            continue  # the term vanishes: an outside read is a term that is skipped
        axis = axes[0]
        raise GraphnetError(
            f"{equation.name}: {equation.operands[read.slot]} may be read outside its axis {axis} "
            f"of size {show_extent(operands[read.slot].shape[axis])}; say what an outside read "
            f"means: put the read inside a where, as in where(i < 3, A[i], 0) ({equation})"
        )


def _refuse_never_inside(equation: Equation, read: Read, operands: Sequence[Node]) -> None:
    """Refuses `v[3]` of a v of 3 elements, which no loop brings inside: it could only be 0."""
    for axis, (sub, size) in enumerate(zip(read.subs, operands[read.slot].shape, strict=True)):
        at = sub.const
        if sub.terms or not (isinstance(at, int) and isinstance(size, int) and size):
            continue
        if not 0 <= at < size:
            last = f"; its last element is at {size - 1}" if at < 0 else ""
            raise GraphnetError(
                f"{equation.name}: {equation.operands[read.slot]} is read at {at} of its axis "
                f"{axis}, which has 0 .. {size - 1}{last} ({equation})"
            )


def _in_branch_only(body: sympy.Basic, symbol: sympy.Symbol) -> bool:
    """Whether a symbol stands only inside branches of where, so that a condition guards it."""
    if body == symbol:
        return False
    if isinstance(body, where):
        return symbol not in body.args[0].free_symbols
    return all(_in_branch_only(a, symbol) for a in body.args if symbol in a.free_symbols)

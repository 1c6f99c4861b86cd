"""Formula + operands -> Computed node.

`bind` infers and checks what a user wrote; `computed` makes the node of a formula whose extents a
pass knows, in normal form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.formula.formula import (
    Equation,
    Formula,
    Read,
    index_names,
    index_symbol,
    normalize,
    size_symbol,
)
from graphnet.formula.show import canonical_order
from graphnet.formula.subscript import Affine, bare, constant
from graphnet.network.dtypes import check_dtypes, result_dtype
from graphnet.network.extents import element_reads, infer_extents
from graphnet.network.nodes import Computed, Node, show_shape
from graphnet.network.outside import check_outside

__all__ = ["bind", "computed"]


def bind(
    equation: Equation,
    operands: Sequence[Node],
    *,
    name: str | None = None,
    label: str = "node",
    dtype: str | None = None,
) -> Computed:
    """The node that an equation defines over operands (by slot).

    Raises GraphnetError, naming index, sizes, operands and formula, where it does not fit.
    """
    f = equation.formula
    spelling = equation.indices
    if f.pointwise:
        f, spelling = _spread(f, operands)
        equation = replace(equation, formula=f, indices=spelling)
    for read in f.reads:
        _check_rank(equation, read, operands)
    check_dtypes(equation, operands)
    f, extents = infer_extents(equation, operands)
    equation = replace(equation, formula=f)
    shape = f.shape if f.shape is not None else tuple(extents[p] for p in f.plain_target or ())
    check_outside(equation, extents, operands)
    return computed(
        f, operands, extents, shape, name=name, label=label, spelling=spelling, dtype=dtype
    )


def computed(
    f: Formula,
    operands: Sequence[Node],
    extents: Sequence[Extent],
    shape: Sequence[Extent],
    *,
    name: str | None = None,
    made: bool = False,
    label: str = "node",
    spelling: Sequence[str] = (),
    dtype: str | None = None,
    origin: tuple[str, ...] = (),
) -> Computed:
    """The node of a formula whose extents and shape are known; unread operands are dropped.

    A "+=" whose target is plain and covers the array is turned into the "=" it equals.
    """
    extents, shape, spelling = tuple(extents), tuple(shape), tuple(spelling)
    if f.holes() != tuple(range(len(f.reads))):  # a tensor that stands in subscripts only
        f = normalize(f)
    f, extents, spelling = _drop_unit_loops(f, extents, spelling)
    if f.accumulate:
        f, extents, spelling = _bare_unit_axes(f, extents, spelling, shape)
    plain = f.plain_target
    if f.accumulate and plain is not None and tuple(extents[p] for p in plain) == shape:
        reduce = "Sum" if f.over else None
        f = replace(f, accumulate=False, shape=None, reduce=reduce)
    if f.plain_target is not None and not f.accumulate:
        order = [*(f.plain_target or ()), *f.over]
        if order != sorted(order):
            extents = tuple(extents[p] for p in order)
            spelling = tuple(spelling[p] for p in order) if spelling else ()
            f = f.with_indices(order)
    # One tensor in two slots is one operand read twice; its reads may cancel (x - x).
    distinct = list(dict.fromkeys(operands))
    if len(distinct) < len(operands):
        f = f.with_slots({k: distinct.index(o) for k, o in enumerate(operands)})
        operands = distinct
    f = _declare_what_reads_do_not_fix(f, operands, extents)
    kept = f.slots
    if kept != tuple(range(len(operands))):
        f = f.with_slots({old: new for new, old in enumerate(kept)})
        operands = [operands[k] for k in kept]
    if f.accumulate:  # its text has to parse back to the same numbering of the loops
        order = list(canonical_order(f))
        extents = tuple(extents[p] for p in order)
        spelling = tuple(spelling[p] for p in order) if spelling else ()
        f = f.with_indices(order)
    return Computed(
        shape=shape, dtype=dtype or result_dtype(f, operands), operands=tuple(operands),
        name=name, made=made, label=label, formula=f, extents=extents, spelling=spelling,
        origin=origin,
    )  # fmt: skip


def _spread(f: Formula, operands: Sequence[Node]) -> tuple[Formula, tuple[str, ...]]:
    """A pointwise formula with the indices written out, operands aligned at the last axis."""
    rank = max((len(operands[r.slot].shape) for r in f.reads), default=0)
    reads = []
    for r in f.reads:
        own = len(operands[r.slot].shape)
        reads.append(Read(r.slot, tuple(bare(p) for p in range(rank - own, rank))))
    target = tuple(bare(p) for p in range(rank))
    spread = replace(
        f, target=target, reads=tuple(reads), indices=rank, bounds=(None,) * rank, pointwise=False
    )
    return normalize(spread), index_names(rank)


def _check_rank(equation: Equation, read: Read, operands: Sequence[Node]) -> None:
    for slot, subs in [(read.slot, read.subs), *((g.slot, g.subs) for g in read.gathers())]:
        if slot >= len(operands):
            raise GraphnetError(f"no tensor was given for {equation.operands[slot]!r} {equation}")
        rank = len(operands[slot].shape)
        if rank != len(subs):
            raise GraphnetError(
                f"{equation.name}: {equation.operands[slot]} has {rank} axes, shape "
                f"{show_shape(operands[slot].shape)}, but is read with {len(subs)} "
                f"subscript{'' if len(subs) == 1 else 's'} ({equation})"
            )


def _drop_unit_loops(
    f: Formula, extents: tuple[Extent, ...], spelling: tuple[str, ...]
) -> tuple[Formula, tuple[Extent, ...], tuple[str, ...]]:
    """Without the loops of extent 1 that stand neither in a plain target nor are declared."""
    gone = [p for p in f.over if extents[p] == 1]
    if not gone or f.reduce == "LogSumExp":
        return f, extents, spelling

    def at(subs: tuple[Affine, ...]) -> tuple[Affine, ...]:
        return tuple(s.map(index=lambda p: constant(0) if p in gone else bare(p)) for s in subs)

    numbers = {index_symbol(p): sympy.Integer(0) for p in gone}
    numbers |= {size_symbol(p): sympy.Integer(1) for p in gone}
    f = normalize(
        replace(
            f, target=at(f.target), body=f.body.xreplace(numbers),
            reads=tuple(Read(r.slot, at(r.subs)) for r in f.reads),
        )
    )  # fmt: skip
    kept = [p for p in range(f.indices) if p not in gone]
    f = f.with_indices(kept)
    if not f.over and f.reduce in ("Sum", "Max", "Min"):
        f = replace(f, reduce=None)
    return (
        f, tuple(extents[p] for p in kept), tuple(spelling[p] for p in kept) if spelling else ()
    )  # fmt: skip


def _bare_unit_axes(
    f: Formula, extents: tuple[Extent, ...], spelling: tuple[str, ...], shape: tuple[Extent, ...]
) -> tuple[Formula, tuple[Extent, ...], tuple[str, ...]]:
    """With an index of its own for each axis of size 1 that is written at 0.

    So the adjoint of `Sum(x[n,0]**2, n)` is `d_x[n,i] = 2*x[n,0], i < 1`, which covers its array,
    and not `d_x[n,0] += 2*x[n,0]`.
    """
    axes = [a for a, s in enumerate(f.target) if s == constant(0) and shape[a] == 1]
    others = [s.bare for a, s in enumerate(f.target) if a not in axes]
    if not axes or None in others or len(set(others)) < len(others):
        return f, extents, spelling  # it would not cover its array all the same
    own = {a: bare(f.indices + k) for k, a in enumerate(axes)}
    ones = (1,) * len(axes)
    if spelling:
        free = [n for n in index_names(len(spelling) + len(axes)) if n not in spelling]
        spelling = (*spelling, *free[: len(axes)])
    target = tuple(own.get(a, s) for a, s in enumerate(f.target))
    f = replace(f, target=target, indices=f.indices + len(axes), bounds=(*f.bounds, *ones))
    return f, (*extents, *ones), spelling


def _declare_what_reads_do_not_fix(
    f: Formula, operands: Sequence[Node], extents: tuple[Extent, ...]
) -> Formula:
    """Bounds on exactly the indices that no bare subscript of that very size fixes."""
    fixed = set()
    for slot, subs in element_reads(f):
        for axis, s in enumerate(subs):
            if s.bare is not None and operands[slot].shape[axis] == extents[s.bare]:
                fixed.add(s.bare)
    clash = set()
    for slot, subs in element_reads(f):
        for axis, s in enumerate(subs):
            if s.bare is not None and operands[slot].shape[axis] != extents[s.bare]:
                clash.add(s.bare)
    bounds = tuple(None if p in fixed and p not in clash else extents[p] for p in range(f.indices))
    return f if bounds == f.bounds else replace(f, bounds=bounds)

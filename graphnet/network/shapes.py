"""Formula + operands -> Computed node: extents, shapes, dtypes and the legality of outside reads.

Extents: a declared bound; else a bare subscript fixes its index (all must agree, 1 broadcasts);
else, for one unknown index in one affine subscript, the largest extent that keeps the read inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy
from sympy import Expr

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least, show_extent
from graphnet.formula.formula import Equation, Formula, Read, hole, normalize, symbol_kind
from graphnet.formula.functions import Holds, where
from graphnet.formula.subscript import Affine, Index, bare, constant
from graphnet.network.graph import Computed, Node, show_shape

__all__ = ["bind", "computed", "is_inside", "reads_outside"]


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
    _check_dtypes(equation, operands)
    f, extents = _extents(equation, operands)
    equation = replace(equation, formula=f)
    shape = f.shape if f.shape is not None else tuple(extents[p] for p in f.plain_target or ())
    _check_outside(equation, extents, operands)
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
    return Computed(
        shape=shape, dtype=dtype or _result_dtype(f, operands), operands=tuple(operands),
        name=name, made=made, label=label, formula=f, extents=extents, spelling=spelling,
        origin=origin,
    )  # fmt: skip


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


def _spread(f: Formula, operands: Sequence[Node]) -> tuple[Formula, tuple[str, ...]]:
    """A pointwise formula with the indices written out, operands aligned at the last axis."""
    from graphnet.formula.formula import index_names

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


def _where(equation: Equation) -> str:
    return f"({equation})"


def _check_rank(equation: Equation, read: Read, operands: Sequence[Node]) -> None:
    for slot, subs in [(read.slot, read.subs), *((g.slot, g.subs) for g in read.gathers())]:
        if slot >= len(operands):
            raise GraphnetError(f"no tensor was given for {equation.operands[slot]!r} {equation}")
        rank = len(operands[slot].shape)
        if rank != len(subs):
            raise GraphnetError(
                f"{equation.name}: {equation.operands[slot]} has {rank} axes, shape "
                f"{show_shape(operands[slot].shape)}, but is read with {len(subs)} subscripts "
                + _where(equation)
            )


def _check_dtypes(equation: Equation, operands: Sequence[Node]) -> None:
    f = equation.formula
    gathered = {g.slot for r in f.reads for g in r.gathers()}
    gathered |= {g.slot for s in f.target for g in s.gathers()}
    for slot in sorted(gathered):
        if operands[slot].dtype != "int":
            raise GraphnetTypeError(
                f"{equation.name}: {equation.operands[slot]} stands in a subscript, so it must "
                f"be of dtype int, not {operands[slot].dtype} {_where(equation)}"
            )
    conditions = f.body.atoms(Holds)
    held = {k for c in conditions for k in f.holes(c)}
    for k, read in enumerate(f.reads):
        dtype, name = operands[read.slot].dtype, equation.operands[read.slot]
        if k in held and dtype != "bool":
            raise GraphnetTypeError(
                f"{equation.name}: {name} stands as a condition, so it must be of dtype bool, "
                f"not {dtype}; compare it with something {_where(equation)}"
            )
        if dtype == "bool" and hole(k) in _outside_holds(f.body) and not _selects(f.body):
            raise GraphnetTypeError(
                f"{equation.name}: {name} is bool; as a number write where({name}, 1, 0) "
                + _where(equation)
            )


def _outside_holds(body: Expr) -> set[sympy.Basic]:
    """The symbols that stand somewhere as numbers, not only as conditions."""
    found: set[sympy.Basic] = set()
    stack: list[sympy.Basic] = [body]
    while stack:
        part = stack.pop()
        if isinstance(part, Holds):
            continue
        if isinstance(part, sympy.Symbol):
            found.add(part)
        stack.extend(part.args)
    return found


def _leaves(body: sympy.Basic) -> list[sympy.Basic]:
    """What a body selects among: the branches of its where's."""
    if isinstance(body, where):
        return [*_leaves(body.args[1]), *_leaves(body.args[2])]
    return [body]


def _is_hole(part: sympy.Basic) -> bool:
    return isinstance(part, sympy.Symbol) and symbol_kind(part)[0] == "h"


def _selects(body: Expr) -> bool:
    """Whether the body only moves elements: reads, and where's of reads and numbers."""
    leaves = _leaves(body)
    return any(map(_is_hole, leaves)) and all(_is_hole(x) or x in (0, 1) for x in leaves)


def _result_dtype(f: Formula, operands: Sequence[Node]) -> str:
    """int or bool where elements of such tensors are moved or counted with, else float."""

    def dtype(part: sympy.Basic) -> str:
        return operands[f.reads[symbol_kind(part)[1]].slot].dtype

    if f.reduce == "LogSumExp":
        return "float"
    leaves = _leaves(f.body)
    holes = [x for leaf in leaves for x in leaf.free_symbols if _is_hole(x)]
    kinds = {dtype(x) for x in holes}
    if kinds == {"bool"} and not f.reduce and _selects(f.body):
        return "bool"
    if kinds == {"int"} and all(_is_integral(x) for x in leaves):
        return "int"
    return "float"


def _is_integral(part: sympy.Basic) -> bool:
    """Whether a part made of integers is an integer: sums, products, powers >= 0 of such."""
    if isinstance(part, sympy.Symbol | sympy.Integer):
        return True
    if isinstance(part, sympy.Pow):
        base, exponent = part.args
        return bool(exponent.is_Integer and exponent >= 0) and _is_integral(base)
    if isinstance(part, where):
        return all(_is_integral(x) for x in part.args[1:])
    names = {"Add", "Mul", "Max", "Min", "Abs", "sign"}
    return type(part).__name__ in names and all(map(_is_integral, part.args))


def _element_reads(f: Formula) -> list[tuple[int, tuple[Affine, ...]]]:
    """Every (slot, subscripts): of the reads and of the int tensors inside subscripts."""
    found = [(r.slot, r.subs) for r in f.reads]
    for subs in [*(r.subs for r in f.reads), f.target]:
        found += [(g.slot, g.subs) for s in subs for g in s.gathers()]
    return found


def _extents(equation: Equation, operands: Sequence[Node]) -> tuple[Formula, tuple[Extent, ...]]:
    """The extent of every index, and the formula with size-1 reads subscripted by 0."""
    f = equation.formula
    known: dict[int, Extent] = {p: b for p, b in enumerate(f.bounds) if b is not None}
    source: dict[int, str] = {p: "its declaration" for p in known}
    elements = [(slot, axis, s) for slot, subs in _element_reads(f) for axis, s in enumerate(subs)]
    for slot, axis, s in elements:
        p = s.bare
        if p is None or f.bounds[p] is not None:
            continue
        size, name = operands[slot].shape[axis], equation.operands[slot]
        if p not in known or known[p] == 1:
            known[p], source[p] = size, name
        elif size not in (1, known[p]):
            raise GraphnetError(
                f"{equation.name}: index {equation.indices[p]} is {known[p]} in {source[p]} but "
                f"{size} in {name} {_where(equation)}"
            )
    if f.shape is not None:
        for axis, s in enumerate(f.target):
            if s.bare is not None and s.bare not in known:
                known[s.bare] = f.shape[axis]
    progress = True
    while progress and len(known) < f.indices:
        progress = False
        for slot, _axis, s in elements:
            unknown = s.indices() - set(known)
            if len(unknown) != 1 or not s.affine_in_indices:
                continue
            (p,) = unknown
            fit = _largest(s, p, operands[slot].shape[_axis], known, f.indices)
            if fit is None:
                continue
            others = [
                e
                for slot2, axis2, s2 in elements
                if s2.indices() - set(known) == {p}
                and s2.affine_in_indices
                and (e := _largest(s2, p, operands[slot2].shape[axis2], known, f.indices))
                is not None
            ]
            best = _smallest(others)
            if best is None:
                raise GraphnetError(
                    f"{equation.name}: say how far index {equation.indices[p]} runs, as in "
                    f"', {equation.indices[p]} < 8' {_where(equation)}"
                )
            known[p] = best
            progress = True
    missing = [equation.indices[p] for p in range(f.indices) if p not in known]
    if missing:
        raise GraphnetError(
            f"{equation.name}: nothing says how far index {missing[0]} runs; declare it, as in "
            f"', {missing[0]} < 8' {_where(equation)}"
        )
    extents = tuple(known[p] for p in range(f.indices))

    def at(slot: int, subs: tuple[Affine, ...]) -> tuple[Affine, ...]:
        shape = operands[slot].shape
        return tuple(
            constant(0)
            if shape[axis] == 1
            and (p := s.bare) is not None
            and extents[p] != 1
            and f.bounds[p] is None
            else s
            for axis, s in enumerate(subs)
        )

    reads = tuple(Read(r.slot, at(r.slot, r.subs)) for r in f.reads)
    if reads != f.reads:
        f = normalize(replace(f, reads=reads))
    return f, extents


def _largest(
    s: Affine, p: int, size: Extent, known: dict[int, Extent], count: int
) -> Extent | None:
    """The largest extent of index p that keeps the subscript inside 0 .. size-1."""
    coefficient = dict(s.terms)[Index(p)]
    rest = s - Affine(0, ((Index(p), coefficient),))
    interval = rest.interval([known.get(q, 1) for q in range(count)])
    if interval is None or not isinstance(coefficient, int):
        return None
    low, high = interval
    room = ext.sub(ext.sub(size, 1), high) if coefficient > 0 else low
    fit = ext.add(ext.floordiv(room, abs(coefficient)), 1)
    return max(fit, 0) if isinstance(fit, int) else fit


def _smallest(extents: Sequence[Extent]) -> Extent | None:
    """The smallest of several extents where that is certain."""
    for e in extents:
        if all(e == other or at_least(ext.sub(other, e), 0, 0) for other in extents):
            return e
    return None


def _check_outside(equation: Equation, extents: Sequence[Extent], operands: Sequence[Node]) -> None:
    """Refuses a read that may leave its tensor unless the formula says what that means."""
    f = equation.formula
    for k, read in enumerate(f.reads):
        axes = reads_outside(read, operands, extents)
        if not axes or _in_branch_only(f.body, hole(k)):
            continue
        if f.reduce in (None, "Sum") and f.body.xreplace({hole(k): sympy.Integer(0)}) == 0:
            continue  # the term vanishes: an outside read is a term that is skipped
        axis = axes[0]
        raise GraphnetError(
            f"{equation.name}: {equation.operands[read.slot]} may be read outside its axis {axis} "
            f"of size {show_extent(operands[read.slot].shape[axis])}; say what an outside read "
            f"means: put the read inside a where, as in where(i < 3, A[i], 0) {_where(equation)}"
        )


def _in_branch_only(body: sympy.Basic, symbol: sympy.Symbol) -> bool:
    """Whether a symbol stands only inside branches of where, so that a condition guards it."""
    if body == symbol:
        return False
    if isinstance(body, where):
        return symbol not in body.args[0].free_symbols
    return all(_in_branch_only(a, symbol) for a in body.args if symbol in a.free_symbols)


def _drop_unit_loops(
    f: Formula, extents: tuple[Extent, ...], spelling: tuple[str, ...]
) -> tuple[Formula, tuple[Extent, ...], tuple[str, ...]]:
    """Without the loops of extent 1 that stand neither in a plain target nor are declared."""
    gone = [p for p in f.over if extents[p] == 1]
    if not gone or f.reduce == "LogSumExp":
        return f, extents, spelling

    def at(subs: tuple[Affine, ...]) -> tuple[Affine, ...]:
        return tuple(s.map(index=lambda p: constant(0) if p in gone else bare(p)) for s in subs)

    from graphnet.formula.formula import index_symbol, size_symbol

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


def _declare_what_reads_do_not_fix(
    f: Formula, operands: Sequence[Node], extents: tuple[Extent, ...]
) -> Formula:
    """Bounds on exactly the indices that no bare subscript of that very size fixes."""
    fixed = set()
    for slot, subs in _element_reads(f):
        for axis, s in enumerate(subs):
            if s.bare is not None and operands[slot].shape[axis] == extents[s.bare]:
                fixed.add(s.bare)
    clash = set()
    for slot, subs in _element_reads(f):
        for axis, s in enumerate(subs):
            if s.bare is not None and operands[slot].shape[axis] != extents[s.bare]:
                clash.add(s.bare)
    bounds = tuple(None if p in fixed and p not in clash else extents[p] for p in range(f.indices))
    return f if bounds == f.bounds else replace(f, bounds=bounds)

"""How far every index of a formula runs.

A declared bound; else a bare subscript fixes its index (all must agree, 1 broadcasts); else, for
one unknown index in one affine subscript, the largest extent that keeps the read inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from graphnet.errors import GraphnetError
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least
from graphnet.formula.formula import Equation, Formula, Read, normalize
from graphnet.formula.subscript import Affine, Index, constant
from graphnet.network.nodes import Node

__all__ = ["element_reads", "infer_extents", "named_sizes"]


def named_sizes(nodes: Iterable[Node]) -> list[str]:
    """The named sizes of what nodes hold and run over, in order of appearance."""
    extents = (e for node in nodes for e in (*node.shape, *getattr(node, "extents", ())))
    return list(dict.fromkeys(size for e in extents for size in ext.names(e)))


def element_reads(f: Formula) -> list[tuple[int, tuple[Affine, ...]]]:
    """Every (slot, subscripts): of the reads and of the int tensors inside subscripts."""
    found = [(r.slot, r.subs) for r in f.reads]
    for subs in [*(r.subs for r in f.reads), f.target]:
        found += [(g.slot, g.subs) for s in subs for g in s.gathers()]
    return found


def infer_extents(
    equation: Equation, operands: Sequence[Node]
) -> tuple[Formula, tuple[Extent, ...]]:
    """The extent of every index, and the formula with size-1 reads subscripted by 0."""
    f = equation.formula
    known: dict[int, Extent] = {p: b for p, b in enumerate(f.bounds) if b is not None}
    source: dict[int, str] = dict.fromkeys(known, "its declaration")
    elements = [(slot, axis, s) for slot, subs in element_reads(f) for axis, s in enumerate(subs)]
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
                f"{size} in {name} ({equation})"
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
                    f"', {equation.indices[p]} < 8' ({equation})"
                )
            known[p] = best
            progress = True
    missing = [equation.indices[p] for p in range(f.indices) if p not in known]
    if missing:
        raise GraphnetError(
            f"{equation.name}: nothing says how far index {missing[0]} runs; declare it, as in "
            f"', {missing[0]} < 8' ({equation})"
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

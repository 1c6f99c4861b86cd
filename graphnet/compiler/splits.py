"""Loops split in two where a pooling wants them so: y = 2*a + b.

`Max(Z[n,c,2*a+b,..], b, ..)` reads Z by its phases b. If Z is made with the phases outermost, the
maxima are of whole slabs, one beside the other in memory, and so are the masks of the slope. A
loop is split in the formula that makes Z, and in those that read what is split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sympy import Integer

from graphnet.compiler.held import Held
from graphnet.formula.extent import Extent
from graphnet.formula.formula import Formula, Read, index_symbol, normalize, size_symbol
from graphnet.formula.subscript import Affine, Index, bare
from graphnet.network.contributions import is_pointwise
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Node

__all__ = ["Wishes", "loops_to_split", "split_axes", "split_loops", "wished"]

Wishes = dict[Node, dict[int, int]]


def wished(network: Network) -> Wishes:
    """Axes of nodes that a reader wants as phases: node -> axis -> how many."""
    found: Wishes = {}
    for _, node in reversed(list(network.items())):
        if not isinstance(node, Computed):
            continue
        own = found.get(node, {})
        for read in node.formula.reads:
            operand = node.operands[read.slot]
            if not isinstance(operand, Computed) or operand.dtype != "float":
                continue
            for axis, s in enumerate(read.subs):
                phases = _phases(s, node, operand.shape[axis])
                if phases is None and own and is_pointwise(node) and s.bare is not None:
                    phases = own.get(_axis(node, s.bare))
                if phases is not None:
                    found.setdefault(operand, {}).setdefault(axis, phases)
    return found


def _axis(node: Computed, p: int) -> int:
    return next((k for k, s in enumerate(node.formula.target) if s.bare == p), -1)


def _phases(s: Affine, node: Computed, size: Extent) -> int | None:
    """How many phases b a reduction over b has in `phases*a + b`, which counts through an axis."""
    if s.const != 0 or len(s.terms) != 2 or not s.affine_in_indices:
        return None
    (a, c), (b, d) = sorted(s.terms, key=lambda t: t[1] == 1)
    if not isinstance(a, Index) or not isinstance(b, Index) or d != 1 or not isinstance(c, int):
        return None
    most, over = node.extents[a.position], node.formula.over
    if not isinstance(most, int) or a.position in over or b.position not in over:
        return None
    return c if c > 1 and node.extents[b.position] == c and c * most == size else None


def split_axes(f: Formula, operands: Sequence[Held]) -> frozenset[int]:
    """The axes a formula writes just where it reads an operand that is held by phases."""
    found = set()
    for read in f.reads:
        held = operands[read.slot]
        for axis, s in enumerate(f.target):
            if len(s.terms) > 1 and any(
                s == r and held.axes.count(k) > 1 for k, r in enumerate(read.subs)
            ):
                found.add(axis)
    return frozenset(found)


def loops_to_split(
    f: Formula, extents: Sequence[Extent], shape: Sequence[Extent], operands: Sequence[Held],
    wishes: Mapping[int, int],
) -> dict[int, int]:  # fmt: skip
    """Which loops of a formula are split, and into how many phases: those that make an axis that
    is wanted so, and those that run along an axis that is held so.
    """
    found: dict[int, int] = {}
    for axis, phases in wishes.items():
        p = f.target[axis].bare
        if p is not None and extents[p] == shape[axis]:
            found[p] = phases
    for read in f.reads:
        held = operands[read.slot]
        for axis, s in enumerate(read.subs):
            steps = sorted(
                step for a, step in zip(held.axes, held.steps or (), strict=False) if a == axis
            )
            if len(steps) == 2 and s.bare is not None:
                found.setdefault(s.bare, steps[1])
    return {
        p: phases for p, phases in found.items()
        if isinstance(e := extents[p], int) and e % phases == 0
    }  # fmt: skip


def split_loops(
    f: Formula, extents: Sequence[Extent], phases: Mapping[int, int]
) -> tuple[Formula, tuple[Extent, ...]]:
    """The formula with loop p as phases*p + q, q a new loop at the end."""
    sizes = list(extents)
    moves: dict[int, Affine] = {}
    numbers = {}
    for p in sorted(phases):
        count, q = phases[p], len(sizes)
        moves[p] = Affine(0, ((Index(p), count), (Index(q), 1)))
        numbers[index_symbol(p)] = count * index_symbol(p) + index_symbol(q)
        whole = sizes[p]
        assert isinstance(whole, int)
        numbers[size_symbol(p)] = Integer(whole)
        sizes[p] = whole // count
        sizes.append(count)

    def at(subs: Sequence[Affine]) -> tuple[Affine, ...]:
        return tuple(s.map(index=lambda p: moves.get(p) or bare(p)) for s in subs)

    new = replace(
        f, target=at(f.target), body=f.body.xreplace(numbers), indices=len(sizes),
        reads=tuple(Read(r.slot, at(r.subs)) for r in f.reads), bounds=tuple(sizes),
    )  # fmt: skip
    return normalize(new), tuple(sizes)

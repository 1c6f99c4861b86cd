"""Columns of an array in a loop times numbers, for no call at a step.

A sum is scaled where its terms are, a product where its weight is, and what reads no state in front
of the loop: with a row m, `m*(z + h @ U) = m*z + h @ (m*U)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import sympy
from sympy import Expr, S

from graphnet.formula.extent import Extent
from graphnet.formula.formula import Formula, Read, hole, index_symbol, normalize
from graphnet.formula.functions import where
from graphnet.formula.subscript import bare, constant
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Node

__all__ = ["Pieces", "Scaling", "is_sum", "row"]

Pieces = tuple[tuple[int, Expr], ...]  # numbers along an axis: (where it begins, number), in order


def row(pieces: Pieces, length: Extent) -> Computed:
    """The numbers as an array: m[k] = where(k < 64, 1/2, 1), k < 128."""
    body = pieces[-1][1]
    for (_, number), (end, _) in zip(pieces[-2::-1], pieces[:0:-1], strict=True):
        body = where(index_symbol(0) < end, number, body)
    f = normalize(Formula((bare(0),), body, (), indices=1, bounds=(length,)))
    return replace(draft(f, (), (length,), (length,), ("k",)), label="row")


def is_sum(node: Node) -> bool:
    """Whether a node is a sum of elements of other tensors, times numbers."""
    if not isinstance(node, Computed) or not is_pointwise(node) or node.dtype != "float":
        return False
    holes = {hole(k) for k in range(len(node.formula.reads))}
    terms = sympy.Add.make_args(sympy.expand(node.formula.body))
    return bool(holes) and all(
        rest in holes and number.is_number for number, rest in (t.as_coeff_Mul() for t in terms)
    )


@dataclass
class Scaling:
    """The body of a loop some of whose arrays are scaled.

    `gone` are nodes that nobody will read; `replaced` says what stands for a node that others read
    too, in columns whose number is 1.
    """

    body: Network
    states: Sequence[str]
    gone: set[Node]
    replaced: dict[Node, Node] = field(default_factory=dict)
    rows: dict[tuple[Pieces, Extent], Computed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.readers: dict[Node, list[Node]] = {}
        self.stateful = {self.body.node(name) for name in self.states}
        for _, node in self.body.items():
            self._see(node)
            for operand in node.operands:
                self.readers.setdefault(operand, []).append(node)
        self.shown = {self.body.node(name) for name in self.body.outputs.values()}

    def _see(self, node: Node) -> None:
        if any(operand in self.stateful for operand in node.operands):
            self.stateful.add(node)

    def scaled(self, node: Node, pieces: Pieces, axis: int) -> Node | None:
        """The node times numbers along an axis; None where a step would have to multiply."""
        if all(number == 1 for _, number in pieces):
            return node
        self._see(node)
        others = [r for r in self.readers.get(node, ()) if r not in self.gone]
        alone = node not in self.shown and all(
            _is_spared(reader, node, pieces, axis) for reader in others
        )
        if node not in self.stateful:
            made: Node | None = self.times(node, pieces, axis)
        elif alone and isinstance(node, Computed):
            self.gone.add(node)
            made = self._inside(node, pieces, axis)
        else:
            return None
        if made is not None and alone and others:
            self.replaced[node] = made
        return made

    def times(self, node: Node, pieces: Pieces, axis: int) -> Computed:
        """The product with a row."""
        key = pieces, node.shape[axis]
        numbers = self.rows.setdefault(key, row(*key))
        at = tuple(bare(p) for p in range(len(node.shape)))
        f = Formula(at, hole(0) * hole(1), (Read(0, at), Read(1, (at[axis],))), indices=len(at))
        made = draft(normalize(f), (node, numbers), node.shape, node.shape)
        return replace(made, name=f"{self.body.name_of(node)}_scaled")

    def _inside(self, node: Computed, pieces: Pieces, axis: int) -> Computed | None:
        """The node over operands of which those that an axis comes from are scaled."""
        f, operands = node.formula, list(node.operands)
        product = not f.accumulate and f.reduce == "Sum" and isinstance(f.body, sympy.Mul)
        if not product and not is_sum(node):
            return None
        terms = sympy.Mul.make_args(f.body)
        if product and any(not t.is_number and t not in map(hole, f.holes()) for t in terms):
            return None
        along = [r for r in f.reads if any(axis in s.indices() for s in r.subs)]
        if len({r.slot for r in along}) < len(along) or len(along) != (
            1 if product else len(f.reads)
        ):
            return None
        for read in along:
            operand = node.operands[read.slot]
            if product and operand in self.stateful:
                return None
            made = self._at(read, operand, pieces, axis, node.extents[axis])
            if made is None:
                return None
            operands[read.slot] = made
        return with_body(node, f, operands)

    def _at(
        self, read: Read, operand: Node, pieces: Pieces, index: int, length: Extent
    ) -> Node | None:
        """An operand that is scaled where a read has its columns."""
        (axis,) = (d for d, s in enumerate(read.subs) if index in s.indices())
        s = read.subs[axis]
        size, start = operand.shape[axis], s.const
        if (s - constant(start)).bare != index:
            return None
        if not all(isinstance(n, int) for n in (size, start, length)):
            return None if start != 0 or size != length else self.scaled(operand, pieces, axis)
        assert isinstance(size, int)
        assert isinstance(start, int)
        assert isinstance(length, int)
        found = [(0, S.One)] * (start > 0) + [(start + at, number) for at, number in pieces]
        found += [(start + length, S.One)] * (start + length < size)
        return self.scaled(operand, _merged(found), axis)


def _merged(pieces: Iterable[tuple[int, Expr]]) -> Pieces:
    found: list[tuple[int, Expr]] = []
    for start, number in pieces:
        if not found or found[-1][1] != number:
            found.append((start, number))
    return tuple(found)


def _is_spared(reader: Node, node: Node, pieces: Pieces, axis: int) -> bool:
    """Whether a reader reads of a node nothing but columns whose number is 1."""
    if not isinstance(reader, Computed):
        return False
    for read in reader.formula.reads:
        if reader.operands[read.slot] is not node:
            continue
        interval = read.subs[axis].interval(reader.extents)
        low, high = interval or (None, None)
        if not isinstance(low, int) or not isinstance(high, int):
            return False
        ends = [*(start for start, _ in pieces[1:]), high + 1]
        for (start, number), end in zip(pieces, ends, strict=True):
            if number != 1 and start <= high and low < end:
                return False
    return True

"""Which int tensors stand in subscripts, and along an axis of which size.

NumPy would read element -1 as the last one, so a label is checked where it enters the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent, evaluate, product
from graphnet.formula.formula import hole
from graphnet.formula.subscript import Affine, Gather
from graphnet.network.facts import is_one_hot
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Order, Scan

__all__ = ["Bound", "bounds"]


@dataclass(frozen=True)
class Bound:
    """The elements of the int tensor `name` must be in 0 .. size-1: they index `indexed`."""

    name: str
    size: Extent
    indexed: str
    axis: int

    def check(self, array: NDArray[Any], sizes: Mapping[str, int], what: str = "input") -> None:
        """Raises GraphnetError where an element is outside 0 .. size-1."""
        size = self.size if isinstance(self.size, int) else evaluate(self.size, sizes)
        # As unsigned numbers the negative ones are the largest: one pass finds both kinds.
        if array.size == 0 or array.view(np.uintp).max() < size:
            return
        row = np.argwhere((array < 0) | (array >= size))[0]
        place = f"[{', '.join(map(str, row))}]" if row.size else ""
        valid = f"0 .. {size - 1}" if size else "empty"
        raise GraphnetError(
            f"{self.name}{place} is {array[tuple(row)]}, the valid range is {valid}: it picks from "
            f"axis {self.axis} of {self.indexed}",
            where=f"{what} {self.name}",
        )


def bounds(network: Network) -> list[Bound]:
    """What must be checked, once per tensor and size, in the order of the network.

    A tensor that only moves another's elements is checked as that one; argmax and argsort are in
    range by themselves where they order an axis of the very size.
    """
    found: dict[tuple[str, Extent], Bound] = {}
    for bound in _all(network):
        name, node = bound.name, network.node(bound.name)
        while isinstance(node, Computed) and _moves_all(node):
            name = network.operands(name)[0]
            node = network.node(name)
        if isinstance(node, Order):
            ordered = node.operands[0].shape[node.axis]
            if ordered == bound.size or _less(ordered, bound.size):
                continue
        found.setdefault((name, bound.size), Bound(name, bound.size, bound.indexed, bound.axis))
    return list(found.values())


def _all(network: Network) -> Iterator[Bound]:
    loops: set[int] = set()
    for name, node in network.items():
        operands = network.operands(name)
        if isinstance(node, Computed):
            f = node.formula
            if is_one_hot(node):
                yield Bound(operands[0], node.shape[-1], name, len(node.shape) - 1)
            tensors = [(operands[r.slot], node.operands[r.slot].shape, r.subs) for r in f.reads]
            if f.accumulate:
                tensors.append((name, node.shape, f.target))
            while tensors:
                indexed, shape, subs = tensors.pop(0)
                for axis, gather in _gathers(subs):
                    yield Bound(operands[gather.slot], shape[axis], indexed, axis)
                for _, gather in _inner(subs):
                    whole = operands[gather.slot], node.operands[gather.slot].shape, gather.subs
                    tensors.append(whole)
        elif isinstance(node, Scan) and id(node.loop) not in loops:
            loops.add(id(node.loop))
            loop = node.loop
            inside = [*loop.states, *loop.sequences, *loop.constants]
            outer = dict(zip(inside, operands, strict=True))
            for bound in bounds(loop.body):
                if bound.name in outer and bound.name not in loop.states:
                    yield Bound(outer[bound.name], bound.size, bound.indexed, bound.axis)
                elif bound.name != loop.step:
                    raise GraphnetError(
                        f"{bound.name} is made inside a loop and stands in a subscript of "
                        f"{bound.indexed}; its range cannot be checked before the loop runs",
                        where=name,
                    )


def _gathers(subs: Iterable[Affine]) -> Iterator[tuple[int, Gather]]:
    """(axis, element) where an element of an int tensor is the whole subscript.

    With more beside it the read may leave the tensor and means 0 there, so nothing is checked.
    """
    for axis, s in enumerate(subs):
        if s.const == 0 and len(s.terms) == 1 and s.terms[0][1] == 1:
            atom = s.terms[0][0]
            if isinstance(atom, Gather):
                yield axis, atom


def _inner(subs: Iterable[Affine]) -> Iterator[tuple[int, Gather]]:
    for axis, s in enumerate(subs):
        for atom, _ in s.terms:
            if isinstance(atom, Gather):
                yield axis, atom


def _moves_all(node: Computed) -> bool:
    """Whether a formula moves every element of its one operand and does nothing else."""
    f = node.formula
    if f.body != hole(0) or len(f.reads) != 1 or f.over or len(node.operands) != 1:
        return False
    (read,) = f.reads
    if f.accumulate:  # flatten and reshape push every element to its own place
        return product(node.extents) == product(node.shape)
    whole = [s.bare for s in read.subs]
    return None not in whole and len(set(whole)) == len(whole) == f.indices


def _less(a: Extent, b: Extent) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a <= b

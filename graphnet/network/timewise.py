"""A formula of one step of a loop -> the same formula for all steps at once: an index more.

Every read of what changes from step to step is prefixed with the step's index t, and so is the
target; the number of the step is the index itself. With t only on the right, in a sum, it is the
total over all steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.formula.formula import Read, hole, index_names, index_symbol
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, Mod, bare, constant, make
from graphnet.formula.subscript import floordiv as over
from graphnet.formula.subscript import mod as rest
from graphnet.network.contributions import is_pointwise, placed, summed
from graphnet.network.nodes import Computed, Node, Order
from graphnet.network.shapes import computed

__all__ = ["STEP", "Outer", "all_steps", "total"]


@dataclass(frozen=True)
class Outer:
    """What a tensor of a body is outside: a node, stacked along axis 0 where it `varies`."""

    node: Node | None  # None: the number of the step
    varies: bool = True


STEP = Outer(None)


def all_steps(node: Node, given: Mapping[Node, Outer], length: Extent) -> Outer:
    """A node of a body for all steps; once for all, where none of its operands changes."""
    operands = [given[o] for o in node.operands]
    if not any(o.varies for o in operands):
        return Outer(replace(node, operands=_nodes(operands), made=True), varies=False)
    if isinstance(node, Order):
        new = replace(
            node, shape=(length, *node.shape), operands=_nodes(operands), axis=node.axis + 1,
            made=True,
        )  # fmt: skip
        return Outer(new)
    assert isinstance(node, Computed)
    return Outer(_wide(node, operands, length, front=True))


def total(node: Node, given: Mapping[Node, Outer], length: Extent) -> Node:
    """The sum of a node of a body over all steps."""
    assert isinstance(node, Computed)
    return _wide(node, [given[o] for o in node.operands], length, front=False)


def plus(start: Node, part: Node) -> Node:
    """start + part, or part where start is a tensor of zeros."""
    zero = isinstance(start, Computed) and start.formula.body == 0
    return part if zero else replace(summed(start, part), label="total")


def _nodes(operands: Sequence[Outer]) -> tuple[Node, ...]:
    if any(o.node is None for o in operands):
        raise GraphnetError("the number of a step is no tensor outside of its loop")
    return tuple(o.node for o in operands if o.node is not None)


def _wide(node: Computed, operands: Sequence[Outer], length: Extent, front: bool) -> Computed:
    f, t = node.formula, node.formula.indices
    ahead = (bare(t),)

    def read(r: Read) -> Read:
        subs = tuple(map(at, r.subs))
        return Read(r.slot, (*ahead, *subs) if operands[r.slot].varies else subs)

    def at(s: Affine) -> Affine:
        """A subscript whose gathers have t in front; a gather of the step's number is t."""
        if not s.gathers():
            return s
        found = constant(s.const)
        for atom, coefficient in s.terms:
            found = found + one(atom).scale(coefficient)
        return found

    def one(atom: Index | FloorDiv | Mod | Gather) -> Affine:
        match atom:
            case FloorDiv(inner, divisor):
                return over(at(inner), divisor)
            case Mod(inner, divisor):
                return rest(at(inner), divisor)
            case Gather(slot, subs):
                if operands[slot].node is None:
                    return bare(t)
                inside = tuple(map(at, subs))
                front_ = ahead if operands[slot].varies else ()
                return make(0, [(Gather(slot, (*front_, *inside)), 1)])
        return make(0, [(atom, 1)])

    steps = {
        hole(k): index_symbol(t)
        for k, r in enumerate(f.reads) if operands[r.slot].node is None
    }  # fmt: skip
    target = tuple(map(at, f.target))
    shape = (length, *node.shape) if front else node.shape
    formula = replace(
        f, target=(*ahead, *target) if front else target, body=f.body.xreplace(steps),
        reads=tuple(r if operands[r.slot].node is None else read(r) for r in f.reads),
        indices=t + 1, bounds=(*f.bounds, length), shape=None if f.shape is None else shape,
        reduce=f.reduce if front or f.accumulate else "Sum",
    )  # fmt: skip
    nodes = [o.node or operand for o, operand in zip(operands, node.operands, strict=True)]
    return computed(
        formula, nodes, (*node.extents, length), shape, name=node.name, made=True,
        label=node.label, dtype=node.dtype, spelling=_spelling(node, nodes), origin=node.origin,
    )  # fmt: skip


def _spelling(node: Computed, operands: Sequence[Node]) -> tuple[str, ...]:
    taken = {*node.spelling, *(o.name or o.label for o in operands)}
    if len(node.spelling) != node.formula.indices:
        return ()
    (letter,) = index_names(1, taken)
    return (*node.spelling, "t" if "t" not in taken else letter)


def repeated(node: Node, length: Extent) -> Computed:
    """A tensor that is the same at every step, as `Y[t,...] = node[...]`."""
    copy = placed(node)
    assert is_pointwise(copy)
    return _wide(copy, [Outer(node, varies=False)], length, front=True)

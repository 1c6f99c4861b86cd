"""Gates: tensors p + q*tanh(m*a[n,k + start]) with numbers p, q, m, and which are neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sympy
from sympy import Expr

from graphnet.formula.formula import Formula, Read, hole, normalize
from graphnet.formula.subscript import Affine, constant
from graphnet.network.contributions import is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import inline, with_body
from graphnet.network.nodes import Computed, Node
from graphnet.network.outside import is_inside
from graphnet.network.runs import is_move
from graphnet.numerics.columns import is_sum

__all__ = ["Gate", "groups"]


@dataclass(frozen=True)
class Gate:
    """A node that is `add + times*tanh(scale*argument)`; `argument` is a formula of its own, whose
    reads along the last index begin at `start` and behind it."""

    name: str
    node: Computed
    add: Expr
    times: Expr
    scale: Expr
    argument: Computed
    start: int
    gone: frozenset[Node]  # what nobody reads any more without the gate

    @property
    def width(self) -> int:
        width = self.node.shape[-1]
        assert isinstance(width, int)
        return width


def groups(body: Network) -> Iterator[list[Gate]]:
    """Gates whose columns follow one another."""
    readers: dict[Node, int] = {body.node(n): 1 for n in body.outputs.values()}
    for _, node in body.items():
        for operand in node.operands:
            readers[operand] = readers.get(operand, 0) + 1
    alike: dict[object, dict[int, Gate]] = {}
    for name, node in body.items():
        gate = _gate(name, node, readers)
        if gate is not None:
            alike.setdefault(_key(gate), {}).setdefault(gate.start, gate)
    for gates in alike.values():
        run: list[Gate] = []
        for start in sorted(gates):
            if run and start != run[-1].start + run[-1].width:
                if len(run) > 1:
                    yield run
                run = []
            run.append(gates[start])
        if len(run) > 1:
            yield run


def _gate(name: str, node: Node, readers: dict[Node, int]) -> Gate | None:
    if not isinstance(node, Computed) or not is_pointwise(node) or node.dtype != "float":
        return None
    f = node.formula
    tanhs = f.body.atoms(sympy.tanh)
    whole = tuple(range(len(node.shape)))
    if len(tanhs) != 1 or f.plain_target != whole or not whole or node.extents != node.shape:
        return None
    (function,) = tanhs
    value = hole(len(f.reads))
    body = f.body.xreplace({function: value})
    add = body.subs(value, 0)
    times = body.subs(value, 1) - add
    if body.free_symbols != {value} or sympy.expand(body - add - times * value) != 0:
        return None
    argument, gone = _seen_through(_of(node, function.args[0]), readers)
    scale, inner = argument.formula.body.primitive()
    argument = _of(argument, inner)
    start = _start(argument)
    if start is None or not isinstance(node.shape[-1], int):
        return None
    return Gate(name, node, add, times, scale, argument, start, gone)


def _of(node: Computed, body: Expr) -> Computed:
    """A node of another body over the same reads, without a name."""
    made = with_body(node, normalize(replace(node.formula, body=body)), node.operands)
    return replace(made, name=None, made=True)


def _seen_through(node: Computed, readers: dict[Node, int]) -> tuple[Computed, frozenset[Node]]:
    """The node with slices and with sums that it alone reads written into it, and these."""
    gone: set[Node] = set()
    while True:
        through: dict[Node, Computed] = {
            o: o for o in node.operands
            if isinstance(o, Computed) and (is_move(o) or (is_sum(o) and readers[o] == 1))
        }  # fmt: skip
        new = inline(node, through) if through else node
        if new is node:
            return node, frozenset(gone)
        gone |= {o for o in through if readers[o] == 1 and o not in new.operands}
        node = new


def _start(node: Computed) -> int | None:
    """Where the reads along the last index begin, if each is at one place of one axis."""
    f, last = node.formula, len(node.shape) - 1
    subs = [s for r in f.reads for s in r.subs]
    along = [s for s in subs if last in s.indices()]
    if not along or not all(isinstance(s.const, int) and s.affine_in_indices for s in subs):
        return None
    if any((s - constant(s.const)).bare is None for s in along):
        return None
    for r in f.reads:
        shape = node.operands[r.slot].shape
        if sum(last in s.indices() for s in r.subs) > 1:
            return None
        if not all(is_inside(s, size, node.extents) for s, size in zip(r.subs, shape)):
            return None
    numbers = f.body.free_symbols == {hole(k) for k in range(len(f.reads))}
    start = min(s.const for s in along)
    return start if numbers and isinstance(start, int) else None


def _moved(node: Computed, by: int) -> Formula:
    """A formula with its reads along the last index that much further."""
    last = len(node.shape) - 1

    def at(s: Affine) -> Affine:
        return s + constant(by) if last in s.indices() else s

    return replace(
        node.formula,
        reads=tuple(Read(r.slot, tuple(map(at, r.subs))) for r in node.formula.reads),
        bounds=(None,) * node.formula.indices,
    )


def _key(gate: Gate) -> object:
    """Equal for gates that are alike but for their numbers and where they begin."""
    operands = gate.argument.operands
    order = sorted(operands, key=id)  # any order that is the same for all
    f = _moved(gate.argument, -gate.start).with_slots(
        {k: order.index(o) for k, o in enumerate(operands)}
    )
    return f, tuple(order), gate.node.shape[:-1]

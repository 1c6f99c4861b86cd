"""Whether a network is legal: every law of nodes.py and shapes.py, node by node.

Passes are tested by it: what they make must be as legal as what the user wrote. Only the law that
an outside read must say what it means is `bind`'s alone: in what a pass makes it is simply 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy
from sympy import Expr

from graphnet.errors import GraphnetError
from graphnet.formula import functions
from graphnet.formula.extent import show_extent
from graphnet.formula.formula import REDUCTIONS, Formula, symbol_kind
from graphnet.formula.searched import Searched
from graphnet.formula.subscript import Affine
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import (
    Computed,
    Constant,
    Input,
    Loop,
    Node,
    Order,
    Parameter,
    Scan,
    State,
    show_shape,
)

__all__ = ["check"]

DTYPES = ("float", "int", "bool")
CONDITIONS = (sympy.And, sympy.Or, sympy.Not, sympy.core.relational.Relational, functions.Holds)
KNOWN = (
    sympy.Symbol, sympy.Add, sympy.Mul, sympy.Pow, *CONDITIONS,
    *(f for f in functions.FUNCTIONS.values() if isinstance(f, type)), Searched,
)  # fmt: skip


def check(network: Network) -> None:
    """Raises GraphnetError, naming the node, where a law is broken.

    >>> check(Network.collect({"x": Input(name="x", shape=(2,))}))
    """
    seen: set[str] = set()
    nodes: set[Node] = set()
    for name, data in network.nodes(data=True):
        node: Node = data["node"]
        _require(isinstance(node, Node) and node not in nodes, name, "is in the network twice")
        _require(data["stage"] in STAGES, name, f"has the stage {data['stage']!r}")
        _check_edges(network, name, node, seen)
        try:
            check_node(node)
        except GraphnetError as error:
            raise GraphnetError(str(error), where=name) from None
        seen.add(name)
        nodes.add(node)
    for key, name in network.outputs.items():
        _require(name in seen, key, f"is an output but {name!r} is no node")
    for old, new in network.updates.items():
        _require(old in seen and new in seen, old, f"is updated by {new!r}: one is no node")
        a, b = network.node(old), network.node(new)
        _require(isinstance(a, Parameter | State), old, f"is updated but is a {a.kind}")
        _require(
            (a.shape, a.dtype) == (b.shape, b.dtype), old, f"is updated by another kind: {b!r}"
        )


def _require(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise GraphnetError(message, where=where)


def _law(holds: bool, message: str) -> None:
    if not holds:
        raise GraphnetError(message)


def _check_edges(network: Network, name: str, node: Node, seen: set[str]) -> None:
    """One edge a slot, from the operand of that slot, which stands earlier."""
    edges = sorted((key, source) for source, _, key in network.in_edges(name, keys=True))
    operands = [network.name_of(o) if o in network else "" for o in node.operands]
    _require(edges == list(enumerate(operands)), name, "has other edges than operands")
    for operand in operands:
        _require(operand in seen, name, f"stands before its operand {operand!r}")


def check_node(node: Node) -> None:
    """The laws of one node and its operands; GraphnetError without the node's name."""
    _law(node.dtype in DTYPES, f"dtype {node.dtype!r} is none of {', '.join(DTYPES)}")
    _law(all(not isinstance(e, int) or e >= 0 for e in node.shape), f"shape {node.shape}")
    match node:
        case Computed():
            _check_computed(node)
        case Scan():
            _check_scan(node)
        case Order():
            rank = len(node.operands[0].shape) if len(node.operands) == 1 else 0
            _law(node.op in ("argmax", "argsort") and 0 <= node.axis < rank, f"{node.op} axis")
            shape = list(node.operands[0].shape)
            if node.op == "argmax":
                del shape[node.axis]
            _law((node.shape, node.dtype) == (tuple(shape), "int"), f"{node.op} has {node!r}")
        case Constant():
            _law(node.shape == node.array.shape, f"shape {node.shape}, array {node.array.shape}")
            _law(not node.operands, "a leaf has no operands")
        case Input() | Parameter() | State():
            _law(not node.operands, "a leaf has no operands")
        case _:
            _law(False, f"a {type(node).__name__} is no kind of node")


# -- formulas -------------------------------------------------------------------------------------


def _check_computed(node: Computed) -> None:
    f = node.formula
    _law(len(node.extents) == f.indices == len(f.bounds), "extents do not fit the indices")
    _law(f.slots == tuple(range(len(node.operands))), "operands that no read needs, or missing")
    _law(len(set(node.operands)) == len(node.operands), "one tensor in two operand slots")
    _law(f.reduce is None or (f.reduce in REDUCTIONS and not f.accumulate), f"reduce {f.reduce}")
    _check_target(node, f)
    for subs, shape in _elements(node, f):
        _check_subscripts(node, f, subs, shape)
    _check_body(node, f)


def _check_target(node: Computed, f: Formula) -> None:
    _law(len(f.target) == len(node.shape), f"{len(f.target)} subscripts, shape {node.shape}")
    if f.accumulate:
        _law(f.shape == node.shape, "a += formula and its node differ in shape")
        return
    _law(f.plain_target is not None, "the target of = is distinct bare indices")
    shape = tuple(node.extents[p] for p in f.plain_target or ())
    _law(shape == node.shape, f"the loops make {show_shape(shape)}")
    _law(f.reduce is not None or not f.over, "an index is neither in the target nor reduced")


def _elements(node: Computed, f: Formula) -> Iterable[tuple[Sequence[Affine], Sequence[object]]]:
    """(subscripts, shape) of everything that is read; int tensors in subscripts included."""
    for read in f.reads:
        yield read.subs, node.operands[read.slot].shape
    for subs in (f.target, *(read.subs for read in f.reads)):
        for gather in (g for s in subs for g in s.gathers()):
            operand = node.operands[gather.slot]
            _law(operand.dtype == "int", f"{operand!r} stands in a subscript but is not int")
            yield gather.subs, operand.shape


def _check_subscripts(
    node: Computed, f: Formula, subs: Sequence[Affine], shape: Sequence[object]
) -> None:
    _law(len(subs) == len(shape), f"{len(subs)} subscripts on a tensor of {len(shape)} axes")
    for s, size in zip(subs, shape, strict=True):
        _law(all(p < f.indices for p in s.indices()), "an index that has no loop")
        if s.bare is not None and f.bounds[s.bare] is None:
            extent = node.extents[s.bare]
            _law(extent == size, f"an index runs to {show_extent(extent)} over an axis of {size}")


def _check_body(node: Computed, f: Formula) -> None:
    limits = {"h": len(f.reads), "i": f.indices, "n": f.indices, "d": len(f.dims)}
    for symbol in f.body.free_symbols:
        kind, number = symbol_kind(symbol)
        _law(number < limits.get(kind, 0), f"the body's {symbol} stands for nothing")
    _law(f.holes() == tuple(range(len(f.reads))), "reads that the body does not use")
    stack: list[sympy.Basic] = [f.body]
    while stack:
        part = stack.pop()
        known = isinstance(part, KNOWN) or getattr(part, "is_number", False)
        boolean = part in (sympy.true, sympy.false)
        _law(known or boolean, f"{type(part).__name__} is no function of formulas")
        if isinstance(part, Expr) and part.is_number and not part.has(functions.where):
            continue
        stack.extend(part.args)
    held = {n for c in f.body.atoms(functions.Holds) for n in f.holes(c)}
    for k in held:
        _law(node.operands[f.reads[k].slot].dtype == "bool", "a condition that is not bool")


# -- loops ----------------------------------------------------------------------------------------


def _check_scan(node: Scan) -> None:
    loop = node.loop
    _check_loop(loop)
    inputs = (*loop.states, *loop.sequences, *loop.constants)
    _law(len(node.operands) == len(inputs), f"{len(node.operands)} operands, {len(inputs)} inputs")
    first, second = len(loop.states), len(loop.states) + len(loop.sequences)
    for k, (name, operand) in enumerate(zip(inputs, node.operands, strict=True)):
        inner = loop.body.node(name)
        shape = (loop.length, *inner.shape) if first <= k < second else inner.shape
        same = (shape, inner.dtype) == (operand.shape, operand.dtype)
        _law(same, f"{name} of the loop is {inner.dtype} {show_shape(shape)}, came {operand!r}")
    kind, k = node.result
    source = {"last": loop.states, "before": loop.states, "emit": loop.emits}.get(kind, ())
    _law(0 <= k < len(source), f"the loop has no result {node.result}")
    inner = loop.body.node(source[k])
    shape = inner.shape if kind == "last" else (loop.length, *inner.shape)
    _law((node.shape, node.dtype) == (shape, inner.dtype), f"{kind} {k} is {show_shape(shape)}")


def _check_loop(loop: Loop) -> None:
    inputs = [*loop.states, *loop.sequences, *loop.constants]
    inputs += [loop.step] if loop.step is not None else []
    _law(len(set(inputs)) == len(inputs), "one input of the loop's body has two roles")
    for name in inputs:
        _law(isinstance(loop.body.node(name), Input), f"{name} is no input of the loop's body")
    for name, node in loop.body.items():
        leaf = isinstance(node, Input | Parameter | State)
        _law(not leaf or name in inputs, f"nothing gives {name} of the loop's body")
    _law(len(loop.carried) == len(loop.states), "as many states are carried as there are")
    for state, carried in zip(loop.states, loop.carried, strict=True):
        a, b = loop.body.node(state), loop.body.node(carried)
        _law((a.shape, a.dtype) == (b.shape, b.dtype), f"{state} is carried as {b!r}")
    for name in loop.emits:
        loop.body.node(name)
    check(loop.body)

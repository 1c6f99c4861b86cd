"""Functions that rise moved behind the largest: `Max(relu(Z[..])) = relu(Max(Z[..]))`.

Behind a pooling there is less to compute. It holds for every rising f, in floating point too, for
rounding keeps the order; and the slopes agree where f either rises strictly (`z + b[o]`) or is
flat with slope 0 (relu): elements that are tied after f only get nothing there. Elements that only
rounding ties, `z + b` of two z a bit apart, are told apart by the rewritten form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import sympy

from graphnet.formula.formula import Formula, Read, hole
from graphnet.formula.functions import where
from graphnet.formula.kinks import Kinks
from graphnet.formula.subscript import bare
from graphnet.network.backward import AS_IN_GRAPHNET
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Node
from graphnet.numerics.stabilize import Rewrite, noted

__all__ = ["commute"]

_RULE = "function behind the largest"
_LAW = "Max(f(x)) = f(Max(x)) for f that rises"


def commute(network: Network, keep: Collection[str] = (), kinks: Kinks = AS_IN_GRAPHNET) -> Network:
    """The network with rising functions moved from before a Max or Min to behind it.

    Nodes that are outputs, updates, in `keep`, or read by several others stay where they are, and
    so does a relu that has a slope at 0 by `kinks`.
    What was done is added to `graph["rewrites"]`.
    """
    readers = Counter(name for n in network.nodes for name in network.operands(n))
    readers.update([*network.outputs.values(), *network.updates, *network.updates.values(), *keep])
    once = {node for name, node in network.items() if readers[name] == 1}
    depth: dict[str, int] = {}
    done: list[Rewrite] = []
    for name, node in network.items():
        source, passed = _source(node), []
        while isinstance(source, Computed) and source in once and _rises(source, node, kinks):
            passed.append(network.name_of(source))
            source = source.operands[_main(source)]
        if passed:
            depth[name] = len(passed)
            done.append(Rewrite(_RULE, _LAW, (name, *passed)))
    if not depth:
        return network

    def change(name: str, node: Node) -> Node | None:
        return _moved(node, depth[name]) if name in depth and isinstance(node, Computed) else None

    result = network.rebuild(change)
    return noted(network, result, done)


def _source(node: Node) -> Node | None:
    """What a Max or Min takes the extreme of: elements as they are read, or oo where outside."""
    if not isinstance(node, Computed) or node.formula.reduce not in ("Max", "Min"):
        return None
    f = node.formula
    if f.plain_target is None or len(f.reads) != 1:
        return None
    least = sympy.S.NegativeInfinity if f.reduce == "Max" else sympy.S.Infinity
    body = f.body
    if (
        isinstance(body, where)
        and body.args[2] == least
        and hole(0) not in body.args[0].free_symbols
    ):
        body = body.args[1]
    return node.operands[f.reads[0].slot] if body == hole(0) else None


def _main(node: Computed) -> int:
    """The operand slot of the read over all loops."""
    whole = tuple(bare(p) for p in range(node.formula.indices))
    return next((r.slot for r in node.formula.reads if r.subs == whole), -1)


def _rises(node: Computed, extremum: Node, kinks: Kinks) -> bool:
    """Whether a node is relu of a tensor, or a tensor plus what is constant over the windows."""
    f = node.formula
    whole = tuple(bare(p) for p in range(f.indices))
    if not is_pointwise(node) or f.target != whole or node.extents != node.shape:
        return False
    if node.dtype != "float" or _main(node) < 0:
        return False
    if f.body == where(hole(0) > 0, hole(0), 0):
        return kinks.of(node.label).where in ("written", "left", 0)
    if len(f.reads) != 2 or f.body != hole(0) + hole(1):
        return False
    assert isinstance(extremum, Computed)
    others = [r for r in f.reads if r.subs != whole]
    return len(others) == 1 and _settled(others[0], extremum)


def _settled(other: Read, extremum: Computed) -> bool:
    """Whether a read stays at one place while the loops of an extremum run."""
    f = extremum.formula
    places = f.reads[0].subs
    return all(
        s.bare is not None and places[s.bare].bare in (f.plain_target or ()) for s in other.subs
    )


def _moved(node: Computed, depth: int) -> Computed:
    """The extremum of what stands before `depth` functions, and then those functions."""
    passed: list[Computed] = []
    slot = node.formula.reads[0].slot
    source = node.operands[slot]
    for _ in range(depth):
        assert isinstance(source, Computed)
        passed.append(source)
        source = source.operands[_main(source)]
    operands = tuple(source if k == slot else o for k, o in enumerate(node.operands))
    inner = with_body(node, node.formula, operands)
    result = replace(inner, name=None, made=True)
    for f in reversed(passed):
        result = _behind(f, result, node)
    return replace(result, name=node.name, made=node.made)


def _behind(f: Computed, x: Computed, extremum: Computed) -> Computed:
    """The function f of x, over the loops of what an extremum leaves."""
    places, target = extremum.formula.reads[0].subs, extremum.formula.plain_target or ()
    n = len(x.shape)
    main, operands, reads = _main(f), list[Node](), list[Read]()
    for r in f.formula.reads:
        whole = r.slot == main
        operands.append(x if whole else f.operands[r.slot])
        subs = tuple(bare(k) for k in range(n)) if whole else tuple(
            bare(target.index(_position(places[_position(s)]))) for s in r.subs
        )  # fmt: skip
        reads.append(Read(len(operands) - 1, subs))
    formula = Formula(tuple(bare(k) for k in range(n)), f.formula.body, tuple(reads), indices=n)
    spelling = tuple(extremum.spelling[p] for p in target) if extremum.spelling else ()
    made = draft(formula, operands, x.shape, x.shape, spelling)
    return replace(made, label=f.label)


def _position(s: object) -> int:
    position = getattr(s, "bare", None)
    assert isinstance(position, int)
    return position

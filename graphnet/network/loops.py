"""The adjoint of a recurrence: one loop in the opposite direction over the body's adjoint.

Of `s' = F(s, q, c)`, with what is emitted `e = E(s, q, c)`, one step backward is

    ds = dF/ds * ds' + dE/ds * de,    dq = dF/dq * ds' + dE/dq * de,    dc += dF/dc * ds' + ...

(backpropagation through time; Werbos, Proc. IEEE 78, 1990). States of the new loop are ds and the
sums dc; its sequences are those of the forward loop, the states each forward step found (the
results "before" of the forward loop, which stays as it is), and the upstreams of what was emitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sympy import Integer

from graphnet.network.contributions import Uniform, Upstream, filled, summed
from graphnet.network.graph import Network
from graphnet.network.liveness import live_states
from graphnet.network.nodes import Input, Loop, Node, Scan
from graphnet.network.runs import Run

__all__ = ["run_adjoint"]

Derive = Callable[[Network, Sequence[tuple[Node, Upstream]], Sequence[Node]], Mapping[Node, Node]]


def run_adjoint(
    run: Run,
    upstreams: Mapping[tuple[str, int], Node],
    known: Mapping[tuple[str, int], Scan],
    slots: Sequence[int],
    derive: Derive,
) -> dict[int, Scan]:
    """Operand slot of a run -> what the run adds to that operand's adjoint (a Scan, unnamed).

    `upstreams` are the adjoints of the run's results, `known` its nodes, `slots` the operands
    that need an adjoint; `derive` gives the adjoints of a body.
    """
    loop, body = run.loop, run.loop.body
    n, m = len(loop.states), len(loop.states) + len(loop.sequences)
    inputs = [body.node(name) for name in (*loop.states, *loop.sequences, *loop.constants)]
    states = sorted(live_states(loop, tuple(slots))[0])
    sequences = [k for k in slots if n <= k < m]
    constants = [k for k in slots if k >= m]

    ahead = {i: _input(loop.carried[i], inputs[i]) for i in states}
    sums = {k: _input(f"{loop.constants[k - m]}_sum", inputs[k]) for k in constants}
    of_emits = {
        j: _input(name, body.node(name))
        for j, name in enumerate(loop.emits) if ("emit", j) in upstreams
    }  # fmt: skip
    of_before = {
        i: _input(f"{loop.states[i]}_before", inputs[i])
        for i in states if ("before", i) in upstreams
    }  # fmt: skip
    seeds = [
        *((body.node(loop.carried[i]), given) for i, given in ahead.items()),
        *((body.node(loop.emits[j]), given) for j, given in of_emits.items()),
        *((inputs[i], given) for i, given in of_before.items()),
    ]
    wanted = [inputs[k] for k in sorted({*states, *slots})]
    found = derive(body, seeds, wanted)
    carried = [found[inputs[i]] for i in states]
    carried += [_added(total, found[inputs[k]]) for k, total in sums.items()]
    emits = [found[inputs[k]] for k in sequences]
    start = [upstreams.get(("last", i)) or _zeros(inputs[i]) for i in states]
    start += [_zeros(inputs[k]) for k in constants]
    along = [(inputs[k], run.operands[k]) for k in range(n, m)]
    along += [(inputs[i], run.before(i, known)) for i in range(n)]
    along += [(given, upstreams["emit", j]) for j, given in of_emits.items()]
    along += [(given, upstreams["before", i]) for i, given in of_before.items()]
    fixed = [(inputs[k], run.operands[k]) for k in range(m, len(inputs))]

    new = Network.collect(
        {f"out{k}": node for k, node in enumerate([*carried, *emits])},
        names={node: name for name, node in body.items()},
        extra=[*ahead.values(), *sums.values()],
    )
    along = [pair for pair in along if pair[0] in new]  # what the body's adjoint does not read
    fixed = [pair for pair in fixed if pair[0] in new]  # is not brought along
    adjoint = Loop(
        body=new,
        states=tuple(new.name_of(node) for node in (*ahead.values(), *sums.values())),
        carried=tuple(map(new.name_of, carried)),
        sequences=tuple(new.name_of(node) for node, _ in along),
        constants=tuple(new.name_of(node) for node, _ in fixed),
        emits=tuple(map(new.name_of, emits)),
        step=loop.step if loop.step in new else None,
        length=loop.length,
        reverse=not loop.reverse,
    )
    operands = (*start, *(outer for _, outer in along), *(outer for _, outer in fixed))

    def result(k: int, kind: str, place: int) -> Scan:
        return Scan(
            shape=run.operands[k].shape, operands=operands, loop=adjoint, result=(kind, place),
            label="adjoint", made=True,
        )  # fmt: skip

    last = [*states, *constants]
    parts = {k: result(k, "last", place) for place, k in enumerate(last) if k in slots}
    return parts | {k: result(k, "emit", place) for place, k in enumerate(sequences)}


def _input(name: str, like: Node) -> Input:
    return Input(shape=like.shape, name=f"d_{name}", made=True)


def _zeros(like: Node) -> Node:
    return replace(filled(Uniform(Integer(0)), like.shape), label="zeros")


def _added(total: Node, part: Node) -> Node:
    return replace(summed(total, part), name=f"{total.name}_new")

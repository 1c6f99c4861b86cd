"""Loops whose states are shifted by zeros, of their own for each step: what to derive in.

The adjoint of a state after step t counts every way on which it reaches the loss: what the step
gives out, and all later steps. With `s[t] + e[t]` in place of s[t], wherever it is read, and e = 0,
it is the derivative in e[t]; so it is found as every gradient is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Integer

from graphnet.network.contributions import Uniform, filled, summed
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Node, Scan, with_operands
from graphnet.network.runs import Body, Result, Run, built, rewrite_runs

__all__ = ["Shift", "shift_states"]


@dataclass(frozen=True)
class Shift:
    """The zeros of one state, stacked along axis 0 as sequences are."""

    loop: str  # the layer of the loop, else the name of one of its results
    state: str
    zeros: Node
    reverse: bool  # the loop runs from the last step to the first


def shift_states(network: Network) -> tuple[Network, list[Shift]]:
    """The network with zeros added to the float states of its loops, and the zeros."""
    found: list[Shift] = []
    names: dict[Run, str] = {}
    for name, node in network.of(Scan):
        layer = network.layer(name)
        told = layer if layer and layer not in names.values() else name  # a layer called twice
        names.setdefault(Run.of(node), told)

    def change(old: Run, run: Run, results: Sequence[Result]) -> Mapping[Result, Node]:
        new, zeros = _shifted(Body.of(run))
        loop = old.loop
        found.extend(Shift(names[old], loop.states[i], e, loop.reverse) for i, e in zeros.items())
        return {result: new.result(result, "shifted") for result in results}

    return rewrite_runs(network, change), found


def _shifted(body: Body) -> tuple[Run, dict[int, Node]]:
    """A run whose states are shifted, and the zeros of each."""
    loop = body.run.loop
    given = {
        i: Input(shape=node.shape, name=f"{loop.states[i]}_shift", made=True)
        for i, node in enumerate(body.carried) if node.dtype == "float"
    }  # fmt: skip
    zeros = {
        i: replace(filled(Uniform(Integer(0)), (loop.length, *e.shape)), label="zeros")
        for i, e in given.items()
    }
    # A state that is only moved on, such as a sequence's element kept for the next step, is read
    # as it came by this step's formulas: it is shifted where it is handed on.
    computed = {
        node: given[i] for i, node in enumerate(body.carried) if i in given and node.operands
    }
    new: dict[Node, Node] = {}
    for node in body.order():
        made = with_operands(node, [new[o] for o in node.operands], made=True)
        new[node] = summed(made, computed[node]) if node in computed else made
    carried = [
        summed(new[node], given[i])
        if i in given and computed.get(node) is not given[i]
        else new[node]
        for i, node in enumerate(body.carried)
    ]
    shifted = replace(
        body, sequences=[*body.sequences, *given.values()], carried=carried,
        emits=[new[node] for node in body.emits],
    )  # fmt: skip
    names = {new[node]: name for name, node in loop.body.items() if node not in computed}
    names |= {e: e.name for e in given.values() if e.name}
    outer = body.outer | {given[i]: node for i, node in zeros.items()}
    return built(shifted, outer, names), dict(zeros)

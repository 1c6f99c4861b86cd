"""Loops in an explanation: a step by its formulas, a step back by its local derivatives.

A step back is one step of the loop that is the adjoint; what it adds up over the steps for a
constant is one formula behind it, `d_U[j,o] = Sum(h[t,n,j]*d_a[t,n,o], n, t)`, in which every
tensor of the step has t in front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphnet.formula.formula import Equation, hole
from graphnet.network.contributions import is_pointwise
from graphnet.network.describe import result_of
from graphnet.network.graph import Network
from graphnet.network.names import Namer
from graphnet.network.nodes import Computed, Constant, Input, Node, Scan
from graphnet.network.runs import Body, Run, body_names, runs_of
from graphnet.network.timewise import STEP, Outer, total
from graphnet.view.boxes import number_of
from graphnet.view.steps import times
from graphnet.view.subject import adjoints

__all__ = ["Recurrence", "step_back", "step_forward"]


@dataclass(frozen=True)
class Recurrence:
    """One step of a loop: what it is given, its parts, what goes on, and what comes out of it all.

    `parts` are equations or steps of a derivation, and recurrences within; `results` are
    equations or words.
    """

    title: str
    given: tuple[str, ...]
    parts: tuple[Any, ...]
    next: tuple[str, ...]
    results: tuple[Equation | str, ...]

    @property
    def equations(self) -> list[Equation]:
        """The equations among the results."""
        return [r for r in self.results if isinstance(r, Equation)]


def step_forward(
    network: Network, run: Run, told: Callable[[Network], Sequence[Any]]
) -> Recurrence:  # fmt: skip
    """The step of a loop; `told` gives the parts of its body."""
    names, body, loop = body_names(network, run), Body.of(run), run.loop
    given = [f"{names[s]} starts as {_called(network, body.outer[s])}" for s in body.states]
    given += [f"{names[s]} is {network.name_of(body.outer[s])}[t]" for s in body.sequences]
    given += [
        f"{names[c]} is {outside}" for c in body.constants
        if (outside := network.name_of(body.outer[c])) != names[c]
    ]  # fmt: skip
    if body.step is not None and any(body.step in node.operands for node in names):
        given.append(f"{names[body.step]} is the number of the step")
    return Recurrence(
        f"one step, {times(loop)}", tuple(given), tuple(told(_network(names))),
        _next(body, names, range(len(body.states))),
        tuple(f"{name} is {result_of(loop, node.result)}" for name, node in _results(network, run)),
    )  # fmt: skip


def step_back(
    network: Network, run: Run, told: Callable[[Network, set[str]], Sequence[Any]]
) -> Recurrence:  # fmt: skip
    """The step of a loop that is the adjoint of another one.

    `told` gives the parts of a network, the body of both, with the names of its adjoints.
    """
    names, body, loop = body_names(network, run), Body.of(run), run.loop
    late = adjoints(names)
    forward = _forward(network, run, names, late)
    namer = Namer(names.values())
    for node, name in ({} if forward is None else body_names(network, forward)).items():
        if node not in names:
            names[node] = namer.made(name)
    sums = {i: part for i in range(len(body.states)) if (part := _added(body, i)) is not None}
    hidden = {body.carried[i] for i in sums}
    both = _network(names)
    parts = told(both, {names[n] for n in late if not isinstance(n, Input) and n not in hidden})
    single = [i for i in range(len(body.states)) if i not in sums]
    given = [
        f"{names[s]} starts as {_called(network, body.outer[s])}" for s in _of(body.states, single)
    ]
    given += [
        f"{names[s]} is {network.name_of(body.outer[s])}[t]" for s in body.sequences if s in late
    ]  # fmt: skip
    results: list[Equation | str] = []
    for name, node in _results(network, run):
        kind, k = node.result
        if kind == "last" and k in sums:
            results.append(_total(name, sums[k], body, names))
        else:
            results.append(f"{name} is {result_of(loop, node.result)}")
    return Recurrence(
        f"one step back, {times(loop)}", tuple(given), tuple(parts), _next(body, names, single),
        tuple(results),
    )  # fmt: skip


def _called(network: Network, node: Node) -> str:
    """What a state starts as: a tensor by its name, or a number."""
    if isinstance(node, Constant) and not node.shape:
        return number_of(node)
    return network.name_of(node)


def _of(items: Sequence[Node], places: Sequence[int]) -> list[Node]:
    return [items[k] for k in places]


def _network(names: Mapping[Node, str]) -> Network:
    return Network.collect([], names=names, extra=list(names))


def _results(network: Network, run: Run) -> list[tuple[str, Scan]]:
    return [(name, node) for name, node in network.of(Scan) if Run.of(node) == run]


def _next(body: Body, names: Mapping[Node, str], states: Sequence[int]) -> tuple[str, ...]:
    return tuple(
        f"{names[body.states[i]]} is {names[body.carried[i]]} in the next step" for i in states
    )


def _forward(
    network: Network, run: Run, names: Mapping[Node, str], late: set[Node]
) -> Run | None:  # fmt: skip
    """The run that another one is the adjoint of: they share tensors, or at least their names."""
    others = [r for r in runs_of(network) if r.loop.reverse != run.loop.reverse]
    shared = [r for r in others if any(node in names for _, node in r.loop.body.items())]
    called = {names[s].removeprefix("d_") for s in Body.of(run).states if s in late}
    alike = [r for r in others if called & set(r.loop.carried)]
    return next(iter([*shared, *alike]), None)


def _added(body: Body, i: int) -> Node | None:
    """What a state only adds up, from zeros."""
    state, new, start = body.states[i], body.carried[i], body.outer[body.states[i]]
    if not isinstance(start, Computed) or start.formula.body != 0:
        return None
    if not isinstance(new, Computed) or not is_pointwise(new):
        return None
    f = new.formula
    if f.body != hole(0) + hole(1) or len(f.reads) != 2:
        return None
    parts = [o for o in new.operands if o is not state]
    return parts[0] if len(parts) == 1 and state in new.operands else None


def _total(
    name: str, part: Node, body: Body, names: Mapping[Node, str]
) -> Equation | str:  # fmt: skip
    """The sum over all steps of what one step gives, as one formula."""
    if not isinstance(part, Computed):
        return f"{name} is the sum of {names[part]} over the steps"
    length = body.run.loop.length
    given: dict[Node, Outer] = {}
    for node in part.operands:
        fixed = node in body.constants
        shape = node.shape if fixed else (length, *node.shape)
        stand_in = Input(shape=shape, dtype=node.dtype, name=names[node])
        given[node] = STEP if node is body.step else Outer(stand_in, varies=not fixed)
    whole = total(part, given, length)
    assert isinstance(whole, Computed)
    return whole.equation(name, [o.name or names.get(o, "") for o in whole.operands])

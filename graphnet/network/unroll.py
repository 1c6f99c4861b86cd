"""Loops laid open: every tensor of every step of a body, by a name and a place outside.

`opened` gives each tensor of a body a node outside, of every step, `a[t,n,o]`; `unrolled` then
says of what each of its elements is computed: of `h` at step t that is the new state of the step
before, of a sequence its element t, of a constant itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from graphnet.formula.extent import evaluate
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node, Scan
from graphnet.network.runs import Body, Result, Run, rewrite_runs, run_stages, runs_of

__all__ = ["Inner", "Locate", "is_open", "opened", "unrolled"]

Place = tuple[int, ...]
# Where an element of a node is: (tensor, place), or the number of a step.
Locate = Callable[[Node, Place], tuple[str, Place] | int]


def opened(network: Network) -> Network:
    """The network with a node for every tensor of its loops, also of loops within loops.

    These are results of the loops (every a_1 of the steps), behind all that the loops read.
    """
    if not network.of(Scan):
        return network

    def change(_: Run, run: Run, results: Sequence[Result]) -> Mapping[Result, Node]:
        body = opened(run.loop.body)
        inner = [name for name, node in body.items() if not isinstance(node, Input)]
        now = {name: body.outputs[key] for key, name in run.loop.body.outputs.items()}
        emits = [now.get(name, name) for name in run.loop.emits]
        emits += [name for name in inner if name not in emits]
        carried = tuple(now.get(name, name) for name in run.loop.carried)
        loop = replace(run.loop, body=body, carried=carried, emits=tuple(emits))
        return {result: Run(loop, run.operands).result(result, "scan") for result in results}

    made = rewrite_runs(network, change)
    names = {node: name for name, node in made.items()}
    stages = {node: made.stage(name) for node, name in names.items()}
    layers = {node: layer for name, node in made.items() if (layer := made.layer(name)) is not None}
    of_runs = run_stages(made, {name: made.stage(name) for name in made})
    ahead: dict[Run, list[Node]] = {}
    for run, results in runs_of(made).items():
        first = next(node for _, node in made.of(Scan) if Run.of(node) == run)
        missing = [j for j in range(len(run.loop.emits)) if ("emit", j) not in results]
        ahead[run] = [run.result(("emit", j), "scan", run.loop.emits[j]) for j in missing]
        stages |= dict.fromkeys(ahead[run], of_runs[run])
        layers |= dict.fromkeys(ahead[run], layers[first]) if first in layers else {}
    order: list[Node] = []
    for _, node in made.items():
        order += ahead.pop(Run.of(node), []) if isinstance(node, Scan) else []
        order.append(node)
    return Network.collect(
        {key: made.node(name) for key, name in made.outputs.items()},
        {made.node(old): made.node(new) for old, new in made.updates.items()},
        names=names, stages=stages, layers=layers, extra=order,
    )  # fmt: skip


def is_open(network: Network, run: Run) -> bool:
    """Whether everything that a run computes in its steps has a node in a network."""
    known = {run.loop.emits[k] for kind, k in runs_of(network)[run] if kind == "emit"}
    return all(
        name in known and (not isinstance(node, Scan) or is_open(run.loop.body, Run.of(node)))
        for name, node in run.loop.body.items() if not isinstance(node, Input)
    )  # fmt: skip


@dataclass(frozen=True)
class Inner:
    """What is computed at a step: an element of `name` at place p stands at (*step, *p) outside.

    Those of a node are computed of what `find` gives for its operands; where there is none, they
    are themselves what `find` gives for a place.
    """

    name: str
    shape: Place
    step: Place
    find: Callable[..., tuple[str, Place] | int]
    node: Computed | None = None
    loops: tuple[str, ...] = ()  # that it is in, each by one of its results, outermost first


def unrolled(
    run: Run, results: Mapping[Result, str], sizes: Mapping[str, int], locate: Locate,
    step: Place = (), loops: tuple[str, ...] = (), most: int | None = None,
) -> Iterator[Inner]:  # fmt: skip
    """Everything that a run computes, step by step in the order of the steps, or of the first few.

    `results` are the names of its results in the outermost network, of which a run within a run
    has elements at `step`; `locate` finds the elements of its operands.
    """
    body, loop, around = Body.of(run), run.loop, loops
    loops = (*loops, next(iter(results.values())))
    emitted = {
        node: results["emit", j] for j, node in reversed([*enumerate(body.emits)])
        if not isinstance(node, Input)
    }  # fmt: skip
    length = evaluate(loop.length, sizes)
    order = range(length - 1, -1, -1) if loop.reverse else range(length)
    outer, carried = body.outer, dict(zip(body.states, body.carried))

    def at(k: int) -> Locate:
        """Finds elements as the step in place k sees them; behind the last one, its states."""

        def find(inner: Node, place: Place) -> tuple[str, Place] | int:
            now = k
            while now and inner in carried:
                inner, now = carried[inner], now - 1
            if inner is body.step:
                return order[now]
            if inner in outer:
                ahead = (order[now],) if inner in body.sequences else ()
                return locate(outer[inner], (*ahead, *place))
            return emitted[inner], (*step, order[now], *place)

        return find

    def shape_of(inner: Node) -> Place:
        return tuple(evaluate(e, sizes) for e in inner.shape)

    for k in range(length)[:most]:
        here, now = at(k), (*step, order[k])
        done: set[Run] = set()
        for inner in body.order():
            if isinstance(inner, Computed):
                yield Inner(emitted[inner], shape_of(inner), now, here, inner, loops)
            elif isinstance(inner, Scan) and (within := Run.of(inner)) not in done:
                done.add(within)
                named = {
                    n.result: emitted[n] for n in body.order()
                    if isinstance(n, Scan) and Run.of(n) == within
                }  # fmt: skip
                yield from unrolled(within, named, sizes, here, now, loops, most)
        for (kind, j), name in results.items():
            inner = body.emits[j] if kind == "emit" else body.states[j]
            if kind != "last" and emitted.get(inner) != name:
                yield Inner(name, shape_of(inner), now, partial(here, inner), None, loops)
    for (kind, j), name in results.items():
        if kind == "last":
            state = body.states[j]
            yield Inner(name, shape_of(state), step, partial(at(length), state), None, around)

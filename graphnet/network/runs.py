"""Runs: a loop and what it is given, told apart from its results; passes over loops rest on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Computed, Loop, Node, Scan, topological

__all__ = [
    "Body", "Result", "Run", "bodies", "body_names", "body_of", "is_move", "rewrite_runs",
    "run_stages", "runs_of",
]  # fmt: skip

Result = tuple[str, int]


@dataclass(frozen=True)
class Run:
    """A loop with its operands: what Scan nodes that are results of one run have in common."""

    loop: Loop
    operands: tuple[Node, ...]

    @classmethod
    def of(cls, node: Scan) -> Run:
        return cls(node.loop, node.operands)

    def result(self, result: Result, label: str, name: str | None = None) -> Scan:
        """The node of a result."""
        kind, k = result
        loop = self.loop
        inner = loop.body.node(loop.emits[k] if kind == "emit" else loop.states[k])
        shape = inner.shape if kind == "last" else (loop.length, *inner.shape)
        return Scan(
            shape=shape, dtype=inner.dtype, operands=self.operands, loop=loop, result=result,
            label=label, made=True, name=name,
        )  # fmt: skip

    def before(self, i: int, known: Mapping[Result, Node]) -> Node:
        """The states i as the steps found them: the node there is, or a new one."""
        name = f"{self.loop.states[i]}_before"
        return known.get(("before", i)) or self.result(("before", i), "before", name)


@dataclass
class Body:
    """A run taken apart: the nodes that its body is made of, by their part in it."""

    run: Run
    states: list[Node]
    sequences: list[Node]
    constants: list[Node]
    step: Node | None
    carried: list[Node]
    emits: list[Node]

    @classmethod
    def of(cls, run: Run) -> Body:
        loop, node = run.loop, run.loop.body.node
        return cls(
            run, [*map(node, loop.states)], [*map(node, loop.sequences)],
            [*map(node, loop.constants)], None if loop.step is None else node(loop.step),
            [*map(node, loop.carried)], [*map(node, loop.emits)],
        )  # fmt: skip

    @property
    def outer(self) -> dict[Node, Node]:
        """What every state (as it starts), sequence and constant is outside."""
        inputs = [*self.states, *self.sequences, *self.constants]
        return dict(zip(inputs, self.run.operands, strict=True))

    def order(self) -> list[Node]:
        """The nodes of the body, inputs that are not read included."""
        return [node for _, node in self.run.loop.body.items()]


def body_of(
    inputs: Sequence[Node], carried: Sequence[Node], emits: Sequence[Node],
    names: Mapping[Node, str],
) -> Network:  # fmt: skip
    """The network of a body. A new state that another one is made of stands before it, with all
    that it is made of itself: the cell of an LSTM before what it shows."""
    place = {node: k for k, node in enumerate(topological(carried))}
    order = sorted(range(len(carried)), key=lambda k: place[carried[k]])
    outputs = {f"out{k}": carried[k] for k in order}
    outputs |= {f"out{k}": node for k, node in enumerate(emits, len(carried))}
    return Network.collect(outputs, names=names, extra=inputs)


def built(
    body: Body,
    outer: Mapping[Node, Node],
    names: Mapping[Node, str],
) -> Run:
    """The run of a body; sequences and constants that are not read are not brought along."""
    results = [*body.carried, *body.emits]
    read = set(topological([*results, *body.states]))
    sequences = [node for node in body.sequences if node in read]
    constants = [node for node in body.constants if node in read]
    step = body.step if body.step in read else None
    inputs = [*body.states, *sequences, *constants, *([] if step is None else [step])]
    known, taken = dict[Node, str](), set[str]()
    for node in topological([*inputs, *results]):
        name = names.get(node)
        if name is not None and name not in taken:
            known[node] = name
            taken.add(name)
    network = body_of(inputs, body.carried, body.emits, known)
    name_of = network.name_of
    loop = Loop(
        body=network, states=tuple(map(name_of, body.states)),
        carried=tuple(map(name_of, body.carried)), sequences=tuple(map(name_of, sequences)),
        constants=tuple(map(name_of, constants)), emits=tuple(map(name_of, body.emits)),
        step=None if step is None else name_of(step), length=body.run.loop.length,
        reverse=body.run.loop.reverse,
    )  # fmt: skip
    return Run(loop, tuple(outer[node] for node in (*body.states, *sequences, *constants)))


def runs_of(network: Network) -> dict[Run, list[Result]]:
    """The runs of a network, in its order, with the results that it has nodes of."""
    found: dict[Run, list[Result]] = {}
    for _, node in network.of(Scan):
        results = found.setdefault(Run.of(node), [])
        if node.result not in results:
            results.append(node.result)
    return found


def run_stages(network: Network, stage: Mapping[str, str]) -> dict[Run, str]:
    """The stage of every run: the earliest one of its results, and so then are they all.

    What only the backward pass asks of a loop is made as the loop goes forward.
    """
    found: dict[Run, str] = {}
    for name, node in network.of(Scan):
        run, at = Run.of(node), stage[name]
        found[run] = min(found.get(run, at), at, key=STAGES.index)
    return found


def body_names(network: Network, run: Run) -> dict[Node, str]:
    """The names of a body's tensors, constants by those they have in the network where these are
    free in the body."""
    body = run.loop.body
    names, taken = {node: name for name, node in body.items()}, set(body)
    whole = Body.of(run).outer
    for node in map(body.node, run.loop.constants):
        name = network.name_of(whole[node])
        if name not in taken:
            names[node] = name
            taken.add(name)
    return names


Change = Callable[[Run, Run, Sequence[Result]], Mapping[Result, Node]]


def rewrite_runs(network: Network, change: Change) -> Network:
    """The network with other nodes in place of the results of its runs.

    `change(old, run, results)` is told a run as the network has it and with its operands already
    replaced, and gives a node for every result.
    """
    asked, done = runs_of(network), dict[Run, Mapping[Result, Node]]()

    def replaced(name: str, node: Node) -> Node | None:
        if not isinstance(node, Scan):
            return None
        old = network.node(name)
        assert isinstance(old, Scan)
        run = Run.of(old)
        if run not in done:
            done[run] = change(run, Run.of(node), asked[run])
        return done[run][node.result]

    result = network.rebuild(replaced)
    result.take_notes(network)
    return result


def bodies(
    network: Network,
    change: Callable[[Network], Network],
    known: MutableMapping[Loop, Loop] | None = None,
) -> Network:
    """The network with the bodies of its loops changed.

    Where `change` gives a body back as it is, so does this the loop, and the network where all
    stay. `known` are loops that were changed before, to which those of now are added.
    """
    done: MutableMapping[Loop, Loop] = {} if known is None else known
    loops = dict.fromkeys(run.loop for run in runs_of(network))
    for loop in loops:
        if loop not in done:
            done[loop] = _with_body(loop, change(loop.body))
            done[done[loop]] = done[loop]
    if all(done[loop] is loop for loop in loops):
        return network

    def one(old: Run, run: Run, results: Sequence[Result]) -> Mapping[Result, Node]:
        new = Run(done[old.loop], run.operands)
        return {result: new.result(result, "scan") for result in results}

    return rewrite_runs(network, one)


def _with_body(loop: Loop, body: Network) -> Loop:
    """The loop with another body, whose outputs are those of the one before, in other nodes."""
    if body is loop.body:
        return loop
    keys = {name: key for key, name in loop.body.outputs.items()}

    def now(name: str) -> str:
        return body.outputs[keys[name]] if name in keys else name

    return replace(
        loop, body=body, carried=tuple(map(now, loop.carried)), emits=tuple(map(now, loop.emits))
    )


def is_move(node: Node) -> bool:
    """Whether a node is elements of its one operand, elsewhere: a slice or a transpose."""
    if not isinstance(node, Computed) or node.formula.over:
        return False
    return node.formula.body.is_Symbol and len(node.formula.reads) == 1

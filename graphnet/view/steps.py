"""A network in a picture, and within it the steps of its loops: a cluster each.

In the cluster stand the body's tensors by their formulas. A sequence comes in as its element of
step t, a constant is read where it stands outside, and a dashed arrow takes each new state round
to the next step; what comes out of the loop are boxes outside of the cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from graphnet.formula.extent import show_extent, sub
from graphnet.network.describe import result_of
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Loop, Node, Scan
from graphnet.network.runs import Body, Run, body_names, run_stages
from graphnet.view.boxes import box
from graphnet.view.dot import Arrow, Diagram
from graphnet.view.subject import adjoints

__all__ = ["Scope", "add_arrows", "add_boxes", "opened", "times"]


@dataclass
class Scope:
    """What is drawn of a network: the whole one, or the body of a loop."""

    network: Network
    home: Mapping[str, str | None]  # the tensors that have a box here, and the cluster of each
    stage: dict[str, str]
    ids: Mapping[str, str]  # tensor -> its box; of a constant of a loop the one outside
    roles: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # input -> (kind, what)
    outputs: Collection[str] = ()
    into: str = ""  # of a body: the stage in which it is computed
    inner: dict[Run, Scope] = field(default_factory=dict)  # the bodies that are drawn

    def box(self, node: Node) -> str:
        """The box of a node."""
        return self.ids[self.network.name_of(node)]


def opened(scope: Scope, stages: Collection[str] = STAGES) -> dict[Run, str]:
    """The runs to be drawn with their bodies: those of some stages, if all they read is here."""
    drawn = {Run.of(node) for name, node in scope.network.of(Scan) if name in scope.home}
    return {
        run: stage for run, stage in run_stages(scope.network, scope.stage).items()
        if run in drawn and stage in stages
        and all(scope.network.name_of(o) in scope.ids for o in run.operands)
    }  # fmt: skip


def add_boxes(diagram: Diagram, scope: Scope, runs: Mapping[Run, str]) -> None:
    """Adds the boxes of a scope, and those of the bodies of its runs."""
    network = scope.network
    for name, node in network.of(Scan):
        scope.stage[name] = runs.get(Run.of(node), scope.stage[name])
    for name, cluster in scope.home.items():
        node, stage, base = network.node(name), scope.stage[name], name.removeprefix("d_")
        kind, told = scope.roles.get(name, (node.kind, None))
        if isinstance(node, Scan) and Run.of(node) in runs:
            told = result_of(node.loop, node.result)
        beside = stage == "backward" and base != name
        diagram.boxes.append(
            box(
                network, name, stage, id=scope.ids[name], told=told, kind=kind, cluster=cluster,
                beside=scope.ids.get(base) if beside else None, heavy=name in scope.outputs,
            )
        )  # fmt: skip
    for run, stage in runs.items():
        scope.inner[run] = inner = _body(diagram, scope, run, stage)
        add_boxes(diagram, inner, opened(inner))


def _body(diagram: Diagram, scope: Scope, run: Run, stage: str) -> Scope:
    """The scope of the body of a run, in a cluster within that of its first result."""
    network, loop = scope.network, run.loop
    first = next(n for n, node in network.of(Scan) if n in scope.home and Run.of(node) == run)
    cluster, outer = _free(f"{scope.ids[first]} step", diagram.clusters), scope.home[first]
    diagram.clusters[cluster] = f"one step{' back' * (stage == 'backward')}, {times(loop)}"
    if outer is not None:
        diagram.inside[cluster] = outer
    whole = {node: network.name_of(o) for node, o in Body.of(run).outer.items()}
    constants = set(map(loop.body.node, loop.constants))
    names = body_names(network, run)
    body = Network.collect([], names=names, extra=list(names))
    late = adjoints(
        names, [n for n, outside in whole.items() if scope.stage[outside] == "backward"]
    )
    stages = {
        name: "forward" if stage == "backward" and node not in late else stage
        for node, name in names.items()
    }  # fmt: skip
    roles = {names[node]: role for node, role in _roles(loop, whole).items()}
    ids = {name: scope.ids[name] for node in constants if (name := names[node]) == whole[node]}
    read = {loop.body.name_of(o) for node in names for o in node.operands}
    unread = {loop.step} - {*read, *loop.carried, *loop.emits}
    home = {name: cluster for name in body if name not in ids and name not in unread}
    taken = {b.id for b in diagram.boxes}
    ids |= {name: _free(f"{cluster}: {name}", taken) for name in home}
    return Scope(body, home, stages, ids, roles, into=stage)


def _roles(loop: Loop, whole: Mapping[Node, str]) -> dict[Node, tuple[str, str]]:
    """The kind of box that an input of a body has, and what it is."""
    node = loop.body.node
    roles = {node(s): ("state", f"starts as {whole[node(s)]}") for s in loop.states}
    roles |= {node(s): ("input", f"{whole[node(s)]}[t]") for s in loop.sequences}
    roles |= {node(c): ("input", whole[node(c)]) for c in loop.constants}
    return roles | ({} if loop.step is None else {node(loop.step): ("input", "number of the step")})


def _free(id: str, taken: Collection[str]) -> str:
    while id in taken:
        id += "'"
    return id


def times(loop: Loop) -> str:
    """Which steps are done, in their order: t = 0 … 4."""
    last = sub(loop.length, 1)
    if isinstance(last, int) and last < 1:
        return "t = 0" if last == 0 else "not once"
    ends = ("0", show_extent(last))
    return "t = " + " … ".join(reversed(ends) if loop.reverse else ends)


def add_arrows(diagram: Diagram, scope: Scope) -> None:
    """Adds what leads from box to box of a scope, into its bodies and out of them."""
    stages = {b.id: b.stage for b in diagram.boxes}
    given = {scope.ids[name] for name in scope.roles if name in scope.home}

    def link(tail: str, head: str, into: str = "") -> None:
        at = into or stages[head]  # what enters a step back is read by the backward pass
        same = stages[tail] == at
        crosses = at == "backward" and not same
        here = tail in given  # what a step back is given stands below what reads it
        diagram.arrows.append(
            Arrow(
                tail, head, at, up=at == "backward" and (same or here), free=crosses and not here,
                style="dashed" if crosses else "solid",
            )
        )  # fmt: skip

    for name in scope.home:
        node = scope.network.node(name)
        run = Run.of(node) if isinstance(node, Scan) else None
        if isinstance(node, Scan) and run in scope.inner:
            link(scope.inner[run].box(_source(node)), scope.ids[name])
            continue
        for operand in scope.network.operands(name):
            if operand in scope.ids:
                link(scope.ids[operand], scope.ids[name])
    for run, inner in scope.inner.items():
        body = Body.of(run)
        for node, outside in body.outer.items():
            if inner.network.name_of(node) in inner.home:
                link(scope.box(outside), inner.box(node), inner.into)
        add_arrows(diagram, inner)
        for state, new in zip(body.states, body.carried, strict=True):
            tail, head = inner.box(new), inner.box(state)
            diagram.arrows.append(
                Arrow(
                    tail, head, "time", style="time", up=stages[head] != "backward",
                    free=tail == head, label="t → t-1" if run.loop.reverse else "t → t+1",
                )
            )  # fmt: skip


def _source(node: Scan) -> Node:
    """The tensor of a body that a result is made of."""
    (kind, k), body = node.result, Body.of(Run.of(node))
    return {"last": body.carried, "emit": body.emits, "before": body.states}[kind][k]

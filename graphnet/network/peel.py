"""What of a loop's body needs no state leaves the loop: in front of it, or behind it.

In front is done, for all steps at once, what reads sequences and constants alone (`x[t]@W`, the
slopes of an adjoint). Behind is done what no later step needs, from what the loop gives out: so a
sum over the steps is one formula, `dW[i,o] = Sum(X[t,n,i]*dz[t,n,o], t, n)`, and is no state.
Inside is left what passes from step to step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy

from graphnet.formula.extent import Extent
from graphnet.formula.formula import hole, normalize
from graphnet.network.contributions import is_pointwise, placed
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Input, Node, Order, topological
from graphnet.network.runs import Body, Result, Run, built, rewrite_runs
from graphnet.network.split import cut, joined
from graphnet.network.timewise import STEP, Outer, all_steps, plus, repeated, total

__all__ = ["peel"]

LARGEST = 2**25  # elements of a tensor that is made for all steps at once
NAMED = 64  # what a named size counts as


def peel(network: Network) -> Network:
    """The network whose loops hold nothing but what passes from step to step."""

    def change(_: Run, run: Run, results: Sequence[Result]) -> Mapping[Result, Node]:
        return _Peeling(Body.of(run), results).done()

    return rewrite_runs(network, change)


@dataclass
class _Peeling:
    """One run taken apart.

    `outer` says of a node of the body what it is outside, as far as that is known; `new` what it
    is in the new body.
    """

    body: Body
    asked: Sequence[Result]
    outer: dict[Node, Outer] = field(default_factory=dict)
    new: dict[Node, Node] = field(default_factory=dict)
    sums: dict[int, Computed] = field(default_factory=dict)  # a state that only adds -> what
    given: list[Input] = field(default_factory=list)  # new sequences and constants

    def __post_init__(self) -> None:
        body = self.body
        self.length: Extent = body.run.loop.length
        self.names = {node: name for name, node in body.run.loop.body.items()}
        for node in (*body.sequences, *body.constants):
            self.outer[node] = Outer(body.outer[node], varies=node in body.sequences)
        if body.step is not None:
            self.outer[body.step] = STEP
        self.leaves = {*body.states, *self.outer}
        self.new |= {node: node for node in self.leaves}

    def done(self) -> dict[Result, Node]:
        """The nodes that take the place of the run's results."""
        self.find_sums()
        shown = [self.body.emits[k] for kind, k in self.asked if kind == "emit"]
        shown += [self.body.states[k] for kind, k in self.asked if kind == "before"]
        roots = [*shown, *(o for part in self.sums.values() for o in part.operands)]
        states = self.needed_states(roots)
        carried = [self.body.carried[i] for i in states]
        inside = self.inside(carried, roots)
        held = self.held(inside)
        for node in inside:
            if node not in held and node not in self.leaves:
                self.outer[node] = all_steps(node, self.outer, self.length)
        ahead = set(inside) | self.leaves
        behind = [node for node in topological(roots) if node not in ahead]
        read = {o for node in behind for o in node.operands}.union(roots)
        boundary = [self.body.states[i] for i in states if self.body.states[i] in read]
        boundary += [n for n in inside if n in held and n in read and n not in self.leaves]
        self.rewrite([node for node in inside if node in held], {*carried, *boundary})
        run = self.loop(states, carried, [n for n in boundary if n not in self.leaves])
        self.give_out(run, boundary, states)
        for node in behind:
            self.outer[node] = all_steps(node, self.outer, self.length)
        return {result: self.result(result, run, states) for result in self.asked}

    # -- what is needed, and where it is done ------------------------------------------------------

    def find_sums(self) -> None:
        """The states to which every step adds something, and that nothing else reads."""
        body = self.body
        shown = [node for k, node in enumerate(body.emits) if ("emit", k) in self.asked]
        readers: dict[Node, list[Node]] = {}
        for node in topological([*body.carried, *shown]):
            for operand in node.operands:
                readers.setdefault(operand, []).append(node)
        for i, (state, new) in enumerate(zip(body.states, body.carried, strict=True)):
            alone = readers.get(state) == [new] and new not in readers and new not in shown
            if not alone or ("before", i) in self.asked or body.carried.count(new) > 1:
                continue
            part = _added(new, state)
            if part is None or state in shown:
                continue
            whole = part.formula.reduce in (None, "Sum") and readers.get(part, [new]) == [new]
            self.sums[i] = part if whole and part not in shown else placed(part)

    def needed_states(self, roots: Sequence[Node]) -> list[int]:
        """The states that something depends on which is asked for."""
        body = self.body
        found = {k for kind, k in self.asked if kind != "emit" and k not in self.sums}
        while True:
            reached = set(topological([*roots, *(body.carried[i] for i in sorted(found))]))
            more = {i for i, state in enumerate(body.states) if state in reached} | found
            if more == found:
                return sorted(found)
            found = more

    def inside(self, carried: Sequence[Node], roots: Sequence[Node]) -> list[Node]:
        """What is done at every step: what the states need, and what is too large to be stacked
        or is a loop itself, with what that needs."""
        stay = [
            node for node in topological(roots)
            if node not in self.leaves and not self.can_be_stacked(node)
        ]  # fmt: skip
        return topological([*carried, *stay])

    def can_be_stacked(self, node: Node) -> bool:
        count = 1
        for extent in (self.length, *node.shape):
            count *= extent if isinstance(extent, int) else NAMED
        return isinstance(node, Computed | Order) and count <= LARGEST

    def held(self, inside: Sequence[Node]) -> set[Node]:
        """The nodes that cannot be done in front: those of states, and of what has to stay."""
        found = set(self.body.states)
        for node in inside:
            if node in self.leaves:
                continue
            if any(o in found for o in node.operands) or not self.can_be_stacked(node):
                found.add(node)
        return found

    # -- the body ----------------------------------------------------------------------------------

    def rewrite(self, held: Sequence[Node], kept: set[Node]) -> None:
        """The nodes of the new body, with what is free of states cut out of their formulas."""
        readers: dict[Node, int] = {}
        for node in held:
            for operand in node.operands:
                readers[operand] = readers.get(operand, 0) + 1
        stateful = {node for node in held if node in self.leaves}
        single: dict[Node, Computed] = {}
        for node in held:
            if node in self.leaves:
                continue
            made = _over(node, [self.inner(o) for o in node.operands])
            if isinstance(made, Computed):
                made = joined(made, {o: single[o] for o in made.operands if o in single})
                made = cut(made, stateful, self.part)
            stateful.add(made)
            self.new[node] = made
            alone = readers.get(node, 0) == 1 and node not in kept and is_pointwise(made)
            if alone and isinstance(made, Computed) and (made.name is None or made.made):
                single[made] = made

    def inner(self, node: Node) -> Node:
        """A node in the new body: what was done in front is a sequence or a constant there."""
        if node not in self.new:
            self.new[node] = self.input(self.outer[node], node, self.names.get(node))
        return self.new[node]

    def part(self, node: Computed) -> Node:
        """What was cut out of a formula, done in front."""
        return self.input(all_steps(node, self.outer, self.length), node, None)

    def input(self, outer: Outer, like: Node, name: str | None) -> Input:
        name = name or like.name
        made = Input(shape=like.shape, dtype=like.dtype, name=name, made=True, label=like.label)
        self.outer[made] = outer
        self.given.append(made)
        return made

    def loop(self, states: Sequence[int], carried: Sequence[Node], emits: Sequence[Node]) -> Run:
        """The run of what is left."""
        body = self.body
        after = replace(
            body, states=[body.states[i] for i in states],
            carried=[self.inner(node) for node in carried],
            emits=[self.inner(node) for node in emits],
        )  # fmt: skip
        after.sequences = body.sequences + [n for n in self.given if self.outer[n].varies]
        after.constants = body.constants + [n for n in self.given if not self.outer[n].varies]
        outer = {node: o.node for node, o in self.outer.items() if o.node is not None}
        outer |= {node: body.outer[node] for node in after.states}
        names = {new: self.names[node] for node, new in self.new.items() if node in self.names}
        return built(after, outer, names)

    # -- outside -----------------------------------------------------------------------------------

    def give_out(self, run: Run, boundary: Sequence[Node], states: Sequence[int]) -> None:
        """What is read behind the loop, as results of it."""
        k = 0
        for node in boundary:
            name = self.names[node]
            if node in self.leaves:
                place = states.index(self.body.states.index(node))
                result = run.result(("before", place), "before", f"{name}_before")
            else:
                result = run.result(("emit", k), node.label, name)
                k += 1
            self.outer[node] = Outer(result)

    def result(self, result: Result, run: Run, states: Sequence[int]) -> Node:
        kind, k = result
        if kind == "last" and k not in self.sums:
            return run.result(("last", states.index(k)), f"{self.names[self.body.states[k]]}_last")
        if kind == "last":
            part = total(self.sums[k], self.outer, self.length)
            return plus(self.body.run.operands[k], part)
        outer = self.outer[self.body.emits[k] if kind == "emit" else self.body.states[k]]
        if outer.node is None:  # the number of the step itself is given out
            assert self.body.step is not None
            stacked = all_steps(placed(self.body.step), self.outer, self.length).node
            assert stacked is not None
            return replace(stacked, dtype="int")
        return outer.node if outer.varies else repeated(outer.node, self.length)


def _added(new: Node, state: Node) -> Computed | None:
    """What is added to a state, where its new value is `state + part`; as one formula."""
    if not isinstance(new, Computed) or not is_pointwise(new) or new.dtype != "float":
        return None
    f = new.formula
    slot = new.operands.index(state)
    own = [k for k, r in enumerate(f.reads) if r.slot == slot]
    if len(own) != 1 or f.reads[own[0]].subs != f.target or not isinstance(f.body, sympy.Add):
        return None
    terms = [a for a in f.body.args if a != hole(own[0])]
    rest = sympy.Add(*terms)
    if len(terms) == len(f.body.args) or hole(own[0]) in rest.free_symbols:
        return None
    part = with_body(new, normalize(replace(f, body=rest)), new.operands)
    if len(part.formula.reads) == 1 and part.formula.body == hole(0):
        (operand,) = part.operands
        whole = part.formula.reads[0].subs == part.formula.target
        if whole and isinstance(operand, Computed) and operand.shape == part.shape:
            return operand
    return part


def _over(node: Node, operands: Sequence[Node]) -> Node:
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return node
    return replace(node, operands=tuple(operands), made=True)

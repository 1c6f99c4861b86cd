"""What an earlier loop computes at a step, a later one does not compute again: it is given out.

The adjoint of a loop reads what the forward loop computed. As derived, its body computes that
anew from the states the steps found; here the forward loop gives it out, and the adjoint has it as
a sequence. So `1 - tanh(a)**2` beside `h' = tanh(a)` is `1 - h'**2`, and a is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy
from sympy import Expr

from graphnet.formula.formula import Read, hole, index_symbol, normalize, symbol_kind
from graphnet.formula.subscript import Affine, constant
from graphnet.network.contributions import is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Input, Node, Scan
from graphnet.network.outside import is_inside
from graphnet.network.runs import Body, Result, Run, built, is_move, rewrite_runs, runs_of

__all__ = ["share"]


def share(network: Network) -> Network:
    """The network whose loops give out what later loops over as many steps would compute again."""
    runs = runs_of(network)
    if len(runs) < 2:
        return network
    work = _Sharing()
    for run in runs:
        work.see(run)
    if not any(plan.emits or plan.given for plan in work.plans.values()):
        return network
    made: dict[Run, Run] = {}

    def change(old: Run, run: Run, results: Sequence[Result]) -> Mapping[Result, Node]:
        plan = work.plans[old]
        body = replace(plan.body, run=run, emits=[*plan.body.emits, *plan.emits])
        outer = dict(zip(_inputs(plan.before), run.operands, strict=True))
        for node, (source, inner) in plan.given.items():
            k = len(work.plans[source].body.emits) + work.plans[source].emits.index(inner)
            outer[node] = made[source].result(("emit", k), node.label, node.name)
        made[old] = built(body, outer, plan.names)
        return {result: made[old].result(result, "scan") for result in results}

    return rewrite_runs(network, change)


def _inputs(body: Body) -> list[Node]:
    return [*body.states, *body.sequences, *body.constants]


@dataclass
class _Plan:
    """A run as it will be: its new body, what more it gives out, what it is given by which run.

    `new` has the nodes of the new body that it computes itself, by those of the old one.
    """

    before: Body
    body: Body
    names: dict[Node, str]
    given: dict[Node, tuple[Run, Node]]
    new: dict[Node, Node]
    emits: list[Node] = field(default_factory=list)


@dataclass
class _Sharing:
    """What runs compute, told by numbers: equal numbers are equal values at every step."""

    plans: dict[Run, _Plan] = field(default_factory=dict)
    numbers: dict[object, int] = field(default_factory=dict)
    keys: dict[Run, dict[Node, int]] = field(default_factory=dict)
    known: dict[tuple[object, int], tuple[Run, Node]] = field(default_factory=dict)
    forms: dict[tuple[object, int], list[tuple[Run, Computed]]] = field(default_factory=dict)

    def number(self, *key: object) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def see(self, run: Run) -> None:
        """Plans a run, and remembers what it computes for those after it."""
        body, length = Body.of(run), run.loop.length
        stateful = self._tell(run, body)
        keys = self.keys[run]
        plan = self.plans[run] = self._planned(run, body)
        for old, new in plan.new.items():
            if old not in stateful or not isinstance(old, Computed | Scan) or is_move(old):
                continue
            self.known.setdefault((length, keys[old]), (run, new))
            if isinstance(old, Computed) and is_pointwise(old) and _is_dear(old.formula.body):
                first = keys[old.operands[old.formula.reads[0].slot]]
                self.forms.setdefault((length, first), []).append((run, old))

    def _tell(self, run: Run, body: Body) -> set[Node]:
        """Numbers the nodes of a body by formulas and by what is outside; which read a state."""
        keys = self.keys[run] = {}
        outer, stateful = body.outer, set(body.states)
        for i, node in enumerate(body.states):
            keys[node] = self.number("before", run, i)
        for node in body.sequences:
            keys[node] = self._sequence(outer[node])
        for node in body.constants:
            keys[node] = self.number("constant", outer[node])
        for node in body.order():
            if node in keys:
                continue
            operands = tuple(keys[o] for o in node.operands)
            if any(o in stateful for o in node.operands):
                stateful.add(node)
            if isinstance(node, Computed):
                keys[node] = self.number(node.formula, node.extents, node.dtype, operands)
            elif isinstance(node, Scan):
                keys[node] = self.number("scan", id(node.loop), node.result, operands)
            elif node is body.step:
                keys[node] = self.number("step", run.loop.length)
            else:
                keys[node] = self.number("node", node)
        return stateful

    def _sequence(self, outer: Node) -> int:
        """What an element of a sequence is: a result of an earlier run is what that computed."""
        if isinstance(outer, Scan) and Run.of(outer) in self.keys:
            run, (kind, k) = Run.of(outer), outer.result
            if kind == "before":
                return self.number("before", run, k)
            if kind == "emit":
                return self.keys[run][run.loop.body.node(run.loop.emits[k])]
        return self.number("sequence", outer)

    def _planned(self, run: Run, body: Body) -> _Plan:
        """The body with what earlier runs know as sequences, computed from the results down."""
        keys, length = self.keys[run], run.loop.length
        given: dict[tuple[Run, Node], Node] = {}
        shared: dict[Node, Node] = {}
        formed: dict[Node, Node] = {}  # a node that stays, over what others computed
        pending = [*body.carried, *body.emits]
        while pending:
            node = pending.pop()
            if node in shared or node in formed:
                continue
            found = self.known.get((length, keys[node]))
            if found is not None and not isinstance(node, Input):
                shared[node] = self._sequence_of(found, given)
                continue
            formed[node] = self._recognised(node, run, given)
            pending += [o for o in formed[node].operands if o in keys]
        new: dict[Node, Node] = {node: node for node in given.values()} | shared
        for node in body.order():
            if node in formed:
                new[node] = _over(formed[node], new)
        for node in [*_inputs(body), *([body.step] if body.step else [])]:
            new.setdefault(node, node)
        names = {new[node]: name for name, node in run.loop.body.items() if node in new}
        for source, inner in given:
            if inner not in self.plans[source].emits:
                self.plans[source].emits.append(inner)
        after = replace(
            body, sequences=[*body.sequences, *given.values()],
            carried=[new[node] for node in body.carried], emits=[new[node] for node in body.emits],
        )  # fmt: skip
        found_by = {node: found for found, node in given.items()}
        return _Plan(body, after, names, found_by, {old: new[old] for old in formed})

    def _sequence_of(self, found: tuple[Run, Node], given: dict[tuple[Run, Node], Node]) -> Node:
        """The input that stands for what an earlier run gives out."""
        if found not in given:
            run, inner = found
            name = self.plans[run].names.get(inner) or inner.name
            given[found] = Input(
                shape=inner.shape, dtype=inner.dtype, name=name, made=True,
                label=inner.name or inner.label,
            )  # fmt: skip
        return given[found]

    def _recognised(self, node: Node, run: Run, given: dict[tuple[Run, Node], Node]) -> Node:
        """A node whose formula has parts that earlier runs have as pointwise formulas reads them
        from there: in `1 - tanh(a[n])**2` the `tanh(a[n])`."""
        if not isinstance(node, Computed):
            return node
        f, keys, length = node.formula, self.keys[run], run.loop.length
        operands, reads, body = [*node.operands], [*f.reads], f.body
        for k, read in enumerate(f.reads):
            for source, form in self.forms.get((length, keys[node.operands[read.slot]]), ()):
                numbers = [self.keys[source][o] for o in form.operands]
                match = _matched(form, numbers, node, k, [keys[o] for o in node.operands])
                changed = body if match is None else body.xreplace({match[0]: hole(len(reads))})
                if match is None or changed == body:
                    continue
                found = self.known[length, self.keys[source][form]]
                operands.append(self._sequence_of(found, given))
                reads.append(Read(len(operands) - 1, match[1]))
                body = changed
        if len(reads) == len(f.reads):
            return node
        return with_body(node, normalize(replace(f, body=body, reads=tuple(reads))), operands)


def _over(node: Node, new: Mapping[Node, Node]) -> Node:
    """A node over other operands; two that became one are one operand."""
    operands = tuple(new.get(o, o) for o in node.operands)
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return node
    if isinstance(node, Computed) and len(set(operands)) < len(operands):
        return with_body(node, node.formula, operands)
    return replace(node, operands=operands)


def _is_dear(body: Expr) -> bool:
    """Whether a body is worth being looked for: it has a function, a quotient or a root in it."""
    return bool(body.atoms(sympy.Function)) or any(
        not (p.exp.is_Integer and p.exp.is_positive) for p in body.atoms(sympy.Pow)
    )


def _matched(
    form: Computed, numbers: Sequence[int], node: Computed, k: int, keys: Sequence[int]
) -> tuple[Expr, tuple[Affine, ...]] | None:
    """The part of a node's body that a pointwise formula is, if its first read is read k, and the
    subscripts under which the formula's tensor is then read."""
    f, g = node.formula, form.formula
    first, read = g.reads[0], f.reads[k]
    at = [(s - constant(s.const)).bare for s in first.subs]  # i of a[n,i] and of a[n,i + 64]
    target = g.plain_target or ()
    if None in at or len(set(at)) < len(at) or set(at) != set(target):
        return None
    place = {
        p: s - constant(own.const)
        for p, s, own in zip(at, read.subs, first.subs, strict=True) if p is not None
    }  # fmt: skip
    if not all(is_inside(place[p], e, node.extents) for p, e in zip(target, form.shape)):
        return None
    moves: dict[Expr, Expr] = {}
    for j, r in enumerate(g.reads):
        wanted = tuple(s.map(index=place.__getitem__) for s in r.subs)
        found = next(
            (n for n, other in enumerate(f.reads)
             if keys[other.slot] == numbers[r.slot] and other.subs == wanted),
            None,
        )  # fmt: skip
        if found is None or r.gathers():
            return None
        moves[hole(j)] = hole(found)
    for symbol in g.body.free_symbols:
        kind, number = symbol_kind(symbol)
        index = place[number].bare if kind == "i" else None
        if kind != "h" and index is None:
            return None
        if index is not None:
            moves[symbol] = index_symbol(index)
    return g.body.xreplace(moves), tuple(place[p] for p in target)

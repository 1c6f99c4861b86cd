"""The walk from consumers to sources that finds adjoints.

Nodes are walked once, consumers first, each handing what it contributes to its operands. What
reaches one tensor over several ways is added in one explicit node, into which pointwise
contributions are merged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sympy import Integer, preorder_traversal

from graphnet.errors import GraphnetError
from graphnet.formula.derive import is_selection, operand_count, tie_count, tie_place
from graphnet.formula.formula import Formula, Read, hole
from graphnet.formula.jumps import told_jumps
from graphnet.formula.kinks import Choice, Kinks
from graphnet.formula.subscript import bare
from graphnet.network.contributions import (
    Uniform,
    Upstream,
    as_selection,
    contribution,
    draft,
    filled,
    is_draft,
    is_pointwise,
    merge,
    placed,
    reduced,
)
from graphnet.network.facts import Use, facts_of, with_facts
from graphnet.network.graph import Network
from graphnet.network.liveness import live
from graphnet.network.loops import run_adjoint
from graphnet.network.nodes import Computed, Node, Scan
from graphnet.network.runs import Run

__all__ = ["Reverse", "isolate_extremum"]

LONGEST = 60  # parts of a body; a sum of more contributions is built of several nodes


@dataclass
class Reverse:
    """One walk from consumers to sources over nodes in topological order."""

    order: Sequence[Node]
    names: dict[Node, str]
    kinks: Kinks
    made_from: dict[Node, Node] = field(default_factory=dict)
    at_kinks: dict[str, str] = field(default_factory=dict)  # node -> which slope it has there
    used: list[tuple[Use, str]] = field(default_factory=list)  # facts, and whose adjoint they made
    _parts: dict[Node, list[tuple[str, Upstream]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._facts = any(facts_of(node) for node in self.order)

    def run(self, seeds: Iterable[tuple[Node, Upstream]], wrt: Sequence[Node]) -> dict[Node, Node]:
        """The adjoint of every tensor in `wrt`; zeros where nothing reaches it."""
        depends = live(self.order, wrt)
        runs = _runs(self.order)
        upstreams: dict[Run, dict[tuple[str, int], Node]] = {run: {} for run in runs}
        result: dict[Node, Node] = {}
        for node, upstream in seeds:
            self._add(node, "", upstream)
        for node in reversed(self.order):
            total = self._total(node) if node in depends else None
            if node in wrt:
                result[node] = self._as_node(node, total or Uniform(Integer(0)))
            if isinstance(node, Scan):
                run = Run.of(node)
                if total is not None:
                    upstreams[run][node.result] = self._as_node(node, total)
                if next(iter(runs[run].values())) is node:  # all results are known now
                    self._spread_run(run, runs[run], upstreams[run], depends)
            elif isinstance(node, Computed) and total is not None:
                self._spread(node, total, depends)
        for node in wrt:
            if node not in result:
                result[node] = self._as_node(node, Uniform(Integer(0)))
        return result

    def _add(self, node: Node, consumer: str, part: Upstream) -> None:
        self._parts.setdefault(node, []).append((consumer, part))

    def _named(self, draft: Node, name: str, source: Node, consumer: str = "") -> Node:
        origin = (self.names[source], consumer) if consumer else (self.names[source],)
        new = replace(draft, name=name, made=True, origin=origin)
        self.made_from[new] = source
        return new

    def _as_node(self, node: Node, total: Upstream) -> Node:
        if isinstance(total, Node):
            return total
        return self._named(filled(total, node.shape), f"d_{self.names[node]}", node)

    # -- the sum of what reaches a tensor ---------------------------------------------------------

    def _total(self, node: Node) -> Upstream | None:
        """The adjoint of a node: its only contribution, or the one formula that adds them."""
        parts = self._parts.pop(node, [])
        name = f"d_{self.names[node]}"
        if not parts:
            return None
        if len(parts) == 1:
            ((consumer, part),) = parts
            if isinstance(part, Uniform) or not is_draft(part):
                return part
            return self._named(part, name, node, consumer)
        if all(isinstance(part, Uniform) and not part.dims for _, part in parts):
            return Uniform(sum((p.value for _, p in parts if isinstance(p, Uniform)), Integer(0)))
        terms = self._terms(node, parts)
        while len(terms) > 1:
            taken = _chunk(terms)
            part = merge(terms[:taken])
            if taken < len(terms):
                part = placed(self._named(part, f"{name}_part", node))
            terms = [part, *terms[taken:]]
        return self._named(terms[0], name, node)

    def _terms(self, node: Node, parts: Sequence[tuple[str, Upstream]]) -> list[Computed]:
        """The parts as pointwise formulas; what is not pointwise is a node that one reads.

        Sums over equal loops are merged; one such sum alone stays as it is.
        """
        dense: list[Computed] = []
        others: list[tuple[str, Node]] = []
        for consumer, part in parts:
            if isinstance(part, Uniform):
                dense.append(filled(part, node.shape))
            elif not is_draft(part):
                dense.append(placed(part))
            elif is_pointwise(part):
                assert isinstance(part, Computed)
                dense.append(part)
            else:
                others.append((consumer, part))
        groups: dict[object, list[tuple[str, Node]]] = {}
        for consumer, part in others:
            key: object = part
            if isinstance(part, Computed):
                part = as_selection(part) if dense else part
                if is_pointwise(part):
                    dense.append(part)
                    continue
                if not part.formula.accumulate and len(part.formula.reads) < LONGEST:
                    key = part.extents
            groups.setdefault(key, []).append((consumer, part))
        sums: list[tuple[str, Node]] = []
        for group in groups.values():
            consumer, part = group[0]
            drafts = [part for _, part in group if isinstance(part, Computed)]
            while len(drafts) > 1:
                taken = _chunk(drafts)
                sums.append((consumer, merge(drafts[:taken])))
                drafts = drafts[taken:]
            if drafts or len(group) == 1:
                sums.append((consumer, drafts[0] if drafts else part))
        if not dense and len(sums) == 1 and isinstance(sums[0][1], Computed):
            return [sums[0][1]]
        name = f"d_{self.names[node]}_via_"
        return dense + [
            placed(self._named(part, name + consumer, node, consumer)) for consumer, part in sums
        ]

    # -- what a node hands to its operands --------------------------------------------------------

    def _spread(
        self, node: Computed, total: Upstream, depends: Collection[Node],
        choice: Choice | None = None,
    ) -> None:  # fmt: skip
        f, name = node.formula, self.names[node]
        choice = choice or self.kinks.of(node.label)
        ties = None
        if f.reduce in ("Max", "Min"):
            if not is_selection(f.body):
                self._spread_isolated(node, total, depends, choice)
                return
            ties = self._ties(node, choice.max if f.reduce == "Max" else choice.min)
        for k, read in enumerate(f.reads):
            operand = node.operands[read.slot]
            if operand in depends:
                try:
                    part = contribution(node, k, total, node, ties, choice)
                except GraphnetError as error:
                    of = self.names[operand]
                    raise GraphnetError(f"the slope of {name!r} in {of!r}: {error}") from error
                if part is not None:
                    self._add(operand, name, self._with_facts(part, total, operand))
                    if told := told_jumps(f, k, choice):
                        self.at_kinks.setdefault(name, told)

    def _with_facts(self, part: Upstream, total: Upstream, operand: Node) -> Upstream:
        if not (self._facts and isinstance(part, Computed) and is_draft(part)):
            return part
        new, uses = with_facts(part)
        self.used += [(use, f"d_{self.names[operand]}") for use in uses]
        return reduced(new, total) if uses else part

    def _ties(self, node: Computed, word: object) -> Node:
        """How many elements tie for an extremum, or where the one stands that has the slope."""
        f = node.formula
        one = word in ("first", "last")
        made = tie_place(f, word == "last") if one else tie_count(f)
        operands = (*node.operands[: operand_count(f)], node)
        counted = draft(made, operands, node.extents, node.shape, node.spelling)
        return self._named(counted, f"{self.names[node]}_{word if one else 'ties'}", node)

    def _spread_isolated(
        self, node: Computed, total: Upstream, depends: Collection[Node], choice: Choice
    ) -> None:
        """Through a Max or Min of more than a read, whose body becomes a node of its own."""
        body, extremum = isolate_extremum(node)
        name = self.names[node]
        for made, label in ((body, "body"), (extremum, str(node.formula.reduce).lower())):
            object.__setattr__(made, "name", f"{name}_{label}")
            self.names[made], self.made_from[made] = f"{name}_{label}", node
        self._spread(extremum, total, {body}, choice)
        inner = self._total(body)
        if inner is not None:
            self._spread(body, inner, depends, choice)

    def _spread_run(
        self,
        run: Run,
        known: Mapping[tuple[str, int], Scan],
        upstreams: Mapping[tuple[str, int], Node],
        depends: Collection[Node],
    ) -> None:
        slots = [k for k, operand in enumerate(run.operands) if operand in depends]
        if not upstreams or not slots:
            return
        first = next(iter(known.values()))
        derive = partial(_derive_body, kinks=self.kinks, told=self.at_kinks)
        for k, part in run_adjoint(run, upstreams, known, slots, derive).items():
            for operand in part.operands:
                self.made_from.setdefault(operand, first)
            self._add(run.operands[k], self.names[first], part)


def _derive_body(
    body: Network, seeds: Sequence[tuple[Node, Upstream]], wrt: Sequence[Node], *, kinks: Kinks,
    told: dict[str, str],
) -> Mapping[Node, Node]:  # fmt: skip
    names = {node: name for name, node in body.items()}
    return Reverse(list(names), names, kinks, at_kinks=told).run(seeds, wrt)


def _runs(order: Iterable[Node]) -> dict[Run, dict[tuple[str, int], Scan]]:
    """The results of every run, in topological order."""
    found: dict[Run, dict[tuple[str, int], Scan]] = {}
    for node in order:
        if isinstance(node, Scan):
            found.setdefault(Run.of(node), {}).setdefault(node.result, node)
    return found


def _chunk(terms: Sequence[Computed]) -> int:
    """How many formulas are added at once: two, or as many as stay readable."""
    size = 0
    for count, term in enumerate(terms):
        size += sum(1 for _ in preorder_traversal(term.formula.body))
        if count >= 2 and size > LONGEST:
            return count
    return len(terms)


def isolate_extremum(node: Computed) -> tuple[Computed, Computed]:
    """A Max or Min as two nodes, its body and the extremum of that, both without a name.

    Ties compare bits, so what is compared must be computed once (FORMULAS.md, pitfall 5).
    """
    f, n = node.formula, node.formula.indices
    loops = tuple(bare(p) for p in range(n))
    body = draft(
        replace(f, target=loops, reduce=None), node.operands, node.extents, node.extents,
        node.spelling,
    )  # fmt: skip
    over = Formula(f.target, hole(0), (Read(0, loops),), indices=n, reduce=f.reduce)
    return body, draft(over, (body,), node.extents, node.shape, node.spelling)

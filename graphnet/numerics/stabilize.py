"""Textbook softmax, cross entropy and attention made finite and right, before they are derived.

One rule across nodes and a few identities:

    Sum(c*exp(u), k) = exp(LogSumExp(u + log c, k))         parts of u without k leave the LogSumExp
    e^a e^b = e^(a+b),   log(c e^u) = log c + u

Which tensors are exponentials is an analysis: nothing is rewritten but formulas in which an
identity removes an exponential or a logarithm. So `P = exp(z)/Sum(exp(z))` becomes
`P = expw(z, L)`, `log(P)` becomes `z - L`, and `S = Sum(exp(z))` stays where it is asked for.
(Log-sum-exp: Blanchard, Higham, Higham, IMA J. Numer. Anal. 41, 2021.)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import sympy
from sympy import Expr, Integer, S, Symbol

from graphnet.formula.formula import Formula, Read, dim_symbol, hole, normalize, symbol_kind
from graphnet.formula.functions import expw
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.graph import Computed, Input, Network, Node
from graphnet.network.inline import inline, with_body
from graphnet.network.liveness import STOP
from graphnet.numerics.exponentials import denominators, merged, split, weight

__all__ = ["Rewrite", "stabilize"]

LARGEST = 40  # parts of a body beyond which nothing is inlined any more


@dataclass(frozen=True)
class Rewrite:
    """One change: which rule, the law it rests on, and the names of the nodes concerned."""

    rule: str
    law: str
    nodes: tuple[str, ...]


def stabilize(network: Network, keep: Collection[str] = ()) -> Network:
    """The network with exponentials, their sums and logarithms written so that none overflows.

    Tensors named in `keep` (those whose gradient is asked) are never substituted away. What was
    done is in `graph["rewrites"]`, a tuple of Rewrite. Stabilizing twice is stabilizing once.

    >>> from graphnet.formula.parse import parse
    >>> from graphnet.network.shapes import bind
    >>> z = Input(name="z", shape=(2, 3))
    >>> total, softmax = parse("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)")
    >>> P = bind(softmax, [z, bind(total, [z], name="S")], name="P")
    >>> stable = stabilize(Network.collect({"P": P}))
    >>> [stable.show(name) for name, _ in stable.of(Computed)]
    ['log_S[n] = LogSumExp(z[n,j], j)', 'P[n,k] = expw(z[n,k], log_S[n])']
    """
    work = _Stabilizer(frozenset(keep))
    result = network.rebuild(work.change)
    done = tuple(
        r if node is None else replace(r, nodes=(*r.nodes, result.name_of(node)))
        for r, node in work.done
        if (r.nodes[0] in result if node is None else node in result)
    )
    for key, value in network.graph.items():
        if not key.startswith("_"):
            result.graph.setdefault(key, value)
    result.graph["rewrites"] = (*network.graph.get("rewrites", ()), *done)
    return result


@dataclass
class _Stabilizer:
    keep: frozenset[str]
    powers: dict[Node, Computed] = field(default_factory=dict)  # pointwise, c*exp(u)
    linear: dict[Node, Computed] = field(default_factory=dict)  # pointwise, small, without exp
    sums: dict[tuple[Formula, tuple[Node, ...]], Computed] = field(default_factory=dict)
    made: dict[Node, str] = field(default_factory=dict)  # LogSumExps nobody reads yet
    infinite: set[Node] = field(default_factory=set)  # may hold -oo
    done: list[tuple[Rewrite, Node | None]] = field(default_factory=list)

    def change(self, name: str, node: Node) -> Node | None:
        """What takes the place of a node; None where it stays."""
        if not isinstance(node, Computed):
            return None
        same = None
        if len(set(node.operands)) < len(node.operands):  # two operands were replaced by one
            same = node = with_body(node, node.formula, node.operands)
        if node.dtype != "float" or node.label == STOP:
            return same
        if node.formula.body.has(S.NegativeInfinity) or self.infinite.intersection(node.operands):
            self.infinite.add(node)
        if node.formula.reduce == "LogSumExp":
            self.sums.setdefault((node.formula, node.operands), node)
        new = self.rewritten(name, node)
        if new is not None and node in self.infinite:
            self.infinite.add(new)
        if name not in self.keep and (new is None or isinstance(new, Computed)):
            self.remember(name, new or node)
        return new or same

    # -- what is rewritten ------------------------------------------------------------------------

    def rewritten(self, name: str, node: Computed) -> Computed | None:
        f = node.formula
        reads = [self.powers.get(node.operands[r.slot]) for r in f.reads]
        before = weight(f.body) + sum(weight(p.formula.body) for p in reads if p is not None)
        if before < 2:
            return None
        new = self.without_logarithms(node)
        rule, law = "logarithm of an exponential", "log(c*e^u) = log(c) + u"
        read = {hole(k) for k, p in enumerate(reads) if p is not None}
        divided = read & denominators(self.outside_logarithms(f.body))
        if divided or (new is None and is_pointwise(node)):
            wide = self.simplified(inline(node, self.powers))
            if weight(wide.formula.body) < before:
                rule, law = (rule, law) if new else ("product of exponentials", "e^a*e^b = e^(a+b)")
                new = wide
        if new is None:
            return None
        self.note_sums(new)
        self.done.append((Rewrite(rule, law, (name,)), None))
        alone = new.formula.body == hole(0) and new.formula.reads[0].subs == new.formula.target
        if alone and new.operands[0] in self.sums.values() and new.shape == new.operands[0].shape:
            (source,) = new.operands
            return source if isinstance(source, Computed) else None
        return self.weighted(new)

    def without_logarithms(self, node: Computed) -> Computed | None:
        """The node with log(c*exp(u)) undone, where it stands; what is outside a log stays read."""
        f, n = node.formula, len(node.formula.reads)
        if not f.body.has(sympy.log):
            return None
        inner = {hole(k): hole(k + n) for k in range(n)}
        body = f.body.replace(
            lambda e: isinstance(e, sympy.log), lambda e: sympy.log(e.args[0].xreplace(inner))
        )
        doubled = replace(node, formula=replace(f, body=body, reads=f.reads + f.reads))
        wide = inline(doubled, self.powers, lambda k: k >= n)
        inside = {k - n for k in f.holes(body) if k >= n}
        read = [self.powers.get(node.operands[f.reads[k].slot]) for k in inside]
        before = weight(f.body) + sum(weight(p.formula.body) for p in read if p is not None)
        wide = self.simplified(wide)
        return wide if inside and weight(wide.formula.body) < before else None

    def outside_logarithms(self, body: Expr) -> Expr:
        replaced: Expr = body.replace(lambda e: isinstance(e, sympy.log), lambda e: Integer(1))
        return replaced

    def simplified(self, node: Computed) -> Computed:
        """The identities applied; small sums are inlined where reads then cancel."""
        plain = self.merge(node)
        if not any(o in self.linear for o in node.operands):
            return plain
        opened = self.merge(inline(inline(node, self.linear), self.linear))
        return opened if _cost(opened) < _cost(plain) else plain

    def merge(self, node: Computed) -> Computed:
        f = node.formula
        finite = frozenset(
            hole(k) for k, r in enumerate(f.reads) if node.operands[r.slot] not in self.infinite
        )
        body = merged(f.body, finite)
        if body == f.body:
            return node
        return with_body(node, normalize(replace(f, body=body)), node.operands)

    def weighted(self, node: Computed) -> Computed:
        """exp(u - L) as expw(u, L), which is 0 on rows that are masked away."""
        f = node.formula
        logs = [
            hole(k) for k, r in enumerate(f.reads)
            if getattr(getattr(node.operands[r.slot], "formula", None), "reduce", "") == "LogSumExp"
        ]  # fmt: skip

        def write(e: Expr) -> Expr:
            (u,) = e.args
            found = next((h for h in logs if u.coeff(h) == -1 and u + h != 0), None)
            return e if found is None else expw(u + found, found)

        body = f.body.replace(lambda e: isinstance(e, sympy.exp), write)
        return with_body(node, replace(f, body=body), node.operands) if body != f.body else node

    def note_sums(self, node: Computed) -> None:
        """That the LogSumExps a new formula reads were made for it."""
        law = "Sum(c*exp(u), k) = exp(LogSumExp(u + log(c), k))"
        for operand in node.operands:
            if operand in self.made:
                name = self.made.pop(operand)
                self.done.append((Rewrite("log-sum-exp", law, (name,)), operand))

    # -- what is known of a tensor ----------------------------------------------------------------

    def remember(self, name: str, node: Computed) -> None:
        """Whether a tensor is an exponential, or a small sum that may be opened."""
        f = node.formula
        if f.accumulate or _size(f.body) > LARGEST:
            return
        reads_power = any(o in self.powers for o in node.operands)
        if not reads_power and not f.body.has(sympy.exp, expw):
            if is_pointwise(node) and f.reads and _size(f.body) <= 8 and not f.body.has(sympy.log):
                self.linear[node] = node
            return
        if f.reduce not in (None, "Sum"):
            return
        form = self.merge(node)
        if reads_power and not self.is_power(form):
            form = self.merge(inline(node, self.powers))
        if not self.is_power(form) or _size(form.formula.body) > LARGEST:
            return
        if is_pointwise(node):
            self.powers[node] = form
        elif (found := self.as_power(name, form)) is not None:
            self.powers[node] = found

    def is_power(self, node: Computed) -> bool:
        return bool(split(node.formula.body, self.finite(node))[1] != 0)

    def finite(self, node: Computed) -> frozenset[Symbol]:
        return frozenset(
            hole(k) for k, r in enumerate(node.formula.reads)
            if node.operands[r.slot] not in self.infinite
        )  # fmt: skip

    def as_power(self, name: str, node: Computed) -> Computed | None:
        """c*exp(LogSumExp(u) + v), pointwise, for Sum(c*exp(u + v)); None where c may be < 0."""
        inside, left, factor = self.parts(node)
        if inside is None:
            return None
        opened = node
        if any(o in self.linear for o in node.operands):
            wide = self.merge(inline(inline(node, self.linear), self.linear))
            found = self.parts(wide)
            if found[0] is not None and found[1] != left:  # more leaves the LogSumExp
                (inside, left, factor), opened = found, wide
        f, rank = opened.formula, len(opened.shape)
        log_sum = self.log_sum(name, opened, inside)
        target = tuple(f.target)
        sizes = {s: n for s in (left + factor).free_symbols
                 for kind, n in [symbol_kind(s)] if kind == "n" and n >= rank}  # fmt: skip
        dims = [*f.dims]
        moves: dict[Symbol, Expr] = {}
        for symbol, position in sorted(sizes.items(), key=str):
            moves[symbol] = dim_symbol(len(dims))
            dims.append(opened.extents[position])
        body = (factor * sympy.exp(hole(len(f.reads)) + left)).xreplace(moves)
        new = normalize(
            Formula(
                target,
                body,
                (*f.reads, Read(len(opened.operands), target)),
                indices=rank,
                dims=tuple(dims),
                bounds=opened.extents[:rank],
            )
        )
        return draft(
            new, (*opened.operands, log_sum), opened.extents[:rank], opened.shape,
            opened.spelling[:rank],
        )  # fmt: skip

    def parts(self, node: Computed) -> tuple[Expr | None, Expr, Expr]:
        """(u, v, c) of a body c*exp(u + v): v and c do not run over what is summed."""
        f = node.formula
        c, u = split(f.body, self.finite(node))
        over = set(f.over)

        def runs(e: Expr) -> bool:
            for s in e.free_symbols:
                kind, k = symbol_kind(s)
                if (kind == "h" and f.reads[k].indices() & over) or (kind == "i" and k in over):
                    return True
            return False

        factors = sympy.Mul.make_args(c)
        summed = [a for a in factors if runs(a)]
        if not all(self.positive(node, a) for a in summed):
            return None, Integer(0), c
        terms = sympy.Add.make_args(sympy.expand_mul(u))
        left = sympy.Add(*(t for t in terms if not runs(t)))
        inside = u if left == 0 else sympy.Add(*(t for t in terms if runs(t)))
        inside += sympy.Add(*(sympy.log(a) for a in summed))
        return inside, left, sympy.Mul(*(a for a in factors if not runs(a)))

    def positive(self, node: Computed, factor: Expr) -> bool:
        """Whether a factor is an input that was declared positive."""
        if not isinstance(factor, Symbol) or symbol_kind(factor)[0] != "h":
            return False
        operand = node.operands[node.formula.reads[symbol_kind(factor)[1]].slot]
        return isinstance(operand, Input) and "positive" in operand.facts

    def log_sum(self, name: str, node: Computed, inside: Expr) -> Computed:
        """The LogSumExp node over the loops of a Sum: one there is already, or a new one."""
        f = normalize(replace(node.formula, body=inside, reduce="LogSumExp"))
        new = draft(f, node.operands, node.extents, node.shape, node.spelling)
        key = new.formula, new.operands
        if key not in self.sums:
            self.sums[key] = replace(
                new, name=f"log_{name}", made=True, label="logsumexp", origin=(name,)
            )
            self.made[self.sums[key]] = name
            if inside.has(S.NegativeInfinity) or self.infinite.intersection(new.operands):
                self.infinite.add(self.sums[key])
        return self.sums[key]


def _size(body: Expr) -> int:
    return sum(1 for _ in sympy.preorder_traversal(body))


def _cost(node: Computed) -> tuple[int, int, int]:
    body = node.formula.body
    return weight(body), len(node.formula.reads), _size(body)

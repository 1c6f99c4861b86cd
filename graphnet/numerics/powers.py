"""Which tensors of a network are exponentials, and the LogSumExp behind a sum of such.

`powers[node]` is a pointwise formula c*exp(u) that equals the node, so that what reads the node
can be written without it. Nothing is rewritten here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import sympy
from sympy import Expr, Integer, S, Symbol

from graphnet.formula.formula import Formula, Read, dim_symbol, hole, normalize, symbol_kind
from graphnet.formula.functions import expw
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.inline import inline, with_body
from graphnet.network.nodes import Computed, Input, Node
from graphnet.numerics.exponentials import merged, split

__all__ = ["Powers", "size"]

LARGEST = 40  # parts of a body beyond which nothing is inlined any more


@dataclass
class Powers:
    """What is known of the tensors that were seen so far, in topological order."""

    powers: dict[Node, Computed] = field(default_factory=dict)  # pointwise, c*exp(u)
    linear: dict[Node, Computed] = field(default_factory=dict)  # pointwise, small, without exp
    sums: dict[tuple[Formula, tuple[Node, ...]], Computed] = field(default_factory=dict)
    made: dict[Node, str] = field(default_factory=dict)  # LogSumExps nobody reads yet
    infinite: set[Node] = field(default_factory=set)  # may hold -oo

    def see(self, node: Computed) -> None:
        """Notes whether a tensor may hold -oo, and whether it is a LogSumExp to be read again."""
        f = node.formula
        if f.body.has(S.NegativeInfinity) or self.infinite.intersection(node.operands):
            self.infinite.add(node)
        if f.reduce == "LogSumExp":
            self.sums.setdefault((f, node.operands), node)

    def merge(self, node: Computed) -> Computed:
        """The node with the identities of exponentials applied to its body."""
        f = node.formula
        body = merged(f.body, self.finite(node))
        if body == f.body:
            return node
        return with_body(node, normalize(replace(f, body=body)), node.operands)

    def remember(self, name: str, node: Computed) -> None:
        """Whether a tensor is an exponential, or a small sum that may be opened."""
        f = node.formula
        if f.accumulate or size(f.body) > LARGEST:
            return
        reads_power = any(o in self.powers for o in node.operands)
        if not reads_power and not f.body.has(sympy.exp, expw):
            if is_pointwise(node) and f.reads and size(f.body) <= 8 and not f.body.has(sympy.log):
                self.linear[node] = node
            return
        if f.reduce not in (None, "Sum"):
            return
        form = self.merge(node)
        if reads_power and not self.is_power(form):
            form = self.merge(inline(node, self.powers))
        if not self.is_power(form) or size(form.formula.body) > LARGEST:
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
            made = replace(new, name=f"log_{name}", made=True, label="logsumexp", origin=(name,))
            self.made[made] = name
            self.see(made)
        return self.sums[key]


def size(body: Expr) -> int:
    """How many parts an expression has."""
    return sum(1 for _ in sympy.preorder_traversal(body))

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

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import sympy
from sympy import Expr, Integer

from graphnet.formula.formula import hole
from graphnet.formula.functions import expw
from graphnet.network.contributions import is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import inline, with_body
from graphnet.network.liveness import STOP
from graphnet.network.nodes import Computed, Loop, Node, Scan
from graphnet.network.runs import bodies
from graphnet.numerics.exponentials import denominators, weight
from graphnet.numerics.powers import Powers, size
from graphnet.numerics.records import described
from graphnet.numerics.reductions import complemented, two_pass
from graphnet.numerics.scalars import Found, Scalars

__all__ = ["Rewrite", "noted", "stabilize"]


_PASSES = 4


@dataclass(frozen=True)
class Rewrite:
    """One change: which rule, the law it rests on, and the names of the nodes concerned."""

    rule: str
    law: str
    nodes: tuple[str, ...]
    fails: tuple[str, ...] = ()  # where the naive form is first wrong, in float64 and float32
    unclean: tuple[str, ...] = ()  # arguments at which no form that was tried is right


def stabilize(network: Network, keep: Collection[str] = ()) -> Network:
    """The network with exponentials, their sums and logarithms written so that none overflows.

    Tensors named in `keep` (those whose gradient is asked) are never substituted away. What was
    done is in `graph["rewrites"]`, a tuple of Rewrite. Stabilizing twice is stabilizing once.

    >>> from graphnet.formula.parse import parse
    >>> from graphnet.network.nodes import Input
    >>> from graphnet.network.shapes import bind
    >>> z = Input(name="z", shape=(2, 3))
    >>> total, softmax = parse("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)")
    >>> P = bind(softmax, [z, bind(total, [z], name="S")], name="P")
    >>> stable = stabilize(Network.collect({"P": P}))
    >>> [stable.show(name) for name, _ in stable.of(Computed)]
    ['log_S[n] = LogSumExp(z[n,j], j)', 'P[n,k] = expw(z[n,k], log_S[n])']
    """
    for _ in range(_PASSES):  # what one pass writes may show the next one more
        before = network.graph.get("rewrites", ())
        network = _stabilized(network, keep)
        if network.graph["rewrites"] == before:
            break
    return network


def _stabilized(network: Network, keep: Collection[str]) -> Network:
    """One pass over a network."""
    network = bodies(network, _stable_body, _STABLE)
    work = _Stabilizer(frozenset(keep))
    result = network.rebuild(work.change)
    done = tuple(
        r if node is None else replace(r, nodes=(*r.nodes, result.name_of(node)))
        for r, node in work.done
        if (r.nodes[0] in result if node is None else node in result)
    )
    return noted(network, result, done)


def noted(network: Network, result: Network, done: Iterable[Rewrite]) -> Network:
    """What a pass made of a network, with the notes of that network and what was done."""
    result.take_notes(network)
    result.graph["rewrites"] = (*network.graph.get("rewrites", ()), *done)
    return result


# A loop that was stabilized is so once, however often: results of one run stay those of one run.
_STABLE: WeakKeyDictionary[Loop, Loop] = WeakKeyDictionary()


def _stable_body(body: Network) -> Network:
    """The body of a loop, stabilized; the very one where there is nothing to do."""
    new = stabilize(body)
    loops = [node.loop for _, node in body.of(Scan)]
    same = new.graph["rewrites"] == body.graph.get("rewrites", ())
    return body if same and loops == [node.loop for _, node in new.of(Scan)] else new


@dataclass
class _Stabilizer:
    keep: frozenset[str]
    known: Powers = field(default_factory=Powers)
    scalars: Scalars = field(init=False)
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
        twin = self.known.sums.get((node.formula, node.operands))
        if twin is not None and node.made and name not in self.keep:
            return twin  # what an earlier pass made for the same sum
        self.known.see(node)
        new = self.rewritten(name, node)
        if isinstance(new, Computed):
            self.known.see(new)
        if name not in self.keep:
            self.known.remember(name, new or node)
        as_written = self.reduced(name, new or node)
        new = as_written if as_written is not node else new
        assert isinstance(as_written, Computed)
        final, found = self.scalars.rewritten(as_written)
        self.scalars.see(name, final, as_written)
        self.done += [(_rewrite(name, each), None) for each in found]
        return final if found else new or same

    def __post_init__(self) -> None:
        self.scalars = Scalars(self.keep)

    def reduced(self, name: str, node: Computed) -> Computed:
        """The node by the rules between a reduction and what reads it."""
        again = two_pass(name, node, self.scalars.written)
        if again is not None:
            law = "Sum(x**2)/n - (Sum(x)/n)**2 = Sum((x - mean)**2)/n"
            self.done.append((Rewrite("variance in two passes", law, (name,)), None))
            return again
        again = complemented(name, node, self.known.powers)
        if again is not None:
            law = "log(1 - P[k]) = LogSumExp(where(j != k, z[j], -oo), j) - L"
            self.done.append((Rewrite("log of 1 - softmax", law, (name,)), None))
            return again
        return node

    # -- what is rewritten ------------------------------------------------------------------------

    def rewritten(self, name: str, node: Computed) -> Computed | None:
        f = node.formula
        reads = [self.known.powers.get(node.operands[r.slot]) for r in f.reads]
        before = weight(f.body) + sum(weight(p.formula.body) for p in reads if p is not None)
        if before < 2:
            return None
        new = self.without_logarithms(node)
        rule, law = "logarithm of an exponential", "log(c*e^u) = log(c) + u"
        read = {hole(k) for k, p in enumerate(reads) if p is not None}
        divided = read & denominators(self.outside_logarithms(f.body))
        if divided or (new is None and is_pointwise(node)):
            wide = self.simplified(inline(node, self.known.powers))
            if weight(wide.formula.body) < before:
                rule, law = (rule, law) if new else ("product of exponentials", "e^a*e^b = e^(a+b)")
                new = wide
        if new is None:
            return None
        self.note_sums(new)
        self.done.append((Rewrite(rule, law, (name,)), None))
        if name not in self.keep and (source := _copied(new)) is not None:
            return source
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
        wide = inline(doubled, self.known.powers, lambda k: k >= n)
        inside = {k - n for k in f.holes(body) if k >= n}
        read = [self.known.powers.get(node.operands[f.reads[k].slot]) for k in inside]
        before = weight(f.body) + sum(weight(p.formula.body) for p in read if p is not None)
        wide = self.simplified(wide)
        return wide if inside and weight(wide.formula.body) < before else None

    def outside_logarithms(self, body: Expr) -> Expr:
        replaced: Expr = body.replace(lambda e: isinstance(e, sympy.log), lambda e: Integer(1))
        return replaced

    def simplified(self, node: Computed) -> Computed:
        """The identities applied; small sums are inlined where reads then cancel."""
        plain = self.known.merge(node)
        if not any(o in self.known.linear for o in node.operands):
            return plain
        opened = self.known.merge(inline(inline(node, self.known.linear), self.known.linear))
        return opened if _cost(opened) < _cost(plain) else plain

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
            if operand in self.known.made:
                name = self.known.made.pop(operand)
                self.done.append((Rewrite("log-sum-exp", law, (name,)), operand))


def _rewrite(name: str, found: Found) -> Rewrite:
    """What is said of a function that was exchanged."""
    record = found.record
    if record is None:
        return Rewrite("law", found.law, (name,))
    return Rewrite(
        "function of one argument", described(record), (name,), record.fails, record.unclean
    )


def _copied(node: Computed) -> Computed | None:
    """The LogSumExp made here that a node is nothing but a copy of."""
    source = node.operands[0] if node.formula.body == hole(0) else None
    if not isinstance(source, Computed) or source.shape != node.shape:
        return None
    whole = node.formula.reads[0].subs == node.formula.target
    return source if whole and source.made and source.formula.reduce == "LogSumExp" else None


def _cost(node: Computed) -> tuple[int, int, int]:
    body = node.formula.body
    return weight(body), len(node.formula.reads), size(body)

"""Functions in quick forms, whose error is that of their largest value, not of each value.

    1/(1 + e^-x) = (1 + tanh(x/2))/2     one call for three; the slope reads the same tanh
    gelu(x) = x*(1 + erf(x/sqrt(2)))/2   as it is meant, where the searched form is dearer
    log(a) - log(b)                      as it is written

At x = -20 such a sigmoid is 0 in float32. So neither is used where a logarithm, a root or a
quotient is taken of it; nor is a form that holds one, for it might overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Pow, S

from graphnet.formula.formula import hole, normalize
from graphnet.formula.functions import log1p, where
from graphnet.formula.searched import ARGUMENT, Searched
from graphnet.network.contributions import is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Node, Scan
from graphnet.network.runs import bodies
from graphnet.numerics.stabilize import Rewrite, noted

__all__ = [
    "LAW", "RULE", "Readers", "delicate", "in_tanh", "is_fragile", "quicken", "readers_of",
]  # fmt: skip

RULE, LAW = "quick form", "right to the ulp of the largest value: 1/(1 + e^-x) = (1 + tanh(x/2))/2"
GAP = "right to the ulp of the larger of the two: a difference as it is written"


def quicken(network: Network) -> Network:
    """The network with functions in quick forms where their small values do not matter.

    What was done is added to `graph["rewrites"]`.

    >>> from graphnet.formula.parse import parse
    >>> from graphnet.network.nodes import Input
    >>> from graphnet.network.shapes import bind
    >>> z = Input(name="z", shape=(3,))
    >>> (sigmoid,) = parse("1/(1 + exp(-z))")
    >>> print(quicken(Network.collect([bind(sigmoid, [z], name="a")])).show("a"))
    a[i] = 0.5 + 0.5*tanh(0.5*z[i])
    """
    done: list[Rewrite] = []
    new = _quick(network, readers_of(network), done)
    return noted(network, new, done) if done else new


def _quick(network: Network, readers: Readers, done: list[Rewrite]) -> Network:
    """The network and the bodies of its loops, with what is read of them known."""
    new = _written_quick(network, readers, done)
    return bodies(new, lambda body: _quick(body, readers, done))


def _written_quick(network: Network, readers: Readers, done: list[Rewrite]) -> Network:
    new_bodies = {
        node: new for _, node in network.of(Computed)
        if node.dtype == "float" and (new := in_tanh(node.formula.body)) != node.formula.body
        and not any(p.has(sympy.tanh) for p in delicate(new)) and not is_fragile(node, readers)
    }  # fmt: skip
    if not new_bodies:
        return network
    old = dict(network.items())

    def change(name: str, node: Node) -> Node | None:
        if old[name] not in new_bodies or not isinstance(node, Computed):
            return None
        f = normalize(replace(node.formula, body=new_bodies[old[name]]))
        return with_body(node, f, node.operands)

    result = network.rebuild(change)
    result.take_notes(network)
    done += [
        Rewrite(RULE, GAP if _has_gap(node.formula.body) else LAW, (network.name_of(node),))
        for node in new_bodies
    ]
    return result


def _has_gap(body: Expr) -> bool:
    """Whether a body holds a difference of one function of two arguments."""
    return any(len(s.args) == 2 for s in body.atoms(Searched))


@dataclass
class Readers:
    """Who reads each tensor, in bodies of loops too; and what else has its values: what a loop is
    given is an input of its body, what a step gives is found by the next one, and outside."""

    computed: dict[Node, list[Computed]] = field(default_factory=dict)
    same: dict[Node, list[Node]] = field(default_factory=dict)

    def see(self, network: Network) -> None:
        for _, node in network.of(Computed):
            for operand in node.operands:
                self.computed.setdefault(operand, []).append(node)
        for _, scan in network.of(Scan):
            loop, inner = scan.loop, scan.loop.body.node
            kind, k = scan.result
            for name, operand in zip(
                (*loop.states, *loop.sequences, *loop.constants), scan.operands, strict=True
            ):
                self.same.setdefault(operand, []).append(inner(name))
            source = {"emit": loop.emits, "last": loop.carried, "before": loop.states}[kind][k]
            self.same.setdefault(inner(source), []).append(scan)
            for new, state in zip(loop.carried, loop.states, strict=True):
                self.same.setdefault(inner(new), []).append(inner(state))
        for loop in dict.fromkeys(scan.loop for _, scan in network.of(Scan)):
            self.see(loop.body)


def readers_of(network: Network) -> Readers:
    """Who reads each tensor."""
    found = Readers()
    found.see(network)
    return found


def is_fragile(node: Node, readers: Readers) -> bool:
    """Whether a logarithm, root or quotient is taken of a tensor, itself or through others.

    Behind sums of products only what is 0 where the tensor is counts: log(p @ W) is of small
    values where p has such, but a bias or the eps of a norm is larger than any error of p.
    """
    seen, summed, stack = {node}, set[Node](), [node]
    while stack:
        current = stack.pop()
        found: list[tuple[Node, bool]] = []  # what is made of it, and whether by sums
        found += [(other, current in summed) for other in readers.same.get(current, ())]
        for reader in readers.computed.get(current, ()):
            f = reader.formula
            holes = {hole(k) for k, r in enumerate(f.reads) if reader.operands[r.slot] is current}
            known = {hole(k) for k, r in enumerate(f.reads) if reader.operands[r.slot] in seen}
            body = in_tanh(f.body)  # a logistic function of it is no quotient by it
            parts = [part for part in delicate(body) if part.free_symbols & holes]
            if any(current not in summed or _vanishes(part, known) for part in parts):
                return True
            if current not in summed and (is_pointwise(reader) or f.body in holes):
                found.append((reader, False))
            elif f.reduce != "LogSumExp" and _vanishes(body, known):
                found.append((reader, True))
        for other, sums in found:
            if other not in seen or (other in summed and not sums):
                (summed.add if sums else summed.discard)(other)
                seen.add(other)
                stack.append(other)
    return False


def _vanishes(body: Any, holes: set[Any]) -> bool:
    """Whether an expression is 0 where these holes are."""
    new = body.xreplace(dict.fromkeys(holes, S.Zero))
    return new == 0 or (isinstance(new, where) and all(_vanishes(a, set()) for a in new.args[1:]))


def delicate(body: Expr) -> list[Expr]:
    """What small values matter in: arguments of logarithms, bases of roots and quotients."""
    found = [p.args[0] for p in body.atoms(sympy.log, log1p)]
    found += [
        p.base for p in body.atoms(Pow)
        if not (p.exp.is_Integer and p.exp.is_positive)
    ]  # fmt: skip
    return found


@lru_cache(maxsize=4096)
def in_tanh(body: Any) -> Any:
    """The expression with tanh in the place of logistic functions."""
    if not isinstance(body, Expr) or not body.has(sympy.exp, Searched):
        return body
    if isinstance(body, Searched):
        if len(body.args) == 2:
            return body.meaning.func(*(in_tanh(a) for a in body.meaning.args))
        new = in_tanh(body.record.meaning).xreplace({ARGUMENT: in_tanh(body.args[0])})
        return new if _is_gentle(body.record.meaning) else body
    args = [in_tanh(a) for a in body.args]
    if isinstance(body, where):
        same = args[1] == args[2]  # the two forms of one logistic function
        return args[1] if same else body
    if isinstance(body, Mul | Pow):
        return _product(body)
    return body.func(*args) if tuple(args) != body.args else body


@lru_cache(maxsize=1024)
def _is_gentle(meaning: Expr) -> bool:
    """Whether the quick form of a function neither overflows nor divides."""
    new = in_tanh(meaning)
    whole = all(p.exp.is_Integer and p.exp > 0 for p in new.atoms(Pow) if p.free_symbols)
    return whole and not new.has(sympy.exp, sympy.log, log1p, Searched)


def _product(body: Expr) -> Expr:
    """c * e^(k*u) / (1 + e^u)^n, for 0 <= k <= n, by tanh(u/2); other factors as they are."""
    powers = Mul.make_args(body)
    for p in powers:
        u, n = _logistic(p)
        if u is None:
            continue
        k, rest = 0, [q for q in powers if q is not p]
        for q in list(rest):
            if isinstance(q, sympy.exp) and (q.args[0] / u).is_Integer:
                k += int(q.args[0] / u)
                rest.remove(q)
        if 0 <= k <= n:
            t = sympy.tanh(u / 2)
            made = ((1 + t) / 2) ** k * ((1 - t) / 2) ** (n - k)
            return Mul(made, *(in_tanh(q) for q in rest))
    args = [in_tanh(a) for a in body.args]
    return body.func(*args) if tuple(args) != body.args else body


def _logistic(p: Expr) -> tuple[Expr | None, int]:
    """(u, n) of (1 + e^u)^-n."""
    if not isinstance(p, Pow) or not p.exp.is_Integer or not p.exp.is_negative:
        return None, 0
    if not isinstance(p.base, Add) or len(p.base.args) != 2 or S.One not in p.base.args:
        return None, 0
    other = next(a for a in p.base.args if a != 1)
    return (other.args[0], -int(p.exp)) if isinstance(other, sympy.exp) else (None, 0)

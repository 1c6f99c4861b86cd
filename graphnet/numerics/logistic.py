"""Slopes made of sigmoids in quick form, and multiplied out.

    (1 - t)*s(z) - t*s(-z) = s(z) - t          cross entropy of a sigmoid s, with labels t

The error is that of the sum's largest value. Where what is computed multiplies a slope it may be a
quotient by small values of the function, as large as the slope is small: log(softplus(z)) has one.
There nothing is written anew.
"""

from __future__ import annotations

from dataclasses import replace

import sympy
from sympy import Expr

from graphnet.formula.formula import hole, normalize
from graphnet.formula.named import MEANINGS, named, sigmoid
from graphnet.formula.scalar import Scalar
from graphnet.formula.searched import ARGUMENT, Record, Searched
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Node
from graphnet.numerics.quicken import LAW, RULE, delicate, in_tanh, is_fragile, readers_of
from graphnet.numerics.stabilize import Rewrite, noted

__all__ = ["quick_slopes"]


def quick_slopes(network: Network) -> Network:
    """The network with slopes of sigmoids' logarithms by tanh, where only what is given multiplies.

    What was done is added to `graph["rewrites"]`.
    """
    readers, old = readers_of(network), dict(network.items())
    done: list[Rewrite] = []

    def change(name: str, node: Node) -> Node | None:
        if not isinstance(node, Computed) or not node.formula.body.has(Searched):
            return None
        new = _multiplied_out(node)
        if new is None or any(p.has(sympy.tanh) for p in delicate(new)):
            return None
        if is_fragile(old[name], readers):
            return None
        done.append(Rewrite(RULE, LAW, (name,)))
        return with_body(node, normalize(replace(node.formula, body=new)), node.operands)

    result = network.rebuild(change)
    return noted(network, result, done) if done else network


def _multiplied_out(node: Computed) -> Expr | None:
    """The body by tanh; None where it has no sigmoids, or other computed factors."""
    f = node.formula
    moves = {
        s: in_tanh(name.replace(sigmoid, MEANINGS[sigmoid])).xreplace({ARGUMENT: s.args[0]})
        for s in f.body.atoms(Searched) if (name := _in_sigmoids(s.record)) is not None
    }  # fmt: skip
    inside = {symbol for s in moves for symbol in s.free_symbols}
    others = [node.operands[r.slot] for k, r in enumerate(f.reads) if hole(k) not in inside]
    if not moves or any(other.operands for other in others):
        return None
    expanded: Expr = sympy.expand(f.body.xreplace(moves))
    return expanded


def _in_sigmoids(record: Record) -> Expr | None:
    """The textbook's name of a function, if it is made of sigmoids alone."""
    name = named(record.form) if len(record.meaning.free_symbols) == 1 else None
    alone = name is not None and all(isinstance(s, sigmoid) for s in name.atoms(Scalar))
    return name if alone else None

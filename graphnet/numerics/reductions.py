"""Two rules between a reduction and what reads it.

    a*Sum(g^2) - b*Sum(g)^2 = a*Sum((g - m)^2),  m = Sum(g)/N, b = a/N: variance in two passes
    log(1 - P[k]) = LogSumExp(where(j != k, z[j], -oo), j) - L,    where P[k] = exp(z[k] - L)

The first cancels where the mean is large beside the deviations (Chan, Golub, LeVeque 1983); the
second where one class has all the probability. Where P < 1/2 log1p(-P) is right and is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy
from sympy import Expr, Integer, Rational, S

from graphnet.formula.formula import (
    Formula,
    Read,
    hole,
    index_symbol,
    normalize,
    size_symbol,
    symbol_kind,
)
from graphnet.formula.functions import log1p, where
from graphnet.formula.subscript import bare
from graphnet.network.contributions import draft, is_pointwise
from graphnet.network.inline import inline, with_body
from graphnet.network.nodes import Computed, Node
from graphnet.numerics.exponentials import split

__all__ = ["complemented", "two_pass"]


def two_pass(name: str, node: Computed, written: Mapping[Node, Computed]) -> Computed | None:
    """The node with a one-pass variance in it computed in two passes; None where there is none."""
    if not is_pointwise(node) or not node.formula.body.has(sympy.Add):
        return None
    near = {o for n in node.operands for o in (n, *(written[n].operands if n in written else ()))}
    if sum(_sum(o) is not None for o in near) < 2:
        return None
    wide = inline(node, written)
    body = wide.formula.body
    for total in sorted(body.atoms(sympy.Add), key=sympy.default_sort_key):
        for first in total.args:
            for second in total.args:
                made = _variance(name, wide, first, second, written)
                if made is None:
                    continue
                f, k = wide.formula, _read_of(first, 1)
                assert k is not None
                new = total - first - second + hole(len(f.reads))
                reads = (*f.reads, Read(len(wide.operands), f.reads[k].subs))
                g = replace(f, body=body.xreplace({total: new}), reads=reads)
                return with_body(node, normalize(g), (*wide.operands, made))
    return None


def _read_of(term: Expr, power: int) -> int | None:
    """k of a term c*hole(k)**power, c a number."""
    _, rest = term.as_coeff_Mul()
    base, exponent = rest.as_base_exp()
    if exponent == power and base.is_Symbol and symbol_kind(base)[0] == "h":
        return symbol_kind(base)[1]
    return None


def _variance(
    name: str, node: Computed, first: Expr, second: Expr, written: Mapping[Node, Computed]
) -> Computed | None:
    """c1*Sum((g - m)**2), the node for c1*A - c2*B**2."""
    a, b = _read_of(first, 1), _read_of(second, 2)
    if a is None or b is None or node.formula.reads[a].subs != node.formula.reads[b].subs:
        return None
    squares, plain = (_sum(node.operands[node.formula.reads[k].slot]) for k in (a, b))
    if squares is None or plain is None or squares.extents != plain.extents:
        return None
    up, down = inline(inline(squares, written), written), inline(plain, written)
    f, g = up.formula, down.formula
    if len(f.reads) != 1 or len(g.reads) != 1 or f.target != g.target:
        return None
    if f.reads[0].subs != g.reads[0].subs or up.operands != down.operands:
        return None
    weight, inner = _weight(g.body)
    ratio = sympy.cancel(f.body / inner**2)
    if ratio.has(hole(0)) or not inner.has(hole(0)):
        return None
    count = sympy.Mul(*(_size(down, p) for p in g.over))
    c1, c2 = first.as_coeff_Mul()[0], second.as_coeff_Mul()[0]
    sizes = {size_symbol(p): _size(down, p) for p in range(g.indices)}
    w1, w2 = (e.xreplace(sizes) for e in (ratio, weight))
    if c1 <= 0 or sympy.cancel(-c2 * w2**2 * count / (c1 * w1)) != 1:
        return None
    mean = hole(1) / sympy.cancel(w2 * count)
    new = replace(
        g, body=c1 * ratio * (inner - mean) ** 2,
        reads=(g.reads[0], Read(len(down.operands), g.target)),
    )  # fmt: skip
    made = draft(normalize(new), (*down.operands, plain), down.extents, down.shape, down.spelling)
    return replace(made, name=f"var_{name}", made=True, label="variance", origin=(name,))


def _sum(node: Node) -> Computed | None:
    """The node where it is a Sum whose body uses no named size as a number."""
    if not isinstance(node, Computed) or node.formula.reduce != "Sum" or node.formula.dims:
        return None
    return node


def _weight(body: Expr) -> tuple[Expr, Expr]:
    """What does not run over the sum, and the rest."""
    factors = sympy.Mul.make_args(body)
    own = [f for f in factors if not f.has(hole(0))]
    return sympy.Mul(*own), sympy.Mul(*(f for f in factors if f not in own))


def _size(node: Computed, p: int) -> Expr:
    extent = node.extents[p]
    return Integer(extent) if isinstance(extent, int) else size_symbol(p)


def complemented(name: str, node: Computed, powers: Mapping[Node, Computed]) -> Computed | None:
    """The node with log(1 - P) of a softmax P by its own LogSumExp; None where there is none."""
    f = node.formula
    if not f.body.has(sympy.log):
        return None
    for part in sorted(f.body.atoms(sympy.log), key=sympy.default_sort_key):
        found = _probability(node, part.args[0])
        if found is None or found[0] not in powers:
            continue
        made = _complement(name, found[0], powers[found[0]])
        if made is None:
            continue
        reads = (*f.reads, Read(len(node.operands), found[1].subs))
        new = replace(f, body=f.body.xreplace({part: hole(len(f.reads))}), reads=reads)
        return with_body(node, normalize(new), (*node.operands, made))
    return None


def _probability(node: Computed, inside: Expr) -> tuple[Node, Read] | None:
    """(P, the read of it) of an argument 1 - P[...], written out or a tensor of its own."""
    f = node.formula
    if inside.is_Symbol and symbol_kind(inside)[0] == "h":
        read = f.reads[symbol_kind(inside)[1]]
        other = node.operands[read.slot]
        if isinstance(other, Computed) and is_pointwise(other):
            g = other.formula
            if g.body == 1 - hole(0) and g.reads[0].subs == g.target:
                return other.operands[g.reads[0].slot], read
        return None
    constant, rest = inside.as_coeff_Add()
    if constant == 1 and (-rest).is_Symbol and symbol_kind(-rest)[0] == "h":
        read = f.reads[symbol_kind(-rest)[1]]
        return node.operands[read.slot], read
    return None


def _complement(name: str, P: Node, form: Computed) -> Computed | None:
    """The node log(1 - P) for P = exp(z - L), L the LogSumExp of z over one index."""
    f = form.formula
    c, u = split(f.body)
    if c != 1 or len(f.reads) != 2 or not isinstance(P, Computed):
        return None
    for k in (0, 1):
        if sympy.expand(u - hole(k) + hole(1 - k)) != 0:
            continue
        z, L = (form.operands[f.reads[n].slot] for n in (k, 1 - k))
        axis = _reduced_axis(L, z)
        place = None if axis is None else f.reads[k].subs[axis].bare
        if axis is None or place is None:
            return None
        rank = f.indices
        subs = list(f.reads[k].subs)
        subs[axis] = bare(rank)
        others = sympy.Ne(index_symbol(rank), index_symbol(place))
        loops = (*form.extents, z.shape[axis])
        rest = Formula(
            f.target, where(others, hole(0), S.NegativeInfinity), (Read(0, tuple(subs)),),
            indices=rank + 1, reduce="LogSumExp", bounds=loops,
        )  # fmt: skip
        spelled = (*form.spelling, "other") if form.spelling else ()
        M = draft(normalize(rest), (z,), loops, form.shape, spelled)
        M = replace(M, name=f"log_rest_{name}", made=True, label="logsumexp", origin=(name,))
        chosen = where(hole(0) < Rational(1, 2), log1p(-hole(0)), hole(1) - hole(2))
        g = Formula(
            f.target, chosen, (Read(0, f.target), Read(1, f.target), _at(f.reads[1 - k], 2)),
            indices=rank, bounds=form.extents,
        )  # fmt: skip
        made = draft(normalize(g), (P, M, L), form.extents, form.shape, form.spelling)
        return replace(made, name=f"log_not_{name}", made=True, label="log_not", origin=(name,))
    return None


def _at(read: Read, slot: int) -> Read:
    return Read(slot, read.subs)


def _reduced_axis(L: Node, z: Node) -> int | None:
    """The axis of z over which L is its LogSumExp; None where L is something else."""
    if not isinstance(L, Computed) or L.formula.reduce != "LogSumExp":
        return None
    f = L.formula
    if f.body != hole(0) or len(f.over) != 1 or L.operands[f.reads[0].slot] is not z:
        return None
    places = [s.bare for s in f.reads[0].subs]
    return places.index(f.over[0]) if f.over[0] in places else None

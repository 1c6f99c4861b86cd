"""Slopes made of the values they belong to, where an error of the largest slope is allowed.

    a = log(1 + e^x)     a' = 1 - exp(-a)          one call in the place of two and a quotient
    a = 1/(1 + e^-x)     a' = a*(1 - a)

Which form is right to 2 ulp of the slope's largest value is searched (`slopes.reuse`) and stands in
the record of the slope. Small values of such a slope are not right in themselves, so none is used
where a logarithm, a root or a quotient is taken of what is made of it; nor where one is taken of
the value, for 1/a times the slope is then read, as large as the slope is small.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import sympy
from sympy import Expr

from graphnet.formula.derive import slope as derivative
from graphnet.formula.formula import Read, hole, normalize
from graphnet.formula.functions import expm1, where
from graphnet.formula.kinks import Kinks
from graphnet.formula.searched import ARGUMENT, Record, Searched, searched
from graphnet.network.backward import AS_IN_GRAPHNET
from graphnet.network.contributions import is_pointwise
from graphnet.network.graph import Network
from graphnet.network.inline import with_body
from graphnet.network.nodes import Computed, Node
from graphnet.numerics import cache as disk
from graphnet.numerics import slopes
from graphnet.numerics.exprat import in_q
from graphnet.numerics.forms import cost
from graphnet.numerics.parts import is_simple, one_argument
from graphnet.numerics.quicken import delicate, is_fragile, readers_of
from graphnet.numerics.records import VALUE, Row, catalogue, known, read, spelled
from graphnet.numerics.slopes import in_two, of_a_branch
from graphnet.numerics.stabilize import Rewrite, noted

__all__ = ["judged_reuse", "reuse", "with_slopes"]

RULE = "slope of the value"
Key = tuple[type[Searched], Expr, tuple[Node, ...]]  # a slope, of what, of which tensors


def with_slopes(network: Network, kinks: Kinks = AS_IN_GRAPHNET) -> Network:
    """The network with functions whose slope may be made of their value marked as such.

    A mark changes nothing but the slope that is derived from it, which `reuse` knows again. With
    other `kinks` than graphnet's own no function is marked whose slope jumps.
    """
    jumps = kinks == AS_IN_GRAPHNET
    marks = {
        node: new for _, node in network.of(Computed)
        if node.dtype == "float" and is_pointwise(node)
        and (new := _marked(node.formula.body, node.label or "f", jumps)) is not node.formula.body
    }  # fmt: skip
    if not marks:
        return network
    old = dict(network.items())

    def change(name: str, node: Node) -> Node | None:
        if old[name] not in marks or not isinstance(node, Computed):
            return None
        return with_body(node, replace(node.formula, body=marks[old[name]]), node.operands)

    return noted(network, network.rebuild(change), ())


def reuse(network: Network) -> Network:
    """The network with slopes that were searched made of the values they belong to.

    What was done is added to `graph["rewrites"]`.
    """
    values: dict[Key, tuple[str, Node]] = {}
    readers, old = readers_of(network), dict(network.items())
    done: list[Rewrite] = []

    def change(name: str, node: Node) -> Node | None:
        if not isinstance(node, Computed) or node.dtype != "float" or not is_pointwise(node):
            return None
        body, new = node.formula.body, node
        if isinstance(body, Searched) and isinstance(body.record.slope, Searched):
            key = _key(node, type(body.record.slope), body.args[0])
            if key is not None:
                values.setdefault(key, (name, node))
        for s in sorted(body.atoms(Searched), key=sympy.default_sort_key):
            key = None if s.record.reuse is None else _key(node, type(s), s.args[0])
            if key not in values:
                continue
            of, value = values[key]
            made = _with_value(new, s, value)
            minded = is_fragile(old[name], readers) or is_fragile(old[of], readers)
            if made is not None and not minded:
                law = f"{s.record.name}(x) = {spelled(s.record.reuse)} of a = {of}, "
                done.append(Rewrite(RULE, law + "right to 2 ulp of its largest value", (name,)))
                new = made
        return None if new is node else new

    result = network.rebuild(change)
    return noted(network, result, done) if done else network


def _key(node: Computed, kind: type[Searched], argument: Expr) -> Key | None:
    """What a slope at a place is; None where its argument stands elsewhere than the node's."""
    f = node.formula
    found: dict[Any, Expr] = {}
    tensors: list[Node] = []
    for k in sorted(f.holes(argument)):
        r = f.reads[k]
        tensor = node.operands[r.slot]
        if tensor.shape != node.shape or (not f.pointwise and r.subs != f.target):
            return None
        found[hole(k)] = hole(len(tensors))
        tensors.append(tensor)
    if not tensors or argument.free_symbols - set(found):
        return None
    return kind, argument.xreplace(found), tuple(tensors)


def _with_value(node: Computed, slope: Searched, value: Node) -> Computed | None:
    """The node with a slope in terms of a value; None where small slopes matter in it."""
    f, k = node.formula, len(node.formula.reads)
    assert slope.record.reuse is not None
    if any(part.has(slope) for part in delicate(f.body)):
        return None
    own = () if f.pointwise else f.target
    body = f.body.xreplace({slope: slope.record.reuse.xreplace({VALUE: hole(k)})})
    reads = (*f.reads, Read(len(node.operands), own))
    new = normalize(replace(f, body=body, reads=reads))
    return with_body(node, new, (*node.operands, value))


@cache
def _marked(body: Expr, name: str, jumps: bool) -> Expr:
    """A function of one argument that has such a slope, with it; else the body itself."""
    if isinstance(body, Searched) and len(body.args) == 1 and not body.args[0].has(Searched):
        if isinstance(body.record.slope, Searched):
            return body  # its slope knows already
        taken: tuple[Expr, Expr] | None = (body.record.meaning, body.args[0])
    elif not body.has(sympy.exp, expm1) or body.has(Searched):
        return body
    else:
        taken = one_argument(body)
    if taken is None or (is_simple(taken[0]) and of_a_branch(taken[0]) is None):
        return body
    h, u = taken
    found = _reusable(h)
    if not found["reuse"] or (read(found["reuse"]).has(where) and not jumps):
        return body
    record, derived = known(h), derivative(h, ARGUMENT)
    name = name if record is None else record.name
    form = read(found["form"]) if found["form"] else h if record is None else record.form
    slope = derived if record is None or record.slope is None else record.slope
    steep = searched(Record(f"{name}_slope", derived, slope, None, read(found["reuse"])))(ARGUMENT)
    return searched(Record(name, h, form, steep))(u)


def _reusable(h: Expr) -> Row:
    """What is known of a function and its slope, from the catalogue, the cache, or judged."""
    key = f"reuse: {spelled(h)}"
    found = catalogue().get(key) or disk.load(key)
    if found is None or not all(isinstance(found.get(k), str) for k in ("reuse", "form")):
        found = judged_reuse(h)
        disk.store(key, found)
    return found


def judged_reuse(h: Expr) -> Row:
    """The slope in terms of the value, and a cheaper form of the value; as a row, "" for none."""
    from graphnet.numerics.judge import BAR32, judges

    value, slope = judges(h)
    cheaper = [
        form for form in (in_q(h), in_two(h))
        if form is not None and cost(form) < cost(h) and value.right(form).all()
        and value.rounded(np.float32).right(form, BAR32, np.float32).all()
    ]  # fmt: skip
    form = spelled(min(cheaper, key=cost)) if cheaper else ""
    return {"reuse": slopes.reuse(h, value, slope), "form": form}

"""graphnet derive: the adjoints of one formula, and the NumPy that each becomes.

No shapes are given on a command line, so every tensor has as many axes as it has subscripts, and
a bare subscript `i` runs over an axis of size "I".
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from graphnet.compiler.listing import listing
from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.formula.extent import Extent, named
from graphnet.formula.formula import Equation
from graphnet.formula.functions import Holds
from graphnet.formula.parse import parse
from graphnet.formula.show import show
from graphnet.formula.subscript import Affine
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node, show_shape
from graphnet.ops.building import define

__all__ = ["derive", "derived"]


def derive(arguments: argparse.Namespace) -> int:
    """Prints the formula, its adjoints and their NumPy."""
    wrt = [name for given in arguments.wrt or [] for name in re.split(r"[,\s]+", given) if name]
    network = derived(arguments.formula, wrt)
    for stage in ("forward", "backward"):
        print(f"{stage}:")
        for line in _lines(network, stage, arguments.style):
            print(f"  {line}")
    for node, slope in network.graph.get("kinks", ("", ()))[1]:
        print(f"kink of {node}: {slope}")
    return 0


def _lines(network: Network, stage: str, style: str) -> Iterator[str]:
    """The formulas of a stage, each with the statements it became."""
    for name, node in network.of(Input):
        if network.stage(name) == stage:
            yield f"{name} {show_shape(node.shape)}" + f" {node.dtype}" * (node.dtype != "float")
    shown: set[str] = set()
    code: list[str] = []
    for statement in listing(network).statements:
        if statement.stage != stage:
            continue
        code += statement.code.splitlines()
        fresh = [n for n in reversed(statement.nodes) if n not in shown]
        if fresh:  # what has no node of its own belongs to the next that has
            shown.update(fresh)
            yield from (_formula(network, n, style) for n in fresh)
            yield from (f"    {line}" for line in code)
            code = []


def derived(text: str, wrt: list[str]) -> Network:
    """The network of a formula and its adjoints, over inputs with named sizes.

    Raises GraphnetError where the formula or a name in `wrt` is wrong.
    """
    sizes = _sizes_in(text)
    equations = parse(text, sizes=sizes)
    inputs = _inputs(equations, sizes)
    result = define(equations, inputs, label=equations[-1].name, name=equations[-1].name)
    floats = [name for name, node in inputs.items() if node.dtype == "float"]
    for name in wrt:
        if name not in inputs:
            raise GraphnetError(f"the formula reads no {told(name)}{did_you_mean(name, inputs)}")
    if not (wrt or floats):
        raise GraphnetError("the formula reads no float tensor: there is nothing to derive")
    forward = Network.collect({"Y": result}, extra=[inputs[n] for n in wrt or floats])
    output = forward.outputs["Y"]
    upstream = Input(name=f"d_{output}", shape=result.shape) if result.shape else None
    return backward(forward, output, wrt or floats, upstream)


def _formula(network: Network, name: str, style: str) -> str:
    if isinstance(network.node(name), Computed):
        return show(network.equation(name), style)
    return network.show(name)


def _sizes_in(text: str) -> list[str]:
    """The names that stand where only a size may: after "<", and in "shape(...)"."""
    found = re.findall(r",\s*\w+\s*<\s*([A-Za-z_]\w*)", text)
    for inside in re.findall(r"\bshape\s*\(([^()]*)\)", text):
        found += re.findall(r"[A-Za-z_]\w*", inside)
    return list(dict.fromkeys(found))


def _inputs(equations: tuple[Equation, ...], sizes: list[str]) -> dict[str, Node]:
    """An input for every tensor that the equations read and do not define."""
    defined = {e.name for e in equations}
    shapes: dict[str, tuple[Extent, ...]] = {}
    dtypes: dict[str, str] = {}
    tensors = {name for e in equations for name in e.operands}
    for e in equations:
        f = e.formula
        conditions = {k for c in f.body.atoms(Holds) for k in f.holes(c)}
        reads = [(r.slot, r.subs, k in conditions) for k, r in enumerate(f.reads)]
        gathers = [g for s in f.target for g in s.gathers()]
        gathers += [g for r in f.reads for g in r.gathers()]
        for slot, subs, holds in reads:
            name = e.operands[slot]
            shape = tuple(_axis(e, name, a, s, tensors | {*sizes}) for a, s in enumerate(subs))
            if f.pointwise:
                shape = (named("N"),)
            known = shapes.setdefault(name, shape)
            if len(known) != len(shape):
                raise GraphnetError(
                    f"{name} is read with {len(known)} subscripts and with {len(shape)}"
                )
            dtypes.setdefault(name, "float")
            if holds:
                dtypes[name] = "bool"
        for g in gathers:
            name = e.operands[g.slot]
            shape = tuple(_axis(e, name, a, s, tensors | {*sizes}) for a, s in enumerate(g.subs))
            shapes[name] = shape
            dtypes[name] = "int"
    return {
        name: Input(name=name, shape=shape, dtype=dtypes[name])
        for name, shape in shapes.items()
        if name not in defined
    }


def _axis(e: Equation, name: str, axis: int, sub: Affine, taken: set[str]) -> Extent:
    """The size of an axis: of a bare index i it is I, else of the tensor and the axis."""
    f = e.formula
    if sub.bare is not None:
        bound = f.bounds[sub.bare]
        if bound is not None:
            return bound
        targets = [s.bare for s in f.target]
        if f.shape is not None and sub.bare in targets:
            return f.shape[targets.index(sub.bare)]
        wish = e.indices[sub.bare].upper()
    else:
        wish = f"{name}_size{axis}"
    return named(wish if wish not in taken else f"size_{wish}")

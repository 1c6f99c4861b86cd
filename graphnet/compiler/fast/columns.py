"""The bias behind a narrow argument as one more row of its weight: x @ W + b = [x 1] @ [W; b].

An argument of the step is copied beside a column of ones where its rows are shorter than those it
is multiplied into, so that the bias needs no pass over the product, and its gradient none over the
product's: dW and db are [x 1].T @ dz. W and b lie end to end in a flat vector, in either order.
(The biases of small layers are rows too, whatever their argument is: biases.py.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import sympy

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.flat import Flat
from graphnet.compiler.fast.roles import Roles, live
from graphnet.compiler.fast.turned import Readers, readers_of
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import add, product

__all__ = ["Narrow", "beside_ones", "beside_ones_merged", "narrow_layers", "rebuilt"]

NARROW = 2  # times as many columns the product has to have


@dataclass(frozen=True)
class Narrow:
    """`biased` is source @ weight + bias; `first` where the bias lies before the weight."""

    biased: Value
    source: Value
    weight: Value
    bias: Value
    first: bool


def narrow_layers(flat: Flat, roots: Iterable[Value], roles: Roles) -> list[Narrow]:
    """The layers whose biases may become rows of their weights."""
    values = live(roots)
    readers = readers_of(values)
    found = []
    for pack in (v for v in values if v.op == "pack"):
        parts = [v for v, _ in pack.args]
        names = pack.extra[1:-1]  # type: ignore[index]
        for (one, first), (other, second) in pairwise(zip(parts, names, strict=False)):
            source = _source(one, other)
            if source is None or len(readers[one]) > 1 or len(readers[other]) > 1:
                continue
            weight, bias = (first, second) if one.op == "contract" else (second, first)
            layer = _layer(source, weight, bias, one.op == "sum", readers)
            if layer and _given(source, roles) and _beside(flat, layer):
                found.append(layer)
    return found


def _source(one: Value, other: Value) -> Value | None:
    """x, where two gradients are x.T @ dz and the column sums of dz, in either order."""
    gradient, total = (one, other) if one.op == "contract" else (other, one)
    if gradient.op != "contract" or total.op != "sum" or (gradient.rank, total.rank) != (2, 1):
        return None
    ((dz, along),) = total.args
    rows = tuple(range(2, dz.rank + 1))
    for (x, own), (d, axes) in (gradient.args, gradient.args[::-1]):
        fits = (own, axes, along) == ((*rows, 0), (*rows, 1), (*range(1, dz.rank), 0))
        if d is dz and fits and x is not dz:
            return x
    return None


def _layer(
    source: Value, weight: str, bias: str, first: bool, readers: Readers
) -> Narrow | None:  # fmt: skip
    """The one layer that reads a weight and a bias of these names behind a source."""
    rows = tuple(range(source.rank - 1))
    for made in readers.get(source, ()):
        if made.op != "contract" or made.rank != source.rank or len(readers.get(made, ())) != 1:
            continue
        factors = dict(made.args)
        w = next((v for v in factors if (v.op, v.extra) == ("leaf", weight)), None)
        (biased,) = readers[made]
        terms = dict(biased.args)
        b = next((v for v in terms if (v.op, v.extra) == ("leaf", bias)), None)
        if w is None or b is None or biased.op != "add" or len(factors) != 2 or len(terms) != 2:
            continue
        last = len(rows)
        whole = terms[made] == identity(biased) and biased.extents == made.extents
        axes = factors[source], factors[w], terms[b]
        if whole and axes == ((*rows, last + 1), (last + 1, last), (last,)):
            return Narrow(biased, source, w, b, first)
    return None


def _given(source: Value, roles: Roles) -> bool:
    """Whether an array is an argument, or one whose axes are moved by a copy."""
    if source.op == "copy":
        source = source.args[0][0]
    return source.op == "leaf" and roles(source) == "given" and source.dtype == "float"


def _beside(flat: Flat, layer: Narrow) -> bool:
    """Whether a weight lies right beside its bias, and is wide enough."""
    rows, columns = layer.weight.extents
    assert isinstance(rows, int)  # a parameter has no named sizes
    assert isinstance(columns, int)
    ends = (layer.bias, layer.weight) if layer.first else (layer.weight, layer.bias)
    one, other = (str(v.extra) for v in ends)
    for vector in flat.vectors:
        starts = dict(zip(vector.members, vector.starts, strict=True))
        if vector.kind == "parameters" and one in starts and other in starts:
            size = product(ends[0].extents)
            return rows * NARROW <= columns and starts[other] == add(starts[one], size)
    return False


def beside_ones(
    values: Values, held: Mapping[str, Value], layers: Iterable[Narrow]
) -> dict[Value, Value]:
    """Every value, with one product in place of a product and a bias: old -> new."""
    found = {layer.biased: layer for layer in layers}

    def change(v: Value, new: Mapping[Value, Value]) -> Value | None:
        layer = found.get(v)
        if layer is None:
            return None
        rows, columns = layer.weight.extents
        parts: list[tuple[Value, Order]] = [(layer.weight, (0, 1)), (layer.bias, (1,))]
        if layer.first:
            parts.reverse()
        both = values.make("stacked", parts, (add(rows, 1), columns), v.dtype)
        last = v.rank - 1
        x = _padded(values, new[layer.source], layer.first)
        args = [(x, (*range(last), last + 1)), (both, (last + 1, last))]
        return values.make("contract", args, v.extents, v.dtype)

    return rebuilt(values, held.values(), change)


def _padded(values: Values, source: Value, first: bool) -> Value:
    """An argument beside a column of ones, its axes in the order that is read."""
    args = [(source, identity(source))] if source.op == "leaf" else list(source.args)
    args.append((values.number(sympy.Integer(1)).value, ()))
    *front, width = source.extents
    frame = (*((0, 0) for _ in front), (1, 0) if first else (0, 1))
    return values.make("pad", args, (*front, add(width, 1)), source.dtype, frame)


def beside_ones_merged(values: Values, parts: list[Value], known: Iterable[Value]) -> list[Value]:
    """The gradients of a weight and its bias as one, where the array beside ones is known."""
    pads = {(v.args[0], v.extra): v for v in known if v.op == "pad"}
    result: list[Value] = []
    for v in parts:
        source = _source(result[-1], v) if result else None
        if source is not None:
            read = source.args[0] if source.op == "copy" else (source, identity(source))
            side = (1, 0) if v.op == "contract" else (0, 1)
            whole = pads.get((read, (*((0, 0) for _ in range(source.rank - 1)), side)))
            if whole is not None:
                gradient, total = (v, result[-1]) if v.op == "contract" else (result[-1], v)
                dz = total.args[0][0]
                axes = dict(gradient.args)
                args = [(whole, axes[source]), (dz, axes[dz])]
                extents = (whole.extents[-1], dz.extents[-1])
                result[-1] = values.make("contract", args, extents, v.dtype)
                continue
        result.append(v)
    return result


def rebuilt(
    values: Values, roots: Iterable[Value],
    change: Callable[[Value, Mapping[Value, Value]], Value | None],
) -> dict[Value, Value]:  # fmt: skip
    """Every value over changed arguments: old -> new; `change` gives what takes a value's place."""
    new: dict[Value, Value] = {}
    for v in live(roots):
        made = change(v, new)
        if made is None:
            args = tuple((new[a], axes) for a, axes in v.args)
            same = all(a is b for (a, _), (b, _) in zip(args, v.args, strict=True))
            made = v if same else values.make(v.op, args, v.extents, v.dtype, v.extra, v.host)
        new[v] = made
    return new

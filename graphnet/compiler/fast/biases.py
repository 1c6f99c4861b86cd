"""A small layer's bias as one more row of its weight: x @ W + b = [x 1] @ [W; b].

Where a layer is small a call costs more than its arithmetic, so one product does what a product
and a sum did, forward and backward: dW and db are [x 1].T @ dz. The array of x then stands
transposed, (features, batch), over a last row of ones that is written once; W and b already lie
end to end in a flat vector. What goes element by element with x is transposed as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.columns import rebuilt
from graphnet.compiler.fast.flat import Flat
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.roles import Roles, live
from graphnet.compiler.fast.turned import TURNED, Readers, group, may_turn, readers_of
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import add

__all__ = ["Layer", "merged", "orders", "small_layers", "with_rows"]

LARGEST = 1024  # elements of a weight
WIDEST = 16  # features of an argument: it is copied behind its row of ones


@dataclass(frozen=True)
class Layer:
    """`biased` is source @ weight + bias."""

    biased: Value
    source: Value
    weight: Value
    bias: Value


def small_layers(flat: Flat, roots: Iterable[Value], roles: Roles) -> list[Layer]:
    """The layers whose biases may become rows of their weights."""
    values = live(roots)
    readers = readers_of(values)
    found = []
    for pack in (v for v in values if v.op == "pack"):
        parts = [v for v, _ in pack.args]
        names = pack.extra[1:-1]  # type: ignore[index]
        for k, pair in enumerate(pairwise(parts)):
            source = _source(*pair)
            if source is None or any(len(readers[v]) > 1 for v in pair):
                continue
            layer = _layer(source, names[k], names[k + 1], readers)
            if layer and _beside(flat, layer) and _may_turn(source, readers, roles):
                found.append(layer)
    once = {layer.source: 0 for layer in found}
    for layer in found:
        once[layer.source] += 1
    return [layer for layer in found if once[layer.source] == 1]


def _source(gradient: Value, total: Value) -> Value | None:
    """x, where two gradients are x.T @ dz and the column sums of dz."""
    if gradient.op != "contract" or total.op != "sum" or (gradient.rank, total.rank) != (2, 1):
        return None
    ((dz, along),) = total.args
    for (x, own), (d, axes) in (gradient.args, gradient.args[::-1]):
        if d is dz and (own, axes, along) == ((2, 0), (2, 1), (1, 0)) and x is not dz:
            return x
    return None


def _layer(source: Value, weight: str, bias: str, readers: Readers) -> Layer | None:
    """The one layer that reads a weight and a bias of these names behind a source."""
    for product in readers.get(source, ()):
        if product.op != "contract" or product.rank != 2 or len(readers.get(product, ())) != 1:
            continue
        factors = dict(product.args)
        w = next((v for v in factors if (v.op, v.extra) == ("leaf", weight)), None)
        (biased,) = readers[product]
        terms = dict(biased.args)
        b = next((v for v in terms if (v.op, v.extra) == ("leaf", bias)), None)
        if w is None or b is None or biased.op != "add" or len(factors) != 2:
            continue
        whole = terms[product] == identity(biased) and biased.extents == product.extents
        if whole and (factors[source], factors[w], terms[b]) == ((0, 2), (2, 1), (1,)):
            return Layer(biased, source, w, b)
    return None


def _beside(flat: Flat, layer: Layer) -> bool:
    """Whether a small weight lies right before its bias."""
    size = _size(layer.weight)
    for vector in flat.vectors:
        starts = dict(zip(vector.members, vector.starts, strict=True))
        names = str(layer.weight.extra), str(layer.bias.extra)
        if vector.kind == "parameters" and all(n in starts for n in names):
            return size <= LARGEST and starts[names[1]] == starts[names[0]] + size
    return False


def _size(weight: Value) -> int:
    rows, columns = weight.extents
    assert isinstance(rows, int)  # a parameter has no named sizes
    assert isinstance(columns, int)
    return rows * columns


def _may_turn(source: Value, readers: Readers, roles: Roles) -> bool:
    """Whether an array, and all that goes element by element with it, may stand transposed."""
    if roles(source) == "given":
        width = source.extents[1]
        return source.op == "leaf" and isinstance(width, int) and width <= WIDEST
    return source.op in UFUNCS and may_turn(group(source, readers), readers, roles)


def with_rows(
    values: Values, held: Mapping[str, Value], layers: Iterable[Layer]
) -> dict[Value, Value]:
    """Every value, with one product in place of a product and a bias: old -> new."""
    found = {layer.biased: layer for layer in layers}

    def change(v: Value, new: Mapping[Value, Value]) -> Value | None:
        layer = found.get(v)
        if layer is None:
            return None
        args = [
            (_over_ones(values, new[layer.source]), (0, 2)),
            (_stacked(values, layer), (2, 1)),
        ]
        return values.make("contract", args, v.extents, v.dtype)

    return rebuilt(values, held.values(), change)


def _over_ones(values: Values, source: Value) -> Value:
    """An array and a column of ones; an argument of the step is copied there."""
    if source.op == "leaf":
        args = [(source, identity(source))]
        source = values.make("copy", args, source.extents, source.dtype, "over ones")
    rows, columns = source.extents
    return values.make(
        "over_ones", [(source, identity(source))], (rows, add(columns, 1)), source.dtype
    )


def _stacked(values: Values, layer: Layer) -> Value:
    rows, columns = layer.weight.extents
    args = [(layer.weight, (0, 1)), (layer.bias, (1,))]
    return values.make("stacked", args, (add(rows, 1), columns), layer.weight.dtype)


def merged(values: Values, parts: list[Value], known: Iterable[Value]) -> list[Value]:
    """The gradients of a weight and its bias as one, where the array over ones is known."""
    over = {v.args[0][0]: v for v in known if v.op == "over_ones"}
    over |= {v.args[0][0]: w for v, w in over.items() if v.op == "copy"}
    result: list[Value] = []
    for v in parts:
        source = _source(result[-1], v) if result else None
        if source in over:
            dz = v.args[0][0]
            whole = over[source]
            extents = (whole.extents[1], dz.extents[1])
            args = [(whole, (2, 0)), (dz, (2, 1))]
            result[-1] = values.make("contract", args, extents, v.dtype)
        else:
            result.append(v)
    return result


def orders(roots: Iterable[Value]) -> dict[Value, Order]:
    """The layout of all that stands over ones."""
    values = live(roots)
    readers = readers_of(values)
    found: dict[Value, Order] = {}
    for v in values:
        if v.op == "over_ones":
            source = v.args[0][0]
            found[v] = TURNED
            found |= dict.fromkeys(group(source, readers), TURNED)
    return found

"""Layers x @ W + b whose weight and bias lie side by side in a flat vector.

One product with both does what a product and a sum did, [x 1] @ [W; b], and one product gives both
gradients, [x 1].T @ dz. For which layers that pays, and where the ones stand, others say: biases.py
for small layers, columns.py for narrow arguments and for computed arrays of many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.flat import Flat
from graphnet.compiler.fast.rebuilt import rebuilt
from graphnet.compiler.fast.roles import Readers, live, readers_of
from graphnet.compiler.values import Axes, Value, Values
from graphnet.formula.extent import add, product

__all__ = ["Layer", "layers_of", "one_gradient", "one_product", "products_of"]


@dataclass(frozen=True)
class Layer:
    """`biased` is source @ weight + bias; `first` where the bias lies before the weight."""

    biased: Value
    source: Value
    weight: Value
    bias: Value
    first: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the weight."""
        first, *others = self.weight.extents
        rows, columns = first, product(tuple(others))
        assert isinstance(rows, int)  # a parameter has no named sizes
        assert isinstance(columns, int)
        return rows, columns

    @property
    def axes(self) -> tuple[Axes, Axes]:
        """The loops of the product that the axes of source and weight are."""
        (made,) = (v for v, _ in self.biased.args if v.op == "contract")
        axes = dict(made.args)
        return axes[self.source], axes[self.weight]


def layers_of(flat: Flat, roots: Iterable[Value]) -> list[Layer]:
    """The layers whose weight and bias, and the gradients of both, lie side by side."""
    values = live(roots)
    readers = readers_of(values)
    found = []
    for pack in (v for v in values if v.op == "pack"):
        parts = [v for v, _ in pack.args]
        names = pack.extra[1:-1]  # type: ignore[index]
        for (one, name), (other, second) in pairwise(zip(parts, names, strict=False)):
            source = _source(one, other)
            if source is None or len(readers[one]) > 1 or len(readers[other]) > 1:
                continue
            first = one.op == "sum"
            weight, bias = (second, name) if first else (name, second)
            layer = _layer(source, weight, bias, first, readers)
            if layer and _beside(flat, layer):
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
) -> Layer | None:  # fmt: skip
    """The one layer that reads a weight and a bias of these names behind a source."""
    last = source.rank - 1
    axes = (*range(last), last + 1), (last + 1, last)
    for made in readers.get(source, ()):
        for biased in readers.get(made, ()):
            layer = _behind(biased, readers)
            if layer is None or layer.source is not source or layer.axes != axes:
                continue
            if (layer.weight.extra, layer.bias.extra) == (weight, bias):
                return replace(layer, first=first)
    return None


def products_of(flat: Flat, roots: Iterable[Value]) -> list[Layer]:
    """The layers whose weight and bias lie side by side, whatever reads their sources.

    A weight may have several axes that are kept, its bias has them too.
    """
    ends = list(roots)
    values = live(ends)
    readers = readers_of(values)
    found = []
    for v in values:
        layer = _behind(v, readers)
        if layer is None or any(a in ends for a, _ in v.args):
            continue
        either = (replace(layer, first=first) for first in (False, True))
        found += [side for side in either if _beside(flat, side)][:1]
    return found


def _behind(biased: Value, readers: Readers) -> Layer | None:
    """The layer that a value is the result of: a product that nothing else reads, and a bias."""
    if biased.op != "add" or len(dict(biased.args)) != 2:
        return None
    for (made, whole), (bias, along) in (biased.args, biased.args[::-1]):
        alone = made.op == "contract" and len(readers[made]) == 1
        if not alone or whole != identity(biased) or made.extents != biased.extents:
            continue
        for (x, own), (w, axes) in (made.args, made.args[::-1]):
            summed = own[-1:] == axes[:1] == (biased.rank,)
            kept = sorted((*own[:-1], *axes[1:])) == list(range(biased.rank))
            if summed and kept and axes[1:] == along and w.op == bias.op == "leaf":
                return Layer(biased, x, w, bias, False)
    return None


def _beside(flat: Flat, layer: Layer) -> bool:
    """Whether a weight and its bias lie end to end."""
    ends = (layer.bias, layer.weight) if layer.first else (layer.weight, layer.bias)
    one, other = (str(v.extra) for v in ends)
    for vector in flat.vectors:
        starts = dict(zip(vector.members, vector.starts, strict=True))
        if vector.kind == "parameters" and one in starts and other in starts:
            return starts[other] == add(starts[one], product(ends[0].extents))
    return False


def one_product(
    values: Values, held: Mapping[str, Value], layers: Iterable[Layer],
    with_ones: Callable[[Value, Layer], Value],
) -> dict[Value, Value]:  # fmt: skip
    """Every value, with one product in place of a product and a bias: old -> new."""
    found = {layer.biased: layer for layer in layers}

    def change(v: Value, new: Mapping[Value, Value]) -> Value | None:
        layer = found.get(v)
        if layer is None:
            return None
        weight, (own, axes) = layer.weight, layer.axes
        parts: list[tuple[Value, Order]] = [
            (weight, identity(weight)), (layer.bias, identity(weight)[1:])
        ]  # fmt: skip
        if layer.first:
            parts.reverse()
        rows, *columns = weight.extents
        both = values.make("stacked", parts, (add(rows, 1), *columns), v.dtype)
        x = with_ones(new[layer.source], layer)
        return values.make("contract", [(x, own), (both, axes)], v.extents, v.dtype)

    return rebuilt(values, held.values(), change)


def one_gradient(
    values: Values, parts: list[Value], with_ones: Callable[[Value, bool], Value | None]
) -> list[Value]:
    """The gradients of a weight and its bias as one, where `with_ones(x, first)` is known."""
    result: list[Value] = []
    for v in parts:
        source = _source(result[-1], v) if result else None
        first = v.op == "contract"  # and the sum of the bias stands before it
        whole = with_ones(source, first) if source is not None else None
        if source is None or whole is None:
            result.append(v)
            continue
        gradient, total = (v, result[-1]) if first else (result[-1], v)
        axes, dz = dict(gradient.args), total.args[0][0]
        args = [(whole, axes[source]), (dz, axes[dz])]
        extents = whole.extents[-1], dz.extents[-1]
        result[-1] = values.make("contract", args, extents, v.dtype)
    return result

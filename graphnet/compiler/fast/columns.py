"""The bias behind a narrow array as one more row of its weight: x @ W + b = [x 1] @ [W; b].

An argument of the step is copied beside a column of ones where its rows are shorter than those it
is multiplied into, so that the bias needs no pass over the product, and its gradient none over the
product's. Where the weight is small it is too, for calls saved (W2: 7 % of a step).

A computed array is copied so for the forward products alone, where these have twice as many columns
in many rows: (1024, 64) in 9 us against 48 for a bias over (1024, 256). Its gradients stay apart,
for a product of 65 rows costs 13 to 30 us more than one of 64, and the sum for the bias 12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import sympy

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.layers import Layer, one_gradient, one_product
from graphnet.compiler.fast.products import usual
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import add

__all__ = ["beside_ones", "beside_ones_merged", "narrow_layers", "wide_layers"]

NARROW = 2  # times as many columns the product has to have
SMALL = 4096  # elements of a weight whose calls cost more than its arithmetic
MANY = 65536  # elements of products of a computed array, whose biases cost more than a copy of it


def narrow_layers(layers: Iterable[Layer], roles: Roles) -> list[Layer]:
    """The layers of narrow arguments, and small ones."""
    return [
        layer for layer in layers
        if _given(layer.source, roles)
        and (layer.shape[0] * NARROW <= layer.shape[1] or prod(layer.shape) <= SMALL)
    ]  # fmt: skip


def wide_layers(layers: Iterable[Layer], roles: Roles) -> list[Layer]:
    """The layers of computed arrays that are multiplied into many more elements than they have.

    Layers behind one source share the copy of it.
    """
    sources: dict[tuple[Value, bool], list[Layer]] = {}
    for layer in layers:
        source = layer.source
        computed = roles(source) in ("line", "view") and source.dtype == "float"
        if computed and not _given(source, roles):
            sources.setdefault((source, layer.first), []).append(layer)
    return [
        layer for (source, _), alike in sources.items() for layer in alike
        if _pays(source, sum(one.shape[1] for one in alike))
    ]  # fmt: skip


def _pays(source: Value, columns: int) -> bool:
    """Whether passes over so many columns cost more than a copy."""
    *rows, width = map(usual, source.extents)
    return width * NARROW <= columns and prod(rows) * columns >= MANY


def _given(source: Value, roles: Roles) -> bool:
    """Whether an array is an argument, or one whose axes are moved by a copy."""
    if source.op == "copy":
        source = source.args[0][0]
    return source.op == "leaf" and roles(source) == "given" and source.dtype == "float"


def beside_ones(
    values: Values, held: Mapping[str, Value], layers: Iterable[Layer]
) -> dict[Value, Value]:
    """Every value, with one product in place of a product and a bias: old -> new."""

    def padded(source: Value, layer: Layer) -> Value:
        """An array beside a column of ones, its axes in the order that is read."""
        args = list(source.args) if source.op == "copy" else [(source, identity(source))]
        args.append((values.number(sympy.Integer(1)).value, ()))
        *front, width = source.extents
        frame = _frame(source, layer.first)
        return values.make("pad", args, (*front, add(width, 1)), source.dtype, frame)

    return one_product(values, held, layers, padded)


def beside_ones_merged(
    values: Values, parts: list[Value], known: Iterable[Value], roles: Roles
) -> list[Value]:
    """The gradients of a weight and its bias as one, where an argument beside ones is known.

    That of a computed array costs more than both.
    """
    pads = {(v.args[0], v.extra): v for v in known if v.op == "pad" and _given(v.args[0][0], roles)}

    def padded(source: Value, first: bool) -> Value | None:
        read = source.args[0] if source.op == "copy" else (source, identity(source))
        return pads.get((read, _frame(source, first)))

    return one_gradient(values, parts, padded)


def _frame(source: Value, first: bool) -> tuple[tuple[int, int], ...]:
    """Where a column is added: before the first one, or behind the last."""
    return (*((0, 0) for _ in source.extents[:-1]), (1, 0) if first else (0, 1))

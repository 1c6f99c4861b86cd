"""The bias behind a narrow argument as one more row of its weight: x @ W + b = [x 1] @ [W; b].

An argument of the step is copied beside a column of ones where its rows are shorter than those it
is multiplied into, so that the bias needs no pass over the product, and its gradient none over the
product's. Where the weight is small it is too, for calls saved (W2: 7 % of a step).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import sympy

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.layers import Layer, one_gradient, one_product
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import add

__all__ = ["beside_ones", "beside_ones_merged", "narrow_layers"]

NARROW = 2  # times as many columns the product has to have
SMALL = 4096  # elements of a weight whose calls cost more than its arithmetic


def narrow_layers(layers: Iterable[Layer], roles: Roles) -> list[Layer]:
    """The layers of narrow arguments, and small ones."""
    return [
        layer for layer in layers
        if _given(layer.source, roles)
        and (layer.shape[0] * NARROW <= layer.shape[1] or prod(layer.shape) <= SMALL)
    ]  # fmt: skip


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
        """An argument beside a column of ones, its axes in the order that is read."""
        args = [(source, identity(source))] if source.op == "leaf" else list(source.args)
        args.append((values.number(sympy.Integer(1)).value, ()))
        *front, width = source.extents
        frame = _frame(source, layer.first)
        return values.make("pad", args, (*front, add(width, 1)), source.dtype, frame)

    return one_product(values, held, layers, padded)


def beside_ones_merged(values: Values, parts: list[Value], known: Iterable[Value]) -> list[Value]:
    """The gradients of a weight and its bias as one, where the array beside ones is known."""
    pads = {(v.args[0], v.extra): v for v in known if v.op == "pad"}

    def padded(source: Value, first: bool) -> Value | None:
        read = source.args[0] if source.op == "copy" else (source, identity(source))
        return pads.get((read, _frame(source, first)))

    return one_gradient(values, parts, padded)


def _frame(source: Value, first: bool) -> tuple[tuple[int, int], ...]:
    """Where a column is added: before the first one, or behind the last."""
    return (*((0, 0) for _ in source.extents[:-1]), (1, 0) if first else (0, 1))

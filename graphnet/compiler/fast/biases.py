"""A small layer's bias as one more row of its weight: x @ W + b = [x 1] @ [W; b].

Where a layer is small a call costs more than its arithmetic, so one product does what a product
and a sum did, forward and backward: dW and db are [x 1].T @ dz. The array of x then stands
transposed, (features, batch), over a last row of ones that is written once; W and b already lie
end to end in a flat vector. What goes element by element with x is transposed as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.layers import Layer, one_gradient, one_product
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.fast.turned import TURNED, group, may_turn
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import add

__all__ = ["merged", "orders", "small_layers", "with_rows"]

LARGEST = 1024  # elements of a weight
WIDEST = 16  # features of an argument: it is copied behind its row of ones


def small_layers(layers: Iterable[Layer], roots: Iterable[Value], roles: Roles) -> list[Layer]:
    """The layers whose biases may become last rows of their weights."""
    readers = readers_of(live(roots))
    found = [
        layer for layer in layers
        if layer.shape[0] * layer.shape[1] <= LARGEST and not layer.first
        and layer.source.rank == 2 and _may_turn(layer.source, readers, roles)
    ]  # fmt: skip
    sources = [layer.source for layer in found]
    return [layer for layer in found if sources.count(layer.source) == 1]


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

    def over_ones(source: Value, _: Layer) -> Value:
        """An array and a column of ones; an argument of the step is copied there."""
        if source.op == "leaf":
            args = [(source, identity(source))]
            source = values.make("copy", args, source.extents, source.dtype, "over ones")
        rows, columns = source.extents
        return values.make(
            "over_ones", [(source, identity(source))], (rows, add(columns, 1)), source.dtype
        )

    return one_product(values, held, layers, over_ones)


def merged(values: Values, parts: list[Value], known: Iterable[Value]) -> list[Value]:
    """The gradients of a weight and its bias as one, where the array over ones is known."""
    over = {v.args[0][0]: v for v in known if v.op == "over_ones"}
    over |= {v.args[0][0]: w for v, w in over.items() if v.op == "copy"}
    return one_gradient(values, parts, lambda source, first: None if first else over.get(source))


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

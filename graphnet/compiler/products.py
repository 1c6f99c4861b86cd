"""How a contraction of two arrays is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphnet.compiler.code import PRODUCT, UNARY, Code
from graphnet.compiler.values import Axes, Value

if TYPE_CHECKING:
    from graphnet.compiler.expressions import Printer

__all__ = ["contracted"]


def contracted(printer: Printer, value: Value) -> Code:
    """A sum of products of two arrays: `@` where two axes suffice, else tensordot or einsum."""
    (a, axes_a), (b, axes_b) = value.args
    shared = sorted(k for k in axes_a if k in axes_b and k < value.rank)
    summed = [k for k in axes_a if k >= value.rank]
    own_a = [k for k in axes_a if k not in axes_b]
    own_b = [k for k in axes_b if k not in axes_a]
    if len(summed) == 1 and len(own_a) <= 1 and len(own_b) <= 1 and not shared:
        left = _ordered(printer, a, axes_a, [*own_a, *summed])
        right = _ordered(printer, b, axes_b, [*summed, *own_b])
        return Code(f"{left.at(PRODUCT)} @ {right.at(UNARY)}", PRODUCT)
    if len(summed) == 1 and len(own_b) == 1 and not shared and axes_a[-1] == summed[0]:
        right = _ordered(printer, b, axes_b, [*summed, *own_b])
        return Code(f"{printer.code(a).at(PRODUCT)} @ {right.at(UNARY)}", PRODUCT)
    if shared and len(summed) == len(own_a) == len(own_b) == 1:
        left = _ordered(printer, a, axes_a, [*shared, *own_a, *summed])
        right = _ordered(printer, b, axes_b, [*shared, *summed, *own_b])
        return Code(f"{left.at(PRODUCT)} @ {right.at(UNARY)}", PRODUCT)
    if not shared:
        dims = ([axes_a.index(k) for k in summed], [axes_b.index(k) for k in summed])
        return Code(f"np.tensordot({printer.code(a).text}, {printer.code(b).text}, axes={dims})")
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    pattern = ",".join("".join(letters[k] for k in axes) for axes in (axes_a, axes_b))
    out = letters[: value.rank]
    return Code(f'np.einsum("{pattern}->{out}", {printer.code(a).text}, {printer.code(b).text})')


def _ordered(printer: Printer, value: Value, axes: Axes, wanted: Sequence[int]) -> Code:
    return printer.transposed(printer.code(value), [axes.index(k) for k in wanted])

"""Forms of windows: arrays in a frame that stays, products of windows copied out in pieces, sums
of overlapping slices, counts of masks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphnet.compiler.code import axis_text
from graphnet.compiler.fast.arrays import Array, Arrays
from graphnet.compiler.fast.form import UFUNC_OF, Form, what_is_left
from graphnet.compiler.fast.products import USUAL
from graphnet.compiler.fast.roles import Roles, readers_of
from graphnet.compiler.moves import fold_options
from graphnet.compiler.values import Value, Values
from graphnet.compiler.windows import is_window
from graphnet.compiler.wrapping import WIDTH, wrap
from graphnet.formula.extent import Extent, add, product

__all__ = ["Pad", "counted", "see_through_copies", "window_form"]


def see_through_copies(live: Sequence[Value], roles: Roles) -> None:
    """Copies that only one statement reads are made inside it: of windows in a product, piece by
    piece, and of an array put in other axes, straight into its frame.
    """
    readers = readers_of(live)
    for v in live:
        if v.op != "reshape" or roles(v) != "line" or len(readers.get(v, ())) != 1:
            continue
        (reader,) = readers[v]
        source = v.args[0][0]
        in_product = reader.op == "contract" and is_window(source) and Pieces.fits(reader, v)
        into_frame = reader.op == "pad" and roles(reader) == "line" and merges(v)
        if roles(source) == "view" and (in_product or into_frame):
            roles.see_through(v)


def merges(value: Value) -> bool:
    """Whether a reshape puts neighbouring axes together and does nothing else.

    Then the inside of a frame, which is no array in one piece, has a view with the axes of before.
    """
    rest = list(value.args[0][0].extents)
    for extent in value.extents:
        size = rest.pop(0) if rest else 1
        while size != extent and rest:
            size = product((size, rest.pop(0)))
        if size != extent:
            return False
    return not rest


def seen_through(value: Value, roles: Roles) -> bool:
    """Whether a value is such a copy: a reshape of a view that no view can be."""
    if value.op != "reshape" or roles(value) != "view":
        return False
    return roles(value.args[0][0]) == "view" and value.args[0][0].op != "reshape"


def window_form(value: Value, roles: Roles) -> Form | None:
    """The form of a frame, of what is made of windows, or of a count; None for other values."""
    if value.op == "contract":
        copied = value.args[0][0]
        seen = seen_through(copied, roles) and is_window(copied.args[0][0])
        return Pieces() if seen and Pieces.fits(value, copied) else None
    if value.op in ("sum", "max", "min"):
        return Slabs() if Slabs.fits(value, roles) else None
    if value.op == "pad" and not value.args[0][0].host:
        return Pad()
    if value.op == "fold" and not value.args[0][0].host:
        return Fold()
    return Count() if value.op == "count" else None


@dataclass(frozen=True)
class Pad(Form):
    """inner[...] = a. The frame around it is written once; only equal ones share a buffer."""

    @staticmethod
    def fill(value: Value) -> Value | None:
        """What the frame holds; None stands for 0."""
        return value.args[1][0] if len(value.args) > 1 else None

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        (source, axes), *_ = value.args
        frame: Any = value.extra
        order = arrays.order(value)
        cuts = []
        for axis in order:
            before, after = frame[axis]
            stop = arrays.printer.extent(add(value.extents[axis], -after))
            cuts.append(f"{before or ''}:{stop if after else ''}")
        while cuts[-1] == ":":
            cuts.pop()
        inner = arrays.view(out, f"{out.text}[{', '.join(cuts)}]", "inner")
        if seen_through(source, arrays.roles) and order == tuple(range(value.rank)) == axes:
            source = source.args[0][0]
            inner = arrays.shaped(inner, source.extents, "digits")
            text = arrays.logical(source).text
        else:
            text = arrays.aligned(source, axes, order).text
        return f"{inner.text}[...] = {text}"


@dataclass(frozen=True)
class Pieces(Form):
    """Windows copied out and multiplied piece by piece, so that a piece stays in the cache."""

    @staticmethod
    def fits(value: Value, copied: Value) -> bool:
        """Whether a product is (places, window) @ (window, own) with the copy of windows first."""
        (a, axes), (b, _) = value.args
        return a is copied and axes == (0, 2) and (value.rank, b.rank, value.dtype) == (
            2, 2, "float",
        )  # fmt: skip

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        (copied, _), (b, axes) = value.args
        view, matrix = arrays.logical(copied.args[0][0]), arrays.logical(b)
        if axes == (1, 2):
            matrix = arrays.transposed(matrix, (1, 0))
        name = arrays.printer.helper("pieces")
        text = f"{name}({view.text}, {out.text})"
        if view.lasting:
            text = arrays.view(out, text, "pieces").text
        names = part, room, dot, rows = [arrays.local(n) for n in ("part", "room", "dot", "rows")]
        return "\n".join([
            f"for {', '.join(names)} in {text}:",
            f"    {arrays.call('np.copyto')}({room}, {part})",
            f"    {dot}({matrix.text}, {rows})",
        ])  # fmt: skip


def named(
    arrays: Arrays, array: Array, text: str, suffix: str, out: Array
) -> tuple[str, list[str]]:
    """The name of what a text gives, and its line in the step where its array does not last."""
    if array.lasting:
        return arrays.view(array, text, suffix).text, []
    name = arrays.namer.made(f"{out.text}_{suffix}")
    return name, [wrap(f"{name} = ", text, WIDTH)]


@dataclass(frozen=True)
class Slabs(Form):
    """The largest, least or sum of every window, the largest or least of every short row: one
    place of all windows after another.
    """

    @staticmethod
    def fits(value: Value, roles: Roles) -> bool:
        """Whether a reduction runs through a few places of windows that overlap."""
        ((source, axes),) = value.args
        if not value.rank or not value.dtype == source.dtype == "float":
            return False
        over = [e for e, loop in zip(source.extents, axes, strict=True) if loop >= value.rank]
        size = product(tuple(over))
        if not isinstance(size, int) or size < 2:
            return False
        if is_window(source) and roles(source) == "view":
            return size <= 64
        return value.op != "sum" and Slabs.short(value, size) and axes[-1] >= value.rank

    @staticmethod
    def short(value: Value, size: int) -> bool:
        """Whether rows are so short and many that one column after another is faster, 0.4 us a
        call: (2112, 11) in 13 us against 55 by places, but (128, 10) in 3.4 against 2.4.
        """
        rows = math.prod(e if isinstance(e, int) else USUAL for e in value.extents)
        return size <= 32 and rows >= 32 * size

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((source, axes),) = value.args
        over = [k for k, loop in enumerate(axes) if loop >= value.rank]
        kept = [axes.index(loop) for loop in arrays.order(value)]
        turned = arrays.transposed(arrays.logical(source), [*over, *kept])
        text = f"{arrays.printer.helper('slabs')}({turned.text}, {len(over)})"
        name, first = named(arrays, turned, text, "slabs", out)
        slab = arrays.local("slab")
        return "\n".join([
            *first,
            f"{arrays.call('np.copyto')}({out.text}, {name}[0])",
            f"for {slab} in {name}[1:]:",
            f"    {arrays.call(f'np.{UFUNC_OF[value.op]}')}({out.text}, {slab}, out={out.text})",
        ])  # fmt: skip


@dataclass(frozen=True)
class Fold(Form):
    """Zeros, to which slabs of windows are added one by one."""

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((source, _),) = value.args
        back = arrays.order(value)
        turned = arrays.transposed(out, sorted(range(len(back)), key=back.__getitem__))
        array = arrays.logical(source)
        options = fold_options(arrays.printer, value)
        name = arrays.printer.helper("overlaps")
        made = f"{name}({turned.text}, {array.text}, {options})"
        text, first = named(arrays, Array(out.text, array.lasting), made, "parts", out)
        part, term = arrays.local("part"), arrays.local("term")
        return "\n".join([
            f"{arrays.bound(out, 'fill')}(0)",
            *first,
            f"for {part}, {term} in {text}:",
            f"    {arrays.call('np.add')}({part}, {term}, {part})",
        ])  # fmt: skip


@dataclass(frozen=True)
class Count(Form):
    """How often a mask holds: few bits are added as bytes, four times as fast as floats."""

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((mask, _),) = value.args
        over, left = what_is_left(arrays, value, out)
        array, reduce = arrays.physical(mask), arrays.call("np.add.reduce")
        bits = arrays.view(array, f"{array.text}.view(np.int8)", "bits")
        count = f"{reduce}({bits.text}, {axis_text(over)}, np.int8)"
        return f"{arrays.call('np.copyto')}({left.text}, {count})"


def counted(values: Values, v: Value) -> Value | None:
    """The sum of a mask over at most 127 elements, as one call."""
    if v.op != "sum" or v.dtype != "float" or not v.rank:
        return None
    ((bits, axes),) = v.args
    if bits.op != "cast" or bits.args[0][0].dtype != "bool" or bits.args[0][0].host:
        return None
    ((mask, own),) = bits.args
    size: Extent = product(tuple(
        e for e, axis in zip(bits.extents, axes, strict=True) if axis >= v.rank
    ))  # fmt: skip
    if not isinstance(size, int) or size > 127 or own != tuple(range(mask.rank)):
        return None
    return values.make("count", [(mask, axes)], v.extents, "float")

"""Forms: how a value is computed into memory that is there already, one NumPy call each.

`form_of` gives the form of a value, or None where it has none: then the value is computed by its
plain expression, which allocates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphnet.compiler.code import axis_text
from graphnet.compiler.fast.arrays import Array, Arrays, Order, identity
from graphnet.compiler.fast.form import UFUNC_OF, Form, what_is_left
from graphnet.compiler.fast.products import contiguous, contraction, product_of
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.fast.windows import window_form
from graphnet.compiler.values import Value
from graphnet.formula.extent import mul, product

__all__ = ["KEYWORD", "UFUNCS", "Ufunc", "form_of", "scalar"]

UFUNCS = frozenset({
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "negative",
    "square", "sqrt", "absolute", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    "arctan", "sign", "log1p", "expm1", "maximum", "minimum", "heaviside", "floor", "less",
    "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or",
    "logical_not",
})  # fmt: skip
KEYWORD = ("maximum", "minimum")  # a third positional argument is deprecated for these


def form_of(
    value: Value, roles: Roles, orders: Mapping[Value, Order], off: frozenset[str] = frozenset()
) -> Form | None:
    """The form of a value that is a statement, None where it is only an expression."""
    if not value.rank:
        return None  # a number is no array
    if value.op in UFUNCS:
        return Ufunc()
    if value.op == "contract":
        return window_form(value, roles) or contraction(value, roles, orders, "small" not in off)
    if value.op in ("sum", "max", "min"):
        if roles(value.args[0][0]) == "host":
            return None
        flat = "slabs" in off or bool(orders.get(value.args[0][0]))
        slabs = None if flat else window_form(value, roles)
        extreme = Extreme() if "extreme" not in off and Extreme.fits(value, roles, orders) else None
        return slabs or extreme or Reduction()
    if value.op in ("copy", "cast", "reshape"):
        return Copy() if roles(value.args[0][0]) != "host" else None
    if value.op == "one_hot":
        return OneHot()
    if value.op == "concatenate" and not orders.get(value):
        return Joined() if not any(roles(a) == "host" for a, _ in value.args) else None
    if value.op == "take":
        return Rows() if Rows.fits(value) else None
    return window_form(value, roles)


@dataclass(frozen=True)
class Ufunc(Form):
    """add(a, b, out)."""

    def overwrites(self, value: Value) -> Sequence[int]:
        return range(len(value.args))

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        order = arrays.order(value)
        args = [self._argument(arrays, value, k, order).text for k in range(len(value.args))]
        name = arrays.call(f"np.{value.op}")
        last = f"out={out.text}" if value.op in KEYWORD else out.text
        return f"{name}({', '.join([*args, last])})"

    def _argument(self, arrays: Arrays, value: Value, k: int, order: Order) -> Array:
        v, axes = value.args[k]
        if not v.host:
            return arrays.aligned(v, axes, order)
        dtype = self._dtype(value)
        if value.op in KEYWORD and dtype == "float":
            # NumPy compares two arrays three times as fast as an array and a number
            number = arrays.printer.code(v).text
            if arrays.fills is not None:
                return arrays.fills.get(number) or arrays.scalar(v, dtype)
            wish = "zeros" if number == "0" else "bound"
            return arrays.filled(number, [value.extents[axis] for axis in order], wish)
        return arrays.scalar(v, dtype)

    @staticmethod
    def _dtype(value: Value) -> str:
        """The dtype in which the call computes."""
        found = {v.dtype for v, _ in value.args if not v.host}
        for dtype in ("float", "int", "bool"):
            if dtype in found:
                return dtype if dtype != "bool" or value.dtype == "bool" else value.dtype
        return value.dtype


@dataclass(frozen=True)
class Copy(Form):
    """out[...] = a: the same elements in another dtype, or in another place.

    It casts where that is asked for, and costs two thirds of what `copyto` does.
    """

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((source, axes),) = value.args
        if value.op == "reshape":
            out = arrays.shaped(out, source.extents)
            return f"{out.text}[...] = {arrays.logical(source).text}"
        return f"{out.text}[...] = {arrays.aligned(source, axes, arrays.order(value)).text}"


@dataclass(frozen=True)
class Joined(Form):
    """concatenate((a, b), axis, out), without what was computed in its place."""

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        parts = [arrays.logical(a).text for a, _ in value.args]
        name = arrays.call("np.concatenate")
        return f"{name}(({', '.join(parts)}), {value.extra}, {out.text})"


@dataclass(frozen=True)
class Rows(Form):
    """table.take(index, axis, out, "clip"): the index was checked, and "clip" does not copy."""

    @staticmethod
    def fits(value: Value) -> bool:
        extra: Any = value.extra
        _, inner, empty = extra
        if empty or len(value.args) != 2:
            return False
        (table, _), (index, axes) = value.args
        return table.rank > 0 and index.rank > 0 and axes == tuple(range(inner))

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        (table, _), (index, _) = value.args
        axis = value.extra[0]  # type: ignore[index]
        take = arrays.bound(arrays.logical(table), "take")
        return f'{take}({arrays.logical(index).text}, {axis}, {out.text}, "clip")'


@dataclass(frozen=True)
class OneHot(Form):
    """eye.take(labels, axis, out, "clip"), in either layout."""

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((labels, axes),) = value.args
        last = value.rank - 1
        order = arrays.order(value)
        size = arrays.printer.extent(value.extents[-1])
        eye = arrays.constant(f"np.eye({size}, dtype=np.{arrays.printer.dtype})", f"eye_{size}")
        rest = [axis for axis in order if axis != last]
        index = arrays.aligned(labels, axes, tuple(rest)) if rest else arrays.logical(labels)
        at = 1 if order[0] == last else 0
        return f'{arrays.bound(eye, "take")}({index.text}, {at}, {out.text}, "clip")'


@dataclass(frozen=True)
class Reduction(Form):
    """ones.dot(a, out), a.dot(ones, out) or add.reduce(a, axes, None, out)."""

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((source, _),) = value.args
        over, left = what_is_left(arrays, value, out)
        array = arrays.physical(source)
        if value.op == "sum" and value.dtype == source.dtype == "float" and left is out:
            text = self._by_ones(arrays, value, source, array, over, out)
            if text:
                return text
        which, op = axis_text(over), UFUNC_OF[value.op]
        tail = ""
        if value.extra and value.dtype == "float":
            tail = f", False, {'-' * (value.op == 'max')}np.inf"
        return f"{arrays.call(f'np.{op}.reduce')}({array.text}, {which}, None, {left.text}{tail})"

    def _by_ones(
        self, arrays: Arrays, value: Value, source: Value, array: Array, over: Sequence[int],
        out: Array,
    ) -> str | None:  # fmt: skip
        """A product with a vector of ones, which sums twice as fast as add.reduce."""
        if not contiguous(arrays.roles, source):
            return None
        order = arrays.order(source)
        extents = [source.extents[axis] for axis in order]
        first, last = over == list(range(len(over))), over == list(range(len(order)))[-len(over) :]
        if not first and not last:
            return None
        n = product_of([extents[k] for k in over])
        m = product_of([e for k, e in enumerate(extents) if k not in over])
        flat = array if len(extents) == 2 else arrays.shaped(array, [n, m] if first else [m, n])
        out = out if value.rank == 1 else arrays.shaped(out, [m])
        ones = arrays.filled("1", [n], "ones")
        if first:
            return f"{arrays.bound(ones, 'dot')}({flat.text}, {out.text})"
        return f"{arrays.bound(flat, 'dot')}({ones.text}, {out.text})"


@dataclass(frozen=True)
class Extreme(Form):
    """The largest or least element of every row by its place: argmax, then take.

    NumPy finds places with wide registers, largest elements of rows one by one: (32, 10) in
    1.0 us against 2.7, (1024, 64) in 31 against 103. Both give nan where a row has one.
    """

    @staticmethod
    def fits(value: Value, roles: Roles, orders: Mapping[Value, Order]) -> bool:
        """Whether the last axes of one piece of memory are reduced, never over nothing."""
        ((source, axes),) = value.args
        if value.op == "sum" or not value.dtype == source.dtype == "float":
            return False
        along = [axes[axis] for axis in orders.get(source) or identity(source)]
        size = product(tuple(source.extents[k] for k, p in enumerate(axes) if p >= value.rank))
        kept = list(orders.get(value) or identity(value))
        last = along[: len(kept)] == kept
        return last and isinstance(size, int) and size > 1 and contiguous(roles, source)

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        ((source, axes),) = value.args
        size = product(tuple(source.extents[k] for k, p in enumerate(axes) if p >= value.rank))
        count, extent = product(value.extents), arrays.printer.extent
        whole = arrays.physical(source)
        rows = whole if (source.rank, value.rank) == (2, 1) else arrays.shaped(whole, [count, size])
        line = arrays.shaped(whole, [product(source.extents)])
        out = out if value.rank == 1 else arrays.shaped(out, [count])
        starts = arrays.constant(f"np.arange(0, {extent(mul(count, size))}, {size})", "starts")
        places = arrays.scratch([count], "np.intp", "places").text
        return "\n".join([
            f"{arrays.bound(rows, f'arg{value.op}')}(1, {places})",
            f"{arrays.call('np.add')}({places}, {starts.text}, {places})",
            f'{arrays.bound(line, "take")}({places}, 0, {out.text}, "clip")',
        ])  # fmt: skip


def scalar(arrays: Arrays, value: Value) -> str | None:
    """The text of a number made of arrays: a.dot(b) on flat views, or None for a plain one."""
    if value.rank:
        return None
    if value.op == "copy":
        ((source, _),) = value.args
        text = arrays.logical(source).text
        return f"{text}[()]" if arrays.roles(source) == "stored" else text
    if value.op not in ("contract", "sum") or value.dtype != "float":
        return None
    flat, orders = [], []
    for v, axes in value.args:
        if v.dtype != "float" or not v.rank:
            return None
        if not (contiguous(arrays.roles, v) or arrays.is_rows(v)):
            return None
        orders.append([axes[axis] for axis in arrays.order(v)])
        size = product(v.extents)
        flat.append(
            arrays.physical(v) if v.rank == 1 else arrays.shaped(arrays.physical(v), [size])
        )
    if len(flat) == 1:
        flat.append(arrays.filled("1", [product(value.args[0][0].extents)], "ones"))
    if orders[0] != orders[-1]:
        return None
    return f"{arrays.bound(flat[0], 'dot')}({flat[1].text})"

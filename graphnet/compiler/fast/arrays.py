"""How arrays are called in a planned step: buffers, views of them and constants, each named once.

A value's array has its axes in a physical order of its own; `aligned` gives the text by which it
broadcasts to the axes of a result. Views of what lives as long as the plan are named ahead of the
step (`W2_T = W2.T`), views of arguments and of what a statement allocates are written in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphnet.compiler.code import type_text
from graphnet.compiler.expressions import Printer
from graphnet.compiler.fast.buffers import Buffers
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.moves import pattern_text
from graphnet.compiler.values import Axes, Value
from graphnet.compiler.wrapping import VIEW_WIDTH, wrap
from graphnet.formula.extent import Extent
from graphnet.network.names import Namer

__all__ = ["Array", "Arrays", "identity"]

Order = tuple[int, ...]


def identity(value: Value) -> Order:
    return tuple(range(value.rank))


@dataclass(frozen=True)
class Array:
    """The text of an array, and whether it is there before the step runs and stays the same."""

    text: str
    lasting: bool = True


@dataclass
class Arrays:
    """Names and texts. `orders` has the physical order of axes where it is not 0, 1, 2, ..."""

    roles: Roles
    printer: Printer
    namer: Namer
    orders: Mapping[Value, Order]
    buffers: Buffers
    fills: Mapping[str, Array] | None = None  # in a loop over blocks: number -> array full of it
    held: dict[Value, Array] = field(default_factory=dict)  # values that are arrays of their own
    fixed: dict[Value, str] = field(default_factory=dict)  # fixed values -> name
    constants: list[str] = field(default_factory=list)  # the lines that make them
    view_lines: list[str] = field(default_factory=list)  # the lines that name views of buffers
    views: dict[str, str] = field(default_factory=dict)  # expression -> name
    calls: dict[str, str] = field(default_factory=dict)  # np.multiply -> multiply
    _made: set[str] = field(default_factory=set)  # names of constants and of views of them

    # -- texts -----------------------------------------------------------------------------------

    def order(self, value: Value) -> Order:
        return self.orders.get(value) or identity(value)

    def physical(self, value: Value) -> Array:
        """The array of a value, axes in their physical order."""
        if value in self.held:
            return self.held[value]
        role = self.roles(value)
        if role == "fixed":
            return Array(self._fixed(value))
        if role == "host":
            return self.scalar(value)
        if role == "view":
            ((source, _),) = value.args
            if value.op == "slice" and self.is_rows(value):
                array = self.physical(source)
                pattern: Any = value.extra
                rows = pattern_text(self.printer, pattern[1:], source.extents[1:])
                return self.view(array, f"{array.text}[{rows}]", "part")
            array = self.logical(source)
            self.printer.variables[source] = array.text
            text = self.printer.expression(value).text
            return self.view(array, text, self._suffix(value))
        return Array(self.expression(value), False)  # a number, written in place

    def is_rows(self, value: Value) -> bool:
        """Whether a value is some columns of what stands transposed, so that it is rows there."""
        if value.op != "slice" or self.orders.get(value.args[0][0]) != (1, 0):
            return False
        pattern: Any = value.extra
        return pattern[0] is None and (value.rank == 1 or self.orders.get(value) == (1, 0))

    def logical(self, value: Value) -> Array:
        """The array of a value, axes in the order of the value."""
        array, order = self.physical(value), self.order(value)
        if order == identity(value):
            return array
        back = sorted(range(len(order)), key=order.__getitem__)
        return self.transposed(array, back)

    def aligned(self, value: Value, axes: Axes, order: Order) -> Array:
        """The array so that NumPy broadcasts it to a result whose physical order is `order`."""
        array = self.physical(value)
        if not value.rank:
            return Array(f"float({array.text})", False) if self.exact(value) else array
        place = {axis: k for k, axis in enumerate(order)}
        at = [place[axes[axis]] for axis in self.order(value)]
        turn = sorted(range(len(at)), key=at.__getitem__)
        array = self.transposed(array, turn)
        at = sorted(at)
        present = range(at[0], len(order))
        if len(present) == len(at):
            return array
        pattern = ", ".join(":" if k in at else "None" for k in present)
        suffix = "col" if pattern == ":, None" else "axes"
        return self.view(array, f"{array.text}[{pattern}]", suffix)

    def transposed(self, array: Array, turn: Sequence[int]) -> Array:
        """Axes of an array in a new order."""
        if list(turn) == list(range(len(turn))):
            return array
        if len(turn) == 2:
            return self.view(array, f"{array.text}.T", "T")
        text = f"{array.text}.transpose({', '.join(map(str, turn))})"
        return self.view(array, text, "T")

    def shaped(self, array: Array, extents: Sequence[Extent], suffix: str = "flat") -> Array:
        """A contiguous array in another shape."""
        return self.view(array, f"{array.text}.reshape{self.printer.shape(extents)}", suffix)

    def view(self, array: Array, text: str, suffix: str) -> Array:
        """A text made of an array: a name of its own where the array lasts."""
        if not array.lasting:
            return Array(text, False)
        if text not in self.views:
            self._name(text, f"{array.text}_{suffix}", array.text in self._made)
        return Array(self.views[text])

    def call(self, function: str) -> str:
        """The short name of a function of NumPy."""
        if function not in self.calls:
            self.calls[function] = self.namer.made(function.removeprefix("np.").replace(".", "_"))
        return self.calls[function]

    def bound(self, array: Array, method: str) -> str:
        """A method of an array, bound ahead where the array lasts."""
        text = f"{array.text}.{method}"
        return self.view(array, text, method).text if array.lasting else text

    def _suffix(self, value: Value) -> str:
        return {"slice": "part", "reshape": "flat", "broadcast": "wide"}.get(value.op, "T")

    # -- constants -------------------------------------------------------------------------------

    def scalar(self, value: Value, dtype: str = "") -> Array:
        """A Python number as a 0-d array of a dtype, which ufuncs take without a conversion."""
        kind = type_text(dtype or value.dtype, self.printer.dtype)
        return self.constant(f"np.array({self.printer.code(value).text}, {kind})", "k")

    def filled(self, number: str, extents: Sequence[Extent], wish: str) -> Array:
        """An array of one number over and over."""
        shape = (
            self.printer.shape(extents) if len(extents) != 1 else self.printer.extent(extents[0])
        )
        return self.full(number, shape, wish)

    def full(self, number: str, shape: str, wish: str) -> Array:
        """The same, for the text of a shape."""
        make = {"0": f"np.zeros({shape}", "1": f"np.ones({shape}"}.get(number)
        text = f"{make}, np.{self.printer.dtype})" if make else (
            f"np.full({shape}, {number}, np.{self.printer.dtype})"
        )  # fmt: skip
        return self.constant(text, wish)

    def scratch(self, extents: Sequence[Extent], kind: str, wish: str) -> Array:
        """Memory that one statement works in, the same for all of one size."""
        text = f"{wish} {self.printer.shape(extents)} {kind}"
        if text not in self.views:
            self.views[text] = self.namer.made(wish)
            self.buffers.add(self.views[text], extents, kind)
        return Array(self.views[text])

    def local(self, wish: str) -> str:
        """A name that statements bind for themselves, the same in all of them."""
        if f"local {wish}" not in self.views:
            self.views[f"local {wish}"] = self.namer.made(wish)
        return self.views[f"local {wish}"]

    def constant(self, text: str, wish: str) -> Array:
        """An array made once by an expression."""
        if text not in self.views:
            self._name(text, wish, True)
        return Array(self.views[text])

    def _name(self, text: str, wish: str, fixed: bool) -> None:
        name = self.namer.made(wish) if wish != "k" else self.namer.numbered("k")
        self.views[text] = name
        if fixed:
            self.constants.append(f"{name} = {text}")
            self._made.add(name)
        else:
            self.view_lines.append(wrap(f"{name} = ", text, VIEW_WIDTH))

    def _fixed(self, value: Value) -> str:
        if value.op == "leaf":
            return self.printer.leaf(str(value.extra))
        if value not in self.fixed:
            if value.op == "numbers":
                self.fixed[value] = self._numbers(value)
                return self.fixed[value]
            self._known(value)
            code = self.printer.expression(value)
            text = code.text
            if value.rank and value.op != "range":
                text = f"np.ascontiguousarray({text})"
            self.fixed[value] = self.constant(text, value.op).text
        return self.fixed[value]

    def _numbers(self, value: Value) -> str:
        """A matrix of numbers of the host language."""
        texts = [self.printer.code(a).text for a, _ in value.args]
        columns = value.extents[1]
        assert isinstance(columns, int)
        rows = [texts[k : k + columns] for k in range(0, len(texts), columns)]
        inside = "".join(f"    [{', '.join(row)}],\n" for row in rows)
        return self.constant(f"np.array([\n{inside}], np.{self.printer.dtype})", "weights").text

    def _known(self, value: Value) -> None:
        """Tells the printer the names of what a value is made of."""
        for a, _ in value.args:
            if self.roles(a) == "number":
                self._known(a)  # the printer writes it in place, in parentheses where needed
                self.printer.variables.pop(a, None)
                if value.rank and self.exact(a):
                    self.printer.variables[a] = f"float({self.expression(a)})"
            elif not a.host:
                text = self.logical(a).text
                if not (a.rank or value.rank) and self._is_counter(a):
                    text = f"np.float64({text})"
                elif value.rank and self.exact(a):
                    text = f"float({text})"
                self.printer.variables[a] = text

    def _is_counter(self, value: Value) -> bool:
        return self.roles(value) == "stored" and value.dtype == "float" and not value.rank

    def exact(self, value: Value) -> bool:
        """Whether a number is made of 0-d states and numbers alone."""
        stack, found = [value], False
        while stack:
            v = stack.pop()
            if v.rank or self.roles(v) not in ("host", "number", "line", "stored"):
                return False
            found |= self._is_counter(v)
            stack.extend(a for a, _ in v.args)
        return found and not self._is_counter(value)

    def expression_of_arguments(self, value: Value) -> None:
        self._known(value)

    def expression(self, value: Value) -> str:
        """The plain expression of a value, in terms of the arrays it reads.

        What is made of a 0-d state (the step t, and with it 1 - 0.999**t) has 16 digits: in
        float32 the difference would have four. Beside arrays it is a Python float.
        """
        self._known(value)
        return self.printer.expression(value).text

"""Values -> NumPy expressions in plain style.

`Printer.code(value)` is the text of one value in terms of others: those that have a variable by
its name, the rest written out in place. Precedence decides the parentheses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy

from graphnet.compiler.code import (
    AND,
    ATOM,
    CHOICE,
    COMPARE,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
    Code,
    axis_text,
    tuple_text,
    type_text,
)  # fmt: skip
from graphnet.compiler.cumulative import running_text
from graphnet.compiler.helpers import CALLED, HELPERS
from graphnet.compiler.moves import (
    broadcast,
    concatenated,
    folded,
    padded,
    placed,
    reshaped,
    scattered,
    sliced,
    taken,
    transposed,
    windowed,
)  # fmt: skip
from graphnet.compiler.products import contracted
from graphnet.compiler.values import Axes, Value
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent, show_extent

__all__ = ["Printer"]


INFIX: dict[str, tuple[str, int]] = {
    "add": (" + ", SUM), "subtract": (" - ", SUM), "multiply": (" * ", PRODUCT),
    "divide": (" / ", PRODUCT), "floor_divide": (" // ", PRODUCT), "remainder": (" % ", PRODUCT),
    "power": ("**", POWER), "logical_and": (" & ", AND), "logical_or": (" | ", OR),
    "less": (" < ", COMPARE), "less_equal": (" <= ", COMPARE), "greater": (" > ", COMPARE),
    "greater_equal": (" >= ", COMPARE), "equal": (" == ", COMPARE), "not_equal": (" != ", COMPARE),
}  # fmt: skip
CALLS: dict[str, str] = {
    "absolute": "np.abs", "erf": "erf", "expw": "expw", "clip": "np.clip", "exp": "np.exp",
    "log": "np.log", "sin": "np.sin", "cos": "np.cos", "tan": "np.tan", "sinh": "np.sinh",
    "cosh": "np.cosh", "tanh": "np.tanh", "arctan": "np.arctan", "sign": "np.sign",
    "log1p": "np.log1p", "expm1": "np.expm1", "sqrt": "np.sqrt", "maximum": "np.maximum",
    "minimum": "np.minimum", "where": "np.where", "heaviside": "np.heaviside",
    "floor": "np.floor", "arcsinh": "np.arcsinh", "arccosh": "np.arccosh",
    "arctanh": "np.arctanh", "hypot": "np.hypot", "erfc": "erfc", "erfcx": "erfcx",
    "log_erfc": "log_erfc", "poly": "poly", "sigmoid": "sigmoid", "softplus": "softplus",
    "log_sigmoid": "log_sigmoid", "sech": "sech",
}  # fmt: skip


@dataclass
class Printer:
    """Writes values as text; `variables` maps those that have a name, `leaf` names the leaves."""

    dtype: str  # "float32" | "float64"
    leaf: Callable[[str], str]
    size: Callable[[str], str]
    variables: dict[Value, str] = field(default_factory=dict)
    turned: dict[Value, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    helpers: set[str] = field(default_factory=set)

    def code(self, value: Value) -> Code:
        """The text of a value: its variable, or its expression."""
        if value in self.variables:
            return Code(self.variables[value])
        if value in self.turned:
            name, order = self.turned[value]
            return replace(self.transposed(Code(name), order), turned=(name, order))
        return self.expression(value)

    def expression(self, value: Value) -> Code:
        """The text that computes a value, even where it has a variable."""
        writer = WRITERS.get(value.op)
        if writer is not None:
            return writer(self, value)
        if value.op in INFIX:
            return self._infix(value)
        if value.op in CALLS:
            return self._call(value)
        raise GraphnetError(f"no NumPy for {value!r}")

    # -- pieces ----------------------------------------------------------------------------------

    def aligned(self, value: Value, axes: Axes, rank: int) -> Code:
        """The argument shaped so that NumPy broadcasts its axes to those of the result."""
        code = self.code(value)
        if value.host or not axes:
            return code
        if list(axes) != sorted(axes):
            order = sorted(range(len(axes)), key=axes.__getitem__)
            code = self.transposed(code, order)
            axes = tuple(sorted(axes))
        present = range(axes[0], rank)
        if len(present) == len(axes):
            return code
        pattern = ", ".join(":" if k in axes else "None" for k in present)
        return Code(f"{code.at(ATOM)}[{pattern}]")

    def transposed(self, code: Code, order: Sequence[int]) -> Code:
        """Axes in a new order."""
        if code.turned:
            name, before = code.turned
            return self.transposed(Code(name), [before[k] for k in order])
        if list(order) == list(range(len(order))):
            return code
        if len(order) == 2:
            return Code(f"{code.at(ATOM)}.T")
        return Code(f"{code.at(ATOM)}.transpose({', '.join(map(str, order))})")

    def extent(self, extent: Extent) -> str:
        return show_extent(extent, self.size)

    def shape(self, extents: Sequence[Extent]) -> str:
        return tuple_text(map(self.extent, extents))

    def kind(self, value: Value) -> str:
        """The NumPy dtype of a value."""
        return type_text(value.dtype, self.dtype)

    def helper(self, name: str) -> str:
        self.helpers.update((name, *CALLED.get(name, ())))
        return name

    def _infix(self, value: Value) -> Code:
        symbol, level = INFIX[value.op]
        a, b = (self._operand(value, k) for k in range(2))
        if value.host and value.op == "divide" and _is_zero(value.args[1][0]):
            return Code(f"float(np.divide({a.text}, {b.text}))")
        if value.op == "power":
            return Code(f"{a.at(ATOM)}**{b.at(UNARY)}", POWER)
        if level in (AND, OR):
            return Code(f"{a.at(level)}{symbol}{b.at(level)}", level)
        if level == COMPARE:
            return Code(f"{a.at(COMPARE + 1)}{symbol}{b.at(COMPARE + 1)}", COMPARE)
        right = level if value.op in ("add", "multiply") and not value.host else level + 1
        if value.op == "multiply":
            right = level + 1  # x * (a / b) keeps its order of rounding
        return Code(f"{a.at(level)}{symbol}{b.at(right)}", level)

    def _operand(self, value: Value, k: int) -> Code:
        """An argument of an infix op; a bool beside a float array needs no cast."""
        (v, axes), (other, _) = value.args[k], value.args[1 - k]
        cast = v.op == "cast" and v not in self.variables and v.args[0][0].dtype == "bool"
        free = not other.host and not (other.op == "cast" and other.args[0][0].dtype == "bool")
        if cast and free and value.op in ("add", "subtract", "multiply"):
            v = v.args[0][0]
        return self.aligned(v, axes, value.rank)

    def _call(self, value: Value) -> Code:
        args = [self.aligned(v, axes, value.rank) for v, axes in value.args]
        name = CALLS[value.op]
        if value.host:
            return self._host_call(value, name, args)
        if name in HELPERS:
            name = self.helper(value.op)
        if value.op == "where":
            args[1] = self._typed_branch(value, args)
        return Code(f"{name}({', '.join(a.text for a in args)})")

    def _typed_branch(self, value: Value, args: Sequence[Code]) -> Code:
        """np.where of two Python numbers does not know the dtype: the first is given it."""
        both_host = value.args[1][0].host and value.args[2][0].host
        if both_host and value.dtype == "float":
            return Code(f"{self.kind(value)}({args[1].text})")
        return args[1]

    def _host_call(self, value: Value, name: str, args: Sequence[Code]) -> Code:
        if value.op == "sqrt":
            return Code(f"{args[0].at(ATOM)}**0.5", POWER)
        if value.op in ("maximum", "minimum"):
            return Code(f"{value.op[:3]}({args[0].text}, {args[1].text})")
        if value.op == "where":
            a, b = args[1].at(CHOICE + 1), args[2].at(CHOICE + 1)
            return Code(f"{a} if {args[0].at(CHOICE + 1)} else {b}", CHOICE)
        if name in HELPERS:
            name = self.helper(value.op)
        return Code(f"{value.dtype}({name}({', '.join(a.text for a in args)}))")

    # -- ops with a form of their own ------------------------------------------------------------

    def _leaf(self, value: Value) -> Code:
        return Code(self.leaf(str(value.extra)))

    def _number(self, value: Value) -> Code:
        number: Any = value.extra
        if value.dtype == "bool":
            return Code(str(bool(number)))
        if number in (sympy.oo, -sympy.oo):
            return Code("np.inf") if number == sympy.oo else Code("-np.inf", UNARY)
        if number == sympy.pi:
            return Code("np.pi")
        if number.is_Integer and abs(int(number)) < 2**53:
            text = str(int(number))
        else:
            text = repr(float(number.evalf(30)))
            if text.strip("-") in ("inf", "nan"):
                text = f"-np.{text[1:]}" if text[0] == "-" else f"np.{text}"
        return Code(text, UNARY if text.startswith("-") else ATOM)

    def _size(self, value: Value) -> Code:
        extent: Any = value.extra
        text = self.extent(extent)
        return Code(text, ATOM if text.isidentifier() else SUM)

    def _one_hot(self, value: Value) -> Code:
        ((labels, _),) = value.args
        return Code(
            f"np.eye({value.extents[-1]}, dtype={self.kind(value)})[{self.code(labels).text}]"
        )

    def _range(self, value: Value) -> Code:
        length = self.extent(value.extents[0])
        dtype = f", dtype={self.kind(value)}" if value.dtype == "float" else ""
        return Code(f"np.arange({length}{dtype})")

    def _negative(self, value: Value) -> Code:
        return Code(f"-{self.aligned(*value.args[0], value.rank).at(UNARY)}", UNARY)

    def _not(self, value: Value) -> Code:
        a = self.aligned(*value.args[0], value.rank)
        return Code(f"not {a.at(COMPARE)}", 5) if value.host else Code(f"~{a.at(UNARY)}", UNARY)

    def _square(self, value: Value) -> Code:
        return Code(f"{self.aligned(*value.args[0], value.rank).at(ATOM)}**2", POWER)

    def _cast(self, value: Value) -> Code:
        ((arg, axes),) = value.args
        a = self.aligned(arg, axes, value.rank)
        if arg.host:
            return Code(f"{value.dtype}({a.text})")
        return Code(f"{a.at(ATOM)}.astype({self.kind(value)})")

    def _reduce(self, value: Value) -> Code:
        ((arg, axes),) = value.args
        over = [d for d, axis in enumerate(axes) if axis >= value.rank]
        a = self.code(arg)
        if value.op == "logsumexp":
            return Code(f"{self.helper('logsumexp')}({a.text}, axis={axis_text(over)})")
        options = [] if len(over) == len(axes) else [f"axis={axis_text(over)}"]
        if value.op in ("max", "min") and value.extra and value.dtype == "float":
            options.append("initial=-np.inf" if value.op == "max" else "initial=np.inf")
        return Code(f"{a.at(ATOM)}.{value.op}({', '.join(options)})")

    def _count(self, value: Value) -> Code:
        """How often a mask holds."""
        ((arg, axes),) = value.args
        over = [d for d, axis in enumerate(axes) if axis >= value.rank]
        which, kind = axis_text(over), self.kind(value)
        return Code(f"{self.code(arg).at(ATOM)}.sum(axis={which}, dtype={kind})")

    def _order(self, value: Value) -> Code:
        ((arg, _),) = value.args
        stable = ', kind="stable"' if value.op == "argsort" else ""
        return Code(f"np.{value.op}({self.code(arg).text}, axis={value.extra}{stable})")

    def _result(self, value: Value) -> Code:
        raise GraphnetError(f"{value!r} must have a variable: a loop assigns it")


def _is_zero(value: Value) -> bool:
    return value.op == "number" and value.extra == 0


WRITERS: Mapping[str, Callable[[Printer, Value], Code]] = {
    "leaf": Printer._leaf, "number": Printer._number, "size": Printer._size,
    "range": Printer._range, "negative": Printer._negative, "logical_not": Printer._not,
    "square": Printer._square, "cast": Printer._cast, "sum": Printer._reduce,
    "max": Printer._reduce, "min": Printer._reduce, "logsumexp": Printer._reduce,
    "slice": sliced, "take": taken, "pad": padded, "reshape": reshaped, "transpose": transposed,
    "broadcast": broadcast, "place": placed, "scatter": scattered, "concatenate": concatenated,
    "argmax": Printer._order, "argsort": Printer._order, "contract": contracted,
    "result": Printer._result, "count": Printer._count, "window": windowed,
    "running": running_text, "fold": folded, "one_hot": Printer._one_hot,
}  # fmt: skip

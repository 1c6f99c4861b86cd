"""Values -> NumPy expressions in plain style.

`Printer.code(value)` is the text of one value in terms of others: those that have a variable by
its name, the rest written out in place. Precedence decides the parentheses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy

from graphnet.compiler.code import AND, ATOM, CHOICE, COMPARE, OR, POWER, PRODUCT, SUM, UNARY, Code
from graphnet.compiler.cumulative import running_text
from graphnet.compiler.helpers import CALLED, HELPERS
from graphnet.compiler.products import contracted
from graphnet.compiler.values import Axes, Value
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent, show_extent
from graphnet.formula.extent import add as plus
from graphnet.formula.extent import mul as times

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
    "log_erfc": "log_erfc", "poly": "poly",
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
        inside = ", ".join(self.extent(e) for e in extents)
        return f"({inside},)" if len(extents) == 1 else f"({inside})"

    def kind(self, value: Value) -> str:
        """The NumPy dtype of a value."""
        return {"float": f"np.{self.dtype}", "int": "np.intp", "bool": "bool"}[value.dtype]

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
        which = str(over[0]) if len(over) == 1 else str(tuple(over))
        if value.op == "logsumexp":
            return Code(f"{self.helper('logsumexp')}({a.text}, axis={which})")
        options = [] if len(over) == len(axes) else [f"axis={which}"]
        if value.op in ("max", "min") and value.extra and value.dtype == "float":
            options.append("initial=-np.inf" if value.op == "max" else "initial=np.inf")
        return Code(f"{a.at(ATOM)}.{value.op}({', '.join(options)})")

    def _count(self, value: Value) -> Code:
        """How often a mask holds."""
        ((arg, axes),) = value.args
        over = [d for d, axis in enumerate(axes) if axis >= value.rank]
        which = str(over[0]) if len(over) == 1 else str(tuple(over))
        return Code(f"{self.code(arg).at(ATOM)}.sum(axis={which}, dtype={self.kind(value)})")

    def _slice(self, value: Value) -> Code:
        ((arg, _),) = value.args
        pattern: Any = value.extra
        return Code(f"{self.code(arg).at(ATOM)}[{self._pattern(pattern, arg.extents)}]")

    def _pattern(self, pattern: Sequence[Any], sizes: Sequence[Extent]) -> str:
        entries = [
            ":" if p is None
            else self._range_text(p[0], p[1], p[2], size) if isinstance(p, tuple)
            else self.extent(p)
            for p, size in zip(pattern, sizes, strict=True)
        ]  # fmt: skip
        while len(entries) > 1 and entries[-1] == ":":
            entries.pop()
        return ", ".join(entries)

    def _range_text(self, start: Extent, step: int, count: Extent, size: Extent) -> str:
        """start:stop:step of `count` elements."""
        if count == 0:
            return "0:0"
        stop = plus(start, times(step, count))
        tail = "" if step == 1 else f":{step}"
        first = self.extent(start)
        if step < 0:
            first = "" if plus(start, 1) == size else first
            last = self.extent(stop) if not isinstance(stop, int) or stop >= 0 else ""
            return f"{first}:{last}{tail}"
        first = "" if start == 0 else first
        if isinstance(stop, int) and isinstance(size, int):
            stop = min(stop, size)
        last = "" if stop == size else self.extent(stop)
        return f"{first}:{last}{tail}"

    def _take(self, value: Value) -> Code:
        (source, _), *indices = value.args
        extra: Any = value.extra
        first, inner, empty = extra
        if empty:
            return Code(f"np.zeros({self.shape(value.extents)}, {self.kind(value)})")
        entries = [":"] * first + [self.aligned(v, axes, inner).text for v, axes in indices]
        return Code(f"{self.code(source).at(ATOM)}[{', '.join(entries)}]")

    def _pad(self, value: Value) -> Code:
        (arg, _), *filling = value.args
        frame: Any = value.extra
        text = str(frame) if len(set(frame)) > 1 or len(frame) == 1 else str(frame[0])
        if len(set(frame)) == 1:
            before, after = frame[0]
            text = str(before) if before == after else str(frame[0])
        if filling:
            text += f", constant_values={self.code(filling[0][0]).text}"
        return Code(f"np.pad({self.code(arg).text}, {text})")

    def _window(self, value: Value) -> Code:
        ((arg, _),) = value.args
        windows: Any = value.extra
        axes, lengths = [k for k, _ in windows], [self.extent(e) for _, e in windows]
        size, axis = (
            (lengths[0], str(axes[0])) if len(axes) == 1
            else (f"({', '.join(lengths)})", f"({', '.join(map(str, axes))})")
        )  # fmt: skip
        name = self.helper("sliding_window_view")
        return Code(f"{name}({self.code(arg).text}, {size}, axis={axis})")

    def _reshape(self, value: Value) -> Code:
        ((arg, _),) = value.args
        return Code(f"{self.code(arg).at(ATOM)}.reshape{self.shape(value.extents)}")

    def _transpose(self, value: Value) -> Code:
        ((arg, axes),) = value.args
        order = sorted(range(len(axes)), key=axes.__getitem__)
        return self.transposed(self.code(arg), order)

    def _broadcast(self, value: Value) -> Code:
        ((arg, axes),) = value.args
        if arg.host:
            text = self.code(arg).text
            if value.rank == 0:
                return Code(f"{self.kind(value)}({text})")
            return Code(f"np.full({self.shape(value.extents)}, {text}, {self.kind(value)})")
        missing = [k for k in range(value.rank) if k not in axes]
        order = sorted(range(len(axes)), key=axes.__getitem__)
        code = self.transposed(self.code(arg), order)
        if missing and all(value.extents[k] == 1 for k in missing):
            pattern = ", ".join(":" if k in axes else "None" for k in range(value.rank))
            if arg.rank == 0:
                return Code(f"np.reshape({code.text}, {self.shape(value.extents)})")
            return Code(f"{code.at(ATOM)}[{pattern}]")
        aligned = self.aligned(arg, axes, value.rank)
        return Code(f"np.broadcast_to({aligned.text}, {self.shape(value.extents)})")

    def _place(self, value: Value) -> Code:
        ((arg, _),) = value.args
        pattern: Any = value.extra
        zeros = f"np.zeros({self.shape(value.extents)}, {self.kind(value)})"
        where = f"np.s_[{self._pattern(pattern, value.extents)}]"
        return Code(f"{self.helper('place')}({zeros}, {where}, {self.code(arg).text})")

    def _concatenate(self, value: Value) -> Code:
        parts = ", ".join(self.code(arg).text for arg, _ in value.args)
        return Code(f"np.concatenate([{parts}], axis={value.extra})")

    def _scatter(self, value: Value) -> Code:
        (source, _), *indices = value.args
        extra: Any = value.extra
        rank, inside = extra
        zeros = f"np.zeros({self.shape(value.extents)}, {self.kind(value)})"
        if inside and writes_rows(value):
            rows, name = self.code(indices[0][0]).text, self.helper("scatter_rows")
            return Code(f"{name}({zeros}, {rows}, {self.code(source).text})")
        name = self.helper("scatter_add" if inside else "scatter_inside")
        shifted = [
            self.aligned(v, tuple(a - value.rank for a in axes), rank).text for v, axes in indices
        ]
        index = f"({shifted[0]},)" if len(shifted) == 1 else f"({', '.join(shifted)})"
        return Code(f"{name}({zeros}, {index}, {self.code(source).text})")

    def _fold(self, value: Value) -> Code:
        ((arg, _),) = value.args
        zeros = f"np.zeros({self.shape(value.extents)}, {self.kind(value)})"
        self.helper("overlaps")
        name = self.helper("overlap_add")
        return Code(f"{name}({zeros}, {self.code(arg).text}, {self.fold_options(value)})")

    def fold_options(self, value: Value) -> str:
        """How the windows of a fold lie, as arguments of its helper."""
        extra: Any = value.extra
        starts, steps, within = extra
        options = [f"axis={_tuple(k for k, _ in within)}"]
        for name, numbers, usual in (
            ("dilation", [d for _, d in within], 1), ("stride", steps, 1), ("start", starts, 0)
        ):  # fmt: skip
            if any(n != usual for n in numbers):
                options.append(f"{name}={_tuple(map(self.extent, numbers))}")
        return ", ".join(options)

    def _order(self, value: Value) -> Code:
        ((arg, _),) = value.args
        stable = ', kind="stable"' if value.op == "argsort" else ""
        return Code(f"np.{value.op}({self.code(arg).text}, axis={value.extra}{stable})")

    def _result(self, value: Value) -> Code:
        raise GraphnetError(f"{value!r} must have a variable: a loop assigns it")


def writes_rows(value: Value) -> bool:
    """Whether a scatter adds whole rows: dW[T[n],d] += G[n,d], every d once and at its place."""
    (source, _), (rows, axes), *rest = value.args
    lead, place = source.rank - len(rest), value.rank
    return (
        not rows.host
        and axes == tuple(range(place, place + lead))
        and all(
            v.op == "range" and v.extents == value.extents[k + 1 : k + 2]
            and at == (place + lead + k,)
            for k, (v, at) in enumerate(rest)
        )
    )  # fmt: skip


def _tuple(items: Iterable[object]) -> str:
    texts = [str(item) for item in items]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _is_zero(value: Value) -> bool:
    return value.op == "number" and value.extra == 0


WRITERS: Mapping[str, Callable[[Printer, Value], Code]] = {
    "leaf": Printer._leaf, "number": Printer._number, "size": Printer._size,
    "range": Printer._range, "negative": Printer._negative, "logical_not": Printer._not,
    "square": Printer._square, "cast": Printer._cast, "sum": Printer._reduce,
    "max": Printer._reduce, "min": Printer._reduce, "logsumexp": Printer._reduce,
    "slice": Printer._slice, "take": Printer._take, "pad": Printer._pad,
    "reshape": Printer._reshape, "transpose": Printer._transpose,
    "broadcast": Printer._broadcast, "place": Printer._place, "scatter": Printer._scatter,
    "concatenate": Printer._concatenate,
    "argmax": Printer._order, "argsort": Printer._order, "contract": contracted,
    "result": Printer._result, "count": Printer._count, "window": Printer._window,
    "running": running_text, "fold": Printer._fold, "one_hot": Printer._one_hot,
}  # fmt: skip

"""What is known of values for every finite input: finite, not negative, positive.

A mask may be a factor only where what it masks is finite (0*inf is nan), and a scale leaves a
root only where it is not negative. The answers are safe: False means "not proved".
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from sympy import S

from graphnet.compiler.values import Axes, Value
from graphnet.compiler.windows import framed, reaches_inside

__all__ = ["Facts"]

MOVES = (
    "window",
    "slice",
    "transpose",
    "reshape",
    "broadcast",
    "take",
    "cast",
    "pad",
    "place",
    "max",
    "min",
)
SMOOTH = (
    "add", "subtract", "multiply", "negative", "square", "sum", "contract", "scatter", "fold",
    "maximum",
    "minimum", "where", "absolute", "tanh", "erf", "sin", "cos", "arctan", "sign", "floor",
    "heaviside", "one_hot", "range", "leaf", "size", "result", "clip",
)  # fmt: skip


@dataclass
class Facts:
    """Answers about values; `counters` are 0-d states that start at 0 and only grow."""

    counters: Collection[str] = ()
    _known: dict[tuple[str, Value], bool] = field(default_factory=dict)

    def finite(self, v: Value) -> bool:
        """Whether a value is finite for every finite input, overflow of sums left aside."""
        return self._ask("finite", v)

    def positive(self, v: Value) -> bool:
        """Whether a value stays above some positive number."""
        return self._ask("positive", v)

    def nonnegative(self, v: Value) -> bool:
        return self.positive(v) or self._ask("nonnegative", v)

    def _ask(self, what: str, v: Value) -> bool:
        key = (what, v)
        if key not in self._known:
            self._known[key] = False  # while it is being asked
            self._known[key] = bool(getattr(self, f"_{what}")(v))
        return self._known[key]

    def _finite(self, v: Value) -> bool:
        args = [a for a, _ in v.args]
        if v.dtype != "float":
            return True
        if v.op == "number":
            return v.extra not in (S.Infinity, S.NegativeInfinity, S.NaN)
        if v.op == "maximum" and any(map(self.finite, args)):
            return all(map(self.capped, args))
        if v.op in ("max", "min") and reaches_inside(v):
            return self.finite(framed(v.args[0][0]))
        if v.op in SMOOTH or v.op in MOVES:
            empty = v.op in ("max", "min") and not v.rank and not args
            return not empty and all(map(self.finite, args))
        if v.op == "divide":
            return self.finite(args[0]) and self.positive(args[1])
        if v.op == "exp":
            return self.capped(args[0]) and self.at_most_zero(args[0])
        if v.op in ("log", "sqrt"):
            return self.finite(args[0]) and (
                self.positive(args[0]) or (v.op == "sqrt" and self.nonnegative(args[0]))
            )
        if v.op == "power":
            exponent: Any = args[1].extra if args[1].op == "number" else S.NaN
            whole = exponent.is_Integer and exponent >= 0
            return self.finite(args[0]) and bool(
                whole or (exponent.is_positive and self.nonnegative(args[0]))
                or (exponent.is_negative and self.positive(args[0]))
            )  # fmt: skip
        return False

    def capped(self, v: Value) -> bool:
        """Whether a value is finite or -oo for every finite input."""
        return self._ask("capped", v)

    def _capped(self, v: Value) -> bool:
        args = [a for a, _ in v.args]
        if v.op == "number":
            return v.extra is S.NegativeInfinity or self.finite(v)
        if v.op in ("where", "add", "max", "maximum", "broadcast", "transpose", "reshape"):
            return self.finite(v) or all(map(self.capped, args[v.op == "where" :]))
        if v.op == "subtract":
            return self.capped(args[0]) and self.finite(args[1])
        if v.op == "multiply" and args[0].op == "number":
            return self.positive(args[0]) and self.capped(args[1])
        return self.finite(v)

    def vanishes(self, v: Value, condition: Value, place: Axes) -> bool:
        """Whether a value is 0 where a condition does not hold; `place` are the condition's axes
        in the value."""
        if v.op in ("multiply", "divide", "negative", "square"):
            first = v.args if v.op == "multiply" else v.args[:1]
            return any(self._inside(self.vanishes, a, axes, condition, place) for a, axes in first)
        if v.op in ("add", "subtract"):
            return all(self._inside(self.vanishes, a, axes, condition, place) for a, axes in v.args)
        return v.op == "exp" and self._inside(self._sinks, *v.args[0], condition, place)

    def _sinks(self, v: Value, condition: Value, place: Axes) -> bool:
        """Whether a value is -oo where a condition does not hold."""
        if v.op == "where":
            (c, axes), _, (other, _) = v.args
            return c is condition and axes == place and other.extra is S.NegativeInfinity
        if v.op == "add":
            (a, at), (b, to) = v.args
            return (self._inside(self._sinks, a, at, condition, place) and self.capped(b)) or (
                self._inside(self._sinks, b, to, condition, place) and self.capped(a)
            )
        if v.op == "subtract":
            (a, at), (b, _) = v.args
            return self.finite(b) and self._inside(self._sinks, a, at, condition, place)
        if v.op == "multiply" and v.args[0][0].op == "number":
            (b, _), (a, at) = v.args
            return self.positive(b) and self._inside(self._sinks, a, at, condition, place)
        return False

    def _inside(
        self, ask: Callable[[Value, Value, Axes], bool], a: Value, axes: Axes, condition: Value,
        place: Axes,
    ) -> bool:  # fmt: skip
        """The question about an argument, where it has the axes of the condition."""
        if not set(place) <= set(axes):
            return False
        return ask(a, condition, tuple(axes.index(p) for p in place))

    def at_most_zero(self, v: Value) -> bool:
        """x - max(x), -x**2, minimum(x, 0)."""
        args = v.args
        if v.op == "subtract":
            (a, axes), (m, at) = args
            guarded = m.args[0][0] if m.op == "maximum" else m
            if guarded.op == "max" and guarded.args[0][0] is a:
                kept = [d for d, k in enumerate(guarded.args[0][1]) if k < guarded.rank]
                return tuple(axes[d] for d in kept) == at
        if v.op == "negative":
            return self.nonnegative(args[0][0])
        if v.op == "minimum":
            return any(a.op == "number" and a.extra <= 0 for a, _ in args)  # type: ignore[operator]
        if v.op in ("multiply", "divide"):
            (a, _), (b, _) = args
            for x, y in ((a, b), (b, a)) if v.op == "multiply" else ((a, b),):
                below = self.at_most_zero(x) and self.nonnegative(y)
                number = x.op == "number" and bool(x.extra <= 0)  # type: ignore[operator]
                if below or (number and self.nonnegative(y)):
                    return True
        return False

    def _nonnegative(self, v: Value) -> bool:
        args = [a for a, _ in v.args]
        if v.op == "number":
            return bool(v.extra >= 0)  # type: ignore[operator]
        if v.op == "leaf":
            return v.extra in self.counters
        if v.op in ("square", "absolute", "exp", "sqrt", "size", "range", "one_hot", "expw"):
            return True
        if v.op == "cast":
            return args[0].dtype == "bool" or self.nonnegative(args[0])
        if v.op in ("add", "multiply", "divide", "sum", "contract", "minimum", *MOVES):
            return all(map(self.nonnegative, args))
        return v.op == "maximum" and any(map(self.nonnegative, args))

    def _positive(self, v: Value) -> bool:
        args = [a for a, _ in v.args]
        if v.op == "number":
            return bool(v.extra > 0)  # type: ignore[operator]
        if v.op == "size":
            return True
        if v.op in ("add", "maximum"):
            some = any(map(self.positive, args))
            return some and (v.op == "maximum" or all(map(self.nonnegative, args)))
        if v.op in ("multiply", "sqrt", "square", "broadcast", "reshape", "transpose", "minimum"):
            return all(map(self.positive, args))
        if v.op == "sum":  # of exp(x - max x): one term is 1
            (inside,) = args
            if inside.op == "cast" and _meets(inside.args[0][0], v):
                return True
            return inside.op == "exp" and inside.args[0][0].op == "subtract" and (
                self.at_most_zero(inside.args[0][0])
            )  # fmt: skip
        if v.op == "negative":  # -expm1(c*t) for c < 0 < t
            inside = args[0].args[0][0] if args[0].op == "expm1" else v
            number, t = (a for a, _ in inside.args) if inside.op == "multiply" else (v, v)
            return number.op == "number" and bool(number.extra < 0) and self.positive(t)  # type: ignore[operator]
        if v.op == "subtract":  # 1 - b**t for t >= 1
            one, p = args
            if one.op == "number" and one.extra == 1 and p.op == "power":
                base, t = p.args[0][0], p.args[1][0]
                return base.op == "number" and _below_one(base.extra) and self.positive(t)
        return False


def _meets(mask: Value, total: Value) -> bool:
    """Whether a mask is x == max(x) over the loops of a sum, so that it holds somewhere."""
    if mask.op != "equal":
        return False
    (x, axes), (m, at) = mask.args
    if m.op not in ("max", "min") or m.args[0][0] is not x:
        return False
    ((_, summed),), ((_, loops),) = total.args, m.args
    return all(
        summed[axis] >= total.rank if loop >= m.rank else at[loop] == axis
        for axis, loop in zip(axes, loops, strict=True)
    )


def _below_one(number: Any) -> bool:
    return bool(0 <= number < 1)

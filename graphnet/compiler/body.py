"""The scalar body of a formula -> values over the formula's loops.

A `Context` stands for one formula: it knows the local of every read and the extent of every loop.
Bodies are walked once; equal parts become equal values by hash-consing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr

from graphnet.compiler.conditions import condition
from graphnet.compiler.contraction import sum_of_product
from graphnet.compiler.cumulative import is_running, running
from graphnet.compiler.inside import asks
from graphnet.compiler.values import Local, Values
from graphnet.compiler.writes import end_to_end
from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.arrange import fraction, quotient, terms
from graphnet.formula.extent import Extent
from graphnet.formula.formula import Formula, symbol_kind
from graphnet.formula.searched import Searched
from graphnet.formula.subscript import Affine

__all__ = ["Context"]

# sympy or graphnet class -> the op of its value, all pointwise.
POINTWISE: dict[type, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan",
    sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.tanh: "tanh", sympy.atan: "arctan",
    sympy.asinh: "arcsinh", sympy.acosh: "arccosh", sympy.atanh: "arctanh",
    sympy.erf: "erf", fn.sign: "sign", fn.Abs: "absolute", fn.log1p: "log1p",
    fn.expm1: "expm1", fn.expw: "expw",
}  # fmt: skip


@dataclass
class Context:
    """One formula being lowered: `read(k)` is the local of read k."""

    values: Values
    formula: Formula
    extents: Sequence[Extent]
    read: Callable[[int], Local]
    order: tuple[int, ...] = ()  # the wished order of the loops that remain
    read_in: Callable[[int, Expr, frozenset[Affine]], Local | None] = lambda *_: None
    given: frozenset[Affine] = frozenset()  # what is >= 0 wherever the result matters
    _memo: dict[tuple[sympy.Basic, str], Local] = field(default_factory=dict)

    def local(self, expr: sympy.Basic, dtype: str) -> Local:
        """The local of a part of the body, as float, int or bool."""
        key = (expr, dtype)
        if key not in self._memo:
            self._memo[key] = condition(self, expr) if dtype == "bool" else self._make(expr, dtype)
        return self._memo[key]

    # -- numbers ---------------------------------------------------------------------------------

    def _make(self, expr: sympy.Basic, dtype: str) -> Local:
        if isinstance(expr, sympy.Symbol):
            return self._symbol(expr, dtype)
        if getattr(expr, "is_number", False):
            return self.values.number(expr, dtype)
        if isinstance(expr, sympy.Add):
            return self._add(expr, dtype)
        if isinstance(expr, sympy.Mul):
            return self._mul(expr, dtype)
        if isinstance(expr, sympy.Pow):
            return self._pow(expr, dtype)
        if isinstance(expr, fn.where):
            return self._where(expr, dtype)
        if isinstance(expr, fn.Max | fn.Min):
            op = "maximum" if isinstance(expr, fn.Max) else "minimum"
            result, *rest = [self.local(a, dtype) for a in expr.args]
            for other in rest:
                result = self.values.pointwise(op, [result, other], dtype)
            return result
        if isinstance(expr, fn.Heaviside):
            at_zero = expr.args[1] if len(expr.args) == 2 else sympy.Rational(1, 2)
            args = [self.local(expr.args[0], dtype), self.local(at_zero, dtype)]
            return self.values.pointwise("heaviside", args, dtype)
        if isinstance(expr, Searched):
            return self.local(expr.form, dtype)
        op_ = POINTWISE.get(type(expr)) or getattr(type(expr), "ufunc", None)
        if op_ is None:
            raise GraphnetError(f"no lowering for {type(expr).__name__} in {expr}")
        return self.values.pointwise(op_, [self.local(a, dtype) for a in expr.args], dtype)

    def _symbol(self, symbol: sympy.Symbol, dtype: str) -> Local:
        kind, k = symbol_kind(symbol)
        if kind == "h":
            return self.values.cast(self.read(k), dtype)
        if kind == "i":
            return self.values.range(self.extents[k], k, dtype)
        return self.values.size(self.extents[k] if kind == "n" else self.formula.dims[k])

    def _add(self, expr: sympy.Add, dtype: str) -> Local:
        """A scalar that all terms share is applied once, to their sum."""
        parts = [(minus, *split_scale(t)) for minus, t in terms(expr)]
        scale = parts[0][1]
        if scale != 1 and all(s in (scale, -scale) for _, s, _ in parts):
            inner = [(self.local(t, dtype), minus != (s != scale)) for minus, s, t in parts]
            return self._scaled_by(self._total(inner, dtype), scale, dtype)
        return self._total([(self.local(t, dtype), minus) for minus, t in terms(expr)], dtype)

    def _total(self, parts: list[tuple[Local, bool]], dtype: str) -> Local:
        """+ and - of locals; where every term is negative, minus the sum of what they are."""
        if len(parts) > 1 and all(minus for _, minus in parts):
            total = self._total([(a, False) for a, _ in parts], dtype)
            return self.values.pointwise("negative", [total], dtype)
        whole = end_to_end(self.values, [a for a, _ in parts])
        if whole is not None and not any(minus for _, minus in parts):
            return whole
        ranked = sorted(enumerate(parts), key=lambda t: (len(t[1][0].labels), t[0]))
        widest = max(len(t[0].labels) for t in parts)
        if sum(len(t[0].labels) < widest for t in parts) < 2:
            ranked = list(enumerate(parts))  # nothing to gain from another order
        ordered = [t for _, t in ranked]
        first = next((k for k, (_, minus) in enumerate(ordered) if not minus), 0)
        ordered.insert(0, ordered.pop(first))
        result, minus = ordered[0]
        if minus:
            result = self.values.pointwise("negative", [result], dtype)
        for other, minus in ordered[1:]:
            result = self.values.pointwise("subtract" if minus else "add", [result, other], dtype)
        return result

    def _mul(self, expr: sympy.Mul, dtype: str) -> Local:
        """A product as one fraction: 2 * a / b, and a / (3 * b)."""
        coefficient, above, below = quotient(expr)
        top = self._product([self.local(f, dtype) for f in above], dtype)
        bottom = self._product([self.local(f, dtype) for f in below], dtype)
        if bottom is None:
            assert top is not None
            return self._scaled(top, coefficient, dtype)
        size = abs(coefficient)
        if size.is_Rational and size.q % 5 and size.q != 1:
            bottom = self._scaled(bottom, sympy.Integer(size.q), dtype)
            size = sympy.Integer(size.p)
        top = self._scaled(top, size, dtype) if top is not None else self.values.number(size)
        result = self.values.pointwise("divide", [top, bottom], dtype)
        return self._scaled(result, sympy.sign(coefficient), dtype)

    def _scaled_by(self, a: Local, scale: Any, dtype: str) -> Local:
        """A local times a scalar made of numbers and sizes."""
        coefficient, rest = scale.as_coeff_Mul()
        above, below = fraction(rest)
        for factor in above:
            a = self.values.pointwise("multiply", [self.local(factor, dtype), a], dtype)
        if below:
            bottom = self._product([self.local(f, dtype) for f in below], dtype)
            assert bottom is not None
            a = self.values.pointwise("divide", [a, bottom], dtype)
        return self._scaled(a, coefficient, dtype)

    def _scaled(self, a: Local, coefficient: Any, dtype: str) -> Local:
        """A local times a number: 0.1 * a, but a / 3 and a / 32."""
        if coefficient == 1:
            return a
        if coefficient == -1:
            return self.values.pointwise("negative", [a], dtype)
        if coefficient.is_Rational and coefficient.q % 5 and coefficient.q != 1:
            a = self._scaled(a, sympy.Integer(coefficient.p), dtype)
            below = self.values.number(sympy.Integer(coefficient.q))
            return self.values.pointwise("divide", [a, below], dtype)
        return self.values.pointwise("multiply", [self.values.number(coefficient), a], dtype)

    def _product(self, factors: list[Local], dtype: str) -> Local | None:
        """Small arrays first, broadcast last."""
        ordered = sorted(enumerate(factors), key=lambda t: (len(t[1].labels), t[0]))
        widest = max((len(f.labels) for f in factors), default=0)
        if sum(len(f.labels) < widest for f in factors) < 2:
            ordered = list(enumerate(factors))
        result = None
        for _, f in ordered:
            result = f if result is None else self.values.pointwise("multiply", [result, f], dtype)
        return result

    def _pow(self, expr: sympy.Pow, dtype: str) -> Local:
        base, exponent = expr.args
        if exponent == -1:
            one = self.values.number(sympy.Integer(1))
            return self.values.pointwise("divide", [one, self.local(base, dtype)], dtype)
        if exponent.is_Rational and exponent.is_negative:
            one = self.values.number(sympy.Integer(1))
            return self.values.pointwise(
                "divide", [one, self.local(sympy.Pow(base, -exponent), dtype)], dtype
            )
        if exponent == sympy.Rational(1, 2):
            return self.values.pointwise("sqrt", [self.local(base, dtype)], dtype)
        if exponent == 2:
            return self.values.pointwise("square", [self.local(base, dtype)], dtype)
        args = [self.local(base, dtype), self.local(exponent, dtype)]
        return self.values.pointwise("power", args, dtype)

    def _where(self, expr: Expr, dtype: str) -> Local:
        test, a, b = expr.args
        if (op := _clipped(test, a, b)) is not None:
            u = self.local(a if b == 0 else b, dtype)
            return self.values.pointwise(op, [u, self.local(sympy.S.Zero, dtype)], dtype)
        tests = asks(test, self.extents, self.formula.dims)
        if tests and b.is_number and isinstance(a, sympy.Symbol) and symbol_kind(a)[0] == "h":
            framed = self.read_in(symbol_kind(a)[1], b, tests)
            if framed is not None:
                return self.values.cast(framed, dtype)
        if tests is not None and tests <= self.given:
            return self.local(a, dtype)
        if (a, b) == (1, 0):
            return self.values.cast(condition(self, test), dtype)
        args = [condition(self, test), self.local(a, dtype), self.local(b, dtype)]
        return self.values.pointwise("where", args, dtype)

    # -- sums ------------------------------------------------------------------------------------

    def sum(self, expr: sympy.Basic, over: Sequence[int], dtype: str) -> Local:
        """Sum of a part of the body over some loops: products become contractions."""
        if not over:
            return self.local(expr, dtype)
        if (one_pass := running(self, expr, over, dtype)) is not None:
            return one_pass
        if isinstance(expr, sympy.Add) and any(
            self._spreads(t) or is_running(self, t, over, "Sum") for t in expr.args
        ):
            # Sum(A*B + c) would multiply A*B out; apart, A*B is a matrix product.
            parts = [(self.sum(t, over, dtype), minus) for minus, t in terms(expr)]
            return self._total(parts, dtype)
        coefficient: Any = sympy.Integer(1)
        if isinstance(expr, sympy.Mul):
            coefficient, above, below = quotient(expr)
            factors = [self.local(f, dtype) for f in above]
            divisors = [self.local(f, dtype) for f in below]
        else:
            factors, divisors = [self.local(expr, dtype)], []
        small = [d for d in divisors if not set(d.labels) & set(over)]
        one = self.values.number(sympy.Integer(1))
        factors += [
            self.values.pointwise("divide", [one, d], dtype)
            for d in divisors if set(d.labels) & set(over)
        ]  # fmt: skip
        return self._scaled(self._sum_factors(factors, small, over, dtype), coefficient, dtype)

    def _sum_factors(
        self, factors: list[Local], divisors: list[Local], over: Sequence[int], dtype: str
    ) -> Local:
        present = {p for f in factors for p in f.labels}
        scalars = [f for f in factors if not set(f.labels) & set(over)]
        arrays = [f for f in factors if set(f.labels) & set(over)]
        if arrays:
            scalars.insert(0, sum_of_product(self.values, arrays, over, self.order))
        for p in over:  # a loop that no factor knows repeats the sum
            if p not in present:
                size = self.values.size(self.extents[p])
                twin = next((d for d in divisors if d.value is size.value), None)
                if twin is not None and self.extents[p] != 0:
                    divisors.remove(twin)  # a mean over such a loop is no loop at all
                else:
                    scalars.append(size)
        total = self._product(scalars, dtype) or self.values.number(sympy.Integer(1))
        bottom = self._product(divisors, dtype)
        return self.values.pointwise("divide", [total, bottom], dtype) if bottom else total

    def _spreads(self, expr: sympy.Basic) -> bool:
        """Whether a product runs over more loops than each of its factors."""
        if not isinstance(expr, sympy.Mul):
            return False
        labels = [set(self.local(f, "float").labels) for f in expr.args if not f.is_number]
        union = set().union(*labels) if labels else set()
        return all(found != union for found in labels)


def _clipped(test: sympy.Basic, a: Expr, b: Expr) -> str | None:
    """where(x > 0, x, 0) = maximum(x, 0), where(x > 0, 0, x) = minimum(x, 0), the same of -x.

    A nan goes through instead of becoming 0.
    """
    if not isinstance(test, sympy.StrictGreaterThan) or test.args[1] != 0:
        return None
    x = test.args[0]
    known = {(x, 0): "maximum", (0, x): "minimum", (-x, 0): "minimum", (0, -x): "maximum"}
    return known.get((a, b))


@lru_cache(maxsize=8192)
def split_scale(term: Any) -> tuple[Any, Any]:
    """(scalar, rest) of a term: what is made of numbers and sizes only, also inside a where."""
    if is_scalar(term):
        return term, sympy.Integer(1)
    if isinstance(term, sympy.Mul):
        scalars = [f for f in term.args if is_scalar(f)]
        return sympy.Mul(*scalars), sympy.Mul(*(f for f in term.args if f not in scalars))
    if isinstance(term, fn.where):
        condition, a, b = term.args
        if b == 0:  # where(c, k*a, 0) = k*where(c, a, 0) for a finite k
            scale, rest = split_scale(a)
            return scale, fn.where(condition, rest, b)
    return sympy.Integer(1), term


def is_scalar(expr: Any) -> bool:
    """Whether an expression is made of numbers and sizes only."""
    return all(symbol_kind(s)[0] in "nd" for s in expr.free_symbols) and not expr.has(sympy.oo)

"""Syntax tree -> sympy: the scalar body of an equation and its conditions.

sympy is given sums and products whole, as `Add(a, b, c)`: it distributes a number over a sum
where the two meet alone, so that grouping would decide what `2*(x + y)*z` becomes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import sympy
from sympy import Add, Mul, Pow, Rational, S

from graphnet.errors import did_you_mean
from graphnet.formula import functions as fn
from graphnet.formula.elements import Elements, extent
from graphnet.formula.extent import Poly
from graphnet.formula.formula import REDUCTIONS, dim_symbol, index_symbol, size_symbol
from graphnet.formula.syntax import (
    Binary,
    Bool,
    Call,
    Compare,
    Name,
    Negative,
    Not,
    Number,
    Reading,
    Tree,
)  # fmt: skip

__all__ = ["Scalars"]

RELATIONS = {
    "<": sympy.StrictLessThan, "<=": sympy.LessThan, ">": sympy.StrictGreaterThan,
    ">=": sympy.GreaterThan, "==": sympy.Eq, "!=": sympy.Ne,
}  # fmt: skip
CONSTANTS = {"oo": S.Infinity, "pi": S.Pi}
ARITY = {"where": (3,), "expw": (2,), "Heaviside": (1, 2), "Max": None, "Min": None,
         "floordiv": (2,), "mod": (2,), "hypot": (2,), "times": (2,), "over": (2,),
         "poly": None}  # fmt: skip
# Bounds on numbers, so that no text makes sympy compute for long: bits of an exact number, of a
# number under a root, of the size of any number, of the size of an argument of exp.
EXACT_BITS, ROOT_BITS, SIZE_BITS, EXPONENT_BITS = 4096, 256, 20_000, 14
WRITTEN = {  # what books and other tools have a function for
    "ln": "written log(x)", "log2": "written log(x)/log(2)", "log10": "written log(x)/log(10)",
    "pow": "written x**n", "cbrt": "written sign(x)*abs(x)**(1/3)", "sgn": "written sign(x)",
    "sigmoid": "written 1/(1 + exp(-x))", "logistic": "written 1/(1 + exp(-x))",
    "relu": "written where(x > 0, x, 0)", "leaky_relu": "written where(x > 0, x, 0.01*x)",
    "softplus": "written log(1 + exp(x))", "silu": "written x/(1 + exp(-x))",
    "swish": "written x/(1 + exp(-x))", "elu": "written where(x > 0, x, exp(x) - 1)",
    "gelu": "written x*(1 + erf(x/sqrt(2)))/2", "if": "written where(condition, a, b)",
    "softmax": "written exp(z[k])/Sum(exp(z[j]), j)",
    "mean": "written Sum(x[i]/size(i), i)", "avg": "written Sum(x[i]/size(i), i)",
    "prod": "gn.prod of a tensor", "product": "gn.prod of a tensor",
    "argmax": "gn.argmax of a tensor", "ceil": "written -floor(-x)",
    "σ": "written Sum(...) for a sum, 1/(1 + exp(-x)) for a sigmoid",
}  # fmt: skip
GROWING = ("exp", "expm1", "sinh", "cosh", "expw", "erfcx")


class Scalars(Elements):
    """The scalars of one equation in the making."""

    def number(self, tree: Tree) -> Any:
        match tree:
            case Number(text, _):
                return Rational(text)
            case Name():
                return self.name_as_number(tree)
            case Reading():
                return self.read(tree)
            case Negative() | Binary(op="*" | "/"):
                return Mul(*self.factors(tree))
            case Binary(op="+" | "-"):
                return Add(*self.terms(tree))
            case Binary(op="**"):
                return self.power(tree, self.number(tree.a), self.number(tree.b))
            case Binary(op="//"):
                return self.param(extent(self.scope, tree))  # (batch + 1)//2, a size
            case Binary():
                self.fail(tree, f"{tree.op} stands only in subscripts; of numbers it is mod(a, b)")
            case Call():
                return self.call(tree)
        return self.fail(tree, "a condition is no number; write where(condition, 1, 0)")

    def name_as_number(self, tree: Name) -> Any:
        name = tree.name
        if name in self.scope.params:
            return self.param(self.scope.params[name])
        if name in self.scope.indices:
            return index_symbol(self.position(tree))
        return CONSTANTS[name] if name in CONSTANTS else self.read(tree)

    def param(self, value: Any) -> Any:
        if isinstance(value, Poly):
            self.dims.append(value)
            return dim_symbol(len(self.dims) - 1)
        if isinstance(value, float):
            if math.isinf(value):
                return S.Infinity if value > 0 else S.NegativeInfinity
            return Rational(repr(value))
        return Rational(value)

    def terms(self, tree: Tree, sign: int = 1) -> Iterator[Any]:
        """The terms of a sum, left to right, without recursion along a long sum."""
        rest: list[tuple[Tree, int]] = []
        while isinstance(tree, Binary) and tree.op in ("+", "-"):
            rest.append((tree.b, -sign if tree.op == "-" else sign))
            tree = tree.a
        yield Mul(-1, *self.factors(tree)) if sign < 0 else self.number(tree)
        for term, own in reversed(rest):
            yield from self.terms(term, own)

    def factors(self, tree: Tree, below: bool = False) -> Iterator[Any]:
        """The factors of a product; those under a fraction bar are inverted one by one."""
        rest: list[tuple[Tree, bool]] = []
        while isinstance(tree, Binary) and tree.op in ("*", "/"):
            rest.append((tree.b, below != (tree.op == "/")))
            tree = tree.a
        if isinstance(tree, Negative):
            yield S.NegativeOne
            yield from self.factors(tree.a, below)
        else:
            value = self.number(tree)
            yield self.power(tree, value, S.NegativeOne) if below else value
        for factor, own in reversed(rest):
            yield from self.factors(factor, own)

    def power(self, tree: Tree, base: Any, exponent: Any) -> Any:
        """base**exponent; a power of numbers is bounded before it is computed."""
        if isinstance(exponent, Rational) and isinstance(base, Rational):
            if base == 0 and exponent < 0:
                self.fail(tree, "division by 0")
            if base < 0 and not exponent.is_Integer:
                self.fail(tree, f"{base} has no real power {exponent}")
            bits = max(abs(base.p).bit_length(), base.q.bit_length())
            root = max(_odd_bits(base.p), _odd_bits(base.q)) if not exponent.is_Integer else 0
            if (abs(base) != 1 and bits * abs(exponent) > EXACT_BITS) or root > ROOT_BITS:
                self.fail(tree, "the power of a number grows too large")
        elif exponent.is_number and base.is_number:
            if base.is_extended_negative and not exponent.is_Integer:
                self.fail(tree, f"{base} has no real power {exponent}")
            size = self.size(tree, base) * max(1, float(abs(exponent.evalf(5))))
            if size > SIZE_BITS:
                self.fail(tree, "the power of a number grows too large")
        return Pow(base, exponent)

    def size(self, tree: Tree, value: Any) -> float:
        """The bits before the point of a number (0 for what is no plain number)."""
        if value.free_symbols or value in (S.Infinity, S.NegativeInfinity, S.NaN):
            return 0.0
        if value.is_Rational:
            bits = float(abs(value.p).bit_length())
        else:
            approximate = value.evalf(5)
            if not approximate.is_Float:
                self.fail(tree, f"there is no real number {value}")
            _, _, exponent, count = approximate._mpf_
            bits = float(max(0, exponent + count))
        if bits > SIZE_BITS:
            self.fail(tree, "a number grows too large")
        return bits

    # -- functions -------------------------------------------------------------------------------

    def call(self, tree: Call) -> Any:
        name, args = tree.name, tree.args
        if name == "size":
            if len(args) != 1 or not isinstance(args[0], Name):
                self.fail(tree, "size(i) takes one index")
            return size_symbol(self.position(args[0]))
        if name == "Piecewise":
            return self.piecewise(tree)
        function = fn.FUNCTIONS.get(name) or dict(self.scope.functions).get(name)
        if function is None and name in ("Eq", "Ne"):
            self.fail(tree, f"a condition is no number; write where({name}(...), 1, 0)")
        if function is None:
            known = {*fn.FUNCTIONS, *REDUCTIONS, "Piecewise", "size"}
            self.fail(tree, f"there is no function {name!r}{did_you_mean(name, known, WRITTEN)}")
        wanted = ARITY.get(function.__name__, (getattr(function, "arity", 1),))
        if not args or (wanted is not None and len(args) not in wanted):
            number = " or ".join(map(str, wanted or ("one or more",)))
            plural = "" if number == "1" else "s"
            self.fail(tree, f"{name} takes {number} argument{plural}, not {len(args)}")
        if function is fn.where:
            return fn.where(self.condition(args[0]), self.number(args[1]), self.number(args[2]))
        values = [self.number(a) for a in args]
        for value in values:
            if self.size(tree, value) > EXPONENT_BITS and name in GROWING:
                self.fail(tree, f"{name} of a number above {2**EXPONENT_BITS} grows too large")
        if function is sympy.sqrt:
            return self.power(tree, values[0], S.Half)
        if function in (fn.floordiv, fn.mod) and values[1] == 0:
            self.fail(tree, "division by 0")
        result = function(*values)
        if result in (S.NaN, S.ComplexInfinity):
            self.fail(tree, f"{name} has no real value here")
        return result

    def piecewise(self, tree: Call) -> Any:
        values = [self.number(v) for v in tree.args[::2]]
        conditions = [self.condition(c) for c in tree.args[1::2]]
        if conditions[-1] != sympy.true:
            self.fail(tree, "the last piece says what holds otherwise: (value, True)")
        result = values[-1]
        for value, condition in reversed(list(zip(values, conditions, strict=True))[:-1]):
            result = fn.where(condition, value, result)
        return result

    # -- conditions ------------------------------------------------------------------------------

    def condition(self, tree: Tree) -> Any:
        match tree:
            case Compare(op, a, b, _):
                return self.relation(tree, op, a, b)
            case Bool(op, args, _):
                parts = [self.condition(a) for a in args]
                return (sympy.And if op == "and" else sympy.Or)(*parts)
            case Not(a, _):
                return sympy.Not(self.condition(a))
            case Call("Eq" | "Ne" as name, (a, b), _):
                return self.relation(tree, "==" if name == "Eq" else "!=", a, b)
            case Name("True" | "False" as word, _):
                return sympy.true if word == "True" else sympy.false
            case Name() | Reading():
                value = self.number(tree)
                if value.is_Symbol and value.name.startswith("_h"):
                    return fn.Holds(value)
        return self.fail(tree, "expected a condition such as a < b, or a bool tensor")

    def relation(self, tree: Tree, op: str, a: Tree, b: Tree) -> Any:
        left, right = self.number(a), self.number(b)
        for value in (left, right):
            self.size(tree, value)
            if value in (S.NaN, S.ComplexInfinity):
                self.fail(tree, "a comparison has no real value here")
            if value in (S.Infinity, S.NegativeInfinity):  # sympy would answer for us: x < oo
                self.fail(tree, "nothing is compared with oo; compare with a large number")
        return RELATIONS[op](left, right)


def _odd_bits(n: int) -> int:
    """Bits of what is left of n without its factors 10 and 2: what a root has to factor."""
    n = abs(int(n))
    while n and n % 10 == 0:
        n //= 10
    return (n // (n & -n)).bit_length() if n else 0

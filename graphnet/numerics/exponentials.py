"""Real identities of exponentials: e^a e^b = e^(a+b), log(c e^u) = log c + u.

sympy merges only exponentials of one argument, so `exp(z)/exp(L)` stays inf/inf without them.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Integer, Mul, Pow, S, Symbol

from graphnet.formula.functions import expw, where

__all__ = ["denominators", "merged", "split", "weight"]

ZERO, ONE = Integer(0), Integer(1)


def split(expr: Expr, finite: frozenset[Symbol] | None = None) -> tuple[Expr, Expr]:
    """(c, u) with expr = c*exp(u); u is 0 where expr is no exponential.

    expw(b, y) is exp(b - y) only where y is finite; `finite` are the holes of which that is known
    (all, where it is None).

    >>> a, b = sympy.symbols("a b", real=True)
    >>> split(3*sympy.exp(a)/sympy.exp(b))
    (3, a - b)
    """
    if isinstance(expr, sympy.exp):
        return ONE, expr.args[0]
    if isinstance(expr, expw) and (finite is None or expr.args[1] in finite):
        return ONE, expr.args[0] - expr.args[1]
    if isinstance(expr, Mul):
        parts = [split(a, finite) for a in expr.args]
        return Mul(*(c for c, _ in parts)), sympy.Add(*(u for _, u in parts))
    if isinstance(expr, Pow):
        c, u = split(expr.base, finite)
        if u != 0 and (expr.exp.is_integer or c == 1):
            return Pow(c, expr.exp), expr.exp * u
    if isinstance(expr, where):
        condition, a, b = expr.args
        (c, u), (d, v) = split(a, finite), split(b, finite)
        if u != 0 and b == 0:
            return c, where(condition, u, S.NegativeInfinity)
        if v != 0 and a == 0:
            return d, where(condition, S.NegativeInfinity, v)
        if u != 0 and v != 0 and c == d:
            return c, where(condition, u, v)
    return expr, ZERO


def merged(expr: Expr, finite: frozenset[Symbol] | None = None) -> Expr:
    """The expression with products of exponentials merged and their logarithms undone.

    >>> a, b = sympy.symbols("a b", real=True)
    >>> merged(sympy.log(sympy.exp(a)/sympy.exp(b)))
    a - b
    """
    if not isinstance(expr, Expr) or not expr.has(sympy.exp, expw):
        return expr
    if isinstance(expr, sympy.exp | expw):
        return expr
    args = [merged(a, finite) if isinstance(a, Expr) else a for a in expr.args]
    new = expr.func(*args)
    if isinstance(new, sympy.log):
        c, u = split(new.args[0], finite)
        return sympy.log(c) + u if u != 0 else new
    if isinstance(new, Mul) and sum(split(a, finite)[1] != 0 for a in new.args) > 1:
        c, u = split(new, finite)
        return Mul(c, sympy.exp(u))
    return new


def weight(expr: Expr) -> int:
    """How many exponentials and logarithms an expression holds, those of numbers left out."""
    kinds = (sympy.exp, sympy.log, expw)
    return sum(
        isinstance(part, kinds) and bool(part.free_symbols)
        for part in sympy.preorder_traversal(expr)
    )


def denominators(expr: Expr) -> frozenset[Symbol]:
    """The symbols that something is divided by."""
    found: set[Symbol] = set()
    for part in expr.atoms(Pow):
        if part.exp.is_number and part.exp.is_negative:
            found |= part.base.free_symbols
    return frozenset(found)

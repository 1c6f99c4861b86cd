"""Matching of expressions against patterns, with sums and products in any order.

A pattern is an expression in the symbols a, b, u of `PATTERN`. Each stands for any expression; in
a sum or product the last one stands for all the terms or factors that nothing else has matched.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy
from sympy import Basic, Expr, Integer, S, Symbol

from graphnet.formula.formula import hole

__all__ = ["PATTERN", "matches", "root"]

PATTERN = {"a": hole(11), "b": hole(12), "u": hole(13)}
_VARIABLES = frozenset(PATTERN.values())

Found = dict[Symbol, Expr]


def matches(pattern: Expr, expr: Expr) -> Iterator[tuple[Found, Expr | None]]:
    """What the symbols stand for, and what of a sum or product the pattern leaves over."""
    if isinstance(pattern, sympy.Add | sympy.Mul):
        if isinstance(expr, pattern.func):
            yield from _parts(pattern, expr, {}, whole=False)
    else:
        for found in _match(pattern, expr, {}):
            yield found, None


def _match(pattern: Basic, expr: Basic, found: Found) -> Iterator[Found]:
    if pattern in _VARIABLES:
        if pattern not in found:
            yield {**found, pattern: expr}
        elif found[pattern] == expr:
            yield found
    elif not pattern.args:
        if pattern == expr:
            yield found
    elif isinstance(pattern, sympy.Mul) and pattern.args[0].is_Number and len(pattern.args) == 2:
        number, inner = pattern.args
        if number == -1:
            if expr.could_extract_minus_sign():
                yield from _match(inner, -expr, found)
        elif isinstance(expr, sympy.Mul) and expr.args[0] == number:
            yield from _match(inner, expr / number, found)
    elif isinstance(pattern, sympy.Pow) and pattern.args[1] == 2 and pattern.args[0] in _VARIABLES:
        side = root(expr)
        if side is not None:
            yield from _match(pattern.args[0], side, found)
    elif isinstance(pattern, sympy.Add | sympy.Mul):
        if isinstance(expr, pattern.func):
            for inside, _ in _parts(pattern, expr, found, whole=True):
                yield inside
    elif expr.func is pattern.func and len(expr.args) == len(pattern.args):
        yield from _in_order(pattern.args, expr.args, found)


def _in_order(
    patterns: tuple[Basic, ...], args: tuple[Basic, ...], found: Found
) -> Iterator[Found]:
    if not patterns:
        yield found
        return
    for first in _match(patterns[0], args[0], found):
        yield from _in_order(patterns[1:], args[1:], first)


def _parts(
    pattern: Expr, expr: Expr, found: Found, whole: bool
) -> Iterator[tuple[Found, Expr | None]]:
    """Each fixed part of the pattern on another part of the expression, then the symbols."""
    free = [a for a in pattern.args if a in _VARIABLES]
    fixed = [a for a in pattern.args if a not in _VARIABLES]

    def place(k: int, left: tuple[Expr, ...], so_far: Found) -> Iterator[tuple[Found, Expr | None]]:
        if k < len(fixed):
            for n, arg in enumerate(left):
                for inside in _match(fixed[k], arg, so_far):
                    yield from place(k + 1, left[:n] + left[n + 1 :], inside)
            return
        for bound in (a for a in free if a in so_far):  # the u of u*log(u), once log(u) has it
            if so_far[bound] not in left:
                return
            n = left.index(so_far[bound])
            left = left[:n] + left[n + 1 :]
        open_ = [a for a in free if a not in so_far]
        if not open_:
            if not left or not whole:
                yield so_far, pattern.func(*left) if left else None
            return
        *single, last = open_
        if len(left) < len(open_):
            return
        for n in range(len(left)) if single else (0,):
            chosen = {**so_far}
            rest = left
            if single:
                chosen, rest = {**so_far, single[0]: left[n]}, left[:n] + left[n + 1 :]
            yield {**chosen, last: pattern.func(*rest)}, None

    yield from place(0, expr.args, found)


def root(expr: Expr) -> Expr | None:
    """s with s**2 = expr, where expr is a product of even powers and a positive number."""
    if not isinstance(expr, Expr):
        return None
    if expr.is_Rational:
        s = sympy.sqrt(expr)
        return s if expr > 0 and s.is_Rational else None
    sides = []
    for factor in sympy.Mul.make_args(expr):
        if isinstance(factor, sympy.Pow) and isinstance(factor.args[1], Integer):
            if factor.args[1] % 2:
                return None
            sides.append(factor.args[0] ** (factor.args[1] / 2))
        elif factor.is_Rational:
            s = sympy.sqrt(factor)
            if factor < 0 or not s.is_Rational:
                return None
            sides.append(s)
        else:
            return None
    return sympy.Mul(*sides) if sides else S.One

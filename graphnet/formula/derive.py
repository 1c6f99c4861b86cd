"""The adjoint of a formula: it writes where the forward read.

For each distinct read `A[e]` of `Y[w] = Sum body` the adjoint is `dA[e] += G[w] * d body/d A[e]`
over the same loops: subscripts change sides, nothing is solved, so the class of formulas is closed
under differentiation. G is the upstream, the adjoint of Y. The four laws:

    plain, Sum, +=   dA[e] += G[w] * s                                    s = d body / d A[e]
    Max, Min         dA[e] += where(body == Y[w], G[w]/N[w] * s, 0)       N[w] = Sum(body == Y[w])
                 or  dA[e] += where(p == F[w], G[w] * s, 0)               F[w] the first place p
    LogSumExp        dA[e] += G[w] * expw(body, Y[w]) * s

The slope s is sympy's, with every read a numbered hole; what branches is differentiated by
selection, never by a product with a mask (0*inf is nan). Which slope stands where it jumps is a
`Choice` (kinks.py). Equal structures share one derivation.
(Griewank, Walther: Evaluating Derivatives, 2008, for the reverse mode; the forms are DESIGN.md's.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import sympy
from sympy import Add, Derivative, DiracDelta, Expr, Integer, Mul, Pow, Subs, Symbol

from graphnet.errors import GraphnetError
from graphnet.formula.formula import (
    Formula,
    Read,
    hole,
    index_symbol,
    normalize,
    size_symbol,
    symbol_kind,
)
from graphnet.formula.functions import expw, where
from graphnet.formula.kinks import AS_WRITTEN, Choice, chosen, restored

__all__ = [
    "Adjoint", "adjoint", "is_selection", "operand_count", "slope", "tie_count", "tie_place",
]  # fmt: skip

ZERO, ONE = Integer(0), Integer(1)


@dataclass(frozen=True)
class Adjoint:
    """What one read of a formula contributes to the adjoint of the tensor that it reads.

    `formula` is a "+=" over all loops of the forward formula; its `shape` is None, the caller
    knows that of the tensor. Its operand slots are those of the forward formula, and after them
    `upstream` (G), `value` (Y) and `ties` (N or F), each read at the forward target if at all.
    """

    formula: Formula
    upstream: int
    value: int
    ties: int


@cache
def adjoint(f: Formula, k: int, choice: Choice = AS_WRITTEN) -> Adjoint | None:
    """The adjoint of a formula for its read k; None where the slope is 0 everywhere.

    The body of a Max or Min must be a selection (`is_selection`), for its ties compare bits.
    Raises GraphnetError where sympy knows no slope.

    >>> from graphnet.formula.subscript import bare
    >>> i, k, j = bare(0), bare(2), bare(1)
    >>> a, b = Read(0, (i, k)), Read(1, (k, j))             # Y[i,j] = Sum(A[i,k]*B[k,j], k)
    >>> f = Formula((i, j), hole(0) * hole(1), (a, b), indices=3, reduce="Sum")
    >>> found = adjoint(f, 0)
    >>> found.formula.target == a.subs, found.formula.body, found.formula.reads[1].slot
    (True, _h0*_h1, 2)
    """
    s = slope(f.body, hole(k), choice)
    if s == 0:
        return None
    n = operand_count(f)
    count = len(f.reads)
    upstream, value, ties = (hole(count + q) for q in range(3))
    extra = tuple(Read(n + q, f.target) for q in range(3))
    match f.reduce:
        case "LogSumExp":
            body = times(Mul(upstream, expw(f.body, value)), s)
        case "Max" | "Min":
            word = choice.max if f.reduce == "Max" else choice.min
            wins = sympy.Eq(_place(f), ties) if word in ("first", "last") else (
                sympy.Eq(f.body, value)
            )  # fmt: skip
            share = upstream / ties if word == "even" else upstream
            body = where(wins, times(share, s), ZERO)
        case _:
            body = times(upstream, s)
    formula = replace(
        f, target=f.reads[k].subs, body=given(body), reads=f.reads + extra, reduce=None,
        accumulate=True, shape=None,
    )  # fmt: skip
    return Adjoint(normalize(formula), n, n + 1, n + 2)


@cache
def tie_count(f: Formula) -> Formula:
    """N[w] = Sum(where(body == Y[w], 1, 0)) of a Max or Min; Y has the slot after the operands."""
    wins = sympy.Eq(f.body, hole(len(f.reads)))
    reads = (*f.reads, Read(operand_count(f), f.target))
    return normalize(replace(f, body=where(wins, ONE, ZERO), reads=reads, reduce="Sum"))


@cache
def tie_place(f: Formula, last: bool = False) -> Formula:
    """F[w] = Min(where(body == Y[w], p, oo)), where the first element that ties stands, counted
    in the order of the indices; or the last one's. Y has the slot after the operands."""
    wins = sympy.Eq(f.body, hole(len(f.reads)))
    reads = (*f.reads, Read(operand_count(f), f.target))
    none = -sympy.oo if last else sympy.oo
    body = where(wins, _place(f), none)
    return normalize(replace(f, body=body, reads=reads, reduce="Max" if last else "Min"))


def _place(f: Formula) -> Expr:
    """The place of an element among those a formula reduces: (i*size(j) + j)*size(k) + k."""
    place: Expr = ZERO
    for p in f.over:
        place = place * size_symbol(p) + index_symbol(p)
    return place


def operand_count(f: Formula) -> int:
    """The number of operand slots, which is the first slot that is free."""
    return max(f.slots, default=-1) + 1


def is_selection(body: Expr) -> bool:
    """Whether a body is one read, or a where of one and numbers: its elements keep their bits."""
    if isinstance(body, where):
        return is_selection(body.args[1]) and is_selection(body.args[2])
    return bool(body.is_number) or (isinstance(body, Symbol) and symbol_kind(body)[0] == "h")


@cache
def slope(body: Expr, x: Symbol, choice: Choice = AS_WRITTEN) -> Expr:
    """d body / d x, written by selection; where it jumps it is the chosen one.

    >>> x = hole(0)
    >>> slope(sympy.exp(where(x > 0, x, 0)), x)
    where(_h0 > 0, exp(_h0), 0)
    """
    body, back = chosen(body, choice)
    found = restored(body.diff(x), back)
    if found.has(Derivative, Subs, DiracDelta):
        raise GraphnetError(f"no slope is known of {body}")
    return given(by_selection(powers(found)))


def times(factor: Expr, s: Expr) -> Expr:
    """factor * s, the factor inside the branches of s, so that no branch is multiplied by 0."""
    if isinstance(s, where):
        condition, a, b = s.args
        return where(condition, times(factor, a), times(factor, b))
    return Mul(factor, s)


def by_selection(expr: Expr) -> Expr:
    """Products with a mask, a*where(c, b, 0), as selections, where(c, a*b, 0)."""
    if not expr.has(where):
        return expr
    if isinstance(expr, where):
        condition, a, b = expr.args
        return where(condition, by_selection(a), by_selection(b))
    args = [by_selection(a) for a in expr.args]
    if isinstance(expr, Mul):
        for k, a in enumerate(args):
            if isinstance(a, where) and may_be_zero(a):
                condition, chosen, other = a.args
                rest = by_selection(Mul(*args[:k], *args[k + 1 :]))
                return where(condition, times(rest, chosen), times(rest, other))
    return expr.func(*args)


def may_be_zero(expr: Expr) -> bool:
    """Whether a branch of nested choices is 0."""
    return expr == 0 or (isinstance(expr, where) and any(map(may_be_zero, expr.args[1:])))


def powers(expr: Expr) -> Expr:
    """x**y/x as x**(y - 1), which is right at 0 too; sympy leaves the quotient."""
    if not isinstance(expr, Expr) or not any(
        isinstance(p, Pow) and p.exp.free_symbols for p in expr.atoms(Pow)
    ):
        return expr
    args = [powers(a) if isinstance(a, Expr) else a for a in expr.args]
    if isinstance(expr, Mul):
        for k, a in enumerate(args):
            if isinstance(a, Pow) and a.exp.free_symbols and 1 / a.base in args:
                args[k] = Pow(a.base, a.exp - 1)
                args.remove(1 / a.base)
                return Mul(*args)
    return expr.func(*args) if args else expr


def given(expr: Expr, known: tuple[tuple[sympy.Basic, bool], ...] = ()) -> Expr:
    """Without asking a condition again inside the branch of a where that it chose."""
    if not expr.has(where):
        return expr
    if isinstance(expr, where):
        condition, a, b = expr.args
        for asked, answer in known:
            if asked == condition:
                return given(a if answer else b, known)
        yes, no = ((condition, answer) for answer in (True, False))
        return where(condition, given(a, (*known, yes)), given(b, (*known, no)))
    if isinstance(expr, Add | Mul | Pow) or expr.is_Function:
        return expr.func(*(given(a, known) for a in expr.args))
    return expr

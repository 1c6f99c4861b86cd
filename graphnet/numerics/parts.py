"""Bodies taken apart into maximal functions of one argument, h(u).

The argument u of a part is a read, or an affine or product expression of reads: y*z, a - b, p/q. So
`-y*log(1/(1 + exp(-z))) - (1 - y)*log(1 - 1/(1 + exp(-z)))` is two functions of z, each of which is
searched on its own. What a read stands for may be written out as `held(read, formula)`: a part
sees through it, so that log(s) of s = 1/(1 + exp(-z)) is a function of z.

>>> from graphnet.formula.formula import hole
>>> y, z = hole(0), hole(1)
>>> [(h, u) for _, h, u in parts(-y*sympy.log(1 + sympy.exp(-2*z)) + (1 - y)*sympy.log(1 - z))]
[(log(1 - _h0), _h1), (log(1 + exp(-_h0)), 2*_h1)]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy
from sympy import Add, Basic, Expr, Integer, Mul, Pow, S
from sympy.core.relational import Relational

from graphnet.formula import functions as fn
from graphnet.formula.scalar import Scalar
from graphnet.formula.searched import ARGUMENT, Searched
from graphnet.numerics.argument import core_of, scale_of, substituted

__all__ = [
    "held",
    "is_simple",
    "marked",
    "one_argument",
    "parts",
    "replaced",
    "restored",
    "written_out",
]


Guards = tuple[tuple[Basic, bool], ...]  # conditions, and whether they hold
# What NumPy has exactly, and what jumps more often than numbers are dense: no point says whether
# another form of 2 % x is right, only what stands inside is searched.
_STEPS = (fn.floor, fn.floordiv, fn.mod)


class held(Scalar):
    """held(read, formula): a read, and what its tensor was computed by."""

    nargs = 2


def written_out(expr: Any) -> Any:
    """With formulas in place of the reads that hold them."""
    return expr.replace(held, lambda read, inner: inner) if expr.has(held) else expr


def restored(expr: Any) -> Any:
    """With the reads themselves."""
    if not expr.has(held):
        return expr
    if isinstance(expr, held):
        return expr.args[0]
    return expr.func(*(restored(a) for a in expr.args))


def parts(body: Expr, guards: Guards = ()) -> Iterator[tuple[Expr, Expr, Expr]]:
    """(part of the body, h, u) for the maximal parts h(u) that a search may have to do with.

    In a branch of a where, h is `where(condition, h, 0)` if the condition is one on u alone: where
    the branch is not taken nothing is asked of h.
    """
    if is_plain(body) or isinstance(body, held) or not isinstance(body, Expr):
        return
    found = None if written_out(body).has(*_STEPS) else one_argument(body)
    if found is not None:
        h, u = found
        if not is_simple(h):
            yield body, _guarded(h, u, guards), u
        return
    if isinstance(body, Add | Mul):
        yield from _grouped(body, guards)
        return
    if isinstance(body, fn.where):
        condition, a, b = body.args
        yield from parts(a, (*guards, (condition, True)))
        yield from parts(b, (*guards, (condition, False)))
        return
    for a in body.args:
        if isinstance(a, Expr):
            yield from parts(a, guards)


def _guarded(h: Expr, u: Expr, guards: Guards) -> Expr:
    for condition, chosen in guards:
        core = core_of(u)
        if isinstance(condition, Relational) and core is not None and core_of(condition) == core:
            scale = scale_of(u, core)
            asked = substituted(condition, core, ARGUMENT / scale)
            if asked is not None:
                h = fn.where(asked, h, S.Zero) if chosen else fn.where(asked, S.Zero, h)
    return h


def _grouped(body: Expr, guards: Guards) -> Iterator[tuple[Expr, Expr, Expr]]:
    """Terms or factors that have one argument together; the others by themselves."""
    groups: dict[Expr, list[Expr]] = {}
    alone: list[Expr] = []
    for a in body.args:
        core = None if a.is_number else core_of(written_out(a))
        (alone if core is None else groups.setdefault(core, [])).append(a)
    for members in groups.values():
        if all(is_plain(m) for m in members):
            continue
        if 1 < len(members) < len(body.args):
            yield from parts(body.func(*members), guards)
        else:
            for m in members:
                yield from parts(m, guards)
    for a in alone:
        yield from parts(a, guards)


def is_plain(e: Any) -> bool:
    """Whether there is nothing to search in an expression: sums and products of reads."""
    if not e.args or e.is_number:
        return True
    if isinstance(e, Add | Mul):
        return all(is_plain(a) for a in e.args)
    return isinstance(e, Pow) and isinstance(e.args[1], Integer) and e.args[1] > 0 and is_plain(
        e.args[0]
    )  # fmt: skip


def one_argument(part: Expr) -> tuple[Expr, Expr] | None:
    """(h, u) with part = h(u); None where it depends on more than one argument."""
    out = written_out(part)
    core = core_of(out)
    if core is None:
        return None
    scale = scale_of(out, core)
    u = scale * core
    h = substituted(out, core, ARGUMENT / scale)
    return None if h is None else (h, u)


def marked(part: Expr) -> Expr | None:
    """A part as a function of ARGUMENT, `held(0, formula)` where a tensor is read.

    None where a tensor is one factor of the argument, y*held(s, z): there it is no step.
    """
    core = core_of(written_out(part))
    assert core is not None
    scale = scale_of(written_out(part), core)
    bare = part.replace(held, lambda read, inner: held(S.Zero, inner))
    result: Expr | None = substituted(bare, core, ARGUMENT / scale)
    return result


# Functions that are right as they are, in value and slope, of anything c*x.
_SOUND = (
    sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.erf, fn.expm1, fn.log1p, sympy.asinh,
    sympy.tanh, fn.Abs, fn.sign, fn.Heaviside, fn.erfc, fn.erfcx, fn.log_erfc, fn.square,
)  # fmt: skip


def is_simple(h: Expr) -> bool:
    """Whether a function needs no search: right as written beyond doubt."""
    if h.has(Searched) or not h.free_symbols or h.is_polynomial(ARGUMENT):
        return True
    if isinstance(h, fn.where):
        _, a, b = h.args
        return is_simple(a) and is_simple(b)
    if isinstance(h, Mul):
        _, rest = h.as_coeff_Mul()
        if rest is not h and not isinstance(rest, Mul):
            return is_simple(rest)
        return False
    if isinstance(h, Add):  # 3 + 2*f(x) is no better known than f(x) + 3, which may cancel
        return False
    if isinstance(h, Pow):
        base, exponent = h.args
        inner = base.as_coeff_Mul()[1]
        return inner == ARGUMENT and exponent.is_number
    if isinstance(h, _SOUND):
        return bool(h.args[0].as_coeff_Mul()[1] == ARGUMENT)
    return isinstance(h, fn.Max | fn.Min) and all(is_simple(a) for a in h.args)


def replaced(expr: Any, moves: dict[Expr, Expr]) -> Any:
    """The expression with parts exchanged; a group of terms or factors counts as a part."""
    if expr in moves:
        return moves[expr]
    if not expr.args:
        return expr
    if isinstance(expr, Add | Mul):
        left = list(expr.args)
        new: list[Expr] = []
        for part, change in moves.items():
            if isinstance(part, expr.func):
                members = list(part.args)
                if all(m in left for m in members):
                    left = [a for a in left if a not in members]
                    new.append(change)
        return expr.func(*new, *(replaced(a, moves) for a in left))
    return expr.func(*(replaced(a, moves) for a in expr.args))

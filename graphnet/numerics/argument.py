"""The one argument of an expression, up to a factor: a read, or an affine or product one of reads.

>>> a, b = hole(0), hole(1)
>>> core_of(sympy.exp(2*a - 2*b) + 1), core_of(sympy.exp(a) + b), core_of(a*b + sympy.log(a*b))
(_h0 - _h1, None, _h0*_h1)
>>> substituted(sympy.exp(2*a - 2*b) + 1, a - b, hole(5))
exp(2*_h5) + 1
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Add, Basic, Expr, Integer, Mul, Pow, S, Symbol

from graphnet.formula.formula import hole, symbol_kind

__all__ = ["core_of", "scale_of", "substituted"]


def core_of(e: Expr) -> Expr | None:
    """The one argument of an expression, up to a factor; None where there are several."""
    symbols = e.free_symbols
    if not symbols or any(symbol_kind(s)[0] != "h" for s in symbols):
        return None
    if len(symbols) == 1:
        return next(iter(symbols))
    found = _cores(e, None)
    return found if isinstance(found, Expr) else None


def _cores(e: Basic, so_far: Expr | None) -> Expr | bool | None:
    """The core that all of e has; False where there are two."""
    if e.is_number or not e.free_symbols:
        return so_far
    own = _direction(e)
    if own is not None:
        return own if so_far is None or so_far == own else False
    for a in e.args:
        found = _cores(a, so_far)
        if found is False:
            return False
        so_far = found
    return so_far


def _direction(e: Basic) -> Expr | None:
    """An affine or product expression of reads, without its number in front."""
    if isinstance(e, Symbol):
        return e
    if isinstance(e, Mul):
        _, rest = e.as_coeff_Mul()
        factors = Mul.make_args(rest)
        if all(_monomial(f) for f in factors):
            return rest
    if isinstance(e, Add):
        _, rest = e.as_coeff_Add()
        terms = Add.make_args(rest)
        if len(terms) > 1 and all(_direction(t) is not None for t in terms):
            first = min(terms, key=sympy.default_sort_key)
            return sympy.expand(rest / first.as_coeff_Mul()[0])
    return None


def _monomial(f: Expr) -> bool:
    return isinstance(f, Symbol) or (
        isinstance(f, Pow) and isinstance(f.args[0], Symbol) and isinstance(f.args[1], Integer)
    )


def _factor(e: Basic, core: Expr) -> tuple[Expr, Expr] | None:
    """(c, d) with e = c*core + d; None where e is not of that form."""
    if e == core:
        return S.One, S.Zero
    if isinstance(e, Mul):
        c, rest = e.as_coeff_Mul()
        return (c, S.Zero) if rest == core else None
    if isinstance(e, Add):
        d, rest = e.as_coeff_Add()
        if isinstance(core, Add):
            ratio = rest.as_ordered_terms()[0].as_coeff_Mul()[0]
            for t in Add.make_args(rest):
                for s in Add.make_args(core):
                    if t.as_coeff_Mul()[1] == s.as_coeff_Mul()[1]:
                        ratio = t.as_coeff_Mul()[0] / s.as_coeff_Mul()[0]
                        return (ratio, d) if sympy.expand(core * ratio) == rest else None
            return None
        c, rest = rest.as_coeff_Mul()
        return (c, d) if rest == core else None
    return None


def scale_of(e: Expr, core: Expr) -> Expr:
    """|c| where every place has the same c*core, up to sign; else 1."""
    found: set[Expr] = set()

    def visit(part: Basic) -> None:
        pair = _factor(part, core)
        if pair is not None:
            found.add(abs(pair[0]) if pair[1] == 0 else S.One)
            return
        for a in part.args:
            visit(a)

    visit(e)
    return found.pop() if len(found) == 1 else S.One


def substituted(e: Any, core: Expr, new: Expr) -> Any:
    """e with new in place of the core; None where reads are left."""
    if not core.is_Symbol:
        e = _without(e, core)
        if e is None:
            return None
        return e.xreplace({_CORE: new})
    return e.xreplace({core: new})


_CORE = hole(14)


def _without(e: Any, core: Expr) -> Any:
    pair = _factor(e, core)
    if pair is not None:
        return pair[0] * _CORE + pair[1]
    if not e.args:
        return None if e.is_Symbol and symbol_kind(e)[0] == "h" else e
    args = [_without(a, core) for a in e.args]
    return None if any(a is None for a in args) else e.func(*args)

"""The order in which sums and products are written: by read, then by index, numbers last.

sympy orders terms by names of symbols and by hashes; here the order follows the numbering of the
reads, so that text and code are the same on every run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from graphnet.formula.formula import symbol_kind

__all__ = ["fraction", "negative", "ordered", "positive", "quotient", "terms"]


@lru_cache(maxsize=8192)
def ordered(expr: sympy.Basic) -> tuple[Any, ...]:
    """The arguments of a sum, product or conjunction in writing order."""
    return tuple(sorted(expr.args, key=_place))


def _place(expr: sympy.Basic) -> tuple[Any, ...]:
    kinds = sorted(symbol_kind(s) for s in expr.free_symbols if isinstance(s, sympy.Symbol))
    holes = [n for kind, n in kinds if kind == "h"]
    return (not kinds, not holes, holes, kinds, sympy.default_sort_key(expr))


@lru_cache(maxsize=8192)
def fraction(expr: sympy.Basic) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The factors above and below the fraction bar, without the number in front."""
    above, below = [], []
    for factor in ordered(expr) if isinstance(expr, sympy.Mul) else (expr,):
        if factor.is_Rational:
            continue
        exponent = factor.args[1] if isinstance(factor, sympy.Pow) else None
        if exponent is not None and exponent.is_Rational and exponent.is_negative:
            below.append(sympy.Pow(factor.args[0], -exponent))
        else:
            above.append(factor)
    return tuple(above), tuple(below)


@lru_cache(maxsize=8192)
def quotient(expr: sympy.Basic) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """The number in front of a product, and what stands above and below the fraction bar.

    A sum in which every term has a minus gives it to the number: (-a - b)*c is -(a + b)*c.
    """
    coefficient, _ = expr.as_coeff_Mul()
    above, below = fraction(expr)
    turned = [f.is_Add and all(map(negative, f.args)) for f in above]
    if sum(turned) % 2:
        coefficient = -coefficient
    return coefficient, tuple(-f if t else f for f, t in zip(above, turned, strict=True)), below


def negative(term: Any) -> bool:
    """Whether a term has a negative number in front."""
    coefficient, _ = term.as_coeff_Mul()
    return bool(coefficient.is_negative)


def positive(term: Any) -> Any:
    """The term without its minus sign."""
    return -term if negative(term) else term


@lru_cache(maxsize=8192)
def terms(expr: sympy.Basic) -> tuple[tuple[bool, Any], ...]:
    """The terms of a sum as (has a minus sign, term without it): 1 + exp(x), x - 1, a - b."""
    found = [(negative(t), positive(t)) for t in ordered(expr)]
    numbers = [k for k, (minus, t) in enumerate(found) if t.is_number and not minus]
    first = next((k for k, (minus, _) in enumerate(found) if not minus), 0)
    found.insert(0, found.pop(numbers[0] if numbers else first))
    return tuple(found)

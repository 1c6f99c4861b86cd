"""Where the slope of a formula jumps, and which slope it has there, in words.

>>> from graphnet.formula.parse import parse
>>> (relu,) = parse("where(x > 0, x, 0)")
>>> told_jumps(relu.formula, 0)
'slope 0 at 0, between 0 and 1'
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import sympy
from sympy import Expr, Rational, Symbol

from graphnet.formula import functions as fn
from graphnet.formula.derive import slope
from graphnet.formula.formula import Formula, hole, symbol_kind
from graphnet.formula.kinks import AS_WRITTEN, Choice

__all__ = ["told_jumps"]

WORDS = {
    "even": "share the slope evenly", "first": "leave it to the first", "all": "have it each",
    "last": "leave it to the last",
}  # fmt: skip
COMPARED = (
    sympy.StrictGreaterThan, sympy.GreaterThan, sympy.StrictLessThan, sympy.LessThan,
)  # fmt: skip
NEAR = Rational(1, 10**9)
JUMP = 1e-6


@cache
def told_jumps(f: Formula, k: int, choice: Choice = AS_WRITTEN) -> str:
    """Which slope a formula has in read k where it jumps; empty where it does not."""
    told: list[str] = []
    if f.over and f.reduce in ("Max", "Min"):
        word = choice.max if f.reduce == "Max" else choice.min
        told.append(f"tied elements {WORDS[str(word)]}")
    x = hole(k)
    for site, above in dict.fromkeys(_sites(f.body, x)):
        told += _told(f.body, x, site, above, choice)
    return "; ".join(dict.fromkeys(told))


def _sites(body: Expr, x: Symbol) -> Iterator[tuple[Expr, Expr | None]]:
    """(what is 0 where the slope may jump, the Max or Min that stands there)."""
    for part in sympy.preorder_traversal(body):
        if isinstance(part, fn.where) and isinstance(part.args[0], COMPARED):
            a, b = part.args[0].args
            if (a - b).has(x):
                yield a - b, None
        elif isinstance(part, fn.Abs) and part.has(x):
            yield part.args[0], None
        elif isinstance(part, fn.Max | fn.Min):
            first, *rest = part.args
            for other in rest:
                if (first - other).has(x):
                    yield first - other, part


def _told(body: Expr, x: Symbol, site: Expr, tied: Expr | None, choice: Choice) -> Iterator[str]:
    """One jump in words, with numbers where they do not depend on other reads."""
    others = sorted(body.free_symbols - {x}, key=str)
    samples = [_slopes(body, x, site, choice, others, n) for n in (3, 5)]
    if samples[0] is None or samples[1] is None:
        return
    place, left, here, right = samples[0]
    if abs(left - right) < JUMP:
        return
    if max(abs(a - b) for a, b in zip(samples[0][1:], samples[1][1:])) < JUMP:
        low, high = sorted((left, right))
        at = "" if any(symbol_kind(t)[0] == "h" for t in others) else f" at {place:.6g}"
        yield f"slope {here:.6g}{at}, between {low:.6g} and {high:.6g}"
    elif tied is not None:
        word = str(choice.maximum if isinstance(tied, fn.Max) else choice.minimum)
        yield f"tied arguments {WORDS[word]}" if word in WORDS else f"slope of the {word}"
    else:
        sides = {"right": right, "left": left}
        side = next((s for s, value in sides.items() if abs(here - value) < JUMP), "mean")
        yield f"slope of the {side}"


def _slopes(
    body: Expr, x: Symbol, site: Expr, choice: Choice, others: list[Symbol], sample: int
) -> tuple[float, float, float, float] | None:
    """Where a site is 0, and the slope left of it, there, and right of it, the others sampled."""
    given = {s: Rational(sample + 2 * n, 7 + n) for n, s in enumerate(others)}
    place = _zero(site.xreplace(given), x)
    if place is None:
        return None
    s = slope(body, x, choice).xreplace(given)
    found = [_number(s.xreplace({x: place + step})) for step in (-NEAR, Rational(0), NEAR)]
    left, here, right = found
    if left is None or here is None or right is None:
        return None
    return float(place), left, here, right


def _zero(site: Expr, x: Symbol) -> Rational | None:
    """Where an expression that is linear in x is 0; of |u|, Max and Min the part with x counts."""
    for kind in (fn.Abs, fn.Max, fn.Min):
        site = site.replace(kind, lambda *args: next((a for a in args if a.has(x)), args[0]))
    rate = site.diff(x)
    if not (rate.is_Rational and rate != 0):
        return None
    place = -site.xreplace({x: Rational(0)}) / rate
    return place if isinstance(place, Rational) else None


def _number(expr: Expr) -> float | None:
    expr = expr.replace(fn.log1p, lambda u: sympy.log(1 + u))
    expr = expr.replace(fn.expm1, lambda u: sympy.exp(u) - 1)
    found = expr.evalf(15)
    return float(found) if found.is_Float or found.is_Rational else None

"""Rules that make candidates: rows of pattern, result and the law they rest on.

A rule need not be wise: what it makes is judged against certified values, so a bad row can be
useless but never harmful. Patterns and results are expressions in a, b, u; what no
pattern says is a device, a function of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import sympy
from sympy import Expr, Integer, Rational, S

from graphnet.formula import functions as fn
from graphnet.formula import special as more
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.match import PATTERN, matches, root

__all__ = ["DEVICES", "ROWS", "rewritings"]

a, b, u = PATTERN["a"], PATTERN["b"], PATTERN["u"]
exp, log, sqrt, sin, cos, tan, atan = (
    sympy.exp, sympy.log, sympy.sqrt, sympy.sin, sympy.cos, sympy.tan, sympy.atan,
)  # fmt: skip
erf, tanh, sinh, cosh = sympy.erf, sympy.tanh, sympy.sinh, sympy.cosh
expm1, log1p, where, Abs = fn.expm1, fn.log1p, fn.where, fn.Abs
erfc, erfcx, log_erfc, hypot = more.erfc, more.erfcx, more.log_erfc, more.hypot
times, over, square = more.times, more.over, more.square

HALF = Rational(1, 2)

# pattern, result                                             law
ROWS: tuple[tuple[Expr, Expr], ...] = (
    (exp(u) - 1, expm1(u)),                                   # e^u - 1, right near 0
    (1 - exp(u), -expm1(u)),
    (log(1 + u), log1p(u)),                                   # log(1 + u), right near 0
    (1 + erf(u), erfc(-u)),                                   # erf is odd
    (1 - erf(u), erfc(u)),                                    # erfc is what is left to 1
    (HALF + erf(u)/2, erfc(-u)/2),
    (HALF - erf(u)/2, erfc(u)/2),
    (log(erfc(u)), log_erfc(u)),
    (log(erfc(u)/2), log_erfc(u) - log(2)),
    (log(HALF + erf(u)/2), log_erfc(-u) - log(2)),
    (log(HALF + erf(u)/2), log1p(-erfc(u)/2)),                # erf(u) = 1 - erfc(u)
    (log(HALF - erf(u)/2), log1p(-erfc(-u)/2)),
    (log(1 + erf(u)), log_erfc(-u)),
    (log(1 - erf(u)), log_erfc(u)),
    (log(HALF - erf(u)/2), log_erfc(u) - log(2)),
    (exp(u**2)*erfc(a), exp(u**2 - a**2)*erfcx(a)),           # erfcx(a) = e^(a^2) erfc(a)
    (exp(u)/erfc(a), exp(u + a**2)/erfcx(a)),
    (exp(u)*erfc(a), exp(u - a**2)*erfcx(a)),
    (sqrt(a**2 + u**2), hypot(a, u)),                         # Pythagoras
    (sqrt(1 + u**2), hypot(1, u)),
    (sqrt(4 + u**2), hypot(2, u)),
    (log(1 + u**2), 2*log(hypot(1, u))),
    (sqrt(a) - sqrt(b), (a - b)/(sqrt(a) + sqrt(b))),         # (s - t)(s + t) = s^2 - t^2
    (sqrt(a) - 1, (a - 1)/(sqrt(a) + 1)),
    (a - sqrt(u), (a**2 - u)/(a + sqrt(u))),
    (sqrt(u) + a, (u - a**2)/(sqrt(u) - a)),
    (log(a) - log(b), log(a/b)),
    (log(a) - log(b), log1p((a - b)/b)),                      # a/b = 1 + (a - b)/b
    (log(a) + log(b), log(a*b)),
    (log(u) + a, log(u*exp(a))),                              # a = log e^a
    (log(a/b), log(a) - log(b)),
    (log(a*u), log(a) + log(u)),
    (log(u + sqrt(u**2 + 1)), sympy.asinh(u)),                # the inverses, as logarithms
    (log(u + sqrt(u**2 - 1)), sympy.acosh(u)),
    (log((1 + u)/(1 - u)), 2*sympy.atanh(u)),
    (log(1 + u) - log(1 - u), 2*sympy.atanh(u)),
    (1 - cos(u), 2*square(sin(u/2))),                         # half angles
    (cos(u) - 1, -2*square(sin(u/2))),
    (1 + cos(u), 2*square(cos(u/2))),
    (1 - sin(u), 2*square(sin(sympy.pi/4 - u/2))),
    (sin(a) - sin(b), 2*cos((a + b)/2)*sin((a - b)/2)),
    (cos(a) - cos(b), -2*sin((a + b)/2)*sin((a - b)/2)),
    (tan(a) - tan(b), sin(a - b)/(cos(a)*cos(b))),
    (atan(a) - atan(b), atan((a - b)/(1 + a*b))),             # tan of a difference
    (sympy.pi/2 - atan(u), where(u > 0, atan(1/u), sympy.pi/2 - atan(u))),
    (exp(a)*exp(b), exp(a + b)),
    (exp(u), square(exp(u/2))),                               # e^u overflows later
    (a*exp(u), times(exp(u/2), a*exp(u/2))),
    (u*log(u), where(sympy.Eq(u, 0), 0, u*log(u))),           # its limit at 0
    (a*log(u), where(sympy.Eq(u, 0), 0, a*log(u))),
    (a/u**2, over(over(a, u), u)),                            # u^2 overflows later
    (u**2/a, u*over(u, a)),
    (a*u**2, times(u, times(u, a))),
    (sqrt(a + u**2), Abs(u)*sqrt(1 + over(over(a, u), u))),
    (sqrt(1/u), 1/sqrt(u)),
    (sqrt(a/b), sqrt(a)/sqrt(b)),
    (sympy.asinh(u), log(u) + log(1 + hypot(1, 1/u))),        # for u > 0, of any size
    (log(u**2), 2*log(Abs(u))),
    (a/sqrt(u), over(a, sqrt(u))),
    (tanh(u), sinh(u)/cosh(u)),
    (1 - tanh(u)**2, 1/square(cosh(u))),
    (cosh(u) - 1, 2*square(sinh(u/2))),
    (1 - cosh(u), -2*square(sinh(u/2))),
    (sqrt(square(u)), Abs(u)),
    (1 - u**2, (1 - u)*(1 + u)),
    (u**2 - 1, (u - 1)*(u + 1)),
)  # fmt: skip


# -- what no pattern says ------------------------------------------------------------------------


def plain(expr: Expr) -> Expr:
    """The expression without the opaque functions of forms, for sympy to work on."""
    table = {more.times: lambda s, t: s * t, more.over: lambda s, t: s / t,
             more.square: lambda s: s**2}  # fmt: skip
    for kind, back in table.items():
        if expr.has(kind):
            expr = expr.replace(kind, back)
    return expr


def joined(expr: Expr) -> Iterator[Expr]:
    """a/b + c/d over one denominator, cancelled and factored."""
    if isinstance(expr, sympy.Add) and not expr.has(where):
        whole = sympy.together(plain(expr))
        above, below = sympy.fraction(whole)
        yield sympy.expand(above) / below
        if not expr.has(sympy.exp, sympy.log, fn.Abs, erf):
            yield sympy.factor(whole)


def expansion(expr: Expr) -> Iterator[Expr]:
    """Products multiplied out."""
    if isinstance(expr, sympy.Mul) and any(isinstance(f, sympy.Add) for f in expr.args):
        yield sympy.expand_mul(plain(expr))


def factoring(expr: Expr) -> Iterator[Expr]:
    """Common factors of the terms of a sum."""
    if isinstance(expr, sympy.Add) and not expr.has(where):
        found = sympy.factor_terms(plain(expr))
        if found != expr:
            yield found


def simplest_square(expr: Expr) -> Iterator[Expr]:
    """sqrt(x^2 + p x + q) = hypot(x + p/2, sqrt(q - p^2/4)), and the log of what is below it."""
    is_log = isinstance(expr, sympy.log)
    if is_log or (isinstance(expr, sympy.Pow) and expr.args[1] in (HALF, -HALF)):
        base = expr.args[0]
        if not base.is_polynomial(ARGUMENT) or sympy.degree(base, ARGUMENT) != 2:
            return
        c2, c1, c0 = sympy.Poly(base, ARGUMENT).all_coeffs()
        rest = c0 - c1**2 / (4 * c2)
        if c2 > 0 and rest > 0:
            side = hypot(sqrt(c2) * (ARGUMENT + c1 / (2 * c2)), sqrt(rest))
            yield 2 * log(side) if is_log else side if expr.args[1] == HALF else 1 / side


def inside(expr: Expr) -> Iterator[Expr]:
    """A factor taken into the branches of a where."""
    if isinstance(expr, sympy.Mul):
        for k, factor in enumerate(expr.args):
            if isinstance(factor, where):
                rest = sympy.Mul(*expr.args[:k], *expr.args[k + 1 :])
                condition, one, other = factor.args
                yield where(condition, rest * one, rest * other)


def collected(expr: Expr) -> Iterator[Expr]:
    """A*e^u + B, with all that e^u is multiplied by in A; also as e^(u/2) (A e^(u/2)) + B."""
    if not isinstance(expr, sympy.Add | sympy.Mul):
        return
    terms = sympy.Add.make_args(sympy.expand_mul(plain(expr)))
    if len(terms) < 2:
        return
    for e in sorted({f for t in terms for f in sympy.Mul.make_args(t) if _grows(f)}, key=str):
        share = sympy.Add(*(t / e for t in terms if e in sympy.Mul.make_args(t)))
        rest = sympy.Add(*(t for t in terms if e not in sympy.Mul.make_args(t)))
        half = exp(e.args[0] / 2)
        for above in (share, sympy.factor_terms(sympy.together(share))):
            yield above * e + rest
            yield times(half, above * half) + rest


def _grows(factor: Expr) -> bool:
    return isinstance(factor, sympy.exp) and bool(factor.has(ARGUMENT))


def reciprocal(expr: Expr) -> Iterator[Expr]:
    """A rational function in powers of 1/x, which does not overflow at large x."""
    if expr.is_rational_function(ARGUMENT) and expr.has(ARGUMENT) and not expr.is_polynomial():
        above, below = sympy.fraction(sympy.cancel(plain(expr)))
        n = int(sympy.degree(below, ARGUMENT))
        m = int(sympy.degree(above, ARGUMENT))
        r = 1 / ARGUMENT
        up = sympy.expand(above / ARGUMENT**m)
        down = sympy.expand(below / ARGUMENT**n)
        result = over(up, down)
        for _ in range(abs(m - n)):
            result = times(result, ARGUMENT if m > n else r)
        yield result


def powers(expr: Expr) -> Iterator[Expr]:
    """(u^2)^p as |u|^(2p), and u^p/u as u^(p - 1)."""
    if isinstance(expr, sympy.Pow) and not isinstance(expr.args[1], Integer):
        side = root(expr.args[0])
        if side is not None and expr.args[1] not in (HALF, -HALF):
            yield Abs(side) ** (2 * expr.args[1])
    if isinstance(expr, sympy.Mul):
        merged = sympy.powsimp(plain(expr), force=True)
        if merged != expr:
            yield merged


def split_log(expr: Expr) -> Iterator[Expr]:
    """The log of a power or a product, taken apart."""
    if isinstance(expr, sympy.log):
        found = sympy.expand_log(expr, force=True)
        if found != expr:
            yield found


def merged_log(expr: Expr) -> Iterator[Expr]:
    """Several logarithms as one."""
    if isinstance(expr, sympy.Add) and sum(t.has(sympy.log) for t in expr.args) > 1:
        found = sympy.logcombine(expr, force=True)
        if found != expr:
            yield found


Device = Callable[[Expr], Iterator[Expr]]
DEVICES: tuple[Device, ...] = (
    joined, expansion, factoring, collected, inside, simplest_square, reciprocal, powers,
    split_log, merged_log,
)  # fmt: skip


def simple_rewritings(expr: Expr) -> Iterator[Expr]:
    """What the rows alone make of any part: the cheap half of `rewritings`."""
    yield from rewritings(expr, devices=())


@cache
def _by_head() -> dict[type, tuple[tuple[Expr, Expr], ...]]:
    heads: dict[type, list[tuple[Expr, Expr]]] = {}
    for row in ROWS:
        heads.setdefault(row[0].func, []).append(row)
    return {head: tuple(rows) for head, rows in heads.items()}


def rewritings(expr: Expr, devices: Sequence[Device] = DEVICES) -> Iterator[Expr]:
    """The expressions that one rule makes of one part, in a fixed order."""
    parts = sorted(
        {p for p in sympy.preorder_traversal(expr) if isinstance(p, Expr) and p.has(ARGUMENT)},
        key=lambda p: (-p.count_ops(), sympy.default_sort_key(p)),
    )
    for part in parts:
        for new in _of_part(part, devices):
            if new != part and not new.has(S.NaN, S.ComplexInfinity, sympy.I, S.Infinity):
                yield expr.xreplace({part: new})


def _of_part(part: Expr, devices: Sequence[Device]) -> Iterator[Expr]:
    for pattern, result in _by_head().get(part.func, ()):
        for found, rest in matches(pattern, part):
            new = result.xreplace(found)
            yield new if rest is None else part.func(new, rest)
    for device in devices:
        yield from device(part)

"""Whether two scalar expressions are equal for all real numbers: a proof, or numbers that differ.

What is decided: rational functions of the symbols, of exponentials (and so of tanh, sinh, cosh,
sigmoids) and of square roots and logarithms of such, by a normal form; `where`, `Max`, `Min`, `Abs`
by cases. Exponentials of different monomials have no algebraic relation but `e^a e^b = e^(a+b)`,
so a difference whose normal form is not 0 is not 0. sympy's `simplify` takes no part.

>>> x = sympy.Symbol("x", real=True)
>>> prove(sympy.tanh(x), 2/(1 + sympy.exp(-2*x)) - 1).equal
True
>>> prove(x**2, x).counterexample
{x: 2}
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, S, Symbol
from sympy.core.relational import Relational

from graphnet.formula import functions as fn

__all__ = ["Verdict", "prove"]

_MOST_CASES = 729
_TRIES = 40
_DIGITS = 60
_SIMPLE = tuple(Rational(p, q) for p, q in (
    (2, 1), (-1, 1), (1, 2), (3, 1), (-3, 2), (0, 1), (5, 1), (-4, 1), (1, 3), (-2, 5), (7, 4)
))  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """`equal` is True where proved, False with a counterexample, None where neither was found."""

    equal: bool | None
    why: str
    counterexample: dict[Symbol, Rational] | None = None


def prove(a: Expr, b: Expr) -> Verdict:
    """Compares two expressions in real symbols, wherever both are defined."""
    difference = _spelled(a - b)
    symbols = sorted(difference.free_symbols, key=lambda s: (len(str(s)), str(s)))
    found = _counterexample(difference, symbols)
    if found is not None:
        return Verdict(False, "they differ at a point", found)
    cases = list(itertools.islice(_cases(difference, ()), _MOST_CASES + 1))
    if len(cases) > _MOST_CASES:
        return Verdict(None, f"there are more than {_MOST_CASES} cases")
    left = [case for case in cases if not case.is_zero]
    if not left:
        told = "the normal form of the difference is 0"
        return Verdict(True, told if len(cases) == 1 else f"{told} in each of {len(cases)} cases")
    return Verdict(None, f"the normal form of the difference is {_normal(left[0].expr)}")


# -- normal form ---------------------------------------------------------------------------------


def _normal(expr: Expr) -> Expr:
    """A fraction of polynomials in symbols, exponentials, roots and logarithms; 0 if it is 0."""
    expr = _spelled(expr)
    before = None
    while expr != before:  # a logarithm may free an exponential, and the other way round
        before = expr
        expr = _rational(_logs_apart(_rational(expr)))
    return expr


def _spelled(expr: Expr) -> Expr:
    """Everything by exp, log and powers."""
    expr = expr.replace(fn.log1p, lambda x: sympy.log(1 + x))
    expr = expr.replace(fn.expm1, lambda x: sympy.exp(x) - 1)
    expr = expr.replace(fn.expw, lambda b, y: sympy.exp(b - y))
    for name in (sympy.tanh, sympy.sinh, sympy.cosh):
        expr = expr.replace(name, lambda x, f=name: f(x).rewrite(sympy.exp))
    return expr


def _rational(expr: Expr) -> Expr:
    """Exponentials as powers of independent generators, then one fraction in lowest terms."""
    expr = sympy.powsimp(expr, combine="exp") if expr.has(sympy.exp) else expr
    expr = expr.replace(sympy.exp, lambda u: _exponential(_rational_inside(u)))
    generators: dict[Expr, Symbol] = {}

    def opaque(f: Expr) -> Expr:
        key = f.func(*(_rational_inside(x) for x in f.args))
        return generators.setdefault(key, sympy.Dummy(f"g{len(generators)}", real=True))

    kinds = (sympy.log, sympy.erf, sympy.sin, sympy.cos, sympy.tan, sympy.atan)
    for kind in kinds:
        expr = expr.replace(kind, lambda *args, k=kind: opaque(k(*args)))
    bases: dict[Expr, Symbol] = {}
    for e in sorted(expr.atoms(sympy.exp), key=sympy.default_sort_key):
        monomial = e.args[0].as_coeff_Mul()[1]
        bases.setdefault(monomial, sympy.Dummy(f"e{len(bases)}", positive=True))
    steps = {
        m: sympy.ilcm(*(e.args[0].as_coeff_Mul()[0].q for e in expr.atoms(sympy.exp)
                        if e.args[0].as_coeff_Mul()[1] == m), 1)
        for m in bases
    }  # fmt: skip

    def power(u: Expr) -> Expr:
        coefficient, monomial = u.as_coeff_Mul()
        return bases[monomial] ** (coefficient * steps[monomial])

    expr = expr.replace(sympy.exp, power)
    top, bottom = sympy.fraction(sympy.cancel(sympy.together(expr)))
    back = {symbol: key for key, symbol in generators.items()}
    back |= {s: sympy.exp(m / steps[m]) for m, s in bases.items()}
    return (sympy.expand(top) / bottom).xreplace(back)


def _rational_inside(u: Expr) -> Expr:
    return sympy.expand(sympy.cancel(sympy.together(u))) if not u.is_Atom else u


def _exponential(u: Expr) -> Expr:
    """e^(a + b) = e^a e^b and e^(n log x) = x^n: one factor a monomial."""
    factors = []
    for term in sympy.Add.make_args(sympy.expand(u)):
        coefficient, rest = term.as_coeff_Mul()
        if isinstance(rest, sympy.log) and coefficient.is_Integer:
            factors.append(rest.args[0] ** coefficient)
        else:
            factors.append(sympy.exp(term, evaluate=False) if term != 0 else S.One)
    return sympy.Mul(*factors)


def _logs_apart(expr: Expr) -> Expr:
    """log(a*b/c) = log a + log b - log c over positive factors, log e^u = u."""

    def apart(u: Expr) -> Expr:
        top, bottom = sympy.fraction(sympy.together(u))
        total: Expr = S.Zero
        for sign, part in ((1, top), (-1, bottom)):
            for factor in sympy.Mul.make_args(sympy.factor(part)):
                base, exponent = factor.as_base_exp()
                if isinstance(factor, sympy.exp):
                    total += sign * factor.args[0]
                elif base == S.Exp1:
                    total += sign * exponent
                elif _positive(base):
                    total += sign * exponent * sympy.log(base)
                else:
                    return sympy.log(u)
        return total

    return expr.replace(sympy.log, apart)


def _positive(expr: Expr) -> bool:
    """Sums and products of exponentials and positive numbers."""
    if isinstance(expr, sympy.Add | sympy.Mul):
        return all(_positive(a) for a in expr.args)
    return bool(isinstance(expr, sympy.exp) or expr.is_positive)


# -- cases ---------------------------------------------------------------------------------------

_BRANCHES = (fn.where, fn.Max, fn.Min, fn.Abs, fn.sign, fn.Heaviside)


@dataclass(frozen=True)
class _Case:
    """The expression without branches where each (d, s) of `given` has sign(d) = s."""

    expr: Expr
    given: tuple[tuple[Expr, int], ...]

    @property
    def is_zero(self) -> bool:
        """Whether the expression is 0 in this case, or the case never happens."""
        return _normal(self.expr) == 0 or self._never()

    def _never(self) -> bool:
        """Whether the signs exclude each other, or hold only at points where it is 0."""
        symbols = sorted(set().union(*(d.free_symbols for d, _ in self.given)), key=str)
        if not self.given or len(symbols) != 1:
            return False
        (symbol,) = symbols
        region: Any = S.Reals
        for d, sign in self.given:
            relation = {1: d > 0, -1: d < 0, 0: sympy.Eq(d, 0)}[sign]
            try:
                region = region.intersect(sympy.solveset(relation, symbol, S.Reals))
            except (NotImplementedError, ValueError, TypeError):
                return False  # what sympy cannot solve is not decided here
        if isinstance(region, sympy.FiniteSet):
            return all(_normal(self.expr.xreplace({symbol: p})) == 0 for p in region)
        return bool(region == S.EmptySet)


def _cases(expr: Expr, given: tuple[tuple[Expr, int], ...]) -> Iterator[_Case]:
    """The expression under each choice of the signs that its branches depend on."""
    d = _decider(expr)
    if d is None:
        yield _Case(expr, given)
        return
    for sign in (1, -1, 0):
        chosen, told = _decided(expr, d, sign), (*given, (d, sign))
        solved = _on_boundary(d) if sign == 0 else None
        if solved:  # one symbol is a sum of the others
            chosen, told = chosen.xreplace(solved), given
        yield from _cases(chosen, told)


def _on_boundary(d: Expr) -> dict[Symbol, Expr] | None:
    """A symbol in terms of the others where d = 0 is linear in it."""
    for symbol in sorted(d.free_symbols, key=str):
        slope = d.diff(symbol)
        if slope.is_Rational and slope != 0:
            return {symbol: sympy.expand(symbol - d / slope)}
    return None


def _decider(expr: Expr) -> Expr | None:
    """A difference whose sign decides a branch that holds no other branch in its condition."""
    nodes = sorted(expr.atoms(*_BRANCHES), key=lambda e: (e.count_ops(), sympy.default_sort_key(e)))
    for node in nodes:
        if isinstance(node, fn.where):
            relations = sorted(node.args[0].atoms(Relational), key=sympy.default_sort_key)
            if relations:
                return _canonical(relations[0].lhs - relations[0].rhs)[0]
        elif isinstance(node, fn.Max | fn.Min):
            return _canonical(node.args[0] - node.args[1])[0]
        else:
            return _canonical(node.args[0])[0]
    return None


def _canonical(d: Expr) -> tuple[Expr, int]:
    """(d', s) with d' a positive multiple of s*d, the same for d and -d."""
    d = sympy.expand(d)
    leading = sorted(sympy.Add.make_args(d), key=sympy.default_sort_key)[-1]
    coefficient = leading.as_coeff_Mul()[0]
    if coefficient == 0 or not coefficient.is_Rational:
        return d, 1
    return sympy.expand(d / coefficient), 1 if coefficient > 0 else -1


_HOLDS = {
    sympy.StrictGreaterThan: (1,), sympy.GreaterThan: (0, 1), sympy.StrictLessThan: (-1,),
    sympy.LessThan: (-1, 0), sympy.Eq: (0,), sympy.Ne: (-1, 1),
}  # fmt: skip


def _decided(expr: Expr, d: Expr, sign: int) -> Expr:
    """The expression where the sign of d is known."""

    def side(e: Expr) -> int | None:
        form, own = _canonical(e)
        return sign * own if form == d else None

    def relation(*args: Any, kind: Any) -> Any:
        known = side(args[0] - args[1])
        return (
            kind(*args) if known is None else sympy.true if known in _HOLDS[kind] else sympy.false
        )

    def extremum(*args: Any, kind: Any) -> Any:
        known = side(args[0] - args[1])
        if known is None:
            return kind(*args)
        first = (known >= 0) == (kind is fn.Max)
        return kind(args[0] if first else args[1], *args[2:])

    def signed(*args: Any, kind: Any) -> Any:
        known = side(args[0])
        if known is None:
            return kind(*args)
        if kind is fn.Abs:
            return known * args[0]
        if kind is fn.sign:
            return Integer(known)
        middle = args[1] if len(args) == 2 else Rational(1, 2)
        return S.One if known > 0 else S.Zero if known < 0 else middle

    for kind in _HOLDS:
        expr = expr.replace(kind, lambda *a, k=kind: relation(*a, kind=k))
    for kind in (fn.Max, fn.Min):
        expr = expr.replace(kind, lambda *a, k=kind: extremum(*a, kind=k))
    for kind in (fn.Abs, fn.sign, fn.Heaviside):
        expr = expr.replace(kind, lambda *a, k=kind: signed(*a, kind=k))
    return expr


# -- numbers -------------------------------------------------------------------------------------


def _counterexample(
    difference: Expr, symbols: Sequence[Symbol]
) -> dict[Symbol, Rational] | None:  # fmt: skip
    """Rational numbers at which the difference is certainly not 0."""
    for k in range(_TRIES):
        numbers = (_SIMPLE[(k + 3 * j + k * j // 7) % len(_SIMPLE)] for j in range(len(symbols)))
        point = dict(zip(symbols, numbers))
        if not _defined(difference, point):
            continue  # sqrt(-2)*sqrt(-3) is a real number, but not by real numbers
        value = difference.xreplace(point)
        try:
            number = _spelled(value).evalf(_DIGITS, maxn=400)
        except (ValueError, TypeError, ZeroDivisionError):
            continue
        if number.is_real and number.is_finite and abs(number) > Rational(1, 10**30):
            return point
    return None


def _defined(expr: Expr, point: dict[Symbol, Rational]) -> bool:
    """Whether no root or logarithm has an argument at a point that real numbers do not have."""
    inside = [p.base for p in expr.atoms(sympy.Pow) if not p.exp.is_Integer and p.base != S.Exp1]
    inside += [f.args[0] for f in expr.atoms(sympy.log)]
    return not any(u.xreplace(point).is_negative for u in inside)

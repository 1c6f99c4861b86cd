"""Equation -> LaTeX, as a textbook sets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.logic.boolalg import And, Not, Or

from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.arrange import fraction, negative, ordered, terms
from graphnet.formula.extent import Extent, Floor
from graphnet.formula.formula import Equation, symbol_kind
from graphnet.formula.show import RELATION, Shower
from graphnet.formula.spelling import decimal
from graphnet.formula.subscript import Affine

__all__ = ["latex"]

KNOWN = ["log", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"]
TRIGONOMETRIC = ["sin", "cos", "tan", "sinh", "cosh", "tanh"]  # a power stands on the name
RELATIONS = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne", "==": "="}
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
        "tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi "
        "Omega".split(),
        strict=True,
    )
)


def latex(equation: Equation) -> str:
    """The equation in LaTeX math, without dollar signs."""
    f, e = equation.formula, equation
    texter = _Latex(equation)
    body = texter.scalar(f.body, loose=f.reduce != "Sum")
    if f.reduce and not f.accumulate:
        below = ",".join(name(texter.index[p]) for p in f.over)
        symbol = {
            "Sum": r"\sum", "Max": r"\max", "Min": r"\min",
            "LogSumExp": r"\operatorname*{logsumexp}",
        }[f.reduce]  # fmt: skip
        body = f"{symbol}_{{{below}}} {body}"
    relation = r"\mathrel{+}=" if f.accumulate else "="
    bounds = "".join(
        rf",\; {name(texter.index[p])} < {extent(b)}"
        for p, b in enumerate(f.bounds)
        if b is not None
    )
    return f"{texter.element(e.name, f.target)} {relation} {body}{bounds}"


def name(text: str) -> str:
    """A name as math: one letter in italics, d_X as an adjoint with a bar, others upright."""
    if text.endswith("'"):
        return f"{name(text[:-1])}'"
    if text.startswith("d_") and len(text) > 2:
        head, layer, number = name(text[2:]).partition("^{(")  # the bar is the letter's alone
        return rf"\bar{{{head}}}{layer}{number}"
    letters = "".join(rf"\{GREEK[c]} " if c in GREEK else c for c in text).strip()
    if len(text) == 1:
        return letters
    head = text.rstrip("0123456789")
    if len(head) == 1 and head != text:
        return rf"{name(head)}^{{({text[len(head) :]})}}"
    return rf"\mathrm{{{letters.replace('_', chr(92) + '_')}}}"


def extent(e: Extent) -> str:
    """A size as math: names upright, products by a space, floors as such."""
    if isinstance(e, int):
        return str(e)
    text = ""
    for monomial, c in e.terms:
        factors = [name(a) if isinstance(a, str) else _floor(a) for a in monomial]
        number = [str(abs(c))] if abs(c) != 1 or not factors else []
        sign = " - " if c < 0 else " + "
        text += (sign if text else sign.strip(" +")) + " ".join(number + factors)
    return text


def _floor(atom: Floor) -> str:
    return rf"\left\lfloor \frac{{{extent(atom.inner)}}}{{{atom.divisor}}} \right\rfloor"


class _Latex:
    times = " "  # between factors

    def __init__(self, equation: Equation) -> None:
        self.equation, self.f = equation, equation.formula
        self.plain = Shower(equation)
        self.index = self.plain.index

    def element(self, tensor: str, at: Sequence[Affine]) -> str:
        if not at:
            return name(tensor)
        inside = ",".join(self.subscript(s) for s in at)
        return f"{name(tensor)}_{{{inside}}}"

    def subscript(self, s: Affine) -> str:
        if s.bare is not None:
            return name(self.index[s.bare])
        text = self.plain.affine(s)[0]
        text = text.replace("%", r"\bmod ").replace("//", r"\mathbin{/\!/}").replace("*", r" ")
        return text.replace("_", r"\_").replace("[", "_{").replace("]", "}")

    def scalar(self, expr: Any, loose: bool = True) -> str:
        """Text of a scalar; where it is not loose a sum stands in brackets."""
        if isinstance(expr, sympy.Symbol):
            return self.symbol(expr)
        if expr.is_Rational or expr in (sympy.oo, -sympy.oo, sympy.pi):
            return self.number(expr)
        if isinstance(expr, sympy.Add):
            text = self.sum(expr, factor=not loose)
            return text if loose else rf"\left({text}\right)"
        if isinstance(expr, sympy.Mul):
            return self.product(expr, loose)
        if isinstance(expr, sympy.Pow):
            return self.power(expr)
        if expr is sympy.S.Exp1:
            return "e"
        if isinstance(expr, sympy.exp):
            return f"e^{{{self.scalar(expr.args[0])}}}"
        if isinstance(expr, fn.where):
            return self.cases(expr)
        if isinstance(expr, fn.Abs):
            return rf"\left|{self.scalar(expr.args[0])}\right|"
        if isinstance(expr, fn.floor | fn.floordiv):
            parts = [self.scalar(a) for a in expr.args]
            inside = rf"\frac{{{parts[0]}}}{{{parts[1]}}}" if len(parts) == 2 else parts[0]
            return rf"\left\lfloor {inside} \right\rfloor"
        if isinstance(expr, sympy.Function):
            own = type(expr).__name__.lower()
            upright = own.replace("_", r"\_")
            head = rf"\{own}" if own in KNOWN else rf"\operatorname{{{upright}}}"
            inside = ", ".join(self.scalar(a) for a in expr.args)
            return rf"{head}\left({inside}\right)"
        raise GraphnetError(f"{type(expr).__name__} has no place in a formula: {expr}")

    def symbol(self, symbol: sympy.Symbol) -> str:
        kind, k = symbol_kind(symbol)
        if kind == "h":
            read = self.f.reads[k]
            return self.element(self.equation.operands[read.slot], read.subs)
        if kind == "d":
            return extent(self.f.dims[k])
        index = name(self.index[k])
        return index if kind == "i" else rf"\left|{index}\right|"

    def number(self, value: Any) -> str:
        if value in (sympy.oo, -sympy.oo):
            return r"\infty" if value > 0 else r"-\infty"
        if value == sympy.pi:
            return r"\pi"
        text = decimal(value)
        if "/" in text:
            p, q = text.lstrip("-").split("/")
            return ("-" if text.startswith("-") else "") + rf"\frac{{{p}}}{{{q}}}"
        if "e" in text:
            mantissa, exponent = text.split("e")
            power = f"10^{{{int(exponent)}}}"
            return power if mantissa == "1" else rf"{mantissa} \cdot {power}"
        return text

    def sum(self, expr: Any, factor: bool = False) -> str:
        if not factor and all(minus for minus, _ in terms(expr)):
            return rf"-\left({self.sum(-expr)}\right)"
        (minus, head), *rest = terms(expr)
        out = ("-" if minus else "") + self.scalar(head, loose=False)
        for minus, term in rest:
            out += f" {'-' if minus else '+'} {self.scalar(term, loose=False)}"
        return out

    def product(self, expr: Any, loose: bool) -> str:
        if negative(expr):
            text = f"-{self.scalar(-expr, loose=False)}"
            return text if loose else rf"\left({text}\right)"
        coefficient, _ = expr.as_coeff_Mul()
        if not coefficient.is_Rational:
            coefficient = sympy.S.One  # oo is one of the factors above
        above, below = fraction(expr)
        top = [self.scalar(a, loose=not below and len(above) == 1 and coefficient == 1)
               for a in above]  # fmt: skip
        if below:
            top = [self.scalar(a, loose=len(above) == 1) for a in above]
        if len(above) > 1 or coefficient.p != 1 or not below:
            top = [rf"\left({t}\right)" if t.startswith("-") else t for t in top]
        number = self.number(sympy.Rational(coefficient.p, 1 if below else coefficient.q))
        if below:
            bottom = [self.scalar(b, loose=len(below) == 1 and coefficient.q == 1) for b in below]
            if coefficient.q != 1:
                bottom.insert(0, str(coefficient.q))
            head = self.times.join([number, *top] if coefficient.p != 1 else top) or "1"
            return rf"\frac{{{head}}}{{{self.times.join(bottom)}}}"
        return self.times.join([number, *top] if coefficient != 1 else top)

    def power(self, expr: Any) -> str:
        base, exponent = expr.args
        if exponent.is_Rational and exponent.is_negative:
            return rf"\frac{{1}}{{{self.scalar(sympy.Pow(base, -exponent))}}}"
        if exponent == sympy.Rational(1, 2):
            return rf"\sqrt{{{self.scalar(base)}}}"
        own = type(base).__name__.lower()
        if own in TRIGONOMETRIC and exponent.is_Integer:
            return rf"\{own}^{{{exponent}}}\left({self.scalar(base.args[0])}\right)"
        text = self.scalar(base)
        simple = isinstance(base, sympy.Symbol) or (base.is_Integer and base >= 0)
        text = text if simple else rf"\left({text}\right)"
        return f"{{{text}}}^{{{self.scalar(exponent)}}}"

    def cases(self, expr: Any) -> str:
        rows = []
        while isinstance(expr, fn.where):
            condition, value, expr = expr.args
            rows.append(rf"{self.scalar(value)} & {self.condition(condition)}")
        rows.append(rf"{self.scalar(expr)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def condition(self, expr: Any) -> str:
        if isinstance(expr, fn.Holds):
            return self.scalar(expr.args[0])
        if type(expr) in RELATION:
            symbol = RELATION[type(expr)]
            a, b = expr.args
            return f"{self.scalar(a)} {RELATIONS.get(symbol, symbol)} {self.scalar(b)}"
        if isinstance(expr, And | Or):
            word = r" \land " if isinstance(expr, And) else r" \lor "
            return word.join(rf"\left({self.condition(a)}\right)" for a in ordered(expr))
        if isinstance(expr, Not):
            return rf"\lnot \left({self.condition(expr.args[0])}\right)"
        return r"\text{true}" if expr == sympy.true else r"\text{false}"

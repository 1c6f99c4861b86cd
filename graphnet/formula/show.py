"""Equation -> text, Unicode or LaTeX; the text parses back to the same equation.

>>> from graphnet.formula.parse import parse
>>> (equation,) = parse("Y[n,o] = Sum(x[n,i]*W[i,o], i)")
>>> show(equation)
'Y[n,o] = Sum(x[n,i]*W[i,o], i)'
>>> show(equation, "unicode")
'Y[n,o] = Σᵢ x[n,i]·W[i,o]'
>>> print(show(equation, "latex"))
Y_{n,o} = \\sum_{i} x_{n,i} W_{i,o}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sympy
from sympy.logic.boolalg import And, Not, Or

from graphnet.errors import GraphnetError, told
from graphnet.formula import functions as fn
from graphnet.formula.arrange import fraction, negative, ordered, terms
from graphnet.formula.extent import Extent, neg, show_extent
from graphnet.formula.formula import Equation, Formula, symbol_kind
from graphnet.formula.named import in_names
from graphnet.formula.spelling import decimal, lowered, sizes_in, spelled
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, Mod

__all__ = ["RELATION", "Shower", "canonical_order", "show"]

ATOM, POWER, UNARY, PRODUCT, SUM, COMPARE, NOT, AND, OR = 9, 8, 7, 6, 5, 4, 3, 2, 1
RELATION = {
    sympy.StrictLessThan: "<", sympy.LessThan: "<=", sympy.StrictGreaterThan: ">",
    sympy.GreaterThan: ">=", sympy.Eq: "==", sympy.Ne: "!=",
}  # fmt: skip
UNICODE_RELATION = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}
SUPERSCRIPT = dict(zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))


@lru_cache(maxsize=8192)
def show(equation: Equation, style: str = "text") -> str:
    """The equation in one line; style "text" (parses back), "unicode" or "latex".

    Searched functions have their textbook names (`named`): for people, not for saving.
    """
    equation = replace(equation, formula=in_names(equation.formula))
    if style == "latex":
        from graphnet.formula.latex import latex

        return latex(equation)
    if style not in ("text", "unicode"):
        raise GraphnetError(f"style is 'text', 'unicode' or 'latex', not {told(style)}")
    return Shower(equation, style == "unicode").line()


@lru_cache(maxsize=8192)
def canonical_order(f: Formula) -> tuple[int, ...]:
    """The loops of a "+=" in the order in which its own text names them: no spelling changes it.

    Renumbering may reorder the text, so it is repeated; of a cycle the first text is taken.
    """
    order = tuple(range(f.indices))
    seen: list[tuple[str, tuple[int, ...]]] = []
    while True:
        text, appearance = _appearance(f)
        again = next((k for k, (earlier, _) in enumerate(seen) if earlier == text), None)
        if again is not None:
            return min(seen[again:])[1]
        seen.append((text, order))
        f, order = f.with_indices(appearance), tuple(order[p] for p in appearance)


def _appearance(f: Formula) -> tuple[str, list[int]]:
    """The text of a formula with names made of numbers, and its indices as they appear in it."""
    slots = max(f.slots, default=-1) + 1
    names = tuple(f"i{p}_" for p in range(f.indices))
    text = Shower(Equation(f, "Y", tuple(f"T{k}" for k in range(slots)), names)).line()
    found = dict.fromkeys(int(p) for p in re.findall(r"\bi(\d+)_", text))
    return text, [*found, *(p for p in range(f.indices) if p not in found)]


class Shower:
    """Writes one equation; every part comes with how tightly it binds."""

    def __init__(self, equation: Equation, pretty: bool = False) -> None:
        self.equation, self.pretty = equation, pretty
        self.f = equation.formula
        self.index = spelled(equation)
        self.reserved = {"oo", "pi", *self.index, *sizes_in(self.f)}

    def line(self) -> str:
        f, e = self.f, self.equation
        body, level = self.scalar(f.body)
        over = [self.index[p] for p in f.over]
        if f.reduce and not f.accumulate:
            body = self.reduced(body, level, over)
        target = self.element(e.name, f.target)
        tail = "".join(
            f", {self.index[p]} < {show_extent(b)}" for p, b in enumerate(f.bounds) if b is not None
        )
        if f.shape is not None and not self.pretty:
            tail += f", shape ({', '.join(show_extent(s) for s in f.shape)})"
        return f"{target} {'+=' if f.accumulate else '='} {body}{tail}"

    def reduced(self, body: str, level: int, over: Sequence[str]) -> str:
        reduce = str(self.f.reduce)
        if not self.pretty:
            return f"{reduce}({', '.join([body, *over])})"
        below = lowered(over)
        if reduce == "Sum":
            return f"Σ{below} {body if level >= PRODUCT else f'({body})'}"
        return f"{ {'Max': 'max', 'Min': 'min', 'LogSumExp': 'logsumexp'}[reduce] }{below}({body})"

    # -- reads -----------------------------------------------------------------------------------

    def element(self, name: str, at: Sequence[Affine]) -> str:
        """name[subs]; the brackets of a 0-d tensor are left out where its name says enough."""
        if not at and (self.pretty or name not in self.reserved):
            return name
        return f"{name}[{self.commas(at)}]"

    def commas(self, at: Sequence[Affine]) -> str:
        return ",".join(self.affine(s)[0] for s in at)

    def affine(self, s: Affine) -> tuple[str, int]:
        parts: list[tuple[bool, str]] = []
        for atom, coefficient in s.terms:
            minus = isinstance(coefficient, int) and coefficient < 0
            size: Extent = -coefficient if minus else coefficient  # type: ignore[operator]
            text, level = self.atom(atom)
            if size != 1:
                factor = show_extent(size)
                factor = factor if factor.isidentifier() or factor.isdigit() else f"({factor})"
                text = f"{factor}*{text if level >= UNARY else f'({text})'}"
                level = PRODUCT
            parts.append((minus, text))
        if s.const != 0 or not parts:
            const = s.const
            minus = bool(parts) and show_extent(const).startswith("-")
            text = show_extent(neg(const) if minus else const)
            simple = isinstance(const, int) or text.isidentifier()
            parts.append((minus, text if simple else f"({text})"))
        if len(parts) == 1:
            minus, text = parts[0]
            return (f"-{text}", UNARY) if minus else (text, level if s.terms else ATOM)
        first = next((k for k, (minus, _) in enumerate(parts) if not minus), 0)
        parts.insert(0, parts.pop(first))
        out = ("-" if parts[0][0] else "") + parts[0][1]
        for minus, text in parts[1:]:
            out += f" {'-' if minus else '+'} {text}"
        return out, SUM

    def atom(self, atom: Index | FloorDiv | Mod | Gather) -> tuple[str, int]:
        match atom:
            case Index(position):
                return self.index[position], ATOM
            case FloorDiv(inner, divisor) | Mod(inner, divisor):
                text, level = self.affine(inner)
                text = text if level >= ATOM else f"({text})"
                by = show_extent(divisor)
                by = by if by.isidentifier() or by.isdigit() else f"({by})"
                return f"{text}{' // ' if isinstance(atom, FloorDiv) else ' % '}{by}", PRODUCT
            case Gather(slot, subs):
                return f"{self.equation.operands[slot]}[{self.commas(subs)}]", ATOM

    # -- scalars ---------------------------------------------------------------------------------

    def at(self, expr: Any, level: int) -> str:
        text, own = self.scalar(expr)
        return text if own >= level else f"({text})"

    def scalar(self, expr: Any) -> tuple[str, int]:
        if isinstance(expr, sympy.Symbol):
            return self.symbol(expr), ATOM
        if expr.is_Rational or expr in (sympy.oo, -sympy.oo, sympy.pi):
            return self.number(expr)
        if isinstance(expr, sympy.Add):
            return self.sum(expr)
        if isinstance(expr, sympy.Mul):
            return self.product(expr)
        if isinstance(expr, sympy.Pow):
            return self.power(expr)
        if isinstance(expr, sympy.exp) or expr is sympy.S.Exp1:
            return f"exp({self.scalar(expr.args[0])[0] if expr.args else 1})", ATOM
        if isinstance(expr, fn.where):
            return self.choice(expr), ATOM
        if isinstance(expr, sympy.Function):
            name = "abs" if isinstance(expr, fn.Abs) else type(expr).__name__
            return f"{name}({', '.join(self.scalar(a)[0] for a in expr.args)})", ATOM
        raise GraphnetError(f"{type(expr).__name__} has no place in a formula: {expr}")

    def choice(self, expr: Any) -> str:
        """where(c, a, b); a long chain of them as Piecewise((a, c), ..., (z, True))."""
        pieces: list[str] = []
        while isinstance(expr, fn.where):
            condition, value, expr = expr.args
            pieces += [self.condition(condition)[0], self.scalar(value)[0]]
        pieces += ["True", self.scalar(expr)[0]]
        conditions, values = pieces[::2], pieces[1::2]
        if len(values) > 4:
            return f"Piecewise({', '.join(f'({v}, {c})' for c, v in zip(conditions, values))})"
        text = values[-1]
        for c, v in zip(reversed(conditions[:-1]), reversed(values[:-1])):
            text = f"where({c}, {v}, {text})"
        return text

    def symbol(self, symbol: sympy.Symbol) -> str:
        kind, k = symbol_kind(symbol)
        if kind == "h":
            read = self.f.reads[k]
            return self.element(self.equation.operands[read.slot], read.subs)
        if kind == "d":
            text = show_extent(self.f.dims[k])
            return text if text.isidentifier() else f"({text})"
        index = self.index[k]
        return index if kind == "i" else f"size({index})"

    def number(self, value: Any) -> tuple[str, int]:
        if value == sympy.pi:
            return ("π" if self.pretty else "pi"), ATOM
        if value in (sympy.oo, -sympy.oo):
            infinity = "∞" if self.pretty else "oo"
            return (infinity, ATOM) if value > 0 else (f"-{infinity}", UNARY)
        text = decimal(value)
        level = UNARY if text.startswith("-") else PRODUCT if "/" in text else ATOM
        return text, min(level, PRODUCT) if "/" in text else level

    def sum(self, expr: Any, factor: bool = False) -> tuple[str, int]:
        """Terms one after another; where all have a minus it stands before their sum.

        Not in a factor: -(a + b)*c reads back as the product -1*(a + b)*c.
        """
        if not factor and all(minus for minus, _ in terms(expr)):
            return f"-({self.sum(-expr)[0]})", UNARY - 1
        (minus, head), *rest = terms(expr)
        out = ("-" if minus else "") + self.at(head, PRODUCT)
        for minus, term in rest:
            out += f" {'-' if minus else '+'} {self.at(term, PRODUCT)}"
        return out, SUM

    def factor(self, expr: Any) -> str:
        return f"({self.sum(expr, True)[0]})" if expr.is_Add else self.at(expr, POWER)

    def product(self, expr: Any) -> tuple[str, int]:
        if negative(expr):
            text, level = self.scalar(-expr)
            return f"-{text if level >= PRODUCT else f'({text})'}", UNARY - 1
        coefficient, _ = expr.as_coeff_Mul()
        above, below = fraction(expr)
        times = "·" if self.pretty else "*"
        top, bottom = [self.factor(a) for a in above], [self.factor(b) for b in below]
        if coefficient.is_Rational and coefficient != 1:  # oo is one of the factors above
            text = decimal(coefficient)
            if "/" in text:
                p, q = text.split("/")
                bottom.append(q)
                top = [p, *top] if p != "1" else top
            else:
                top.insert(0, text)
        out = times.join(top) or "1"
        if len(bottom) == 1:
            return f"{out}/{bottom[0]}", PRODUCT
        return (f"{out}/({times.join(bottom)})" if bottom else out), PRODUCT

    def power(self, expr: Any) -> tuple[str, int]:
        base, exponent = expr.args
        if exponent.is_Rational and exponent.is_negative:
            return f"1/{self.at(sympy.Pow(base, -exponent), POWER)}", PRODUCT
        if exponent == sympy.Rational(1, 2):
            return f"{'√' if self.pretty else 'sqrt'}({self.scalar(base)[0]})", ATOM
        if self.pretty and exponent.is_Integer:
            raised = "".join(SUPERSCRIPT[c] for c in str(exponent))
            return f"{self.at(base, ATOM)}{raised}", POWER
        return f"{self.at(base, ATOM)}**{self.at(exponent, ATOM)}", POWER

    # -- conditions ------------------------------------------------------------------------------

    def condition(self, expr: Any) -> tuple[str, int]:
        if isinstance(expr, fn.Holds):
            return self.scalar(expr.args[0])
        if type(expr) in RELATION:
            symbol = RELATION[type(expr)]
            symbol = UNICODE_RELATION.get(symbol, symbol) if self.pretty else symbol
            a, b = expr.args
            return f"{self.at(a, SUM)} {symbol} {self.at(b, SUM)}", COMPARE
        if isinstance(expr, And | Or):
            word, level = ("and", AND) if isinstance(expr, And) else ("or", OR)
            parts = [self.condition_at(a, level + 1) for a in ordered(expr)]
            return f" {word} ".join(parts), level
        if isinstance(expr, Not):
            return f"not {self.condition_at(expr.args[0], COMPARE)}", NOT
        return ("True" if expr == sympy.true else "False"), ATOM

    def condition_at(self, expr: Any, level: int) -> str:
        text, own = self.condition(expr)
        return text if own >= level else f"({text})"

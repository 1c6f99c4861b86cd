"""How a formula of elements is written: each element by a text of its own, as name or as number.

>>> from graphnet.formula.formula import hole
>>> write(2 * hole(0) + hole(1), {0: "W[0]", 1: "b"}.__getitem__)
'2*W[0] + b'
>>> write(hole(0) * hole(1), {0: "3", 1: "-2"}.__getitem__, "unicode")
'3·(-2)'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from graphnet.arguments import one_of
from graphnet.formula.formula import Equation, Formula, symbol_kind
from graphnet.formula.latex import _Latex
from graphnet.formula.latex import name as latex_name
from graphnet.formula.named import told
from graphnet.formula.show import ATOM, SUM, Shower
from graphnet.network.neurons import Element

__all__ = ["STYLES", "element_text", "write"]

STYLES = ("text", "unicode", "latex")
_LOW = dict(zip("0123456789,", "₀₁₂₃₄₅₆₇₈₉,", strict=True))
_HIGH = dict(zip("0123456789,()", "⁰¹²³⁴⁵⁶⁷⁸⁹˒⁽⁾", strict=True))


def write(
    body: Any, text: Callable[[int], str], style: str = "text", numbers: bool = False
) -> str:  # fmt: skip
    """A body over holes in which hole k is written as `text(k)`, all of them `numbers` or names."""
    body = told(body)
    equation = Equation(Formula((), body, ()), "", ())
    if one_of("style", style, STYLES) == "latex":
        return _ElementLatex(equation, text, numbers).scalar(body)
    return _ElementText(equation, text, style == "unicode").scalar(body)[0]


class _ElementText(Shower):
    def __init__(self, equation: Equation, text: Callable[[int], str], pretty: bool) -> None:
        super().__init__(equation, pretty)
        self.text = text

    def scalar(self, expr: Any) -> tuple[str, int]:
        if isinstance(expr, sympy.Symbol):
            text = self.text(symbol_kind(expr)[1])
            return text, SUM if text.startswith("-") else ATOM
        return super().scalar(expr)


class _ElementLatex(_Latex):
    def __init__(self, equation: Equation, text: Callable[[int], str], numbers: bool) -> None:
        super().__init__(equation)
        self.text = text
        self.times = r" \cdot " if numbers else " "  # else 2 and 3 would read as 23

    def scalar(self, expr: Any, loose: bool = True) -> str:
        if isinstance(expr, sympy.Symbol):
            text = self.text(symbol_kind(expr)[1])
            return text if loose or not text.startswith("-") else rf"\left({text}\right)"
        return super().scalar(expr, loose)

    def power(self, expr: Any) -> str:
        base, exponent = expr.args
        if isinstance(base, sympy.Symbol) and exponent.is_positive and exponent.is_Integer:
            text = self.scalar(base, loose=False)
            text = rf"\left({text}\right)" if r"\cdot" in text else text  # 2.4 . 10^-7
            return f"{{{text}}}^{{{exponent}}}"
        return super().power(expr)


def element_text(element: Element, role: str, style: str = "text", sample: bool = True) -> str:
    """An element in the notation of textbooks: superscript neuron, subscript input, from 1.

    `role` is what the last axis of its tensor counts: "unit" (the neuron stands above) or "input".
    In text style the element is written as it is read in a formula, `W1[0,2]`. Without `sample`
    the first axis, of one sample, is left out.
    """
    if style == "text" or not element.place:
        return latex_name(element.tensor) if style == "latex" else str(element)
    places = [p + 1 for p in element.place]
    places = places if sample else places[1:]
    above = places.pop() if role == "unit" and places else None
    below = ",".join(map(str, places))
    if style == "latex":
        # A name such as W1 is set as W^{(1)}: layer and neuron stand above together.
        base = latex_name(element.tensor)
        head, bracket, layer = base.partition("^{(")
        raised = f"{layer.removesuffix(')}')},{above}" if bracket else f"{above}"
        text = base if above is None else f"{head}^{{({raised})}}"
        return f"{text}_{{{below}}}" if below else text
    text = element.tensor + "".join(_LOW[c] for c in below)
    return text if above is None else text + "".join(_HIGH[c] for c in f"({above})")

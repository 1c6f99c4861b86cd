"""LaTeX as MathML, which browsers set without scripts; what is no math becomes escaped text.

>>> print(typeset("x^2", "x**2"))
<math><msup><mi>x</mi><mn>2</mn></msup></math>
>>> print(typeset("<script>}", "<script>"))
<code>&lt;script&gt;</code>
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache, lru_cache

import math_core
from markupsafe import Markup

__all__ = ["ADJOINT", "phrases", "typeset"]

ADJOINT = r"\textcolor{red}"  # around what comes from the backward pass: class "adjoint" in a page

_TAGS = {
    "math", "mfrac", "mi", "mn", "mo", "mover", "mpadded", "mrow", "mspace", "msqrt", "msub",
    "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover",
}  # fmt: skip
_TALL = ("mfrac", "msqrt", "mtable", "munder", "munderover")
_SIGNS = "=+−"


def typeset(latex: str, plain: str, display: bool = False) -> Markup:
    """One formula; `plain` is shown where the LaTeX is none."""
    root = _tree(latex, display)
    if root is None:
        return Markup("<code>{}</code>").format(plain)
    return _written(root)


def phrases(latex: str, plain: str) -> Markup:
    """A formula in pieces, a new one at every sign between terms: MathML has no line breaks."""
    root = _tree(latex, True)
    if root is None:
        return Markup("<code>{}</code>").format(plain)
    pieces = [ET.Element("math", displaystyle="true")]
    for k, part in enumerate(root):
        unary = part.text != "=" and part.get("lspace") == "0"
        if part.tag == "mo" and (part.text or " ") in _SIGNS and not unary:
            part.attrib.clear()
            part.set("form", "infix")  # a sign in front of its piece keeps the space around it
            if k:
                pieces.append(ET.Element("math", displaystyle="true"))
        pieces[-1].append(part)
    return Markup(" ").join(map(_written, pieces))


@cache
def _converter() -> math_core.LatexToMathML:
    return math_core.LatexToMathML(fancy_error=False)


def _tree(latex: str, display: bool) -> ET.Element | None:
    text = _converted(latex, display)
    if text is None:
        return None
    root = ET.fromstring(text)
    if any(part.tag not in _TAGS for part in root.iter()):
        return None
    for part in root.iter():
        if (part.get("style") or "").startswith("color:"):
            part.attrib.pop("style")
            part.set("class", "adjoint")
        if part.tag == "mover" and len("".join(part[0].itertext())) > 1:
            part.remove(part[1])  # a bar as long as the name under it
            part.tag, part.attrib = "mrow", {"class": "bar-over"}
        inside = [p.tag for p in part.iter()]
        fence = part.tag == "mrow" and len(part) > 1 and part[0].text in ("(", "|")
        if fence and not any(tag in inside for tag in _TALL):
            for end in (part[0], part[-1]):  # else one sub- or superscript makes it tower
                end.set("stretchy", "false")
    return root


@lru_cache(maxsize=10_000)
def _converted(latex: str, display: bool) -> str | None:
    try:
        text = _converter().convert_with_local_state(latex, displaystyle=display)
    except math_core.LatexError:
        return None
    return text.replace("&ApplyFunction;", "\u2061")


def _written(root: ET.Element) -> Markup:
    return Markup(ET.tostring(root, encoding="unicode"))

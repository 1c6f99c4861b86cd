"""How pictures look: colors, shapes and the measured width of text.

The colors are told apart with any color vision (Okabe and Ito, 2008, lightened for fills), and
each kind of node has a shape of its own besides. Text is measured with the very font that draws
it, DejaVu Sans, which matplotlib ships: a layout engine's guess is poor for anything non-ASCII.

>>> shorten("Y[n,o] = Sum(x[n,i]*W[i,o], i)", 16)
'Y[n,o] = Sum(x[…'
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = [
    "FAMILY", "FONT", "INK", "KINDS", "PALETTE", "PAPER", "SIZE", "Kind", "clean", "font_files",
    "has_glyphs", "shorten", "text_width", "widest",
]  # fmt: skip

FONT = "DejaVu Sans"
FAMILY = "'DejaVu Sans', Verdana, sans-serif"
SIZE = 12.0  # points, at 100 %

# One color a stage: the loss belongs to the forward pass. What passes to the next step of a
# recurrence has one of its own.
INK = {
    "forward": "#111111", "loss": "#111111", "backward": "#C1121F", "update": "#0B57C2",
    "time": "#7B2D8E",
}  # fmt: skip
PAPER = "#FFFFFF"

# Okabe and Ito's colors with black first: for curves.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


@dataclass(frozen=True)
class Kind:
    """The look of a kind of node: its shape takes `wide` times its text's width, `tall` more."""

    title: str
    shape: str
    fill: str
    wide: float = 1.0
    tall: float = 0.0


KINDS = {
    "input": Kind("input", "parallelogram", "#D6EAF8", wide=1.5),
    "parameter": Kind("parameter", "hexagon", "#FCE5B8", wide=1.55),
    "state": Kind("state", "cylinder", "#D3EFE3", tall=22),
    "constant": Kind("constant", "note", "#E8E8E8", tall=2),
    "computed": Kind("formula", "box", "#FFFFFF"),
    "scan": Kind("scan", "box3d", "#FFFFFF", tall=6),
    "order": Kind("order", "octagon", "#FFFFFF", wide=1.2, tall=6),
    "layer": Kind("layer", "box", "#F1F4F8"),
    "fold": Kind("folded", "box", "#FFFFFF"),
}


def font_files() -> list[str]:
    """The two files of DejaVu Sans that matplotlib ships, regular and bold."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [str(folder / "DejaVuSans.ttf"), str(folder / "DejaVuSans-Bold.ttf")]


@cache
def _advances(bold: bool) -> dict[int, float]:
    """Code point -> width in em."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    with TTFont(font_files()[bold], lazy=True) as font:
        em, metrics = font["head"].unitsPerEm, font["hmtx"].metrics
        return {code: metrics[glyph][0] / em for code, glyph in font.getBestCmap().items()}


def text_width(text: str, size: float = SIZE, bold: bool = False) -> float:
    """The width of one line in points; a character the font lacks counts as one em."""
    advances = _advances(bold)
    return size * sum(0.0 if unicodedata.combining(c) else advances.get(ord(c), 1.0) for c in text)


def has_glyphs(text: str) -> bool:
    """Whether DejaVu Sans can draw all of a text."""
    return all(c.isspace() or ord(c) in _advances(False) for c in set(text))


def clean(text: str) -> str:
    """Text that XML and a layout engine can hold: one line, control characters shown as U+FFFD."""
    return "".join(" " if c in "\t\n\r" else "\ufffd" if _unfit(c) else c for c in text)


def _unfit(c: str) -> bool:
    # Control characters, lone surrogates, and marks that turn the direction of text.
    return (
        unicodedata.category(c) in ("Cc", "Cs")
        or c in "\ufffe\uffff"
        or (
            unicodedata.bidirectional(c) in ("RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "PDI")
        )
    )


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def widest(lines: Iterable[str], size: float = SIZE) -> float:
    """The width of the widest line, the first of which is bold."""
    return max((text_width(x, size, bold=k == 0) for k, x in enumerate(lines)), default=0.0)

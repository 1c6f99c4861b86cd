"""A timeline: years on a line, each label a flag at its year."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from graphnet.arguments import items, number
from graphnet.arguments import text as checked
from graphnet.errors import GraphnetError, told
from graphnet.view.plots.figure import Picture, picture
from graphnet.view.plots.given import label as as_label
from graphnet.view.style import PALETTE, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["timeline"]

SIZE, GAP, EDGE = 9.0, 10.0, 14.0  # of the labels in points, between them, and at the left
PITCH = 0.3  # inches a level


def timeline(
    events: Sequence[tuple[float, str]], *, title: str = "", width: float = 11.0
) -> Picture:
    """Events (year, label) over and under a line of years, `width` inches wide.

    Raises GraphnetError for no events, for what is no pair, and where a label does not fit.

    >>> import graphnet as gn
    >>> gn.plot.timeline([(1958, "perceptron"), (1986, "back-propagation")]).format
    'png'
    """
    head = as_label(title, "title")
    given = items("events", events, "pairs (year, label)")
    if not given:
        raise GraphnetError("there is no event to draw")
    if not 1 <= number("width", width) <= 100:
        raise GraphnetError(f"width is from 1 to 100 inches, not {told(width)}")
    try:
        placed = sorted((float(year), checked("a label", label)) for year, label in given)
    except (TypeError, ValueError, OverflowError):
        raise GraphnetError("expected events as pairs (year, label)") from None
    texts = [f"{year:g} {label}" for year, label in placed]
    widths = [text_width(text, SIZE) + GAP for text in texts]
    first, last = placed[0][0], placed[-1][0]
    shares = [(year - first) / (last - first or 1.0) for year, _ in placed]
    inner = min((72 * width - EDGE - w) / max(s, 0.1) for s, w in zip(shares, widths))
    if not (isfinite(last - first) and inner > 0):
        raise GraphnetError(f"these years and labels do not fit into a width of {width:g} inches")
    inner = min(inner, 72 * width - 2 * EDGE)
    at = [EDGE + inner * share for share in shares]
    levels = _levels(at, widths)
    low, high = min(*levels, 0), max(*levels, 0)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for k, (x, text, level) in enumerate(zip(at, texts, levels)):
            ink = PALETTE[k % len(PALETTE)]
            axes.plot([x, x], [0, level], color=ink, linewidth=1.2, zorder=1)
            axes.plot([x], [0], "o", color=ink, markersize=6, zorder=4)
            axes.text(
                x, level, as_label(text), fontsize=SIZE, ha="left", va="center", zorder=3,
                bbox={"facecolor": "white", "edgecolor": ink, "boxstyle": "square,pad=0.15"},
            )  # fmt: skip
        axes.plot([EDGE, EDGE + inner], [0, 0], color="#000000", linewidth=2, zorder=2)
        axes.set(xlim=(0, 72 * width), ylim=(low - 0.8, high + 0.8))
        axes.set_axis_off()
        if head:
            axes.set_title(head, loc="left", fontweight="bold")

    return picture((width, PITCH * (high - low + 1.6) + 0.3 * bool(title)), paint)


def _levels(at: list[float], widths: list[float]) -> list[int]:
    """A level for each label, nearest to the line first, over it and under it by turns.

    A label begins at its year. The later ones are placed first, so that one that reaches over
    their years has only to stand higher: then no label hides another or the stem of another.
    """
    levels: list[int] = []
    for k in reversed(range(len(at))):
        later = [(at[j], levels[len(at) - 1 - j]) for j in range(k + 1, len(at))]
        covered = [level for x, level in later if x < at[k] + widths[k]]
        over = 1 + max((level for level in covered if level > 0), default=0)
        under = 1 - min((level for level in covered if level < 0), default=0)
        levels.append(over if over <= under else -under)
    return levels[::-1]

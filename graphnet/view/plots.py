"""Learning curves and confusion matrices as PNG.

The figures are made without pyplot, so that neither the user's backend nor open figures change;
colors are told apart with any color vision, and lines differ in dashes besides.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphnet.errors import GraphnetError
from graphnet.view.style import PALETTE, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_counts", "confusion_matrix", "learning_curves"]

_DPI = 144
_WRITTEN = 20  # a confusion matrix of at most so many classes has its numbers written in


def learning_curves(history: Mapping[str, Sequence[float]]) -> bytes:
    """The PNG of a history: a panel a measurement, training solid and validation dashed.

    `history` maps names to a number an epoch; "val_x" is drawn in the panel of "x".
    Raises GraphnetError where it has no epoch.

    >>> learning_curves({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]})[1:4]
    b'PNG'
    """
    from matplotlib.ticker import MaxNLocator

    skipped = ("epoch", "seconds", "lr")
    names = [n for n in history if n not in skipped]
    panels = list(dict.fromkeys(n.removeprefix("val_") for n in names))
    if not panels or not any(len(history[n]) for n in names):
        raise GraphnetError("the history has no epoch to draw yet")
    with _defaults() as figure_of:
        figure = figure_of(figsize=(4.6 * len(panels), 3.6))
        for k, panel in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), k + 1)
            shown = [n for n in (panel, f"val_{panel}") if n in names]
            for name in shown:
                _curve(axes, name, history[name])
            axes.set_xlabel("epoch")
            axes.set_title(panel.replace("_", " "), loc="left", fontweight="bold")
            axes.grid(True, color="#DDDDDD", linewidth=0.8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend(frameon=False)
        return _png(figure)


def _curve(axes: Axes, name: str, values: Sequence[float]) -> None:
    held_out = name.startswith("val_")
    epochs = range(1, len(values) + 1)
    axes.plot(
        epochs,
        values,
        color=PALETTE[1 if held_out else 0],
        linestyle="--" if held_out else "-",
        marker="o" if len(values) < 3 else None,
        label="validation" if held_out else "training",
    )


def confusion_counts(actual: Sequence[int], predicted: Sequence[int], classes: int) -> Any:
    """counts[a, p]: how many rows of class a were taken for class p.

    >>> confusion_counts([0, 1, 1], [0, 1, 0], 2).tolist()
    [[1, 0], [1, 1]]
    """
    import numpy as np

    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (np.asarray(actual, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts


def confusion_matrix(counts: Any, classes: Sequence[str] = ()) -> bytes:
    """The PNG of a confusion matrix; rows are the true classes.

    Right answers are blue, mistakes orange, both darker with their share of the row.
    """
    import numpy as np

    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not len(counts):
        raise GraphnetError(f"a confusion matrix is square, not of shape {counts.shape}")
    n = len(counts)
    names = [shorten(str(c), 14) for c in classes] or [str(k) for k in range(n)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with _defaults() as figure_of:
        side = min(3.2 + 0.38 * n, 12.0)
        figure = figure_of(figsize=(side, side))
        axes = figure.add_subplot()
        axes.imshow(_tinted(share), aspect="equal")
        if n <= _WRITTEN:
            for a, p in np.argwhere(counts):
                ink = "white" if share[a, p] > (0.5 if a == p else 0.85) else "black"
                axes.text(p, a, f"{counts[a, p]}", ha="center", va="center", color=ink)
        long = max(map(len, names)) > 3
        axes.set_xticks(
            range(n), names, rotation=45 if long else 0, ha="right" if long else "center"
        )
        axes.set_yticks(range(n), names)
        axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
        axes.grid(True, which="minor", color="#CCCCCC", linewidth=0.8)
        axes.tick_params(which="both", length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        right, total = int(np.trace(counts)), int(counts.sum())
        axes.set_title(f"{right:,} of {total:,} right", loc="left", fontweight="bold")
        return _png(figure)


def _tinted(share: Any) -> Any:
    """The color of every cell: from white to blue on the diagonal, to orange elsewhere."""
    import numpy as np
    from matplotlib.colors import to_rgb

    n = len(share)
    full = np.where(np.eye(n, dtype=bool)[..., None], to_rgb(PALETTE[0]), to_rgb(PALETTE[1]))
    strength = np.where(np.eye(n, dtype=bool), share, np.where(share > 0, 0.15 + 0.85 * share, 0))
    return 1 - strength[..., None] * (1 - full)


@contextmanager
def _defaults() -> Iterator[type[Figure]]:
    """matplotlib's own look whatever the user's rcParams are."""
    from matplotlib import style
    from matplotlib.figure import Figure

    look = {"font.size": 11, "axes.titlesize": 12, "lines.linewidth": 2, "figure.dpi": _DPI}
    with style.context(["default", look]):
        yield Figure


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=_DPI, metadata={"Software": None})
    return held.getvalue()

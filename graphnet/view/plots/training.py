"""What training leaves: learning curves, the confusion matrix, a number a layer over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphnet.arguments import items, mapping
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.view.plots.figure import DASHES, Picture, panels, picture, tidy
from graphnet.view.plots.given import as_text, label, number_rows
from graphnet.view.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion", "confusion_counts", "history", "layers"]

CLASSES = 1000
_WRITTEN = 20  # a confusion matrix of at most so many classes has its numbers written in


def history(history: Mapping[str, Sequence[float]]) -> Picture:
    """The learning curves of a history: a panel a measurement, validation dashed.

    `history` maps names to a number an epoch; "val_x" is drawn in the panel of "x".
    Raises GraphnetError where it has no epoch.

    >>> history({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]}).format
    'png'
    """
    from matplotlib.ticker import MaxNLocator

    history = _rows("a history", history)
    names = [n for n in history if n not in ("epoch", "seconds", "lr")]
    measured = list(dict.fromkeys(n.removeprefix("val_") for n in names))
    if not measured or not any(len(history[n]) for n in names):
        raise GraphnetError("the history has no epoch to draw yet")

    def paint(axes: Axes, k: int) -> None:
        for name in (measured[k], f"val_{measured[k]}"):
            if name in names:
                _curve(axes, name, history[name])
        tidy(axes, measured[k].replace("_", " "), "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(frameon=False)

    return panels(len(measured), paint, size=(4.6, 3.6))


def _curve(axes: Axes, name: str, values: Sequence[float]) -> None:
    held_out = name.startswith("val_")
    axes.plot(
        range(1, len(values) + 1), values,
        color=PALETTE[1 if held_out else 0], linestyle="--" if held_out else "-",
        marker="o" if len(values) < 3 else None, label="validation" if held_out else "training",
    )  # fmt: skip


def layers(
    rows: Mapping[str, Sequence[float]], *, title: str = "", y: str = "",
    steps: Sequence[int] | None = None,
) -> Picture:  # fmt: skip
    """A number a layer over training, such as norms of gradients: a line a layer, logarithmic.

    `rows` maps a layer to a number an epoch, or one for each of `steps`, from the first layer,
    dark, to the last, bright: `gn.plot.layers(health.norms, steps=health.steps)`. The axis spans
    at least three decades, for a factor of 2 is no illness. Raises GraphnetError where a row and
    the steps differ in length.

    >>> layers({"W1": [1.0, 0.1], "W2": [1.0, 0.5]}, title="gradient norm").format
    'png'
    """
    rows = _rows("layers", rows)
    if not any(len(r) for r in rows.values()):
        raise GraphnetError("there is no layer to draw")
    if not any((r > 0).any() for r in rows.values()):
        raise GraphnetError("no layer has a number above 0, so there is none on a logarithmic axis")
    at = None if steps is None else number_rows(steps, "the steps")
    for name, values in rows.items():
        if at is not None and values.shape != at.shape:
            raise GraphnetError(f"the row of {told(name)} has {len(values)} numbers, not {at.size}")

    def paint(figure: Figure) -> None:
        import matplotlib
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_subplot()
        shades = matplotlib.colormaps["viridis"]
        for k, (name, numbers) in enumerate(rows.items()):
            shade = shades(0.9 * k / max(len(rows) - 1, 1))
            places = range(1, len(numbers) + 1) if at is None else at
            axes.plot(places, numbers, color=shade, linestyle=DASHES[k % 4], label=label(name))
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        room = max(1.0, (1000 * low / high) ** 0.5)
        axes.set_ylim(low / room, high * room)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        tidy(axes, title, "epoch" if at is None else "step", y)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)

    return picture((6.8, 4.0), paint)


def _rows(what: str, given: Any) -> dict[str, Any]:
    """Rows of numbers by name."""
    found = mapping(what, given, "rows of numbers by name")
    for name, values in found.items():
        found[name] = number_rows(values, f"the row of {label(name, 'the name of a row')!r}")
        if found[name].ndim != 1:
            raise GraphnetError(f"the row of {told(name)} has shape {found[name].shape}")
    return found


def confusion_counts(actual: Any, predicted: Any, classes: int) -> Any:
    """counts[a, p]: how many rows of class a were taken for class p.

    >>> confusion_counts([0, 1, 1], [0, 1, 0], 2).tolist()
    [[1, 0], [1, 1]]
    """
    import numpy as np

    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (np.asarray(actual, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts


def confusion(actual: Any, predicted: Any, classes: Sequence[str] = ()) -> Picture:
    """The confusion matrix of class ids; rows are the true classes.

    Right answers are blue, mistakes orange, both darker with their share of the row. `classes` are
    the names of the classes; without them there are as many as the largest id says.
    Raises GraphnetError for ids that do not fit.

    >>> confusion([0, 1, 1], [0, 1, 0], ["no", "yes"]).format
    'png'
    """
    truth, guess = _ids("the true classes", actual), _ids("the predicted classes", predicted)
    names = items("classes", classes, "names")
    if truth.shape != guess.shape or not len(truth):
        raise GraphnetError(f"{len(truth)} true classes and {len(guess)} predicted ones")
    count = len(names) or 1 + int(max(truth.max(), guess.max()))
    if count > CLASSES:
        raise GraphnetError(f"a matrix of at most {CLASSES} classes can be read, not of {count:,}")
    if min(truth.min(), guess.min()) < 0 or max(truth.max(), guess.max()) >= count:
        raise GraphnetError(f"the ids of {count} classes are 0 to {count - 1}")
    counts = confusion_counts(truth, guess, count)
    side = min(3.2 + 0.38 * count, 12.0)
    return picture((side, side), lambda figure: _matrix(figure, counts, names))


def _ids(what: str, values: Any) -> Any:
    import numpy as np

    try:
        found = np.asarray(values).ravel()
    except ValueError as error:
        raise GraphnetTypeError(f"{what} are no array: {error}") from None
    if found.dtype.kind not in "iub":
        raise GraphnetTypeError(f"{what} are whole numbers, not {told(values)}")
    return found


def _matrix(figure: Figure, counts: Any, classes: Sequence[str]) -> None:
    import numpy as np

    n = len(counts)
    names = [label(as_text(c), limit=14) for c in classes] or [str(k) for k in range(n)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = figure.add_subplot()
    axes.imshow(_tinted(share), aspect="equal")
    if n <= _WRITTEN:
        for a, p in np.argwhere(counts):
            ink = "white" if share[a, p] > (0.5 if a == p else 0.85) else "black"
            axes.text(p, a, f"{counts[a, p]}", ha="center", va="center", color=ink)
    long = max(map(len, names)) > 3
    axes.set_xticks(range(n), names, rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(range(n), names)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(True, which="minor", color="#CCCCCC", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(f"{right:,} of {total:,} right", loc="left", fontweight="bold")


def _tinted(share: Any) -> Any:
    """The color of every cell: from white to blue on the diagonal, to orange elsewhere."""
    import numpy as np
    from matplotlib.colors import to_rgb

    n = len(share)
    full = np.where(np.eye(n, dtype=bool)[..., None], to_rgb(PALETTE[0]), to_rgb(PALETTE[1]))
    strength = np.where(np.eye(n, dtype=bool), share, np.where(share > 0, 0.15 + 0.85 * share, 0))
    return 1 - strength[..., None] * (1 - full)

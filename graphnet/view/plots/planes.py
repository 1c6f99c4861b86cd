"""Pictures over a plane: decision regions, a loss surface, paths of descent on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphnet.arguments import flag, items, mapping, number, text
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.view.plots.figure import DASHES, Picture, animation, picture, tidy
from graphnet.view.plots.given import (
    GROUPS,
    array_of,
    as_text,
    interval,
    label,
    number_rows,
    points_of,
    two_labels,
)
from graphnet.view.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["paths", "regions", "surface"]

_MARKS = "osD^vP*"
_POINTS = 160  # along a side of the plane


def regions(
    model: Any, X: Any, y: Any, *, title: str = "", margin: float = 0.25,
    names: Sequence[str] = ("x1", "x2"), frames: Sequence[tuple[str, Any]] = (),
) -> Picture:  # fmt: skip
    """Which class a model gives to each point of the plane, with the data on it.

    `model` is a Model of two inputs, or any function from rows (n, 2) to class ids or, with one
    number a row, to the score of class 1 (then shaded, with a line at 1/2). `X` is (n, 2), `y` its
    class ids. With `frames`, pairs of a title and such a model or function, an animated GIF.

    Raises GraphnetError where the data are not points of a plane.

    >>> import numpy as np
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> regions(lambda rows: (rows.sum(axis=1) > 0.5).astype(int), X, y).format
    'png'
    """
    import numpy as np

    X, y = points_of("X", X, "y", y)
    across, room_beside = two_labels("names", names), number("margin", margin, 0, 100)
    head_given = label(title, "title")
    shown = [_frame(k, one) for k, one in enumerate(items("frames", frames, "(title, model)"))]
    low, high = X.min(axis=0), X.max(axis=0)
    room = room_beside * np.maximum(high - low, 1e-9 * (1 + np.abs(high)))
    span = [(low[d] - room[d], high[d] + room[d]) for d in (0, 1)]
    xs, ys = (np.linspace(*s, _POINTS) for s in span)
    mesh = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)

    def paint(figure: Figure, one: Any, head: str) -> None:
        axes = figure.add_subplot()
        _shade(axes, _values(one, mesh), xs, ys, len(np.unique(y)))
        for k, c in enumerate(np.unique(y)):
            axes.plot(
                *X[y == c].T, _MARKS[k % len(_MARKS)], color=PALETTE[k % len(PALETTE)],
                markeredgecolor="white", markersize=7, linestyle="none",
                label=label(as_text(c), limit=20),
            )  # fmt: skip
        axes.set_xlim(span[0])
        axes.set_ylim(span[1])
        axes.set_xlabel(across[0])
        axes.set_ylabel(across[1])
        axes.set_title(head, loc="left", fontweight="bold")
        axes.legend(loc="upper right", fontsize=9)

    if shown:
        return animation(
            (4.8, 4.2), len(shown), lambda f, k: paint(f, shown[k][1], shown[k][0]), 4.0
        )
    return picture((4.8, 4.2), lambda figure: paint(figure, model, head_given))


def _frame(k: int, one: Any) -> tuple[str, Any]:
    pair = items(f"frame {k}", one, "a title and a model")
    if len(pair) != 2:
        raise GraphnetError(f"a frame is (title, model), not {told(one)}")
    return label(pair[0], "the title of a frame"), pair[1]


def _values(model: Any, mesh: Any) -> Any:
    """What a model or function gives for each point: class ids (int) or scores (float)."""
    values = array_of(_given(model)(mesh), "classes and scores")
    if values.size != len(mesh):
        raise GraphnetError(
            f"a function of {len(mesh):,} points gives a class or a score for each, not an array "
            f"{values.shape}"
        )
    whole = values.astype(int) if values.dtype.kind in "iub" else values
    if whole.dtype.kind == "i" and not (whole.min() >= 0 and whole.max() < GROUPS):
        raise GraphnetError(
            f"class ids are from 0 to {GROUPS - 1}, not {whole.min()} to {whole.max()}"
        )
    return whole


def _given(model: Any) -> Callable[[Any], Any]:
    if hasattr(model, "predict") and hasattr(model, "classify"):
        return lambda rows: _scores(model, rows)
    if not callable(model):
        raise GraphnetTypeError(f"expected a model or a function, came {told(model)}")
    return model


def _scores(model: Any, rows: Any) -> Any:
    """A probability where the model has one output between 0 and 1, else class ids."""
    import numpy as np

    predicted = np.asarray(model.predict(rows))
    single = predicted.size == len(rows)
    if single and predicted.min() >= 0 and predicted.max() <= 1:
        return predicted.ravel()
    return np.asarray(model.classify(rows)).ravel()


def _shade(axes: Axes, values: Any, xs: Any, ys: Any, classes: int) -> None:
    """Colors of the classes; a score is shaded from one to the other."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    values = np.asarray(values).reshape(len(ys), len(xs))
    lighter = [tuple(1 - 0.35 * (1 - np.array(to_rgb(c)))) for c in PALETTE]
    if values.dtype.kind == "f":
        ramp = LinearSegmentedColormap.from_list("score", [lighter[0], (1, 1, 1), lighter[1]])
        axes.pcolormesh(xs, ys, values, cmap=ramp, vmin=0, vmax=1, shading="nearest")
        if values.min() < 0.5 < values.max():
            axes.contour(xs, ys, values, levels=[0.5], colors="black", linewidths=1.5)
        return
    steps = np.array(
        [lighter[int(c) % len(lighter)] for c in range(max(classes, values.max() + 1))]
    )
    axes.imshow(
        steps[values.astype(int)], origin="lower", aspect="auto",
        extent=(xs[0], xs[-1], ys[0], ys[-1]),
    )  # fmt: skip
    for c in range(1, len(steps)):
        if (values >= c).any() and (values < c).any():
            axes.contour(xs, ys, values >= c, levels=[0.5], colors="black", linewidths=1.2)


def surface(
    f: Callable[[Any], Any], x: tuple[float, float], y: tuple[float, float], *,
    walks: Mapping[str, Any] | None = None, title: str = "", names: Sequence[str] = ("w1", "w2"),
    solid: bool = False,
) -> Picture:  # fmt: skip
    """Contours of a function of two numbers, with paths on it.

    `f` takes rows (n, 2) and gives n numbers; `x` and `y` are the ranges shown; `walks` maps a name
    to its points (steps, 2). `solid` draws a surface in space instead of contours.

    >>> surface(lambda w: (w * w).sum(axis=1), (-1, 1), (-1, 1)).format
    'png'
    """
    given = mapping("walks", walks, "points by name")
    shown = {label(name, "a name of a path"): _walk(name, p) for name, p in given.items()}
    ground, across, solid = _ground(f, x, y), two_labels("names", names), flag("solid", solid)
    head = label(title, "title")

    def paint(figure: Figure) -> None:
        if solid:
            _hill(figure, ground, head, across)
            return
        axes = _contours(figure, ground, head, across)
        for k, (name, points) in enumerate(shown.items()):
            _trace(axes, points, k, name)
        if shown:
            axes.legend(loc="upper right", fontsize=9)

    return picture((5.6, 4.4), paint)


def paths(
    f: Callable[[Any], Any], walks: Mapping[str, Any], *, x: tuple[float, float],
    y: tuple[float, float], names: Sequence[str] = ("w1", "w2"), title: str = "",
) -> Picture:  # fmt: skip
    """The race as an animated GIF: the walks of `surface`, growing step by step."""
    given = mapping("walks", walks, "points by name")
    if not given:
        raise GraphnetError("there is no path to draw")
    shown = {label(name, "a name of a path"): _walk(name, p) for name, p in given.items()}
    ground, across, title = _ground(f, x, y), two_labels("names", names), text("title", title)
    longest = max(map(len, shown.values()))
    count = min(longest, 24)
    ends = [max(1, round((k + 1) * longest / count)) for k in range(count)]

    def paint(figure: Figure, k: int) -> None:
        head = f"{title}{': ' if title else ''}step {ends[k] - 1}"
        axes = _contours(figure, ground, head, across)
        for j, (name, points) in enumerate(shown.items()):
            _trace(axes, points[: ends[k]], j, name)
        axes.legend(loc="upper right", fontsize=9)

    return animation((5.6, 4.4), count, paint, 5.0)


def _walk(name: str, points: Any) -> Any:
    found = number_rows(points, f"the path {told(name)}")
    if found.ndim != 2 or found.shape[1] != 2 or not len(found):
        raise GraphnetError(f"the path {told(name)} is (steps, 2), not {found.shape}")
    return found


def _ground(f: Callable[[Any], Any], x: tuple[float, float], y: tuple[float, float]) -> Any:
    import numpy as np

    if not callable(f):
        raise GraphnetTypeError(f"a surface is a function of rows (n, 2), not {told(f)}")
    xs = np.linspace(*interval("x", x), _POINTS)
    ys = np.linspace(*interval("y", y), _POINTS)
    mesh = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    heights = number_rows(f(mesh), "the heights of a surface")
    if heights.size != len(mesh):
        raise GraphnetError(
            f"a surface gives a number for each of {len(mesh):,} rows, not {heights.shape}"
        )
    if np.isnan(heights).all():
        raise GraphnetError("the surface is nowhere a finite number in this range")
    return xs, ys, heights.reshape(_POINTS, _POINTS)


def _contours(figure: Figure, ground: Any, title: str, names: Sequence[str]) -> Axes:
    """Level lines at equal steps of the square root, so that a valley's floor has some too."""
    import numpy as np

    xs, ys, heights = ground
    low, high = np.nanmin(heights), np.nanmax(heights)
    levels = low + max(high - low, 1e-12) * np.linspace(0, 1, 22) ** 2
    axes = figure.add_subplot()
    axes.contourf(xs, ys, heights, levels=levels, cmap="Blues_r", alpha=0.75)
    axes.contour(xs, ys, heights, levels=levels, colors="#335577", linewidths=0.5)
    tidy(axes, title, names[0], names[1])
    axes.grid(False)
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])
    return axes


def _trace(axes: Axes, points: Any, k: int, name: str) -> None:
    ink = (*PALETTE[1:4], "#000000", *PALETTE[4:6])[k % 6]
    axes.plot(
        *points.T, color=ink, linestyle=DASHES[k % 4], linewidth=1.8, label=name,
        marker=".", markersize=5, markevery=max(1, len(points) // 30),
    )  # fmt: skip
    axes.plot(*points[-1], "o", color=ink, markersize=8, markeredgecolor="white")


def _hill(figure: Figure, ground: Any, title: str, names: Sequence[str]) -> None:
    import numpy as np

    xs, ys, heights = ground
    axes: Any = figure.add_subplot(projection="3d")
    axes.plot_surface(
        *np.meshgrid(xs, ys), heights, cmap="viridis", linewidth=0, rcount=60, ccount=60
    )
    axes.locator_params(nbins=5)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_title(title, loc="left", fontweight="bold")

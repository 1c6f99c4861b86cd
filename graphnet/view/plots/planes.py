"""Pictures over a plane: decision regions, a loss surface, paths of descent on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.view.plots.figure import DASHES, Picture, animation, number_rows, picture, tidy
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

    X, y = number_rows(X, "X"), np.asarray(y).ravel()
    if X.ndim != 2 or X.shape[1] != 2 or len(X) != len(y):
        raise GraphnetError(f"expected points (n, 2) and n classes, came {X.shape} and {y.shape}")
    low, high = X.min(axis=0), X.max(axis=0)
    room = margin * np.maximum(high - low, 1e-9)
    span = [(low[d] - room[d], high[d] + room[d]) for d in (0, 1)]
    xs, ys = (np.linspace(*s, _POINTS) for s in span)
    mesh = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)

    def paint(figure: Figure, one: Any, head: str) -> None:
        axes = figure.add_subplot()
        _shade(axes, _given(one)(mesh), xs, ys, len(np.unique(y)))
        for k, c in enumerate(np.unique(y)):
            axes.plot(
                *X[y == c].T, _MARKS[k % len(_MARKS)], color=PALETTE[k % len(PALETTE)],
                markeredgecolor="white", markersize=7, label=f"{c}", linestyle="none",
            )  # fmt: skip
        axes.set_xlim(span[0])
        axes.set_ylim(span[1])
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        axes.set_title(head, loc="left", fontweight="bold")
        axes.legend(loc="upper right", fontsize=9)

    if frames:
        return animation(
            (4.8, 4.2), len(frames), lambda f, k: paint(f, frames[k][1], frames[k][0]), 4.0
        )
    return picture((4.8, 4.2), lambda figure: paint(figure, model, title))


def _given(model: Any) -> Callable[[Any], Any]:
    if hasattr(model, "predict") and hasattr(model, "classify"):
        return lambda rows: _scores(model, rows)
    if not callable(model):
        raise GraphnetTypeError(f"expected a model or a function, came {type(model).__name__}")
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
    shown = {name: _walk(name, points) for name, points in (walks or {}).items()}
    ground = _ground(f, x, y)

    def paint(figure: Figure) -> None:
        if solid:
            _hill(figure, ground, title, names)
            return
        axes = _contours(figure, ground, title, names)
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
    if not walks:
        raise GraphnetError("there is no path to draw")
    shown = {name: _walk(name, points) for name, points in walks.items()}
    ground = _ground(f, x, y)
    longest = max(map(len, shown.values()))
    count = min(longest, 24)
    ends = [max(1, round((k + 1) * longest / count)) for k in range(count)]

    def paint(figure: Figure, k: int) -> None:
        head = f"{title}{': ' if title else ''}step {ends[k] - 1}"
        axes = _contours(figure, ground, head, names)
        for j, (name, points) in enumerate(shown.items()):
            _trace(axes, points[: ends[k]], j, name)
        axes.legend(loc="upper right", fontsize=9)

    return animation((5.6, 4.4), count, paint, 5.0)


def _walk(name: str, points: Any) -> Any:
    found = number_rows(points, f"the path {name!r}")
    if found.ndim != 2 or found.shape[1] != 2 or not len(found):
        raise GraphnetError(f"the path {name!r} is (steps, 2), not {found.shape}")
    return found


def _ground(f: Callable[[Any], Any], x: tuple[float, float], y: tuple[float, float]) -> Any:
    import numpy as np

    xs, ys = np.linspace(*x, _POINTS), np.linspace(*y, _POINTS)
    mesh = np.stack(np.meshgrid(xs, ys), axis=-1)
    heights = np.asarray(f(mesh.reshape(-1, 2)), dtype=float).reshape(_POINTS, _POINTS)
    return xs, ys, heights


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

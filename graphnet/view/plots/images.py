"""Arrays as images: weights of units as tiles, pictures of a data set, codes as points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphnet.arguments import flag, items, whole
from graphnet.errors import GraphnetError, told
from graphnet.view.plots.figure import Picture, panels, picture, tidy
from graphnet.view.plots.given import as_text, label, number_rows, points_of, two_labels
from graphnet.view.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["images", "scatter", "weights"]


def images(
    arrays: Any, titles: Sequence[str] = (), *, columns: int = 10, signed: bool = False
) -> Picture:
    """Grey images (n, height, width), or RGB (n, height, width, 3), as tiles.

    `signed` shows 0 as white, positive blue, negative orange, all on one scale.

    >>> import numpy as np
    >>> images(np.zeros((3, 8, 8)), ["a", "b", "c"]).format
    'png'
    """
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    stack, signed = number_rows(arrays, "the images"), flag("signed", signed)
    columns = whole("columns", columns, 1)
    heads = list(titles) if isinstance(titles, str) else items("titles", titles, "texts")
    if stack.ndim not in (3, 4) or not stack.size or (stack.ndim == 4 and stack.shape[3] != 3):
        raise GraphnetError(
            f"images are (n, height, width) or (n, height, width, 3), not {stack.shape}"
        )
    if heads and len(heads) != len(stack):
        raise GraphnetError(f"{len(stack)} images have {len(heads)} titles")
    top = float(np.nanmax(np.abs(stack), initial=0.0)) or 1.0
    ramp = LinearSegmentedColormap.from_list("signed", [PALETTE[1], "white", PALETTE[0]])
    look: dict[str, Any] = {"cmap": ramp, "vmin": -top, "vmax": top} if signed else {"cmap": "gray"}
    if stack.ndim == 4:
        look, stack = {}, np.nan_to_num(np.clip(stack / (255 if top > 1 else 1), 0, 1))

    def paint(axes: Axes, k: int) -> None:
        axes.imshow(stack[k], interpolation="nearest", **look)
        axes.set_xticks([])
        axes.set_yticks([])
        if heads:
            axes.set_title(label(as_text(heads[k]), limit=16), fontsize=9)

    side = 1.0 if not heads else 1.25
    return panels(len(stack), paint, size=(side, side), columns=columns)


def weights(array: Any, shape: tuple[int, int] | None = None, *, most: int = 40) -> Picture:
    """The weights into each unit: a matrix (in, out) as `out` tiles of a shape, or as one image.

    `shape` is the height and width of the input image; without it the nearest square if `in` is
    one, else the matrix itself is drawn. Blue is positive, orange negative.

    >>> import numpy as np
    >>> weights(np.random.default_rng(0).normal(size=(64, 5))).format
    'png'
    """
    matrix = number_rows(array, "the weights")
    if matrix.ndim != 2:
        raise GraphnetError(f"weights to draw are a matrix (in, out), not {matrix.shape}")
    side = math.isqrt(len(matrix))
    if shape is None and side * side == len(matrix) and side > 2:
        shape = (side, side)
    most = whole("most", most, 1)
    if shape is None:
        return images(matrix[None], signed=True, columns=1)
    sides = [whole("a side of shape", s, 1) for s in items("shape", shape, "two numbers")]
    if len(sides) != 2:
        raise GraphnetError(f"shape is (height, width), not {told(shape)}")
    if sides[0] * sides[1] != len(matrix):
        raise GraphnetError(f"{len(matrix)} weights a unit are no image of {sides[0]}x{sides[1]}")
    return images(matrix.T[:most].reshape(-1, *sides), signed=True, columns=8)


def scatter(
    points: Any, groups: Any, *, title: str = "", names: Sequence[str] = ("", "")
) -> Picture:
    """Points (n, 2) colored by group, such as an autoencoder's code by class.

    Raises GraphnetError for points that are not finite and where the groups are not one a point.
    """
    import numpy as np

    where, which = points_of("the points", points, "groups", groups)
    across = two_labels("names", names)

    def paint(figure: Figure) -> None:
        import matplotlib

        axes = figure.add_subplot()
        shades = matplotlib.colormaps["tab10"]
        for k, group in enumerate(np.unique(which)):
            here = where[which == group]
            axes.plot(*here.T, ".", color=shades(k % 10), markersize=4, alpha=0.6)
            x, y = np.median(here, axis=0)
            box = {"facecolor": "white", "alpha": 0.8, "edgecolor": shades(k % 10)}
            axes.text(
                x, y, label(as_text(group), limit=20), fontweight="bold", fontsize=13, ha="center",
                va="center", bbox=box,
            )  # fmt: skip
        tidy(axes, title, *across)

    return picture((5.6, 4.8), paint)

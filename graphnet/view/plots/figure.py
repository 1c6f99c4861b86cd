"""Pictures as bytes: a PNG or a GIF that saves itself and shows itself in a notebook.

Figures are made without pyplot, so that neither the user's backend nor open figures change; colors
are told apart with any color vision, and lines differ in dashes besides. The same data gives the
same bytes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from graphnet.arguments import path as file_name
from graphnet.errors import GraphnetError, told
from graphnet.files import write_file
from graphnet.view.plots.given import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DASHES", "DPI", "Picture", "animation", "grid", "panels", "picture", "tidy"]

DPI = 144
TILES = 1000  # panels of one figure
DASHES = ("-", "--", "-.", ":")


class Picture(bytes):
    """The bytes of a PNG or a GIF.

    >>> import graphnet as gn
    >>> picture = gn.plot.curves({"square": ([-1, 0, 1], [1, 0, 1])})
    >>> picture.format, len(picture) > 1000
    ('png', True)
    """

    @property
    def format(self) -> str:
        """ "png" or "gif"."""
        return "gif" if self.startswith(b"GIF") else "png"

    def save(self, path: str | Path) -> Self:
        """Writes the file, whose name must end as the format does; gives the picture back."""
        path = Path(file_name("path", path))
        if path.suffix.lower() != f".{self.format}":
            raise GraphnetError(f"this picture is a {self.format}: expected a name ending in "
                                f".{self.format}, came {told(str(path))}")  # fmt: skip
        write_file(path, self)
        return self

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {f"image/{self.format}": base64.b64encode(self).decode("ascii")}

    def __repr__(self) -> str:
        return f"<{self.format} picture of {len(self):,} bytes>"


@contextmanager
def _look() -> Iterator[None]:
    """matplotlib's own look whatever the user's rcParams are."""
    from matplotlib import style

    look = {
        "font.size": 11, "axes.titlesize": 12, "lines.linewidth": 2, "figure.dpi": DPI,
        "font.family": "DejaVu Sans", "axes.axisbelow": True, "legend.framealpha": 0.9,
    }  # fmt: skip
    with style.context(["default", look]):
        yield


def picture(size: tuple[float, float], paint: Callable[[Figure], None]) -> Picture:
    """The PNG of a figure of a size in inches that `paint` draws on."""
    from matplotlib.figure import Figure

    with _look():
        figure = Figure(figsize=size)
        paint(figure)
        return Picture(_png(figure))


def panels(
    count: int, paint: Callable[[Axes, int], None], *, size: tuple[float, float], columns: int = 3
) -> Picture:
    """Several panels of a size in inches each, in rows of at most `columns`."""

    def all_of_them(figure: Figure) -> None:
        for k in range(count):
            paint(figure.add_subplot(rows, wide, k + 1), k)

    if count > TILES:
        raise GraphnetError(f"a figure has at most {TILES:,} panels, not {count:,}")
    wide = min(count, columns)
    rows = -(-count // wide)
    return picture((size[0] * wide, size[1] * rows), all_of_them)


def animation(
    size: tuple[float, float], frames: int, paint: Callable[[Figure, int], None], seconds: float
) -> Picture:
    """A GIF of `frames` figures that runs for about so many seconds, then rests on the last."""
    from matplotlib.figure import Figure
    from PIL import Image

    if frames < 1:
        raise GraphnetError("an animation has at least one frame")
    images = []
    with _look():
        for k in range(frames):
            figure = Figure(figsize=size)
            paint(figure, k)
            image = Image.open(io.BytesIO(_png(figure, dpi=96))).convert("RGB")
            images.append(image.quantize(64, dither=Image.Dither.NONE))
    each = max(20, round(1000 * seconds / frames))
    held = io.BytesIO()
    images[0].save(
        held, format="GIF", save_all=True, append_images=images[1:], loop=0, optimize=False,
        duration=[each] * (frames - 1) + [max(each, 2000)],
    )  # fmt: skip
    return Picture(held.getvalue())


def _png(figure: Figure, dpi: int = DPI) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=dpi, metadata={"Software": None})
    return held.getvalue()


def grid(axes: Axes) -> None:
    """Light lines behind, no frame above and at the right."""
    axes.grid(True, color="#DDDDDD", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def tidy(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Titles at the left in bold, labels, and the grid."""
    grid(axes)
    head = label(title, "title")
    if head:
        axes.set_title(head, loc="left", fontweight="bold")
    axes.set_xlabel(label(x, "the label of x"))
    axes.set_ylabel(label(y, "the label of y"))

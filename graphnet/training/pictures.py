"""Pictures as rows of numbers: those that scikit-image ships, and a folder of one's own.

graphnet train images                       # faces and what are none
graphnet train images --data FOLDER         # FOLDER/cats/*.jpg, FOLDER/dogs/*.jpg
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetError, GraphnetFileError
from graphnet.ops.layers import Dense, Input
from graphnet.ops.optimizers import Adam
from graphnet.training.sequential import Sequential

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SIDE", "build_images", "load_faces", "pictures"]

SIDE = 32  # pictures of a folder are made squares of so many pixels
LEAST = 8  # pictures of each kind, of which a quarter is held back for the test
_NO_PICTURES = {"thumbs.db", "desktop.ini"}  # left in folders by file managers


def build_images(inputs: int, kinds: int = 2) -> Sequential:
    """A flattened picture -> 64 relu -> one sigmoid, or a score a kind where there are more."""
    last = Dense(1, activation="sigmoid") if kinds == 2 else Dense(kinds)
    loss = "binary_cross_entropy" if kinds == 2 else "cross_entropy"
    model = Sequential([Input(inputs), Dense(64, activation="relu"), last])
    model.compile(Adam(lr=0.001), loss, ["accuracy"])
    return model


def load_faces() -> tuple[NDArray[Any], NDArray[Any]]:
    """100 pictures that are no face and 100 faces, 25x25 greys from -1 to 1, flattened.

    From Labeled Faces in the Wild, as scikit-image ships them. GraphnetError without it.
    """
    try:
        from skimage import data
    except ImportError:
        raise GraphnetError(
            "the pictures come with scikit-image: pip install 'graphnet-compiler[images]', "
            "or give a folder of your own with --data"
        ) from None
    faces_first: NDArray[Any] = np.asarray(data.lfw_subset()).reshape(200, -1)
    return 2 * faces_first - 1, np.repeat([1, 0], 100)


def pictures(
    folder: str | os.PathLike[str], side: int = SIDE
) -> tuple[NDArray[np.float32], NDArray[np.intp], tuple[str, ...]]:
    """(X, y, kinds): the pictures of a folder with a subfolder a kind, flattened.

    Each is turned upright, cut to a square about its middle, resized to `side` x `side` pixels
    and scaled to -1 .. 1; a row of X holds red, green and blue of one pixel after another. Hidden
    files are passed over, and subfolders of subfolders are looked into.

    Raises GraphnetFileError for a folder or a file that cannot be read, naming it, and
    GraphnetError where there are fewer than two kinds, or too few pictures of one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise GraphnetFileError(f"there is no folder {str(root)!r}")
    kinds = [p for p in _inside(root) if p.is_dir()]
    if len(kinds) < 2:
        came = f"only {kinds[0].name!r}" if kinds else "none"
        raise GraphnetError(
            f"{root} needs a subfolder for each of two or more kinds of pictures, came {came}"
        )
    files = [[f for f in _below(kind) if f.name.lower() not in _NO_PICTURES] for kind in kinds]
    for kind, found in zip(kinds, files, strict=True):
        if len(found) < LEAST:
            raise GraphnetError(
                f"{kind} has {len(found)} picture{'s' * (len(found) != 1)}: at least {LEAST} of "
                "each kind are needed, for some are held back for the test"
            )
    rows = [_row(file, side) for found in files for file in found]
    ids = np.repeat(np.arange(len(kinds)), [len(found) for found in files])
    return np.array(rows, np.float32), ids, tuple(kind.name for kind in kinds)


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, in one order on every machine."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX")))
    except OSError as error:
        raise GraphnetFileError(f"cannot read {folder}: {error.strerror}") from None


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in _inside(folder):
        found += _below(path) if path.is_dir() and not path.is_symlink() else [path]
    return found


def _row(file: Path, side: int) -> NDArray[np.float32]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata; the pixels are what counts
            with Image.open(file) as opened:
                opened.draft("RGB", (2 * side, 2 * side))  # a large JPEG is read small at once
                upright = ImageOps.exif_transpose(opened)
                square = ImageOps.fit(_colored(upright), (side, side))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "is no picture" if isinstance(error, UnidentifiedImageError) else f"{error}"
        raise GraphnetFileError(f"cannot read the picture {file}: {reason}") from None
    return np.asarray(square, np.float32).ravel() / 127.5 - 1


def _colored(picture: Image) -> Image:
    """Red, green and blue of 8 bits; what is transparent is white; 16 bits keep their shades."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, np.float64)
        low, high = values.min(), values.max()
        greys = 255 * (values - low) / (high - low or 1)
        return Image.fromarray(greys.astype(np.uint8)).convert("RGB")
    if "A" in picture.mode or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        ground = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(ground, clear).convert("RGB")
    return picture.convert("RGB")

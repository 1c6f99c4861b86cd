"""Plots are PNGs of a sensible size, the same bytes each time, whatever the user's settings."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from graphnet.errors import GraphnetError
from graphnet.view.plots import confusion_counts, confusion_matrix, learning_curves

HISTORY = {
    "epoch": [1.0, 2.0, 3.0], "loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.6, float("nan")],
    "accuracy": [0.5, 0.7, 0.9], "val_accuracy": [0.4, 0.6, 0.8], "seconds": [0.1, 0.1, 0.1],
}  # fmt: skip


def image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (lambda: learning_curves(HISTORY), (900, 400)),
        (lambda: learning_curves({"loss": [1.0]}), (500, 400)),
        (lambda: confusion_matrix(np.eye(10, dtype=int) * 40), (500, 500)),
        (lambda: confusion_matrix([[3, 1], [0, 2]], ["no", "a very long name indeed"]), (400, 400)),
        (lambda: confusion_matrix(np.eye(40, dtype=int)), (900, 900)),
        (lambda: confusion_matrix([[0, 0], [0, 0]]), (300, 300)),
    ],
)
def test_pictures(make, least: tuple[int, int]) -> None:
    backend = matplotlib.get_backend()
    first = make()
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "black"}):
        assert make() == first, "the user's settings do not matter"
    assert matplotlib.get_backend() == backend
    picture = image(first)
    assert picture.width >= least[0]
    assert picture.height >= least[1]
    assert len(picture.getcolors(1 << 24)) > 5


def test_counts() -> None:
    assert confusion_counts([0, 1, 2, 2], [0, 1, 1, 2], 3).tolist() == [
        [1, 0, 0], [0, 1, 0], [0, 1, 1],
    ]  # fmt: skip


def test_errors() -> None:
    with pytest.raises(GraphnetError, match="no epoch"):
        learning_curves({})
    with pytest.raises(GraphnetError, match="square"):
        confusion_matrix([[1, 2, 3]])

"""Plots are PNGs of a sensible size, the same bytes each time, whatever the user's settings."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

import graphnet as gn
from graphnet.errors import GraphnetError
from graphnet.view import plot
from graphnet.view.plots.curves import ACTIVATIONS, sampled
from graphnet.view.plots.training import confusion_counts

HISTORY = {
    "epoch": [1.0, 2.0, 3.0], "loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.6, float("nan")],
    "accuracy": [0.5, 0.7, 0.9], "val_accuracy": [0.4, 0.6, 0.8], "seconds": [0.1, 0.1, 0.1],
}  # fmt: skip
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
LABELS = [0, 1, 1, 0]


def bowl(points: np.ndarray) -> np.ndarray:
    return points[:, 0] ** 2 + 10 * points[:, 1] ** 2


def side(points: np.ndarray) -> np.ndarray:
    return (points[:, 0] > 0.5).astype(int)


WALK = np.array([[1.0, 1.0], [0.5, -0.5], [0.2, 0.1]])


def image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


# what makes a picture -> its least width and height
PICTURES = {
    "history": (lambda: plot.history(HISTORY), (900, 400)),
    "one epoch": (lambda: plot.history({"loss": [1.0]}), (500, 400)),
    "confusion": (lambda: plot.confusion(list(range(10)) * 4, list(range(10)) * 4), (500, 500)),
    "long names": (lambda: plot.confusion([0, 0, 1], [0, 1, 1], ["no", "a long name indeed"]),
                   (400, 400)),
    "many classes": (lambda: plot.confusion(range(40), range(40)), (900, 900)),
    "layers": (lambda: plot.layers({f"W{k}": [1.0, 0.1**k] for k in range(9)}), (800, 500)),
    "steps": (lambda: plot.layers({"W1": [1, 2, 1]}, steps=[0, 50, 100]), (800, 500)),
    "many curves": (lambda: plot.curves({f"c{k}": [k, 1] for k in range(7)}), (800, 500)),
    "curves": (lambda: plot.curves({"a": [1, 2], "b": ([0, 1], [3, 4])}, points=["b"]), (800, 500)),
    "log": (lambda: plot.curves({"a": [1, 2, 4]}, log="xy"), (800, 500)),
    "activations": (lambda: plot.activations(), (1500, 1000)),
    "all in one": (lambda: plot.activations(together=True), (1200, 500)),
    "pair": (lambda: plot.activations(["relu", "leaky_relu"], together=True), (800, 500)),
    "regions": (lambda: plot.regions(side, XOR, LABELS), (500, 500)),
    "score": (lambda: plot.regions(lambda p: p[:, 0] * 0.9, XOR, LABELS, title="t"), (500, 500)),
    "moving": (lambda: plot.regions(None, XOR, LABELS, frames=[("a", side), ("b", side)]),
               (400, 300)),
    "surface": (lambda: plot.surface(bowl, (-1, 1), (-1, 1), walks={"w": WALK}), (700, 500)),
    "solid": (lambda: plot.surface(bowl, (-1, 1), (-1, 1), solid=True), (700, 500)),
    "paths": (lambda: plot.paths(bowl, {"w": WALK}, x=(-1, 1), y=(-1, 1)), (400, 300)),
    "images": (lambda: plot.images(np.arange(192.0).reshape(3, 8, 8), "abc"), (400, 100)),
    "colors": (lambda: plot.images(np.arange(384).reshape(2, 8, 8, 3)), (200, 100)),
    "weights": (lambda: plot.weights(np.arange(640.0).reshape(64, 10) - 300), (800, 200)),
    "matrix": (lambda: plot.weights(np.arange(6.0).reshape(2, 3)), (100, 100)),
    "scatter": (lambda: plot.scatter(WALK, [0, 1, 1]), (700, 600)),
    "timeline": (lambda: plot.timeline([(1958, "a"), (1958, "b" * 40), (1960, "c")]), (1000, 100)),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str, tmp_path) -> None:
    make, least = PICTURES[name]
    backend = matplotlib.get_backend()
    first = make()
    if first.format == "png":  # an animation is many of these
        with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "black"}):
            assert make() == first, "the user's settings do not matter"
    assert matplotlib.get_backend() == backend
    picture = image(first)
    assert picture.width >= least[0]
    assert picture.height >= least[1]
    assert len(picture.getcolors(1 << 24)) > 5
    path = tmp_path / f"picture.{first.format}"
    assert first.save(path) is first
    assert path.read_bytes() == first


def test_an_animation_moves() -> None:
    gif = plot.paths(bowl, {"w": WALK}, x=(-1, 1), y=(-1, 1))
    with Image.open(io.BytesIO(gif)) as frames:
        assert frames.n_frames == 3


def test_slopes_are_those_of_the_formulas() -> None:
    for name in ACTIVATIONS:
        f = (lambda x: gn.prelu(x, 0.25)) if name == "prelu" else getattr(gn, name)
        xs, ys, slopes = sampled(f, 3.0, points=6001)
        middle = np.abs(xs[1:-1]) > 0.01  # away from kinks at 0
        middle &= np.abs(np.abs(xs[1:-1]) - 3) > 0.01  # and of hard_sigmoid
        rises = (ys[2:] - ys[:-2]) / (xs[2:] - xs[:-2])
        assert np.abs(rises - slopes[1:-1])[middle].max() < 1e-6, name


def test_counts() -> None:
    assert confusion_counts([0, 1, 2, 2], [0, 1, 1, 2], 3).tolist() == [
        [1, 0, 0], [0, 1, 0], [0, 1, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: plot.history({}), "no epoch"),
        (lambda: plot.confusion([0, 1], [0]), "2 true classes and 1"),
        (lambda: plot.confusion([0, 3], [0, 1], ["a", "b"]), "0 to 1"),
        (lambda: plot.confusion([0.5], [0.5]), "whole numbers"),
        (lambda: plot.curves({}), "no curve"),
        (lambda: plot.curves({"a": ([1, 2], [1])}), "the curve 'a'"),
        (lambda: plot.curves({"a": ["x"]}), "must be numbers"),
        (lambda: plot.curves({"a": [1]}, log="z"), "log is"),
        (lambda: plot.activations(["rellu"]), "did you mean"),
        (lambda: plot.regions(side, np.zeros((3, 3)), [0, 1, 1]), "points"),
        (lambda: plot.regions(3, XOR, LABELS), "a model or a function"),
        (lambda: plot.surface(bowl, (0, 1), (0, 1), walks={"w": [1, 2]}), "steps, 2"),
        (lambda: plot.images(np.zeros(3)), "height, width"),
        (lambda: plot.weights(np.zeros((6, 2)), (2, 2)), "6 weights"),
        (lambda: plot.scatter(np.zeros((3, 3)), [0, 1, 2]), "points"),
        (lambda: plot.layers({}), "no layer"),
        (lambda: plot.timeline([]), "no event"),
        (lambda: plot.timeline([("then", "a")]), "pairs"),
        (lambda: plot.timeline([(float("nan"), "a")]), "do not fit"),
        (lambda: plot.timeline([(1958, "a" * 400)]), "do not fit"),
        (lambda: plot.layers({"a": [1.0]}, steps=[1, 2]), "has 1 numbers, not 2"),
        (lambda: plot.curves({"a": [1]}).save("a.gif"), "ending in .png"),
        (lambda: plot.curves({"a": [1]}).save("/no/such/folder/a.png"), "cannot be written"),
        (lambda: gn.descend(lambda x: x**2, gn.SGD(lr=0.1), [np.nan], 3), "finite"),
        (lambda: gn.descend(lambda x: x**2, gn.SGD(lr=0.1), 1.0, -1), "at least 0"),
    ],
)
def test_errors(make, told: str) -> None:
    with pytest.raises(GraphnetError, match=told):
        make()


def test_a_descent_is_the_rule_by_hand() -> None:
    points = gn.descend(lambda w: (w[0] ** 2 + 10 * w[1] ** 2) / 2, gn.SGD(0.1, 0.5), [1.0, 2.0], 9)
    w, v = np.array([1.0, 2.0]), np.zeros(2)
    for point in points:
        assert point == pytest.approx(w, rel=1e-12)
        v = 0.5 * v + w * [1, 10]
        w = w - 0.1 * v

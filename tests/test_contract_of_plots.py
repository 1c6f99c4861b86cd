"""The error contract of plots: whatever they are given, a picture or a GraphnetError, soon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import graphnet as gn
from graphnet.view.plots import figure, planes

from .test_contract import outcome, replaced

PIXEL = gn.plot.images(np.zeros((1, 2, 2)))
POINTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])


def bowl(w: Any) -> Any:
    return (w * w).sum(axis=1)


# name -> positional arguments, named arguments: a call that works
ROWS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "curves": (
        ({"a": [1.0, 2.0]},),
        {"title": "t", "x": "x", "y": "y", "log": "y", "points": ["a"], "size": (3, 2)},
    ),
    "activations": (
        (["relu"],), {"slopes": True, "reach": 5.0, "together": True, "title": "t"},
    ),
    "history": (({"loss": [1.0, 0.5], "val_loss": [2.0, 1.0]},), {}),
    "layers": (({"W1": [1.0, 0.1]},), {"title": "t", "y": "norm"}),
    "confusion": (([0, 1, 1], [0, 1, 0], ["no", "yes"]), {}),
    "images": ((np.zeros((2, 3, 3)), ["a", "b"]), {"columns": 2, "signed": True}),
    "weights": ((np.ones((9, 2)), (3, 3)), {"most": 2}),
    "scatter": ((POINTS, [0, 1, 1]), {"title": "t", "names": ("a", "b")}),
    "regions": (
        (bowl, POINTS, [0, 1, 1]),
        {"title": "t", "margin": 0.2, "names": ("a", "b"), "frames": ()},
    ),
    "surface": (
        (bowl, (-1, 1), (-1, 1)),
        {"walks": {"w": POINTS}, "title": "t", "names": ("a", "b"), "solid": False},
    ),
    "timeline": (([(1958, "perceptron")],), {"title": "t", "width": 11.0}),
    "paths": (
        (bowl, {"w": POINTS[:1]}),
        {"x": (-1, 1), "y": (-1, 1), "names": ("a", "b"), "title": "t"},
    ),
}  # fmt: skip
# What a part of an argument may be: the value is put into it.
PARTS: dict[str, Callable[[Any], Any]] = {
    "a curve": lambda v: gn.plot.curves({"a": v}),
    "both sides of a curve": lambda v: gn.plot.curves({"a": (v, v)}),
    "a logarithmic curve": lambda v: gn.plot.curves({"a": v}, log="xy"),
    "the name of a curve": lambda v: gn.plot.curves({v if v.__hash__ else "a": [1.0]}),
    "an activation": lambda v: gn.plot.activations([v]),
    "a row of a history": lambda v: gn.plot.history({"loss": v}),
    "a row of layers": lambda v: gn.plot.layers({"W": v}),
    "a title of an image": lambda v: gn.plot.images(np.zeros((1, 2, 2)), [v]),
    "a class": lambda v: gn.plot.confusion([0], [0], [v]),
    "a class of a region": lambda v: gn.plot.regions(bowl, POINTS, [v] * 3),
    "what a model gives": lambda v: gn.plot.regions(lambda w: v, POINTS, [0, 1, 1]),
    "a frame": lambda v: gn.plot.regions(None, POINTS, [0, 1, 1], frames=[v]),
    "a path": lambda v: gn.plot.surface(bowl, (-1, 1), (-1, 1), walks={"w": v}),
    "heights": lambda v: gn.plot.surface(lambda w: v, (-1, 1), (-1, 1)),
    "an end of a range": lambda v: gn.plot.surface(bowl, (v, 1), (-1, v)),
    "a height": lambda v: gn.plot.surface(lambda w: [v] * len(w), (-1, 1), (-1, 1)),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is laid out, as for a file, but no pixel is painted and no panel is fitted."""

    def laid_out(made: Any, dpi: int = 20) -> bytes:
        FigureCanvasAgg(made)
        made.draw_without_rendering()
        return PIXEL

    monkeypatch.setattr(figure, "_png", laid_out)
    monkeypatch.setattr(planes, "_POINTS", 12)


PICTURE = 6.0  # seconds of the processor: all functions in one picture take one


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ROWS)
def test_every_argument_of_every_plot(name: str) -> None:
    args, named = ROWS[name]
    plot = getattr(gn.plot, name)
    plot(*args, **named)
    found = {
        label: outcome(lambda a=a, k=k: plot(*a, **k), PICTURE)
        for label, a, k in replaced(args, named)
        if label != "argument 0 = type"  # int is a function, whose error is handed on
    }  # fmt: skip
    assert {label: told for label, told in found.items() if told} == {}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_an_argument(name: str) -> None:
    found = {
        label: outcome(lambda a=a: PARTS[name](*a)) for label, a, _ in replaced((0,), {})
        if label != "argument 0 = type"
    }  # fmt: skip
    assert {label: told for label, told in found.items() if told} == {}


def test_every_plot_has_a_row() -> None:
    assert set(ROWS) == set(gn.plot.__all__) - {"Picture"}

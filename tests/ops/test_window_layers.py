"""Layers of windows and norms: names, shapes, what is refused, training and files."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError


@pytest.mark.parametrize(
    ("layer", "shape", "expected", "parameters"),
    [
        (gn.Conv1D(4, 3), (3, 9), (4, 7), {"W1": (4, 3, 3), "b1": (4,)}),
        (gn.Conv1D(4, 3, padding="same", use_bias=False), (3, 9), (4, 9), {"W1": (4, 3, 3)}),
        (gn.Conv2D(4, 3, 2, 1, "relu"), (3, 8, 8), (4, 4, 4), {"W1": (4, 3, 3, 3), "b1": (4,)}),
        (gn.Conv2D(4, (1, 3), padding="same", groups=2, name="c"), (2, 5, 4), (4, 5, 4),
         {"c_W": (4, 1, 1, 3), "c_b": (4,)}),
        (gn.Conv2D(2, 3, dilation=2), (1, 5, 5), (2, 1, 1), {"W1": (2, 1, 3, 3), "b1": (2,)}),
        (gn.MaxPool2D(), (3, 8, 7), (3, 4, 3), {}),
        (gn.MaxPool2D(3, 2, 1), (3, 8, 7), (3, 4, 4), {}),
        (gn.AveragePooling2D(2, stride=1), (3, 8, 7), (3, 7, 6), {}),
        (gn.Conv2D(4, 3, layout="NHWC"), (8, 7, 3), (6, 5, 4), {"W1": (4, 3, 3, 3), "b1": (4,)}),
        (gn.Conv1D(4, 3, padding=(2, 0), layout="NWC"), (9, 3), (9, 4),
         {"W1": (4, 3, 3), "b1": (4,)}),
        (gn.Conv1DTranspose(4, 3, 2, use_bias=False), (3, 5), (4, 11), {"W1": (3, 4, 3)}),
        (gn.Conv2DTranspose(4, 3, 2, 1, output_padding=1), (3, 4, 4), (4, 8, 8),
         {"W1": (3, 4, 3, 3), "b1": (4,)}),
        (gn.Conv2DTranspose(4, 2, 2, groups=2, layout="NHWC"), (4, 3, 6), (8, 6, 4),
         {"W1": (6, 2, 2, 2), "b1": (4,)}),
        (gn.MaxPool1D(), (3, 9), (3, 4), {}),
        (gn.MaxPool1D(3, 1, layout="NWC"), (9, 2), (7, 2), {}),
        (gn.MaxPool2D(layout="NHWC"), (8, 7, 3), (4, 3, 3), {}),
        (gn.AveragePooling1D(3, 1, 1, count_include_pad=False), (3, 9), (3, 9), {}),
        (gn.AveragePooling2D(layout="NHWC"), (8, 7, 3), (4, 3, 3), {}),
        (gn.GlobalMaxPool1D(), (3, 9), (3,), {}), (gn.GlobalMaxPool2D(), (3, 8, 7), (3,), {}),
        (gn.GlobalAveragePooling1D(layout="NWC"), (9, 3), (3,), {}),
        (gn.GlobalAveragePooling2D(layout="NHWC"), (8, 7, 3), (3,), {}),
        (gn.LayerNorm(), (3, 4), (3, 4), {"g1": (4,), "b1": (4,)}),
        (gn.LayerNorm((1, 2), use_bias=False), (3, 4), (3, 4), {"g1": (3, 4)}),
    ],
)  # fmt: skip
def test_shapes_and_names(layer, shape, expected, parameters):
    y = layer(gn.input("x", ("batch", *shape)))
    assert y.shape == ("batch", *expected)
    assert {p.name: p.shape for p in layer.parameters} == parameters


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gn.Conv2D(4, 3)(gn.input("x", ("batch", 8, 8))), "takes .batch, channels, y, x."),
        (lambda: gn.Conv2D(4, 3, groups=3)(gn.input("x", (1, 3, 8, 8))), "multiples of groups = 3"),
        (lambda: gn.Conv1D(0, 3), "Conv1D: filters is a whole number of at least 1, not 0"),
        (lambda: gn.Conv2D(4, (3, 3, 3)), "size is a number or one an axis"),
        (lambda: gn.Conv2D(4, 3, layout="NHCW"), "layout is 'NCHW' or 'NHWC', not 'NHCW'; did you"),
        (lambda: gn.Conv1D(4, 3, layout="NHWC"), "layout is 'NCW' or 'NWC'"),
        (
            lambda: gn.Conv2D(4, 3, layout="NHWC")(gn.input("x", ("batch", 8, 8))),
            r"takes .batch, y, x, channels. with known channels, not .batch, 8, 8.",
        ),
        (
            lambda: gn.GlobalMaxPool2D()(gn.input("x", ("batch", 8))),
            "takes .batch, channels, y, x.",
        ),
        (
            lambda: gn.Conv2DTranspose(4, 3, 2, output_padding=2)(gn.input("x", (1, 3, 8, 8))),
            "output_padding is less than stride or dilation",
        ),
        (lambda: gn.MaxPool2D(3, padding=2)(gn.input("x", (1, 3, 8, 8))), "half the window"),
        (lambda: gn.LayerNorm(0)(gn.input("x", ("batch", 3))), "axes of known size"),
    ],
)
def test_refused(make, words):
    with pytest.raises(GraphnetError, match=words):
        make()


def test_a_small_network_of_them_trains_and_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(32, 2, 6, 6)), np.arange(32) % 2
    x[t == 1, 0, 2:4, 2:4] += 3  # a bright spot
    model = gn.Sequential(
        [
            gn.Input((2, 6, 6)), gn.Conv2D(4, 3, padding="same", activation="tanh", groups=2),
            gn.MaxPool2D(2), gn.Conv2D(4, 2), gn.LayerNorm(), gn.AveragePooling2D(2), gn.Flatten(),
            gn.Dense(2),
        ]
    )  # fmt: skip
    model.compile(gn.Adam(lr=0.03), loss="cross_entropy", metrics=["accuracy"], dtype="float64")
    model.fit(x, t, epochs=25, batch_size=16, verbose=0)
    assert model.evaluate(x, t)["accuracy"] > 0.9
    model.save(tmp_path / "model.npz")
    again = gn.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))

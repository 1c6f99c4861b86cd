"""The built-in examples by name: data, a compiled model, and how long to train it.

example = examples["digits"]
model = example.build()
X, y, X_test, y_test = example.load()
model.fit(X, y, epochs=example.epochs, batch_size=example.batch_size)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.ops.layer import Layer
from graphnet.ops.layers import Dense, Dropout, Flatten, Input
from graphnet.ops.optimizers import SGD, Adam
from graphnet.ops.pool_layers import MaxPool2D
from graphnet.ops.recurrent import GRU, LSTM, RNN
from graphnet.ops.schedules import cosine
from graphnet.ops.window_layers import Conv2D
from graphnet.training.gpt import build_gpt, load_gpt
from graphnet.training.pictures import SIDE, build_images, load_faces, pictures
from graphnet.training.sequential import Sequential

__all__ = ["EXAMPLES", "Example", "example", "of_folder"]

Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Example:
    """`load()` gives X, y, X_test, y_test; `build()` a compiled model.

    `classes` names the classes, where there are any.
    """

    name: str
    description: str
    load: Callable[[], Arrays]
    build: Callable[[], Sequential]
    epochs: int
    batch_size: int
    classes: tuple[str, ...] = ()


def split(X: NDArray[Any], y: NDArray[Any], share: float, strata: NDArray[Any] | None) -> Arrays:
    """A quarter or so of the rows held back for the test, the same rows on every run."""
    from sklearn.model_selection import train_test_split

    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=share, random_state=0, stratify=strata
    )
    return X_train, y_train, X_test, y_test


def standardized(arrays: Arrays) -> Arrays:
    """Every feature with mean 0 and deviation 1, as measured on the training rows."""
    X, y, X_test, y_test = arrays
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    return (X - mean) / deviation, y, (X_test - mean) / deviation, y_test


def load_digits() -> Arrays:
    """1797 images of 8x8 pixels, 0 to 16, scaled to 0 .. 1."""
    from sklearn import datasets

    X, y = datasets.load_digits(return_X_y=True)
    return split(X / 16, y, 0.25, y)


def build_digits() -> Sequential:
    # Learning rate, batch and epochs: best mean loss of five seeds on a fifth of the training rows.
    model = Sequential([Input(64), Dense(32, activation="relu"), Dense(10)])
    model.compile(SGD(lr=0.1, momentum=0.9), "cross_entropy", ["accuracy"])
    return model


def load_rows() -> Arrays:
    """The digits as sequences: 8 rows of 8 pixels, from the top to the bottom."""
    X, y, X_test, y_test = load_digits()
    return X.reshape(-1, 8, 8), y, X_test.reshape(-1, 8, 8), y_test


def build_recurrent(layer: Callable[[int], Layer], units: int, lr: float) -> Sequential:
    model = Sequential([Input((8, 8)), layer(units), Dense(10)])
    model.compile(Adam(lr=lr), "cross_entropy", ["accuracy"])
    return model


def load_images() -> Arrays:
    """The digits as images: one channel of 8x8."""
    X, y, X_test, y_test = load_digits()
    return X.reshape(-1, 1, 8, 8), y, X_test.reshape(-1, 1, 8, 8), y_test


def build_cnn() -> Sequential:
    steps = 40 * 43  # epochs of batches of 32
    conv = partial(Conv2D, size=3, padding="same", activation="relu")
    model = Sequential(
        [
            Input((1, 8, 8)), conv(32), MaxPool2D(2), conv(64),
            MaxPool2D(2), Flatten(), Dropout(0.5), Dense(10),
        ]
    )  # fmt: skip
    model.compile(Adam(lr=cosine(0.003, steps)), "cross_entropy", ["accuracy"])
    return model


def load_copies() -> Arrays:
    """The digits, and the digits again as what is to come out."""
    X, _, X_test, _ = load_digits()
    return X, X, X_test, X_test


def build_autoencoder() -> Sequential:
    model = Sequential(
        [
            Input(64), Dense(128, activation="relu"), Dense(8, name="code"),
            Dense(128, activation="relu"), Dense(64, activation="sigmoid"),
        ]
    )  # fmt: skip
    model.compile(Adam(lr=0.002), "mse", ["mae"])
    return model


def load_neuron() -> Arrays:
    """442 patients, 10 measurements, and how far their diabetes went in a year, in hundreds."""
    from sklearn import datasets

    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    return standardized(split(X, y / 100, 0.25, None))


def build_neuron() -> Sequential:
    model = Sequential([Input(10), Dense(1, init="zeros")])
    model.compile(SGD(lr=0.02), "mse", ["mae"])
    return model


def load_house() -> Arrays:
    """2930 house sales in Ames, Iowa: living area in 100 square metres, price in 1000 dollars."""
    table = resources.files("graphnet.training") / "data" / "ames.csv"
    rows = np.loadtxt(table.read_text(encoding="utf-8").splitlines(), delimiter=",", skiprows=1)
    return split(rows[:, :1] * 0.09290304 / 100, rows[:, 2] / 1000, 0.25, None)


def build_house() -> Sequential:
    model = Sequential([Input(1), Dense(1, init="zeros")])
    model.compile(SGD(lr=0.1), "mse", ["mae"])
    return model


def load_xor() -> Arrays:
    """Four points; the class is whether exactly one coordinate is 1. Trained and tested on all."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    return X, y, X, y


def build_xor() -> Sequential:
    hidden, output = Dense(3, activation="tanh"), Dense(1, activation="sigmoid")
    model = Sequential([Input(2), hidden, output])
    model.compile(Adam(lr=0.05), "binary_cross_entropy", ["accuracy"])
    return model


def load_iris() -> Arrays:
    """150 flowers, 4 lengths, 3 species."""
    from sklearn import datasets

    X, y = datasets.load_iris(return_X_y=True)
    return standardized(split(X, y, 0.3, y))


def build_iris() -> Sequential:
    model = Sequential([Input(4), Dense(3, init="zeros")])
    model.compile(SGD(lr=0.1, momentum=0.9), "cross_entropy", ["accuracy"])
    return model


def load_split_faces() -> Arrays:
    """200 pictures that ship in scikit-image, three quarters of each kind to train on."""
    X, y = load_faces()
    return split(X, y, 0.25, y)


EXAMPLES: dict[str, Example] = {
    one.name: one
    for one in (
        Example(
            "digits", "handwritten digits, 8x8 pixels: 64 -> 32 relu -> 10, cross entropy",
            load_digits, build_digits, epochs=30, batch_size=32,
            classes=tuple("0123456789"),
        ),
        Example(
            "neuron", "one neuron without activation is linear regression: diabetes",
            load_neuron, build_neuron, epochs=40, batch_size=32,
        ),
        Example(
            "house", "a house's price from its area: one linear neuron, real sales",
            load_house, build_house, epochs=20, batch_size=64,
        ),
        Example(
            "xor", "what one neuron cannot do and 2 -> 3 tanh -> 1 sigmoid can",
            load_xor, build_xor, epochs=200, batch_size=4, classes=("same", "different"),
        ),
        Example(
            "iris", "softmax regression: 4 -> 3, cross entropy",
            load_iris, build_iris, epochs=40, batch_size=16,
            classes=("setosa", "versicolor", "virginica"),
        ),
        *(
            Example(
                name, f"{what} reads the digits row by row: 8 steps of 8 -> {units}, 10",
                load_rows, partial(build_recurrent, layer, units, lr), epochs, batch_size=32,
                classes=tuple("0123456789"),
            )
            for name, what, layer, units, lr, epochs in (
                ("rnn", "a recurrent network", RNN, 64, 0.003, 40),
                ("lstm", "an LSTM", LSTM, 48, 0.005, 30),
                ("gru", "a GRU", GRU, 48, 0.005, 30),
            )
        ),
        Example(
            "cnn", "convolutions read the digits: 32 and 64 maps, relu, pooling -> 10",
            load_images, build_cnn, epochs=40, batch_size=32, classes=tuple("0123456789"),
        ),
        Example(
            "autoencoder", "64 pixels through 8 numbers and back, with less error than PCA",
            load_copies, build_autoencoder, epochs=60, batch_size=32,
        ),
        Example(
            "images", "a face or not, from 25x25 greys flattened: 625 -> 64 relu -> 1 sigmoid",
            load_split_faces, partial(build_images, 625), epochs=30, batch_size=16,
            classes=("no face", "face"),
        ),
        Example(
            "gpt", "a small GPT sorts 6 symbols of 3: 3 blocks, width 48, 3 heads, AdamW",
            load_gpt, build_gpt, epochs=6, batch_size=64,
        ),
    )
}  # fmt: skip


def example(name: str) -> Example:
    """The example of a name. GraphnetError where there is none."""
    if name not in EXAMPLES:
        raise GraphnetError(f"there is no example {told(name)}{did_you_mean(name, EXAMPLES)}")
    return EXAMPLES[name]


def of_folder(chosen: Example, folder: str) -> Example:
    """The example on pictures of one's own, read here: a subfolder a kind; see `pictures`."""
    if chosen.name != "images":
        raise GraphnetError(f"--data is for images; {chosen.name} has data of its own")
    X, y, kinds = pictures(folder)
    named = " or ".join(kinds)
    return replace(
        chosen,
        description=f"{named}, from {SIDE}x{SIDE} colors flattened: {X.shape[1]:,} -> 64",
        load=lambda: split(X, y, 0.25, y),
        build=partial(build_images, X.shape[1], len(kinds)),
        classes=kinds,
    )

"""The built-in examples reach what they promise, on data that they never trained on."""

from __future__ import annotations

import time

import numpy as np
import pytest

import graphnet as gn
from graphnet.training.examples import EXAMPLES, example

PROMISES = {  # name -> (metric, at least or at most, seconds)
    "digits": ("accuracy", 0.96, 20),
    "iris": ("accuracy", 0.95, 5),
    "xor": ("accuracy", 1.0, 5),
    "neuron": ("mae", 0.5, 5),
    "house": ("mae", 45.0, 5),
    "rnn": ("accuracy", 0.95, 30),
    "lstm": ("accuracy", 0.95, 60),
    "gru": ("accuracy", 0.95, 60),
    "cnn": ("accuracy", 0.98, 120),
    "autoencoder": ("loss", 0.015, 20),
    "images": ("accuracy", 0.85, 20),
    "gpt": ("exact", 0.99, 180),
}
SLOW = ("cnn", "lstm", "gru", "gpt")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in EXAMPLES]
)
def test_an_example_keeps_its_promise(name):
    one = example(name)
    start = time.perf_counter()
    X, y, X_test, y_test = one.load()
    model = one.build()
    history = model.fit(X, y, epochs=one.epochs, batch_size=one.batch_size, verbose=0)
    metric, bound, seconds = PROMISES[name]
    found = model.evaluate(X_test, y_test)[metric]
    assert found <= bound if metric in ("mae", "loss") else found >= bound
    assert time.perf_counter() - start < seconds
    assert len(history.epochs) == one.epochs
    if one.classes:
        assert set(np.unique(model.classify(X_test))) <= set(range(len(one.classes)))


def test_the_neuron_finds_the_least_squares_line():
    """The global minimum is known: the trained loss is within 3 % of it."""
    one = example("neuron")
    X, y, _, _ = one.load()
    model = one.build()
    model.fit(X, y, epochs=one.epochs, batch_size=one.batch_size, verbose=0)
    A = np.column_stack([X, np.ones(len(X))])
    best = np.mean((A @ np.linalg.lstsq(A, y, rcond=None)[0] - y) ** 2)
    assert best <= model.evaluate(X, y)["loss"] < 1.03 * best


def test_the_autoencoder_has_less_error_than_its_principal_components():
    """Its promise is well below what 8 numbers can do by a linear map (Eckart and Young 1936)."""
    X, _, X_test, _ = example("autoencoder").load()
    mean = X.mean(axis=0)
    axes = np.linalg.svd(X - mean, full_matrices=False)[2][:8]
    left = (X_test - mean) - (X_test - mean) @ axes.T @ axes
    assert PROMISES["autoencoder"][1] < 0.7 * np.mean(left**2)


def test_the_split_of_digits_is_fixed_and_stratified():
    X, y, X_test, y_test = example("digits").load()
    again = example("digits").load()
    assert (again[2] == X_test).all()
    assert X.shape[1:] == X_test.shape[1:] == (64,)
    assert len(X) + len(X_test) == 1797
    assert (X.min(), X.max()) == (0, 1)
    share = np.bincount(y_test) / np.bincount(np.concatenate([y, y_test]))
    np.testing.assert_allclose(share, 0.25, atol=0.01)


def test_an_unknown_example():
    with pytest.raises(gn.GraphnetError, match="did you mean 'digits'"):
        example("digit")

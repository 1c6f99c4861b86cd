"""Habits from Keras, torch and scikit-learn: what people do to models, and what they are told."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError

X = np.random.default_rng(0).normal(size=(12, 4))
IDS, YES = np.arange(12) % 3, (X[:, :1] > 0).astype(float)


def model(loss="cross_entropy", units=3, **more) -> gn.Sequential:
    made = gn.Sequential([gn.Input(4), gn.Dense(units)])
    made.compile("sgd", loss, **more)
    return made


MISTAKES = [
    (lambda: model().compile(gn.Adam), r"write gn.Adam\(...\), with its arguments"),
    (lambda: model("mse", 1, metrics=["accuracy"]).fit(X, X[:, 0] + 5), "'mae', 'rmse' and 'r2'"),
    (lambda: gn.Input((None, 4)), 'one that may vary has a name, such as "time"'),
    (lambda: gn.Sequential([gn.Dense(1)]).predict(X[:, 0]), r"are a column: X\[:, None\]"),
]


@pytest.mark.parametrize(("use", "message"), MISTAKES)
def test_mistakes_are_told(use, message):
    with pytest.raises(gn.GraphnetError, match=message):
        use()


NAMES = [
    (model, "add", "a list of layers"), (model, "eval", "left out"), (model, "forward", "predict"),
    (model, "state_dict", "parameters"), (model, "score", "evaluate"), (model, "nothing", "'nothi"),
    (gn.History, "history", r"history\['loss'\]"), (gn.History, "nothing", "'nothing'$"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "name", "hint"), NAMES)
def test_names_of_others_are_told(make, name, hint):
    assert not hasattr(make(), name)
    with pytest.raises(AttributeError, match=hint):
        getattr(make(), name)


def test_what_a_property_says_is_not_hidden_and_objects_are_copied():
    bare = gn.Sequential([gn.Dense(1)])
    for name in ("step", "heads", "parameters"):
        with pytest.raises(gn.GraphnetError, match=r"not compiled|gn.Input\(shape\)"):
            getattr(bare, name)
    history = model().fit(X, IDS, epochs=1, verbose=0)
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert other["loss"] == history["loss"]


@pytest.mark.parametrize("metrics", [None, (), []])
def test_no_metrics(metrics):
    assert list(model(metrics=metrics).evaluate(X, IDS)) == ["loss"]


def test_a_warning_names_the_line_of_the_user_and_what_to_write():
    made = model("binary_cross_entropy", 1)
    made.parameters["W1"] = np.full((4, 1), 5.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made.fit(X, YES, epochs=1, verbose=0)
    (warning,) = caught
    assert warning.filename == __file__
    assert "takes probabilities, but the model gives" in str(warning.message)
    assert "binary_cross_entropy_with_logits" in str(warning.message)
    made = model("mse", 1)
    made.parameters["W1"] = np.full((4, 1), 1e30)
    with pytest.warns(RuntimeWarning, match="before this step$"):
        made.fit(X, YES, epochs=1, verbose=0)


@pytest.mark.parametrize(
    "softmax",
    [
        gn.softmax,
        lambda z: gn.formula("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", z=z),
        lambda z: gn.formula("P[n,k] = exp(z[n,k] - L[n])", z=z, L=gn.logsumexp(z, axis=-1)),
    ],
)
def test_softmax_before_cross_entropy_is_refused(softmax) -> None:
    """It trained on softmax of softmax; formulas written by hand are known, too."""
    x = gn.input("x", ("batch", 4))
    z = gn.Dense(3)(x)
    model = gn.Model(x, softmax(z))
    with pytest.raises(GraphnetError, match="applies softmax itself, but the model ends with"):
        model.compile("sgd", "cross_entropy")
    with pytest.raises(GraphnetError, match="applies softmax itself"):
        model.compile("sgd", gn.cross_entropy)
    model.compile("sgd", "kl_divergence")
    model.fit(np.eye(4), np.eye(3)[[0, 1, 2, 0]], epochs=1)
    for scores in (z, gn.log_softmax(z), gn.softmax(z, axis=0)):
        gn.Model(x, scores).compile("sgd", "cross_entropy")


@pytest.mark.parametrize(
    "sigmoid",
    [
        gn.sigmoid,
        lambda z: gn.formula("exp(z)/(1 + exp(z))", z=z),
        lambda z: gn.formula("1/2 + tanh(z/2)/2", z=z),
        lambda z: gn.formula("1/(1 + exp(-2*z - b))", z=z, b=gn.parameter("bias", ())),
    ],
)
def test_a_sigmoid_before_a_loss_of_logits_is_refused(sigmoid) -> None:
    x = gn.input("x", ("batch", 4))
    z = gn.Dense(1)(x)
    model = gn.Model(x, sigmoid(z))
    with pytest.raises(GraphnetError, match=r"applies the sigmoid itself.*binary_cross_entropy"):
        model.compile("sgd", gn.binary_cross_entropy_with_logits)
    model.compile("sgd", "binary_cross_entropy")
    for scores in (z, gn.tanh(z), gn.exp(z), gn.softplus(z), gn.gelu(z), 2 * gn.sigmoid(z)):
        gn.Model(x, scores).compile("sgd", "binary_cross_entropy_with_logits")


def test_softmax_of_a_deferred_model_is_refused_when_it_is_fitted() -> None:
    model = gn.Sequential([gn.Dense(3, activation="softmax")])
    model.compile("sgd", "cross_entropy")
    with pytest.raises(GraphnetError, match="leave that activation out"):
        model.fit(np.eye(4), [0, 1, 2, 0], epochs=1)

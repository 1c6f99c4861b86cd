"""Data that does not fit: a table of what is given and what the error must say."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn

X = np.random.default_rng(0).normal(size=(12, 4))
Y = np.arange(12) % 3


def changed(array, index, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[index] = value
    return array


def classifier() -> gn.Sequential:
    model = gn.Sequential([gn.Input(4), gn.Dense(3)])
    model.compile("sgd")
    return model


BAD = [
    (changed(X, (3, 2), np.nan), Y, {}, r"x\[3, 2\] is nan"),
    (changed(X, (5, 0), -np.inf), Y, {}, r"x\[5, 0\] is -inf"),
    (changed(X, (5, 1), 1e300), Y, {}, r"x\[5, 1\] is 1e\+300, too large for float32"),
    (X[:, :3], Y, {}, r"expected shape \(batch, 4\), came \(12, 3\): axis 1 is 3, not 4"),
    (X[:, 0], Y, {}, r"expected 2 axes, shape \(batch, 4\), came shape \(12,\)"),
    (X[:9], Y, {}, "X has 9, y has 12 rows"),
    (X, changed(Y, 7, 3), {}, r"y\[7\] is 3, the valid range is 0 .. 2"),
    (X, changed(Y, 4, -1), {}, r"y\[4\] is -1, the valid range is 0 .. 2"),
    (X, Y.astype(float), {}, r"integer dtype, not float64: y.astype\(int\)"),
    (X, np.eye(4)[Y], {}, r"y has shape \(12, 4\), but the prediction \(batch, 3\)"),
    (X, changed(np.eye(3)[Y], (2, 1), np.nan), {}, r"y\[2, 1\] is nan"),
    (X[:0], Y[:0], {}, "no rows"),
    ([], [], {}, "no rows"),
    (X, ["a"] * 12, {}, "must hold numbers"),
    ([[1, 2], [3]], Y, {}, "X is not an array"),
    (np.array(X, dtype=object), Y, {}, "must hold numbers"),
    (np.ma.masked_array(X), Y, {}, "masked"),
    (3.0, Y, {}, "row per sample"),
    (None, Y, {}, "must hold numbers"),
    (X.astype(complex), Y, {}, "complex"),
    (changed(X.astype(object), (4, 1), None), Y, {}, r"X\[4, 1\] is None"),
    ((row for row in X), Y, {}, "generator of dtype object; make a list"),
    (X, ["a", "b", "c"] * 4, {}, r"np.unique\(y, return_inverse=True\)"),
    (X, Y > 0, {}, r"came dtype bool; cast it with .astype\(int\)"),
    (X, changed(np.eye(3)[Y], (5, 0), -0.5), {}, r"y\[5, 0\] is -0.5, but the targets of cross_"),
    (type("Remote", (), {"__array__": lambda *_, **__: 1 / 0})(), Y, {}, "X is not an array: div"),
    (X, Y, {"sample_weight": np.ones(11)}, "sample_weight has 11"),
    (X, Y, {"sample_weight": changed(np.ones(12), 6, -1.0)}, r"sample_weight\[6\] is -1"),
    (X, Y, {"sample_weight": changed(np.ones(12), 6, np.nan)}, r"sample_weight\[6\] is nan"),
    (X, Y, {"sample_weight": np.zeros(12)}, "every sample_weight is 0"),
    (X, Y, {"sample_weight": np.ones((12, 1))}, "one number a row"),
]


@pytest.mark.parametrize(("x", "y", "more", "message"), BAD)
def test_bad_data_is_refused(x, y, more, message):
    model = classifier()
    before = {k: a.copy() for k, a in model.parameters.items()}
    for use in (model.fit, model.evaluate):
        with pytest.raises(gn.GraphnetError, match=message):
            use(x, y, **more)
    assert all((model.parameters[k] == a).all() for k, a in before.items())
    with pytest.raises(gn.GraphnetError, match=message):
        model.fit(X, Y, validation_data=(x, y, *more.values()), epochs=1, verbose=0)
    assert model.history.epochs == []


def test_what_is_refused_changes_no_model() -> None:
    """Neither the shape that a model without an input learns nor the kind of target it has."""
    model = gn.Sequential([gn.Dense(4), gn.Residual(gn.Dense(4)), gn.Dense(3)])
    model.compile("sgd")
    for use in (model.fit, model.evaluate, model.diagnose, lambda x, y: model.predict(x * np.nan)):
        with pytest.raises(gn.GraphnetError):
            use(X, Y + 1)
    model.fit(np.hstack([X, X]), Y, epochs=1, verbose=0)
    step = model.step
    for x, more in ((X * np.nan, {}), (X, {"callbacks": [3]}), (X, {"validation_data": (X, Y)})):
        with pytest.raises(gn.GraphnetError):
            model.fit(np.hstack([x, x]), np.eye(3)[Y], epochs=1, verbose=0, **more)
        assert model.step is step
    layer = gn.MultiHeadAttention(4)
    with pytest.raises(gn.GraphnetError):
        layer(gn.input("x", ("batch", 5, 6)))
    assert layer(gn.input("x", ("batch", 5, 8))).shape[1:] == (5, 8)


ARGUMENTS = [
    ({"epochs": -1}, "epochs"),
    ({"epochs": 1.5}, "epochs"),
    ({"batch_size": 0}, "batch_size"),
    ({"batch_size": True}, "batch_size"),
    ({"validation_split": 1.0}, "validation_split"),
    ({"validation_split": 0.5, "validation_data": (X, Y)}, "not both"),
    ({"validation_data": X}, "validation_data"),
    ({"verbose": 3}, "verbose"),
    ({"callbacks": [3]}, "callback"),
    ({"callbacks": [gn.EarlyStopping]}, "callback"),
]


@pytest.mark.parametrize(("more", "message"), ARGUMENTS)
def test_bad_arguments_of_fit(more, message):
    with pytest.raises(gn.GraphnetError, match=message):
        classifier().fit(X, Y, **({"epochs": 1, "verbose": 0} | more))


COMPILE = [
    ({"optimizer": "adadlta"}, "did you mean 'adadelta'"),
    ({"optimizer": 3}, "optimizer"),
    ({"loss": "cross_entrpy"}, "did you mean 'cross_entropy'"),
    ({"loss": 3}, "loss"),
    ({"loss": lambda p, t: p}, "one number"),
    ({"loss": lambda p, t: 3}, "tensor"),
    ({"loss": lambda p: p}, r"called as f\(prediction, target\), but <lambda> is f\(p\)"),
    ({"loss": lambda p, t: np.mean(p)}, "np.mean takes arrays, .*; write gn.mean"),
    ({"loss": "sparse_categorical_crossentropy"}, "here it is 'cross_entropy', of logits"),
    ({"loss": "MSE"}, "did you mean 'mse'"),
    ({"optimizer": "momentum"}, r"here it is gn.SGD\(lr=0.01, momentum=0.9\)"),
    ({"metrics": ["acc"]}, "here it is 'accuracy'"),
    ({"metrics": ["f2"]}, r"a function \(prediction, target\) of arrays is a metric, too"),
    ({"metrics": [lambda p: 1.0]}, r"called as f\(prediction, target\)"),
    ({"metrics": ["acuracy"]}, "did you mean 'accuracy'"),
    ({"metrics": ["mae", "mae"]}, "two"),
    ({"metrics": [3]}, "metric"),
    ({"seed": -1}, "seed"),
    ({"dtype": "float16"}, "float16"),
    ({"style": "slow"}, "style"),
]


@pytest.mark.parametrize(("more", "message"), COMPILE)
def test_bad_arguments_of_compile(more, message):
    with pytest.raises(gn.GraphnetError, match=message):
        gn.Sequential([gn.Input(4), gn.Dense(3)]).compile(**({"optimizer": "sgd"} | more))


MODELS = [
    (lambda: gn.Sequential([]), "at least one layer"),
    (lambda: gn.Sequential([gn.Input(3)]), "at least one layer"),
    (lambda: gn.Sequential([3]), "made of layers"),
    (lambda: gn.Sequential(["relu"]), r"write gn.Activation\('relu'\)"),
    (lambda: gn.Sequential([gn.Dense]), r"write gn.Dense\(...\)"),
    (lambda: gn.Sequential([gn.relu]), r"gn.Activation\(function\) makes one"),
    (lambda: gn.Model(gn.input("x", (2, 3)), gn.Dense(2)(gn.input("x", (2, 3)))), "batch"),
    (lambda: gn.Model(3, gn.input("x", ("n", 3))), "inputs"),
    (lambda: gn.Model(gn.input("x", ("n", 3)), gn.Dense(2)(gn.input("z", ("n", 3)))), "z"),
    (lambda: gn.Model([], gn.input("x", ("n", 3))), "needs inputs"),
    (lambda: gn.Model(gn.parameter("W", (2,)), gn.input("x", ("n", 3))), "gn.input"),
]


@pytest.mark.parametrize(("make", "message"), MODELS)
def test_bad_models(make, message):
    with pytest.raises(gn.GraphnetError, match=message):
        make()


def test_data_is_never_changed_and_need_not_be_a_float_array():
    model = gn.Sequential([gn.Dense(3)])
    model.compile("sgd")
    images = np.random.default_rng(0).integers(0, 17, (12, 4)).astype(np.uint8)
    frozen = [images, images.astype(np.float64), np.asfortranarray(images), images[::-1][::-1]]
    results = []
    for x in frozen:
        x.setflags(write=False)
        y = Y.copy()
        y.setflags(write=False)
        model.reset(0) if results else None
        model.fit(x, y, epochs=2, verbose=0)
        results.append(model.parameters["W1"].tobytes())
        assert (y == Y).all()
    assert len(set(results)) == 1
    assert model.predict(images.tolist()).shape == (12, 3)


def test_what_is_not_finite_goes_in_where_it_is_asked_for() -> None:
    """A network that clips has a formula for infinite data; nan stops training as ever."""
    x = gn.input("x", ("batch", 2))
    model = gn.Model(x, gn.Dense(1, init="ones")(gn.clip(x, -1, 1)))
    model.compile(gn.SGD(lr=0.1), "mse")
    X, y = np.array([[np.inf, 0.5], [-np.inf, 2.0]]), np.array([1.5, 0.0])
    calls = (
        lambda **k: model.fit(X, y, epochs=1, verbose=0, **k),
        lambda **k: model.fit(
            np.zeros((2, 2)), y, epochs=0, verbose=0, validation_data=(X, y), **k
        ),
        lambda **k: model.evaluate(X, y, **k),
        lambda **k: model.predict(X, **k),
        lambda **k: model.classify(X, **k),
        lambda **k: model.values(X, **k),
    )
    for call in calls:
        with pytest.raises(gn.GraphnetError, match=r"x\[0, 0\] is inf, not finite"):
            call()
    assert model.evaluate(X, y, check_finite=False)["loss"] == 0.0
    np.testing.assert_array_equal(model.predict(X, check_finite=False), [[1.5], [0.0]])
    assert calls[0](check_finite=False)["loss"] == [0.0]
    for call in calls:
        call(check_finite=False)
    nan = np.full((2, 2), np.nan)
    with pytest.warns(RuntimeWarning, match="the loss of step"):
        model.fit(nan, y, epochs=1, verbose=0, check_finite=False)
    with pytest.raises(gn.GraphnetError, match="check_finite is True or False"):
        model.predict(X, check_finite=0)

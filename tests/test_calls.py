"""Arguments that do not fit: what a function is called, what it takes, what a near name is."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import graphnet as gn

x = gn.input("x", (3, 4))
model = gn.Sequential([gn.Input(4), gn.Dense(3)])
X = np.ones((2, 4))

CALLS = [
    (
        lambda: model.fit(X, [0, 1], epoch=3),
        r"Sequential.fit .*'epoch'; did you mean 'epochs'\? It "
        "takes X, y, epochs, batch_size",
    ),
    (lambda: model.compile(optimiser="sgd"), "Sequential.compile .*did you mean 'optimizer'"),
    (lambda: model.compile("sgd", learning_rate=0.1), r"in the optimizer, gn.Adam\(lr=0.001\)"),
    (lambda: model.fit(X), "Sequential.fit: missing a required argument: 'y'; it takes X, y"),
    (lambda: model.predict(x=X), "Sequential.predict has no argument 'x'; here it is 'X'"),
    (lambda: model.report(X, y=[0], labels=["a"]), "Sequential.report .*'labels'"),
    (
        lambda: gn.Dense(unit=3),
        r"Dense has no argument 'unit'; did you mean 'units'\? It takes uni",
    ),
    (lambda: gn.Sequential(layer=[]), "Sequential has no argument 'layer'; did you mean 'layers'"),
    (lambda: gn.Model(x), "Model: missing a required argument: 'outputs'"),
    (lambda: gn.Optimizer(), "Optimizer: missing a required argument: 'rule'"),
    (lambda: gn.EarlyStopping(restore_best_weights=True), "here it is 'restore_best'"),
    (lambda: gn.L2(rte=1), "L2 has no argument 'rte'; did you mean 'rate'"),
    (lambda: gn.History().best(), "History.best: missing a required argument: 'name'"),
    (
        lambda: gn.sum(x, dim=1),
        "sum has no argument 'dim'; here it is 'axis'. It takes x, axis, kee",
    ),
    (lambda: gn.mse(x, x, reduce="sum"), "did you mean 'reduction'"),
    (lambda: gn.mse(y_true=x, y_pred=x), "here it is 'target'"),
    (lambda: gn.relu(x, 3), "relu: too many positional arguments; it takes x"),
    (lambda: gn.grad(x), "grad: missing a required argument: 'x'"),
    (lambda: gn.function([x], x, stile="fast"), "did you mean 'style'"),
    (lambda: gn.plot.confusion([0], [0], labels=["a"]), "confusion has no argument 'labels'"),
    (lambda: gn.input("x", size=3), "input has no argument 'size'; it takes name, shape"),
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_arguments_that_do_not_fit_are_told(call, message):
    with pytest.raises(gn.GraphnetError, match=message) as caught:
        call()
    assert isinstance(caught.value, TypeError)


def test_a_type_error_inside_is_not_taken_for_one_of_the_call():
    def broken(prediction, target):
        return None + 1

    with pytest.raises(TypeError, match="unsupported operand") as caught:
        model.compile("sgd", loss=broken)
    assert not isinstance(caught.value, gn.GraphnetError)


def test_functions_are_themselves_wherever_they_are_found():
    assert pickle.loads(pickle.dumps(gn.relu)) is gn.relu
    assert gn.relu.__doc__.startswith("x above 0")
    hidden = gn.Dense(3, activation=gn.tanh)(gn.input("x", ("batch", 2)))
    assert hidden.node.label == gn.tanh(gn.input("x", ("batch", 2))).node.label

"""Unfolded formulas are the network: put in numbers, they give what literal loops give."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError
from graphnet.network.graph import Network
from graphnet.network.neurons import Element, places
from graphnet.network.nodes import Input, Parameter

RNG = np.random.default_rng(0)


def dense():
    x, W, b = gn.input("x", ("batch", 3)), gn.parameter("W", (3, 2)), gn.parameter("b", (2,))
    return [gn.sigmoid(x @ W + b).rename("a")]


def gradient():
    x, W = gn.input("x", ("batch", 2)), gn.parameter("W", (2, 2))
    loss = gn.mean(gn.tanh(x @ W) ** 2).rename("loss")
    return [loss, gn.grad(loss, W)]


def conv():
    x, w = gn.input("x", (1, 1, 4, 4)), gn.parameter("w", (2, 1, 3, 3))
    return [gn.conv2d(x, w, stride=2, padding=1).rename("y")]


def pool():
    return [gn.max_pool2d(gn.input("x", (1, 1, 4, 4)), 2).rename("y")]


def soft():
    z = gn.input("z", ("batch", 3))
    return [gn.softmax(z).rename("p"), gn.logsumexp(z, axis=1).rename("l")]


def norm():
    return [gn.layer_norm(gn.input("x", ("batch", 3))).rename("y")]


@pytest.mark.parametrize("make", [dense, gradient, conv, pool, soft, norm])
def test_numbers(make) -> None:
    outputs = make()
    network = Network.collect([t.node for t in outputs])
    given = {
        name: RNG.normal(size=[2 if not isinstance(e, int) else e for e in node.shape])
        for name, node in network.of(Input, Parameter)
    }
    arrays = interpret(network, given)
    sizes = {"batch": 2} if any("batch" in str(n.shape) for _, n in network.items()) else {}
    unfolding = gn.unfold(outputs, sizes).unfolding
    for name in network.outputs.values():
        for place in places(unfolding.shape(name)):
            body = unfolding.inlined(Element(name, place))
            held = {
                s: sympy.Float(given[(e := unfolding.element(s)).tensor][e.place], 30)
                for s in body.free_symbols
            }
            value = float(_numbers(body.xreplace(held)))
            assert value == pytest.approx(arrays[name][place], rel=1e-9, abs=1e-12)


def _numbers(expr):
    from graphnet.formula import functions as fn

    expr = expr.replace(fn.expw, lambda b, y: sympy.exp(b - y))
    return expr.replace(fn.log1p, lambda x: sympy.log(1 + x)).evalf(20)


def classifier() -> tuple[gn.Tensor, gn.Tensor]:
    x, t = gn.input("x", ("batch", 2)), gn.input("t", ("batch", 1))
    W1, W2 = gn.parameter("W1", (2, 2)), gn.parameter("W2", (2, 1))
    a = gn.relu((x @ W1).rename("Z1")).rename("A1")
    prediction = gn.sigmoid((a @ W2).rename("Z2")).rename("y")
    return prediction, gn.mse(prediction, t).rename("loss")


def test_the_textbook_notation() -> None:
    prediction, loss = classifier()
    net = gn.unfold(prediction)
    assert net.formula(style="unicode") == (
        "y⁽¹⁾ = sigmoid(relu(x₁·W1₁⁽¹⁾ + x₂·W1₂⁽¹⁾)·W2₁⁽¹⁾ + relu(x₁·W1₁⁽²⁾ + x₂·W1₂⁽²⁾)·W2₂⁽¹⁾)"
    )
    assert net.lines("Z1", "latex")[1] == ("Z^{(1,2)} = x_{1} W^{(1,2)}_{1} + x_{2} W^{(1,2)}_{2}")
    assert net.formula(keep=["A1"]) == "y[0,0] = sigmoid(A1[0,0]*W2[0,0] + A1[0,1]*W2[1,0])"
    two = gn.unfold(loss, {"batch": 2}).formula(keep=["y"], style="unicode")
    assert two == "loss = 0.5·(y₁⁽¹⁾ - t₁,₁)² + 0.5·(y₂⁽¹⁾ - t₂,₁)²"


def test_constants_are_numbers() -> None:
    y = (gn.input("x", (2,)) * gn.constant(np.array([0.5, 3.0]))).rename("y")
    assert gn.unfold(y).lines() == ["y[0] = 0.5*x[0]", "y[1] = 3*x[1]"]
    x = gn.input("x", ())
    assert gn.equivalent(gn.constant(0.5) * x + gn.constant(0.0), x / 2)


def chosen(values):
    k, v = gn.input("k", (3,), dtype="int"), gn.input("v", (3,))
    return gn.unfold(gn.take(v, k, axis=0), values={"k": values})


def test_labels_choose() -> None:
    T, E = gn.input("T", ("batch",), dtype="int"), gn.parameter("E", (5, 2))
    y = gn.take(E, T, axis=0).rename("y")
    with pytest.raises(GraphnetError, match="give values="):
        gn.unfold(y)
    assert gn.unfold(y, {"batch": 2}, {"T": [4, 1]}).lines("y")[2] == "y[1,0] = E[1,0]"


def test_a_model_that_trains_is_what_it_predicts() -> None:
    model = gn.Sequential([gn.Input(2), gn.Dense(1, init=[[2], [3]])])
    told = gn.unfold(model).formula()
    model.compile("adam")
    assert gn.unfold(model).formula() == told == "Z1[0,0] = x[0,0]*W1[0,0] + x[0,1]*W1[1,0] + b1[0]"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gn.unfold([dense()[0], gn.input("z") * 2]).formula(), "2 outputs, .*: say which"),
        (lambda: gn.unfold(dense()[0], {"batches": 2}), "no size 'batches'"),
        (lambda: gn.unfold(dense()[0], {"batch": 1.5}), "whole number"),
        (lambda: chosen([1]), r"values\['k'\] of shape \(1,\) has no k\[1\]"),
        (lambda: chosen([1.5, 0.0, 1.0]), "whole number of at least 0, not 1.5"),
        (lambda: chosen([-1, 0, 1]), "at least 0, not -1"),
        (lambda: gn.unfold(dense()[0]).formula("b"), "no tensor 'b' is computed"),
        (lambda: gn.unfold(dense()[0]).formula(place=(0, 9)), "no element"),
        (lambda: gn.unfold(dense()[0]).lines(style="html"), "style"),
        (lambda: gn.unfold(gn.prod(gn.input("x", (3,)))), "loop"),
        (lambda: gn.unfold(gn.input("x", (400, 400)) @ gn.parameter("W", (400, 2))), "50,000"),
        (lambda: gn.work(dense()[0], {"x": np.ones((1, 3))}), "give values of W, b"),
    ],
)
def test_errors(call, told: str) -> None:
    with pytest.raises(GraphnetError, match=told):
        call()


def test_the_work_by_hand() -> None:
    """The 2-2-1 network with all weights 1, worked on paper: Z = 3, 3; Z2 = 6."""
    _, loss = classifier()
    work = gn.work(loss, {"x": [[1.0, 2.0]], "t": [[1.0]], "W1": np.ones((2, 2)),
                          "W2": np.ones((2, 1))})  # fmt: skip
    assert str(work.of("Z1")[0]) == "Z1[0,0] = x[0,0]*W1[0,0] + x[0,1]*W1[1,0] = 1*1 + 2*1 = 3"
    assert str(work.of("A1")[1]) == "A1[0,1] = relu(Z1[0,1]) = relu(3) = 3"
    assert str(work.of("y")[0]) == "y[0,0] = sigmoid(Z2[0,0]) = sigmoid(6) = 0.9975"
    assert work.of("loss")[0].value == pytest.approx((1 / (1 + np.exp(-6)) - 1) ** 2)


def test_the_work_of_a_training_step() -> None:
    model = gn.Sequential([gn.Input(2), gn.Dense(1, init="ones")])
    model.compile(gn.SGD(lr=0.1), "mse")
    before = model.parameters["W1"].copy()
    work = model.work([[1.0, 2.0]], [[5.0]])
    assert (model.parameters["W1"] == before).all(), "nothing is trained"
    assert {line.stage for line in work.lines} == {"forward", "loss", "backward", "update"}
    model.step([[1.0, 2.0]], [[5.0]])
    assert [line.value for line in work.of("W1_new")] == pytest.approx(
        model.parameters["W1"].ravel()
    )
    assert str(work.of("W1_new")[0]).endswith("= 1 - 0.1*(-4) = 1.4")


def test_long_sums_are_cut_but_not_their_values() -> None:
    x = gn.input("x", (50,))
    line = gn.work(gn.sum(x * x).rename("s"), {"x": np.ones(50)}).of("s")[0]
    assert "…" in line.formula
    assert line.value == 50

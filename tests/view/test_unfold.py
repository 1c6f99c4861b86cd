"""Unfolded formulas are the network: put in numbers, they give what literal loops give."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError
from graphnet.formula.extent import names
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


def recurrent(kind):
    x = gn.input("x", ("batch", "time", 2))
    layer = kind(2, return_sequences=True, go_backwards=True)
    H = layer(x).rename("H")
    return [H, gn.grad(gn.sum(H * H), layer.U).rename("g")]


def rnn():
    return recurrent(gn.RNN)


def gru():
    return recurrent(gn.GRU)


def loops():
    """A loop in a loop, the number of the step, states that change places, and one that stays."""
    x, W = gn.input("x", ("lines", "words")), gn.parameter("W", ())

    def word(a, b, w, *, t):
        return (b, gn.tanh(W * a + w * (t + 1))), a

    def line(h, k, words):
        seen, (_, b) = gn.scan(word, (h, k), words, reverse=True)
        return (b, k), gn.sum(seen)

    outs, (h, k) = gn.scan(line, (gn.constant(0.3), W), x)
    return [outs.rename("outs"), h.rename("h"), gn.grad(gn.sum(outs * h) * k, W).rename("g")]


def none():
    return [gn.scan(lambda n: (n + 1.0, n), gn.input("n", ()), length=0)[1].rename("n_last")]


def _twos(network: Network) -> dict[str, int]:
    return {e: 2 for _, n in network.items() for size in n.shape for e in names(size)}


@pytest.mark.parametrize(
    "make", [dense, gradient, conv, pool, soft, norm, rnn, loops, none]
)  # fmt: skip
def test_numbers(make) -> None:
    outputs = make()
    network = Network.collect([t.node for t in outputs])
    given = {
        name: RNG.normal(size=[2 if not isinstance(e, int) else e for e in node.shape])
        for name, node in network.of(Input, Parameter)
    }
    arrays = interpret(network, given)
    unfolding = gn.unfold(outputs, _twos(network)).unfolding
    for name in network.outputs.values():
        for place in places(unfolding.shape(name)):
            body = unfolding.inlined(Element(name, place))
            held = {
                s: sympy.Float(given[(e := unfolding.element(s)).tensor][e.place], 30)
                for s in body.free_symbols
            }
            value = float(_numbers(body.xreplace(held)))
            assert value == pytest.approx(arrays[name][place], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("make", [gradient, rnn, gru, loops, none])
def test_every_element_is_what_its_formula_says(make) -> None:
    outputs = make()
    unfolded = gn.unfold(outputs, _twos(Network.collect([t.node for t in outputs])))
    unfolding, network = unfolded.unfolding, unfolded.network
    given = {
        name: RNG.normal(size=unfolding.shape(name)) for name, _ in network.of(Input, Parameter)
    }  # fmt: skip
    arrays = interpret(network, given)
    for element, body in unfolding.bodies.items():
        read = {s: unfolding.element(s) for s in body.free_symbols}
        held = {s: sympy.Float(arrays[e.tensor][e.place], 30) for s, e in read.items()}
        value = float(_numbers(body.xreplace(held)))
        assert value == pytest.approx(arrays[element.tensor][element.place], rel=1e-9, abs=1e-12)


def _numbers(expr):
    from graphnet.formula import functions as fn
    from graphnet.formula.searched import meant

    expr = meant(expr).replace(fn.expw, lambda b, y: sympy.exp(b - y))
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


def tanh_loop() -> tuple[gn.Tensor, gn.Tensor]:
    x, u = gn.input("x", ("time",)), gn.parameter("u", ())

    def step(h, x):
        return gn.formula("tanh(x + u*h)", x=x, u=u, h=h), None

    _, last = gn.scan(step, gn.constant(0.0), x)
    return (last**2).rename("loss"), u


def test_a_recurrence_step_by_step() -> None:
    loss, _ = tanh_loop()
    unfolded = gn.unfold(loss, {"time": 3})
    assert unfolded.lines("h_new") == [
        "h_new[0] = tanh(x[0])",
        "h_new[1] = tanh(x[1] + u*h_new[0])",
        "h_new[2] = tanh(x[2] + u*h_new[1])",
    ]
    assert unfolded.formula() == "loss = tanh(x[2] + tanh(x[1] + tanh(x[0])*u)*u)**2"


def test_every_element_is_written_in_the_order_of_its_formula() -> None:
    """x*W in the first row was W*x in the second, which reads a W that has been read before."""
    model = gn.Sequential([gn.Input((2, 2)), gn.LSTM(1), gn.Dense(1)])
    model.compile("sgd", "mse")
    work = model.work(np.ones((2, 2, 2)), [[1.0], [0.0]])

    def formulas(tensor: str) -> list[str]:
        return [f"{line.element} = {line.formula}" for line in work.of(tensor)]

    assert formulas("Z_sum_1")[5] == "Z_sum_1[0,1,1] = x[1,0,0]*W1[0,1] + x[1,0,1]*W1[1,1]"
    assert formulas("Z1")[5] == "Z1[0,1,1] = Z_sum_1[0,1,1] + b1[1]"
    assert "a_sum_1[1,0,0] = h_new[0,0,0]*U1[0,0]" in formulas("a_sum_1")
    assert "c_new[1,0,0] = f[1,0,0]*c_new[0,0,0] + i[1,0,0]*g[1,0,0]" in formulas("c_new")


WORK = """\
forward
  step 0
    h_new[0] = tanh(x[0]) = tanh(1) = 0.7616
    h_before[0] = 0
  step 1
    h_new[1] = tanh(x[1] + u*h_new[0]) = tanh(2 + 0.5*0.7616) = 0.983
    h_before[1] = h_new[0] = 0.7616
  … and 1 more step
  h_last_1 = h_new[2] = 0.9981
  loss = h_last_1**2 = 0.9981**2 = 0.9963
backward
  d_h_last_1 = 2*h_last_1 = 2*0.9981 = 1.996
  d_h_part_1[0] = u*(1 - h_new[0]**2) = 0.5*(1 - 0.7616**2) = 0.21
  d_h_part_1[1] = u*(1 - h_new[1]**2) = 0.5*(1 - 0.983**2) = 0.01682
  … and 1 more of d_h_part_1
  step 2
    d_h[2] = d_h_last_1*d_h_part_1[2] = 1.996*0.001852 = 0.003696
    d_h_new_before[2] = d_h_last_1 = 1.996
  step 1
    d_h[1] = d_h[2]*d_h_part_1[1] = 0.003696*0.01682 = 6.215e-05
"""


def test_the_work_of_a_recurrence_is_shown_step_by_step() -> None:
    """By hand: tanh(1), tanh(2 + tanh(1)/2), and so on."""
    loss, _ = tanh_loop()
    x = gn.Tensor(next(n for n in gn.unfold(loss).network.of(Input))[1])
    network = gn.training_step([x], loss, gn.SGD(lr=0.1)).network
    made = gn.work(network, {"x": [1.0, 2.0, 3.0], "u": 0.5}, most=2)
    assert str(made).startswith(WORK)
    values = interpret(network, {"x": np.array([1.0, 2.0, 3.0]), "u": np.array(0.5)})
    assert made.of("d_u")[0].value == values["d_u"]


def test_loops_in_a_row_and_in_each_other_say_what_is_left_out() -> None:
    x = gn.input("x", (3, 4))

    def word(s, w):
        return s + w, None

    def line(s, words):
        _, one = gn.scan(word, s, words)
        _, two = gn.scan(word, one, words)
        return two, None

    _, last = gn.scan(line, gn.constant(0.0), x)
    rows = str(gn.work(last, {"x": np.ones((3, 4))}, most=1)).split("\n")
    assert [row for row in rows if "step" in row] == [
        "  step 0",
        "    step 0", "    … and 3 more steps",
        "    step 0", "    … and 3 more steps",
        "  … and 2 more steps",
    ]  # fmt: skip

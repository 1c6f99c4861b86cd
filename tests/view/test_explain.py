"""An explanation names every local derivative, and these are the slopes that differences give."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.cli import main
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError
from graphnet.formula.extent import evaluate
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Parameter
from graphnet.network.unroll import opened


def network() -> tuple[gn.Tensor, gn.Tensor, gn.Tensor]:
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch",), dtype="int")
    W, b = gn.parameter("W", (3, 4)), gn.parameter("b", (4,))
    a = gn.relu((x @ W + b).rename("z")).rename("a")
    return gn.cross_entropy(a, t).rename("loss"), W, b


def test_every_step_from_the_loss_back() -> None:
    loss, W, b = network()
    lines = gn.explain(loss, [W, b]).text().splitlines()
    assert lines[0] == "forward"
    assert "  a is read by loss: d loss/d a[n,t[n]] = -1/size(n)" in lines
    assert "  a is read by L_1: d L_1[n]/d a[n,k] = expw(a[n,k], L_1[n])" in lines
    assert "  z is read by a: d a[i,j]/d z[i,j] = where(z[i,j] > 0, 1, 0)" in lines
    assert lines[-1] == "    d_b[j] = Sum(d_z[i,j], i)"
    order = [line.split()[0] for line in lines if " is read by " in line]
    assert list(dict.fromkeys(order)) == ["a", "z", "W", "b"]


# formula of x -> its local derivative, by hand
LOCAL = {
    "y = Sum(x[i]**3, i)": "3*x[i]**2",
    "y = Max(x[i], i)": "where(x[i] == y, 1, 0)",
    "y = LogSumExp(2*x[i], i)": "2*expw(2*x[i], y)",
    "y[i] = exp(x[i])": "exp(x[i])",
}


@pytest.mark.parametrize("text", LOCAL)
def test_local_derivatives(text: str) -> None:
    x = gn.input("x", (3,))
    y = gn.formula(text, x=x, name="y")
    loss = gn.sum(y * y).rename("loss")
    told = gn.explain(loss, x, stabilize=False).text()
    assert f"x is read by y: d {'y[i]' if y.ndim else 'y'}/d x[i] = {LOCAL[text]}" in told


def test_styles() -> None:
    loss, W, _ = network()
    found = gn.explain(loss, W)
    assert "Σₖ x[i,k]·W[k,j]" in found.text("unicode")
    assert r"\bar{W}_{k,j} &= \sum_{i} x_{i,k} \bar{z}_{i,j}" in found.latex()
    assert "z[i,j] &gt; 0" in found.html()
    assert "z[i,j] > 0" not in found.html()
    with pytest.raises(GraphnetError, match="style"):
        found.text("html")


def rnn() -> tuple[gn.Tensor, gn.RNN]:
    layer = gn.RNN(4)
    x, t = gn.input("x", ("batch", "time", 3)), gn.input("t", ("batch", 4))
    return gn.mse(layer(x), t).rename("loss"), layer


RNN = """\
  one step, t = 0 … time - 1, h starts as zeros_1, z is Z1[t]
    a_sum_1[n,o] = Sum(h[n,j]*U1[j,o], j)
    a_1[n,o] = z[n,o] + a_sum_1[n,o]
    h_new[i,j] = tanh(a_1[i,j])
    h is h_new in the next step
  H1 is the last h
"""
RNN_BACK = """\
  one step back, t = time - 1 … 0, d_h_new starts as d_H1
    a_1 is read by h_new: d h_new[i,j]/d a_1[i,j] = 1 - tanh(a_1[i,j])**2 = 1 - h_new[i,j]**2
      d_a_1[i,j] = (1 - tanh(a_1[i,j])**2)*d_h_new[i,j]
    h is read by a_sum_1: d a_sum_1[n,o]/d h[n,j] = U1[j,o]
      d_h[n,j] = Sum(U1[j,o]*d_a_1[n,o], o)
    U1 is read by a_sum_1: d a_sum_1[n,o]/d U1[j,o] = h[n,j]
      d_U1[j,o] = Sum(h[n,j]*d_a_1[n,o], n)
    d_h_new is d_h in the next step
  d_U1[j,o] = Sum(h[t,n,j]*d_a_1[t,n,o], n, t)
  d_Z1 is every d_a_1
  W1 is read by Z_sum_1: d Z_sum_1[t,n,o]/d W1[i,o] = x[n,t,i]
    d_W1[i,o] = Sum(x[n,t,i]*d_Z1[t,n,o], t, n)
"""


def test_backpropagation_through_time_as_in_a_textbook() -> None:
    loss, layer = rnn()
    made = gn.explain(loss, [layer.U, layer.W])
    forward, _, backward = str(made).partition("backward\n")
    assert RNN in forward
    assert backward.endswith(RNN_BACK.rstrip())
    assert (
        r"\bar{U}^{(1)}_{j,o} &= \sum_{n,t} h_{t,n,j} \bar{\mathrm{a\_1}}_{t,n,o}" in made.latex()
    )
    assert "<td>one step back</td><td>∂a_sum_1[n,o]/∂U1[j,o] = h[n,j]</td>" in made.html()


def test_the_sum_over_the_steps_is_the_gradient() -> None:
    """The formula that is told, given the numbers of every step, is what the loop adds up."""
    loss, layer = rnn()
    told = next(x for x in str(gn.explain(loss, layer.U)).split("\n") if "*d_a_1[t" in x)
    network = opened(Network.collect([loss.node, gn.grad(loss, layer.U).node]))
    sizes, generator = {"batch": 2, "time": 3}, np.random.default_rng(0)
    given = {
        name: generator.normal(size=[evaluate(e, sizes) for e in node.shape])
        for name, node in network.of(Input, Parameter)
    }  # fmt: skip
    found = interpret(network, given)
    h, d = gn.input("h", (3, 2, 4)), gn.input("d_a_1", (3, 2, 4))
    whole = gn.formula(told.strip(), h=h, d_a_1=d, name="whole")
    arrays = interpret(
        Network.collect([whole.node]), {"h": found["h_before"], "d_a_1": found["d_a_1"]}
    )  # fmt: skip
    np.testing.assert_allclose(arrays["whole"], found["d_U1"], rtol=1e-12)


def test_loops_in_loops_are_told() -> None:
    x, W = gn.input("x", ("lines", "words")), gn.parameter("W", ())

    def word(s, w, *, t):
        return gn.tanh(W * s + w * t), None

    def line(h, words):
        _, s = gn.scan(word, h, words, reverse=True)
        return s, s * W

    outs, _ = gn.scan(line, gn.constant(0.0), x)
    rows = str(gn.explain(gn.sum(outs).rename("loss"), W)).split("\n")
    for told in (
        "  one step, t = 0 … lines - 1, h starts as 0, words is x[t]",
        "    one step, t = words - 1 … 0, s starts as h, w is words[t], "
        "t is the number of the step",
        "      s is s_new in the next step",
        "    h_new is the last s",
        "    one step back, t = 0 … words - 1, d_s_new starts as d_h_new_2",
        "        d_s = W*d_add_1",
        "    d_W_via_h_new = Sum(s[t]*d_add_1[t], t)",
        "  d_W = Sum(h_new[t]*d_mul_1[t] + d_W_via_h_new[t], t)",
    ):
        assert told in rows, told


def test_a_product_is_a_loop() -> None:
    h = gn.input("h", (3,))
    assert "d_h is every d_" in gn.explain(gn.prod(h), h).text()


@pytest.mark.parametrize("kind", [gn.LSTM, gn.GRU])
def test_gated_layers_are_told(kind: type) -> None:
    layer = kind(4, return_sequences=True)
    H = layer(gn.input("x", ("batch", "time", 3)))
    told = gn.explain(gn.sum(H * H).rename("loss"), layer.parameters)
    assert "one step back" in str(told)
    for parameter in layer.parameters:
        assert f"  d_{parameter.name}[" in str(told)
    assert told.functions == list(dict.fromkeys(told.functions))
    assert told.latex().count("begin{aligned}") == 1


def test_the_command(capsys) -> None:
    assert main(["explain", "xor", "--wrt", "W1"]) == 0
    assert "W1 is read by" in capsys.readouterr().out
    assert main(["explain", "xor", "--wrt", "W9"]) == 2
    assert "trains no 'W9'" in capsys.readouterr().err


def test_what_the_output_does_not_depend_on_is_said() -> None:
    x, W, U = gn.input("x", ("batch", 3)), gn.parameter("W", (3, 2)), gn.parameter("U_1", (3, 2))
    made = gn.explain(gn.mean((x @ W) ** 2), [W, U])
    told = "mean_1 does not depend on U_1: its gradient is 0"
    assert told in str(made)
    assert told in made.html()
    assert r"depend on U\_1" in made.latex()
    made = gn.explain(gn.mean((x @ W) ** 2), gn.constant([1.0, 2.0], name="c"))
    assert "mean_1 does not depend on c: its gradient is 0" in str(made)


def test_loops_conditions_and_places_are_lines_of_the_work() -> None:
    a, b, s = gn.input("a", (2,)), gn.input("b", (3,)), gn.input("s", (3, 1))
    outs, _ = gn.scan(lambda h, c: (h + c, h), gn.zeros(1), s)
    loss = gn.sum(gn.where(a > 0, 2.0, 3.0)) + gn.take(b, gn.argmax(b), axis=0) + gn.sum(outs)
    told = str(gn.work(loss, {"a": [1.0, -1.0], "b": [1.0, 5.0, 2.0], "s": [[1.0]] * 3}))
    for line in (
        "greater_1[1] = where(a[1] > 0, 1, 0) = where(-1 > 0, 1, 0) = 0",
        "argmax_1 = argmax(b, axis=0) = 1",
        "h_new[2,0] = h_new[1,0] + s[2,0] = 2 + 1 = 3",
        "outs_1[2,0] = h_new[1,0] = 2",
    ):
        assert line in told, told


def test_functions_that_were_searched_are_told() -> None:
    z, t = gn.parameter("z", (3,)), gn.input("t", (3,))
    mish = gn.explain(gn.sum(gn.mish(z) * t).rename("loss"), z)
    (line,) = mish.functions
    assert mish.text().splitlines()[-2:] == ["functions", f"  {line}"]
    assert line.startswith("mish_slope(x) = ")
    assert ", computed as " in line
    assert mish.html().count("<td>function</td>") == 1
    assert mish.latex().count(r"\_slope(x) = ") == 1
    assert gn.explain(gn.sum(gn.tanh(z)), z).functions == []


def test_sigmoids_are_told_as_textbooks_do() -> None:
    z, t = gn.parameter("z", (3,)), gn.input("t", (3,))
    a = (1 / (1 + gn.exp(-z))).rename("a")
    told = gn.explain(gn.binary_cross_entropy(a, t).rename("loss"), z)
    assert told.text().splitlines()[-3:] == [
        "    d_z[k] = ((1 - t[k])*sigmoid(z[k]) - t[k]*sigmoid(-z[k]))/size(k)",
        "functions",
        "  sigmoid(x) = 1/(1 + exp(-x))",
    ]


# function -> its local derivative as sympy has it, and by the function's value
BY_VALUE = {
    "sigmoid": "exp(-z[i])/(1 + exp(-z[i]))**2 = a[i]*(1 - a[i])",
    "tanh": "1 - tanh(z[i])**2 = 1 - a[i]**2",
    "softplus": "exp(z[i])/(1 + exp(z[i])) = 1 - exp(-a[i])",
    "exp": "exp(z[i]) = a[i]",
    "relu": "where(z[i] > 0, 1, 0)",
    "sin": "cos(z[i])",
}


@pytest.mark.parametrize("name", BY_VALUE)
def test_local_derivatives_are_told_by_the_value_too(name: str) -> None:
    z = gn.parameter("z", (3,))
    text = gn.explain(gn.sum(getattr(gn, name)(z).rename("a")).rename("loss"), z).text()
    assert f"d a[i]/d z[i] = {BY_VALUE[name]}\n" in text


def test_what_stabilizing_rewrites_is_told_once_as_it_is_written() -> None:
    x, W = gn.input("x", ("batch", 3)), gn.parameter("W", (3, 2))
    a = gn.sigmoid((x @ W).rename("z")).rename("a")
    text = gn.explain(gn.sum(a**2).rename("loss"), W).text()
    assert text.count("  a[i,j] = 1/(1 + exp(-z[i,j]))\n") == 1
    assert "a_2" not in text
    assert "d_z[i,j] = sigmoid(-z[i,j])*sigmoid(z[i,j])*d_a[i,j]\n" in text

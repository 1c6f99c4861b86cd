"""An explanation names every local derivative, and these are the slopes that differences give."""

from __future__ import annotations

import pytest

import graphnet as gn
from graphnet.cli import main
from graphnet.errors import GraphnetError


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


def test_a_loop_is_told() -> None:
    h = gn.input("h", (3,))
    assert "d_h: a loop backwards" in gn.explain(gn.prod(h), h).text()


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
        "outs_1[2,0] = scan(zeros_1, s): every h, over 3 steps = 2",
    ):
        assert line in told, told


def test_functions_that_were_searched_are_told() -> None:
    z, t = gn.parameter("z", (3,)), gn.input("t", (3,))
    told = gn.explain(gn.binary_cross_entropy(1 / (1 + gn.exp(-z)), t).rename("loss"), z)
    lines = told.text().splitlines()
    functions = lines[lines.index("functions") + 1 :]
    assert functions == [f"  {line}" for line in told.functions]
    assert len(functions) == 2  # the slopes of log a and log(1 - a)
    for line in functions:
        name, _, rest = line.strip().partition("(x) = ")
        assert name in told.text().partition("functions")[0]
        assert ", computed as " in rest
    assert told.html().count("<td>function</td>") == 2
    assert told.latex().count(r"\_slope(x) = ") == 2
    assert gn.explain(gn.sum(gn.tanh(z)), z).functions == []

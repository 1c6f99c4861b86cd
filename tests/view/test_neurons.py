"""Pictures of neurons: which circles and arrows there are, and that they can be read."""

from __future__ import annotations

import itertools
import re
import time

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError


def model(*widths: int) -> gn.Sequential:
    layers = [gn.Dense(w, activation="relu") for w in widths[1:-1]]
    net = gn.Sequential([gn.Input(widths[0]), *layers, gn.Dense(widths[-1])])
    net.compile(gn.SGD(lr=0.1), "mse")
    return net


def circles(source: str) -> list[str]:
    return re.findall(r'^  "([^"]+\])" \[label', source, re.M)


def arrows(source: str) -> list[tuple[str, str]]:
    found = re.findall(r'^  "([^"]+)" -> "([^"]+)" \[(?!style=invis)', source, re.M)
    return [pair for pair in found if not pair[0].startswith("one ")]


@pytest.mark.parametrize("widths", [(2, 3, 1), (1, 1), (3, 2, 2, 2)])
def test_every_neuron_and_every_weight(widths: tuple[int, ...]) -> None:
    source = gn.draw(model(*widths), "forward", "neurons").source
    assert len(circles(source)) == sum(widths)
    assert len(arrows(source)) == sum(a * b for a, b in itertools.pairwise(widths))
    assert source.count('"one ') >= len(widths) - 1


def test_an_arrow_is_named_after_its_weight() -> None:
    source = gn.draw(model(2, 3, 1), "forward", "neurons").source
    assert '"x[0,1]" -> "A1[0,2]" [tooltip="W1₂⁽³⁾", label="W1₂⁽³⁾"]' in source
    backward = gn.draw(model(2, 3, 1), "backward", "neurons").source
    assert 'label="d_W1₂⁽³⁾"' in backward
    assert "d_Z1⁽³⁾" in backward


def test_a_recurrence_is_drawn_unrolled() -> None:
    x = gn.input("x", ("batch", 3, 1))
    source = gn.draw(gn.RNN(2)(x), "forward", "neurons").source
    found = circles(source)
    assert [c for c in found if c.startswith("x[")] == ["x[0,0,0]", "x[0,1,0]", "x[0,2,0]"]
    for t in (1, 2):  # both units of a step are read by both of the next
        assert {
            (f"h_new[{t - 1},0,{i}]", f"a_sum_1[{t},0,{j}]") for i in (0, 1) for j in (0, 1)
        } <= {*arrows(source)}
    assert {"H1[0,0]", "H1[0,1]"} <= {*found}
    assert "more" not in source
    long = gn.draw(gn.RNN(2)(gn.input("x", ("batch", 40, 1))), "forward", "neurons").source
    assert "more" in long
    assert len(circles(long)) < 100


def test_values_stand_in_the_circles() -> None:
    net = model(2, 2, 1)
    net.parameters["W1"] = np.array([[1.0, -1.0], [2.0, 0.5]])
    x = np.array([[1.0, 3.0]])
    source = gn.draw(net, "forward", "neurons", values={"x": x, **net.values(x)}).source
    assert r'label="A1⁽¹⁾\nrelu\n7"' in source


def test_values_of_the_adjoints_stand_in_the_backward_picture() -> None:
    net = model(2, 2, 1)
    given = {"x": [[1.0, 3.0]], "A1": [[7.0, 0.5]], "d_Z1": [[0.25, -2.0]]}
    source = gn.draw(net, "backward", "neurons", values=given).source
    assert r'label="d_Z1⁽¹⁾\n0.25"' in source
    assert r'label="d_Z1⁽²⁾\n-2"' in source
    assert r'label="x₁\n1"' in source
    assert r"\n7" not in source  # a value of the forward pass is no value of its adjoint


def test_large_layers_are_cut_and_say_so() -> None:
    source = gn.draw(model(64, 300, 10), "forward", "neurons").source
    for text in ("59 more", "295 more", "5 more"):
        assert text in source
    assert len(circles(source)) == 15


def test_labels_do_not_lie_on_each_other() -> None:
    svg = gn.draw(model(2, 3, 1), "forward", "neurons").svg
    labels = re.findall(r'x="([-\d.]+)" y="([-\d.]+)"[^>]*paint-order="stroke"', svg)
    spots = [(float(x), float(y)) for x, y in labels]
    assert len(spots) == 2 * 3 + 3 + 3 + 1
    for k, (x, y) in enumerate(spots):
        assert all(abs(x - a) > 20 or abs(y - b) > 10 for a, b in spots[:k])


def test_the_picture_is_the_same_each_time() -> None:
    net = model(3, 4, 2)
    assert gn.draw(net, "forward", "neurons").svg == gn.draw(net, "forward", "neurons").svg


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gn.draw(model(2, 1), "update", "neurons"), "forward or backward"),
        (
            lambda: gn.draw(model(2, 1), level="neurons", values={"x": [1.0, 2.0]}),
            r"values\['x'\] is \(2,\), without x\[0,0\]",
        ),
        (
            lambda: gn.draw(model(2, 1), level="neurons", values={"X": [[1.0, 2.0]]}),
            "there is no tensor 'X'; did you mean 'x'",
        ),
        (lambda: gn.draw(model(2, 1), values={"x": [[1.0, 2.0]]}), 'level="neurons"'),
        (lambda: gn.draw(model(2, 1), values=3), "values is a dict of arrays by name, not 3"),
        (lambda: gn.draw(gn.parameter("w", (2,)) * 2, level="neurons"), "nothing from its inputs"),
        (lambda: gn.draw(model(2, 1), "forward", "neuron"), "did you mean 'neurons'"),
    ],
)
def test_errors(call, told: str) -> None:
    with pytest.raises(GraphnetError, match=told):
        call()


def test_a_convolution_is_drawn_too() -> None:
    x, w = gn.input("x", ("batch", 1, 4, 4)), gn.parameter("w", (1, 1, 3, 3))
    source = gn.draw(gn.relu(gn.conv2d(x, w)), "forward", "neurons").source
    assert len(arrows(source)) > 0


def test_weights_stand_on_the_arrows_of_thousands_of_inputs() -> None:
    """A neuron of n inputs is read once, not once an input."""
    x = gn.input("x", ("batch", 2000))
    began = time.perf_counter()
    source = gn.draw(gn.Dense(1)(x), "forward", "neurons").source
    assert time.perf_counter() - began < 10
    assert "1,995 more" in source


def test_what_a_reader_would_not_see_is_not_left_out() -> None:
    """The first layer has too many terms; the second one alone would be another network."""
    x = gn.input("x", ("batch", 7000))
    with pytest.raises(gn.GraphnetError, match=r"too large to be drawn.*level=\"tensors\""):
        gn.draw(gn.Dense(2)(gn.tanh(gn.Dense(8)(x))), "forward", "neurons")
    penalty = gn.sum(gn.parameter("V", (60_000,)) ** 2)  # not of the data: no neuron anyway
    small = gn.Dense(2)(gn.input("x", ("batch", 3)))
    assert "circle" in gn.draw([small, penalty], "forward", "neurons").source

"""Slopes made of values: which are, that they are listed, right enough, and refused elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.numerics.reuse import RULE

# name | what is made of z | whether its slope is made of its value
CASES = {
    "softplus": (gn.softplus, True),
    "softplus by hand": (lambda z: gn.formula("log(1 + exp(z))", z=z), True),
    "softplus of a multiple": (lambda z: gn.formula("log(1 + exp(2*z))", z=z), True),
    "tanh by hand": (
        lambda z: gn.formula("(exp(z) - exp(-z))/(exp(z) + exp(-z))", z=z),
        True,
    ),
    "sigmoid that a logarithm is taken of": (
        lambda z: gn.log(gn.formula("1/(1 + exp(-z))", z=z)),
        False,
    ),
    "sigmoid": (gn.sigmoid, False),  # tanh took its place
    "elu": (gn.elu, True),
    "elu with alpha": (lambda z: gn.elu(z, alpha=0.3), True),
    "elu by hand": (lambda z: gn.formula("where(z > 0, z, exp(z) - 1)", z=z), True),
    "selu": (gn.selu, True),
    "celu": (lambda z: gn.celu(z, alpha=2.5), True),
    "silu": (gn.silu, False),
    "softplus that a logarithm is taken of": (lambda z: gn.log(gn.softplus(z)), False),
    "softplus that sums are divided by": (lambda z: (a := gn.softplus(z)) / gn.mean(a), False),
    "softplus behind a layer": (lambda z: gn.tanh(gn.softplus(z) @ gn.ones((4, 4)) + z), True),
    "a quotient": (lambda z: gn.formula("z/(1 + log(1 + exp(z)))", z=z), False),
}


def step(make, dtype="float32", **options):
    x, y = gn.input("x", ("n", 3)), gn.input("y", ("n", 4))
    loss = gn.sum((make(x @ gn.parameter("W", (3, 4))) - y) ** 2)
    return gn.training_step([x, y], loss, gn.SGD(lr=1), dtype=dtype, **options)


@pytest.mark.parametrize("name", CASES)
def test_which_are_made_and_listed(name):
    make, made = CASES[name]
    rules = [r.rule for r in step(make).rewrites]
    assert (RULE in rules) == made
    for options in ({"accurate": True}, {"style": "plain"}):
        assert RULE not in [r.rule for r in step(make, **options).rewrites]


@pytest.mark.parametrize("scale", [1e-3, 1, 10, 60])
@pytest.mark.parametrize("name", [name for name, (_, made) in CASES.items() if made])
def test_the_update_is_right_to_ulp_of_the_largest_slope(name, scale):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    found = {}
    for accurate, dtype in ((False, "float32"), (True, "float64")):
        program = step(CASES[name][0], dtype, accurate=accurate)
        W = program.parameters["W"]
        W[...] = scale * np.random.default_rng(4).normal(size=(3, 4))
        before = W.astype(np.float64)
        loss = program(x.astype(dtype), y.astype(dtype))
        found[dtype] = (loss, before - program.parameters["W"])
    assert found["float32"][0] == pytest.approx(found["float64"][0], rel=1e-5)
    size = np.abs(found["float64"][1]).max() + scale
    np.testing.assert_allclose(found["float32"][1], found["float64"][1], atol=2e-5 * size, rtol=0)


@pytest.mark.parametrize("act", [gn.softplus, gn.sigmoid])
@pytest.mark.parametrize(
    "loss",
    [
        lambda a: gn.sum(gn.log(a)),
        lambda a: gn.sum(gn.log(a @ gn.ones((4, 2)))),
        lambda a: gn.sum(gn.sin(a / gn.mean(a, axis=1, keepdims=True))),
    ],
)
def test_slopes_of_small_values_are_right_where_these_are_divided_by(act, loss):
    """At -20 a slope of 1 - exp(-a) is 0 in float32, and 1/a times the slope is 1."""
    rng = np.random.default_rng(0)
    first, given = 1 + 0.1 * rng.normal(size=(3, 4)), rng.normal(size=(5, 3)) - 7
    x, W = gn.input("x", ("n", 3)), gn.parameter("W", (3, 4), init=first)
    found = []
    for style, dtype in (("plain", "float64"), ("fast", "float32")):
        program = gn.training_step(x, loss(act(x @ W)), gn.SGD(lr=1), style=style, dtype=dtype)
        program(given)
        found.append(program.parameters["W"] - first)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-3 * np.abs(found[0]).max())


def test_the_slope_makes_fewer_calls():
    body = step(gn.softplus).source.split("# -- backward")[1].split("# -- update")[0]
    assert body.count("exp(") == 1
    assert "where" not in body
    assert "divide(" not in body


def test_elu_needs_no_branch():
    """One exp of min(x, 0), and slopes of the value: no exp and no where on the way back."""
    for op in (gn.elu, gn.selu, lambda z: gn.celu(z, alpha=2.0)):
        plan = step(op, style="fast").source.split("def build")[1]
        assert "where" not in plan
        assert plan.count("expm1(") == 1
        assert " exp(" not in plan


def test_slopes_that_jump_are_left_to_the_chosen_kinks():
    """selu has slope 1.758 left of 0 and 1.0507 right of it; elu has slope 1 on both sides."""
    for op, made in ((gn.selu, False), (gn.elu, True)):
        rules = [r.rule for r in step(op, kinks={"selu": "right"}).rewrites]
        assert (RULE in rules) == made
    x = gn.input("x", ("n", 2))
    for kinks, slope in (("graphnet", 1.7580993), ({"selu": "right"}, 1.0507010)):
        W = gn.parameter("W", (2, 2), init="zeros")
        program = gn.training_step([x], gn.sum(gn.selu(x @ W)), gn.SGD(lr=1), kinks=kinks)
        program(np.ones((1, 2), np.float32))
        np.testing.assert_allclose(program.parameters["W"], -slope, rtol=1e-6)

"""Schedules: against torch's recorded ones, hand-made numbers, and the compiled step."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError
from graphnet.network.graph import Network
from graphnet.ops import schedules

ORACLE = runpy.run_path(str(Path(__file__).parents[1] / "oracles" / "make_optimizers.py"))
CASES = ORACLE["SCHEDULES"]
TABLE = np.load(ORACLE["TABLE"])["schedules"]


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda k: f"{k}-{CASES[k][2]}")
def test_steps_under_a_schedule_are_those_that_torch_recorded(number):
    _, _, name, arguments = CASES[number]
    lr = getattr(schedules, name)(0.1, **arguments)
    w = gn.parameter("w", (3,), init=ORACLE["start"]("quadratic")["w"])
    loss = ORACLE["loss"]("quadratic", {"w": w}, gn, gn.constant)
    step = gn.training_step([], loss, gn.SGD(lr=lr), dtype="float64", stabilize=False)
    for row in TABLE[number]:
        step()
        np.testing.assert_allclose(step.parameters["w"], row, rtol=1e-10, atol=1e-12)


SHOWN = [
    (schedules.constant(0.1), "constant(0.1)"),
    (schedules.step(0.1, 7), "step(0.1, 7)"),
    (schedules.step(0.1, 3, 0.5), "step(0.1, 3, 0.5)"),
    (schedules.exponential(0.1, 0.9), "exponential(0.1, 0.9)"),
    (schedules.linear(0.1, 7), "linear(0.1, 7)"),
    (schedules.linear(0.1, 7, final=0.01), "linear(0.1, 7, 0.01)"),
    (schedules.cosine(0.1, 7), "cosine(0.1, 7)"),
    (schedules.warmup(0.1, 7), "warmup(0.1, 7)"),
    (
        schedules.warmup(0.1, 3, after=schedules.warmup(0.1, 2, after=schedules.step(0.1, 4))),
        "warmup(0.1, 3, after=warmup(0.1, 2, after=step(0.1, 4)))",
    ),
    (schedules.formula("0.1/sqrt(t)"), "formula('0.1/sqrt(t)')"),
]


@pytest.mark.parametrize(("schedule", "text"), SHOWN, ids=[text for _, text in SHOWN])
def test_repr_config_and_compiled_value(schedule, text):
    assert repr(schedule) == text
    again = schedules.from_config(json.loads(json.dumps(schedule.config())))
    assert again == schedule
    assert repr(again) == text
    # The compiled step with gradient -1 moves by the rate: it is the number that calling gives.
    w = gn.parameter("w", (), init=0)
    step = gn.training_step([], -w, gn.SGD(lr=schedule), dtype="float64", stabilize=False)
    before = 0.0
    for t in range(1, 12):
        step()
        now = float(step.parameters["w"])
        assert math.isclose(now - before, schedule(t), rel_tol=1e-12, abs_tol=1e-15)
        before = now


def test_by_hand():
    step = schedules.step(1.0, 3, 0.5)
    assert [step(t) for t in range(1, 8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    cosine = schedules.cosine(1.0, 4)
    expected = [(1 + math.cos(math.pi * k / 4)) / 2 for k in range(5)] + [0, 0]
    assert [cosine(t) for t in range(1, 8)] == pytest.approx(expected, abs=1e-15)
    warmup = schedules.warmup(1.0, 4, after=schedules.linear(1.0, 2))
    assert [warmup(t) for t in range(1, 9)] == [0.25, 0.5, 0.75, 1, 1, 0.5, 0, 0]


@pytest.mark.parametrize("every", [1, 3, 7, 49, 93, 107])
def test_the_steps_fall_where_they_should_in_every_dtype(every):
    # (t - 1)*(1/every) in floats may stay below an integer: 49*(1/49) < 1
    w = gn.parameter("w", (), init=0)
    for dtype in ("float32", "float64"):
        lr = schedules.step(1.0, every, 0.5)
        program = gn.training_step([], -w, gn.SGD(lr=lr), dtype=dtype, stabilize=False)
        rates = []
        for _ in range(2 * every + 1):
            program.parameters["w"] = 0.0
            program()
            rates.append(float(program.parameters["w"]))
        assert rates == [1.0] * every + [0.5] * every + [0.25]


def test_floor_rounds_down_and_has_slope_0():
    x = gn.input("x", (6,))
    y = gn.formula("Y[i] = floor(x[i]) + floor(7/2)", x=x)
    program = gn.function(x, [y, gn.grad(gn.sum(y), x)], dtype="float64")
    points = [-1.5, -1.0, -0.0, 0.5, 2.0, 1e300]
    value, slope = program(points)
    np.testing.assert_array_equal(value, np.floor(points) + 3)
    np.testing.assert_array_equal(slope, np.zeros(6))
    name = y.node.name or "formula_1"
    found = interpret(Network.collect({name: y.node}), {"x": points})
    np.testing.assert_array_equal(next(v for k, v in found.items() if k != "x"), value)


def test_any_hyper_parameter_of_ones_own_rule_may_be_a_schedule():
    rule = "v' = beta*v + g; w' = w - lr*v'"
    beta = schedules.formula("1 - 1/t")
    w = gn.parameter("w", (), init=0)
    step = gn.training_step(
        [], -w, gn.Optimizer(rule, lr=1, beta=beta), dtype="float64", stabilize=False
    )
    v = x = 0.0
    for t in range(1, 9):
        step()
        v = (1 - 1 / t) * v - 1
        x -= v
        assert math.isclose(float(step.parameters["w"]), x, rel_tol=1e-14)


def test_a_group_may_have_its_own_schedule():
    a, b = gn.parameter("a", (), init=0), gn.parameter("b", (), init=0)
    lr = schedules.exponential(1.0, 0.5)
    optimizer = gn.SGD(lr=lr, groups={b: {"lr": schedules.step(1.0, 2, 0.1)}})
    step = gn.training_step([], -a - b, optimizer, dtype="float64", stabilize=False)
    for _ in range(3):
        step()
    assert float(step.parameters["a"]) == 1.75
    assert math.isclose(float(step.parameters["b"]), 2.1)
    assert {"lr", "lr_2"} <= set(step.network)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.constant(-1), "lr must be a finite number >= 0, came -1"),
        (lambda: schedules.step(0.1, 0), "every is a whole number of at least 1, not 0"),
        (lambda: schedules.step(0.1, 2.5), "every is a whole number of at least 1, not 2.5"),
        (
            lambda: schedules.cosine(0.1, "long"),
            "steps is a whole number of at least 1, not 'long'",
        ),
        (lambda: schedules.warmup(0.1, 3, after=0.1), "after must be a schedule, came 0.1"),
        (lambda: schedules.formula("0.1/x"), "cannot read x"),
        (lambda: schedules.formula("t; t"), ""),
        (lambda: schedules.formula("Sum(t[i], i)"), ""),
        (lambda: schedules.from_config({"schedule": "cosine", "lr": 1}), "no cosine schedule"),
        (lambda: schedules.from_config({"schedule": "cosin"}), "did you mean 'cosine'?"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(GraphnetError) as caught:
        make()
    assert message in str(caught.value)

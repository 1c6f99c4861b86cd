"""Two forms of one optimizer: the map that is found makes the same steps, number by number."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError

AVERAGED = "v' = beta*v + (1 - beta)*g; w' = w - lr*v'"
PLAIN = "v' = beta*v + g; w' = w - lr*v'"
RATE_INSIDE = "v' = beta*v - lr*g; w' = w + v'"
NESTEROV = "v' = beta*v + g; w' = w - lr*(g + beta*v')"
# The look-ahead form in the shifted variable y = w - lr*beta*v, where its gradient is taken.
LOOK_AHEAD = "u' = beta*u - lr*g; w' = w + beta*u' - lr*g"

# optimizer, other form -> the hyper-parameters that it must have
MAPS = [
    (gn.SGD(lr=0.1, momentum=0.9), AVERAGED, {"beta": 0.9, "lr": 1.0}),
    (gn.Optimizer(AVERAGED, lr=1.0, beta=0.9), PLAIN, {"beta": 0.9, "lr": 0.1}),
    (gn.Optimizer(PLAIN, lr=0.1, beta=0.5), RATE_INSIDE, {"beta": 0.5, "lr": 0.1}),
    (gn.SGD(lr=0.1, momentum=0.9, nesterov=True), LOOK_AHEAD, {"beta": 0.9, "lr": 0.1}),
    (gn.SGD(lr=0.25), "w' = w - 2*half*g", {"half": 0.125}),
    (gn.SGD(lr=0.1, weight_decay=0.01), "w' = keep*w - lr*g", {"keep": 0.999, "lr": 0.1}),
    (gn.Optimizer(PLAIN, lr=0.1, beta=0.9), "w' = w - lr*lambda; lambda' = E*lambda + g", None),
]


@pytest.mark.parametrize(("optimizer", "form", "expected"), MAPS[:-1])
def test_the_same_steps(optimizer: gn.Optimizer, form: str, expected: dict[str, float]) -> None:
    found = optimizer.convert(form)
    assert found, str(found)
    assert {n: found.optimizer.options[n] for n in expected} == pytest.approx(expected)
    walks = [
        gn.descend(lambda w: gn.sum(w**4) / 4 + w[0] * w[1], o, [1.0, -0.5], 12)
        for o in (optimizer, found.optimizer)
    ]
    assert walks[0] == pytest.approx(walks[1], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "form", "told"),
    [
        (gn.SGD(lr=0.1, momentum=0.9), "w' = w - lr*g", "no hyper-parameters"),
        (gn.SGD(lr=0.1, momentum=0.9, nesterov=True), PLAIN, "no hyper-parameters"),
        (gn.Adam(lr=0.1), PLAIN, "not linear"),
        (gn.SGD(lr=0.1), "w' = w - lr*sign(g)", "not linear"),
        (gn.SGD(lr=0.1), "w' = w - lr*g/t", "not linear"),
    ],
)
def test_there_is_none(optimizer: gn.Optimizer, form: str, told: str) -> None:
    found = optimizer.convert(form)
    assert not found
    assert told in str(found)


def test_the_map_is_told_in_the_names_of_both() -> None:
    found = gn.Optimizer("E' = I*E + g; w' = w - S*E'", I=0.9, S=0.1).convert(AVERAGED)
    assert str(found) == "beta = I; lr = S/(1 - I); v = (1 - I)*E"


def test_errors() -> None:
    with pytest.raises(GraphnetError, match="a rule or an optimizer"):
        gn.SGD(lr=0.1).convert(3)
    with pytest.raises(GraphnetError, match="vary"):
        gn.SGD(lr=gn.schedules.exponential(0.1, 0.9)).convert("w' = w - lr*g")


def test_nesterovs_look_ahead_equals_the_usual_form_in_shifted_variables() -> None:
    """w is where the gradient is taken, y = w + lr*beta*v the point before looking ahead."""
    lr, beta, y, v = 0.1, 0.9, np.array([1.0, -0.5]), np.zeros(2)
    walk = gn.descend(lambda w: gn.sum(w**2), gn.SGD(lr, momentum=beta, nesterov=True), y, 10)
    for point in walk:
        ahead = y - lr * beta * v
        assert point == pytest.approx(ahead, rel=1e-12)
        v = beta * v + 2 * ahead
        y = y - lr * v

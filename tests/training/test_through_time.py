"""The adjoints of a recurrence's states are the differences that a shift of one state makes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphnet as gn
from graphnet.network.graph import Network
from graphnet.network.shifts import shift_states
from graphnet.training.diagnosis import FAR
from graphnet.training.through_time import recurrences

BATCH, STEPS, UNITS, INPUTS = 3, 5, 2, 4
Array = np.ndarray
Cell = Callable[[dict[str, Array], str, Array, Array], Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def rnn(p: dict[str, Array], x: Array, e: Array, name: str = "r") -> Array:
    """The states h of every step, literally; e[0] is added to h, e[1] to c."""
    h, hs = np.zeros((len(x), UNITS)), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ p[f"{name}_W"] + h @ p[f"{name}_U"] + p[f"{name}_b"]) + e[0, t]
        hs.append(h)
    return np.stack(hs, axis=1)


def lstm(p: dict[str, Array], x: Array, e: Array) -> Array:
    h = c = np.zeros((len(x), UNITS))
    hs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ p["r_W"] + h @ p["r_U"] + p["r_b"], 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g) + e[1, t]
        h = sigmoid(o) * np.tanh(c) + e[0, t]
        hs.append(h)
    return np.stack(hs, axis=1)


def two(p: dict[str, Array], x: Array, e: Array) -> Array:
    return rnn(p, rnn(p, x, e[:1], "q"), e[1:])


# name -> layers, the states in e's order, what they predict by a literal loop
CASES = {
    "rnn": ([gn.RNN(UNITS, name="r")], ["r.h"], lambda p, x, e: rnn(p, x, e)[:, -1]),
    "every step is read": (
        [gn.RNN(UNITS, name="r", return_sequences=True)], ["r.h"], rnn,
    ),
    "backwards": (
        [gn.RNN(UNITS, name="r", go_backwards=True)], ["r.h"],
        lambda p, x, e: rnn(p, x[:, ::-1], e)[:, -1],
    ),
    "lstm": ([gn.LSTM(UNITS, name="r")], ["r.h", "r.c"], lambda p, x, e: lstm(p, x, e)[:, -1]),
    "two layers": (
        [gn.RNN(UNITS, name="q", return_sequences=True), gn.RNN(UNITS, name="r")],
        ["q.h", "r.h"], lambda p, x, e: two(p, x, e)[:, -1],
    ),
}  # fmt: skip


def by_differences(loss: Callable[[Array], float], states: int) -> Array:
    """Root mean squares over rows and units of d loss / d state: a row a state, a column a step."""
    e = np.zeros((states, STEPS, BATCH, UNITS))
    slopes = np.zeros_like(e)
    for at in np.ndindex(*e.shape):
        e[at] = 1e-5
        above = loss(e)
        e[at] = -1e-5
        slopes[at] = (above - loss(e)) / 2e-5
        e[at] = 0.0
    return np.sqrt((slopes**2).mean(axis=(2, 3)))


@pytest.mark.parametrize("name", CASES)
def test_the_norms_are_those_of_differences(name: str) -> None:
    layers, states, predict = CASES[name]
    model = gn.Sequential([gn.Input((STEPS, INPUTS)), *layers])
    model.compile("sgd", "mse", dtype="float64")
    rng = np.random.default_rng(0)
    for parameter, array in model.parameters.items():
        model.parameters[parameter] = rng.normal(0, 0.7, array.shape)
    X, p = rng.normal(size=(BATCH, STEPS, INPUTS)), dict(model.parameters)
    y = np.zeros_like(predict(p, X, np.zeros((2, STEPS, BATCH, UNITS))))
    found = model.diagnose(X, y).recurrences
    assert [one.name for one in found] == states
    expected = by_differences(lambda e: float((predict(p, X, e) ** 2).mean()), len(states))
    np.testing.assert_allclose([one.norms for one in found], expected, rtol=1e-5)


def test_states_that_are_moved_on_and_loops_that_run_back() -> None:
    """Of (a, b, n) -> (b, a*b + x, n + 1): a is b of before, n has no adjoint; last to first."""
    x = gn.input("x", (4,))

    def step(a, b, n, x):  # type: ignore[no-untyped-def]
        return (b, a * b + x, n + 1), a * x

    outs, (a, _, _) = gn.scan(step, (gn.constant(1.0), gn.constant(2.0), 0), x, reverse=True)
    network = Network.collect([(a + outs.sum()).node])
    shifted, shifts = shift_states(network)
    assert [(s.state, s.reverse) for s in shifts] == [("a", True), ("b", True)]
    loss = gn.Tensor(shifted.node(next(iter(shifted.outputs.values()))))
    run = gn.function([x], [loss, *gn.grad(loss, [gn.Tensor(s.zeros) for s in shifts])])
    given = np.array([0.5, -1.5, 0.7, 0.3])

    def literally(e: Array) -> float:
        a, b, total = 1.0, 2.0, 0.0
        for t in (3, 2, 1, 0):
            total += a * given[t]
            a, b = b + e[0, t], a * b + given[t] + e[1, t]
        return a + total

    value, *slopes = run(given)
    assert value == pytest.approx(literally(np.zeros((2, 4))))
    steps = np.eye(8).reshape(8, 2, 4) * 1e-5
    expected = [(literally(e) - literally(-e)) / 2e-5 for e in steps]
    np.testing.assert_allclose(np.ravel(slopes), expected, rtol=1e-6)
    (first, _) = recurrences(shifts, slopes)
    assert first.norms == tuple(np.abs(slopes[0][::-1]))


def test_what_vanishes_and_explodes_over_time_is_named() -> None:
    """A linear state of one unit: 60 steps back multiply its adjoint by w each time."""
    for w, kind in ((0.8, "vanishing"), (1.3, "exploding"), (1.0, None)):
        made = gn.RNN(1, activation="linear", init="ones", recurrent_init=[[w]], name="r")
        model = gn.Sequential([gn.Input((60, 1)), made])
        model.compile("sgd", "mse")
        diagnosis = model.diagnose(np.ones((2, 60, 1)), np.zeros((2, 1)))
        (state,) = diagnosis.recurrences
        assert state.rate == pytest.approx(w, rel=1e-4)
        assert [f.kind for f in diagnosis.findings] == ([kind] if kind else [])
        assert f"r.h {state.norms[0]:20.3g}"[-10:] in diagnosis.table()
        for finding in diagnosis.findings:
            assert finding.number == pytest.approx(w**59, rel=1e-3)
            assert f"{w:.2g} a step" in str(finding)
            assert not 1 / FAR < finding.number < FAR


def test_health_keeps_the_first_and_the_last_step() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, STEPS, INPUTS)), rng.integers(0, 2, 8)
    model = gn.Sequential([gn.GRU(UNITS, name="g"), gn.Dense(3, "tanh", name="d"), gn.Dense(2)])
    model.compile("adam", "cross_entropy")
    health = gn.Health(X, y)
    model.fit(X, y, epochs=2, callbacks=[health], verbose=0)
    assert set(health.norms) == {"g.h first", "g.h last", "d"}
    assert all(len(row) == 3 for row in health.norms.values())
    assert gn.plot.layers(health.norms, steps=health.steps).format == "png"

"""gn.scan: compiled = literal loops, gradients = differences, structures, what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError
from graphnet.network.graph import Network

# Each makes outs and last of x (time, batch, 2), h (batch, 2), W (2, 2), n (batch,) int.


def elman(x, h, W, n, **how):
    return gn.scan(lambda h, x: ((h := gn.tanh(x @ W + h @ W)), h), h, x, **how)


def masked(x, h, W, n, **how):
    """Rows stand still once they are over, and what is put out is 0."""

    def step(h, x, *, t):
        ahead = (t < n)[:, None]
        new = gn.where(ahead, gn.sin(h @ W + x), h)
        return new, gn.where(ahead, new * x, 0.0)

    return gn.scan(step, h, x, **how)


def two_states(x, h, W, n, **how):
    """One state is the other one before; a product of a sequence with itself; a sum outside."""

    def step(state, pair):
        new = {"a": gn.tanh(state["b"] * pair["x"] + gn.sum(W)), "b": state["a"] + pair["y"]}
        return new, [new["a"] * state["b"], {"y": pair["y"] ** 2}]

    outs, last = gn.scan(step, {"a": h, "b": h * 2}, {"x": x, "y": x * x}, **how)
    return outs[0] + outs[1]["y"], last["a"] - last["b"]


def nested(x, h, W, n, **how):
    """The inner loop reads the outer step's state and runs over the features."""

    def outer(h, x):
        rows, last = gn.scan(
            lambda s, u: ((s := s * gn.cos(u) + gn.sum(h, axis=1)), s), h[:, 0], x.T
        )
        return gn.tanh(rows.T @ W), last[:, None] * h

    return gn.scan(outer, h, x, **how)


def product(x, h, W, n, **how):
    """Zeros and signs: the state is a running product."""
    return gn.scan(lambda s, x: (s * x, s), h, gn.where(x > 1, 0.0, x), **how)


def gathered(x, h, W, n, **how):
    """A row of W chosen by an int sequence, and the hardest of all: a Max in the body."""
    ids = gn.where(x[:, :, 0] > 0, 1, 0)
    return gn.scan(
        lambda h, x, i: (gn.maximum(h, x) + gn.take(W, i, axis=0), gn.max(h + x, axis=1)), h,
        (x, ids), **how,
    )  # fmt: skip


def straight(x, h, W, n, **how):
    """Nothing is carried on, all can be done outside of the loop."""
    return gn.scan(lambda h, x, *, t: (h, gn.exp(-(x**2)) @ W * t), h, x, **how)


LOOPS = [elman, masked, two_states, nested, product, gathered, straight]


def network_and_program(loop, reverse):
    x, h = gn.input("x", ("time", "batch", 2)), gn.input("h", ("batch", 2))
    W, n = gn.input("W", (2, 2)), gn.input("n", ("batch",), dtype="int")
    outs, last = loop(x, h, W, n, reverse=reverse)
    r, q = gn.input("r", outs.shape), gn.input("q", last.shape)
    total = gn.sum(outs * r) + gn.sum(last * q)
    slopes = gn.grad(total, [x, h, W])
    second = gn.grad(gn.sum(slopes[1] * h) + gn.sum(slopes[0] * x**2), [x, h, W])
    results = [outs, last, *slopes, *second]
    inputs = [x, h, W, n, r, q]
    network = Network.collect([t.node for t in results], extra=[t.node for t in inputs])
    network.check()
    return network, [
        gn.function(inputs, results, dtype="float64", style=style) for style in ("plain", "fast")
    ]


MADE = {
    (loop.__name__, reverse): network_and_program(loop, reverse)
    for loop in LOOPS for reverse in (False, True)
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=8, derandomize=True, deadline=None, database=None)
@given(
    time=st.integers(0, 3), batch=st.integers(0, 2), seed=st.integers(0, 99),
)  # fmt: skip
def test_compiled_is_what_literal_loops_give(name, time, batch, seed):
    network, programs = MADE[name]
    rng = np.random.default_rng(seed)
    shapes = {"x": (time, batch, 2), "h": (batch, 2), "W": (2, 2)}
    values = {k: rng.normal(size=s) for k, s in shapes.items()}
    values["n"] = rng.integers(0, time + 1, (batch,))
    sizes = {"time": time, "batch": batch}
    for name in ("r", "q"):
        shape = [sizes.get(str(e), e) for e in network.node(name).shape]
        values[name] = rng.normal(size=shape)
    arrays = interpret(network, values)
    for program in programs:
        found = program(*(values[k] for k in ("x", "h", "W", "n", "r", "q")))
        for got, out in zip(found, network.outputs.values(), strict=True):
            np.testing.assert_allclose(got, arrays[out], rtol=1e-11, atol=1e-11, err_msg=out)


@pytest.mark.parametrize("loop", [elman, masked, two_states, nested, product, straight])
def test_gradients_are_those_of_differences(loop):
    rng = np.random.default_rng(1)
    x, h, W = gn.input("x", (3, 2, 2)), gn.input("h", (2, 2)), gn.input("W", (2, 2))
    n = gn.constant(np.array([3, 1]))
    outs, last = loop(x, h, W, n)
    loss = gn.sum(gn.sin(outs)) + gn.sum(last**2) + gn.sum(W**2)
    values = {t.name: rng.normal(size=t.shape) for t in (x, h, W)}
    assert gn.check_gradients(loss, values)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_given_out_stands_at_the_place_of_its_element(reverse):
    x = np.arange(4.0)
    outs, last = gn.scan(lambda s, x, *, t: (s + x, [s, t]), 0.0, x, reverse=reverse)
    sums, times, end = gn.function([], [*outs, last])()
    assert times.tolist() == [0, 1, 2, 3]
    assert end == 6
    assert sums.tolist() == ([6, 5, 3, 0] if reverse else [0, 0, 1, 3])


def test_structures_come_back_as_they_were():
    def step(state, extra, pair):
        a, (b,) = state["a"], state["rest"]
        return ({"a": a + 1, "rest": (b * 2,)}, extra), {"sum": a + pair[0], "nothing": None}

    outs, (state, extra) = gn.scan(
        step, ({"a": 0.0, "rest": (1.0,)}, 5), ((np.ones(3), np.zeros(3)),)
    )
    assert set(outs) == {"sum", "nothing"}
    assert outs["nothing"] is None
    assert isinstance(state["rest"], tuple)
    found = gn.function([], [outs["sum"], state["a"], state["rest"][0], extra])()
    assert found[0].tolist() == [1, 2, 3]
    assert found[1:] == [3, 8, 5]


def test_names_of_a_step_are_those_of_its_arguments():
    x = gn.input("x", ("time", 2))
    outs, _ = gn.scan(lambda speed, force: (speed + force, speed), gn.zeros(2), x)
    loop = outs.node.loop
    assert (loop.states, loop.sequences, loop.carried) == (("speed",), ("force",), ("speed_new",))
    outs, _ = gn.scan(lambda s, u: ({"h": s["h"] + u}, s["h"]), {"h": gn.zeros(2)}, x)
    assert outs.node.loop.states == ("h",)


def test_what_needs_no_step_is_no_part_of_the_body():
    W = gn.parameter("W", (2, 2))
    outs, _ = gn.scan(lambda h, x: (h @ gn.exp(W) + x, None), gn.zeros((3, 2)), np.ones((4, 3, 2)))
    _, last = gn.scan(lambda h, x: (h @ gn.exp(W) + x, None), gn.zeros((3, 2)), np.ones((4, 3, 2)))
    assert outs is None
    assert not any("exp(" in last.node.loop.body.show(n) for n in last.node.loop.body)


STATE = gn.zeros((3, 2))
X = np.ones((4, 3, 2))
N = gn.input("N", (), dtype="int")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gn.scan("step", STATE, X), "a step is a function"),
        (lambda: gn.scan(lambda h: (h, h), STATE, X), "is given 2 arguments"),
        (lambda: gn.scan(lambda h, x: h, STATE, X), "a tuple .new states, outs., not Tensor"),
        (lambda: gn.scan(lambda h, x: (h, h, h), STATE, X), "not tuple of 3"),
        (lambda: gn.scan(lambda h, x: (h[:, 0], h), STATE, X),
         r"the state h starts as float \(3, 2\), but a step makes float \(3,\) of it"),
        (lambda: gn.scan(lambda h, x: (h + x, h), 0.0, X),
         r"starts as float \(\), but .* \(3, 2\) of it; start it with .* gn.zeros\(\(3, 2\)\)"),
        (lambda: gn.scan(lambda n, x: (n / 2, n), 0, X), "start it as a float, as in 0.0"),
        (lambda: gn.scan(lambda h, x: ([h], h), STATE, X), "states are tensor, but step returns"),
        (lambda: gn.scan(lambda h, x, y: (h, h), STATE, [X, np.ones(5)]),
         r"y \(5,\) has 5 steps, but x has 4"),
        (lambda: gn.scan(lambda h, x: (h, h), STATE, X, length=3), "x .* has 4 steps, but length"),
        (lambda: gn.scan(lambda h: (h, h), STATE), "is told its length="),
        (lambda: gn.scan(lambda h, x: (h, h), STATE, 1.0), "has no axes"),
        (lambda: gn.scan(lambda h, x: (h, "out"), STATE, X), "what a step gives out: expected"),
        (lambda: gn.grad(gn.scan(lambda n, x: (n + 1, x), N, X)[1], N), "n_last_1 is of dtype int"),
    ],
)  # fmt: skip
def test_refused(make, words):
    with pytest.raises(GraphnetError, match=words):
        make()


@pytest.mark.parametrize(
    ("style", "words", "loops"),
    # plain: forward is a function, too; fast: the last step backward stands apart, with less in it
    [("plain", "\n    for ", 3), ("fast", " in steps", 3)],
)
def test_a_training_step_of_it_is_saved_and_runs_alone(tmp_path, style, words, loops):
    x, t = gn.input("x", ("time", "batch", 3)), gn.input("t", ("batch",), dtype="int")
    U = gn.parameter("U", (3, 3))
    _, h = gn.scan(lambda h, x: (gn.tanh(x + h @ U), None), gn.zeros(("batch", 3)), x)
    step = gn.training_step([x, t], gn.cross_entropy(h, t), gn.SGD(lr=0.1), style=style)
    step.save(tmp_path / "step.py")
    run = subprocess.run(
        [sys.executable, "step.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("loss: ")
    assert step.source.count(words) == loops


def test_it_is_drawn_and_told():
    outs, _ = gn.scan(lambda h, x: (h + x, h), gn.zeros(2), gn.input("x", ("time", 2)))
    assert "scan" in gn.draw(gn.sum(outs)).source
    network = Network.collect([outs.node])
    assert network.show(network.outputs["out0"]).endswith("every h, over time steps")


@pytest.mark.parametrize("optimizer", [gn.SGD(lr=0.1), gn.Adam(lr=0.01)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fast_is_plain_over_twenty_steps(optimizer, dtype):
    x, t = gn.input("x", ("time", "batch", 3)), gn.input("t", ("batch",), dtype="int")
    W, U, b = gn.parameter("W", (3, 4)), gn.parameter("U", (4, 4)), gn.parameter("b", (4,))
    _, h = gn.scan(
        lambda h, x: (gn.tanh(x @ W + h @ U + b), None), gn.zeros(("batch", 4)), x
    )  # fmt: skip
    steps = [
        gn.training_step([x, t], gn.cross_entropy(h, t), optimizer, style=style, dtype=dtype)
        for style in ("plain", "fast")
    ]
    rng = np.random.default_rng(0)
    for k in range(20):
        values = rng.normal(size=(1 + k % 4, 5, 3)), rng.integers(0, 4, 5)
        plain, fast = (step(*values) for step in steps)
        assert fast == pytest.approx(plain, rel=2e-5 if dtype == "float32" else 1e-11)


def test_textbook_softmax_in_a_step_is_stabilized():
    """As outside of loops; and the outs a user holds and their gradient are of one loop."""
    x = gn.input("x", ("time", "batch", 3))

    def step(h, x):
        p = gn.exp(h + x) / gn.sum(gn.exp(h + x), axis=1, keepdims=True)
        return p, gn.log(p)

    outs, last = gn.scan(step, gn.zeros(("batch", 3)), x)
    f = gn.function(x, [outs, last, gn.grad(gn.sum(outs), x)], dtype="float64")
    found = f(np.array([[[1000.0, 0, -1000]], [[5, 900, 3]]]))
    np.testing.assert_array_equal(found[0], [[[0, -1000, -2000]], [[-894, 0, -897]]])
    np.testing.assert_array_equal(found[1], [[0, 1, 0]])
    np.testing.assert_array_equal(found[2], [[[-2, 1, 1]], [[1, -2, 1]]])
    assert f.source.count("\n    for ") == 2

"""Loops in fast steps: their memory is planned with that of the step, and nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.fast.plan import Plan, make_plan
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.errors import GraphnetError
from graphnet.ops.tensor import Tensor

T, B, F, H = 5, 3, 2, 4
SWITCHES = (
    "",
    "in_place",
    "columns",
    "side_by_side",
    "step_by_step",
    "scaled",
    "joined",
    "flat",
    "early",
)


def folded(body: Callable[..., Any], count: int = 1) -> Callable[..., Program]:
    """A step that learns from the stacked outputs, their last one and the last states of a body."""

    def make(**k: Any) -> Program:
        x, t = gn.input("x", (T, "batch", F)), gn.input("t", ("batch", H))
        W, U = gn.parameter("W", (F, H)), gn.parameter("U", (H, H))
        a = x @ W + gn.parameter("b", (H,))
        states = [gn.zeros(("batch", H))] * count
        outs, last = gn.scan(
            lambda *s: body(s[0] if count == 1 else s[:-1], s[-1], U),
            states[0] if count == 1 else tuple(states),
            a,
        )
        ends = [last] if count == 1 else list(last)
        loss = gn.mse(sum(ends[1:], ends[0]), t)
        if outs is not None:
            loss = loss + gn.mse(gn.sum(outs, axis=0), t) + 0.1 * gn.mean(outs * a)
        return gn.training_step([x, t], loss, gn.SGD(lr=0.1, momentum=0.5), **k)

    return make


def elman(h: Tensor, a: Tensor, U: Tensor) -> Any:
    return gn.tanh(a + h @ U), None


def given_out(h: Tensor, a: Tensor, U: Tensor) -> Any:
    """What is given out goes element by element with what the step is given."""
    new = gn.tanh(a + h @ U)
    return new, new * a


def read_behind(h: Tensor, a: Tensor, U: Tensor) -> Any:
    """What the step is given is read once more behind what is given out."""
    out = gn.tanh(a) * h
    return gn.tanh(out @ U) + a, out


def two(states: Any, a: Tensor, U: Tensor) -> Any:
    h, c = states
    c = gn.sigmoid(a) * c + gn.tanh(a + h @ U)
    return (gn.tanh(c), c), c


def crossed(states: Any, a: Tensor, U: Tensor) -> Any:
    """The states change places, and nothing is made of one of them."""
    h, c = states
    return (c, gn.tanh(a + h @ U + c)), h


def layer(cls: Any, **options: Any) -> Callable[..., Program]:
    def make(**k: Any) -> Program:
        x, t = gn.input("x", ("batch", T, F)), gn.input("t", ("batch", T, H))
        y = cls(H, return_sequences=True, **options)(x)
        return gn.training_step([x, t], gn.mse(y, t), gn.Adam(lr=0.01), **k)

    return make


def pair(**k: Any) -> Program:
    """What one loop gives out is what the next one is given."""
    x, t = gn.input("x", (T, "batch", F)), gn.input("t", ("batch", H))
    W, U, V = (gn.parameter(n, s) for n, s in (("W", (F, H)), ("U", (H, H)), ("V", (H, H))))
    zeros = gn.zeros(("batch", H))
    outs, _ = gn.scan(lambda h, x: (gn.tanh(x @ W + h @ U), h @ U), zeros, x)
    more, last = gn.scan(lambda h, a: (gn.tanh(a + h @ V), a * h), zeros, outs, reverse=True)
    return gn.training_step([x, t], gn.mse(last + gn.sum(more, axis=0), t), gn.SGD(lr=0.1), **k)


def products_of_rows(**k: Any) -> Program:
    """Loops over numbers and over columns, whose steps lie apart in what is computed."""
    x, t = gn.input("x", ("batch", T)), gn.input("t", ("batch", T))
    y = gn.cumprod(1 + 0.1 * gn.tanh(x @ gn.parameter("W", (T, T))), axis=1)
    z = gn.prod(1 + 0.1 * gn.sum(x, axis=0))
    return gn.training_step([x, t], gn.mse(z * y, t), gn.SGD(lr=0.1), **k)


LOOPS: dict[str, Callable[..., Program]] = {
    "elman": folded(elman),
    "given out": folded(given_out),
    "read behind": folded(read_behind),
    "two": folded(two, 2),
    "crossed": folded(crossed, 2),
    "pair": pair,
    "products": products_of_rows,
    "RNN": layer(gn.RNN),
    "LSTM": layer(gn.LSTM),
    "GRU": layer(gn.GRU),
    "backwards": layer(gn.GRU, go_backwards=True),
}


def arguments(program: Program, batch: int, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    nodes = [program.network.node(name) for name in program.inputs]
    return [rng.normal(size=[e if isinstance(e, int) else batch for e in n.shape]) for n in nodes]


@pytest.mark.parametrize("off", SWITCHES)
@pytest.mark.parametrize("name", LOOPS)
def test_fast_loops_are_plain_loops(name: str, off: str) -> None:
    """Steps with every recogniser, and with one left out; short batches in between."""
    plain = LOOPS[name](dtype="float64", style="plain")
    for key, array in plain.parameters.items():
        plain.parameters[key] = np.random.default_rng(len(key)).normal(size=array.shape) / 2
    fast = Program(
        plain.network, plain.inputs, plain.outputs, dtype="float64", style="fast",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    for key, array in plain.parameters.items():
        fast.parameters[key] = array
    for k, batch in enumerate((6, 6, 2, 6, 1)):
        batches = arguments(plain, batch, k)
        assert fast(*batches) == pytest.approx(plain(*batches), rel=1e-10)
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, 1e-9, 1e-10, err_msg=key)


def planned(name: str, off: str = "") -> Plan:
    """The plan of what a fast step runs."""
    made = LOOPS[name](style="fast")
    network = made.network if made.recast is None else made.recast.network
    return make_plan(network, lower(network), made.outputs, off=frozenset({off}))


@pytest.mark.parametrize("name", LOOPS)
def test_plans_of_loops_hold_when_replayed(name: str) -> None:
    plan = planned(name)
    plan.check()
    assert plan.bodies
    for body in plan.bodies.values():
        body.plan.check()


def taken(name: str, off: str = "") -> list[bool]:
    """Of everything that loops give out, whether it is written over what they were given."""
    return [g.over is not None for gs in planned(name, off).memory.given.values() for g in gs]


def test_what_a_loop_gives_out_is_written_over_what_it_read() -> None:
    """The slopes of an adjoint loop give way to what it makes of them, step by step."""
    assert taken("elman") == [True]
    assert taken("elman", "in_place") == [False]
    assert taken("LSTM").count(True) == 2
    assert not all(taken("read behind"))


def test_a_plan_that_writes_over_what_is_read_later_is_refused() -> None:
    """The checker sees both: in the body, and behind the loop."""
    plan = planned("read behind")
    body = next(b for b in plan.bodies.values() if not b.over and b.loop.emits and b.emitted)
    pin = next(v for k, v in body.pins.items() if k < 0)
    leaf = next(body.held[s] for s in body.loop.sequences if body.held[s].extents == pin.extents)
    body.roles.set(leaf, "stored")
    body.plan.memory.places[leaf] = body.plan.memory.places[pin]
    with pytest.raises(GraphnetError, match="not there any more"):
        body.plan.check()
    plan = planned("elman")
    ((scan, (taken,)),) = [(s, g) for s, g in plan.memory.given.items() if g]
    (result,) = taken.results
    later = plan.lines[plan.lines.index(scan) + 1 :]
    reader = next(v for v in reversed(later) if result in [a for a, _ in v.args])
    between = next(v for v in later if v in plan.memory.places and v not in (reader, result))
    plan.memory.places[between] = plan.memory.places[result]
    with pytest.raises(GraphnetError):
        plan.check()


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_gates_are_written_side_by_side(name: str) -> None:
    """No step fills an array with zeros, adds parts to it, or chooses between two values."""
    source = LOOPS[name](style="fast").source
    step = source[source.index("# -- forward") :]
    assert "place(" not in step
    assert "np.where(" not in step
    assert len(re.findall(r"^ +tanh\(", step, re.MULTILINE)) == 2


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_sequence_is_turned_before_it_is_multiplied(name: str) -> None:
    """Of all that runs over batch and time, the argument alone is read in another order."""
    cls = {"RNN": gn.RNN, "LSTM": gn.LSTM, "GRU": gn.GRU}[name]
    x, t = gn.input("x", ("batch", T, F)), gn.input("t", ("batch", 3))
    loss = gn.mse(gn.Dense(3)(cls(H)(x)), t)
    for off in ("", "step_by_step"):
        made = gn.training_step([x, t], loss, gn.SGD(lr=0.1), style="plain")
        plan = make_plan(made.network, lower(made.network), made.outputs, off=frozenset({off}))
        plan.check()
        turned = [
            a.op for v in plan.lines for a, axes in v.args
            if a.rank == 3 and v.rank == 3 and axes != (0, 1, 2) and v.op != "contract"
        ]  # fmt: skip
        moved = [a for v in plan.lines for a, _ in v.args if a.op == "transpose" and a.rank == 3]
        assert bool(moved) == (off != "")
        assert turned == (["leaf"] if off == "" else [])


@st.composite
def drawn(draw: st.DrawFn) -> tuple[int, int, bool, list[tuple[str, int, int]], list[int]]:
    """A body: how many states and sequences, its direction, calls over what is there so far, and
    which of all that are the new states and what is given out."""
    states, sequences = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    calls = []
    for k in range(draw(st.integers(1, 5))):
        place = st.integers(0, states + sequences + k - 1)
        calls.append(
            (draw(st.sampled_from(["tanh", "add", "mul", "dot"])), draw(place), draw(place))
        )
    ends = st.integers(0, states + sequences + len(calls) - 1)
    outs = draw(st.integers(1, 2))
    return states, sequences, draw(st.booleans()), calls, [draw(ends) for _ in range(states + outs)]


@settings(max_examples=40, deadline=None)
@given(drawn())
def test_drawn_loops_are_plain_loops(case: Any) -> None:
    """Values and gradients, whatever a body reads, keeps and gives out, in whatever order."""
    states, sequences, reverse, calls, ends = case
    x, U = gn.input("x", (3, "batch", H)), gn.parameter("U", (H, H), init="orthogonal")

    def body(*args: Tensor) -> Any:
        there = list(args)
        for op, i, j in calls:
            a, b = there[i], there[j]
            made = {
                "tanh": lambda a=a: gn.tanh(a), "add": lambda a=a, b=b: a + b,
                "mul": lambda a=a, b=b: a * b, "dot": lambda a=a: 0.5 * (a @ U),
            }[op]()  # fmt: skip
            there.append(made)
        new, outs = ends[:states], ends[states:]
        return tuple(there[k] for k in new), tuple(there[k] for k in outs)

    read = [x @ U, gn.tanh(x)][:sequences]
    outs, last = gn.scan(body, (gn.zeros(("batch", H)),) * states, tuple(read), reverse=reverse)
    parts = [gn.mean(r * r) for r in (*outs, *last)] + [gn.mean(read[0])]
    loss = sum(parts[1:], parts[0])
    optimizer = gn.SGD(lr=0.1)
    plain, fast = (
        gn.training_step(x, loss, optimizer, style=style, dtype="float64", outputs=list(outs))
        for style in ("plain", "fast")
    )
    for k, batch in enumerate((2, 2, 1)):
        array = np.random.default_rng(k).normal(size=(3, batch, H))
        for a, b in zip(plain(array), fast(array), strict=True):
            np.testing.assert_allclose(b, a, 1e-9, 1e-11)
    np.testing.assert_allclose(fast.parameters["U"], plain.parameters["U"], 1e-8, 1e-10)

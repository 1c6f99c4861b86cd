"""Slopes at kinks and ties: as the libraries have them, and always between the one-sided ones."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError
from graphnet.formula.kinks import PRESETS, kinks
from graphnet.network.graph import Network
from graphnet.ops.catalogue import FORMULAS

ORACLE = runpy.run_path(str(Path(__file__).parent / "oracles" / "make_kinks.py"))
CASES, asked, upstream = (ORACLE[k] for k in ("CASES", "asked", "upstream"))
with np.load(ORACLE["TABLE"]) as table:
    RECORDED = dict(
        zip(table["names"].tolist(), np.split(table["values"], table["ends"][:-1]), strict=True)
    )


def slopes(
    name: str, given: object, style: str = "plain"
) -> tuple[list[gn.Tensor], list[np.ndarray]]:
    """The gradients of a case, as tensors and as a compiled program finds them."""
    arrays, ask, _ = CASES[name]
    inputs = {k: gn.input(k, v.shape) for k, v in arrays.items()}
    y = ask(gn, **inputs)
    wrt = [*inputs.values()]
    tensors = gn.grad(y, wrt, upstream=gn.constant(upstream(y.shape)), kinks=given)
    return tensors, gn.function(wrt, tensors, dtype="float64", style=style)(*arrays.values())


def test_the_table_is_of_these_cases():
    assert list(RECORDED) == [f"{name} | {peer}" for name, peer in asked()]


@pytest.mark.parametrize(("name", "peer"), asked())
def test_slopes_are_those_of_the_library(name, peer):
    tensors, found = slopes(name, peer)
    flat = np.concatenate([np.ravel(g) for g in found])
    np.testing.assert_allclose(flat, RECORDED[f"{name} | {peer}"], rtol=1e-12, atol=1e-15)
    network = Network.collect([t.node for t in tensors])
    arrays = interpret(network, {k: v for k, v in CASES[name][0].items() if k in network})
    for tensor, array in zip(tensors, found, strict=True):
        np.testing.assert_allclose(arrays[network.name_of(tensor.node)], array, atol=1e-15)
    _, fast = slopes(name, peer, "fast")
    for one, other in zip(found, fast, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-15)


@pytest.mark.oracle
@pytest.mark.parametrize("peer", ["pytorch", "jax", "pytensor"])
def test_the_recorded_slopes_are_what_the_library_gives(peer):
    pytest.importorskip({"pytorch": "torch"}.get(peer, peer))
    for name, of in asked():
        if of == peer:
            live = ORACLE["slopes"](name, peer)
            np.testing.assert_allclose(live, RECORDED[f"{name} | {peer}"], err_msg=name)


POINTWISE = ("relu", "abs", "maximum", "minimum", "clip", "leaky_relu", "hinge", "hard_sigmoid")
WORDS = st.sampled_from(["left", "right", "first", "last", "even", "written"]) | st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(POINTWISE), word=WORDS)
def test_every_choice_lies_between_the_one_sided_slopes(name, word):
    table = {name: word}
    try:
        kinks(table)
    except GraphnetError:  # "first" says nothing of |x|
        assume(False)
    arrays, ask, _ = CASES[name]
    wrt = [gn.input(k, v.shape) for k, v in arrays.items()]
    y = ask(gn, **{t.name: t for t in wrt})
    for k, x in enumerate(wrt):
        program = gn.function(
            wrt, gn.grad(y, x, upstream=gn.constant(np.ones(y.shape)), kinks=table),
            dtype="float64",
        )  # fmt: skip

        def at(step: float, k: int = k, program: gn.Tensor = program) -> np.ndarray:
            moved = [a + step * (n == k) for n, a in enumerate(arrays.values())]
            return program(*moved)

        left, here, right = at(-1e-9), at(0), at(1e-9)
        low, high = np.minimum(left, right), np.maximum(left, right)
        assert ((low - 1e-9 <= here) & (here <= high + 1e-9)).all()


@pytest.mark.parametrize(
    ("word", "expected"),
    [("even", [0, 0.5, 0, 0.5]), ("first", [0, 1, 0, 0]), ("last", [0, 0, 0, 1]),
     ("all", [0, 1, 0, 1])],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(4,), (2, 2)])
def test_of_tied_elements(word, expected, shape):
    x = gn.input("x", shape)
    value = np.array([1.0, 5, 2, 5]).reshape(shape)
    for f, sign in ((gn.max, 1), (gn.min, -1)):
        slope = gn.grad(f(x), x, kinks={"max": word, "min": word})
        found = gn.function(x, slope, dtype="float64")(sign * value)
        np.testing.assert_array_equal(found.ravel(), expected)


def test_an_extremum_of_a_computed_body():
    x = gn.input("x", (3,))
    y = gn.formula("Y = Max(x[i]**2, i)", x=x)
    slope = gn.function(x, gn.grad(y, x, kinks={"max": "first"}), dtype="float64")
    np.testing.assert_array_equal(slope([2.0, -2.0, 1.0]), [4, 0, 0])


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_training_says_its_kinks_in_its_source_and_its_file(tmp_path, style):
    layers = [gn.Input(3), gn.Dense(4, "relu"), gn.Dense(4, "leaky_relu"), gn.Dense(2)]
    model = gn.Sequential(layers)
    model.compile("sgd", kinks={"relu": 0.25, "leaky_relu": "right"}, style=style)
    told = "# kinks (own): A2: slope 1 at 0, between 0.01 and 1; A1: slope 0.25 at 0"
    assert told in model.step.source
    model.save(tmp_path / "m.npz")
    again = gn.load(tmp_path / "m.npz")
    assert again.step.source == model.step.source
    model.compile("sgd", kinks="jax", style=style)
    assert "# kinks (jax): A2: slope 1 at 0, between 0.01 and 1; A1: " in model.step.source
    model.compile("sgd", style=style)
    assert "# kinks (graphnet): A2: slope 0.01 at 0" in model.step.source


def test_smooth_functions_have_no_kinks():
    model = gn.Sequential([gn.Input(3), gn.Dense(4, "silu"), gn.Dense(4, "softplus"), gn.Dense(2)])
    model.compile("sgd")
    assert "kinks" not in model.step.source


@pytest.mark.parametrize("preset", PRESETS)
def test_rows_name_ops_that_there_are(preset):
    known = {*FORMULAS, "clip", "max", "min", "max_pool2d"}
    assert {label for label, _ in kinks(preset).table} <= known


def test_no_delta_reaches_a_gradient_of_any_order():
    x = gn.input("x", (4,))
    for f in (gn.abs, gn.sign, gn.relu, lambda x: gn.clip(x, -1, 1), lambda x: gn.maximum(x, 0)):
        first = gn.grad(gn.sum(f(x) * x), x)
        second = gn.grad(gn.sum(first), x)
        found = gn.function(x, [first, second], dtype="float64")(np.array([-1.0, 0, 1, 2]))
        assert np.isfinite(found).all()


def test_gradients_of_kinks_of_ones_own_are_compared():
    x, w = gn.input("x", (5,)), gn.parameter("w", (5,))
    assert gn.check_gradients(gn.sum(gn.relu(x * w)), kinks="pytensor").ok


REFUSED = [
    ("pytroch", "did you mean 'pytorch'?"), (3, "a preset's name or a dict"),
    ({"relu": "up"}, "a number from 0 to 1 or one of"), ({"relu": 1.5}, "from 0 to 1"),
    ({"max": "left"}, "'max' is one of even, first, last, all"), ({"max": 0.5}, "'max' is one of"),
    ({"abs": "first"}, "'abs' is a number from 0 to 1 or one of written, left, right"),
    ({"relu": True}, "not True"), ({"rleu": 0.5}, "'rleu' is no op; did you mean 'relu'?"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=str)
def test_refused(given, told):
    x = gn.input("x", (3,))
    with pytest.raises(GraphnetError) as caught:
        gn.grad(gn.sum(gn.relu(x)), x, kinks=given)
    assert told in str(caught.value)


def test_every_derivation_takes_the_choice():
    x, v = gn.input("x", (2,)), gn.input("v", (2,))
    y, given_ = gn.abs(x), np.array([0.0, -1])
    f = gn.function([x, v], [gn.jacobian(y, x, kinks="jax"), gn.jvp(y, x, v, kinks="jax")])
    jacobian, along = f(given_, np.array([2.0, 3]))
    np.testing.assert_array_equal(jacobian, [[1, 0], [0, -1]])
    np.testing.assert_array_equal(along, [2, -3])
    second = gn.hessian(gn.sum(y * x), x, kinks="jax")  # of x*|x|: x/|x| twice, right of 0
    np.testing.assert_array_equal(gn.function(x, second)(given_), [[2, 0], [0, -2]])

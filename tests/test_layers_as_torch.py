"""Layers with torch's weights against what torch gave, and what torch cannot judge."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network
from graphnet.network.nodes import Parameter

ORACLE = runpy.run_path(str(Path(__file__).parent / "oracles" / "make_layers.py"))
CASES, brief, draw, way = (ORACLE[k] for k in ("CASES", "brief", "draw", "way"))
with np.load(ORACLE["TABLE"]) as table:
    RECORDED = dict(
        zip(table["names"].tolist(), np.split(table["values"], table["ends"][:-1]), strict=True)
    )
KINDS = {"f": "float", "i": "int", "b": "bool"}


def results(name: str, batch: bool) -> np.ndarray:
    """Output and gradients of both orders, in brief, of a function that holds the weights."""
    arrays, weights, ask, _ = CASES[name]
    inputs = {
        k: gn.input(k, ("batch", *v.shape[1:]) if batch and v.ndim > 2 - (k == "x") else v.shape,
                    dtype=KINDS[v.dtype.kind])
        for k, v in arrays.items()
    }  # fmt: skip
    y = ask(gn, **inputs)
    made = {n.rstrip("1"): p for n, p in Network.collect({"y": y.node}).of(Parameter)}
    up = gn.input("up", y.shape)
    floats = [x for x in inputs.values() if x.dtype == "float"]
    wrt = [*floats, *(gn.Tensor(made[role]) for role in weights)]
    first = gn.grad(y, wrt, upstream=up)
    sizes = [v.shape for v in (*arrays.values(), *weights.values()) if v.dtype.kind == "f"]
    ways = [gn.input(f"way{k}", g.shape) for k, g in enumerate(first)]
    along = sum((gn.sum(g * d) for g, d in zip(first, ways, strict=True)), gn.constant(0.0))
    program = gn.function(
        [*inputs.values(), up, *ways], [y, *first, *gn.grad(along, wrt)], dtype="float64",
        parameters={made[role].name: array for role, array in weights.items()},
    )  # fmt: skip
    shape = y.shape if not batch else (next(iter(arrays.values())).shape[0], *y.shape[1:])
    directions = [way(name, k, size) for k, size in enumerate(sizes)]
    found = program(*arrays.values(), draw(name, *shape), *directions)
    return np.concatenate([brief(r) for r in found])


def test_the_table_is_of_these_cases():
    assert list(RECORDED) == list(CASES)


@pytest.mark.parametrize("batch", [False, True], ids=["fixed", "named batch"])
@pytest.mark.parametrize("name", CASES)
def test_output_and_gradients_are_those_that_torch_recorded(name, batch):
    np.testing.assert_allclose(results(name, batch), RECORDED[name], rtol=1e-10, atol=1e-10)


@pytest.mark.oracle
def test_the_recorded_table_is_what_torch_gives():
    pytest.importorskip("torch")
    for name in CASES:
        np.testing.assert_allclose(
            ORACLE["torch_results"](name), RECORDED[name], rtol=1e-12, atol=1e-13, err_msg=name
        )


# ------------------------------------------------------------------------------ running statistics


def test_running_statistics_move_as_those_of_torch():
    """torch.nn.BatchNorm1d(3, momentum=0.2) on three batches, its running statistics written down
    by hand from the definition: mean of the batch, variance with n - 1."""
    x, layer = gn.input("x", ("batch", 3)), gn.BatchNorm(momentum=0.8)
    step = gn.training_step(
        x, gn.mean(layer(x, training=True) ** 2), gn.SGD(lr=0.1), dtype="float64"
    )
    mean, variance = np.zeros(3), np.ones(3)
    for k in range(3):
        batch = draw(f"batch {k}", 4 + k, 3) * 3 + 1
        step(batch)
        mean = 0.8 * mean + 0.2 * batch.mean(axis=0)
        variance = 0.8 * variance + 0.2 * batch.var(axis=0, ddof=1)
    np.testing.assert_allclose(step.states["mean1"], mean, rtol=1e-12)
    np.testing.assert_allclose(step.states["var1"], variance, rtol=1e-12)


def test_a_model_predicts_with_the_running_statistics_and_keeps_them_in_its_file(tmp_path):
    rng = np.random.default_rng(0)
    X, t = rng.normal(5, 3, (64, 4)), rng.integers(0, 2, 64)
    layers = [gn.Input(4), gn.Residual(gn.BatchNorm(name="bn")), gn.Dense(2)]
    model = gn.Sequential(layers)
    model.compile(gn.SGD(lr=0.01), "cross_entropy", dtype="float64")
    model.fit(X, t, epochs=30, batch_size=16, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.states["bn_mean"], X.mean(axis=0), rtol=0.2)
    alone, together = model.predict(X[:1]), model.predict(X)
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-12)
    normed = (X - model.states["bn_mean"]) / np.sqrt(model.states["bn_var"] + 1e-5)
    h = X + normed * model.parameters["bn_g"] + model.parameters["bn_b"]
    expected = h @ model.parameters["W2"] + model.parameters["b2"]
    np.testing.assert_allclose(together, expected, rtol=1e-12)

    model.save(tmp_path / "model.npz")
    again = gn.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(X), together)
    for one in (model, again):  # other targets are compiled anew, from the heads in the file
        one.fit(X, t, epochs=1, shuffle=False, verbose=0, sample_weight=np.ones(64))
    np.testing.assert_array_equal(again.states["bn_mean"], model.states["bn_mean"])


def test_both_styles_keep_the_same_statistics():
    rng = np.random.default_rng(0)
    X, t = rng.normal(3, 2, (32, 2, 5, 5)), rng.integers(0, 3, 32)
    kept = []
    for style in ("plain", "fast"):
        layers = [gn.Conv2D(4, 2), gn.BatchNorm(), gn.Activation("relu"), gn.GroupNorm(2)]
        model = gn.Sequential([gn.Input((2, 5, 5)), *layers, gn.Flatten(), gn.Dense(3)])
        model.compile(gn.SGD(lr=0.05), "cross_entropy", dtype="float64", style=style)
        model.fit(X, t, epochs=2, batch_size=10, verbose=0)
        kept.append([model.states["mean2"], model.states["var2"], model.predict(X)])
    for plain, fast in zip(*kept, strict=True):
        np.testing.assert_allclose(plain, fast, rtol=1e-11, atol=1e-12)


def test_a_layer_that_is_called_twice_renews_twice():
    a, b = gn.input("a", ("batch", 2)), gn.input("b", ("batch", 2))
    layer = gn.BatchNorm(momentum=0.5)
    y = layer(a, training=True) + layer(b, training=True)
    step = gn.training_step([a, b], gn.mean(y**2), gn.SGD(lr=0.1), dtype="float64")
    first, second = draw("a", 5, 2), draw("b", 5, 2)
    step(first, second)
    expected = 0.5 * (0.5 * 0 + 0.5 * first.mean(axis=0)) + 0.5 * second.mean(axis=0)
    np.testing.assert_allclose(step.states["mean1"], expected, rtol=1e-12)


def test_a_frozen_norm_keeps_its_statistics():
    x, layer = gn.input("x", ("batch", 2)), gn.BatchNorm(trainable=False)
    y = gn.Dense(1)(layer(x, training=True))
    step = gn.training_step(x, gn.mean(y**2), gn.SGD(lr=0.1))
    step(draw("x", 5, 2))
    assert not step.states["mean1"].any()


# -------------------------------------------------------------------------------------- the rest


def test_several_calls_in_one_model_of_several_inputs():
    question, text = gn.input("question", ("batch", 3, 8)), gn.input("text", ("batch", 5, 8))
    seen = gn.MultiHeadAttention(2, dropout=0.1)(question, text)
    model = gn.Model([question, text], gn.Dense(1)(gn.LayerNorm()(seen)[:, 0]))
    model.compile("adam", "mse")
    X = [draw("q", 20, 3, 8), draw("t", 20, 5, 8)]
    y = X[1][:, :, 0].mean(axis=1)
    history = model.fit(X, y, epochs=40, verbose=0)
    assert history["loss"][-1] < history["loss"][0] / 2
    np.testing.assert_array_equal(model.predict(X), model.predict({"text": X[1], "question": X[0]}))


def test_positions_of_the_paper():
    found = gn.function([], gn.sinusoidal(50, 7), dtype="float64")()
    expected = np.empty((50, 7))
    for t, d in np.ndindex(50, 7):
        angle = t / 10000 ** (d // 2 * 2 / 7)
        expected[t, d] = np.cos(angle) if d % 2 else np.sin(angle)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["layer", "rms", "group", "batch"])
def test_norms_at_an_offset_of_a_million_keep_their_digits(norm):
    """Against long doubles: a one-pass variance would lose all 12 digits."""
    x = gn.input("x", (4, 6))
    ask = {
        "layer": gn.layer_norm, "rms": gn.rms_norm, "group": lambda x: gn.group_norm(x, 2),
        "batch": gn.batch_norm,
    }[norm]  # fmt: skip
    value = 1e6 + draw("offset", 4, 6)
    y = ask(x)
    found, slope = gn.function([x], [y, gn.grad(y, x, upstream=draw("up", 4, 6))], dtype="float64")(
        value
    )
    long = value.astype(np.longdouble)
    axis = 0 if norm == "batch" else -1
    if norm == "group":
        long = long.reshape(4, 2, 3)
    centre = 0 if norm == "rms" else long.mean(axis=axis, keepdims=True)
    spread = ((long - centre) ** 2).mean(axis=axis, keepdims=True)
    expected = ((long - centre) / np.sqrt(spread + 1e-5)).reshape(4, 6)
    np.testing.assert_allclose(found, expected.astype(float), rtol=1e-9, atol=1e-9)
    assert np.isfinite(slope).all()


def loops(y: gn.Tensor, **values: np.ndarray) -> np.ndarray:
    network = Network.collect({"Y": y.node})
    given = {name: value for name, value in values.items() if name in network}
    return np.asarray(interpret(network, given)[network.outputs["Y"]])


@settings(max_examples=12, deadline=None)
@given(sizes=st.tuples(*[st.integers(0, 3)] * 3), heads=st.integers(1, 3), width=st.integers(1, 2),
       causal=st.booleans(), masked=st.booleans())  # fmt: skip
def test_attention_over_drawn_sizes_is_what_loops_give(sizes, heads, width, causal, masked):
    """Hidden rows and sizes of 0 too: a query that sees nothing gives exactly bo, slope 0."""
    batch, queries, keys = sizes
    rng = np.random.default_rng(0)
    x, v = gn.input("x", ("batch", queries, 3)), gn.input("v", ("batch", keys, 2))
    M = gn.input("M", (queries, keys), dtype="bool")
    layer = gn.MultiHeadAttention(heads, key_dim=width, causal=causal, bias_init="normal")
    y = layer(x, v, mask=M if masked else None)
    wrt = [x, v, *layer.parameters]
    outputs = [y, *gn.grad(gn.sum(y**2), wrt)]
    values = {"x": rng.normal(size=(batch, queries, 3)), "v": rng.normal(size=(batch, keys, 2)),
              "M": rng.random((queries, keys)) < 0.4}  # fmt: skip
    weights = {p.name: rng.normal(size=p.shape) for p in layer.parameters}
    given_ = [x, v, *([M] if masked else [])]
    program = gn.function(given_, outputs, dtype="float64", parameters=weights)
    found = program(*[values[t.name] for t in given_])
    for array, tensor in zip(found, outputs, strict=True):
        np.testing.assert_allclose(array, loops(tensor, **values, **weights), atol=1e-11)
    hidden = np.zeros(queries, bool) if not masked else ~values["M"].any(axis=1)
    if masked and not causal:
        assert (found[0][:, hidden] == weights["bo1"]).all()
        assert (found[1][:, hidden] == 0).all()


REFUSED = [
    (lambda: gn.MultiHeadAttention(0), "num_heads is a whole number of at least 1"),
    (lambda: gn.MultiHeadAttention(3)(gn.input("x", ("batch", 4, 8))), "divides 8 features among"),
    (lambda: gn.MultiHeadAttention(2)(gn.input("x", (8,))), "(batch, time, features)"),
    (lambda: gn.MultiHeadAttention(2)(gn.input("x", (2, 3, 4)), mask=np.ones((2, 2), bool)),
     "the mask is (..., queries, keys)"),
    (lambda: gn.BatchNorm(momentum=1), ">= 0 and < 1, came 1"),
    (lambda: gn.BatchNorm(axis=3)(gn.input("x", ("batch", 4))), "axis 3"),
    (lambda: gn.BatchNorm(axis=0)(gn.input("x", ("batch", 4))), "axes of known size"),
    (lambda: gn.GroupNorm(3)(gn.input("x", ("batch", 4, 2))), "multiple of groups"),
    (lambda: gn.PositionalEncoding("learnt"), "'learned' or 'sinusoidal', not 'learnt'"),
    (lambda: gn.PositionalEncoding()(gn.input("x", ("batch", "time", 4))), "known number of steps"),
    (lambda: gn.batch_norm(gn.input("x", (2, 3)), mean=np.zeros(3)), "both or neither"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "told"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_refused(make, told):
    with pytest.raises(gn.GraphnetError) as caught:
        make()
    assert told in str(caught.value)

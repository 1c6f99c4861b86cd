"""Bidirectional layers: equal to torch's in value and gradients, and as layers of a model."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn

ORACLE = runpy.run_path(str(Path(__file__).parents[1] / "oracles" / "make_bidirectional.py"))
CASES, SIDES, arrays, brief = (ORACLE[k] for k in ("CASES", "SIDES", "arrays", "brief"))
UNITS, GATES = ORACLE["UNITS"], ORACLE["GATES"]
with np.load(ORACLE["TABLE"]) as table:
    RECORDED = dict(
        zip(table["names"].tolist(), np.split(table["values"], table["ends"][:-1]), strict=True)
    )


def results(name: str, style: str) -> np.ndarray:
    """What the table records of a case, by a compiled program."""
    kind, lengths = CASES[name]
    given = arrays(name)
    inner = getattr(gn, kind)(UNITS, return_sequences=True, return_state=True, name="l")
    layer = gn.Bidirectional(inner)
    weights = {k: v for k, v in given.items() if k.partition("_")[0] in ("W", "U", "b", "c")}
    inputs = {k: gn.input(k, ("batch", *v.shape[1:])) for k, v in given.items() if k not in weights}
    states = [inputs[f"{k}{end}"] for end in SIDES for k in ("h", "c0") if f"{k}{end}" in inputs]
    n = [gn.input("n", ("batch",), dtype="int")] if lengths else []
    outs = layer(inputs["x"], *states, *n)
    cotangents = [inputs[k] for k in given if k.startswith("R")]
    total = sum(gn.sum(r * c) for r, c in zip(outs, cotangents, strict=True))
    named = {p.name: p for p in layer.parameters}
    ours = {k: f"l_back_{k.partition('_')[0]}" if "_" in k else f"l_{k}" for k in weights}
    wrt = [named[ours[k]] if k in weights else inputs[k] for k in given if not k.startswith("R")]
    program = gn.function(
        [*inputs.values(), *n], [*outs, *gn.grad(total, wrt)], dtype="float64", style=style,
        parameters={ours[k]: v for k, v in weights.items()},
    )  # fmt: skip
    return brief(program(*(given[k] for k in inputs), *([np.array(lengths)] if n else [])))


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_that_torch_recorded(name, style):
    assert list(RECORDED) == list(CASES)
    np.testing.assert_allclose(results(name, style), RECORDED[name], rtol=1e-10, atol=1e-10)


@pytest.mark.oracle
def test_the_recorded_table_is_what_torch_gives():
    pytest.importorskip("torch")
    for name in CASES:
        live = ORACLE["torch_results"](name)
        np.testing.assert_allclose(live, RECORDED[name], rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_each_step_stands_beside_its_own(kind, back, sequences):
    """Both merges against the two layers called one by one."""
    X = np.random.default_rng(1).normal(size=(4, 5, 2))
    x, found = gn.input("x", ("batch", 5, 2)), {}
    for merge in ("concat", "sum"):
        inner = getattr(gn, kind)(3, return_sequences=sequences, go_backwards=back, name="l")
        layer = gn.Bidirectional(inner, merge)
        (found[merge],) = gn.function(x, [layer(x)], dtype="float64")(X)
    with_ends = gn.function(x, [layer.forward(x), layer.backward(x)], dtype="float64")
    parts = with_ends(X)
    if sequences:
        parts = [p[:, ::-1] if b else p for p, b in zip(parts, (back, not back), strict=True)]
    np.testing.assert_allclose(found["concat"], np.concatenate(parts, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(found["sum"], parts[0] + parts[1], rtol=1e-12)


def test_a_model_of_them_trains_and_is_read_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(64, 6, 3))
    y = (X[:, 0, 0] + X[:, -1, 0] > 0).astype(int)  # asks for both ends
    layers = [gn.Bidirectional(gn.GRU(6, return_sequences=True)), gn.Bidirectional(gn.LSTM(5))]
    model = gn.Sequential([gn.Input((6, 3)), *layers, gn.Dense(2)])
    model.compile(gn.Adam(lr=0.02), metrics=["accuracy"])
    model.fit(X, y, epochs=25, verbose=0)
    assert model.evaluate(X, y)["accuracy"] > 0.95
    names = [p.name for layer in layers for p in layer.parameters if p.name[0] == "W"]
    assert names == ["W1", "W2", "W3", "W4"]
    model.save(tmp_path / "m.npz")
    assert (gn.load(tmp_path / "m.npz").predict(X) == model.predict(X)).all()


def called() -> gn.RNN:
    layer = gn.RNN(2)
    layer(gn.input("x", ("batch", 3, 1)))
    return layer


x = gn.input("x", ("batch", 3, 1))
BAD = [
    (lambda: gn.Bidirectional(gn.Dense(3)), "takes an RNN, LSTM or GRU"),
    (lambda: gn.Bidirectional(gn.RNN), "takes an RNN, LSTM or GRU"),
    (lambda: gn.Bidirectional(gn.RNN(3), merge="mul"), "merge is 'concat' or 'sum', not 'mul'"),
    (lambda: gn.Bidirectional(called()), "was called already"),
    (lambda: gn.Bidirectional(gn.LSTM(2))(x, gn.zeros(("batch", 2)), gn.zeros(("batch", 2))),
     "starts from 4 states, h and c of each direction, not from 2"),
    (lambda: gn.Bidirectional(gn.RNN(2), merge_mode="sum"), "here it is 'merge'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), BAD)
def test_refused(make, words):
    with pytest.raises(gn.GraphnetError, match=words):
        make()


@pytest.mark.parametrize("make", [gn.RNN, gn.LSTM, gn.GRU, lambda u: gn.Bidirectional(gn.GRU(u))])
@pytest.mark.parametrize("lengths", [[5, 1], [1, -1], [2**40, 0]])
def test_lengths_beyond_the_steps_are_refused_where_they_are_given(make, lengths):
    x, n = gn.input("x", ("batch", "time", 2)), gn.input("n", ("batch",), dtype="int")
    for style in ("plain", "fast"):
        f = gn.function([x, n], make(3)(x, n), style=style)
        assert f(np.ones((2, 4, 2)), [4, 0]).shape[0] == 2
        with pytest.raises(
            gn.GraphnetError, match=r"n\[\d\] is -?\d+, the valid range is 0 \.\. 4"
        ):
            f(np.ones((2, 4, 2)), np.array(lengths))

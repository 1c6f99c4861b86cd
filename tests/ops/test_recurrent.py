"""RNN, LSTM and GRU: equal to torch's in value and gradients, and as layers of a model."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError
from graphnet.network.nodes import Computed, Scan

ORACLE = runpy.run_path(str(Path(__file__).parents[1] / "oracles" / "make_recurrent.py"))
CASES, arrays, brief = (ORACLE[k] for k in ("CASES", "arrays", "brief"))
with np.load(ORACLE["TABLE"]) as table:
    RECORDED = dict(
        zip(table["names"].tolist(), np.split(table["values"], table["ends"][:-1]), strict=True)
    )
KINDS = ("RNN", "LSTM", "GRU")


def results(name: str, style: str = "plain") -> np.ndarray:
    """What the table records of a case, by a compiled program; the number of rows is a name."""
    kind, _, _, _, units, _, back = CASES[name]
    given = arrays(name)
    layer = getattr(gn, kind)(
        units, return_sequences=True, return_state=True, go_backwards=back, name="l"
    )
    weights = {f"l_{k}": v for k, v in given.items() if k in ("W", "U", "b", "c")}
    inputs = {
        k: gn.input(k, ("batch", *v.shape[1:])) for k, v in given.items() if f"l_{k}" not in weights
    }
    x, states = inputs["x"], [inputs[k] for k in ("h", "c0") if k in inputs]
    outs = list(layer(x, *states))
    total = sum(gn.sum(r * inputs[k]) for k, r in zip(("Routs", "Rh", "Rc"), outs, strict=False))
    parameters = sorted(layer.parameters, key=lambda p: "WUbc".index(p.name[2:]))
    first = gn.grad(total, [x, *states, *parameters])
    more = gn.grad(gn.sum(first[0] * inputs["V"]), [x, layer.U])
    program = gn.function(
        list(inputs.values()), [*outs, *first, *more], parameters=weights, dtype="float64",
        style=style,
    )  # fmt: skip
    return brief(program(*(given[k] for k in inputs)))


def test_the_table_is_of_these_cases():
    assert list(RECORDED) == list(CASES)


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_that_torch_recorded(name, style):
    np.testing.assert_allclose(results(name, style), RECORDED[name], rtol=1e-10, atol=1e-10)


@pytest.mark.oracle
def test_the_recorded_table_is_what_torch_gives():
    pytest.importorskip("torch")
    for name in CASES:
        live = ORACLE["torch_results"](name)
        np.testing.assert_allclose(live, RECORDED[name], rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("back", [False, True])
def test_a_row_that_is_over_stands_still(kind, back):
    """With lengths every row is as it is alone, cut to its length."""
    layer = getattr(gn, kind)(3, return_sequences=True, return_state=True, go_backwards=back)
    x, n = gn.input("x", ("batch", "time", 2)), gn.input("n", ("batch",), dtype="int")
    ragged = layer(x, n)
    f = gn.function([x, n], [*ragged, gn.grad(gn.sum(ragged[0] ** 2), x)], dtype="float64")
    whole = layer(x)
    g = gn.function(
        x, [*whole, gn.grad(gn.sum(whole[0] ** 2), x)], parameters=f.parameters, dtype="float64"
    )
    lengths = np.array([4, 0, 1, 3])
    values = np.random.default_rng(0).normal(size=(4, 4, 2))
    outs, *last, slope = f(values, lengths)
    for row, length in enumerate(lengths):
        cut = slice(4 - length, 4) if back else slice(0, length)
        outs_alone, *last_alone, slope_alone = g(values[row : row + 1, :length])
        np.testing.assert_allclose(outs[row, cut], outs_alone[0], atol=1e-15)
        assert not np.delete(outs[row], np.r_[cut], axis=0).any()
        for a, b in zip(last, last_alone, strict=True):
            np.testing.assert_allclose(a[row], b[0], atol=1e-15)
        np.testing.assert_allclose(slope[row, :length], slope_alone[0], atol=1e-15)
        assert not slope[row, length:].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("back", [False, True])
def test_go_backwards_gives_the_outputs_in_the_order_of_the_steps(kind, back):
    layer = getattr(gn, kind)(3, return_sequences=True, return_state=True, go_backwards=back)
    outs, h = layer(x := gn.input("x", ("batch", 5, 2)))[:2]
    seq, last = gn.function(x, [outs, h])(np.random.default_rng(0).normal(size=(4, 5, 2)))
    np.testing.assert_array_equal(seq[:, -1], last)


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        (gn.RNN(4), {"W1": (3, 4), "U1": (4, 4), "b1": (4,)}),
        (gn.LSTM(4, use_bias=False, name="l"), {"l_W": (3, 16), "l_U": (4, 16)}),
        (gn.GRU(2, trainable=False), {"W1": (3, 6), "U1": (2, 6), "b1": (6,), "c1": (2,)}),
    ],
)
def test_parameters(layer, parameters):
    assert layer(gn.input("x", ("batch", "time", 3))).shape == ("batch", layer.units)
    assert {p.name: p.shape for p in layer.parameters} == parameters


def test_the_forget_gate_starts_open():
    for unit, expected in ((True, [0, 0, 1, 1, 0, 0, 0, 0]), (False, [0] * 8)):
        layer = gn.LSTM(2, unit_forget_bias=unit)
        f = gn.function(x := gn.input("x", ("batch", 3, 1)), layer(x))
        np.testing.assert_array_equal(f.parameters["b1"], expected)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gn.RNN(0), "units is a whole number of at least 1"),
        (lambda: gn.RNN(2)(gn.input("x", ("batch", 3))), "takes .batch, time, features."),
        (lambda: gn.RNN(2)(gn.input("x", ("batch", 3, "n"))), "known features"),
        (lambda: gn.LSTM(2)(gn.input("x", ("batch", 3, 1)), gn.input("h", ("batch", 2))),
         r"starts from h and c \(batch, 2\), not from \(batch, 2\)"),
        (lambda: gn.GRU(2)(gn.input("x", ("batch", 3, 1)), gn.input("h", ("batch", 3))),
         r"starts from h \(batch, 2\), not from \(batch, 3\)"),
        (lambda: gn.GRU(2)(gn.input("x", ("batch", 3, 1)), gn.input("n", (3,), dtype="int")),
         r"lengths of the rows \(batch,\), not \(3,\)"),
    ],
)  # fmt: skip
def test_refused(make, words):
    with pytest.raises(GraphnetError, match=words):
        make()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_it_trains_and_is_read_back(kind, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 6, 2))
    t = (x[:, :, 0].sum(axis=1) > 0).astype(int)
    first = getattr(gn, kind)(6, return_sequences=True)
    model = gn.Sequential([gn.Input((6, 2)), first, getattr(gn, kind)(6), gn.Dense(2)])
    model.compile(gn.Adam(lr=0.03), loss="cross_entropy", metrics=["accuracy"])
    model.fit(x, t, epochs=15, batch_size=16, verbose=0)
    assert model.evaluate(x, t)["accuracy"] > 0.9
    assert set(model.values(x[:2])) >= {"H1", "H2", "Z3"}
    model.save(tmp_path / "model.npz")
    again = gn.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_truncated_backpropagation_is_a_state_handed_on():
    """Pieces of a sequence, each from the state the last one left: the forward of the whole."""
    layer = gn.GRU(3, return_sequences=True, return_state=True)
    x, h = gn.input("x", ("batch", "time", 2)), gn.input("h", ("batch", 3))
    outs, last = layer(x, h)
    f = gn.function([x, h], [outs, last])
    values = np.random.default_rng(0).normal(size=(4, 9, 2))
    whole, end = f(values, np.zeros((4, 3)))
    state, parts = np.zeros((4, 3)), []
    for start in (0, 4, 8):
        part, state = f(values[:, start : start + 4], state)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-6)
    np.testing.assert_allclose(state, end, rtol=1e-6)


# layer | what its step computes, in this order | lines of its plain source
TEXTBOOK = {
    "LSTM": (
        ["a", "f", "i", "g", "c_new", "o", "tanh_1", "h_new"],
        ["a = Z1[k] + h @ U1", "g = np.tanh(a[:, 4:6])", "c_new = f * c + i * g",
         "h_new = o * np.tanh(c_new)"],
    ),
    "GRU": (
        ["q", "a_r", "r", "a_m", "m", "a_z", "z", "h_new"],
        ["q = h @ U1", "a_r = Z1[k][:, :2] + q[:, :2]",
         "a_m = Z1[k][:, 4:] + r * (q[:, 4:] + c1)", "m = np.tanh(a_m)",
         "a_z = Z1[k][:, 2:4] + q[:, 2:4]", "h_new = m + (h - m) * z"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTBOOK)
def test_a_step_reads_as_in_textbooks(kind):
    """One product with all gates side by side, and each gate a formula of its own columns."""
    made, lines = TEXTBOOK[kind]
    f = gn.function(x := gn.input("x", ("batch", 5, 3)), getattr(gn, kind)(2)(x))
    ((_, scan),) = f.network.of(Scan)
    computed = [name for name, _ in scan.loop.body.of(Computed)]
    assert [name for name in computed if not name.endswith("_sum_1")] == made
    step = f.source.split("for k in range(5):")[1]
    text = [line.strip() for line in step.split("\n")]
    assert [line for line in text if line in lines] == lines
    assert step.count("@") == 1


VARIANTS = {
    "as it is": {},
    "every step": {"return_sequences": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "without bias": {"use_bias": False},
    "softsign": {"activation": "softsign"},
    "lengths": {},
}


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fast_step_learns_what_a_plain_one_learns(kind, variant):
    """A fast step takes the gates together; float32 against float64 of the formulas as written."""
    x, n = gn.input("x", ("batch", 4, 2)), gn.input("n", ("batch",), dtype="int")
    given = [x, n] if variant == "lengths" else [x]
    y = getattr(gn, kind)(3, **VARIANTS[variant])(*given)
    loss = gn.mean((y - 0.3) ** 2)
    plain, fast = (
        gn.training_step(given, loss, gn.SGD(lr=1.0), style=style, dtype=dtype)
        for style, dtype in (("plain", "float64"), ("fast", "float32"))
    )
    rng = np.random.default_rng(0)
    for key, array in plain.parameters.items():
        value = rng.normal(size=array.shape).astype("float32")
        plain.parameters[key] = fast.parameters[key] = value
    for batch in (5, 3):
        values = (rng.normal(size=(batch, 4, 2)) * [1, 30]).astype("float32")  # gates far out, too
        arrays = [values, rng.integers(0, 5, batch)][: len(given)]
        assert fast(*arrays) == pytest.approx(plain(*arrays), rel=1e-5)
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, rtol=1e-4, atol=2e-6, err_msg=key)


def test_other_gates():
    """hard_sigmoid and relu, against one step by hand."""
    layer = gn.LSTM(2, activation="relu", recurrent_activation="hard_sigmoid", return_state=True)
    x = gn.input("x", ("batch", 1, 3))
    f = gn.function(x, layer(x)[1:], dtype="float64")
    values = np.random.default_rng(0).normal(size=(4, 1, 3))
    a = values[:, 0] @ f.parameters["W1"] + f.parameters["b1"]
    gate = np.clip(a / 6 + 0.5, 0, 1)
    c = gate[:, :2] * np.maximum(a[:, 4:6], 0)
    for got, expected in zip(f(values), (gate[:, 6:] * np.maximum(c, 0), c), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_the_source_of_a_small_rnn(golden, style):
    x, t = gn.input("x", ("time", "batch", 3)), gn.input("t", ("batch",), dtype="int")
    W, U, b = gn.parameter("W", (3, 4)), gn.parameter("U", (4, 4)), gn.parameter("b", (4,))

    def step(h, x):
        return gn.tanh(x @ W + h @ U + b), None

    _, h = gn.scan(step, gn.zeros(("batch", 4)), x)
    program = gn.training_step([x, t], gn.cross_entropy(h, t), gn.SGD(lr=0.1), style=style)
    golden(f"rnn_loops_{style}.txt", loops(program.source))


def loops(source: str) -> str:
    """The loops of a source, with the comments before them."""
    own = source[source.index("def forward") :]  # what stands before are helpers
    lines, found = own.split("\n"), list[str]()
    for at, line in enumerate(lines):
        if line.lstrip()[:4] != "for ":
            continue
        start = at
        while lines[start - 1].lstrip()[:1] == "#" or lines[start - 1].endswith("= []"):
            start -= 1
        depth, end = len(line) - len(line.lstrip()), at + 1
        while len(lines[end]) - len(lines[end].lstrip()) > depth:
            end += 1
        found += ["", *(line[depth:] for line in lines[start:end])]
    return "\n".join(found[1:]) + "\n"


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_a_state_of_the_program_carries_on_from_call_to_call(style):
    """Truncated backpropagation with a fixed batch: the last h is kept as a state."""
    layer, x = gn.LSTM(3, return_sequences=True, return_state=True), gn.input("x", (2, "time", 1))
    h, c = gn.state("h", (2, 3)), gn.state("c", (2, 3))
    outs, last, cell = layer(x, h, c)
    follow = gn.function(
        x, outs, updates={h: last, c: cell}, style=style, dtype="float64", seed=1
    )  # fmt: skip
    whole = gn.function(x, layer(x)[0], parameters=follow.parameters, dtype="float64")
    values = np.random.default_rng(0).normal(size=(2, 7, 1))
    pieces = [follow(values[:, at : at + 3]) for at in (0, 3, 6)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole(values), rtol=1e-13)
    step = gn.training_step(
        x, gn.sum(outs**2), gn.SGD(lr=0.1), updates={h: last, c: cell}, style=style
    )  # fmt: skip
    losses = [step(values[:, at : at + 3]) for at in (0, 3)]
    assert np.isfinite(losses).all()
    assert np.abs(step.states["c"]).max() > 0

"""The page of a lesson: its numbers by hand and by literal loops, its lines, and in a browser."""

from __future__ import annotations

import html
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.compiler.module import emit
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Input, Parameter, Scan
from graphnet.network.runs import runs_of
from graphnet.network.unroll import opened
from graphnet.training.examples import EXAMPLES
from graphnet.view.explain import step_of
from graphnet.view.lesson import lesson_of
from graphnet.view.lesson_page import lesson_page
from graphnet.view.numbers import at_start, inside_loop
from graphnet.view.tables import table
from graphnet.view.typeset import phrases, typeset

from ..test_contract import outcome, replaced
from .browser import browse, needs_browser
from .nets import chain
from .test_page import EVIL, INJECTED, Reader

RNG = np.random.default_rng(0)
X, T = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, -1.0])
W0, B0, LR = [0.5, -0.25], 0.1, 0.5


def neuron() -> Any:
    """A step of one neuron with tanh, squared error and SGD."""
    x, t = gn.input("x", ("batch", 2)), gn.input("t", ("batch",))
    w, b = gn.parameter("w", (2,)), gn.parameter("b", ())
    z = gn.formula("z[n] = Sum(x[n,i]*w[i], i) + b", x=x, w=w, b=b, name="z")
    a = gn.tanh(z).rename("a")
    loss = gn.formula("loss = Sum((a[n] - t[n])**2/size(n), n)", a=a, t=t, name="loss")
    step = gn.training_step([x, t], loss, gn.SGD(lr=LR))
    step.parameters["w"], step.parameters["b"] = W0, B0
    return step


def by_hand() -> dict[str, list[float]]:
    """The same with Python's own numbers."""
    z = [x[0] * W0[0] + x[1] * W0[1] + B0 for x in X.tolist()]
    a = [math.tanh(v) for v in z]
    loss = sum((p - q) ** 2 for p, q in zip(a, T.tolist())) / 2
    d_a = [(p - q) for p, q in zip(a, T.tolist())]
    d_z = [(1 - p * p) * d for p, d in zip(a, d_a)]
    d_w = [sum(d * x[i] for d, x in zip(d_z, X.tolist())) for i in (0, 1)]
    return {
        "z": z, "a": a, "loss": [loss], "d_a": d_a, "d_z": d_z, "d_w": d_w, "d_b": [sum(d_z)],
        "w_new": [w - LR * d for w, d in zip(W0, d_w)], "b_new": [B0 - LR * sum(d_z)],
    }  # fmt: skip


class Steps(HTMLParser):
    """The words of every step of a page, and the cells of the tables in it under their titles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: dict[str, list[str]] = {}
        self.lines: dict[str, list[str]] = {}
        self.at = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "article":
            self.at = given["data-title"] or ""
            self.words[self.at] = []
            self.lines[self.at] = (given["data-lines"] or "").split()

    def handle_endtag(self, tag: str) -> None:
        self.at = "" if tag == "article" else self.at

    def handle_data(self, data: str) -> None:
        if self.at and data.strip():
            self.words[self.at].append(data.strip())

    def cells(self, step: str, title: str, count: int) -> list[float]:
        """The first numbers behind a title, but for the numbers of columns and rows."""
        words = self.words[step]
        found = words[words.index(title) + 1 :]
        found = found[count if count > 1 else 0 :]  # the head of a table counts its columns
        return [float(w) for w in found[:count]]


@pytest.fixture(scope="module")
def page() -> str:
    return lesson_page(lesson_of(neuron(), {"x": X, "t": T}))


def test_numbers_are_those_computed_by_hand(page: str) -> None:
    steps, hand = Steps(page), by_hand()
    shown = [name for name in steps.words if name in hand]
    assert {"z", "a", "loss", "d_z", "d_w", "d_b", "w_new", "b_new"} <= set(shown)
    for name in shown:
        title = "new" if name.endswith("_new") else "Value"
        found = steps.cells(name, title, len(hand[name]))
        assert found == [float(f"{v or 0.0:.4g}") for v in hand[name]], name
    old = steps.cells("w_new", "old", 2), steps.cells("w_new", "change", 2)
    assert old[0] == W0
    assert old[1] == [float(f"{-LR * d:.4g}") for d in hand["d_w"]]


def test_a_step_tells_formula_local_derivative_and_upstream(page: str) -> None:
    told = re.sub(r"\s", "", "".join(Steps(page).words["d_z"]))
    d_a = by_hand()["d_a"][0]
    for expected in (
        "z¯i=(1−tanh2\u2061(zi))a¯i",  # the formula
        "∂ai∂zi=1−tanh2\u2061(zi)=1−ai2×a¯",  # the local derivative and what it is multiplied with
        f"=1−tanh2\u2061(0.1)={1 - math.tanh(0.1) ** 2:.4g}×−{-d_a:.4g}",  # and in numbers
        f"=(1−tanh2\u2061(0.1))⋅(−{-d_a:.4g})",  # in numbers
    ):
        assert expected in told, (expected, told)


def small(kind: str) -> tuple[gn.Sequential, Any, Any]:
    """A model of a kind with some data."""
    layers: dict[str, list[Any]] = {
        "adam": [gn.Input(3), gn.Dense(4, activation="relu"), gn.Dropout(0.5), gn.Dense(3)],
        "frozen": [gn.Input(3), gn.Dense(2, trainable=False, activation="tanh"), gn.Dense(3)],
        "normed": [gn.Input(3), gn.Dense(4), gn.BatchNorm(), gn.Dense(3, regularizer=gn.L2(0.1))],
        "cnn": [gn.Input((1, 6, 6)), gn.Conv2D(2, 3, activation="relu"), gn.MaxPool2D(2),
                gn.Flatten(), gn.Dense(3)],
        "rnn": [gn.Input((4, 3)), gn.RNN(2), gn.Dense(3)],
        "lstm": [gn.Input((4, 3)), gn.LSTM(2, return_sequences=True), gn.GRU(2), gn.Dense(3)],
        "attention": [gn.Input((4, 6)), gn.MultiHeadAttention(2), gn.Flatten(), gn.Dense(3)],
    }  # fmt: skip
    model = gn.Sequential(layers[kind])
    optimizer = (
        gn.Adam(lr=0.01) if kind in ("adam", "rnn", "lstm") else gn.SGD(lr=0.1, momentum=0.9)
    )
    model.compile(optimizer, "cross_entropy", dtype="float64")
    shape = tuple(e for e in model.heads.inputs[0].shape if isinstance(e, int))
    return model, np.random.default_rng(1).normal(size=(3, *shape)), np.array([0, 2, 1])


KEPT = ("input", "parameter", "state")
KINDS = ("adam", "frozen", "normed", "cnn", "rnn", "lstm", "attention")


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_that_of_literal_loops_and_of_the_step(kind: str) -> None:
    model, x, y = small(kind)
    made = lesson_of(model, {"x": x, "y": y})
    given = {n: made.arrays[n] for n, node in made.network.items() if not node.operands}
    given = {n: a for n, a in given.items() if not isinstance(made.network.node(n), Constant)}
    for name, array in interpret(made.network, given).items():
        np.testing.assert_allclose(made.arrays[name], array, atol=1e-12, err_msg=name)
    if kind != "adam":  # whose dropout draws other numbers
        before = {**model.parameters, **model.states}
        before = {name: array.copy() for name, array in before.items()}
        loss, *_ = model.step(x, y)
        assert loss == pytest.approx(float(made.arrays["loss"]), abs=1e-12)
        after = {**model.parameters, **model.states}
        for name, array in after.items():
            new = made.network.updates.get(name)
            expected = before[name] if new is None else made.arrays[new]
            np.testing.assert_allclose(array, expected, atol=1e-12, err_msg=name)
    text = lesson_page(made)
    assert len(text) < 1_500_000
    assert [*Steps(text).words] == [s.title for c in made.chapters for s in c.steps]


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_differences_of_the_loss(kind: str) -> None:
    model, x, y = small(kind)
    made = lesson_of(model, {"x": x, "y": y})
    network, step = made.network, 1e-6
    inputs = [n for n, node in network.items() if node.kind in KEPT]
    for name, node in network.of(Parameter):
        array = made.arrays[name]
        for place in [(0,) * array.ndim, tuple(n - 1 for n in array.shape)]:
            losses = []
            for move in (step, -step):
                values = {n: made.arrays[n].copy() for n in inputs}
                values[name][place] += move
                losses.append(float(interpret(network, values)["loss"]))
            slope = (losses[0] - losses[1]) / (2 * step)
            if node.trainable:
                assert float(made.arrays[f"d_{name}"][place]) == pytest.approx(slope, abs=1e-8)
            else:
                assert f"d_{name}" not in network


@pytest.mark.parametrize("kind", KINDS)
def test_local_derivatives_in_numbers_are_differences_of_their_readers(kind: str) -> None:
    model, x, y = small(kind)
    made = lesson_of(model, {"x": x, "y": y})
    network, step, seen = made.network, 1e-6, 0
    late = {n for n in network if network.stage(n) in ("backward", "update")}
    given = {n: made.arrays[n] for n, node in network.items() if node.kind in KEPT}
    for name in [n for n in late if n.startswith("d_") and network.stage(n) == "backward"]:
        found = step_of(network, name, late).locals
        for local in found:
            line, tensor = at_start(network, local, made.arrays), name.removeprefix("d_")
            once = sum(other.reader == local.reader for other in found) == 1
            over = set(local.equation.formula.over) - {s.bare for s in local.read.subs}
            if line is None or over or not once:
                continue  # of a reader that reads an element again and again this is one term
            others = {o: made.arrays[o] for o in network.operands(local.reader)}
            ends = []
            for move in (step, -step):
                moved = made.arrays[tensor].copy()
                moved[(0,) * moved.ndim] += move
                values = {**given, **others, tensor: moved}
                ends.append(float(interpret(network, values)[local.reader].ravel()[0]))
            assert line.value == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-7), name
            seen += 1
    assert seen >= (2 if kind == "frozen" else 4)


@pytest.mark.parametrize(
    "layer", [gn.RNN(2), gn.LSTM(2), gn.GRU(2, go_backwards=True)], ids=["rnn", "lstm", "gru"]
)
def test_the_step_of_a_loop_in_numbers_is_that_of_literal_loops(layer: gn.Layer) -> None:
    model = gn.Sequential([gn.Input((4, 3)), layer, gn.Dense(2)])
    model.compile(gn.SGD(lr=0.1), "cross_entropy")
    made = lesson_of(model, {"x": RNG.normal(size=(2, 4, 3)), "y": np.array([0, 1])})
    network = opened(made.network)
    given = {n: made.arrays[n] for n, node in network.items() if n in made.arrays}
    given = {n: a for n, a in given.items() if network.node(n).kind in ("input", "parameter")}
    arrays, seen = interpret(network, given), 0
    every = {  # tensor of a body -> the node that has it of every step
        node.loop.emits[node.result[1]]: name
        for name, node in network.of(Scan) if node.result[0] == "emit"
    }  # fmt: skip
    for run in runs_of(made.network):
        told, lines = inside_loop(made.network, run, made.arrays, 5)
        t = int(re.findall(r"t = (\d+),", told)[0])
        assert t == (2 if run.loop.reverse else 1)
        for line in lines:
            place = tuple(map(int, re.findall(r"_\{([\d,]+)\}\}?$", line.element)[0].split(",")))
            assert line.value == pytest.approx(
                float(arrays[every[line.tensor]][(t, *place)]), abs=1e-12
            )
            seen += 1
    assert seen >= 20, "every tensor of both loops"


@pytest.mark.parametrize("kind", KINDS)
def test_every_computed_tensor_has_one_step_and_stands_in_its_picture(kind: str) -> None:
    made = lesson_of(small(kind)[0], dict(zip(("x", "y"), small(kind)[1:])))
    steps = [s for c in made.chapters for s in c.steps]
    assert [s.number for s in steps] == list(range(1, len(steps) + 1))
    assert sorted(n for s in steps for n in s.nodes) == sorted(made.network)
    for chapter in made.chapters:
        boxes = {box.id for box in chapter.diagram.boxes}
        for step in chapter.steps[1 if chapter is made.chapters[0] else 0 :]:
            assert set() < chapter.boxes(step.nodes) <= boxes, step.title


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n != "gpt"])
def test_the_lines_of_a_tensor_are_those_that_tell_its_formula(name: str) -> None:
    """The comment of the lines, above them or at their end, is the formula of the tensor."""
    program = EXAMPLES[name].build().step
    made = lesson_of(program, sampled(program))
    source = emit(
        program.network, program.inputs, program.outputs, program.dtype, 0, program.predictions
    ).source
    assert made.source.text in source
    rows = [row.strip() for row in made.source.text.split("\n")]
    loops = {n for n, node in program.network.items() if node.kind == "scan"}
    for node, lines in made.source.lines.items():
        if not program.network.operands(node) or node in loops:
            continue
        body = [k for k in lines if "[...] = " not in rows[k - 1]]
        told = rows[max(body) - 1].partition("  # ")[2]
        above = min(k for k in body if all(j in lines for j in range(k, max(body) + 1))) - 1
        while above and rows[above - 1].startswith("#"):
            told = f"{rows[above - 1].lstrip('# ')} {told}"
            above -= 1
        formula = "".join(program.network.show(node).split())
        inside = formula in "".join(told.split())
        assert inside or any(node in program.network.operands(s) for s in loops), (node, told)
    for node in loops:
        assert any(rows[k - 1].startswith("for ") for k in made.source.lines[node]), node
    for old, new in program.network.updates.items():
        assert any(rows[k - 1].startswith(f"{old}[...] = ") for k in made.source.lines[new])


def sampled(program: Any) -> dict[str, Any]:
    from graphnet.compiler.samples import sample_arrays

    return sample_arrays(program.network, program.inputs, 0)


def test_what_a_choice_takes_is_written_alone_and_long_sums_end_in_dots() -> None:
    x = gn.input("x", ("batch", 40))
    y = gn.where(gn.mean(x, axis=1) > 0, gn.sum(x, axis=1), gn.logsumexp(x, axis=1)).rename("y")
    made = lesson_of(y, {"x": np.array([[1.0] * 40, [-2.0] * 40])})
    text = re.sub(r"\s", "", "".join("".join(w) for w in Steps(lesson_page(made)).words.values()))
    assert "=x0,0+x0,1+x0,2+⋯+x0,39" in text
    assert "=log\u2061(e1+e1+e1+⋯+e1)" in text
    assert "=40=40" not in text, "a value is not repeated"


# -- tables and typesetting ------------------------------------------------------------------------

TABLES = [
    (np.array(2.5), (("2.5",),), (False, False), "", ""),
    (np.array([1, -3]), (("1", "-3"),), (False, False), "", ""),
    (np.array([True, False]), (("1", "0"),), (False, False), "", ""),
    (np.zeros((0, 3)), ((),), (False, False), "", "empty"),
    (np.ones((2, 9)), (("1",) * 6, ("1",) * 6), (False, True), "", "all 1"),
    (np.arange(9.0).reshape(9, 1), tuple((f"{k}",) for k in range(6)), (True, False), "",
     "from 0 to 8, mean 4"),
    (np.arange(8.0).reshape(2, 2, 2), (("0", "1"), ("2", "3")), (False, False), "[0, :, :]",
     "from 0 to 7, mean 3.5"),
    (np.array([np.inf, -np.inf, np.nan]), (("inf", "-inf", "nan"),), (False, False), "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("array", "rows", "more", "part", "summary"), TABLES)
def test_tables(array: Any, rows: Any, more: Any, part: str, summary: str) -> None:
    made = table(array)
    assert made.rows == rows
    assert (made.more_rows, made.more_columns) == more
    assert (made.part, made.summary) == (part, summary)


def test_shades_go_with_the_largest_number() -> None:
    assert table(np.array([[10.0, -5.0, 0.1, np.nan]])).shades == ((5, -2, 0, 0),)


def test_no_text_becomes_a_tag() -> None:
    for text in INJECTED:
        for made in (typeset(text, text), phrases(text, text)):
            tags = set(re.findall(r"<(\w+)", str(made)))
            assert tags <= {"math", "mi", "mn", "mo", "mrow", "mspace", "msub", "msup", "code"}, (
                made
            )
            assert html.unescape(str(made)).count("<") >= str(made).count("<")


def test_a_formula_breaks_at_its_signs_and_at_no_other() -> None:
    made = str(phrases(r"= -\frac{a+b}{c} - \left(-2\right) + d", ""))
    assert made.count("<math") == 3
    assert re.findall(r'form="infix">(.)', made) == ["=", "−", "+"]


# -- the page --------------------------------------------------------------------------------------


def test_the_page_is_well_formed_and_runs_one_script(page: str) -> None:
    reader = Reader()
    reader.VOID = Reader.VOID | {"input"}
    reader.feed(page)
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert not reader.tags & {"iframe", "object", "form", "img"}
    assert page.count("<script>") == 1
    for address in reader.addresses:
        assert address == "data:," or address[1:] in reader.ids, address
    assert "default-src 'none'" in page


def test_text_of_people_stays_text() -> None:
    x = gn.input("x", (2,))
    made = lesson_of(gn.exp(x).rename("y"), {"x": [1.0, 2.0]}, title=EVIL, note=EVIL * 9)
    assert lesson_page(made).count("<script") == 1
    nodes = [Input(name=f"x{k}", shape=(2,)) for k in range(len(INJECTED))]
    total = gn.Tensor(nodes[0])
    for node in nodes[1:]:
        total = total + gn.Tensor(node)
    layers = {n: INJECTED[k] for k, n in enumerate(nodes)} | {total.node: INJECTED[0]}
    network = Network.collect([total.node], layers=layers)
    given = {f"x{k}": np.ones(2) for k in range(len(nodes))}
    for level in ("tensors", "layers"):
        text = lesson_page(lesson_of(network, given, level=level))
        reader = Reader()
        reader.VOID = Reader.VOID | {"input"}
        reader.feed(text)
        assert text.count("<script") == 1
        assert reader.open == []
        assert not reader.tags & {"iframe", "b", "img"}


def test_the_same_page_whatever_the_hash_seed(tmp_path: Path) -> None:
    script = (
        "import graphnet as gn, numpy as np, hashlib, sys\n"
        "m = gn.Sequential([gn.Input((3, 2)), gn.LSTM(2), gn.Dropout(0.5), gn.Dense(2)])\n"
        "m.compile(gn.Adam(), 'cross_entropy')\n"
        "p = m.lesson(np.ones((2, 3, 2)), np.array([0, 1]), sys.argv[1])\n"
        "print(hashlib.sha256(open(p, 'rb').read()).hexdigest())\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "lesson.html")], check=True,
            capture_output=True, text=True, env={"PYTHONHASHSEED": seed, "PATH": ""} | paths(),
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


def paths() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(gn.__file__).parent.parent)}


def deep(layers: int) -> gn.Sequential:
    made = [gn.Dense(2, activation="tanh") for _ in range(layers)]
    model = gn.Sequential([gn.Input(2), *made])
    model.compile("sgd", "mse")
    return model


def test_a_network_of_many_tensors_is_told_by_layers() -> None:
    made = lesson_of(deep(30), {"x": np.ones((2, 2)), "y": np.ones((2, 2))})
    assert made.level == "layers"
    assert [s.title for s in made.chapters[0].steps[1:]] == [f"dense_{k}" for k in range(1, 31)]
    assert made.chapters[2].steps[0].title == "dense_30"
    text = lesson_page(made)
    assert len(text) < 3_000_000
    assert "Z_sum_30" in text


def test_errors(tmp_path: Path) -> None:
    x, y = np.ones((2, 4)), np.array([0, 1])
    bare = gn.Sequential([gn.Input(4), gn.Dense(2)])
    model = gn.Sequential([gn.Input(4), gn.Dense(2)])
    model.compile("sgd", "cross_entropy")
    long = chain(500)
    path = tmp_path / "lesson.html"
    table = [
        (lambda: bare.lesson(x, y, path), "not compiled"),
        (lambda: gn.lesson(bare, {"x": x}, path), "not compiled"),
        (lambda: model.lesson(x, y, tmp_path), "cannot be written: Is a directory"),
        (lambda: model.lesson(x, y, tmp_path / "no" / "lesson.html"), "No such file"),
        (lambda: model.lesson(np.ones((2, 3)), y, path), "(2, 3)"),
        (lambda: model.lesson(x, np.array([0, 9]), path), "the valid range is 0 .. 1"),
        (lambda: model.lesson(x, y[:1], path), "1"),
        (lambda: model.lesson(x, y, path, level="neurons"), "level is 'auto', 'tensors' or"),
        (lambda: gn.lesson(model, {"x": x}, path), "give values of y"),
        (lambda: gn.lesson(model, {"x": x, "y": y, "q": x}, path), "there is no node 'q'"),
        (lambda: gn.lesson(model, {"x": x, "y": y, "Z1": x[:, :2]}, path), "Z1 is computed"),
        (lambda: gn.lesson(gn.input("x", (2,)), {"x": [1.0, 2.0]}, path), "nothing is computed"),
        (lambda: gn.lesson(long, {"x": [1.0], "w": 1.0}, path), "502 steps"),
    ]
    for call, expected in table:
        with pytest.raises(gn.GraphnetError, match=re.escape(expected)):
            call()
    assert not path.exists()


def test_every_argument_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    y = gn.exp(gn.input("x", (2,))).rename("y")
    args = (y, {"x": np.ones(2)}, "lesson.html")
    named = {"title": "t", "most": 1, "level": "tensors", "note": "n"}
    gn.lesson(*args, **named)
    wrong = [
        f"{label}: {told}" for label, a, k in replaced(args, named)
        if (told := outcome(lambda a=a, k=k: gn.lesson(*a, **k)))
    ]  # fmt: skip
    assert wrong == []


# -- in a browser ----------------------------------------------------------------------------------

# A frame around the page presses its keys and looks at what it shows.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><style>*{margin:0;border:0}</style>
<iframe id="f" src="lesson.html#step-3" width="%d" height="800" %s></iframe><pre id="out"></pre>
<script>
const wait = () => new Promise(done => setTimeout(done, 50));
f.onload = async () => { const w = f.contentWindow, d = f.contentDocument, told = {};
  const shown = () => [...d.querySelectorAll('.step')].filter(s => s.offsetParent).length;
  const state = () => ({hash: w.location.hash, where: d.getElementById('where').textContent,
    shown: shown(), slider: d.getElementById('slider').value,
    now: [...d.querySelectorAll('.chapter.shown .node.now')].map(n => n.dataset.step),
    lines: [...d.querySelectorAll('#source .line.now')].map(l => l.dataset.n),
    over: d.documentElement.scrollWidth - d.documentElement.clientWidth});
  const seen = () => { const p = d.querySelector('.chapter.shown .picture');
    const a = p.getBoundingClientRect(), b = p.querySelector('.now').getBoundingClientRect();
    return b.top >= a.top - 1 && b.bottom <= a.bottom + 1 && b.left < a.right && b.right > a.left;};
  const press = key => d.body.dispatchEvent(new w.KeyboardEvent('keydown', {key, bubbles: true}));
  told.steps = d.querySelectorAll('.step').length;
  if (%d) {
    told.first = state(); told.seen = seen();
    d.getElementById('next').click(); await wait(); told.next = state();
    press('ArrowRight'); await wait(); told.right = state();
    press('ArrowLeft'); press('ArrowLeft'); await wait(); press('PageUp'); await wait();
    told.left = state();
    const slider = d.getElementById('slider'); slider.value = told.steps;
    slider.dispatchEvent(new w.Event('input')); await wait(); told.last = state();
    d.getElementById('next').click(); await wait(); told.end = state();
    w.location.hash = 'step-999'; await wait(); told.far = state();
    w.history.back(); await wait(); told.back = state();
    d.querySelector('[data-chapter=loss]').click(); await wait(); told.loss = state();
    d.querySelector('.chapter.shown .node[data-step]').dispatchEvent(
      new w.MouseEvent('click', {bubbles: true})); await wait(); told.box = state();
    told.small = [...d.querySelectorAll('.step.shown *, .bar *')].filter(e => e.offsetParent
      && e.firstChild && e.firstChild.nodeType === 3 && e.textContent.trim()
      && parseFloat(w.getComputedStyle(e).fontSize) < 12).length;
    told.live = d.getElementById('where').getAttribute('aria-live');
  } else { told.shown = shown(); told.controls = !!d.querySelector('.controls').offsetParent;
    told.over = d.documentElement.scrollWidth - d.documentElement.clientWidth; }
  out.textContent = JSON.stringify(told); };
</script>"""


def probed(folder: Path, text: str, width: int, scripts: bool) -> dict[str, Any]:
    (folder / "lesson.html").write_text(text, encoding="utf-8")
    without = "" if scripts else 'sandbox="allow-same-origin"'
    (folder / "probe.html").write_text(PROBE % (width, without, scripts), encoding="utf-8")
    shown, console = browse((folder / "probe.html").as_uri(), folder / "profile")
    told = re.search(r'<pre id="out">(.*?)</pre>', shown, re.S)
    assert told, shown
    blocked = "Blocked script execution"  # what the frame without scripts is for
    assert [line for line in console if blocked not in line] == []
    return dict(json.loads(html.unescape(told[1])))


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_stepping_in_a_browser(tmp_path: Path, width: int) -> None:
    model = EXAMPLES["xor"].build()
    x, y, *_ = EXAMPLES["xor"].load()
    made = lesson_of(model, {"x": x, "y": y[:, None].astype(float)}, title=EVIL * 3)
    told = probed(tmp_path, lesson_page(made), width, scripts=True)
    steps = [s for c in made.chapters for s in c.steps]
    count = len(steps)
    assert told["steps"] == count
    wanted = {"first": 3, "next": 4, "right": 5, "left": 2, "last": count, "end": count,
              "far": count, "back": count, "loss": made.home["loss"]}  # fmt: skip
    for moment, number in wanted.items():
        state, step = told[moment], steps[number - 1]
        assert state["where"] == f"Step {number} of {count}: {step.title}", moment
        assert state["shown"] == 1, moment
        assert state["slider"] == str(number), moment
        assert state["over"] == 0, f"{moment}: the page is wider than its window"
        assert set(state["now"]) == {str(number)}, moment
        lines = {k for n in step.nodes for k in made.source.lines.get(n, ())}
        assert [*map(int, state["lines"])] == sorted(lines), moment
    assert told["seen"], "the box of the step is in view"
    assert told["box"]["where"] != told["loss"]["where"], "a click on a box goes to its step"
    assert told["small"] == 0, "no text below 12 pixels"
    assert told["live"] == "polite"


@needs_browser
def test_without_scripts_all_steps_stand_below_one_another(tmp_path: Path, page: str) -> None:
    told = probed(tmp_path, page, 390, scripts=False)
    assert told["shown"] == told["steps"] > 5
    assert told["over"] == 0
    assert not told["controls"]

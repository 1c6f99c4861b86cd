"""Recurrences in pictures: one step in a cluster, its state going round, forward and backward."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import graphnet as gn
from graphnet.cli import main
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Loop, Scan
from graphnet.view.draw import Drawing, draw

from .nets import NASTY

SVG = "{http://www.w3.org/2000/svg}"
Frame = tuple[float, float, float, float]


def layer(kind: type, **options: object) -> list[gn.Tensor]:
    """The loss of a recurrent layer, and what is derived of it."""
    x, t = gn.input("x", ("batch", "time", 3)), gn.input("t", ("batch", 4))
    made = kind(4, **options)
    return [gn.mse(made(x), t).rename("loss"), *made.parameters]


def own(reverse: bool = True) -> list[gn.Tensor]:
    """Two states, the number of the step, an emit, and constants."""
    x, U = gn.input("x", ("time", "batch", 3)), gn.parameter("U", (3, 3))
    start = gn.zeros(("batch", 3))

    def step(h, c, x, *, t):
        c = 0.9 * c + x * t
        return (gn.tanh(c + h @ U), c), (h * c).rename("y")

    outs, (h, c) = gn.scan(step, (start, start), x, reverse=reverse)
    return [(gn.sum(outs) + gn.sum(h) + gn.sum(c)).rename("loss"), U]


def nested() -> list[gn.Tensor]:
    x = gn.input("x", ("time", "words", "batch"))
    W, U = gn.parameter("W", ()), gn.parameter("U", ())

    def word(s, w):
        return gn.tanh(W * s + w), None

    def line(h, words):
        _, s = gn.scan(word, h, words)
        return gn.tanh(U * s), None

    _, last = gn.scan(line, gn.zeros(("batch",)), x)
    return [gn.sum(last).rename("loss"), W, U]


def two() -> list[gn.Tensor]:
    """A scan over what another one gives out, both by one function: names come twice."""
    x, U = gn.input("x", ("time", 3)), gn.parameter("U", (3, 3))

    def step(h, x):
        h = gn.tanh(x + h @ U)
        return h, h

    first, _ = gn.scan(step, gn.zeros((3,)), x)
    _, last = gn.scan(step, gn.zeros((3,)), first, reverse=True)
    return [gn.sum(last).rename("loss"), U]


def swapped() -> list[gn.Tensor]:
    """States that change places, one that stays, no sequence: nothing is computed in a step."""
    a, b, c = gn.parameter("a", ()), gn.parameter("b", ()), gn.parameter("c", ())
    _, (a2, b2, c2) = gn.scan(lambda a, b, c: ((b, a, c), None), (a, b, c), length=3)
    return [(a2 * b2 * c2).rename("loss"), a, b, c]


def products() -> list[gn.Tensor]:
    x = gn.input("x", (5,))
    return [gn.sum(gn.cumprod(x)).rename("loss"), x]


def stateless() -> list[gn.Tensor]:
    x, W = gn.input("x", ("time", 4)), gn.parameter("W", (4, 4))
    outs, _ = gn.scan(lambda x: ((), gn.tanh(x @ W)), (), x)
    return [gn.sum(outs).rename("loss"), W]


def embedded() -> list[gn.Tensor]:
    """What a step reads is chosen by an int of the sequence; a state that starts as a parameter."""
    k = gn.input("k", ("time",), dtype="int")
    E, start = gn.parameter("E", (6, 4)), gn.parameter("h0", (4,))

    def step(h, k):
        return gn.maximum(h, gn.take(E, k, axis=0)), h

    outs, last = gn.scan(step, start, k)
    return [(gn.sum(outs) + gn.sum(last)).rename("loss"), E, start]


def second() -> list[gn.Tensor]:
    """The adjoint of an adjoint."""
    loss, U = two()
    return [gn.sum(gn.grad(loss, U) ** 2).rename("loss2"), U]


NETS: dict[str, tuple[Callable[[], list[gn.Tensor]], int, int]] = {
    # how many steps are drawn forward, and how many arrows go round
    "RNN": (lambda: layer(gn.RNN), 1, 1),
    "LSTM": (lambda: layer(gn.LSTM), 1, 2),
    "GRU": (lambda: layer(gn.GRU), 1, 1),
    "own": (own, 1, 2),
    "nested": (nested, 2, 2),
    "two": (two, 2, 2),
    "swapped": (swapped, 1, 3),
    "products": (products, 1, 1),
    "stateless": (stateless, 1, 0),
    "embedded": (embedded, 1, 1),
}


def titles(drawing: Drawing) -> list[str]:
    """The titles of the steps that are drawn."""
    return re.findall(r'label="(one step[^"]*)"', drawing.source)


def rounds(drawing: Drawing) -> list[str]:
    return re.findall(r'^  .* -> .*label="(t → t[+-]1)".*$', drawing.source, re.M)


@pytest.mark.parametrize("name", NETS)
def test_a_step_is_drawn_in_its_cluster(name: str) -> None:
    make, steps, states = NETS[name]
    loss, *_ = make()
    drawing = draw(loss)
    assert len(titles(drawing)) == steps
    assert len(rounds(drawing)) == states
    _readable(drawing)
    folded = draw(loss, steps=False)
    assert not titles(folded)
    assert not rounds(folded)
    assert "scan(" in folded.source


@pytest.mark.parametrize("name", NETS)
def test_the_adjoint_is_a_step_back(name: str) -> None:
    loss, *wrt = NETS[name][0]()
    drawing = draw([loss, *gn.grad(loss, wrt)])
    back = [t for t in titles(drawing) if t.startswith("one step back")]
    assert back
    _readable(drawing)


def test_second_derivatives_are_drawn() -> None:
    loss, U = second()
    drawing = draw([loss, gn.grad(loss, U)])
    assert len([t for t in titles(drawing) if "back" in t]) >= 2
    _readable(drawing)
    assert "one step back" in str(gn.explain(loss, U))


def _readable(drawing: Drawing) -> None:
    """Every box stands alone, holds its text, and lies in its cluster; every step is titled."""
    root = ET.fromstring(drawing.svg)
    texts = root.iter(f"{SVG}text")
    assert min(float(t.get("font-size", 0)) for t in texts) >= 10
    frames = {_title(g): _frame(g) for g in root.iter(f"{SVG}g") if g.get("class") == "node"}
    boxes = [f for f in frames.values() if f]
    for k, (left, top, right, bottom) in enumerate(boxes):
        for left2, top2, right2, bottom2 in boxes[:k]:
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert apart, "two boxes overlap"


def _title(group: ET.Element) -> str:
    return next(iter(group)).text or ""


def _frame(group: ET.Element) -> Frame | None:
    outlines = [p.get("points") or p.get("d") or "" for p in group]
    pairs = [p for o in outlines for p in re.findall(r"(-?[\d.]+),(-?[\d.]+)", o)]
    if not pairs:
        return None
    xs, ys = zip(*((float(a), float(b)) for a, b in pairs), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def test_a_body_shows_what_comes_in_and_what_goes_out() -> None:
    loss, *_ = own()
    source = draw(loss).source
    for label in (
        "h\\nstarts as zeros_1", "c\\nstarts as zeros_1", "x\\nx[t]", "t\\nnumber of the step",
        "outs_1\\nevery y", "h_last_1\\nthe last h",
    ):  # fmt: skip
        assert f'label="{label}\\n' in source, label
    assert 'label="one step, t = time - 1 … 0"' in source
    assert re.search(r'"U" -> "outs_1 step: matmul_1"', source), "a constant is read from outside"
    assert '"outs_1 step: h_new" -> ' not in source.replace('"outs_1 step: h_new" -> "h_last', "")


def test_a_constant_has_its_outer_name_in_the_body() -> None:
    """The LSTM's own U is scaled outside, under another name than in the step."""
    x, A = gn.input("x", ("time", 2)), gn.parameter("A", (2,))
    doubled = gn.formula("2*a", a=A)  # nameless: in the body it is called after its label

    def step(h, x):
        return gn.tanh(x + h * doubled), None

    _, last = gn.scan(step, gn.zeros((2,)), x)
    network = Network.collect([last.node])
    (outer,) = (n for n, node in network.of(Computed) if A.node in node.operands)
    source = draw(network).source
    assert f"·{outer}[" in source
    assert f'"{outer}" -> "' in source


def test_what_the_backward_pass_asks_of_a_loop_is_drawn_forward() -> None:
    x, t = gn.input("x", ("batch", "time", 3)), gn.input("t", ("batch", 4))
    step = gn.training_step([x, t], gn.mse(gn.RNN(4)(x), t), gn.SGD(lr=0.1))
    drawing = draw(step.network)
    assert len(titles(drawing)) == 2
    for name in ("h_new", "h_before"):
        box = next(
            line for line in drawing.source.split("\n") if line.strip().startswith(f'"{name}" [')
        )
        assert 'color="#111111"' in box, name
    update = draw(step.network, "update")
    assert not titles(update), "of what an update reads no step is drawn"


def test_a_layer_goes_round() -> None:
    model = gn.Sequential([gn.Input((7, 3)), gn.GRU(4), gn.Dense(2)])
    model.compile("sgd", "cross_entropy")
    drawing = model.draw("backward", "layers")
    assert re.findall(r'label="(t = [^"]*)"', drawing.source) == ["t = 0 … 6", "t = 6 … 0"]
    whole = draw(own(), level="layers")
    assert 'label="scan\\n' in whole.source, "the results of a scan without a layer are one box"


def test_what_a_step_hands_on_as_it_is() -> None:
    """The number of the step as a state, a constant as another, an element as what is given out."""
    x, W = gn.input("x", ("time",)), gn.parameter("W", ())

    def step(n, h, x, *, t):
        return (t, W), (x, n)

    (xs, ns), last = gn.scan(step, (0, gn.constant(0.0)), x)
    drawing = draw([xs, ns, *last])
    assert len(rounds(drawing)) == 2
    _readable(drawing)
    unread = draw(gn.scan(lambda h, x, *, t: (h + x, None), 0.0, x)[1])
    assert "number of the step" not in unread.source


def test_the_command_folds_them(tmp_path: Path) -> None:
    for options, steps in (([], 1), (["--no-steps"], 0)):
        out = tmp_path / f"{steps}.gv"
        assert main(["draw", "rnn", *options, "--out", str(out)]) == 0
        assert out.read_text().count("one step") == steps


LENGTHS = [
    (5, False, "t = 0 … 4"), (5, True, "t = 4 … 0"), (1, True, "t = 0"), (0, False, "not once"),
]  # fmt: skip


@pytest.mark.parametrize(("length", "reverse", "told"), LENGTHS)
def test_which_steps_are_done(length: int, reverse: bool, told: str) -> None:
    _, last = gn.scan(lambda n: (n + 1.0, None), 0.0, reverse=reverse, length=length)
    assert titles(draw(last)) == [f"one step, {told}"]


def nasty_loop() -> Network:
    """A loop whose body has every odd name; outside the same names are those of other tensors."""
    add = gn.formula("a + b", a=gn.input("a", ()), b=gn.input("b", ())).node
    inner = [Input(name=name, shape=()) for name in NASTY]
    new = replace(add, operands=(inner[0], inner[1]), name='new -> "x"; }')
    body = Network.collect({"out0": new}, extra=inner)
    at = [body.name_of(node) for node in inner]
    loop = Loop(
        body=body, states=(at[0],), carried=(body.name_of(new),), sequences=tuple(at[1:4]),
        constants=tuple(at[4:]), emits=(body.name_of(new),), length=3,
    )  # fmt: skip
    turned = [*NASTY[1:], NASTY[0]]
    outside = [Input(name=n, shape=(3,) * (1 <= k < 4)) for k, n in enumerate(turned)]
    results = [
        Scan(shape=(3,) * (kind == "emit"), operands=tuple(outside), loop=loop, result=(kind, 0))
        for kind in ("emit", "last")
    ]
    return Network.collect(results)


def test_odd_names_stay_text() -> None:
    drawing = draw(nasty_loop())
    root = ET.fromstring(drawing.svg)
    assert "<script" not in drawing.svg
    nodes = [g for g in root.iter(f"{SVG}g") if g.get("class") == "node"]
    legend = 6
    assert len(nodes) == 2 * len(NASTY) + 1 + 2 + legend
    assert len(rounds(drawing)) == 1


SCRIPT = """
import hashlib
import graphnet as gn
from tests.view.test_steps import NETS
from graphnet.view.draw import draw
for make, *_ in NETS.values():
    loss, *wrt = make()
    print(hashlib.sha256(draw([loss, *gn.grad(loss, wrt)]).source.encode()).hexdigest())
"""


def test_same_bytes_under_any_hash_seed() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parents[2], capture_output=True,
            text=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "7")
    }  # fmt: skip
    assert len(seen) == 1
    assert len(set(next(iter(seen)).split())) == len(NETS)

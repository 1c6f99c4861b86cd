"""Networks that break one law each are refused, and the message names the node."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy

from graphnet.errors import GraphnetError
from graphnet.formula.extent import named
from graphnet.formula.formula import Formula, Read, hole
from graphnet.formula.parse import parse
from graphnet.formula.subscript import Affine, Gather, bare, constant
from graphnet.network.describe import describe
from graphnet.network.graph import Network
from graphnet.network.nodes import (
    Computed,
    Distribution,
    Init,
    Input,
    Loop,
    Node,
    Order,
    Parameter,
    Scan,
    State,
)
from graphnet.network.shapes import bind

x, t = Input(name="x", shape=(3, 4)), Input(name="t", shape=(3,), dtype="int")
good = bind(parse("y[i] = Sum(x[i,j]*2, j)")[0], [x], name="y")
f = good.formula


def bad(**changes: object) -> Node:
    return replace(good, **changes)


def formula(**changes: object) -> Node:
    return replace(good, formula=replace(f, **changes))


def gathered(node: Node) -> Computed:
    sub = Affine(0, ((Gather(1, (bare(0),)), 1),))
    g = Formula((bare(0),), hole(0), (Read(0, (bare(0), sub)),), indices=1)
    return Computed(
        name="y", shape=(3,), operands=(x, node), formula=g, extents=(3,), dtype="float"
    )


def order(op: str, axis: int, shape: tuple[int, ...]) -> Order:
    return Order(name="y", shape=shape, dtype="int", operands=(x,), op=op, axis=axis)


LAWS: list[tuple[Node, str]] = [
    (bad(dtype="double"), "dtype 'double'"),
    (bad(shape=(-1,)), "shape"),
    (bad(shape=(4,)), r"the loops make \(3,\)"),
    (bad(extents=(3,)), "extents do not fit"),
    (bad(extents=(3, 5)), "an index runs to 5 over an axis of 4"),
    (bad(operands=(x, t)), "operands that no read needs"),
    (bad(operands=(Input(name="x", shape=(3,)),)), "2 subscripts on a tensor of 1 axes"),
    (formula(reduce="Mean"), "reduce Mean"),
    (formula(reduce=None), "neither in the target nor reduced"),
    (formula(target=(constant(0),)), "distinct bare indices"),
    (formula(body=hole(0) + hole(1)), "_h1 stands for nothing"),
    (formula(body=sympy.Integer(2)), "reads that the body does not use"),
    (formula(body=sympy.gamma(hole(0))), "gamma is no function of formulas"),
    (formula(reads=(Read(0, (bare(0), bare(2))),)), "an index that has no loop"),
    (formula(accumulate=True, reduce=None, shape=(4,)), "differ in shape"),
    (gathered(Input(name="s", shape=(3,))), "stands in a subscript but is not int"),
    (order("argmax", 2, (3,)), "argmax axis"),
    (order("argsort", 1, (3,)), "argsort has"),
    (Node(name="y", shape=()), "a Node is no kind of node"),
]


@pytest.mark.parametrize(("node", "message"), LAWS, ids=[m for _, m in LAWS])
def test_a_broken_law_names_the_node(node: Node, message: str) -> None:
    with pytest.raises(GraphnetError, match=f"^y: .*{message}"):
        Network.collect({"y": node}).check()


def test_legal_ones_pass() -> None:
    nodes = [good, gathered(t), order("argmax", 1, (3,)), order("argsort", 1, (3, 4))]
    for node in nodes:
        Network.collect({"y": node}).check()


def test_edges_outputs_and_updates() -> None:
    network = Network.collect({"y": good})
    network.remove_edge("x", "y", key=0)
    with pytest.raises(GraphnetError, match="y: has other edges than operands"):
        network.check()
    network = Network.collect({"y": good})
    network.graph["outputs"] = {"z": "nowhere"}
    with pytest.raises(GraphnetError, match="z: is an output but 'nowhere' is no node"):
        network.check()
    with pytest.raises(GraphnetError, match="x: is updated but is a input"):
        Network.collect({"y": good}, {x: x}).check()
    m = State(name="m", shape=(2,), init=Init("zeros"))
    with pytest.raises(GraphnetError, match="m: is updated by"):
        Network.collect({"y": good}, {m: good}).check()
    network = Network.collect({"y": good})
    network.nodes["y"]["stage"] = "middle"
    with pytest.raises(GraphnetError, match="y: has the stage 'middle'"):
        network.check()


def scan(**changes: object) -> Scan:
    h, q = Input(name="h", shape=(2,)), Input(name="q", shape=(2,))
    new = bind(parse("n[i] = h[i]*q[i]")[0], [h, q], name="n")
    loop = Loop(
        body=Network.collect({"n": new}), states=("h",), carried=("n",), sequences=("q",),
        emits=("n",), length=named("T"),
    )  # fmt: skip
    node = Scan(
        name="y", shape=(named("T"), 2), loop=loop, result=("emit", 0),
        operands=(Input(name="h0", shape=(2,)), Input(name="qs", shape=(named("T"), 2))),
    )  # fmt: skip
    inner = {k: v for k, v in changes.items() if k in Loop.__dataclass_fields__}
    outer = {k: v for k, v in changes.items() if k not in inner}
    return replace(node, loop=replace(loop, **inner), **outer)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"result": ("emit", 1)}, "the loop has no result"),
        ({"result": ("last", 0)}, r"last 0 is \(2,\)"),
        ({"operands": ()}, "0 operands, 2 inputs"),
        ({"length": 4}, r"q of the loop is float \(4, 2\)"),
        ({"carried": ()}, "as many states"),
        ({"carried": ("m",)}, "no node 'm'"),
        ({"states": ("q",)}, "two roles"),
        ({"sequences": ("n",)}, "n is no input of the loop's body"),
    ],
    ids=str,
)
def test_a_broken_loop(changes: dict[str, object], message: str) -> None:
    Network.collect({"y": scan()}).check()
    with pytest.raises(GraphnetError, match=f"^y: .*{message}"):
        Network.collect({"y": scan(**changes)}).check()


def test_one_line_for_every_kind() -> None:
    noise = Input(name="u", shape=(2,), distribution=Distribution("normal", (0.0, 1.0)))
    w = Parameter(name="w", shape=(2,), init=Init("normal", (("std", 0.1),)), trainable=False)
    m = State(name="m", shape=(2,), init=Init("zeros"))
    network = Network.collect(
        [good, noise, w, m, t, replace(order("argmax", 1, (3,)), name="a"), scan(name="s")]
    )
    described = {name: describe(network, name) for name in network}
    assert described == {
        "x": "input x (3, 4)",
        "y": "y[i] = Sum(2*x[i,j], j)",
        "u": "input u (2,) ~ normal(0, 1)",
        "w": "parameter w (2,), frozen, starts as normal(std=0.1)",
        "m": "state m (2,) starts as zeros",
        "t": "input t (3,) int",
        "a": "a = argmax(x, axis=1)",
        "h0": "input h0 (2,)",
        "qs": "input qs (T, 2)",
        "s": "s = scan(h0, qs): every n, over T steps",
    }

"""The reference itself: against numbers by hand, NumPy and mpmath."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from graphnet.compiler import ieee
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.formula.extent import named
from graphnet.formula.parse import parse
from graphnet.network.graph import Network
from graphnet.network.nodes import Init, Input, Loop, Node, Order, Parameter, Scan
from graphnet.network.shapes import bind

INF, NAN = math.inf, math.nan
A = np.arange(1.0, 7.0).reshape(2, 3)
B = np.array([[1.0, -2.0], [0.5, 3.0], [0.0, 4.0]])
V = np.array([1.0, -1.0, 0.0, 2.0])
T = np.array([2, 0, 2])
HOLE = np.array([[1.0, 5.0], [INF, -INF], [-INF, -INF]])


def node_of(text: str, **arrays: np.ndarray) -> tuple[Network, str]:
    """The network of a formula over inputs of the arrays' shapes."""
    kinds = {"f": "float", "i": "int", "b": "bool"}
    nodes: dict[str, Node] = {
        k: Input(shape=np.shape(a), dtype=kinds[np.asarray(a).dtype.kind], name=k)
        for k, a in arrays.items()
    }
    for equation in parse(text):
        made = bind(equation, [nodes[o] for o in equation.operands], label=equation.name)
        nodes[equation.name] = made
    network = Network.collect({"out": made}, extra=[nodes[k] for k in arrays])
    return network, network.outputs["out"]


def run(text: str, **arrays: np.ndarray) -> np.ndarray:
    network, name = node_of(text, **arrays)
    return interpret(network, arrays)[name]


# formula, arrays, what comes out by hand or by NumPy
CASES = [
    ("Y[i,j] = Sum(A[i,k]*B[k,j], k)", {"A": A, "B": B}, A @ B),
    ("Y[i] = Sum(A[i,k]/size(k), k)", {"A": A}, [2.0, 5.0]),
    ("Y[i] = Max(A[i,k], k)", {"A": A}, [3, 6]),
    ("Y = Min(A[i,k], i, k)", {"A": A}, 1.0),
    ("Y[i] = LogSumExp(A[i,k], k)", {"A": A}, np.log(np.exp(A).sum(1))),
    ("Y[i] = LogSumExp(A[i,k], k)", {"A": HOLE}, [np.log(np.e + np.e**5), INF, -INF]),
    ("Y[i] = LogSumExp(A[i,k], k)", {"A": np.array([[1e4, 1e4]])}, [1e4 + np.log(2)]),
    ("Y[i] = Sum(A[i,k], k)", {"A": np.zeros((2, 0))}, [0, 0]),
    ("Y[i] = Max(A[i,k], k)", {"A": np.zeros((2, 0))}, [-INF, -INF]),
    ("Y[i] = Min(A[i,k], k)", {"A": np.zeros((2, 0))}, [INF, INF]),
    ("Y[i] = LogSumExp(A[i,k], k)", {"A": np.zeros((2, 0))}, [-INF, -INF]),
    ("Y[i] = A[i-2], i < 8", {"A": V}, [0, 0, 1, -1, 0, 2, 0, 0]),  # outside reads are 0
    ("Y[2*i-1] += A[i], shape(5)", {"A": V}, [0, -1, 0, 0, 0]),
    ("Y[i//2] += A[i], shape(2)", {"A": V}, [0, 2]),
    ("Y[T[n]] += A[n], shape(3)", {"T": T, "A": np.array([1.0, 2.0, 4.0])}, [2, 0, 5]),
    ("Y[n,j] = A[T[n],j]", {"T": T, "A": B}, B[T]),
    ("Y[i] = A[(i+3) % 4], i < 4", {"A": V}, np.roll(V, 1)),
    ("Y[i] = A[3-i], i < 4", {"A": V}, V[::-1]),
    ("Y[i,j] = where(j <= i, 1, 0), i < 3, j < 3", {}, np.tril(np.ones((3, 3)))),
    ("where(x == 0, 0, 1/x)", {"x": V}, [1, -1, 0, 0.5]),
    ("1/x", {"x": np.array([0.0, -0.0, 2.0])}, [INF, -INF, 0.5]),
    ("x/y", {"x": np.array([0.0, 3.0]), "y": np.array([0.0, 3.0])}, [NAN, 1]),
    ("log(x)", {"x": np.array([0.0, -1.0, 1.0])}, [-INF, NAN, 0]),
    ("sqrt(x)", {"x": np.array([4.0, -1.0])}, [2, NAN]),
    ("exp(x)", {"x": np.array([1000.0, -1000.0])}, [INF, 0]),
    ("sinh(x) + cosh(x)", {"x": np.array([1000.0])}, [INF]),
    ("Abs(x) + sign(x)", {"x": V}, [2, 0, 0, 3]),
    ("Heaviside(x)", {"x": V}, [1, 0, 0.5, 1]),
    ("Max(x, 0)", {"x": np.array([NAN, 1.0, -1.0])}, [NAN, 1, 0]),
    ("expw(x, y)", {"x": np.array([1.0, -INF]), "y": np.array([1.0, -INF])}, [1, 0]),
    ("x**3", {"x": V}, V**3),
    ("x**y", {"x": np.array([-8.0, 2.0, 0.0]), "y": np.array([0.5, -1.0, -2.0])}, [NAN, 0.5, INF]),
    ("x + y", {"x": A, "y": np.array([[10.0], [20.0]])}, A + np.array([[10], [20]])),
    ("n + 1", {"n": T}, [3, 1, 3]),
    ("Y[n] = where(b[n], 1.5, x[n])", {"b": np.array([True, False]), "x": V[:2]}, [1.5, -1]),
    ("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", {"z": A}, np.exp(A) / np.exp(A).sum(1)[:, None]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "arrays", "expected"), CASES, ids=[c[0] for c in CASES])
def test_meaning(text: str, arrays: dict[str, np.ndarray], expected: object) -> None:
    np.testing.assert_allclose(run(text, **arrays), np.asarray(expected), rtol=1e-14, atol=1e-15)


def test_dtypes() -> None:
    assert run("n + 1", n=T).dtype == np.int64
    assert run("x + 1", x=V).dtype == np.float64
    assert run("Y[i] = b[1-i], i < 2", b=np.array([True, False])).dtype == np.bool_
    assert run("n/2", n=T).tolist() == [1.0, 0.0, 1.0]


# function of ieee, of mpmath, where
FUNCTIONS = [
    ("exp", mpmath.exp, (-5, 5)), ("log", mpmath.log, (0.1, 9)), ("log1p", mpmath.log1p, (-0.9, 9)),
    ("expm1", mpmath.expm1, (-3, 3)), ("sqrt", mpmath.sqrt, (0.1, 9)), ("sin", mpmath.sin, (-3, 3)),
    ("cos", mpmath.cos, (-3, 3)), ("tan", mpmath.tan, (-1, 1)), ("sinh", mpmath.sinh, (-3, 3)),
    ("cosh", mpmath.cosh, (-3, 3)), ("tanh", mpmath.tanh, (-3, 3)),
    ("atan", mpmath.atan, (-3, 3)), ("erf", mpmath.erf, (-3, 3)),
    ("absolute", abs, (0.5, 3)), ("absolute", abs, (-3, -0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "truth", "span"), FUNCTIONS)
def test_functions_and_their_complex_step(name: str, truth, span: tuple[float, float]) -> None:
    function = getattr(ieee, name)
    with mpmath.workdps(40):
        for x in np.linspace(*span, 7).tolist():
            assert function(x) == pytest.approx(float(truth(x)), rel=4e-16, abs=1e-16)
            stepped = function(complex(x, 1e-30))
            slope = float(mpmath.diff(truth, x))
            assert stepped.real == pytest.approx(float(truth(x)), rel=4e-16, abs=1e-16)
            assert stepped.imag / 1e-30 == pytest.approx(slope, rel=1e-14, abs=1e-15)


def test_complex_step_through_a_network() -> None:
    text = "L = LogSumExp(where(x[i] > 0, Max(x[i], w)**2.5, Abs(x[i])/w), i)"
    x, w = np.array([0.5, -1.5, 3.0]), np.array(2.0)
    step = 1e-30 * np.array([1, 0, 0]) * 1j
    # d/dx0 = 0 as w wins; d/dx2 = softmax_2 * 2.5*x2^1.5
    terms = np.array([2**2.5, 0.75, 3**2.5])
    share = np.exp(terms - np.log(np.exp(terms).sum()))
    assert run(text, x=x, w=w) == pytest.approx(np.log(np.exp(terms).sum()), rel=1e-15)
    network, name = node_of(text, x=x, w=w)
    slopes = [
        interpret(network, {"x": x + np.roll(step, k), "w": w})[name].imag / 1e-30 for k in range(3)
    ]
    expected = [0, -share[1] / 2, share[2] * 2.5 * 3**1.5]
    np.testing.assert_allclose(slopes, expected, rtol=1e-14)


def test_named_sizes() -> None:
    batch = named("batch")
    x = Input(shape=(batch, 2), name="x")
    (equation,) = parse("Y[n] = Sum(x[n,i]/size(n), i)")
    network = Network.collect([bind(equation, [x], name="Y")])
    assert interpret(network, {"x": [[1, 2], [3, 4]]})["Y"].tolist() == [1.5, 3.5]
    assert interpret(network, {"x": np.zeros((0, 2))})["Y"].shape == (0,)


def test_a_computed_node_may_be_given() -> None:
    network, name = node_of("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", z=A)
    (total,) = network.operands(name)[1:]
    got = interpret(network, {"z": A, total: np.array([1.0, 2.0])})[name]
    np.testing.assert_allclose(got, np.exp(A) / [[1.0], [2.0]], rtol=1e-15)


REFUSED = [
    ({}, GraphnetError, "no value was given for the input 'x'"),
    ({"x": np.ones((2, 3))}, GraphnetError, r"W has shape \(3,\)|no value .* 'W'"),
    ({"x": np.ones((2, 2)), "W": [1, 2, 3]}, GraphnetError, r"x has shape \(batch, 3\)"),
    ({"x": np.ones(3), "W": [1, 2, 3]}, GraphnetError, r"x has shape \(batch, 3\), not \(3,\)"),
    ({"x": np.ones((2, 3)), "V": 1}, GraphnetError, "there is no node 'V'"),
    ({"x": np.array([["a"] * 3]), "W": [1, 2, 3]}, GraphnetTypeError, "x is of dtype float"),
]


@pytest.mark.parametrize(("values", "error", "words"), REFUSED)
def test_refused(values: dict, error: type[Exception], words: str) -> None:
    x = Input(shape=(named("batch"), 3), name="x")
    w = Parameter(shape=(3,), name="W", init=Init("zeros"))
    (equation,) = parse("Y[n] = Sum(x[n,i]*W[i], i)")
    network = Network.collect([bind(equation, [x, w], name="Y")])
    with pytest.raises(error, match=words):
        interpret(network, values)


ORDERS = [
    np.array([[2.0, 3.0, 3.0], [5.0, 5.0, 1.0]]),
    np.array([[NAN, 3.0, NAN], [-INF, INF, INF]]),
]


@pytest.mark.parametrize("array", ORDERS, ids=str)
@pytest.mark.parametrize("axis", [0, 1])
def test_order(array: np.ndarray, axis: int) -> None:
    x = Input(shape=array.shape, name="x")
    first = Order(
        shape=array.shape[:axis] + array.shape[axis + 1 :], dtype="int", operands=(x,),
        name="first", op="argmax", axis=axis,
    )  # fmt: skip
    ranks = Order(
        shape=array.shape, dtype="int", operands=(x,), name="ranks", op="argsort", axis=axis
    )
    got = interpret(Network.collect([first, ranks]), {"x": array})
    np.testing.assert_array_equal(got["first"], array.argmax(axis))
    np.testing.assert_array_equal(got["ranks"], array.argsort(axis, kind="stable"))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 4])
def test_scan(reverse: bool, length: int) -> None:
    """s' = s*x + c*t, by a Python loop."""
    s, x = Input(shape=(), name="s"), Input(shape=(), name="x")
    c, t = Input(shape=(), name="c"), Input(shape=(), dtype="int", name="t")
    (equation,) = parse("n = s*x + c*t")
    new = bind(equation, [{"s": s, "x": x, "c": c, "t": t}[o] for o in equation.operands], name="n")
    loop = Loop(
        body=Network.collect({"n": new}), states=("s",), carried=("n",), sequences=("x",),
        constants=("c",), emits=("n",), step="t", length=named("time"), reverse=reverse,
    )  # fmt: skip
    start = Input(shape=(), name="start")
    xs, c0 = Input(shape=(named("time"),), name="xs"), Input(shape=(), name="c0")
    results = {
        kind: Scan(
            shape=() if kind == "last" else (named("time"),), operands=(start, xs, c0),
            name=kind, loop=loop, result=(kind, 0),
        )
        for kind in ("last", "emit", "before")
    }  # fmt: skip
    data = np.arange(2.0, 2.0 + length)
    got = interpret(Network.collect(results), {"start": 0.5, "xs": data, "c0": 3.0})
    state, emit, before = 0.5, np.zeros(length), np.zeros(length)
    for k in reversed(range(length)) if reverse else range(length):
        before[k] = state
        state = emit[k] = state * data[k] + 3.0 * k
    assert got["last"] == state
    np.testing.assert_array_equal(got["emit"], emit)
    np.testing.assert_array_equal(got["before"], before)


def test_a_long_chain() -> None:
    node: Node = Input(shape=(), name="x")
    (equation,) = parse("Y = x + 1")
    for _ in range(10_000):
        node = bind(equation, [node])
    network = Network.collect({"y": node})
    assert interpret(network, {"x": 0.0})[network.outputs["y"]] == 10_000

"""Programs: what they let in, what they give back, what they keep."""

from __future__ import annotations

import linecache
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.build import function
from graphnet.compiler.literals import literal
from graphnet.compiler.program import Program
from graphnet.compiler.stores import MissingNameError
from graphnet.errors import GraphnetError, GraphnetFileError, GraphnetTypeError
from graphnet.network.graph import Network
from graphnet.network.nodes import Distribution, Input, Loop, Scan
from graphnet.ops import filling, reductions
from graphnet.ops.define import constant, formula, parameter, state
from graphnet.ops.define import input as gn_input
from graphnet.ops.tensor import Tensor


def make(outputs: Any = None, **options: Any) -> Program:
    """Z = x @ W + b and E = E[t]: a float and an int input, two parameters."""
    x = gn_input("x", ("batch", 3))
    t = gn_input("t", ("batch",), dtype="int")
    W, b = parameter("W", (3, 4)), parameter("b", (4,), init="zeros")
    z = formula("z[n,o] = Sum(x[n,i]*W[i,o], i) + b[o]", x=x, W=W, b=b, name="z")
    p = formula("p[n] = z[n,t[n]]", z=z, t=t, name="p")
    return function([x, t], outputs or [z, p], stabilize=False, **options)


X, T = np.arange(6.0).reshape(2, 3), np.array([0, 3])

REFUSED = [
    ((X,), {}, GraphnetTypeError, "no array was given for t; expected (x, t)"),
    ((X, T, T), {}, GraphnetTypeError, "expected (x, t), came 3 arguments"),
    ((X, T), {"x": X}, GraphnetTypeError, "the input 'x' was given twice"),
    ((X,), {"tt": T}, GraphnetTypeError, "there is no input 'tt'; did you mean 't'?"),
    ((X[0], T), {}, GraphnetError, "input x: expected 2 axes, shape (batch, 3), came shape (3,)"),
    ((X[:, :2], T), {}, GraphnetError, "came (2, 2): axis 1 is 2, not 3"),
    ((X, T[:1]), {}, GraphnetError, "axis 0 is 1, not batch = 2 as in x"),
    ((X * 1j, T), {}, GraphnetTypeError, "input x: expected floats of shape (batch, 3), came"),
    ((X.astype(object), T), {}, GraphnetTypeError, "dtype object"),
    (("text", T), {}, GraphnetTypeError, "came str"),
    (([[1, 2, 3], [4]], T), {}, GraphnetTypeError, "input x: not an array"),
    ((np.ma.array(X, mask=X > 3), T), {}, GraphnetTypeError, "masked"),
    ((X, T.astype(float)), {}, GraphnetTypeError, "cast it with .astype(int)"),
    ((X, T > 1), {}, GraphnetTypeError, "input t: expected ints of shape (batch,), came dtype"),
    ((X, [0, 4]), {}, GraphnetError, "t[1] is 4, the valid range is 0 .. 3: it picks from axis 1"),
    ((X, [-1, 0]), {}, GraphnetError, "input t: t[0] is -1, the valid range is 0 .. 3"),
    ((X, np.array([0, 2**63], np.uint64)), {}, GraphnetError, "more than an int can hold"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "given", "error", "message"), REFUSED)
def test_what_is_refused(args: Any, given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        make()(*args, **given)
    assert message in str(caught.value)


ADMITTED = [
    X.astype(np.float16), X.astype(np.int8), X.astype(">f8"), X.astype(np.uint64), X > 2,
    np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist(),
]  # fmt: skip


@pytest.mark.parametrize("x", ADMITTED)
@pytest.mark.parametrize(
    "t", [T, T.astype(np.uint8), T.astype(">i4"), [0, 3], np.array([3, 3, 0, 0])[::-2]]
)
def test_what_is_cast(x: Any, t: Any) -> None:
    program = make(seed=3)
    z, p = program(x, t)
    W = program.parameters["W"]
    expected = np.asarray(x, np.float32) @ W
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, expected, rtol=1e-6)
    np.testing.assert_array_equal(p, z[[0, 1], np.asarray(t, int)])


def test_arguments_are_not_changed_and_may_be_read_only() -> None:
    x = X.astype(np.float32)
    x.setflags(write=False)
    z, _ = make()(x, t=T)
    z += 1
    np.testing.assert_array_equal(x, X)


def test_an_input_may_have_any_name() -> None:
    for name in ("self", "args", "parameters", "class"):
        x = gn_input(name, (2,))
        program = function(x, formula("2*x", x=x))
        np.testing.assert_array_equal(program(**{name: [1, 2]}), [2, 4])


def test_no_rows() -> None:
    z, p = make()(np.zeros((0, 3)), [])
    assert z.shape == (0, 4)
    assert p.shape == (0,)


def test_named_sizes_are_compared_as_polynomials() -> None:
    x = gn_input("x", ("n",))
    y = gn_input("y", (formula("Y[2*i] += x[i], shape(2*n)", x=x).shape[0],))
    program = function([x, y], x, stabilize=False)
    with pytest.raises(GraphnetError, match="axis 0 is 5, not 6"):
        program(np.zeros(3), np.zeros(5))
    assert program(np.zeros(3), np.zeros(6)).shape == (3,)


# -- labels ----------------------------------------------------------------------------------------


def labels(text: str, **operands: Any) -> Program:
    given = [t for t in operands.values() if t.node.kind == "input"]
    return function(given, formula(text, **operands), stabilize=False)


def test_labels_that_are_moved_are_checked_where_they_enter() -> None:
    z = gn_input("z", (6, 5))
    t = gn_input("t", (2, 3), dtype="int")
    flat = formula("f[3*i+j] += t[i,j], shape(6)", t=t)
    program = function([z, t], formula("p[n] = z[n,f[n]]", z=z, f=flat), stabilize=False)
    with pytest.raises(GraphnetError, match=r"input t: t\[1, 2\] is 5, the valid range"):
        program(np.zeros((6, 5)), [[0, 1, 2], [3, 4, 5]])


def test_labels_that_are_computed_are_checked_before_the_run() -> None:
    z = gn_input("z", ("n", 5))
    t = gn_input("t", ("n",), dtype="int")
    twice = formula("u[n] = 2*t[n] - 1", t=t, name="twice")
    program = function([z, t], formula("p[n] = z[n,u[n]]", z=z, u=twice), stabilize=False)
    assert program(np.arange(10).reshape(2, 5), [1, 2]).tolist() == [1, 8]
    with pytest.raises(GraphnetError, match=r"node twice: twice\[1\] is -1"):
        program(np.zeros((2, 5)), [1, 0])


def test_labels_inside_labels() -> None:
    E, P = gn_input("E", (4, 2)), gn_input("P", (3,), dtype="int")
    t = gn_input("t", ("n",), dtype="int")
    program = labels("Y[n,d] = E[P[t[n]],d]", E=E, P=P, t=t)
    e = np.arange(8.0).reshape(4, 2)
    assert program(e, [3, 0, 1], [0, 2]).tolist() == [[6, 7], [2, 3]]
    with pytest.raises(GraphnetError, match=r"t\[0\] is 3, the valid range is 0 .. 2"):
        program(e, [3, 0, 1], [3])
    with pytest.raises(GraphnetError, match=r"P\[0\] is 4, the valid range is 0 .. 3"):
        program(e, [4, 0, 1], [2])


def test_an_order_is_in_range_by_itself_and_a_constant_is_checked_at_build() -> None:
    x = gn_input("x", (5,))
    order = reductions.argsort(x)
    program = function(x, formula("Y[i] = x[p[i]]", x=x, p=order), stabilize=False)
    assert program([3, 1, 2, 5, 4]).tolist() == [1, 2, 3, 4, 5]
    assert not program._labels
    bad = constant(np.array([0, 5]))
    with pytest.raises(GraphnetError, match="is 5, the valid range"):
        function(x, formula("Y[i] = x[p[i]]", x=x, p=bad), stabilize=False)


def test_labels_inside_a_loop() -> None:
    """s += E[ids[k,n],d] over n, for every step k: the ids are checked where they enter."""
    s, E, t = gn_input("s", (2,)), gn_input("E", (4, 2)), gn_input("t", (1,), dtype="int")
    body = Network.collect({"new": formula("n[d] = s[d] + Sum(E[t[n],d], n)", s=s, E=E, t=t).node})
    loop = Loop(
        body=body, states=("s",), carried=(body.outputs["new"],), sequences=("t",),
        constants=("E",), length=3,
    )  # fmt: skip
    start, table = gn_input("start", (2,)), gn_input("table", (4, 2))
    ids = gn_input("ids", (3, 1), dtype="int")
    operands = tuple(tensor.node for tensor in (start, ids, table))
    last = Tensor(Scan(shape=(2,), operands=operands, loop=loop, result=("last", 0)))
    program = function([start, ids, table], last, stabilize=False)
    rows = np.arange(8.0).reshape(4, 2)
    assert program([0, 0], [[0], [3], [3]], rows).tolist() == [12, 15]
    with pytest.raises(GraphnetError, match=r"ids\[2, 0\] is -1, the valid range is 0 .. 3"):
        program([0, 0], [[0], [3], [-1]], rows)


def test_scatter_labels() -> None:
    t = gn_input("t", ("n",), dtype="int")
    x = gn_input("x", ("n",))
    program = labels("Y[t[n]] += x[n], shape(3)", t=t, x=x)
    assert program([0, 2, 2], [1, 2, 3]).tolist() == [1, 0, 5]
    with pytest.raises(GraphnetError, match=r"t\[0\] is -1, the valid range is 0 .. 2"):
        program([-1, 2, 2], [1, 2, 3])


# -- results ---------------------------------------------------------------------------------------


def test_results_are_fresh() -> None:
    x, W = gn_input("x", (2, 3)), parameter("W", (2, 3))
    flipped = formula("f[j,i] = x[i,j]", x=x)
    y = formula("y[i,j] = x[i,j] + W[i,j]", x=x, W=W)
    turned = formula("f[j,i] = y[i,j]", y=y)
    program = function(x, [x, flipped, W, y, turned, filling.zeros((2,))], stabilize=False)
    given = np.ones((2, 3), np.float32)
    first = program(given)
    for result in first:
        assert result.base is None
        result += 1
    np.testing.assert_array_equal(given, 1)
    second = program(given)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b + 1)


def test_views_without_copies() -> None:
    x = gn_input("x", (2, 3))
    program = function(x, formula("f[j,i] = x[i,j]", x=x), copy=False, stabilize=False)
    given = np.ones((2, 3), np.float32)
    assert np.shares_memory(program(given), given)


def test_scalars_are_python_numbers() -> None:
    x, k = gn_input("x", ()), gn_input("k", (), dtype="int")
    program = function(
        [x, k], [formula("2*x", x=x), formula("k + 1", k=k), x > k, x],
        stabilize=False,
    )  # fmt: skip
    results = program(2.5, 2)
    assert results == [5.0, 3, True, 2.5]
    assert [type(r) for r in results] == [float, int, bool, float]


def test_check_wants_finite_numbers() -> None:
    x = gn_input("x", ("n",))
    program = function(x, formula("1/x", x=x, name="y"), check=True, stabilize=False)
    with pytest.raises(GraphnetError, match=r"input x: x\[1\] is nan, not finite"):
        program([1, np.nan])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(GraphnetError, match=r"output y: y\[0\] is inf, not finite"):
            program([0, 1])


# -- stores ----------------------------------------------------------------------------------------


def test_stores_are_views_and_check_what_comes() -> None:
    program = make()
    W = program.parameters["W"]
    program.parameters["W"] = np.ones((3, 4))
    assert W is program.parameters["W"]
    assert (W == 1).all()
    W *= 2
    assert program(X, T)[0][0, 0] == 6
    assert list(program.parameters) == ["W", "b"]
    assert len(program.states) == 0
    refused = [
        ("W1", np.ones((3, 4)), MissingNameError, "there is no parameter 'W1'; did you mean 'W'?"),
        ("W", np.ones((4, 3)), GraphnetError, "parameter W: expected shape (3, 4), came (4, 3)"),
        ("W", 1.0, GraphnetError, "came ()"),
        ("W", np.ones((3, 4)) * 1j, GraphnetTypeError, "came complex128"),
    ]
    for name, value, error, message in refused:
        with pytest.raises(error) as caught:
            program.parameters[name] = value
        assert message in str(caught.value)
    with pytest.raises(GraphnetError, match="cannot be deleted"):
        del program.parameters["W"]
    assert program.parameters.get("none") is None
    with pytest.raises(MissingNameError):  # all or nothing
        program.parameters.update({"W": np.zeros((3, 4)), "c": 1})
    assert (W == 2).all()


def test_sharing() -> None:
    first = make()
    second = make(parameters=first.parameters)
    first.parameters["W"] = np.ones((3, 4))
    assert (second.parameters["W"] == 1).all()
    third = make(parameters={"b": np.arange(4)})
    assert third.parameters["b"].tolist() == [0, 1, 2, 3]
    assert first.parameters["b"].tolist() == [0, 0, 0, 0]
    with pytest.raises(GraphnetError, match="parameter W: the shared one is float32"):
        make(parameters=first.parameters, dtype="float64")
    x = gn_input("x", (3,))
    with pytest.raises(MissingNameError, match="there is no parameter 'V'"):
        function(x, x * parameter("V", (3,)), parameters=first.parameters, stabilize=False)


def test_reset_and_seeds() -> None:
    program, other = make(seed=1), make(seed=2)
    first = program.parameters["W"].copy()
    assert not np.array_equal(first, other.parameters["W"])
    program.parameters["W"] = np.zeros((3, 4))
    program.reset()
    np.testing.assert_array_equal(program.parameters["W"], first)
    program.reset(seed=2)
    np.testing.assert_array_equal(program.parameters["W"], other.parameters["W"])
    for seed in (-1, 1.5, True, "1"):
        with pytest.raises(GraphnetError, match="a seed is a whole number"):
            program.reset(seed=seed)  # type: ignore[arg-type]


def test_draws_come_from_the_programs_own_generator() -> None:
    x = gn_input("x", ("n", 3))
    noise = Tensor(
        Input(shape=x.shape, name="noise", distribution=Distribution("normal", (1.0, 2.0)))
    )
    u = Tensor(Input(shape=(2000,), name="u", distribution=Distribution("uniform", (0.0, 1.0))))
    program = function(x, [x + noise, u], seed=5, stabilize=False)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    saved = program.generator.bit_generator.state
    first, second = program(np.zeros((4, 3))), program(np.zeros((4, 3)))
    assert not np.array_equal(first[0], second[0])
    program.generator.bit_generator.state = saved
    np.testing.assert_array_equal(program(np.zeros((4, 3)))[0], first[0])
    program.reset()
    np.testing.assert_array_equal(program(np.zeros((4, 3)))[0], first[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]
    assert 0 <= first[1].min() < 0.01
    assert 0.99 < first[1].max() < 1
    noises = np.concatenate([program(np.zeros((500, 3)))[0].ravel() for _ in range(4)])
    assert abs(noises.mean() - 1) < 0.15
    assert abs(noises.std() - 2) < 0.15
    given = function([x, noise], x + noise, stabilize=False)  # a draw may be an argument instead
    assert given(np.ones((1, 3)), np.ones((1, 3))).tolist() == [[2, 2, 2]]


def test_states_start_and_stay() -> None:
    count = state("count", (), init=0, dtype="int")
    program = function([], count, updates={count: formula("c + 1", c=count)}, stabilize=False)
    assert [program(), program(), program()] == [0, 1, 2]
    assert program.states["count"] == 3
    assert program.states["count"].dtype == np.intp
    with pytest.raises(GraphnetTypeError, match="expected values of dtype int64, came float64"):
        program.states["count"] = 1.5
    program.reset()
    assert program() == 0


# -- source ----------------------------------------------------------------------------------------


def test_tracebacks_show_the_source() -> None:
    program = make()
    try:
        program.run(np.zeros((2, 7), np.float32), T)
    except ValueError:
        shown = traceback.format_exc()
    assert "z = x @ W + b" in shown
    files = [name for name in linecache.cache if name.startswith("<graphnet forward")]
    linecache.checkcache()
    assert [name for name in linecache.cache if name in files] == files


def test_emitted_code_sees_numpy_only() -> None:
    function = make().forward
    allowed = function.__globals__["__builtins__"]
    assert "open" not in allowed
    assert "eval" not in allowed
    with pytest.raises(GraphnetError, match="numpy only"):
        allowed["__import__"]("os")


def test_save_is_atomic_and_says_why_it_fails(tmp_path: Path) -> None:
    program = make()
    path = tmp_path / "forward.py"
    path.write_text("old")
    program.save(path)
    saved = iter(path.read_text().splitlines())  # the text that runs, and a check of its labels
    assert all(line in saved for line in program.source.splitlines())
    assert "in_range(" in path.read_text()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(GraphnetFileError, match="No such file"):
        program.save(tmp_path / "nowhere" / "f.py")
    with pytest.raises(GraphnetFileError, match="Is a directory"):
        program.save(tmp_path)
    with pytest.raises(GraphnetError, match="no style 'slow'; known: plain, fast"):
        program.save(path, style="slow")
    program.save(path, style="fast")
    assert "def build(" in path.read_text()


# -- literals --------------------------------------------------------------------------------------

ARRAYS = [
    np.array(1.5), np.array([0.1, 1e-45, 3.4e38, -0.0], np.float32),
    np.array([np.nan, np.inf, -np.inf]),
    np.zeros((0,)), np.zeros((2, 0)), np.arange(6).reshape(2, 3), np.array([True, False]),
    np.random.default_rng(0).random((8, 8)), np.random.default_rng(0).random((9, 8)),
    np.random.default_rng(0).random((5, 5, 5)).astype(np.float32), np.arange(100),
    np.arange(100) > 50, np.asfortranarray(np.arange(200.0).reshape(10, 20)),
    np.repeat([0.0, 1.0, 0.0, 0.0], 48), np.full((9, 8), -0.0), np.full(65, np.inf, np.float32),
    np.full((3, 30), np.nan), np.full((10, 10), True), np.full(100, -3),
    np.repeat([0.0, -0.0], 40).reshape(8, 10), np.repeat([1e-45, 0.1], [7, 90]).astype(np.float32),
    np.repeat(np.arange(16) / 7, 1000 + np.arange(16)), np.repeat(np.arange(17.0), 9),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS)
def test_literals_give_back_the_bits(array: Any) -> None:
    text = literal(array)
    again = eval(text, {"np": np})
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()
    assert max(map(len, text.split("\n"))) <= 79


def test_what_repeats_is_written_so() -> None:
    """The first bias of an LSTM was 384 hexadecimal digits a gate."""
    model = gn.Sequential([gn.Input((8, 8)), gn.LSTM(48), gn.Dense(10)])
    model.compile("adam", "cross_entropy", style="plain")
    row = '"b1": np.repeat(np.array([0.0, 1.0, 0.0, 0.0], np.float64), 48)'
    assert row in model.step.source
    assert "fromhex" not in model.step.source


def test_public_names() -> None:
    assert gn.function.__wrapped__ is function

"""Lowered NumPy = literal loops, for every kind of formula; and what it looks like."""

from __future__ import annotations

import numpy as np
import pytest

from graphnet.compiler.interpret import interpret
from graphnet.compiler.listing import listing
from graphnet.formula.extent import named
from graphnet.formula.parse import parse
from graphnet.network.graph import Network
from graphnet.network.nodes import Init, Input, Node, Parameter
from graphnet.network.shapes import bind

BATCH = named("batch")
N = 4  # the size of "batch" in these tests

# formula | tensors: name -> shape (ints) or "int:bound" shapes | expected code, or None
CASES: list[tuple[str, dict[str, tuple], str | None]] = [
    # products
    ("Y[i,j] = Sum(A[i,k]*B[k,j], k)", {"A": (3, 4), "B": (4, 2)}, "A @ B"),
    ("Y[i,j] = Sum(B[k,j]*A[i,k], k)", {"A": (3, 4), "B": (4, 2)}, "A @ B"),
    ("Y[i,j] = Sum(A[k,i]*B[k,j], k)", {"A": (4, 3), "B": (4, 2)}, "A.T @ B"),
    ("Y[i,j] = Sum(A[i,k]*B[j,k], k)", {"A": (3, 4), "B": (2, 4)}, "A @ B.T"),
    ("Y[i,j] = Sum(A[k,i]*B[j,k], k)", {"A": (4, 3), "B": (2, 4)}, "A.T @ B.T"),
    ("Y[n,o] = Sum(x[n,i]*W[i,o], i)", {"x": ("batch", 3), "W": (3, 2)}, "x @ W"),
    ("Y[n,t,o] = Sum(x[n,t,i]*W[i,o], i)", {"x": (2, 3, 4), "W": (4, 5)}, "x @ W"),
    (
        "Y[i,o] = Sum(x[n,t,i]*G[n,t,o], n, t)",
        {"x": (2, 3, 4), "G": (2, 3, 5)},
        "np.tensordot(x, G, axes=([0, 1], [0, 1]))",
    ),
    ("Y[b,i,j] = Sum(A[b,i,k]*B[b,k,j], k)", {"A": (2, 3, 4), "B": (2, 4, 5)}, "A @ B"),
    (
        "Y[b,i,j] = Sum(A[b,i,k]*B[b,j,k], k)",
        {"A": (2, 3, 4), "B": (2, 5, 4)},
        "A @ B.transpose(0, 2, 1)",
    ),
    ("Y[i] = Sum(A[i,k]*v[k], k)", {"A": (3, 4), "v": (4,)}, "A @ v"),
    ("Y[j] = Sum(v[k]*A[k,j], k)", {"A": (4, 3), "v": (4,)}, "v @ A"),
    ("Y = Sum(v[k]*w[k], k)", {"v": (4,), "w": (4,)}, None),
    ("Y[i,j] = v[i]*w[j]", {"v": (4,), "w": (3,)}, "v[:, None] * w"),
    ("Y[n] = Sum(A[n,i]*B[n,i], i)", {"A": (3, 4), "B": (3, 4)}, "(A * B).sum(axis=1)"),
    (
        "Y[n,o] = Sum(A[n,i]*W[o,i,j]*B[n,j], i, j)",
        {"A": (3, 2), "W": (4, 2, 5), "B": (3, 5)},
        None,
    ),
    ("Y[i,l] = Sum(A[i,j]*B[j,k]*C[k,l], j, k)", {"A": (2, 3), "B": (3, 4), "C": (4, 5)}, None),
    ("Y[i,j] = Sum(A[i,k]*A[j,k], k)", {"A": (3, 4)}, "A @ A.T"),
    ("Y = Sum(x[i]*A[i,j]*x[j], i, j)", {"A": (3, 3), "x": (3,)}, None),
    ("Y[t] = Sum(A[u]*A[u+t], u), t < 3", {"A": (6,)}, None),
    ("Y[i] = Sum(A[i,i]*B[i,j], j)", {"A": (3, 3), "B": (3, 4)}, None),
    (
        "Y[i,j] = Sum(A[i,k]*s[k]*B[k,j]/t[i], k)",
        {"A": (3, 4), "s": (4,), "B": (4, 2), "t": (3,)},
        None,
    ),
    (
        "Y[i,o] = Sum(A[n,i]*G[n,o]*(1 - Z[n,o]**2), n)",
        {"A": (3, 4), "G": (3, 2), "Z": (3, 2)},
        None,
    ),
    ("Y[i] = Sum(A[i,k]*B[k,j] + A[i,j], k, j)", {"A": (3, 4), "B": (4, 4)}, None),
    ("Y[i] = Sum((A[i] - B[j])/size(j), j)", {"A": (3,), "B": (4,)}, None),
    ("Y = Sum(A[i]*2, i, k), k < 5", {"A": (3,)}, None),
    # reductions
    ("Y[i] = Max(A[i,j], j)", {"A": (3, 4)}, "A.max(axis=1)"),
    ("Y[j] = Min(A[i,j], i)", {"A": ("batch", 4)}, "A.min(axis=0, initial=np.inf)"),
    ("Y = Max(A[i,j], i, j)", {"A": (3, 4)}, "A.max()"),
    ("Y[i] = LogSumExp(A[i,j], j)", {"A": (3, 4)}, "logsumexp(A, axis=1)"),
    ("Y[i] = LogSumExp(where(j <= i, A[i,j], -oo), j)", {"A": (3, 4)}, None),
    ("Y[i] = LogSumExp(a[i], j), j < 3", {"a": (4,)}, None),
    ("Y[i] = Max(A[i,j], j)", {"A": (3, 0)}, None),
    ("Y[i] = Sum(A[i,j], j)", {"A": (3, 0)}, None),
    ("Y[i] = LogSumExp(A[i,j], j)", {"A": (3, 0)}, None),
    ("Y[i,k] = Sum(A[i,j]*B[j,k], j)", {"A": (3, 0), "B": (0, 2)}, None),
    ("Y[i,k] = Sum(A[i,j]*B[j,k], j)", {"A": (0, 3), "B": (3, 2)}, None),
    # reading
    ("Y[i] = A[i,i]", {"A": (4, 4)}, None),
    ("Y[j,i] = A[i,j]", {"A": (3, 4)}, "A.T"),
    ("Y[k,i,j] = A[i,j,k]", {"A": (3, 4, 2)}, "A.transpose(2, 0, 1)"),
    ("Y[i] = A[7 - 2*i], i < 3", {"A": (8,)}, "A[:1:-2]"),
    ("Y[i] = A[7 - i], i < 8", {"A": (8,)}, "A[::-1]"),
    ("Y[i] = A[2*i + 1]", {"A": (8,)}, "A[1::2]"),
    ("Y[i,j] = A[i, j + 1], j < 2", {"A": (3, 4)}, "A[:, 1:3]"),
    ("Y[j] = A[2, j]", {"A": (3, 4)}, "A[2]"),
    ("Y[i] = A[(i + 2) % 5], i < 5", {"A": (5,)}, None),
    ("Y[i] = A[i % 4], i < 10", {"A": (4,)}, None),
    ("Y[i] = A[i // 2], i < 8", {"A": (4,)}, None),
    ("Y[i,j] = A[4*i + j], i < 3, j < 4", {"A": (12,)}, "A.reshape(3, 4)"),
    ("Y[i] = A[i // 4, i % 4], i < 12", {"A": (3, 4)}, None),
    ("Y[i] = where(1 < i, A[i - 2], 0), i < 8", {"A": (4,)}, None),
    ("Y[i] = A[i - 2], i < 8", {"A": (4,)}, "np.pad(A, 2)"),
    ("Y[i] = A[3 - 2*i], i < 4", {"A": (4,)}, None),
    ("Y[i,j] = where(i < 3, A[i,j], B[i-3,j]), i < 5", {"A": (3, 4), "B": (2, 4)}, None),
    ("Y[y] = Sum(A[2*y + u - 1]*w[u], u), y < 3", {"A": (5,), "w": (3,)}, None),
    (
        "Y[n,o,y,x] = Sum(X[n,c,y+u,x+v]*W[o,c,u,v], c, u, v)",
        {"X": (2, 2, 4, 5), "W": (3, 2, 2, 2)},
        None,
    ),
    (
        "Y[y] = Max(where(2*y + u - 1 >= 0, A[2*y + u - 1], -oo), u), y < 3, u < 3",
        {"A": (6,)},
        None,
    ),
    ("Y[i,k] = A[i, i + k], i < 3, k < 3", {"A": (3, 5)}, None),
    ("Y[i,j] = A[i - j + 2], i < 4, j < 3", {"A": (6,)}, None),
    ("Y[i,j] = A[i + j, i - j + 3], i < 3, j < 3", {"A": (5, 6)}, None),
    # index of index
    ("Y[n,d] = E[T[n], d]", {"E": (5, 3), "T": ("int5", 4)}, "E[T]"),
    ("Y[n] = Z[n, T[n]]", {"Z": (4, 5), "T": ("int5", 4)}, "Z[np.arange(4), T]"),
    ("Y[n] = Z[n, T[n]]", {"Z": ("batch", 5), "T": ("int5", "batch")}, "Z[np.arange(batch), T]"),
    ("Y[n] = Z[n, T[n] + 1]*2, n < 4", {"Z": (4, 5), "T": ("int5", 4)}, None),
    ("Y[n] = E[T[U[n]]]", {"E": (6,), "T": ("int6", 5), "U": ("int5", 4)}, "E[T[U]]"),
    ("Y[n,k] = where(T[n] == k, 1, 0), k < 5", {"T": ("int5", 4)}, None),
    ("Y[i,j,d] = E[j, T[i], d]", {"E": (2, 5, 3), "T": ("int5", 4)}, None),
    ("Y[i,j,d] = E[T[i,j], d, i]", {"E": (5, 3, 2), "T": ("int5", 2, 4)}, None),
    # writing
    ("Y[i,i] += A[i], shape (4, 4)", {"A": (4,)}, None),
    ("Y[2*i + r] += A[i], r < 2, shape (6)", {"A": (3,)}, None),
    ("Y[6*i + j] += A[i,j], shape (24)", {"A": (4, 6)}, "A.reshape(24,)"),
    ("Y[i // 6, i % 6] += A[i], shape (4, 6)", {"A": (24,)}, "A.reshape(4, 6)"),
    ("Y[T[n], d] += G[n,d], shape (5, 3)", {"G": (4, 3), "T": ("int5", 4)}, None),
    ("Y[i + 1] += A[i], shape (6)", {"A": (4,)}, None),
    ("Y[2*i] += A[i], shape (9)", {"A": (4,)}, None),
    ("Y[i - 2] += A[i], shape (5)", {"A": (9,)}, None),
    ("Y[2 - i] += A[i], shape (4)", {"A": (5,)}, None),
    ("Y[i + 9] += A[i], shape (5)", {"A": (4,)}, None),
    ("Y[0, j] += A[i,j], shape (1, 3)", {"A": (4, 3)}, None),
    ("Y[2*y + u - 1] += A[y]*w[u], shape (8)", {"A": (4,), "w": (3,)}, None),
    ("Y[i, j] += A[j, i], shape (3, 4)", {"A": (4, 3)}, "A.T"),
    ("Y[i % 3] += A[i], shape (3)", {"A": (8,)}, None),
    ("Y[i] += A[i], shape (5)", {"A": (3,)}, None),
    ("Y[i] += A[i], shape (2)", {"A": (3,)}, None),
    ("Y[n,i] += A[n], i < 3, shape (batch, 3)", {"A": ("batch",)}, None),
    ("Y[T[n] - 1] += A[n], shape (3)", {"A": (4,), "T": ("int5", 4)}, None),
    # scalars
    ("exp(-a**2)/sqrt(2*pi) + b", {"a": (3, 4), "b": (4,)}, None),
    ("a/(1 + exp(-b))", {"a": (3, 1), "b": (4,)}, None),
    ("where(a > 0, a, 0)", {"a": (5,)}, "np.maximum(a, 0)"),
    ("where(a > 0, a, exp(a) - 1)", {"a": (5,)}, None),
    ("Max(a, b, 0) - Min(a, 2*b)", {"a": (3, 4), "b": (3, 4)}, None),
    ("Abs(a) + sign(b)*Heaviside(a - b)", {"a": (5,), "b": (5,)}, None),
    ("log1p(a**2) + expm1(b) + erf(a)*atan(b)", {"a": (5,), "b": (5,)}, None),
    (
        "sinh(a)*cosh(b) - tan(a) + cos(b)*sin(a) + tanh(b) + log(a**2 + 1)",
        {"a": (5,), "b": (5,)},
        None,
    ),
    ("Abs(a)**b + a**3 + a**-2 + 2**b", {"a": (5,), "b": (5,)}, None),
    ("where(a > 0 and not b > 0 or a == b, 1, 0.5)", {"a": (5,), "b": (5,)}, None),
    ("where(M, a, 0)", {"M": ("bool", 5), "a": (5,)}, None),
    ("where(M and a > 0, a, -1)", {"M": ("bool", 5), "a": (5,)}, None),
    (
        "Y[n,k] = p[n,k]/size(n) + where(T[n] == k, -1/size(n), 0)",
        {"p": (4, 5), "T": ("int5", 4)},
        "(p - (T[:, None] == np.arange(5))) / 4",
    ),
    ("0.1*a - 0.1*b", {"a": (5,), "b": (5,)}, "0.1 * (a - b)"),
    ("where(a > 0, 1, 0) - where(b > 0, 1, 0)", {"a": (5,), "b": (5,)}, None),
    ("a + 0.5*b - a*b/3", {"a": (), "b": ()}, None),
    ("Y[i] = sin(i/(2*size(i) + 1)), i < 5", {}, None),
    ("Y[i,j] = 1/2, i < 2, j < 3", {}, None),
    ("Y[i,j] = erf(1), i < 2, j < 3", {}, None),
    ("expw(a, sqrt(a))", {"a": (5,)}, None),  # nan stays nan
]


def node_of(name: str, shape: tuple) -> tuple[Node, np.ndarray]:
    """An input and sample values for it."""
    rng = np.random.default_rng(sum(map(ord, name)))
    kind = shape[0] if shape and isinstance(shape[0], str) and shape[0] != "batch" else None
    shape = shape[1:] if kind else shape
    sides = tuple(N if s == "batch" else s for s in shape)
    extents = tuple(BATCH if s == "batch" else s for s in shape)
    if kind == "bool":
        return Input(name=name, shape=extents, dtype="bool"), rng.random(sides) < 0.5
    if kind:
        return Input(name=name, shape=extents, dtype="int"), rng.integers(0, int(kind[3:]), sides)
    return Input(name=name, shape=extents), rng.normal(size=sides)


def network_of(text: str, tensors: dict[str, tuple]) -> tuple[Network, dict[str, np.ndarray]]:
    nodes, values = {}, {}
    for name, shape in tensors.items():
        nodes[name], values[name] = node_of(name, shape)
    for equation in (equations := parse(text, params={"batch": BATCH})):
        last = equation is equations[-1]
        operands = [nodes[o] for o in equation.operands]
        nodes[equation.name] = bind(equation, operands, name="Y" if last else None)
    return Network.collect({"Y": nodes[equations[-1].name]}, extra=list(nodes.values())), values


def execute(network: Network, values: dict[str, np.ndarray], dtype: str) -> np.ndarray:
    """Runs the statements of a listing."""
    made = listing(network, dtype)
    space: dict[str, object] = {"np": np}
    source = "\n".join([*made.helpers, *(s.code for s in made.statements)])
    for name, value in values.items():
        kind = np.dtype(dtype) if value.dtype.kind == "f" else value.dtype
        space[made.variable[name]] = value.astype(kind)
    with np.errstate(all="ignore"):
        exec(compile(source, "<listing>", "exec"), space)
        return eval(made.variable["Y"], space)


@pytest.mark.parametrize(("text", "tensors", "code"), CASES, ids=[c[0] for c in CASES])
def test_lowered_equals_loops(text, tensors, code):
    network, values = network_of(text, tensors)
    network.check()
    expected = np.asarray(interpret(network, values)["Y"])
    for dtype, bound in [("float64", 1e-12), ("float32", 1e-5)]:
        found = np.asarray(execute(network, values, dtype))
        assert found.shape == expected.shape
        scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1e-300)
        np.testing.assert_allclose(found, expected, rtol=0, atol=bound * scale)
        if expected.dtype.kind == "f":
            assert found.dtype == np.dtype(dtype)
    if code is not None:
        made = listing(network)
        assert made.statements[-1].code == f"Y = {code}" or made.variable["Y"] == code


@pytest.mark.parametrize(("text", "tensors", "code"), CASES, ids=[c[0] for c in CASES])
def test_statements_fit_and_cover_every_node(text, tensors, code):
    network, _ = network_of(text, tensors)
    made = listing(network)
    lines = [line for s in made.statements for line in s.code.split("\n")]
    assert all(len(line) <= 75 for line in lines)
    covered = {n for s in made.statements for n in s.nodes}
    computed = {n for n, node in network.items() if node.kind == "computed"}
    assert computed <= covered | {n for n in computed if made.variable.get(n, "") in network}


def test_equal_values_are_computed_once():
    z = Input(name="z", shape=(3,))
    (sigmoid,) = parse("1/(1 + exp(-z))")
    a = bind(sigmoid, [z], name="a")
    b = bind(sigmoid, [z], name="b")
    (slope,) = parse("u*(1 - v)")
    network = Network.collect({"Y": bind(slope, [a, b], name="Y")})
    code = "\n".join(s.code for s in listing(network).statements)
    assert code.count("np.exp") == 1


def test_unread_nodes_are_not_emitted():
    z = Input(name="z", shape=(3,))
    (double,), (unused,) = parse("2*z"), parse("exp(z)")
    network = Network.collect(
        {"Y": bind(double, [z], name="Y")}, extra=[bind(unused, [z], name="unused")]
    )
    assert [s.code for s in listing(network).statements] == ["Y = 2 * z"]


def test_a_parameter_is_read_where_it_stands():
    w = Parameter(name="W", shape=(2, 3), init=Init("zeros"))
    (transpose,) = parse("Y[j,i] = W[i,j]")
    network = Network.collect({"Y": bind(transpose, [w], name="Y")})
    assert listing(network).variable["Y"] in ("Y", "W.T")

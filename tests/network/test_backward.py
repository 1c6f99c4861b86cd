"""Adjoints of formulas and networks against central differences of literal loops."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.formula.extent import named
from graphnet.formula.parse import parse
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Node
from graphnet.network.shapes import bind

# formula; shapes of the tensors it reads ("T3:5,4" is an int tensor of shape (5, 4) below 3)
FORMULAS = """
Y[i,j] = Sum(A[i,k]*B[k,j], k)                                   | A:2,3 B:3,2
Y[i,j] = Sum(A[k,i]*B[k,j], k)                                   | A:3,2 B:3,2
Y[i,j] = Sum(A[i,k]*B[j,k], k)                                   | A:2,3 B:2,3
Y[n,i,j] = Sum(A[n,i,k]*B[n,k,j], k)                             | A:2,2,3 B:2,3,2
Y[i,j] = A[i]*B[j]                                               | A:2 B:3
Y[n,o] = Sum(A[n,i]*W[i,o,j]*B[n,j], i, j)                       | A:2,2 W:2,3,2 B:2,2
Y[i,l] = Sum(A[i,j]*B[j,k]*C[k,l], j, k)                         | A:2,2 B:2,3 C:3,2
Y[i,j] = Sum(A[i,k]*A[j,k], k)                                   | A:3,2
Y = Sum(x[i]*A[i,j]*x[j], i, j)                                  | x:3 A:3,3
Y[d] = Sum(A[t]*A[t+d], t), d < 3                                | A:5
Y[i] = A[i,i]                                                    | A:3,3
Y = Sum(A[i,i], i)                                               | A:3,3
Y[i,i] += A[i], shape(3, 3)                                      | A:3
Y[i,j] = A[i,j] + b[j]                                           | A:2,3 b:3
Y[i,j] = A[i,j]*b[i,j]                                           | A:2,3 b:2,1
A*b + c                                                          | A:2,3 b:3 c:2,1
Y[i,j] = A[j,i]                                                  | A:2,3
Y[i] = A[2*i+1]                                                  | A:7
Y[i] = A[6-2*i], i < 4                                           | A:7
Y[i] = A[(i+2)%5], i < 5                                         | A:5
Y[i] = A[i-2], i < 8                                             | A:4
Y[2*i+r] += A[i], r < 2, shape(6)                                | A:3
Y[i] = A[i%3], i < 7                                             | A:3
Y[i] = A[i//2], i < 6                                            | A:3
Y[3*i+j] += A[i,j], shape(6)                                     | A:2,3
Y[i,j] = A[3*i+j], i < 2, j < 3                                  | A:6
Y[i,j] = where(i < 2, A[i,j], B[i-2,j]), i < 5                   | A:2,2 B:3,2
Y[s,i] = where(s == 0, A[i], B[i]), s < 2                        | A:3 B:3
Y[n,d] = E[T[n],d]                                               | E:4,2 T4:5
Y[i,j] = A[i,T[i,j]]                                             | A:2,4 T4:2,3
Y[T[n],d] += A[n,d], shape(4, 2)                                 | A:5,2 T4:5
Y[n] = A[T[S[n]]]                                                | A:3 T3:4 S4:5
L[n] = LogSumExp(Z[n,k], k); Y = Sum((L[n]-Z[n,T[n]])/size(n), n)| Z:3,4 T4:3
Y[n,k] = where(T[n] == k, A[n], B[k]), k < 3                     | A:4 B:3 T3:4
Y[i,j] = where(j <= i, A[i,j], 0)                                | A:3,3
Y[i,j] = sin(A[i]/(2*j+1)), j < 3                                | A:3
Y[o,y] = Sum(X[c,y+u]*W[o,c,u], c, u)                            | X:2,5 W:2,2,3
Y[o,y] = Sum(X[c,2*y+u-1]*W[o,c,u], c, u), y < 3                 | X:2,5 W:2,2,3
Y[o,y] = Sum(X[c,y+2*u-2]*W[o,c,u], c, u), y < 5                 | X:2,5 W:2,2,3
Y[2*g+o,y] += X[2*g+c,y+u]*W[2*g+o,c,u], g < 2, o < 2, y < 3, \
    shape(4, 3) | X:4,4 W:4,2,2
Y[o,2*y+u-1] += X[c,y]*W[c,o,u], shape(2, 6)                     | X:2,3 W:2,2,3
Y[i,k] = A[i,i+k], k < 2                                         | A:3,4
Y[i,j] = A[i-j+2], i < 3, j < 3                                  | A:5
Y[y] = Max(X[2*y+u], u), u < 3                                   | X:7
Y[y] = Max(where(2*y+u-1 >= 0 and 2*y+u-1 < 5, X[2*y+u-1], -oo), u), y < 3, u < 3 | X:5
Y[i] = Max(A[i,j]*B[j] - A[i,j]**2, j)                           | A:2,3 B:3
Y[j] = Min(A[i,j], i)                                            | A:3,2
Y[y] = Sum(X[2*y+u]/9, u), u < 3                                 | X:7
Y[i] = LogSumExp(A[i,j] + B[j]*2, j)                             | A:2,3 B:3
Y[i] = LogSumExp(where(j <= i, A[i,j], -oo), j)                  | A:3,3
Y[i] = Sum(where(k <= i, X[k], 0), k), i < 4                     | X:4
Y[i] = Max(where(k <= i, X[k], -oo), k), i < 4                   | X:4
Y[c] = Max(where(T[n] == c, X[n], -oo), n), c < 2                | X:5 T2:5
P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)                         | z:2,3
L[n] = LogSumExp(z[n,k], k); Y[n,k] = expw(z[n,k], L[n])         | z:2,3
m[n] = Sum(x[n,i]/size(i), i); v[n] = Sum((x[n,i]-m[n])**2/size(i), i); \
    Y[n,i] = (x[n,i]-m[n])/sqrt(v[n]+1/10)*g[i] + b[i] | x:2,4 g:4 b:4
S[i,j] = Sum(q[i,d]*k[j,d], d); \
    M[i,j] = where(j <= i, S[i,j], -oo); L[i] = LogSumExp(M[i,j], j); \
    P[i,j] = expw(M[i,j], L[i]); Y[i,d] = Sum(P[i,j]*v[j,d], j) | q:3,2 k:3,2 v:3,2
Y = A                                                            | A:
x**y                                                             | x:3 y:3
exp(x)*sin(y) + cos(x)*tanh(y) + erf(x) + atan(y)                | x:3 y:3
where(x > 0, exp(x), x**2)*Abs(y)                                | x:3 y:3
Max(x, y, x*y) + Min(x, y)                                       | x:3 y:3
sinh(x)*cosh(y) + expm1(x) + sqrt(1 + x**2) + sign(x) + Heaviside(y) + tan(x/4) | x:3 y:3
Y[i,j] = Sum(A[i,k]*B[k,j], k)                                   | A:2,0 B:0,3
Y[i,j] = Sum(A[i,k]*B[k,j], k)                                   | A:0,3 B:3,2
Y[i] = LogSumExp(A[i,j], j)                                      | A:2,0
Y[i] = Max(A[i,j], j) + b[i]                                     | A:0,2 b:0
Y[n,d] = E[T[n],d]                                               | E:4,0 T4:5
""".strip().splitlines()


def operands(shapes: str) -> tuple[dict[str, Node], dict[str, np.ndarray]]:
    rng = np.random.default_rng(7)
    nodes: dict[str, Node] = {}
    values = {}
    for item in shapes.split():
        name, sizes = item.split(":")
        shape = tuple(int(s) for s in sizes.split(",") if s)
        if name[1:]:
            values[name[0]] = rng.integers(0, int(name[1:]), shape)
            nodes[name[0]] = Input(name=name[0], shape=shape, dtype="int")
        else:
            values[name] = np.abs(rng.normal(size=shape)) + 0.1 if name == "x" else rng.normal(
                size=shape)  # fmt: skip
            nodes[name] = Input(name=name, shape=shape)
    return nodes, values


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.split("|")[0].strip())
def test_first_and_second_order(
    row: str, define: Callable[..., Node], check_gradients: Callable[..., Network]
) -> None:
    text, shapes = row.split("|")
    nodes, values = operands(shapes)
    wrt = [name for name, node in nodes.items() if node.dtype == "float"]
    check_gradients(define(text, **nodes), values, wrt, second=True)


def test_mlp_needs_at_most_eight_adjoint_nodes(
    define: Callable[..., Node], check_gradients: Callable[..., Network]
) -> None:
    shapes = {"x": (3, 4), "W1": (4, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)}
    nodes: dict[str, Node] = {k: Input(name=k, shape=s) for k, s in shapes.items()}
    loss = define(
        "P[n,o] = Sum(x[n,i]*W1[i,o], i); Z1[n,o] = P[n,o] + b1[o]; A1[n,o] = tanh(Z1[n,o]); "
        "Q[n,o] = Sum(A1[n,i]*W2[i,o], i); Z2[n,o] = Q[n,o] + b2[o]; L[n] = LogSumExp(Z2[n,k], k); "
        "loss = Sum((L[n] - Z2[n,T[n]])/size(n), n)",
        **nodes, T=Input(name="T", shape=(3,), dtype="int"),
    )  # fmt: skip
    rng = np.random.default_rng(5)
    values = {k: rng.normal(size=s) for k, s in shapes.items()} | {"T": np.array([2, 0, 2])}
    check_gradients(loss, values, ["W1", "b1", "W2", "b2", "x"], second=False)
    network = Network.collect({"loss": loss})
    derived = backward(network, "loss", ["W1", "b1", "W2", "b2"])
    made = [name for name in derived if derived.stage(name) == "backward"]
    assert sorted(made) == ["d_A1", "d_W1", "d_W2", "d_Z1", "d_Z2", "d_b1", "d_b2"]
    assert derived.show("d_Z2") == (
        "d_Z2[n,k] = expw(Z2[n,k], L[n])/size(n) + where(T[n] == k, -1/size(n), 0)"
    )
    forward = dict(network.items())
    assert all(derived.node(name) is node for name, node in forward.items())


# -- laws of networks -----------------------------------------------------------------------------

x = Input(name="x", shape=(3,))
LAWS = [  # (formulas that read x, adjoint nodes by name and text)
    ("y = Sum(x[i]**2, i)", {"d_x": "d_x[i] = 2*x[i]"}),
    ("a[i] = x[i] + 1; y = Sum(a[i]**2, i)", {"d_a": "d_a[i] = 2*a[i]"}),
    (
        "a[i] = exp(x[i]); b[i] = sin(x[i]); y = Sum(a[i]*b[i], i)",
        {"d_a": "d_a[i] = b[i]", "d_b": "d_b[i] = a[i]",
         "d_x": "d_x[i] = cos(x[i])*d_b[i] + exp(x[i])*d_a[i]"},
    ),
    (
        "a[i] = Sum(x[j]*x[i], j); y = Sum(a[i]*x[i], i)",
        {"d_a": "d_a[i] = x[i]", "d_x_via_a":
         "d_x_via_a[i] = Sum(x[j]*d_a[i] + x[j]*d_a[j], j)", "d_x": "d_x[i] = a[i] + d_x_via_a[i]"},
    ),
    ("y = Sum(x[i]/size(i), i)", {"d_x": "d_x[i] = 1/size(i), i < 3"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), LAWS, ids=lambda a: a if isinstance(a, str) else "")
def test_what_is_written(define: Callable[..., Node], text: str, expected: dict[str, str]) -> None:
    network = Network.collect({"y": define(text, x=x)})
    derived = backward(network, "y", ["x"])
    derived.check()
    made = {name: derived.show(name) for name in derived if derived.stage(name) == "backward"}
    assert made == expected


def test_what_has_no_gradient(define: Callable[..., Node]) -> None:
    t = Input(name="t", shape=(3,), dtype="int")
    y = define("y = Sum(x[t[i]], i)", x=x, t=t)
    free = Input(name="free", shape=(2,))
    network = Network.collect({"y": y, "v": define("v[i] = x[i]*2", x=x)}, extra=[free])
    with pytest.raises(GraphnetTypeError, match="t is of dtype int"):
        backward(network, "y", ["t"])
    with pytest.raises(GraphnetError, match="only a 0-d tensor"):
        backward(network, "v", ["x"])
    with pytest.raises(GraphnetError, match="no node 'X'"):
        backward(network, "y", ["X"])
    with pytest.raises(GraphnetError, match=r"upstream of v must be float \(3,\)"):
        backward(network, "v", ["x"], upstream=Input(name="g", shape=(2,)))
    powers = Network.collect({"z": define("p[i] = 0**x[i]; z = Sum(p[i], i)", x=x)})
    with pytest.raises(GraphnetError, match=r"the slope of '.*' in 'x': .* divides by 0"):
        backward(powers, "z", ["x"])
    derived = backward(network, "y", ["free", "y"])
    arrays = interpret(derived, {"x": np.ones(3), "t": np.zeros(3, int), "free": np.ones(2)})
    np.testing.assert_array_equal(arrays[derived.outputs["d_free"]], [0, 0])
    assert arrays[derived.outputs["d_y"]] == 1


def test_stop_gradient_and_names_that_are_taken(define: Callable[..., Node]) -> None:
    (equation,) = parse("s[i] = x[i]")
    stopped = bind(equation, [x], name="s", label="stop_gradient")
    network = Network.collect({"y": define("y = Sum(x[i]**2*s[i], i)", x=x, s=stopped)})
    derived = backward(network, "y", ["x"])
    at = np.array([1.0, 2.0, -3.0])
    arrays = interpret(derived, {"x": at})
    np.testing.assert_allclose(arrays["d_x"], 2 * at * at)
    again = backward(derived, "y", ["x"])
    assert again.outputs["d_x"] == "d_x_2"
    assert "d_x" in again


def test_layers_and_symbolic_sizes(define: Callable[..., Node]) -> None:
    z = Input(name="z", shape=(named("batch"), 3))
    h = define("h[n,i] = exp(z[n,i])*2", z=z)
    y = define("y = Sum(h[n,i]**2/size(n), n, i)", h=h)
    network = Network.collect({"y": y}, layers={h: "hidden"})
    derived = backward(network, "y", ["z"])
    assert derived.layer("d_h") == "hidden"
    assert derived.show("d_h") == "d_h[n,i] = 2*h[n,i]/size(n)"
    assert derived.node("d_h").origin == ("h", "y")


def test_many_readers_of_one_tensor_are_added_in_formulas_one_can_read() -> None:
    """x is read by a hundred pointwise nodes and by fifty sums."""
    sines = [bind(parse(f"sin({k}*x)")[0], [x]) for k in range(1, 101)]
    sums: list[Node] = [
        bind(parse("Y = Sum(a[i]*b[j], i, j)")[0], pair) for pair in pairwise(sines)
    ]
    sums += [bind(parse("Y = Sum(x[i]*x[j], i, j)")[0], [x]) for _ in range(50)]
    total = sums[0]
    for other in sums[1:]:
        total = bind(parse("a + b")[0], [total, other])
    network = Network.collect({"y": total})
    derived = backward(network, network.outputs["y"], ["x"])
    derived.check()
    assert max(len(derived.show(name)) for name in derived) < 600
    at = np.array([0.3, -0.2, 0.7])
    k, rest = np.arange(1, 101)[:, None], np.sin(np.arange(1, 101)[:, None] * at).sum(axis=1)
    neighbors = np.concatenate([rest[1:], [0]]) + np.concatenate([[0], rest[:-1]])
    expected = (neighbors[:, None] * k * np.cos(k * at)).sum(axis=0) + 50 * 2 * at.sum()
    np.testing.assert_allclose(interpret(derived, {"x": at})["d_x"], expected, rtol=1e-10)


def test_a_chain_of_ten_thousand_is_linear() -> None:
    formulas = [parse(t)[0] for t in ("tanh(a)", "a + a**2", "exp(-a)*a", "a - 1/3")]
    last: Node = x
    for k in range(10_000):
        last = bind(formulas[k % 4], [last])
    network = Network.collect({"y": bind(parse("y = Sum(a[i], i)")[0], [last])})
    start = time.perf_counter()
    derived = backward(network, network.outputs["y"], ["x"])
    assert time.perf_counter() - start < 8
    assert len(derived) > 15_000

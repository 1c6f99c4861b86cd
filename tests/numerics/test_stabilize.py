"""Textbook losses, by hand, at |z| up to 1e4: values and gradients finite and right.

The truth is mpmath's at 60 digits for values, and central differences at 60 digits for gradients.
"""

from __future__ import annotations

from collections.abc import Mapping

import mpmath
import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.formula.parse import parse
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node
from graphnet.network.shapes import bind
from graphnet.numerics.report import report
from graphnet.numerics.stabilize import stabilize

CASES = {
    "softmax": "S[n] = Sum(exp(z[n,j]), j); P[n,k] = exp(z[n,k])/S[n]; "
        "y = Sum(P[n,k]*w[n,k], n, k)",
    "shifted": "m[n] = Max(z[n,j], j); t[n,k] = z[n,k] - m[n]; e[n,k] = exp(t[n,k]); "
        "S[n] = Sum(e[n,j], j); P[n,k] = e[n,k]/S[n]; y = -Sum(w[n,k]*log(P[n,k]), n, k)",
    "cross entropy": "S[n] = Sum(exp(z[n,j]), j); P[n,k] = exp(z[n,k])/S[n]; "
        "l[n,k] = log(P[n,k]); y = -Sum(w[n,k]*l[n,k]/size(n), n, k)",
    "int labels": "e[n,k] = exp(z[n,k]); S[n] = Sum(e[n,j], j); P[n,k] = e[n,k]/S[n]; "
        "y = Sum(-log(P[n,T[n]])/size(n), n)",
    "log softmax": "S[n] = Sum(exp(z[n,j]), j); g[n] = log(S[n]); q[n,k] = z[n,k] - g[n]; "
        "y = Sum(w[n,k]*q[n,k], n, k)",
    "shifted log": "m[n] = Max(z[n,j], j); S[n] = Sum(exp(z[n,j] - m[n]), j); "
        "y = Sum(m[n] + log(S[n]), n)",
    "entropy": "S[n] = Sum(exp(z[n,j]), j); P[n,k] = exp(z[n,k])/S[n]; "
        "y = -Sum(P[n,k]*log(P[n,k]), n, k)",
    "kl": "S[n] = Sum(exp(z[n,j]), j); P[n,k] = exp(z[n,k])/S[n]; "
        "y = Sum(w[n,k]*log(w[n,k]/P[n,k]), n, k)",
    "temperature": "u[n,k] = z[n,k]/2; m[n] = Max(u[n,j], j); e[n,k] = exp((z[n,k] - 2*m[n])/2); "
        "r[n] = 1/Sum(e[n,j], j); P[n,k] = e[n,k]*r[n]; y = -Sum(w[n,k]*log(P[n,k]), n, k)",
    "masked": "M[n,k] = where(k <= n, z[n,k], -oo); S[n] = Sum(exp(M[n,j]), j); "
        "P[n,k] = exp(M[n,k])/S[n]; y = Sum(P[n,k]*w[n,k], n, k)",
    "masked by where": "S[n] = Sum(where(j <= n, exp(z[n,j]), 0), j); "
        "P[n,k] = where(k <= n, exp(z[n,k]), 0)/S[n]; y = Sum(P[n,k]*w[n,k], n, k)",
    "infonce": "S[n] = Sum(exp(z[n,j]), j); y = Sum(-log(exp(z[n,n])/S[n]), n)",
    "mixture": "S[n] = Sum(exp(-(z[n,k] - w[n,k])**2/2)/sqrt(2*pi), k); y = -Sum(log(S[n]), n)",
}  # fmt: skip

Z = {
    "small": [[0.5, -1.25, 2.0], [0.125, 0.25, -3.0], [1.5, 1.5, -0.5]],
    "hundred": [[100.5, -100.0, 99.0], [-745.5, -746.0, -800.0], [0.0, 0.0, 709.0]],
    "huge": [[1e4, -1e4, 1e4 - 1], [-1e4, -1e4, -1e4 + 2.5], [9e3, 1e4 - 0.5, 1e4]],
}
W = np.array([[0.25, 0.5, 0.25], [0.125, 0.125, 0.75], [0.5, 0.375, 0.125]])
T = np.array([1, 2, 0])


def network_of(text: str) -> Network:
    tensors: dict[str, Node] = {
        "z": Input(name="z", shape=(3, 3)), "w": Input(name="w", shape=(3, 3)),
        "T": Input(name="T", shape=(3,), dtype="int"),
    }  # fmt: skip
    for equation in [e for part in text.split(";") for e in parse(part.strip())]:
        operands = [tensors[o] for o in equation.operands]
        tensors[equation.name] = bind(equation, operands, name=equation.name)
    return Network.collect({"y": tensors["y"]})


def truth(name: str, z: object) -> mpmath.mpf:
    """The same functions, as a mathematician writes them."""
    exp, log, rows = mpmath.exp, mpmath.log, range(3)
    w = [[mpmath.mpf(x) for x in row] for row in W.tolist()]

    def softmax(n: int, keep: object = None) -> list[mpmath.mpf]:
        inside = [k for k in rows if keep is None or k <= n]
        top = max(z[n][k] for k in inside)
        terms = [exp(z[n][k] - top) if k in inside else mpmath.mpf(0) for k in rows]
        return [t / sum(terms) for t in terms]

    def scaled(n: int) -> list[mpmath.mpf]:
        terms = [exp(x / 2 - max(z[n]) / 2) for x in z[n]]
        return [t / sum(terms) for t in terms]

    both = [(n, k) for n in rows for k in rows]
    P = [softmax(n) for n in rows]
    if name == "softmax":
        return sum(P[n][k] * w[n][k] for n, k in both)
    if name == "shifted":
        return -sum(w[n][k] * log(P[n][k]) for n, k in both)
    if name == "cross entropy":
        return -sum(w[n][k] * log(P[n][k]) for n, k in both) / 3
    if name == "int labels":
        return -sum(log(P[n][T[n]]) for n in rows) / 3
    if name == "log softmax":
        return sum(w[n][k] * log(P[n][k]) for n, k in both)
    if name == "shifted log":
        return sum(log(sum(exp(x) for x in z[n])) for n in rows)
    if name == "entropy":
        return -sum(P[n][k] * log(P[n][k]) for n, k in both)
    if name == "kl":
        return sum(w[n][k] * log(w[n][k] / P[n][k]) for n, k in both)
    if name == "temperature":
        return -sum(w[n][k] * log(scaled(n)[k]) for n, k in both)
    if name in ("masked", "masked by where"):
        return sum(softmax(n, True)[k] * w[n][k] for n, k in both)
    if name == "infonce":
        return -sum(log(P[n][n]) for n in rows)
    assert name == "mixture"
    return -sum(
        log(sum(exp(-((z[n][k] - w[n][k]) ** 2) / 2) / mpmath.sqrt(2 * mpmath.pi) for k in rows))
        for n in rows
    )


@pytest.mark.parametrize("size", Z)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str, size: str) -> None:
    network = network_of(CASES[name])
    stable = stabilize(network)
    stable.check()
    derived = backward(stable, "y", ["z"])
    derived.check()
    arrays: Mapping[str, np.ndarray] = {"z": np.array(Z[size]), "w": W, "T": T}
    got = interpret(derived, {k: v for k, v in arrays.items() if k in derived})
    # exp(-1e4) needs no more than the exponent; differences of 1e-40 in 120 digits keep 40.
    with mpmath.workdps(120):
        z = [[mpmath.mpf(x) for x in row] for row in Z[size]]
        value = truth(name, z)
        step, slopes = mpmath.mpf(10) ** -40, np.zeros((3, 3))
        for n in range(3):
            for k in range(3):
                z[n][k] += step
                up = truth(name, z)
                z[n][k] -= 2 * step
                slopes[n, k] = float((up - truth(name, z)) / (2 * step))
                z[n][k] += step
        expected = float(value)
    # z and its LogSumExp are rounded, then subtracted: half an ulp of the larger is lost.
    rounding = 1e-15 * np.abs(arrays["z"]).max()
    np.testing.assert_allclose(got[derived.outputs["y"]], expected, rtol=1e-14, atol=rounding)
    np.testing.assert_allclose(got[derived.outputs["d_z"]], slopes, rtol=1e-12, atol=rounding)


NAIVE_FAILS = [n for n in CASES if n not in ("shifted", "shifted log", "temperature")]


@pytest.mark.parametrize("name", NAIVE_FAILS)
def test_as_written_it_is_inf_or_nan(name: str) -> None:
    derived = backward(network_of(CASES[name]), "y", ["z"])
    given = {"z": np.array(Z["huge"]), "w": W, "T": T}
    arrays = interpret(derived, {k: v for k, v in given.items() if k in derived})
    assert not np.isfinite(arrays[derived.outputs["d_z"]]).all()


@pytest.mark.parametrize("name", CASES)
def test_twice_is_once(name: str) -> None:
    once = stabilize(network_of(CASES[name]))
    twice = stabilize(once)
    assert [twice.show(n) for n in twice] == [once.show(n) for n in once]
    assert twice.graph["rewrites"] == once.graph["rewrites"]
    assert once.graph["rewrites"]


def shown(text: str, keep: tuple[str, ...] = ()) -> list[str]:
    stable = stabilize(network_of(text), keep)
    stable.check()
    return [stable.show(name) for name, _ in stable.of(Computed)]


def test_what_is_written() -> None:
    assert shown(CASES["shifted"].replace("-Sum", "Sum")) == [
        "log_S[n] = LogSumExp(z[n,j], j)",
        "y = Sum(w[n,k]*(z[n,k] - log_S[n]), n, k)",
    ]
    assert shown(CASES["entropy"].replace("-Sum", "Sum")) == [
        "log_S[n] = LogSumExp(z[n,j], j)",
        "P[n,k] = expw(z[n,k], log_S[n])",
        "y = Sum(P[n,k]*(z[n,k] - log_S[n]), n, k)",
    ]


def test_a_tensor_whose_gradient_is_asked_stays_on_the_way() -> None:
    text = CASES["int labels"]
    network = network_of(text)
    stable = stabilize(network, keep=("P",))
    derived = backward(stable, "y", ["P", "z"])
    at = {"z": np.array(Z["small"]), "T": T}
    arrays = interpret(derived, at)
    P = np.exp(at["z"]) / np.exp(at["z"]).sum(axis=1, keepdims=True)
    expected = np.zeros((3, 3))
    expected[np.arange(3), T] = -1 / P[np.arange(3), T] / 3
    np.testing.assert_allclose(arrays[derived.outputs["d_P"]], expected, rtol=1e-12)
    np.testing.assert_allclose(
        arrays[derived.outputs["d_z"]], (P - (T[:, None] == np.arange(3))) / 3, atol=1e-14
    )


UNTOUCHED = [
    "e[n,k] = exp(z[n,k]); y = Sum(e[n,k]*w[n,k], n, k)",
    "S[n] = Sum(exp(z[n,k])*w[n,k], k); y = Sum(log(S[n]), n)",  # w may be negative
    # a product of matrices
    "e[n,k] = exp(z[n,k]); f[n,k] = exp(w[n,k]); y = Sum(e[n,k]*f[k,j], n, k, j)",
    "h[n,k] = tanh(z[n,k]); y = Sum(h[n,k]**2, n, k)",
]  # fmt: skip


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_needs_no_rewrite_is_left_alone(text: str) -> None:
    network = network_of(text)
    stable = stabilize(network)
    assert [stable.node(name) for name in stable] == [node for _, node in network.items()]
    assert stable.graph["rewrites"] == ()


def test_declared_positive_weights_enter_the_log() -> None:
    p, z = Input(name="p", shape=(3,), facts=("positive",)), Input(name="z", shape=(3,))
    (total,) = parse("S = Sum(p[k]*exp(z[k]), k)")
    S = bind(total, [p, z], name="S")
    y = bind(parse("y = log(S)")[0], [S], name="y")
    stable = stabilize(Network.collect({"y": y}))
    assert stable.show("y") == "y = LogSumExp(log(p[k]) + z[k], k)"
    got = interpret(stable, {"p": [0.5, 0.25, 0.25], "z": [1000.0, 1000.0, 1000.0]})["y"]
    np.testing.assert_allclose(got, 1000.0, rtol=1e-15)


def test_attention_by_hand_is_causal_and_finite() -> None:
    text = (
        "s[i,j] = Sum(z[i,d]*w[j,d], d)*1000; M[i,j] = where(j <= i, s[i,j], -oo); "
        "E[i,j] = exp(M[i,j]); D[i] = Sum(E[i,j], j); A[i,j] = E[i,j]/D[i]; "
        "y = Sum(A[i,j]*z[j,d]*w[i,d], i, j, d)"
    )
    network = network_of(text)
    derived = backward(stabilize(network), "y", ["z"])
    arrays = interpret(derived, {"z": np.array(Z["small"]), "w": W})
    assert np.isfinite(arrays[derived.outputs["d_z"]]).all()
    np.testing.assert_allclose(arrays["A"].sum(axis=1), 1, rtol=1e-12)
    assert (arrays["A"][np.triu_indices(3, 1)] == 0).all()


def test_a_loss_and_its_stable_gradient_share_one_log_sum() -> None:
    network = network_of(CASES["cross entropy"])
    derived = backward(stabilize(network), "y", ["z"])
    both = Network.collect({"y": network.node("y"), "d_z": derived.node(derived.outputs["d_z"])})
    stable = stabilize(both)
    stable.check()
    assert sum(node.formula.reduce == "LogSumExp" for _, node in stable.of(Computed)) == 1


def test_the_report_names_law_tensor_and_interval() -> None:
    z = Input(name="z", shape=(3,))
    s = bind(parse("s = 1/(1 + exp(-z))")[0], [z], name="s")
    y = bind(parse("y[i] = log(1 - s[i])")[0], [s], name="y")
    done = stabilize(Network.collect({"s": s, "y": y})).graph["rewrites"]
    assert [r.nodes for r in done] == [("s",), ("y",)]
    text = report(done)
    assert "y: log_sigmoid_minus(x) = log(1 - 1/(1 + exp(-x))), computed as" in text
    assert "naive form wrong: value in float64" in text
    assert "naive form wrong: slope in float32" in text
    assert text.splitlines()[-1] == "every function that was searched is right at every point tried"
    assert report(()) == "nothing was rewritten: every function is right as it is written"


MORE = [
    "E[n,k] = exp(z[n,k]); S[n] = Sum(E[n,j], j); P[n,k] = E[n,k]/S[n]; "
    "y = Sum(w[n,k]*log(1 - P[n,k]), n, k)",
    "m[n] = Sum(z[n,k]/size(k), k); q[n] = Sum(z[n,k]**2/size(k), k); "
    "y = Sum(sqrt(1 + q[n] - m[n]**2), n)",
    "s[n,k] = 1/(1 + exp(-z[n,k])); y = Sum(w[n,k]*log(1 - s[n,k]), n, k)",
]  # fmt: skip


@pytest.mark.parametrize("text", MORE)
def test_the_other_rules_twice_are_once(text: str) -> None:
    once = stabilize(network_of(text))
    once.check()
    twice = stabilize(once)
    assert [twice.show(n) for n in twice] == [once.show(n) for n in once]
    assert twice.graph["rewrites"] == once.graph["rewrites"]


SCALED = [  # a tensor that is a number times another, as a part of an argument
    "-(log(1 + exp(-x[n,k]*s[n,k])) + x[n,k])", "-(log(1 + exp(x[n,k] - s[n,k])) + x[n,k])",
    "log(1/(1 + exp(s[n,k]*x[n,k])))*x[n,k] - x[n,k]",
]  # fmt: skip


@pytest.mark.parametrize("scale", [2, -1, 1])
@pytest.mark.parametrize("text", SCALED)
def test_arguments_read_tensors_that_are_others_times_a_number(text: str, scale: int) -> None:
    x, y = gn.input("x", (2, 2)), gn.input("y", (2, 2))
    loss = gn.sum(gn.formula(f"Y[n,k] = {text}", x=x, s=scale * y))
    f = gn.function([x, y], [loss, *gn.grad(loss, [x, y])], dtype="float64")
    X, Y = np.array([[40.0, -3.0], [1e3, 0.5]]), np.array([[30.0, 2.0], [-1e3, -0.25]])
    with mpmath.workdps(60):
        X_, Y_ = ([[mpmath.mpf(v) for v in row] for row in A.tolist()] for A in (X, Y))
        h = mpmath.mpf(10) ** -25

        def value(n: int, k: int, dx: int = 0, dy: int = 0) -> mpmath.mpf:
            a, s = X_[n][k] + dx * h, scale * (Y_[n][k] + dy * h)
            names = {"log": mpmath.log, "exp": mpmath.exp, "x": a, "s": s}
            return eval(text.replace("[n,k]", ""), names)

        at = [(n, k) for n in range(2) for k in range(2)]
        whole = sum(value(*p) for p in at)
        dx, dy = (
            [(value(*p, *d) - value(*p, *(-i for i in d))) / (2 * h) for p in at]
            for d in ((1, 0), (0, 1))
        )
    truth = float(whole), *(np.array(d, float).reshape(2, 2) for d in (dx, dy))
    for found, want in zip(f(X, Y), truth, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-13, atol=1e-13)


SECOND = {  # losses whose second slopes are long formulas: s and t -> loss
    "by hand": lambda s, t: -gn.sum(t * gn.log(s) + (1 - t) * gn.log(1 - s)),
    "cross entropy": lambda s, t: gn.binary_cross_entropy(s, t, reduction="sum"),
}


@pytest.mark.parametrize("sigmoid", ["1/(1 + exp(-z))", "exp(z)/(1 + exp(z))"])
@pytest.mark.parametrize("name", SECOND)
def test_second_slopes_of_cross_entropy_far_out(name: str, sigmoid: str) -> None:
    z, t = gn.input("z", (5,)), gn.input("t", (5,))
    (d,) = gn.grad(SECOND[name](gn.formula(sigmoid, z=z), t), [z])
    (q,) = gn.grad(gn.sum(d), [z])
    Z, T = np.array([-800.0, -40, 0.5, 45, 800]), np.array([0.0, 1, 0.25, 1, 1])
    found = gn.function([z, t], q, dtype="float64")(Z, T)
    with mpmath.workdps(60):
        e = [mpmath.exp(-abs(mpmath.mpf(v))) for v in Z.tolist()]
        truth = [float(v / (1 + v) ** 2) for v in e]  # s*(1 - s), whatever the label
    np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-17)


def test_second_slope_of_focal_far_out() -> None:
    z, t = gn.input("z", (4,)), gn.input("t", (4,))
    (d,) = gn.grad(gn.focal(gn.sigmoid(z), t), [z])
    (q,) = gn.grad(gn.sum(d), [z])
    f = gn.function([z, t], q, dtype="float64")
    np.testing.assert_allclose(f([-800.0, -60, 60, 800], [0.0, 0, 1, 1]), np.zeros(4), atol=1e-20)

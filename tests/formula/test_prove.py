"""Proofs of equality against identities known from textbooks, and against numbers."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.prove import prove

EQUAL = [
    ("tanh(x)", "2/(1 + exp(-2*x)) - 1"),
    ("tanh(x)", "(exp(x) - exp(-x))/(exp(x) + exp(-x))"),
    ("1 - tanh(x)**2", "1/cosh(x)**2"),
    ("exp(x)/(exp(x) + exp(y))", "1/(1 + exp(y - x))"),
    ("log(exp(x)/(exp(x) + exp(y)))", "x - log(exp(x) + exp(y))"),
    ("log(1 + exp(x)) - x", "log(1 + exp(-x))"),
    ("log1p(exp(x))", "log(1 + exp(x))"),
    ("expm1(2*x)", "(exp(x) - 1)*(exp(x) + 1)"),
    ("exp(x + y)", "exp(x)*exp(y)"),
    ("x*tanh(log(1 + exp(x)))", "x*((1 + exp(x))**2 - 1)/((1 + exp(x))**2 + 1)"),
    ("where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))", "1/(1 + exp(-x))"),
    ("where(x > 0, x, 0)", "maximum(x, 0)"),
    ("maximum(x, 0) - maximum(-x, 0)", "x"),
    ("maximum(x, y) + minimum(x, y)", "x + y"),
    ("maximum(x, y)", "(x + y + abs(x - y))/2"),
    ("abs(x)", "where(x > 0, x, -x)"),
    ("abs(x)*abs(y)", "abs(x*y)"),
    ("where(x > 0, 1, 0)*where(x < -1, 1, 0)", "0*x"),
    ("(x*y + z)**2", "x**2*y**2 + 2*x*y*z + z**2"),
    ("sqrt(x**2 + 1)**2", "x**2 + 1"),
    ("where(where(x > 0, x, exp(x) - 1) > 0, 1, exp(x))", "where(x > 0, 1, exp(x))"),
    ("abs(x/(1 + abs(x)))", "abs(x)/(1 + abs(x))"),
]
DIFFERENT = [
    ("x**2", "x"),
    ("maximum(x, 0)", "abs(x)"),
    ("where(x > 0, x, 0)", "where(x > 1, x, 0)"),
    ("x + y", "x - y"),
    ("log(1 + exp(x))", "x"),
    ("1/(1 + exp(-x))", "1/(1 + exp(-2*x))"),
    ("x", "x + 1"),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_identities_are_proved(a: str, b: str) -> None:
    found = gn.equivalent(a, b)
    if "x*y" in b and "abs" in a:  # a product of signs is not linear: undecided is honest
        assert found.equal is not False
        return
    assert found.equal is True, str(found)
    assert bool(gn.equivalent(b, a))


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_a_counterexample_is_one(a: str, b: str) -> None:
    found = gn.equivalent(a, b)
    assert found.equal is False
    point = {n: float(v) for n, v in found.counterexample.items()}
    one, two = (value(text, point) for text in (a, b))
    assert abs(one - two) > 1e-9


def value(text: str, point: dict[str, float]) -> float:
    """A formula of x, y and z at a point, by the compiler: an independent evaluation."""
    tensors = {n: gn.input(n, ()) for n in "xyz"}
    y = gn.formula(f"0*x + 0*y + 0*z + {text}", **tensors)
    f = gn.function(list(tensors.values()), y, dtype="float64", stabilize=False)
    return f(**({"x": 0.0, "y": 0.0, "z": 0.0} | point))


scalars = st.recursive(
    st.sampled_from(["x", "y", "2", "1/3"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"exp(({t})/4)"),
        inner.map(lambda t: f"tanh({t})"),
        inner.map(lambda t: f"maximum({t}, x)"),
        inner.map(lambda t: f"abs({t})"),
    ),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(scalars, scalars)
def test_what_is_called_equal_is_equal_in_numbers(a: str, b: str) -> None:
    found = gn.equivalent(a, b)
    if found.equal is None:
        return
    for point in ({"x": 0.3, "y": -0.7}, {"x": -1.2, "y": 0.4}, {"x": 0.9, "y": 2.1}):
        one, two = value(a, point), value(b, point)
        if found.equal:
            assert one == pytest.approx(two, rel=1e-9, abs=1e-9)


def test_tensors() -> None:
    x = gn.input("x", ("batch", 3))
    V, W = gn.parameter("V", (3, 2)), gn.parameter("W", (2, 2))
    assert gn.equivalent((x @ V) @ W, x @ (V @ W))
    z = gn.input("z", ("batch", 2))
    two = gn.softmax(z)[:, 0]
    assert gn.equivalent(two, gn.sigmoid(z[:, 0] - z[:, 1]))
    wrong = gn.equivalent(gn.relu(x) @ V @ W, gn.relu(x @ V) @ W)
    assert wrong.equal is False
    assert set(wrong.counterexample) >= {"x[0,0]", "V[0,0]"}
    with pytest.raises(GraphnetError, match="one shape"):
        gn.equivalent(x, V)
    with pytest.raises(GraphnetError, match="two tensors or two texts"):
        gn.equivalent(x, "x")
    with pytest.raises(GraphnetError, match="pointwise"):
        gn.equivalent("Y[i] = x[i]", "x")


ONLY_SOMEWHERE = [
    ("sqrt(x)*sqrt(y)", "sqrt(x*y)"), ("log(x*y)", "log(x) + log(y)"),
    ("log(x**2)", "2*log(x)"), ("log(x)/log(y)", "log(1/x)/log(1/y)"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), ONLY_SOMEWHERE)
def test_no_counterexample_where_one_side_is_no_real_number(a: str, b: str) -> None:
    assert gn.equivalent(a, b).equal is not False


def test_the_verdict_says_when_nothing_was_found() -> None:
    x = sympy.Symbol("x", real=True)
    verdict = prove(sympy.sin(x) ** 2 + sympy.cos(x) ** 2, sympy.Integer(1))
    assert verdict.equal is None
    assert prove(fn.Abs(x), x).counterexample is not None

"""a // b and a % b as NumPy has them, their slopes, dtypes of operators, what else people type."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network

FLOATS = [  # a, b
    (7, 2), (-7, 2), (7, -2), (-7, -2), (1, 0.1), (0, 5), (-0.5, 3), (1e10, 3), (-1, np.inf),
    (np.inf, 2), (np.nan, 2), (3, 0), (0, 0), (-3, 0), (2.5, np.nan),
]  # fmt: skip
INTS = [(7, 2), (-7, 2), (7, -2), (-7, -2), (5, 0), (0, 3), (-(2**40), 7)]


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int"])
def test_quotient_and_rest_are_those_of_numpy(dtype, style):
    kind = "int" if dtype == "int" else "float"
    A, B = np.array(INTS if kind == "int" else FLOATS).T
    a, b = (gn.input(n, A.shape, dtype=kind) for n in "ab")
    quotient, rest = divmod(a, b)
    float_type = "float32" if kind == "int" else dtype
    given = [A, B] if kind == "int" else [A.astype(dtype), B.astype(dtype)]
    with np.errstate(all="ignore"):
        expected = np.floor_divide(*given), np.remainder(*given)
        f = gn.function([a, b], [quotient, rest], dtype=float_type, style=style)
        found = f(*given)
        network = Network.collect([quotient.rename("q").node, rest.rename("r").node])
        literal = interpret(network, {"a": A, "b": B})
    for value, want in zip(found, expected, strict=True):
        assert value.dtype == want.dtype
        np.testing.assert_array_equal(value, want)
    if dtype != "float32":
        np.testing.assert_array_equal(literal["q"], expected[0])
        np.testing.assert_array_equal(literal["r"], expected[1])


@pytest.mark.parametrize("numpy_first", [False, True])
def test_numbers_and_arrays_on_either_side(numpy_first):
    x, A, X = gn.input("x", (3,)), np.array([5.0, -3.0, 7.5]), np.array([2.0, -2.0, 0.5])
    for other in (4.0, A):
        for op in (operator.floordiv, operator.mod, lambda a, b: divmod(a, b)[1]):
            pair, values = ((other, x), (other, X)) if numpy_first else ((x, other), (X, other))
            (found,) = gn.function([x], [op(*pair)], dtype="float64")(X)
            np.testing.assert_array_equal(found, op(*values))
    assert math.floor(x).shape == math.ceil(x).shape == (3,)
    (up,) = gn.function([x], [math.ceil(x)])(X)
    np.testing.assert_array_equal(up, np.ceil(X))


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_what_jumps_is_never_written_in_another_form(style):
    """Near 0 the jumps of 2 % x are denser than numbers, and NumPy's rest is exact."""
    X = np.array([0.0, 1e-15, -3e-300, 0.3, -7.0, 1e10])
    x = gn.input("x", X.shape)
    uses = [lambda x: -2 % x, lambda x: 2 // x, lambda x: x % 1 + x, lambda x: (1 - x) % 0.5]
    f = gn.function([x], [use(x) for use in uses], dtype="float64", style=style)
    with np.errstate(all="ignore"):
        for found, use in zip(f(X), uses, strict=True):
            np.testing.assert_array_equal(found, use(X))


def test_what_stands_in_a_jump_is_searched():
    x = gn.input("x", (2,))
    f = gn.function(x, gn.log(1 + gn.exp(x)) // 10, dtype="float64")
    np.testing.assert_array_equal(f([0.0, 1e4]), [0, 1000])


def test_the_mean_of_a_single_int_is_float():
    n = gn.input("n", (2, 1), dtype="int")
    assert [gn.mean(n, axis=a).dtype for a in (0, 1)] == ["float"] * 2
    np.testing.assert_array_equal(gn.function(n, gn.mean(n, axis=1))([[3], [4]]), [3.0, 4.0])


def test_slopes_of_quotient_and_rest():
    a, b = gn.input("a", (4,)), gn.input("b", (4,))
    A, B = np.array([7.3, -7.3, 7.3, -7.3]), np.array([2.2, 2.2, -2.2, -2.2])
    f = gn.function([a, b], gn.grad(gn.sum(a % b), [a, b]), dtype="float64")
    da, db = f(A, B)
    np.testing.assert_array_equal(da, np.ones(4))
    np.testing.assert_array_equal(db, -np.floor(A / B))
    for d in gn.function([a, b], gn.grad(gn.sum(a // b), [a, b]))(A, B):
        np.testing.assert_array_equal(d, np.zeros(4))
    assert gn.check_gradients(gn.sum((a % b) ** 2), {"a": A, "b": B}).ok


DTYPES = [  # text of an expression of the int tensors n, m and the float tensor x -> its dtype
    ("n*0", "int"), ("n - n", "int"), ("0 + n*0", "int"), ("n*1.0", "float"), ("n + 2.0", "float"),
    ("n*m + 1", "int"), ("n**2", "int"), ("n/m", "float"), ("n // m", "int"), ("n % 3", "int"),
    ("n % 3.0", "float"), ("n*x", "float"), ("x // 1", "float"), ("-n", "int"), ("abs(n)", "int"),
    ("n + np.arange(3)", "int"), ("n + np.ones(3)", "float"), ("2*n", "int"), ("7 // m", "int"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "dtype"), DTYPES)
def test_dtypes_are_those_of_numpy(text, dtype):
    n, m, x = (gn.input(k, (3,), dtype=d) for k, d in (("n", "int"), ("m", "int"), ("x", "float")))
    N, M, X = np.array([4, -5, 6]), np.array([3, 2, -7]), np.array([0.5, 1.5, -2.5])
    tensor = eval(text, {"n": n, "m": m, "x": x, "np": np})
    expected = eval(text, {"n": N, "m": M, "x": X, "np": np})
    assert tensor.dtype == dtype == {"i": "int", "f": "float"}[expected.dtype.kind]
    (found,) = gn.function([n, m, x], [tensor], dtype="float64")(N, M, X)
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_allclose(found, expected, rtol=1e-15)


MISTAKES = [
    (lambda x: x ^ 2, r"\^ is no power: write x\*\*2"),
    (lambda x: round(x), r"\(x \+ 0.5\) // 1"),
    (lambda x: int(x), "holds no values"),
    (lambda x: x // 0, "division by 0"),
    (lambda x: gn.formula("x % 2", x=x), r"of numbers it is mod\(a, b\)"),
    (lambda x: gn.formula("floordiv(x)", x=x), "takes 2 arguments"),
]


@pytest.mark.parametrize(("use", "message"), MISTAKES)
def test_what_is_not_there_says_what_is(use, message):
    with pytest.raises(gn.GraphnetError, match=message):
        use(gn.input("x", (3,)))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("exp", r"gn\.exp\(x\)"), ("max", r"gn\.max"), ("detach", "stop_gradient"),
     ("numpy", r"gn\.function"), ("astype", r"1\.0\*x"), ("view", "reshape"), ("foo", "'foo'$")],
)  # fmt: skip
def test_methods_of_others_are_told(name, hint):
    x = gn.input("x", (3,))
    assert not hasattr(x, name)
    with pytest.raises(AttributeError, match=hint):
        getattr(x, name)

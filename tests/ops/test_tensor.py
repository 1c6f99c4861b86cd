"""Tensors: names, shapes, operators, formulas of one's own, and how they tell what went wrong."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet._public import FORMS
from graphnet.network.graph import Network
from graphnet.ops.catalogue import FORMULAS
from graphnet.ops.pointwise import CatalogueOp

A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
B = np.array([2.0, 0.25, -3.0])

OPERATORS = {
    "a + b": lambda a, b: a + b, "a - b": lambda a, b: a - b, "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b, "a ** 2": lambda a, b: a**2, "2 ** a": lambda a, b: 2.0**a,
    "-a": lambda a, b: -a, "+a": lambda a, b: +a, "abs": lambda a, b: abs(a),
    "a @ b": lambda a, b: a @ b, "3 - a": lambda a, b: 3 - a, "1 / a": lambda a, b: 1 / a,
    "a / 3": lambda a, b: a / 3, "0.1 * a": lambda a, b: 0.1 * a,
    "a - inf": lambda a, b: a - np.inf,
    "a < b": lambda a, b: a < b, "a <= 1": lambda a, b: a <= 1, "1 < a": lambda a, b: a > 1,
    "a >= b": lambda a, b: a >= b, "a & b": lambda a, b: (a > 0) & (b > 0),
    "a | b": lambda a, b: (a > 0) | (b > 0), "~a": lambda a, b: ~(a > 0),
    "0 * a": lambda a, b: 0 * a, "a * 0 + b": lambda a, b: 0 * a + b, "a - a": lambda a, b: a - a,
    "a ** 0": lambda a, b: a**0, "array + a": lambda a, b: A + a, "a + list": lambda a, b: a + A,
    "array @ a": lambda a, b: A.T @ a, "float32": lambda a, b: np.float32(0.5) * a,
    "mask array": lambda a, b: (a > 0) & (A > 2), "sqrt": lambda a, b: (a * a) ** 0.5,
}  # fmt: skip


@pytest.mark.parametrize("case", OPERATORS)
def test_operators(case: str, evaluate: Any) -> None:
    a, b = gn.input("a", (2, 3)), gn.input("b", (3,))
    tensor = OPERATORS[case](a, b)
    found, expected = evaluate(tensor, a=A, b=B), OPERATORS[case](A, B)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert tensor.dtype == ("bool" if expected.dtype == bool else "float")


def test_ints_stay_ints(evaluate: Any) -> None:
    t = gn.input("t", (3,), dtype="int")
    assert [(t + 1).dtype, (2 * t - t).dtype, (t / 2).dtype, (t * 0.5).dtype] == [
        "int", "int", "float", "float",
    ]  # fmt: skip
    assert np.array_equal(evaluate(t / 2, t=np.array([1, 2, 3])), [0.5, 1, 1.5])


def test_numbers_are_part_of_one_formula() -> None:
    x = gn.input("x", (3,))
    assert (2 * x).node.operands == (x.node,)
    assert repr(0.1 * x) == "mul (3,) = 0.1*x[i]"
    assert repr(x * x) == "mul (3,) = x[i]**2"


def test_identity() -> None:
    x = gn.input("x", (3,))
    assert x == x
    assert x == gn.Tensor(x.node)
    assert x != gn.input("x", (3,))
    assert (x == 3) is False
    assert len({x, gn.Tensor(x.node)}) == 1
    assert x in [x]


def test_what_a_tensor_is_not() -> None:
    x = gn.input("x", (3,))
    for wrong in (lambda: bool(x > 0), lambda: list(x), lambda: len(x), lambda: float(x),
                  lambda: np.asarray(x), lambda: x + "1", lambda: x + None, lambda: x @ None,
                  lambda: gn.exp("x"), lambda: x < "1"):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()


def test_shapes_and_names() -> None:
    x = gn.input("x", ("batch", np.int64(64)))
    assert (x.name, x.shape, x.ndim, x.dtype) == ("x", ("batch", 64), 2, "float")
    assert x[1:].shape == ("batch - 1", 64) != x.shape
    assert gn.input("α_1", 3).shape == (3,)
    assert gn.parameter("lambda", (2, 3)).T.shape == (3, 2)
    assert (x * 2).name is None
    assert (x * 2).rename("twice").name == "twice"
    assert repr(gn.state("m", (3,), init=0)) == "m (3,) state"
    with pytest.raises(gn.GraphnetError, match="two nodes are called 'h'"):
        Network.collect([(x * 2).rename("h").node, (x * 3).rename("h").node])


def test_init(evaluate: Any) -> None:
    array = np.ones((2, 3))
    node: Any = gn.parameter("W", (2, 3), init=array).node
    array[:] = 5  # the parameter holds a copy
    assert node.init.array.array.sum() == 6
    frozen: Any = gn.parameter("b", (3,), init=0, trainable=False).node
    assert not frozen.trainable
    assert frozen.init.name == "zeros"


def test_constants(evaluate: Any) -> None:
    x = gn.input("x", (2,))
    c = gn.constant([1, 2])
    assert (c.dtype, gn.constant(True).dtype, gn.constant(2.0).shape) == ("int", "bool", ())
    assert np.array_equal(evaluate(x * c, x=[3.0, 4.0]), [3, 8])
    same: Any = [gn.constant(np.arange(3.0)).node for _ in range(2)]
    assert same[0].array.id == same[1].array.id
    with pytest.raises(ValueError, match="read-only"):
        same[0].array.array[0] = 1


def test_formula(evaluate: Any) -> None:
    x, W = gn.input("x", ("batch", 2)), gn.parameter("W", (2, 3))
    arrays = {"x": np.array([[1.0, 2.0]]), "W": np.arange(6.0).reshape(2, 3)}
    y = gn.formula("Y[n,o] = Sum(x[n,i]*W[i,o], i)", x=x, W=W, name="y")
    assert y.name == "y"
    assert np.array_equal(evaluate(y, **arrays), arrays["x"] @ arrays["W"])
    p = gn.formula("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", z=x)
    expected = np.exp(arrays["x"]) / np.exp(arrays["x"]).sum()
    np.testing.assert_allclose(evaluate(p, **arrays), expected, rtol=1e-15)
    stride = gn.formula("Y[i] = x[0,s*i]", x=gn.input("x", (1, 5)), s=2)
    assert np.array_equal(evaluate(stride, x=np.arange(5.0)[None]), [0, 2, 4])
    scaled = gn.formula("x*W", x=x, W=3)
    assert np.array_equal(evaluate(scaled, **arrays), [[3, 6]])


def test_sizes_in_a_formula(evaluate: Any) -> None:
    """A size's name is a number where it is not an index."""
    x, n = gn.input("x", ("batch",)), gn.input("y", ("n",))
    array = np.arange(4.0)
    back = gn.formula("Y[i] = x[batch-1-i], i < batch", x=x)
    assert np.array_equal(evaluate(back, x=array), array[::-1])
    assert np.array_equal(evaluate(gn.formula("Y[n] = 2*y[n]", y=n), y=array), 2 * array)
    assert evaluate(gn.formula("Y = Sum(x[i]/batch, i)", x=x), x=array) == 1.5


@pytest.mark.parametrize("size", ["x", "a", "t", "i", "k", "Y", "L"])
def test_sizes_may_be_called_as_operands_and_indices_are(size: str, evaluate: Any) -> None:
    x, array = gn.input("data", (size,)), np.arange(1.0, 5.0)
    for tensor, expected in [
        (gn.exp(x), np.exp(array)), (x + 2 * x, 3 * array), (gn.mae(x, 3 * x, "none"), 2 * array),
        (gn.cumsum(x), np.cumsum(array)), (gn.sum(gn.softmax(x)), 1), (gn.mean(x), 2.5),
        (x[::-1], array[::-1]),
    ]:  # fmt: skip
        np.testing.assert_allclose(evaluate(tensor, data=array), expected, rtol=1e-15)


def test_op(evaluate: Any) -> None:
    swish = gn.op("x/(1 + exp(-beta*x))", name="swish")
    x, beta = gn.input("x", (2,)), gn.input("beta")
    array = np.array([-1.0, 2.0])
    assert np.allclose(evaluate(swish(x, beta=1), x=array), array / (1 + np.exp(-array)))
    assert np.allclose(
        evaluate(swish(x, beta), x=array, beta=2.0), array / (1 + np.exp(-2 * array))
    )
    assert (swish.formula, swish(x, beta=1).node.label) == ("x/(1 + exp(-beta*x))", "swish")
    pool = gn.op("Y[i] = Max(x[s*i+u], u), u < s, i < n")
    assert np.array_equal(evaluate(pool(gn.input("x", (4,)), s=2, n=2), x=[1.0, 3, 2, 0]), [3, 2])
    with pytest.raises(gn.GraphnetTypeError, match="swish: 3 tensors came, expected 2: x, beta"):
        swish(x, x, x)
    with pytest.raises(gn.GraphnetError, match="swish: no tensor was given for 'beta'"):
        swish(x)


def test_a_catalogue_row_is_its_formula() -> None:
    assert all(isinstance(name, str) and isinstance(row, str) for name, row in FORMULAS.items())
    for name in FORMULAS:
        assert hasattr(gn, name) == (name not in FORMS)


@pytest.mark.parametrize("name", FORMULAS)
def test_every_row_is_an_op(name: str) -> None:
    op = CatalogueOp(name)
    shapes = {"A": (2, 3), "B": (3, 4), "a": (3,), "b": (3,), "k": (3,)}
    operands = []
    for operand in op.operands:
        shape = (2, 3) if "..." in op.formula and operand == "x" else shapes.get(operand, (3,))
        operands.append(gn.input(operand, shape, dtype="bool" if operand == "c" else "float"))
    tensor = op(*operands)
    assert tensor.node.label == name
    assert tensor.dtype == "float"


IDENTITY: dict[str, Any] = {  # `==` of tensors gives a Python bool, that would be taken silently
    "condition": lambda x: gn.where(x == 0, 1.0, x),
    "condition of !=": lambda x: gn.where(x != 0, x, 1.0),
    "and": lambda x: (x == 0) & (x < 1),
    "or": lambda x: (x < 1) | (x != 0),
    "factor": lambda x: (x == 0) * x,
    "hits": lambda x: gn.mean(x == 0),
    "mask": lambda x: x[x == 0],
    "operand": lambda x: gn.formula("where(c, x, 0)", c=x == 0, x=x),
}
WRONG: dict[str, tuple[Any, str]] = {
    "name digit": (lambda: gn.input("2x", 3), "begins with a digit"),
    "name space": (lambda: gn.input("a b", 3), "cannot name"),
    "name prime": (lambda: gn.input("w'", 3), "cannot name"),
    "name cyrillic": (lambda: gn.input("ж", 3), "cannot name"),
    "name word": (lambda: gn.parameter("not", 3), "is a word of formulas"),
    "name none": (lambda: gn.input(None, 3), "is a str, not None"),
    "size": (lambda: gn.input("x", (3, -1)), "x: a size is at least 0, not -1"),
    "size float": (lambda: gn.input("x", (3, 2.5)), "an int or a name, not 2.5"),
    "size bool": (lambda: gn.input("x", (True,)), "an int or a name, not True"),
    "size name": (lambda: gn.input("x", ("my batch",)), "cannot name a size"),
    "dtype": (lambda: gn.input("x", 3, dtype="float32"), "x: dtype is 'float', 'int' or 'bool'"),
    "named parameter": (lambda: gn.parameter("W", ("batch",)), r"W: .*fixed shape, not \(batch,\)"),
    "init": (lambda: gn.parameter("W", (3,), init="he_norml"), "did you mean 'he_normal'"),
    "init shape": (lambda: gn.parameter("W", (3,), init=np.ones(2)), r"W: the shape is \(3,\)"),
    "constant": (lambda: gn.constant(["a"]), "an array of numbers or bools"),
    "ragged": (lambda: gn.constant([[1], [1, 2]]), "not an array"),
    "rename": (lambda: gn.input("x", 3).rename("y"), "named where it is made"),
    "unread": (lambda: gn.formula("x", x=gn.input("x"), y=gn.input("y")), "y does not stand in"),
    "missing": (lambda: gn.formula("x*z", x=gn.input("x")), "no tensor was given for 'z'"),
    "rank": (lambda: gn.formula("Y[i] = x[i]", x=gn.input("x")), r"has 0 axes, shape \(\)"),
    "text": (lambda: gn.formula(3), "a formula is a str"),  # type: ignore[arg-type]
    "nan": (lambda: gn.input("x", 3) * float("nan"), "nan"),
    "bool as number": (lambda: gn.input("x", 3, "bool") + 1, r"write where\(\w+, 1, 0\)"),
    "bool wanted": (lambda: gn.where(gn.input("x", 3), 1, 2), "must be of dtype bool"),
    **{f"identity as {name}": (partial(use, gn.input("x", 3)), r"gn.equal\(a, b\)")
       for name, use in IDENTITY.items()},
    "arguments": (lambda: gn.exp(1, 2), "exp: expected x"),
    "keyword": (lambda: gn.sqrt(y=1), r"sqrt: expected x, came y \(sqrt\(x\)\)"),
    "ufunc": (lambda: np.exp(gn.input("x", 3)), r"np.exp takes .* x \(3,\).*write gn.exp"),
    "numpy": (lambda: np.mean(gn.input("x", 3)), "np.mean takes arrays, .*; write gn.mean"),
    "numpy dot": (lambda: np.dot(np.ones(3), gn.input("x", 3)), "write x @ y"),
    "in place": (lambda: np.add(np.ones(3), gn.input("x", 3), out=np.ones(3)), "write x .* y"),
    "reduced": (lambda: np.add.reduce(gn.input("x", 3)), "np.add takes arrays"),
    "clip": (lambda: gn.clip(gn.input("x")), "low, high or both"),
    "index": (
        lambda: gn.formula("Y[i,j] = Sum(A[i,k]*B[k,j], k)", A=gn.input("A", (3, 4)),
                           B=gn.input("B", (5, 2))),
        r"formula: index k is 4 in A but 5 in B \(Y\[i,j\] = Sum\(A\[i,k\]\*B\[k,j\], k\)\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_errors(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(gn.GraphnetError, match=message):
        make()


@pytest.mark.parametrize(
    "condition", [np.bool_(True), np.array([True] * 3), [True] * 3, gn.constant(True)]
)
def test_conditions_may_be_constants(condition: Any) -> None:
    """Only a Python bool is what `==` of tensors gives; bools of NumPy and lists are meant."""
    x = gn.input("x", 3)
    assert np.array_equal(gn.function(x, gn.where(condition, x, 0.0))([1, 2, 3]), [1, 2, 3])


def test_an_op_costs_little() -> None:
    x, W = gn.input("x", ("batch", 64)), gn.parameter("W", (64, 64))

    def ops() -> None:
        gn.mean(gn.softmax(gn.relu(x @ W + 1), axis=-1), axis=0)

    ops()
    best = min(_seconds(ops) for _ in range(5))
    assert best / 7 < 0.002  # seven nodes


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_long_chains_need_no_recursion() -> None:
    x = gn.input("x", (3,))
    for _ in range(3000):
        x = x + 1
    assert repr(x) == "add (3,) = 1 + add[i]"

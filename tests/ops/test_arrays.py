"""Array ops mean what NumPy's functions of the same name mean, for fixed and for named sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphnet as gn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3, 5))
V = RNG.normal(size=(6,))
T = np.array([[2, 0], [1, 2]])
LABELS = np.array([2, 0, 1, 2])


# One row a case: the op on tensors x (4, 3, 5) and v (6,), and NumPy's on arrays.
CASES: dict[str, tuple[Any, Any]] = {
    "sum": (lambda g, x, v: g.sum(x), None),
    "sum axis": (lambda g, x, v: g.sum(x, axis=1), None),
    "sum axes": (lambda g, x, v: g.sum(x, axis=(0, -1)), None),
    "sum keepdims": (lambda g, x, v: g.sum(x, axis=(0, 2), keepdims=True), None),
    "sum no axes": (lambda g, x, v: g.sum(x, axis=()), None),
    "mean": (lambda g, x, v: g.mean(x), None),
    "mean axis": (lambda g, x, v: g.mean(x, axis=-1, keepdims=True), None),
    "max": (lambda g, x, v: g.max(x, axis=(1, 2)), None),
    "min": (lambda g, x, v: g.min(x, axis=0), None),
    "var": (lambda g, x, v: g.var(x, axis=1), None),
    "var ddof": (lambda g, x, v: g.var(x, axis=(0, 1), ddof=1, keepdims=True), None),
    "std": (lambda g, x, v: g.std(x), None),
    "prod": (lambda g, x, v: g.prod(x, axis=1), None),
    "prod all": (lambda g, x, v: g.prod(x), None),
    "prod axes": (lambda g, x, v: g.prod(x, axis=(0, 2), keepdims=True), None),
    "cumsum": (lambda g, x, v: g.cumsum(x, axis=1), None),
    "cumsum last": (lambda g, x, v: g.cumsum(x, axis=-1), None),
    "cumsum flat": (lambda g, x, v: g.cumsum(v), None),
    "cumprod": (lambda g, x, v: g.cumprod(x, axis=1), None),
    "cumprod flat": (lambda g, x, v: g.cumprod(v), None),
    "argmax": (lambda g, x, v: g.argmax(x, axis=1), None),
    "argmax flat": (lambda g, x, v: g.argmax(v), None),
    "argsort": (lambda g, x, v: g.argsort(x, axis=2), None),
    "logsumexp": (
        lambda g, x, v: g.logsumexp(x, axis=2),
        lambda g, x, v: np.log(np.exp(x).sum(axis=2)),
    ),
    "transpose": (lambda g, x, v: g.transpose(x), None),
    "transpose axes": (lambda g, x, v: g.transpose(x, (2, 0, -2)), None),
    "T": (lambda g, x, v: x.T, None),
    "flip": (lambda g, x, v: g.flip(x), None),
    "flip axis": (lambda g, x, v: g.flip(x, axis=(0, -1)), None),
    "concatenate": (lambda g, x, v: g.concatenate([x, x[:, :2], x], axis=1), None),
    "concatenate many": (lambda g, x, v: g.concatenate([v] * 40), None),
    "stack": (lambda g, x, v: g.stack([v, v, 2 * v], axis=1), None),
    "stack one": (lambda g, x, v: g.stack([v], axis=-1), None),
    "stack many": (lambda g, x, v: g.stack([k * v for k in range(20)]), None),
    "pad": (lambda g, x, v: g.pad(v, 2), None),
    "pad pair": (lambda g, x, v: g.pad(x, (1, 2)), None),
    "pad pairs": (lambda g, x, v: g.pad(x, ((0, 1), (2, 0), (0, 0)), constant_values=7.5), None),
    "take": (lambda g, x, v: g.take(x, [2, 0, -1, 2], axis=1), None),
    "take flat": (lambda g, x, v: g.take(x, [59, 0]), None),
    "take matrix": (lambda g, x, v: g.take(x, T, axis=2), None),
    "tril": (lambda g, x, v: g.tril(x), None),
    "tril above": (lambda g, x, v: g.tril(x, 1), None),
    "tril below": (lambda g, x, v: g.tril(x, k=-1), None),
    "index int": (lambda g, x, v: x[1, -1], None),
    "index slice": (lambda g, x, v: x[:, 1:, ::2], None),
    "index negative": (lambda g, x, v: x[1:3, ::-1, -1:-4:-2], None),
    "index none": (lambda g, x, v: x[:, None, ..., None, 2], None),
    "index all": (lambda g, x, v: x[...], None),
    "index beyond": (lambda g, x, v: v[3:100], None),
    "index empty": (lambda g, x, v: v[4:2], None),
    "index gather": (lambda g, x, v: x[:, [2, 0, -1], 1:], None),
    "index gather matrix": (lambda g, x, v: x[LABELS[:, None] % 3], None),
    "index gather beside": (lambda g, x, v: x[0, LABELS], None),
    "einsum matmul": (lambda g, x, v: g.einsum("nij,nkj->nik", x, x), None),
    "einsum implicit": (lambda g, x, v: g.einsum("ba,bc", x[0], x[0]), None),
    "einsum diagonal": (lambda g, x, v: g.einsum("ii->i", x[0, :, :3]), None),
    "einsum trace": (lambda g, x, v: g.einsum("ii", x[0, :, :3]), None),
    "einsum three": (lambda g, x, v: g.einsum("ij,j,kj->ki", x[0], x[0, 0], x[1]), None),
    "einsum dots": (lambda g, x, v: g.einsum("...i,ij->...j", x, x[0].T), None),
    "einsum dots implicit": (lambda g, x, v: g.einsum("...i,...i", x, x[0]), None),
    "matmul": (lambda g, x, v: x[0] @ x[1].T, None),
    "matmul stack": (lambda g, x, v: x @ x[0].T, None),
    "matmul stacks": (lambda g, x, v: g.matmul(g.transpose(x, (0, 2, 1)), x), None),
    "matmul spread": (lambda g, x, v: x[:, None] @ g.transpose(x, (0, 2, 1)), None),
    "matmul vector": (lambda g, x, v: x @ x[0, 0], None),
    "vector matmul": (lambda g, x, v: x[0, :, 0] @ x, None),
    "dot": (lambda g, x, v: v @ v, None),
    "array matmul": (lambda g, x, v: np.eye(4, 3) @ x[0], None),
    "where": (lambda g, x, v: g.where(x > 0, x, -1), None),
    "clip": (lambda g, x, v: g.clip(x, -0.5, 1), None),
    "maximum": (lambda g, x, v: g.maximum(x, x[0]), None),
    "equal": (lambda g, x, v: g.equal(x, x[0]), None),
    "sign abs": (lambda g, x, v: g.sign(x) * g.abs(x), None),
    "bools": (lambda g, x, v: (x > 0) & ~(x >= 1) | (x < -1), None),
    "count": (lambda g, x, v: g.sum(x > 0, axis=2), None),
    "share": (lambda g, x, v: g.mean(x > 0), None),
    "zeros": (lambda g, x, v: g.zeros((2, 3)) + 0 * v[0], None),
    "eye": (lambda g, x, v: g.eye(3, 4, k=1) + 0 * v[0], None),
    "arange": (lambda g, x, v: g.arange(2, 12, 2) + 0 * v[:5], None),
    "arange down": (lambda g, x, v: g.arange(2, 0.5, -0.5) + 0 * v[:3], None),
}  # fmt: skip
RESHAPES = [(60,), (12, 5), (4, 15), (-1, 3), (4, 1, 3, 5, 1), (2, 2, 3, 5), (6, 10), (1, 4, -1)]


@pytest.mark.parametrize("named", [False, True], ids=["fixed", "named"])
@pytest.mark.parametrize("case", CASES)
def test_as_numpy(case: str, named: bool, evaluate: Any) -> None:
    ours, theirs = CASES[case]
    batch: Any = "batch" if named else 4
    x, v = gn.input("x", (batch, 3, 5)), gn.input("v", (6,))
    try:
        tensor = ours(gn, x, v)
    except gn.GraphnetError as error:
        if (named and "not known to be" in str(error)) or "elements" in str(error):
            pytest.skip(f"needs a fixed size: {error}")
        raise
    expected = np.asarray((theirs or ours)(np, X, V))
    found = evaluate(tensor, x=X, v=V)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    if expected.dtype.kind in "ib" and "count" not in case:
        assert {"i": "int", "b": "bool"}[expected.dtype.kind] == tensor.dtype


@pytest.mark.parametrize("case", CASES)
def test_compiled_with_slopes(case: str) -> None:
    """The compiled op is NumPy's, its gradient the central difference along a drawn direction."""
    ours, theirs = CASES[case]
    x, v = gn.input("x", (4, 3, 5)), gn.input("v", (6,))
    y = ours(gn, x, v)
    f = gn.function([x, v], y, dtype="float64", stabilize=False)
    expected = np.asarray((theirs or ours)(np, X, V))
    np.testing.assert_allclose(f(X, V), expected, rtol=1e-12, atol=1e-12)
    if y.dtype != "float" or expected.size == 0:
        return
    draw = np.random.default_rng(1).normal
    up, dx, dv, h = draw(size=expected.shape), draw(size=X.shape), draw(size=V.shape), 1e-6
    adjoints = gn.grad(y, [x, v], upstream=up, stabilize=False)
    slopes = gn.function([x, v], adjoints, dtype="float64", stabilize=False)(X, V)
    change = np.asarray(f(X + h * dx, V + h * dv)) - np.asarray(f(X - h * dx, V - h * dv))
    derived = (slopes[0] * dx).sum() + (slopes[1] * dv).sum()
    assert derived == pytest.approx((up * change).sum() / (2 * h), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shape", RESHAPES)
def test_reshape(shape: tuple[int, ...], evaluate: Any) -> None:
    x = gn.input("x", (4, 3, 5))
    assert np.array_equal(evaluate(gn.reshape(x, shape), x=X), X.reshape(shape))
    assert np.array_equal(evaluate(gn.reshape(x, *shape), x=X), X.reshape(shape))


NAMED_RESHAPES = [
    (("batch", 8, 8), ("batch", 64), "(batch, 64)"),
    (("batch", 64), (-1, 8, 8), "(batch, 8, 8)"),
    (("batch", 64), (-1, 4, 4, 4), "(batch, 4, 4, 4)"),
    (("batch", 4, 6), ("batch", 8, 3), "(batch, 8, 3)"),
    (("batch", 4), (-1,), "(4*batch,)"),
    (("batch", "time", 3), (-1, 3), "(batch*time, 3)"),
    (("batch", "time"), ("time", "batch"), "(time, batch)"),
    (("batch", 1), ("batch",), "(batch,)"),
]


@pytest.mark.parametrize(("old", "new", "told"), NAMED_RESHAPES)
def test_reshape_of_named_sizes(old: Any, new: Any, told: str, evaluate: Any) -> None:
    x = gn.input("x", old)
    tensor = gn.reshape(x, new)
    sizes = {"batch": 2, "time": 3}
    array = np.arange(np.prod([sizes.get(s, s) for s in old])).reshape(
        [sizes.get(s, s) for s in old]
    )
    assert str(tensor.shape) == told
    expected = array.reshape([sizes.get(s, s) for s in new])
    assert np.array_equal(evaluate(tensor, x=array), expected)


ZERO = [
    (lambda g, x: g.sum(x, axis=1)), (lambda g, x: g.sum(x)), (lambda g, x: g.prod(x, axis=1)),
    (lambda g, x: g.cumsum(x, axis=1)), (lambda g, x: g.cumprod(x, axis=1)),
    (lambda g, x: g.reshape(x, (5, 0, 7))), (lambda g, x: g.reshape(x, (0,))),
    (lambda g, x: g.transpose(x)), (lambda g, x: g.flip(x)), (lambda g, x: x[:, ::-1]),
    (lambda g, x: g.concatenate([x, x], axis=1)), (lambda g, x: g.concatenate([x, x], axis=0)),
    (lambda g, x: g.pad(x, 1)), (lambda g, x: g.tril(x)), (lambda g, x: x @ x.T),
    (lambda g, x: x.T @ x), (lambda g, x: x[:, :, None] + x[:, None]), (lambda g, x: x > 0),
    (lambda g, x: g.stack([x, x])), (lambda g, x: g.take(x, [], axis=0)),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ZERO)))
def test_zero_sizes(case: int, evaluate: Any) -> None:
    array = np.zeros((3, 0))
    if case == 19:
        expected = np.zeros((0, 0))
    else:
        expected = ZERO[case](np, array)
    found = evaluate(ZERO[case](gn, gn.input("x", (3, 0))), x=array)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


def test_extrema_of_nothing_are_infinite(evaluate: Any) -> None:
    x = gn.input("x", (2, 0))
    for op, value in [(gn.max, -np.inf), (gn.min, np.inf), (gn.logsumexp, -np.inf)]:
        assert np.array_equal(evaluate(op(x, axis=1), x=np.zeros((2, 0))), [value, value])


def test_zero_dimensional(evaluate: Any) -> None:
    s = gn.input("s")
    cases = [
        (gn.sum(s), 3.0), (gn.mean(s), 3.0), (gn.max(s), 3.0), (gn.prod(s), 3.0),
        (gn.reshape(s, (1, 1)), [[3.0]]), (gn.cumsum(s), [3.0]), (s[None], [3.0]), (s[...], 3.0),
        (gn.stack([s, 2 * s]), [3.0, 6.0]), (gn.std(s), 0.0), (s.T, 3.0), (gn.pad(s, 2), 3.0),
        (gn.transpose(s), 3.0), (gn.argmax(s), 0), (gn.exp(s - 3), 1.0),
    ]  # fmt: skip
    for tensor, expected in cases:
        assert np.array_equal(evaluate(tensor, s=3.0), expected)


def test_one_hot(evaluate: Any) -> None:
    t = gn.input("t", ("batch",), dtype="int")
    found = evaluate(gn.one_hot(t, 3), t=LABELS)
    assert np.array_equal(found, np.eye(3)[LABELS])
    assert str(gn.one_hot(t, "classes").shape) == "(batch, classes)"


def test_gather_by_a_tensor(evaluate: Any) -> None:
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("n", 2), dtype="int")
    array = np.arange(12.0).reshape(4, 3)
    assert np.array_equal(evaluate(x[:, t], x=array, t=T), array[:, T])
    assert np.array_equal(evaluate(gn.take(x, t, axis=0), x=array, t=T), array[T])


def test_steps_over_a_named_size(evaluate: Any) -> None:
    x = gn.input("x", ("batch",))
    for n in range(1, 6):
        array = np.arange(float(n))
        for key in (
            slice(None, None, 2),
            slice(None, None, -2),
            slice(1, None),
            slice(None, -1),
            slice(-1, None),
            slice(None, None, -1),
            slice(1, None, 3),
            slice(None, 0),
        ):
            assert np.array_equal(evaluate(x[key], x=array), array[key]), (n, key)


def test_stop_gradient(evaluate: Any) -> None:
    x = gn.input("x", (3,))
    slope = gn.grad(gn.sum(x * gn.stop_gradient(x)), x)
    assert np.array_equal(evaluate(slope, x=[1.0, 2, 3]), [1, 2, 3])


WRONG: dict[str, tuple[Any, str]] = {
    "axis": (lambda x, v: gn.sum(x, axis=3), "sum: axis 3 of a tensor with 3 axes"),
    "axis twice": (lambda x, v: gn.sum(x, axis=(0, -3)), "twice"),
    "axis float": (lambda x, v: gn.sum(x, axis=1.5), "an axis is a whole number, not 1.5"),
    "matmul": (
        lambda x, v: x @ gn.parameter("W", (6, 2)),
        r"matmul: index k is 5 in x but 6 in W \(Y\[...,i,j\] = Sum",
    ),
    "matmul one": (lambda x, v: x[:, :, :1] @ x, "index k is 1 in A but 3 in x"),
    "matmul 0-d": (lambda x, v: x @ v[0], "at least one axis"),
    "broadcast": (lambda x, v: x + v, r"add: index k is 5 in a but 6 in b .*given a = x"),
    "reshape": (lambda x, v: gn.reshape(x, (7, -1)), r"cannot reshape \(4, 3, 5\) to \(7, -1\)"),
    "reshape twice": (lambda x, v: gn.reshape(x, (-1, -1)), "only one size"),
    "transpose": (lambda x, v: gn.transpose(x, (0, 1)), "does not name each of the 3 axes once"),
    "concatenate": (
        lambda x, v: gn.concatenate([x, v]),
        "has 3 axes, v .6,. has 1; only axis 0 may differ",
    ),
    "concatenate none": (lambda x, v: gn.concatenate([]), "at least one"),
    "concatenate tensor": (lambda x, v: gn.concatenate(x), "a list of tensors"),
    "stack": (lambda x, v: gn.stack([x, v]), "has 3 axes, v"),
    "pad": (lambda x, v: gn.pad(x, -1), "a width >= 0"),
    "pad pairs": (lambda x, v: gn.pad(x, ((1, 1), (1, 1))), "each of 3 axes"),
    "index": (lambda x, v: v[6], "element 6 of an axis of size 6"),
    "index many": (lambda x, v: v[0, 0], "2 indices for the 1 axes"),
    "index float": (lambda x, v: v[1.0], "an index is an int"),
    "index bool": (lambda x, v: v[v > 0], "not of dtype bool"),
    "index two": (lambda x, v: x[[0], [1]], "one int tensor in an index is enough"),
    "index apart": (lambda x, v: x[0, :, [1]], "index twice"),
    "gather": (lambda x, v: v[[6]], "element 6 of an axis of size 6"),
    "einsum": (lambda x, v: gn.einsum("ij,j", x), "2 operands, but 1 came"),
    "einsum rank": (lambda x, v: gn.einsum("ij->i", x), "as many letters"),
    "einsum new": (lambda x, v: gn.einsum("i->j", v), "which no operand has"),
    "einsum twice": (lambda x, v: gn.einsum("i->ii", v), "twice"),
    "one_hot": (lambda x, v: gn.one_hot(v, 3), "labels are ints"),
    "argmax": (lambda x, v: gn.argmax(v[:0]), "largest of nothing"),
    "named size": (lambda x, v: gn.input("y", ("batch",))[3], "not known to be at least 4"),
    "named slice": (lambda x, v: gn.input("y", ("batch",))[2:], "not known to be at least 2"),
    "arange": (lambda x, v: gn.arange(0, 3, 0), "a step that is not 0"),
    "tril": (lambda x, v: gn.tril(v), "at least two axes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(gn.GraphnetError, match=message):
        make(gn.input("x", (4, 3, 5)), gn.input("v", (6,)))

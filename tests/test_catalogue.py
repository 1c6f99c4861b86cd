"""Every op, over drawn shapes: compiled = loops, gradient = central differences, float32 = float64.

A row of the table is an op's name, how it is called, the shapes and the kinds of its inputs.

Shapes are words of letters, one a dimension; equal letters are equal sizes. a..m are drawn from 0
to 5, A..M from 1 to 5, P..Z from 2 to 5; "*" are shapes that broadcast together, with sides 0 to 5.
At times the first letter is the named size "batch".

Kinds: n normal, p positive, u in (0, 1), d all different, k far from whole numbers, w whole plus a
little (so w - k is far from whole numbers too), s one of -1 and 1, o ones, b bool, i ints below
what the letter after it stands for. Only n, p, u, d, k, w have gradients that are checked.

`GRAPHNET_EXAMPLES=60 pytest tests/test_catalogue.py` draws more of each.
"""

from __future__ import annotations

import os
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network
from graphnet.ops.activations import ACTIVATIONS
from graphnet.ops.catalogue import FORMULAS
from graphnet.ops.losses import LOSSES
from graphnet.ops.pointwise import operand_names, row
from graphnet.ops.tensor import Tensor

SLOPED = "npudkw"


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[..., Tensor]
    shapes: str
    kinds: str
    slope: bool = True  # False where the derivative is 0 by decree
    named: bool = True  # whether its sizes may be names
    numbers: str = ""  # dimensions that `make` takes after the tensors

    def __repr__(self) -> str:
        return self.name


# ------------------------------------------------------------------------------------- the table

# Rows of the catalogue that want more than normal numbers over shapes that broadcast.
ROWS = {
    "log": "p", "sqrt": "p", "log1p": "p", "abs": "k", "sign": "k", "maximum": "k w",
    "minimum": "k w", "where": "b n n",
    "relu": "k", "leaky_relu": "k n", "prelu": "k n", "elu": "k n", "celu": "k p", "selu": "k n n",
    "hard_sigmoid": "k", "softsign": "k", "mae": "k w", "huber": "k w o", "hinge": "s k",
    "binary_cross_entropy": "u u", "focal": "p u u p", "binary_cross_entropy_with_logits": "k n",
    "sigmoid": "k", "softplus": "k", "silu": "k", "mish": "k",
}  # fmt: skip
INDEXED = {
    "matmul": "ik kj", "matvec": "ik k", "vecmat": "k kj", "dot": "k k",
    "softmax": "ik", "log_softmax": "ik",
}  # fmt: skip


def of_row(name: str) -> Case:
    operands = operand_names(FORMULAS[name])
    shapes = INDEXED.get(name) or " ".join("*" for _ in operands)
    kinds = ROWS.get(name) or " ".join("n" for _ in operands)
    return Case(
        f"row {name}",
        lambda *x: row(name, **dict(zip(operands, x, strict=True))),
        shapes,
        kinds,
        slope=name != "stop_gradient",
    )


def cases(*rows: tuple[Any, ...]) -> list[Case]:
    return [Case(*r) for r in rows]


TABLE = [of_row(name) for name in FORMULAS]
TABLE += cases(
    # operators
    ("x + 1 - 2*x/3", lambda x: x + 1 - 2 * x / 3, "*", "n"),
    ("x**2, 2**x", lambda x: x**2 + 2**x, "*", "n"),
    ("1 - x, 1/x", lambda x: 1 - x + 1 / x, "*", "p"),
    ("x + y", lambda x, y: x + y, "* *", "n n"),
    ("x - y", lambda x, y: x - y, "* *", "n n"),
    ("x * y", lambda x, y: x * y, "* *", "n n"),
    ("x / y", lambda x, y: x / y, "* *", "n p"),
    ("x ** y", lambda x, y: x**y, "* *", "p n"),
    ("-abs(x)", lambda x: -abs(x), "*", "k"),
    ("x*x", lambda x: x * x, "*", "n"),
    ("x < y", lambda x, y: x < y, "* *", "n n"),
    ("x >= y", lambda x, y: gn.where((x >= y) & ~(x > 2), x, y), "* *", "k w"),
    ("equal", lambda x, y: gn.equal(x, y), "* *", "n n"),
    ("equal ints", lambda x, y: gn.equal(x, y) | (x < y), "a a", "iP iP"),
    ("ints", lambda x, y: x * y + 2 * x - y, "* *", "iP iP"),
    ("ints in floats", lambda x, y: x * y / 3, "* *", "n iP"),
    ("clip", lambda x: gn.clip(x, -1, 2), "*", "k"),
    ("clip one side", lambda x: gn.clip(x, high=1), "*", "k"),
    ("gn.where", lambda c, x: gn.where(c, x, 0), "* *", "b n"),
    ("stop_gradient", gn.stop_gradient, "*", "n", False),
    ("sign", gn.sign, "*", "k"),
    # products
    ("@ batched", lambda x, y: x @ y, "bik bkj", "n n"),
    ("@ broadcast", lambda x, y: x @ y, "bik kj", "n n"),
    ("@ ones", lambda x, y: x @ y, "Aik kj", "n n"),
    ("@ vector", lambda x, y: x @ y, "bik k", "n n"),
    ("vector @", lambda x, y: x @ y, "k bkj", "n n"),
    ("x @ x.T", lambda x: x @ x.T, "ik", "n"),
    ("x.T @ y", lambda x, y: x.T @ y, "ki kj", "n n"),
    ("einsum three", lambda x, y, z: gn.einsum("ij,jk,kl->il", x, y, z), "ab bc cd", "n n n"),
    ("einsum batch", lambda x, y: gn.einsum("bhi,bhj->bij", x, y), "abc abd", "n n"),
    ("einsum outer", lambda x, y: gn.einsum("i,j->ji", x, y), "a b", "n n"),
    ("einsum diagonal", lambda x: gn.einsum("ii->i", x), "aa", "n"),
    ("einsum trace", lambda x: gn.einsum("ii", x), "aa", "n"),
    ("einsum dots", lambda x, y: gn.einsum("...i,ij->...j", x, y), "abc cd", "n n"),
    # reductions
    ("sum", gn.sum, "abc", "n"),
    ("sum 1", lambda x: gn.sum(x, axis=1), "abc", "n"),
    ("sum keep", lambda x: gn.sum(x, axis=(0, -1), keepdims=True), "abc", "n"),
    ("sum bools", lambda x: gn.sum(x, axis=0), "ab", "b"),
    ("mean", gn.mean, "AB", "n"),
    ("mean 0", lambda x: gn.mean(x, axis=0, keepdims=True), "Ab", "n"),
    ("max", gn.max, "ab", "d"),
    ("max 0", lambda x: gn.max(x, axis=0), "abc", "d"),
    ("min", lambda x: gn.min(x, axis=(0, 1)), "abc", "d"),
    ("min keep", lambda x: gn.min(x, axis=-1, keepdims=True), "ab", "d"),
    ("prod", gn.prod, "ab", "n"),
    ("prod 1", lambda x: gn.prod(x, axis=1), "abc", "n"),
    ("var", gn.var, "PQ", "n"),
    ("var 0", lambda x: gn.var(x, axis=0, ddof=1, keepdims=True), "Pa", "n"),
    ("std", lambda x: gn.std(x, axis=-1), "aP", "d"),
    ("logsumexp", gn.logsumexp, "ab", "n"),
    ("logsumexp 0", lambda x: gn.logsumexp(x, axis=0, keepdims=True), "abc", "n"),
    ("cumsum", gn.cumsum, "ab", "n"),
    ("cumsum 0", lambda x: gn.cumsum(x, axis=0), "ab", "n"),
    ("cumprod", gn.cumprod, "ab", "n"),
    ("cumprod 1", lambda x: gn.cumprod(x, axis=1), "ab", "n"),
    # shapes
    ("reshape -1", lambda x: gn.reshape(x, (-1,)), "ABC", "n"),
    ("transpose", lambda x: gn.transpose(x, (2, 0, 1)), "abc", "n"),
    ("T", lambda x: x.T, "abc", "n"),
    ("concatenate", lambda x, y, z: gn.concatenate([x, y, z], axis=1), "ab ac ad", "n n n"),
    ("concatenate itself", lambda x: gn.concatenate([x, x]), "ab", "n"),
    ("stack", lambda x, y: gn.stack([x, y], axis=1), "ab ab", "n n"),
    ("pad", lambda x: gn.pad(x, ((1, 2), (0, 3))), "ab", "n"),
    ("pad value", lambda x: gn.pad(x, 1, constant_values=2.5), "ab", "n"),
    ("flip", lambda x: gn.flip(x, axis=1), "ab", "n"),
    ("flip all", gn.flip, "abc", "n"),
    ("take", lambda x, i: gn.take(x, i, axis=0), "Ab cd", "n iA"),
    ("take 1", lambda x, i: gn.take(x, i, axis=1), "bAc d", "n iA"),
    ("take flat", gn.take, "A c", "n iA"),
    ("tril", gn.tril, "abc", "n"),
    ("tril 1", lambda x: gn.tril(x, 1), "ab", "n"),
    ("one_hot", lambda i, x: gn.one_hot(i, 5) * x, "ab ", "iP n"),
    ("eye, arange", lambda x: x * gn.eye(3) + gn.arange(3) - gn.ones((3, 1)), "", "n"),
    ("zeros", lambda x: gn.zeros((2, 0)) + x, "", "n"),
    # indexing
    ("x[:, ::2]", lambda x: x[:, ::2], "ab", "n"),
    ("x[::-1]", lambda x: x[::-1, 1:], "ab", "n"),
    ("x[:, None]", lambda x: x[:, None] - x, "a", "n"),
    ("x[i]", lambda x, i: x[i], "Ab cd", "n iA"),
    # gathers and the like without gradient
    ("argmax", lambda x: gn.argmax(x, axis=1), "aB", "d"),
    ("argsort", lambda x: gn.argsort(x), "ab", "d"),
    ("sorted", lambda x: gn.take(x, gn.argsort(x)), "A", "d"),
)

# These ask for sizes that are numbers.
TABLE += [
    Case("x[1, ..., -1]", lambda x: x[1, ..., -1], "PaQ", "n", named=False),
    Case(
        "reshape", lambda x: gn.reshape(x, (x.shape[0] * x.shape[1], -1)), "ABC", "n", named=False
    ),
]

PIECED = {"relu", "leaky_relu", "elu", "selu", "celu", "hard_sigmoid", "softsign", "sigmoid",
          "softplus", "silu", "mish", "gelu"}  # fmt: skip
TABLE += [
    Case(name, f, "aB", "k" if name in PIECED else "d" if name == "hardmax" else "n")
    for name, f in ACTIVATIONS.items()
]
TABLE += cases(
    ("prelu", gn.prelu, "ab b", "k n"),
    # windows, norms, attention
    ("conv1d", lambda x, w: gn.conv1d(x, w, stride=2, padding=4), "acA dcP", "n n"),
    ("conv1d dilated", lambda x, w, b: gn.conv1d(x, w, 1, 8, 2, b=b), "AcB dcP d", "n n n"),
    ("conv1d NWC", lambda x, w: gn.conv1d(x, w, 2, 4, layout="NWC"), "aAc dcP", "n n"),
    ("conv1d_transpose", lambda x, w: gn.conv1d_transpose(x, w, 2, 0, 1), "acA cdP", "n n"),
    ("max_pool1d", lambda x: gn.max_pool1d(x, 2, 1, 1, layout="NWC"), "aAb", "d"),
    ("avg_pool1d", lambda x: gn.avg_pool1d(x, 3, 1, 1), "abA", "n"),
    ("max_pool2d", lambda x: gn.max_pool2d(x, 2, 1, 1), "abAB", "d"),
    ("avg_pool2d", lambda x: gn.avg_pool2d(x, 3, 2, 1, False), "abAB", "n"),
    # of two elements the slope is 0 but for eps: float32 cannot tell
    ("layer_norm", partial(gn.layer_norm, axis=(1, 2)), "aPQ PQ PQ", "d n n"),
    ("rms_norm", lambda x, g: gn.rms_norm(x, g, axis=0), "Pa P", "d n"),
    ("batch_norm", gn.batch_norm, "PaQ a a", "d n n"),
    ("attention", gn.attention, "aid ajd ajf", "n n n"),
    ("attention causal", lambda q, k, v, m: gn.attention(q, k, v, m, True), "id jd jf ij",
     "n n n b"),
    ("softmax 0", lambda x: gn.softmax(x, axis=0), "abc", "n"),
    ("log_softmax 1", lambda x: gn.log_softmax(x, axis=1), "abc", "n"),
    ("cross_entropy", gn.cross_entropy, "AB A", "n iB"),
    ("cross_entropy rest", gn.cross_entropy, "AcB AcB", "n u"),
    ("kl_divergence", gn.kl_divergence, "AB AB", "u u"),
    ("kl_divergence none", lambda p, t: gn.kl_divergence(p, t, reduction="none"), "ab ab", "u u"),
    ("cross_entropy weight",
     lambda z, t, w: gn.cross_entropy(z, t, weight=w, reduction="mean"), "PB P P", "n iB p"),
)  # fmt: skip
LOSS_KINDS = {"mae": "k w", "huber": "k w", "hinge": "k s", "binary_cross_entropy": "u u",
              "focal": "u u", "binary_cross_entropy_with_logits": "k n", "mse": "n n"}  # fmt: skip


def of_loss(name: str, reduction: str, weighted: bool) -> Case:
    def make(p: Tensor, t: Tensor, w: Tensor | None = None) -> Tensor:
        return LOSSES[name](p, t, reduction=reduction, weight=w)

    kinds = LOSS_KINDS[name] + " p" * weighted
    return Case(f"{name} {reduction}", make, "PB PB P"[: 7 if weighted else 5], kinds)


for loss in LOSS_KINDS:
    TABLE += [of_loss(loss, "mean", False), of_loss(loss, "sum", True), of_loss(loss, "mean", True)]

# Formulas whose loops do not run as far as their arrays.
TEXTS = [
    ("Y[i] = A[i-p], i < q", "a", "n", "ef"),
    ("Y[i] = A[q-i], i < p", "a", "n", "ef"),
    ("Y[i] = A[2*i+1]", "a", "n", ""),
    ("Y[i] = A[i,i]", "aa", "n", ""),
    ("Y[i,j] = A[i+j-p], i < q, j < r", "a", "n", "efg"),
    ("Y[i] = A[i % p], i < q", "A", "n", "Ef"),
    ("Y[i] = A[i//2], i < p", "A", "n", "e"),
    ("Y[i] = Sum(A[i,j]*B[j], j), i < p, j < q", "ab c", "n n", "ef"),
    ("Y[i] = Sum(A[i+j]*B[j], j), i < p", "a b", "n n", "e"),
    ("Y[i] = Sum(A[2*i+j-1]*B[j], j), i < p", "a b", "n n", "e"),
    ("Y[i] = Sum(exp(where(j <= i, A[j], 0)), j), i < p", "a", "n", "e"),
    ("Y[i] = Max(where(j <= i, A[j], -oo), j), i < p", "a", "d", "e"),
    ("Y[i] = LogSumExp(where(j < p, A[i,j], -oo), j)", "ab", "n", "e"),
    ("Y[i] = where(i < p, A[i], B[i-p]), i < q", "a b", "n n", "ef"),
    ("Y[i] = where(p <= i, A[i]/size(i), i), i < q", "a", "n", "ef"),
    ("Y[i,i] += A[i], shape(p,q)", "a", "n", "ef"),
    ("Y[2*i+p] += A[i], shape(q)", "a", "n", "ef"),
    ("Y[i//2] += A[i]**2, shape(p)", "a", "n", "e"),
    ("Y[i % p] += A[i], shape(q)", "a", "n", "Ef"),
    ("Y[i+j] += A[i]*B[j], shape(p)", "a b", "n n", "e"),
    ("Y[3*i+j] += A[i,j], shape(p)", "ab", "n", "e"),
    ("Y[i-j,j] += A[i,j]*B[i], shape(p,q)", "ab a", "n n", "ef"),
    ("Y[T[n]] += A[n], shape(5)", "a a", "n iP", ""),
    ("Y[T[n],o] += A[n,o]*B[T[n]], shape(5,p)", "ab a A", "n iA n", "e"),
    ("Y[n] = A[T[n]]*A[n]", "A A", "n iA", ""),
    ("Y[n,d] = A[T[n] - p, d], n < q", "Ab c", "n iA", "Ef"),
    ("Y[n] = A[S[T[n]]]", "B a A", "n iA iB", ""),
    ("Y[n,k] = A[n,k]/Sum(exp(A[n,j]), j)", "ab", "n", ""),
    ("Y = Sum(where(A[i] > 0, Max(A[i], B[j]), Min(A[i], B[j], 1)), i, j)", "a b", "k w", ""),
    ("Y[i] = Sum(A[i]*A[j]*(j+1)/size(j), j)", "a", "n", ""),
    ("Y[i] = Max(A[i], 0) + Heaviside(A[i])*A[i]**2", "a", "k", ""),
    ("Y[i] = sinh(A[i]) + cosh(A[i])*atan(A[i]) + tan(A[i]/9)", "a", "n", ""),
]  # fmt: skip


def of_text(text: str, shapes: str, kinds: str, numbers: str) -> Case:
    order = list(dict.fromkeys(re.findall(r"[ABTS](?=\[)", text.split("=", 1)[1] + text)))
    order.sort(key="ATBS".index if "T[" in text else "ABTS".index)

    def make(*given: Any) -> Tensor:
        tensors = dict(zip(order, given, strict=False))
        return gn.formula(text, **tensors, **dict(zip("pqr", given[len(order) :], strict=False)))

    return Case(text, make, shapes, kinds, numbers=numbers)


TABLE += [of_text(*t) for t in TEXTS]


# ------------------------------------------------------------------------------------ the drawing


def draw_dims(case: Case, draw: st.DataObject) -> dict[str, int]:
    bounds = "".join(k[1] for k in case.kinds.split(" ") if k[0] == "i")
    letters = sorted({c for c in case.shapes + bounds + case.numbers if c in string.ascii_letters})
    least = {c: 0 if c.islower() else 1 if c < "P" else 2 for c in letters}
    return {c: draw.draw(st.integers(least[c], 5), label=c) for c in letters}


def draw_shapes(case: Case, dims: dict[str, int], draw: st.DataObject) -> list[tuple[int, ...]]:
    words = case.shapes.split(" ")
    if "*" in words:
        broadcast = mutually_broadcastable_shapes(num_shapes=len(words), max_dims=3, max_side=5)
        return list(draw.draw(broadcast).input_shapes)
    return [tuple(dims[c] for c in word) for word in words]


def name_sizes(
    case: Case, dims: dict[str, int], shapes: list[tuple[int, ...]], draw: st.DataObject
) -> list[tuple]:
    """The shapes as they are declared: with "batch" for the first letter, or all numbers."""
    letter = case.shapes[:1]
    fixed = case.numbers + "".join(k[1] for k in case.kinds.split(" ") if k[0] == "i")
    if not case.named or not letter.isalpha() or letter in fixed:
        return shapes
    if dims[letter] == 0 and case.numbers:  # NumPy cannot take outside an axis of size 0
        return shapes
    if not draw.draw(st.booleans(), label="named"):
        return shapes
    words = case.shapes.split(" ")
    return [tuple("batch" if c == letter else n for c, n in zip(w, s, strict=True))
            for w, s in zip(words, shapes, strict=True)]  # fmt: skip


def values(kind: str, shape: tuple[int, ...], dims: dict[str, int], rng: Any) -> np.ndarray:
    whole = rng.integers(-4, 4, shape)
    match kind[0]:
        case "i":
            return rng.integers(0, dims[kind[1]], shape)
        case "b":
            return rng.random(shape) < 0.5
        case "s":
            return np.where(rng.random(shape) < 0.5, -1.0, 1.0)
        case "o":
            return np.ones(shape)
    drawn = {
        "n": lambda: rng.normal(size=shape),
        "p": lambda: rng.uniform(0.3, 2, shape),
        "u": lambda: rng.uniform(0.1, 0.9, shape),
        "d": lambda: (rng.permutation(int(np.prod(shape))).reshape(shape) - 7) * 0.137,
        "k": lambda: whole + rng.uniform(0.4, 0.7, shape),
        "w": lambda: whole + rng.uniform(0.0, 0.1, shape),
    }[kind]()
    return np.asarray(drawn, np.float32).astype(np.float64)  # the same number in both dtypes


# ----------------------------------------------------------------------------------- the checking


def same(
    got: Any, expected: np.ndarray, tolerance: float, what: str, blur: Callable[[], float]
) -> None:
    """Equal to a part of the largest element; infinities and nan stand at the same places.

    Where terms cancel, a result may also be as far off as rounded inputs would make it (`blur`).
    """
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape, what
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite], err_msg=what)
    largest = np.abs(expected[finite]).max(initial=0.0)
    apart = np.abs(got[finite] - expected[finite]).max(initial=0.0)
    if apart > tolerance * largest:
        assert apart <= tolerance * blur(), f"{what}: {apart:.3g} of {largest:.3g}"


def sensitivity(
    network: Network, given: dict[str, np.ndarray], name: str, want: np.ndarray, rng: Any
) -> float:
    """How far relative changes of the inputs move an output, as a multiple of their size."""
    moved = []
    for _ in range(3):
        change = {
            k: a * (1 + 1e-8 * rng.choice([-1, 1], a.shape)) if a.dtype.kind == "f" else a
            for k, a in given.items()
        }
        moved.append(np.nanmax(np.abs(interpret(network, change)[name] - want), initial=0.0) / 1e-8)
    return float(max(moved))


def interpreted(y: Tensor, inputs: list[Tensor], arrays: list[np.ndarray]) -> np.ndarray:
    network = Network.collect([y.node], extra=[t.node for t in inputs])
    given = {t.name: a for t, a in zip(inputs, arrays, strict=True)}
    return interpret(network, given)[network.outputs["out0"]]


def check(case: Case, draw: st.DataObject) -> None:
    dims = draw_dims(case, draw)
    shapes = draw_shapes(case, dims, draw)
    rng = np.random.default_rng(draw.draw(st.integers(0, 1000), label="seed"))
    kinds = case.kinds.split(" ")
    arrays = [values(k, s, dims, rng) for k, s in zip(kinds, shapes, strict=True)]
    dtypes = {"i": "int", "b": "bool"}
    declared = name_sizes(case, dims, shapes, draw)
    inputs = [
        gn.input(f"x{n}", s, dtype=dtypes.get(k[0], "float"))
        for n, (k, s) in enumerate(zip(kinds, declared, strict=True))
    ]
    y = case.make(*inputs, *(dims[c] for c in case.numbers))
    wrt = [n for n, k in enumerate(kinds) if k[0] in SLOPED] if y.dtype == "float" else []
    up = gn.input("G", y.shape)
    shape = interpreted(y, inputs, arrays).shape
    weight = np.asarray(rng.normal(size=shape), np.float32).astype(np.float64)
    gradients = gn.grad(y, [inputs[n] for n in wrt], upstream=up) if wrt else []
    outputs = [y, *gradients]
    network = Network.collect([t.node for t in outputs], extra=[t.node for t in [*inputs, up]])
    network.check()
    given = {f"x{n}": a for n, a in enumerate(arrays)}
    loops = interpret(network, given | {"G": weight})
    expected = [loops[network.name_of(t.node)] for t in outputs]

    double = gn.function([*inputs, up], outputs, dtype="float64")
    single = gn.function([*inputs, up], outputs, dtype="float32")
    for program, tolerance in ((double, 1e-12), (single, 1e-5)):
        with np.errstate(all="ignore"):  # 0/0 of a sum over nothing
            results = program(*arrays, weight)
        for got, want, t in zip(results, expected, outputs, strict=True):
            name = network.name_of(t.node)
            blur = partial(sensitivity, network, given | {"G": weight}, name, want, rng)
            same(got, want, tolerance, f"{t!r}\n{program.source}", blur)
    if case.slope and np.isfinite(expected[0]).all():
        forward = Network.collect([y.node], extra=[t.node for t in inputs])
        for n, gradient in zip(wrt, expected[1:], strict=True):
            check_slope(forward, given, f"x{n}", weight, gradient, rng)


def check_slope(
    forward: Network, given: dict[str, np.ndarray], name: str, weight: np.ndarray,
    gradient: np.ndarray, rng: Any,
) -> None:  # fmt: skip
    """The derived gradient = central differences of the value, in two random directions."""
    out, x = forward.outputs["out0"], given[name]
    assert gradient.shape == x.shape
    for _ in range(2 if x.size > 1 else 1):
        direction = rng.normal(size=x.shape)
        direction /= max(1.0, np.abs(direction).max(initial=0.0))
        h = 1e-5
        right = interpret(forward, given | {name: x + h * direction})[out]
        left = interpret(forward, given | {name: x - h * direction})[out]
        slope = float(np.sum(weight * (right - left))) / (2 * h)
        derived = float(np.sum(gradient * direction))
        largest = max(1.0, *(float(np.abs(a).max(initial=0.0)) for a in (gradient, right)))
        assert abs(slope - derived) <= 1e-6 * largest, f"{name}: {derived} but {slope}"


def test_the_table_names_every_public_op() -> None:
    """A new row of the catalogue is checked by itself; the kinds above name no row that is gone."""
    assert set(ROWS) | set(INDEXED) <= set(FORMULAS)
    assert set(LOSSES) == set(LOSS_KINDS) | {"cross_entropy", "kl_divergence"}
    assert set(ACTIVATIONS) >= PIECED


EXAMPLES = int(os.environ.get("GRAPHNET_EXAMPLES", "4"))


@pytest.mark.parametrize("case", TABLE, ids=repr)
@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(draw=st.data())
def test_op(case: Case, draw: st.DataObject) -> None:
    check(case, draw)

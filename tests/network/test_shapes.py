"""Extents, shapes and outside reads: what `bind` infers and what it refuses."""

from __future__ import annotations

import pytest

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.formula.extent import Extent, named
from graphnet.formula.parse import parse
from graphnet.network.nodes import Computed, Input, show_shape
from graphnet.network.shapes import bind

N = named("batch")


def define(text: str, dtypes: dict[str, str], **shapes: tuple[Extent, ...]) -> Computed:
    equation = parse(text)[-1]
    operands = [
        Input(name=n, shape=shapes[n], dtype=dtypes.get(n, "float")) for n in equation.operands
    ]
    return bind(equation, operands)


SHAPES = [
    ("Y[i,j] = Sum(A[i,k]*B[k,j], k)", {"A": (N, 3), "B": (3, 2)}, "(batch, 2)"),
    ("A*b + c", {"A": (N, 3), "b": (3,), "c": ()}, "(batch, 3)"),
    ("Y[i,j] = A[i,j]*b[i,j]", {"A": (2, 3), "b": (2, 1)}, "(2, 3)"),
    ("Y[i] = A[2*i+1]", {"A": (7,)}, "(3,)"),
    ("Y[i] = A[2*i+1]", {"A": (N,)}, "(batch//2,)"),
    ("Y[y] = Sum(X[y+u]*W[u], u)", {"X": (8,), "W": (3,)}, "(6,)"),
    ("Y[y] = Sum(X[2*y+u]*W[u], u)", {"X": (N,), "W": (3,)}, "((batch + 1)//2 - 1,)"),
    ("Y[i] = A[i-2], i < 8", {"A": (4,)}, "(8,)"),
    ("Y[3*i+j] += A[i,j], shape(6)", {"A": (2, 3)}, "(6,)"),
    ("Y[i] = A[i//2], i < 6", {"A": (3,)}, "(6,)"),
    ("Y = Sum(A[i]*A[i], i)", {"A": (0,)}, "()"),
    ("Y[i] = Max(A[i,j], j)", {"A": (N, 0)}, "(batch,)"),
    ("Y[n,d] = E[T[n],d]", {"E": (9, 2), "T": (N,)}, "(batch, 2)"),
]


@pytest.mark.parametrize(("text", "shapes", "expected"), SHAPES, ids=[t for t, _, _ in SHAPES])
def test_shapes(text: str, shapes: dict[str, tuple[Extent, ...]], expected: str) -> None:
    assert show_shape(define(text, {"T": "int"}, **shapes).shape) == expected


REFUSED = [
    ("Y[i,j] = Sum(A[i,k]*B[k,j], k)", {"A": (2, 4), "B": (5, 3)}, "index k is 4 in A but 5 in B"),
    ("Y[i,j] = Sum(A[i,k]*B[k,j], k)", {"A": (2,), "B": (5, 3)}, "A has 1 axes"),
    ("Y[i] = A[i] + B[i]", {"A": (N,), "B": (3,)}, "index i is batch in A but 3 in B"),
    ("Y[i] = A[i+1] + 1, i < 4", {"A": (4,)}, "say what an outside read means"),
    ("Y[y] = Max(X[y+u-1], u), u < 3, y < 4", {"X": (4,)}, "say what an outside read means"),
    ("Y[y] = Sum(exp(X[y+u-1]), u), u < 3, y < 4", {"X": (4,)}, "say what an outside read means"),
    ("Y[i] = where(b[i], 1, 0)", {"b": (3,)}, "must be of dtype bool"),
    ("Y[n] = A[T[n]]", {"A": (3,), "T": (2,)}, "must be of dtype int"),
]


@pytest.mark.parametrize(("text", "shapes", "message"), REFUSED, ids=[m for _, _, m in REFUSED])
def test_refused(text: str, shapes: dict[str, tuple[Extent, ...]], message: str) -> None:
    with pytest.raises(GraphnetError, match=message) as caught:
        define(text, {}, **shapes)
    assert "Y[" in str(caught.value)


def test_types_are_type_errors_too() -> None:
    with pytest.raises(GraphnetTypeError):
        define("Y[n] = A[T[n]]", {}, A=(3,), T=(2,))


DTYPES = [
    ("Y[i] = t[i] + 1", {"t": "int"}, "int"),
    ("Y[i] = t[i]/2", {"t": "int"}, "float"),
    ("Y[i] = t[i]*x[i]", {"t": "int"}, "float"),
    ("Y[i] = m[i]", {"m": "bool"}, "bool"),
    ("Y[i] = where(m[i], 1, 0)", {"m": "bool"}, "float"),
    ("Y = Sum(t[i], i)", {"t": "int"}, "int"),
    ("Y = LogSumExp(t[i], i)", {"t": "int"}, "float"),
]


@pytest.mark.parametrize(("text", "dtypes", "expected"), DTYPES, ids=[t for t, _, _ in DTYPES])
def test_dtypes(text: str, dtypes: dict[str, str], expected: str) -> None:
    shapes = {name: (3,) for name in "tmx" if f"{name}[" in text}
    assert define(text, dtypes, **shapes).dtype == expected

"""Tensors made of nothing but their indices: zeros, ones, eye, arange.

>>> eye(3)
eye (3, 3) = where(i == j, 1, 0), i < 3, j < 3
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import sympy

from graphnet.arguments import whole
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.formula.formula import index_symbol
from graphnet.formula.functions import where
from graphnet.ops.building import is_number, place, to_number
from graphnet.ops.names import check_dtype, check_shape
from graphnet.ops.tensor import Tensor

__all__ = ["arange", "eye", "ones", "zeros"]


def _filled(value: int, shape: Any, dtype: str, label: str) -> Tensor:
    extents = check_shape(shape, label)
    dtype = check_dtype(dtype, label)
    return Tensor(place([], extents, label=label, body=sympy.Integer(value), dtype=dtype))


def zeros(shape: Any = (), dtype: str = "float") -> Tensor:
    """All 0; sizes are ints or names.

    >>> import graphnet as gn
    >>> gn.zeros(("batch", 3))
    zeros (batch, 3) = 0, i < batch, j < 3
    """
    return _filled(0, shape, dtype, "zeros")


def ones(shape: Any = (), dtype: str = "float") -> Tensor:
    """All 1; sizes are ints or names.

    >>> import graphnet as gn
    >>> gn.ones((2, 3))
    ones (2, 3) = 1, i < 2, j < 3
    """
    return _filled(1, shape, dtype, "ones")


def eye(n: Any, m: Any = None, k: int = 0) -> Tensor:
    """1 on the k-th diagonal of an n x m matrix (n x n where m is None), else 0.

    >>> import graphnet as gn
    >>> gn.eye(3)
    eye (3, 3) = where(i == j, 1, 0), i < 3, j < 3
    """
    extents = check_shape((n, n if m is None else m), "eye")
    on = sympy.Eq(index_symbol(0) + whole("k", k, where="eye"), index_symbol(1))
    body = where(on, sympy.Integer(1), sympy.Integer(0))
    return Tensor(place([], extents, label="eye", body=body, dtype="float"))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None) -> Tensor:
    """start, start + step, ... before stop; ints where all arguments are. A size may be the stop.

    >>> arange(2, 8, 3)
    arange (2,) = 2 + 3*i, i < 2
    """
    if stop is None:
        start, stop = 0, start
    if isinstance(stop, str | ext.Poly):
        (count,) = check_shape((stop,), "arange")
        if not (is_number(start) and is_number(step)) or (start, step) != (0, 1):
            raise GraphnetError("up to a named size runs only 0, 1, 2, ...", where="arange")
        integral = True
    else:
        for what, value in (("start", start), ("stop", stop), ("step", step)):
            if not is_number(value):
                raise GraphnetTypeError(f"{what} is a number, not {told(value)}", where="arange")
        try:
            count = max(0, math.ceil((stop - start) / step))
        except (TypeError, ZeroDivisionError, OverflowError, ValueError):
            raise GraphnetTypeError(
                f"expected finite numbers and a step that is not 0, came {told(start)}, "
                f"{told(stop)}, {told(step)}",
                where="arange",
            ) from None
        integral = all(_is_int(v) for v in (start, stop, step))
    body = to_number(start) + to_number(step) * index_symbol(0)
    kind = check_dtype(("int" if integral else "float") if dtype is None else dtype, "arange")
    extents: Sequence[Extent] = check_shape((count,), "arange")
    return Tensor(place([], extents, label="arange", body=body, dtype=kind))


def _is_int(value: Any) -> bool:
    try:
        return operator.index(value) is not None
    except TypeError:
        return False

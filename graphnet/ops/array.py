"""Array: a NumPy array as a network holds it, known by its content."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnet.arguments import mapping
from graphnet.errors import GraphnetTypeError, told

__all__ = ["Array", "arrays_given"]

_KINDS = {"f": "float", "i": "int", "u": "int", "b": "bool"}


def arrays_given(values: Any) -> dict[str, npt.NDArray[Any]]:
    """Arrays by name of tensor, as a caller gives them."""
    given = mapping("values", values, "arrays by name")
    for name in given:
        if not isinstance(name, str):
            raise GraphnetTypeError(f"values are given by name, not by {told(name)}")
    return {name: Array(value).array for name, value in given.items()}


class Array:
    """A read-only copy of an array; `id` is a hash of shape, type and bytes.

    >>> Array([1.0, 2.0]).shape, Array([1, 2]).dtype
    ((2,), 'int')
    >>> Array([1.0, 2.0]).id == Array([1.0, 2.0]).id
    True
    """

    def __init__(self, values: Any) -> None:
        try:
            array = np.array(values)
        except ValueError as error:
            raise GraphnetTypeError(f"not an array: {error}") from None
        if array.dtype.kind not in _KINDS:
            raise GraphnetTypeError(
                f"expected an array of numbers or bools, came one of dtype {array.dtype}"
            )
        array.setflags(write=False)
        self.array: npt.NDArray[Any] = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype: str = _KINDS[array.dtype.kind]
        text = f"{array.dtype.str} {array.shape} ".encode()
        self.id: str = hashlib.sha256(text + array.tobytes()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Array({self.dtype} {self.shape} {self.id})"

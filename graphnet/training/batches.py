"""Data: the arrays of a data set, checked once, and the batches they are taken in.

What people give is never changed: it is cast to the program's dtypes, once, and batches are copies
of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphnet.compiler.declared import check_facts
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told

if TYPE_CHECKING:
    from graphnet.compiler.program import Program

__all__ = ["Data", "as_array", "as_weights", "row_batches", "samples", "split_inputs"]

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Data:
    """The arguments of a program for all rows; `weight` where every row has its own."""

    arrays: Arrays
    weight: NDArray[Any] | None = None

    @property
    def rows(self) -> int:
        return int(self.arrays[0].shape[0])

    def take(self, rows: NDArray[np.intp] | slice) -> Arrays:
        """The arguments for some rows."""
        return tuple(a[rows] for a in self.arrays)

    def mass(self, rows: NDArray[np.intp] | slice, count: int) -> float:
        """How much these rows weigh in a mean over all: their number or the sum of weights."""
        return float(count) if self.weight is None else float(self.weight[rows].sum())

    def part(self, rows: NDArray[np.intp]) -> Data:
        return Data(self.take(rows), None if self.weight is None else self.weight[rows])

    @classmethod
    def prepare(
        cls, program: Program, given: Sequence[NDArray[Any]], weighted: bool = False,
        finite: bool = True,
    ) -> Data:  # fmt: skip
        """The data cast for a program; `weighted` where the last array is the weights of rows.

        With `finite` every number must be; without it nan and inf go into the network as they are.
        GraphnetError names the first element that is wrong.
        """
        for name, array in zip(program.inputs, given, strict=True):
            if finite and array.dtype.kind == "f":
                _check_finite(name, array, array)
        with np.errstate(over="ignore"):  # 1e300 has no float32: refused in the next lines
            arrays = program.prepare(*given)
        for name, old, new in zip(program.inputs, given, arrays, strict=True):
            if finite and new.dtype.kind == "f" and new.dtype != old.dtype:
                _check_finite(name, new, old)
        for name, array in zip(program.inputs, arrays, strict=True):
            check_facts(name, array, getattr(program.network.node(name), "facts", ()))
        arrays = tuple(np.ascontiguousarray(a) for a in arrays)
        return cls(arrays, arrays[-1].astype(np.float64) if weighted else None)


def row_batches(rows: int, size: int, order: NDArray[np.intp] | None) -> Iterator[Any]:
    """The rows of each batch, in order or as slices; the last batch may be short.

    >>> list(row_batches(5, 2, None))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, rows, size):
        stop = min(start + size, rows)
        yield slice(start, stop) if order is None else order[start:stop]


def as_array(name: str, value: Any) -> NDArray[Any]:
    """What was given as an array of numbers with a first axis; data frames and lists too."""
    if isinstance(value, np.ma.MaskedArray):
        raise GraphnetTypeError(f"{name} is a masked array, whose mask would be lost")
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever an `__array__` raises: a tensor on another device
        raise GraphnetTypeError(f"{name} is not an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise GraphnetTypeError(
            f"{name} must hold numbers, but it is {type(value).__name__} of dtype {array.dtype}"
            + _why_no_numbers(name, value, array)
        )
    if array.ndim == 0:
        raise GraphnetTypeError(f"{name} is the single number {array}, expected a row per sample")
    return array


def _why_no_numbers(name: str, value: Any, array: NDArray[Any]) -> str:
    """A tail for a message: the first element that is no number, or how to make an array."""
    if hasattr(value, "toarray"):
        return f"; {name}.toarray() makes an array of it"
    if array.ndim == 0:
        made = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
        return "; make a list of it" if made else ""
    if array.dtype.kind == "O":
        for index, element in np.ndenumerate(array):
            if not isinstance(element, int | float | np.number):
                return f": {name}[{', '.join(map(str, index))}] is {told(element)}"
        return "; .astype(float) makes numbers of it"
    words = name == "y" and array.dtype.kind in "US" and array.ndim == 1
    return f"; np.unique({name}, return_inverse=True)[1] numbers words" if words else ""


def split_inputs(X: Any, names: Sequence[str]) -> list[NDArray[Any]]:
    """One array for every input of a model: X itself, a sequence of them, or a dict by name."""
    if len(names) == 1 and not isinstance(X, Mapping):
        return [as_array("X", X)]
    if isinstance(X, Mapping):
        for name in X:
            if name not in names:
                raise GraphnetError(
                    f"the model has no input {told(name)}{did_you_mean(name, names)}"
                )
        missing = [name for name in names if name not in X]
        if missing:
            raise GraphnetError(f"X has no array for the inputs {', '.join(missing)}")
        return [as_array(f"X[{name!r}]", X[name]) for name in names]
    if not isinstance(X, list | tuple) or len(X) != len(names):
        came = f"{len(X)}" if isinstance(X, list | tuple) else type(X).__name__
        raise GraphnetError(
            f"the model has {len(names)} inputs ({', '.join(names)}): X is a list of as many "
            f"arrays or a dict by name, not {came}"
        )
    return [as_array(f"X[{k}]", array) for k, array in enumerate(X)]


def samples(arrays: Mapping[str, NDArray[Any]]) -> int:
    """How many rows all arrays have. GraphnetError where they differ or there is none."""
    counts = {name: array.shape[0] for name, array in arrays.items()}
    if len(dict.fromkeys(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise GraphnetError(f"every array needs one row a sample, but {told} rows")
    (rows,) = dict.fromkeys(counts.values())
    if rows == 0:
        raise GraphnetError("the data has no rows")
    return int(rows)


def as_weights(value: Any) -> NDArray[Any]:
    """One weight a row, none of them negative and not all 0."""
    weight = as_array("sample_weight", value)
    if weight.ndim != 1:
        raise GraphnetError(f"sample_weight holds one number a row, not shape {weight.shape}")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if bad.size:
        raise GraphnetError(f"sample_weight[{bad[0]}] is {weight[bad[0]]}, not a number >= 0")
    if weight.size and not weight.any():
        raise GraphnetError("every sample_weight is 0")
    return weight.astype(np.float64)


def _check_finite(name: str, array: NDArray[Any], shown: NDArray[Any]) -> None:
    if np.isfinite(array).all():
        return
    index = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
    value = shown[index]
    problem = "not finite" if not np.isfinite(value) else f"too large for {array.dtype}"
    raise GraphnetError(
        f"{name}[{', '.join(map(str, index))}] is {value}, {problem}", where=f"input {name}"
    )

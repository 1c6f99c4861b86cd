"""Declared facts are promises of the caller: data that breaks one is refused, with the row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetError

__all__ = ["check_facts"]

SHARE = 1e-5  # how far a row of probabilities may be from 1, in float32 too


def check_facts(name: str, array: NDArray[Any], facts: Iterable[str]) -> None:
    """GraphnetError naming the first element or row for which a declared fact is not true.

    >>> check_facts("y", np.array([[1, 0], [1, 1]]), ["one_hot"])
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetError: input y: y[1] = [1, 1] is not one_hot, as was declared
    """
    for fact in facts:
        wrong = np.argwhere(~_holds(array, fact))
        if len(wrong):
            at = tuple(int(k) for k in wrong[0])
            place = f"[{', '.join(map(str, at))}]" if at else ""
            shown = np.array2string(np.asarray(array[at]), separator=", ", threshold=12)
            raise GraphnetError(
                f"{name}{place} = {shown} is not {fact}, as was declared", where=f"input {name}"
            )


def _holds(array: NDArray[Any], fact: str) -> NDArray[np.bool_]:
    """Where a fact is true: for every row along the last axis, or for every element."""
    match fact:
        case "one_hot":
            ones = (array == 1).sum(axis=-1) == 1
            return np.asarray(ones & ((array == 0).sum(axis=-1) == array.shape[-1] - 1))
        case "probability":
            total = array.sum(axis=-1, dtype=np.float64)
            return np.asarray((array >= 0).all(axis=-1) & (np.abs(total - 1) <= SHARE))
        case "binary":
            return np.asarray((array == 0) | (array == 1))
        case "positive":
            return np.asarray(array > 0)
        case _:
            return np.asarray(array != 0)

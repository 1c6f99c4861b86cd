"""Measure: a number of all rows, found batch by batch.

A batch leaves what the number needs of it, a few sums mostly; what batches leave is joined, and of
the whole the number is made once. So precision is right positives over all positives of an epoch,
and not the mean of what each batch would call its precision.

>>> hits = Measure("hits", lambda p, t: (np.sum(p == t), np.float64(t.size)), ratio)
>>> total = Total(hits)
>>> total.add(np.array([1, 2]), np.array([1, 2]))
>>> total.add(np.array([1]), np.array([0]))
>>> round(total.value(), 3)
0.667
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetTypeError, told

__all__ = ["Measure", "Metric", "Parts", "Total", "added", "beside", "own", "ratio"]

Parts = tuple[Any, ...]  # numbers and arrays that rows leave
Metric = Callable[[NDArray[Any], NDArray[Any]], float]
_HELD = 256  # batches whose parts wait to be joined: joining arrays one by one would be quadratic


def added(parts: Sequence[Parts]) -> Parts:
    """The sums of what batches left."""
    return tuple(np.sum(np.stack(column), axis=0) for column in zip(*parts, strict=True))


def beside(parts: Sequence[Parts]) -> Parts:
    """What batches left, row behind row."""
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def ratio(parts: Parts) -> float:
    """A sum over another one."""
    return float(parts[0] / parts[1])


@dataclass(frozen=True)
class Measure:
    """What a batch leaves, how that is joined, and the number of all; a metric when called.

    `higher` says that more is better, `at_once` that all rows should be measured as one batch
    where they can be.
    """

    name: str
    leave: Callable[[NDArray[Any], NDArray[Any]], Parts]
    number: Callable[[Parts], float]
    join: Callable[[Sequence[Parts]], Parts] = added
    higher: bool = False
    at_once: bool = False

    def __call__(self, prediction: NDArray[Any], target: NDArray[Any]) -> float:
        return self.number(self.leave(prediction, target))


class Total:
    """What batches have left so far."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self._parts: list[Parts] = []

    def add(self, prediction: NDArray[Any], target: NDArray[Any]) -> None:
        if len(self._parts) == _HELD:
            self._parts = [self.measure.join(self._parts)]
        self._parts.append(self.measure.leave(prediction, target))

    def value(self) -> float:
        """The number of all rows so far; nan of none."""
        if not self._parts:
            return float("nan")
        return self.measure.number(self.measure.join(self._parts))


def own(name: str, metric: Metric) -> Measure:
    """A function of (prediction, target) as a measure: its mean over batches, by their rows.

    Raises GraphnetTypeError where it gives something that is no number.
    """

    def leave(prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
        value, rows = metric(prediction, target), float(len(prediction))
        try:
            return float(value) * rows, rows
        except (TypeError, ValueError):
            node = hasattr(value, "node")
            hint = "; it is given arrays, so it is written with NumPy" if node else ""
            raise GraphnetTypeError(
                f"the metric {name} of arrays {prediction.shape} and {target.shape} gave "
                f"{told(value)}, not a number{hint}"
            ) from None

    return Measure(name, leave, ratio, at_once=True)

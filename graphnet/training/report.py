"""Report: how well each class is told, a row a class.

>>> print(report([0, 1, 1, 2], [0, 1, 2, 2], ["cat", "dog", "fox"]))
class  precision  recall     f1  rows
cat       1.0000  1.0000  1.0000     1
dog       1.0000  0.5000  0.6667     2
fox       0.5000  1.0000  0.6667     1
mean      0.8333  0.8333  0.7778     4
3 of 4 right, accuracy 0.7500
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import items, text
from graphnet.errors import GraphnetError, told
from graphnet.training.metrics import SHARES

__all__ = ["Report", "report"]

MOST = 10_000  # classes


@dataclass(frozen=True, repr=False)
class Report:
    """By class: its name, the shares of `metrics`, and how many rows have it; `print` shows it.

    A share is 0 where nothing could be counted, so the precision of a class that is never guessed.
    """

    classes: tuple[str, ...]
    precision: NDArray[Any]
    recall: NDArray[Any]
    f1: NDArray[Any]
    rows: NDArray[Any]
    accuracy: float

    def __repr__(self) -> str:
        shares = {name: getattr(self, name) for name in SHARES}
        total, occur = int(self.rows.sum()), (self.rows > 0) | (self.precision > 0)
        lines = [
            (name, *(f"{share[k]:.4f}" for share in shares.values()), str(self.rows[k]))
            for k, name in enumerate(self.classes)
        ]
        means = (f"{share[occur].mean():.4f}" for share in shares.values())
        table = [("class", *shares, "rows"), *lines, ("mean", *means, str(total))]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        shown = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
            for line in table
        ]
        right = round(self.accuracy * total)
        return "\n".join([*shown, f"{right:,} of {total:,} right, accuracy {self.accuracy:.4f}"])


def report(actual: Any, predicted: Any, classes: Sequence[str] = ()) -> Report:
    """The report of ids of classes, (rows,) true ones and as many predicted ones.

    `classes` are the names of the classes; without them there are as many as the largest id says.
    Raises GraphnetError for ids that do not fit the names.
    """
    truth, guess = np.ravel(actual), np.ravel(predicted)
    names = [text("the name of a class", name) for name in items("classes", classes, "names")]
    count = 1 + int(max(truth.max(), guess.max()))
    if names and count > len(names):
        raise GraphnetError(f"{len(names)} classes are named, but there is an id {count - 1}")
    count = len(names) or count
    if count > MOST or min(truth.min(), guess.min()) < 0:
        low, high = min(truth.min(), guess.min()), count - 1
        raise GraphnetError(f"ids of classes are 0 to {MOST - 1}, not {told(int(low))} to {high}")
    right, guessed, there = (
        np.bincount(ids, minlength=count).astype(float)
        for ids in (truth[truth == guess], guess, truth)
    )
    shares = {name: share(right, guessed, there) for name, share in SHARES.items()}
    return Report(
        tuple(names or map(str, range(count))), **shares, rows=there.astype(int),
        accuracy=float(np.mean(truth == guess)),
    )  # fmt: skip

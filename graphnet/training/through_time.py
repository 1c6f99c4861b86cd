"""The adjoints of a recurrence's states, step by step: how far back a gradient reaches.

One step back multiplies the adjoint of a state by ds[t]/ds[t-1]. Over many steps the norm goes as
the power of about one factor: what is below 1 vanishes, what is above explodes (Bengio, Simard and
Frasconi, "Learning long-term dependencies with gradient descent is difficult", 1994). An LSTM's
cell state was made to have a factor near 1 (Hochreiter and Schmidhuber 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.network.shifts import Shift

__all__ = ["Recurrence", "recurrences"]


@dataclass(frozen=True)
class Recurrence:
    """A state of a loop, and the root mean square of its adjoint after each step, in the order in
    which the steps are done."""

    loop: str  # its layer, else the loop's tensor
    state: str
    norms: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.loop}.{self.state}"

    @property
    def rate(self) -> float:
        """By what the norm is multiplied for a step back, on average; nan where there is none.

        >>> Recurrence("rnn", "h", (0.25, 0.5, 1.0)).rate
        0.5
        """
        first, last = self.norms[0], self.norms[-1]
        known = len(self.norms) > 1 and last > 0
        return float((first / last) ** (1 / (len(self.norms) - 1))) if known else float("nan")


def recurrences(shifts: Sequence[Shift], adjoints: Sequence[Any]) -> list[Recurrence]:
    """The norms of adjoints (steps, ...); a loop of no steps is left out."""
    found = []
    for shift, adjoint in zip(shifts, adjoints, strict=True):
        squares = np.square(np.asarray(adjoint, dtype=np.float64))
        if not squares.size:
            continue
        norms = np.sqrt(squares.reshape(len(squares), -1).mean(axis=1))
        done = norms[::-1] if shift.reverse else norms
        found.append(Recurrence(shift.loop, shift.state, tuple(map(float, done))))
    return found

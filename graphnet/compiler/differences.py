"""Slopes of a loss by moving one tensor: central differences and a complex step, by literal loops.

>>> from math import exp
>>> slope = central(lambda t: exp(3 * t), 1.0)
>>> abs(slope.value - 3) < 10 * slope.error < 1e-8
True
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network
from graphnet.network.nodes import Node

__all__ = ["Moved", "Slope", "Values", "central", "complex_step"]

Values = dict[Node, np.ndarray]

EPS = 2.0**-52
COMPLEX = 1e-100  # squared it is 0 beside any number: the step has no error of its own


class Moved:
    """The loss as a function of one tensor; what does not depend on it is computed once."""

    def __init__(self, network: Network, held: Values) -> None:
        self.network, self.held = network, held
        given = {network.name_of(n): a for n, a in held.items() if n in network}
        self.arrays = interpret(network, given)
        self.loss = float(self.arrays[network.outputs["loss"]])

    def along(self, node: Node, direction: np.ndarray) -> Callable[[Any], Any]:
        """The loss at a (real or complex) distance along a direction."""
        name, value = self.network.name_of(node), self.arrays[self.network.name_of(node)]
        moving = nx.descendants(self.network, name)
        # What stops the gradient stands still for the differences too.
        still = {
            n: a for n, a in self.arrays.items()
            if n not in moving or self.network.node(n).label == "stop_gradient"
        }  # fmt: skip
        output = self.network.outputs["loss"]

        def at(t: Any) -> Any:
            return interpret(self.network, still | {name: value + t * direction})[output].item()

        return at


@dataclass(frozen=True)
class Slope:
    """A slope by differences and how large its error is expected to be."""

    value: float
    error: float


def central(f: Callable[[float], float], middle: float) -> Slope | None:
    """The slope at 0 of an f with f(0) = middle, by central differences; None at a kink.

    (f(h) - f(-h))/2h is wrong by h**2 |f'''|/6 for its curve and by eps |f|/h for rounding; the
    sum is least at h = (3 eps |f|/|f'''|)**(1/3) (Nocedal and Wright 2006, section 8.1), with
    f''' of four values further out. There is a kink where slopes with h and 2h disagree or the
    one-sided slopes do not approach each other with h; then a shorter reach may stay on one side.
    """
    for reach in (1e-3, 1e-5):
        far_left, left, right, far_right = (f(t * reach) for t in (-2, -1, 1, 2))
        near, far = (right - left) / (2 * reach), (far_right - far_left) / (4 * reach)
        if not math.isfinite(near + far):
            return Slope(near + far, math.inf)
        bend = abs(right - 2 * middle + left) / reach
        far_bend = abs(far_right - 2 * middle + far_left) / (2 * reach)
        size = max(abs(near), abs(far), 1e-3)
        height = max(map(abs, (middle, left, right, far_left, far_right)))
        noise = 1e-6 * size + 50 * EPS * height / reach
        if abs(near - far) <= 1e-4 * size + noise and bend <= 0.6 * far_bend + noise:
            third = abs(far_right - 2 * right + 2 * left - far_left) / (2 * reach**3)
            best = (3 * EPS * height / third) ** (1 / 3) if third else reach
            h = min(max(best, 1e-7), reach)
            value = near if h == reach else (f(h) - f(-h)) / (2 * h)
            return Slope(value, h * h * third / 6 + 4 * EPS * height / h)
    return None


def complex_step(f: Callable[[complex], complex]) -> float:
    """The slope at 0 by the imaginary part of f(ih)/h; nan where f is not analytic there.

    Nothing is subtracted, so nothing cancels (Squire and Trapp 1998).
    """
    found = f(complex(0.0, COMPLEX))
    return found.imag / COMPLEX if math.isfinite(found.real) else math.nan

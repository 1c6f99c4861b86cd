"""Descent on a plain function: the points an optimizer goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import takes, whole
from graphnet.compiler.build import training_step
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.ops.define import parameter
from graphnet.ops.tensor import Tensor

__all__ = ["descend"]


def descend(
    f: Callable[[Tensor], Tensor], optimizer: Any, start: Any, steps: int
) -> NDArray[np.float64]:
    """The points (steps + 1, ...) of a descent on `f` from `start`, in float64.

    `f` takes the parameter, a tensor of the shape of `start`, and gives the loss as a 0-d tensor.
    Every step is a compiled training step of one parameter.

    Raises GraphnetError where `start` is not finite numbers or the loss is not one number.

    >>> import graphnet as gn
    >>> gn.descend(lambda x: x**2, gn.SGD(lr=0.25), 2.0, 3).tolist()
    [2.0, 1.0, 0.5, 0.25]
    """
    try:
        first = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise GraphnetError(f"a descent starts from numbers, not {told(start)}") from None
    if not np.isfinite(first).all():
        raise GraphnetError(f"a descent starts from finite numbers, came {told(start)}")
    steps = whole("steps", steps, 0)
    if not callable(f):
        raise GraphnetTypeError(f"a descent is of a function of a tensor, not of {told(f)}")
    takes("what a descent is on", f, "w")
    w = parameter("w", first.shape, init=first)
    step = training_step([], f(w), optimizer, dtype="float64")
    points = [first]
    for _ in range(steps):
        step()
        points.append(step.parameters["w"].copy())
    return np.stack(points)

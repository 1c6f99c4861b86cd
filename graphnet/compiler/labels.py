"""Labels, the elements of int tensors that stand in subscripts: each must be in its range.

Those that are given are checked as arguments are (entry.py), constants once. What is computed from
the inputs and then stands in a subscript is computed a first time, ahead of the run, to be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.compiler.execute import execute
from graphnet.compiler.module import emit
from graphnet.compiler.ranges import Bound
from graphnet.compiler.stages import part
from graphnet.compiler.stores import Store
from graphnet.errors import GraphnetError
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Input

__all__ = ["Labels"]

Arrays = Sequence[NDArray[Any]]


class Labels:
    """The checks of a program that its arguments alone do not decide."""

    def __init__(
        self, network: Network, inputs: Sequence[str], bounds: Sequence[Bound], dtype: str,
        stores: tuple[Store, Store],
    ) -> None:  # fmt: skip
        self.network, self.inputs, self.dtype = network, tuple(inputs), dtype
        self.stores = stores  # of parameters and of states
        self.checks: list[tuple[Bound, Callable[[Arrays], NDArray[Any]]]] = []
        for bound in bounds:
            node = network.node(bound.name)
            if isinstance(node, Constant):
                array = np.asarray(node.array.array, np.intp)  # type: ignore[attr-defined]
                if isinstance(bound.size, int):
                    bound.check(array, {}, "constant")
                else:
                    self.checks.append((bound, lambda _, array=array: array))  # type: ignore[misc]
            elif not isinstance(node, Input):
                self.checks.append((bound, self._computed(bound)))

    def __bool__(self) -> bool:
        return bool(self.checks)

    def check(self, arrays: Arrays, sizes: Mapping[str, int]) -> None:
        """Raises GraphnetError where a label is out of range for the inputs of a call."""
        for bound, compute in self.checks:
            bound.check(compute(arrays), sizes, "node")

    def _computed(self, bound: Bound) -> Callable[[Arrays], NDArray[Any]]:
        """What computes an int tensor from the inputs, ahead of the run that reads with it."""
        network = part(self.network, [bound.name])
        needed = [k for k, name in enumerate(self.inputs) if name in network]
        module = emit(network, [self.inputs[k] for k in needed], [bound.name], self.dtype)
        if module.draws:
            raise GraphnetError(
                f"it is computed from random draws and picks from axis {bound.axis} of "
                f"{bound.indexed}; its range cannot be checked before it is drawn",
                where=bound.name,
            )
        forward = execute(self, module.source, f"graphnet labels {bound.name}")["forward"]
        parameters, states = self.stores
        stores = [parameters.arrays] * module.parameters + [states.arrays] * module.states
        return lambda arrays: np.asarray(forward(*stores, *(arrays[k] for k in needed)), np.intp)

"""Inference: the programs of a model that need neither loss nor optimizer.

A compiled model shares the parameters and states of its training step with them. One that is not
compiled yet has those that seed 0 gives, to look at and to assign to; `compile` keeps what was
assigned.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.compiler.build import function
from graphnet.compiler.program import Program
from graphnet.training.watch import watch

if TYPE_CHECKING:
    from graphnet.training.compiled import Heads

__all__ = ["Inference", "Initial"]


class Inference:
    """The forward programs of heads, over given parameters and states or ones of their own."""

    def __init__(
        self, heads: Heads, parameters: Mapping[str, Any] | None = None,
        states: Mapping[str, Any] | None = None, *, dtype: str = "float32",
        stabilize: bool = True,
    ) -> None:  # fmt: skip
        self.heads, self.dtype = heads, dtype
        self.forward = function(
            list(heads.inputs), list(heads.inference), parameters=parameters, states=states,
            dtype=dtype, style="plain", stabilize=stabilize,
        )  # fmt: skip

    @cached_property
    def watcher(self) -> Program:
        """inputs -> [every tensor that is computed], at inference and as written."""
        network, forward = self.heads.network(), self.forward
        inputs = [network.name_of(t.node) for t in self.heads.inputs]
        return watch(network, inputs, forward.parameters, forward.states, self.dtype)


class Initial(Inference):
    """The inference of a model before it is compiled."""

    def __init__(self, heads: Heads) -> None:
        super().__init__(heads)
        stores = self.forward.parameters, self.forward.states
        self._drawn = [{name: array.copy() for name, array in store.items()} for store in stores]

    def assigned(self) -> list[dict[str, Any]]:
        """The parameters and the states that are no longer what was drawn."""
        stores = self.forward.parameters, self.forward.states
        return [
            {name: array for name, array in store.items() if not np.array_equal(array, old[name])}
            for store, old in zip(stores, self._drawn, strict=True)
        ]

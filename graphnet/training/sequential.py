"""Sequential: a model of layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphnet.arguments import items
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.ops.layer import Layer
from graphnet.ops.layers import Embedding, Input
from graphnet.ops.tensor import Tensor
from graphnet.training.batches import as_array
from graphnet.training.compiled import Heads
from graphnet.training.model import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """Layers one after another.

    The first may be gn.Input(shape); else the shape is that of the first X it is given.

    >>> import graphnet as gn
    >>> model = gn.Sequential([gn.Input(4), gn.Dense(8, activation="relu"), gn.Dense(3)])
    >>> model.tensor("A1").shape
    (batch, 8)
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        if isinstance(layers, Layer):
            raise GraphnetTypeError(f"a Sequential takes a list of layers, [{told(layers)}, ...]")
        listed = items("layers", layers, "layers")
        for layer in listed:
            if not isinstance(layer, Layer):
                raise GraphnetTypeError(
                    f"a Sequential is made of layers, not of {told(layer)}{_made_of(layer)}"
                )
        if not any(not isinstance(layer, Input) for layer in listed):
            raise GraphnetError("a Sequential needs at least one layer besides its input")
        self.layers = listed
        self._start(None)
        if isinstance(listed[0], Input):
            self._build(listed[0].tensor(), listed[1:])

    def _build(self, x: Tensor, layers: Sequence[Layer]) -> None:
        h = x
        for layer in layers:
            h = layer(h)
        self._heads = Heads.of([x], [h])

    def _meet(self, X: Any) -> None:
        if self._heads is None:
            dtype = "int" if isinstance(self.layers[0], Embedding) else "float"
            self._build(Input(as_array("X", X).shape[1:], dtype).tensor(), self.layers)
            if self._recipe is not None:
                self._compile_usual()


def _made_of(given: Any) -> str:
    """How a layer is made of what was given in its place, as the tail of a message."""
    name = getattr(given, "__name__", "")
    if isinstance(given, type) and issubclass(given, Layer):
        return f"; write gn.{name}(...), with its arguments"
    if isinstance(given, str):
        return f"; write gn.Activation({told(given)})"
    return "; gn.Activation(function) makes one of a function" if callable(given) else ""

"""Bidirectional: a recurrent layer that reads from both ends (Schuster and Paliwal 1997)."""

from __future__ import annotations

from typing import Any

from graphnet.arguments import one_of
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.ops.arrays import flip
from graphnet.ops.joining import concatenate
from graphnet.ops.layer import Layer
from graphnet.ops.recurrent import Recurrent
from graphnet.ops.tensor import Tensor

__all__ = ["Bidirectional"]


class Bidirectional(Layer):
    """A recurrent layer and its like that goes backwards, each with weights of its own.

    Of x (batch, time, features) comes what both give, side by side (`merge="concat"`, forward
    first) or added (`merge="sum"`): with `return_sequences` of every step, each beside its own
    step, else of the last step that each has read. With `return_state` follow the last states,
    those of the forward layer first. `layer(x, lengths)` and `layer(x, *states)`, twice as many as
    one takes, are as for RNN; a row with a length is read backwards from its own end. The
    weights are those of torch's `bidirectional=True`: the layer backwards has its `..._reverse`.

    Raises GraphnetTypeError for what is no RNN, LSTM or GRU.

    >>> import graphnet as gn
    >>> layer = gn.Bidirectional(gn.LSTM(4, return_sequences=True))
    >>> layer(gn.input("x", ("batch", "time", 3))).shape
    (batch, time, 8)
    >>> [p.name for p in layer.parameters]
    ['W1', 'U1', 'b1', 'W2', 'U2', 'b2']
    """

    counted = False

    def __init__(self, layer: Recurrent, merge: str = "concat", name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(layer, Recurrent):
            raise GraphnetTypeError(
                f"Bidirectional takes an RNN, LSTM or GRU such as gn.LSTM(32), not {told(layer)}"
            )
        if layer.built_for is not None:
            raise GraphnetError(
                f"Bidirectional makes the backward layer like {layer.label}, which was called "
                "already; give it a layer that is new"
            )
        self.merge = one_of("merge", merge, ("concat", "sum"), where="Bidirectional")
        self.forward, self.backward = layer, layer.reversed()

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.forward.parameters, *self.backward.parameters]

    @property
    def penalties(self) -> list[Tensor]:
        return [*self.forward.penalties, *self.backward.penalties]

    def call(self, x: Tensor, *rest: Any) -> Any:
        *more, training = rest
        lengths = [t for t in more if t.dtype == "int"]
        states = [t for t in more if t.dtype != "int"]
        count = 2 * len(self.forward.states)
        if states and len(states) != count:
            raise GraphnetError(
                f"{self.label} starts from {count} states, "
                f"{' and '.join(self.forward.states)} of each direction, not from {len(states)}"
            )
        first, second = states[: count // 2], states[count // 2 :]
        ahead, *ends = self.forward._run(x, *first, *lengths, training=training)
        if self.backward.number is None:
            assert self.forward.number is not None
            self.backward.number = self.forward.number + 1
        back, *more_ends = self.backward._run(x, *second, *lengths, training=training)
        if self.forward.return_sequences:  # each layer gives its steps in the order of its reading
            ahead, back = (
                flip(result, 1) if layer.go_backwards else result
                for layer, result in ((self.forward, ahead), (self.backward, back))
            )
        merged = concatenate([ahead, back], axis=-1) if self.merge == "concat" else ahead + back
        return (merged, *ends, *more_ends) if self.forward.return_state else merged

"""Layer: parameters and the formulas that use them, called on tensors again and again.

A layer makes its parameters when it is first called and shares them among all its calls. Every
call is remembered by the node it gave (calls.py), so that a Model can play it again for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

from graphnet.arguments import check_calls, flag, takes
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.extent import Extent
from graphnet.network.nodes import (
    Computed,
    Order,
    Parameter,
    Scan,
    State,
    show_shape,
)
from graphnet.ops import calls
from graphnet.ops.define import formula
from graphnet.ops.initializers import resolve
from graphnet.ops.names import check_name, check_shape
from graphnet.ops.regularizers import Regularizer
from graphnet.ops.rollback import rollback
from graphnet.ops.tensor import Tensor

__all__ = ["Layer", "require_width"]


ELSEWHERE = {  # what Keras and torch call arguments of layers
    "kernel_size": "'size'", "pool_size": "'size'", "strides": "'stride'",
    "dilation_rate": "'dilation'", "data_format": "'layout'", "out_channels": "'filters'",
    "hidden_size": "'units'",
    "kernel_initializer": "'init'", "embeddings_initializer": "'init'",
    "bias_initializer": "'bias_init'",
    "recurrent_initializer": "'recurrent_init'", "kernel_regularizer": "'regularizer'",
    "bias": "'use_bias'", "merge_mode": "'merge'", "epsilon": "'eps'",
    "input_dim": "'count'", "num_embeddings": "'count'",
    "output_dim": "'width'", "embedding_dim": "'width'", "center": "'use_bias'", "p": "'rate'",
    "input_shape": "gn.Input(shape), the first layer of a Sequential",
    "stateful": "return_state=True: give the state to the next call, layer(x, h)",
    "in_features": "left out: the layer learns it from what it is called on",
    "in_channels": "left out: the layer learns it from what it is called on",
}  # fmt: skip


class Layer:
    """What a model is built of. A layer of one's own defines `call`, and `build` if it learns.

    `build(self, *shapes)` makes parameters with `self.parameter`, once, for the shapes of the
    first call. `call(self, *tensors, training)` gives a tensor and may name its parts with
    `self.named`. A layer called `hidden` makes `hidden_W`, one without a name is numbered: k
    layers that have parameters stand before the k+1st, whose weight is `W<k+1>`.

    >>> import graphnet as gn
    >>> class Scale(gn.Layer):
    ...     def build(self, shape):
    ...         self.s = self.parameter("s", shape[1:], init=1)
    ...     def call(self, x, training):
    ...         return self.named("Y", x * self.s)
    >>> Scale()(gn.input("x", ("batch", 3))).name
    'Y1'
    """

    name: str | None = None
    number: int | None = None
    counted: bool = True  # whether the layer takes a number
    built_for: tuple[tuple[Extent, ...], ...] | None = None

    def __init_subclass__(cls) -> None:
        check_calls(cls, ELSEWHERE, methods=False)

    def __init__(self, name: str | None = None) -> None:
        self.name = None if name is None else check_name(name, "a layer")

    # What a layer of one's own defines.

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        """Makes the parameters for inputs of these shapes."""

    def call(self, *tensors: Any) -> Tensor:
        """The tensor that comes out; the last argument is `training`."""
        raise GraphnetTypeError(f"{type(self).__name__} defines no call(self, x, training)")

    # What it has for that.

    def parameter(
        self,
        role: str,
        shape: Sequence[Extent],
        init: Any = "glorot_uniform",
        *,
        trainable: bool = True,
        regularizer: Regularizer | None = None,
    ) -> Tensor:
        """A parameter `W<k>` or `<name>_W` of the layer."""
        shape = check_shape(shape, self.called(role))
        node = Parameter(
            shape=shape, name=self.called(role), made=self.name is None, label=role,
            init=resolve(init), trainable=flag("trainable", trainable, where=self.called(role)),
        )  # fmt: skip
        made = Tensor(node)
        self.parameters.append(made)
        if regularizer is not None:
            self.penalties.append(regularizer(made))
        return made

    def state(self, role: str, shape: Sequence[Extent], init: Any = "zeros") -> Tensor:
        """A state `mean<k>` or `<name>_mean` of the layer, kept from step to step."""
        return Tensor(
            State(
                shape=tuple(shape), name=self.called(role), made=self.name is None, label=role,
                init=resolve(init),
            )
        )  # fmt: skip

    def renew(self, state: Tensor, value: Tensor) -> None:
        """Said in `call`: every step that this call is a part of writes the value to the state.

        A layer that is called twice in one step renews one after the other, in the order of calls.
        """
        if not isinstance(state.node, State):
            raise GraphnetTypeError(f"a state is renewed, not {state!r}", where=self.label)
        if value.shape != state.shape:
            raise GraphnetError(
                f"{state.name} has the shape {show_shape(state.shape)}, its new value "
                f"{show_shape(value.shape)}",
                where=self.label,
            )
        self._pending.append((state.node, value.node))

    def named(self, role: str, tensor: Tensor) -> Tensor:
        """The tensor under the layer's name for it, as `Z<k>` or `<name>_Z`.

        What has a name already, an input that an activation hands through, keeps it.
        """
        if not isinstance(tensor, Tensor):
            raise GraphnetTypeError(
                f"{self.called(role)} of {self} is a tensor, but {told(tensor)} came"
            )
        if tensor.name is not None or not isinstance(tensor.node, Computed | Scan | Order):
            return tensor
        return tensor.rename(self.called(role), made=True)

    def called(self, role: str) -> str:
        """The name of one of the layer's tensors."""
        return f"{self.name}_{role}" if self.name else f"{role}{self.number}"

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters that were made so far, trained or not."""
        made: list[Tensor] = self.__dict__.setdefault("_parameters", [])
        return made

    @property
    def penalties(self) -> list[Tensor]:
        """The terms that regularizers add to the loss, one a parameter."""
        terms: list[Tensor] = self.__dict__.setdefault("_penalties", [])
        return terms

    @property
    def _pending(self) -> list[calls.Renewal]:
        pending: list[calls.Renewal] = self.__dict__.setdefault("_renewals", [])
        return pending

    # What a caller uses.

    def __call__(self, *tensors: Tensor, training: bool = False) -> Tensor:
        """The layer's output; in training its random parts are drawn.

        A layer whose `call` gives a tuple of tensors gives a tuple.
        """
        outputs = list(self._run(*tensors, training=training))
        inputs = tuple(t.node for t in tensors)
        for place, output in enumerate(outputs):
            if output.node in inputs:  # the identity: the call needs a node to be remembered by
                outputs[place] = output = _copy(output)
            calls.remember(output.node, calls.Call(self, inputs, place))
            calls.count(output.node, self.number or 0)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)  # type: ignore[return-value]

    def apply(self, *tensors: Tensor, training: bool = False) -> Tensor:
        """The one output, without remembering the call; parameters are made if they are not yet."""
        outputs = self._run(*tensors, training=training)
        if len(outputs) > 1:
            raise GraphnetError(f"{self} gives {len(outputs)} tensors, expected one")
        return outputs[0]

    def _run(self, *tensors: Tensor, training: bool = False) -> tuple[Tensor, ...]:
        """All that comes out, without remembering the call."""
        for t in tensors:
            if not isinstance(t, Tensor):
                raise GraphnetTypeError(
                    f"{self} is called on tensors, not on {type(t).__name__}; gn.input makes one"
                )
        before = max((calls.layers_before(t.node) for t in tensors), default=0)
        if self.built_for is None:
            with rollback([self], Layer):  # a layer that refused a shape may be given another
                if self.number is None:
                    self.number = before + self.counted
                self.built_for = tuple(t.shape for t in tensors)
                takes(f"{type(self).__name__}.build", self.build, *map(show_shape, self.built_for))
                self.build(*self.built_for)
        try:
            signature(self.call).bind(*tensors, training)
        except TypeError as error:
            raise GraphnetTypeError(
                f"{type(self).__name__}.call is given what the layer is called on ({len(tensors)}) "
                f"and, last, `training`: {error}"
            ) from None
        output: Any = self.call(*tensors, training)
        several = isinstance(output, tuple) and len(output) > 0
        outputs: tuple[Any, ...] = output if several else (output,)
        for place, given in enumerate(outputs):
            if not isinstance(given, Tensor):
                raise GraphnetTypeError(f"{self}.call gave {type(given).__name__}, not a tensor")
            if self._pending:
                given = _copy(given) if given.node in [t.node for t in tensors] else given
                outputs = (*outputs[:place], given, *outputs[place + 1 :])
                calls.renew(given.node, self._pending)
                self._pending.clear()
            calls.label(given.node, [t.node for t in tensors], self.label)
            # A layer of layers counts those in it, so that the next one has a number of its own.
            calls.count(given.node, max(before, self.number or 0))
        return outputs

    @property
    def label(self) -> str:
        """What the layer is called in pictures and summaries."""
        kind = type(self).__name__.lower()
        return self.name or (kind if self.number is None else f"{kind}_{self.number}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label}>"


def _copy(x: Tensor) -> Tensor:
    return Tensor(replace(formula("x", x=x).node, label="identity"))


def require_width(layer: Layer, shape: tuple[Extent, ...]) -> int:
    """The size of the last axis, which has to be a number."""
    if not shape or not isinstance(shape[-1], int):
        last = f"not {shape[-1]}" if shape else "not a single number"
        last += "; numbers, one a row, are a column: X[:, None]" if len(shape) == 1 else ""
        raise GraphnetError(f"{layer.label} needs a last axis of known size, {last}")
    return shape[-1]

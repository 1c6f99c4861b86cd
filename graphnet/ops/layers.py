"""Layers: dense, embedding, dropout and the rest, each a few lines of formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from graphnet.arguments import flag, number, whole
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.extent import Extent, product
from graphnet.network.nodes import Distribution, show_shape
from graphnet.network.nodes import Input as InputNode
from graphnet.ops.activations import activation as function_of
from graphnet.ops.arrays import reshape, take
from graphnet.ops.define import formula, input
from graphnet.ops.initializers import resolve
from graphnet.ops.layer import Layer, require_width
from graphnet.ops.names import check_dtype, check_shape
from graphnet.ops.regularizers import Regularizer, check_regularizer
from graphnet.ops.tensor import Tensor

__all__ = ["Activation", "Dense", "Dropout", "Embedding", "Flatten", "Input", "Residual"]

LEADING = "ntuvwabcdefgh"  # the indices of the axes before the last: sample, time, ...


class Input(Layer):
    """What a Sequential is given: the shape of one sample.

    >>> Input((64,)).tensor("x").shape
    (batch, 64)
    """

    counted = False

    def __init__(
        self, shape: int | Sequence[Extent], dtype: str = "float", name: str | None = None
    ) -> None:
        super().__init__(name)
        self.shape: tuple[Extent, ...] = check_shape(shape, "Input")
        self.dtype = check_dtype(dtype, "Input")

    def tensor(self, name: str = "x") -> Tensor:
        """The input of a network, with "batch" as its first axis."""
        return input(self.name or name, ("batch", *self.shape), dtype=self.dtype)

    def call(self, x: Tensor, training: bool) -> Tensor:
        if x.shape[1:] != self.shape:
            raise GraphnetError(
                f"{self.label} takes samples of shape {show_shape(self.shape)}, "
                f"not {show_shape(x.shape[1:])}"
            )
        return x


class Dense(Layer):
    """Z[n,o] = Sum(x[n,i]*W[i,o], i) + b[o], then an activation, over the last axis of x.

    W is (in, out). `init` and `bias_init` are names, numbers, arrays or from gn.initializers;
    `regularizer` acts on W; with `trainable=False` W and b stay as they started.

    >>> import graphnet as gn
    >>> hidden = gn.Dense(32, activation="relu")
    >>> a = hidden(gn.input("x", ("batch", 64)))
    >>> a.name, a.shape, [p.name for p in hidden.parameters]
    ('A1', (batch, 32), ['W1', 'b1'])
    """

    def __init__(
        self,
        units: int,
        activation: str | Callable[[Tensor], Tensor] | None = None,
        use_bias: bool = True,
        init: Any = "glorot_uniform",
        bias_init: Any = "zeros",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = whole("units", units, 1)
        self.activation = function_of(activation)
        self.use_bias = flag("use_bias", use_bias, where="Dense")
        self.init, self.bias_init = resolve(init), resolve(bias_init)
        self.regularizer = check_regularizer(regularizer, "Dense")
        self.trainable = flag("trainable", trainable, where="Dense")

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        self.width = require_width(self, shapes[0])
        self.W = self.parameter(
            "W", (self.width, self.units), self.init,
            trainable=self.trainable, regularizer=self.regularizer,
        )  # fmt: skip
        if self.use_bias:
            self.b = self.parameter("b", (self.units,), self.bias_init, trainable=self.trainable)

    def call(self, x: Tensor, training: bool) -> Tensor:
        if require_width(self, x.shape) != self.width:
            raise GraphnetError(
                f"{self.label} was built for {self.width} features, its W is "
                f"{show_shape(self.W.shape)}, but x {show_shape(x.shape)} has {x.shape[-1]}"
            )
        lead = LEADING[: len(x.shape) - 1]
        text = f"Z[{','.join([*lead, 'o'])}] = Sum(x[{','.join([*lead, 'i'])}]*W[i,o], i)"
        if self.use_bias:
            z = formula(f"{text} + b[o]", x=x, W=self.W, b=self.b)
        else:
            z = formula(text, x=x, W=self.W)
        return self.named("A", self.activation(self.named("Z", z)))


class Embedding(Layer):
    """Z[n,d] = W[x[n],d]: row x of a table, for ints in 0 .. count-1.

    >>> import graphnet as gn
    >>> gn.Embedding(20, 4)(gn.input("x", ("batch",), dtype="int"))
    Z1 (batch, 4) = W1[x[i],j]
    """

    def __init__(
        self,
        count: int,
        width: int,
        init: Any = "normal",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.count, self.width = whole("count", count, 1), whole("width", width, 1)
        self.init, self.regularizer = resolve(init), check_regularizer(regularizer, "Embedding")
        self.trainable = flag("trainable", trainable, where="Embedding")

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        self.W = self.parameter(
            "W", (self.count, self.width), self.init,
            trainable=self.trainable, regularizer=self.regularizer,
        )  # fmt: skip

    def call(self, x: Tensor, training: bool) -> Tensor:
        if x.dtype != "int":
            raise GraphnetTypeError(f'{self.label} takes ints (dtype="int"), not {x.dtype}')
        return self.named("Z", take(self.W, x, axis=0))


class Activation(Layer):
    """An activation by itself.

    >>> Activation("relu")(input("x", (3,))).shape
    (3,)
    """

    counted = False

    def __init__(
        self, function: str | Callable[[Tensor], Tensor] | None, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.function = function_of(function)

    def call(self, x: Tensor, training: bool) -> Tensor:
        return self.named("A", self.function(x))


class Flatten(Layer):
    """All axes but the first made one, the last running fastest.

    >>> import graphnet as gn
    >>> gn.Flatten()(gn.input("x", ("batch", 2, 3))).shape
    (batch, 6)
    """

    counted = False

    def call(self, x: Tensor, training: bool) -> Tensor:
        if not x.shape:
            raise GraphnetError(f"{self.label} needs a first axis to keep, x has shape ()")
        if len(x.shape) == 2:
            return x
        return reshape(x, (x.shape[0], product(x.shape[1:])))


def uniform(layer: Layer, shape: Sequence[Extent], low: float = 0.0, high: float = 1.0) -> Tensor:
    """A random input `<name>_U` of a layer, drawn anew for every step from [low, high)."""
    name = f"{layer.name}_U" if layer.name else None
    draw = Distribution("uniform", (low, high))
    return Tensor(
        InputNode(shape=tuple(shape), name=name, made=True, label="uniform", distribution=draw)
    )


class Dropout(Layer):
    """In training an element is 0 with probability `rate`, else divided by 1 - rate.

    So the mean stays, and at inference the layer is the identity (Srivastava et al. 2014, in the
    inverted form). The mask is a random input, drawn anew for every step.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 3))
    >>> gn.Dropout(0.5)(x, training=True)
    dropout (batch, 3) = where(uniform[i,j] < 0.5, 0, 2*x[i,j])
    """

    counted = False

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = float(number("the rate of Dropout", rate, 0, 1))

    def call(self, x: Tensor, training: bool) -> Tensor:
        if not training or self.rate == 0:
            return x
        rate, u = repr(self.rate), uniform(self, x.shape)
        kept = formula(f"where(u < {rate}, 0, x/(1 - {rate}))", u=u, x=x)
        return Tensor(replace(kept.node, label="dropout"))


class Residual(Layer):
    """x + f(x), where f is layers one after another (He et al. 2016).

    >>> import graphnet as gn
    >>> gn.Residual(gn.Dense(3, activation="tanh"))(gn.input("x", ("batch", 3)))
    add (batch, 3) = x[i,j] + A1[i,j]
    """

    counted = False

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        super().__init__(name)
        for layer in layers:
            if not isinstance(layer, Layer):
                raise GraphnetTypeError(
                    f"a Residual is made of layers, Residual(a, b), not of {told(layer)}"
                )
        self.layers = layers

    @property
    def parameters(self) -> list[Tensor]:
        return [p for layer in self.layers for p in layer.parameters]

    @property
    def penalties(self) -> list[Tensor]:
        return [p for layer in self.layers for p in layer.penalties]

    def call(self, x: Tensor, training: bool) -> Tensor:
        y = x
        for layer in self.layers:
            y = layer.apply(y, training=training)
        if y.shape != x.shape:
            raise GraphnetError(
                f"{self.label} adds x {show_shape(x.shape)} to what its layers make of it, "
                f"which has another shape, {show_shape(y.shape)}"
            )
        total: Tensor = x + y
        return total

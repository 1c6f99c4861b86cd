"""Layers of windows: convolutions and poolings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.network.graph import show_shape
from graphnet.ops.activations import activation as function_of
from graphnet.ops.layer import Layer
from graphnet.ops.regularizers import Regularizer
from graphnet.ops.tensor import Tensor
from graphnet.ops.window_arguments import Padding, Sizes, each, whole
from graphnet.ops.windows import avg_pool2d, conv1d, conv2d, max_pool2d

__all__ = ["AveragePooling2D", "Conv1D", "Conv2D", "MaxPool2D"]


class _Conv(Layer):
    """A convolution, a bias and an activation; W is (filters, channels/groups, *size)."""

    axes: ClassVar[int]
    convolve: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        filters: int,
        size: Sizes,
        stride: Sizes = 1,
        padding: Padding = "valid",
        activation: str | Callable[[Tensor], Tensor] | None = None,
        use_bias: bool = True,
        init: Any = "glorot_uniform",
        bias_init: Any = "zeros",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
        *,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        self.filters = whole(filters, "filters", 1, kind)
        self.size = tuple(each(size, "size", 1, self.axes, kind))
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups = whole(groups, "groups", 1, kind)
        self.activation = function_of(activation)
        self.use_bias, self.init, self.bias_init = use_bias, init, bias_init
        self.regularizer, self.trainable = regularizer, trainable

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        shape = shapes[0]
        channels = shape[1] if len(shape) == self.axes + 2 else None
        if not isinstance(channels, int) or channels % self.groups or self.filters % self.groups:
            more = f"; channels and filters are multiples of groups = {self.groups}"
            raise GraphnetError(
                f"{self.label} takes (batch, channels, {'time' if self.axes == 1 else 'y, x'}) "
                f"with known channels, not {show_shape(shape)}{more if self.groups > 1 else ''}"
            )
        self.W = self.parameter(
            "W", (self.filters, channels // self.groups, *self.size), self.init,
            trainable=self.trainable, regularizer=self.regularizer,
        )  # fmt: skip
        self.b = (
            self.parameter("b", (self.filters,), self.bias_init, trainable=self.trainable)
            if self.use_bias else None
        )  # fmt: skip

    def call(self, x: Tensor, training: bool) -> Tensor:
        z = type(self).convolve(
            x, self.W, self.stride, self.padding, self.dilation, self.groups, b=self.b
        )
        return self.named("A", self.activation(self.named("Z", z)))


class Conv1D(_Conv):
    """conv1d(x, W) + b, then an activation, of x (batch, channels, time).

    `padding` is "valid", "same" or a number. W is (filters, channels, size).

    >>> import graphnet as gn
    >>> gn.Conv1D(8, 3, padding="same")(gn.input("x", ("batch", 2, 9))).shape
    (batch, 8, 9)
    """

    axes = 1
    convolve = staticmethod(conv1d)


class Conv2D(_Conv):
    """conv2d(x, W) + b, then an activation, of x (batch, channels, height, width).

    `padding` is "valid", "same", a number or a pair. W is (filters, channels, *size).

    >>> import graphnet as gn
    >>> layer = gn.Conv2D(8, 3, activation="relu")
    >>> a = layer(gn.input("x", ("batch", 1, 8, 8)))
    >>> a.name, a.shape, [p.name for p in layer.parameters]
    ('A1', (batch, 8, 6, 6), ['W1', 'b1'])
    """

    axes = 2
    convolve = staticmethod(conv2d)


class _Pool(Layer):
    counted = False
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, size: Sizes = 2, stride: Sizes | None = None, padding: Sizes = 0,
        name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name)
        self.size, self.stride, self.padding = size, stride, padding

    def call(self, x: Tensor, training: bool) -> Tensor:
        return type(self).pool(x, self.size, self.stride, self.padding)


class MaxPool2D(_Pool):
    """The largest of every window of x (batch, channels, height, width).

    >>> import graphnet as gn
    >>> gn.MaxPool2D(2)(gn.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 4, 4)
    """

    pool = staticmethod(max_pool2d)


class AveragePooling2D(_Pool):
    """The mean of every window of x (batch, channels, height, width).

    >>> import graphnet as gn
    >>> gn.AveragePooling2D(3, stride=2, padding=1)(gn.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 4, 4)
    """

    pool = staticmethod(avg_pool2d)

"""Layers of windows: convolutions and their transposes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from graphnet.arguments import flag, whole
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.network.nodes import show_shape
from graphnet.ops.activations import activation as function_of
from graphnet.ops.initializers import resolve
from graphnet.ops.layer import Layer
from graphnet.ops.regularizers import Regularizer, check_regularizer
from graphnet.ops.tensor import Tensor
from graphnet.ops.window_arguments import Padding, Sizes, each, layout_of, paddings
from graphnet.ops.windows import conv1d, conv1d_transpose, conv2d, conv2d_transpose

__all__ = ["Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Windows"]

Activation = str | Callable[[Tensor], Tensor] | None


class Windows(Layer):
    """A layer over images: where their channels stand."""

    axes: ClassVar[int]

    def __init__(self, layout: str | None, name: str | None) -> None:
        super().__init__(name)
        usual = "NCW" if self.axes == 1 else "NCHW"
        self.layout = usual if layout is None else layout
        self.form = layout_of(self.layout, self.axes, type(self).__name__)

    def wanted(self, shape: tuple[Extent, ...], more: str = "") -> GraphnetError:
        """That x is no image, or has channels of unknown number."""
        places = ["time"] if self.axes == 1 else ["y", "x"]
        axes = self.form.text("batch", "channels", places).replace(",", ", ")
        return GraphnetError(f"{self.label} takes ({axes}){more}, not {show_shape(shape)}")


class _Conv(Windows):
    """A convolution, a bias and an activation."""

    def __init__(
        self,
        filters: int,
        size: Sizes,
        stride: Sizes = 1,
        padding: Padding = "valid",
        activation: Activation = None,
        use_bias: bool = True,
        init: Any = "glorot_uniform",
        bias_init: Any = "zeros",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
        *,
        dilation: Sizes = 1,
        groups: int = 1,
        layout: str | None = None,
    ) -> None:
        super().__init__(layout, name)
        kind = type(self).__name__
        self.filters = whole("filters", filters, 1, where=kind)
        self.size = tuple(each(size, "size", 1, self.axes, kind))
        self.stride = tuple(each(stride, "stride", 1, self.axes, kind))
        self.dilation = tuple(each(dilation, "dilation", 1, self.axes, kind))
        self.padding = padding
        paddings(padding, [1] * self.axes, [1] * self.axes, [1] * self.axes, kind)
        self.groups = whole("groups", groups, 1, where=kind)
        self.activation = function_of(activation)
        self.use_bias = flag("use_bias", use_bias, where=kind)
        self.init, self.bias_init = resolve(init), resolve(bias_init)
        self.regularizer = check_regularizer(regularizer, kind)
        self.trainable = flag("trainable", trainable, where=kind)

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        shape = shapes[0]
        channels = self.form.channels(shape) if len(shape) == self.axes + 2 else None
        if not isinstance(channels, int) or channels % self.groups or self.filters % self.groups:
            more = f"; channels and filters are multiples of groups = {self.groups}"
            raise self.wanted(shape, " with known channels" + (more if self.groups > 1 else ""))
        self.W = self.parameter(
            "W", (*self.kernel(channels), *self.size), self.init, trainable=self.trainable,
            regularizer=self.regularizer,
        )  # fmt: skip
        self.b = (
            self.parameter("b", (self.filters,), self.bias_init, trainable=self.trainable)
            if self.use_bias else None
        )  # fmt: skip

    def kernel(self, channels: int) -> tuple[int, int]:
        """The first two axes of W."""
        return self.filters, channels // self.groups

    def call(self, x: Tensor, training: bool) -> Tensor:
        return self.named("A", self.activation(self.named("Z", self.convolved(x))))

    def convolved(self, x: Tensor) -> Tensor:
        convolve = conv1d if self.axes == 1 else conv2d
        return convolve(
            x, self.W, self.stride, self.padding, self.dilation, self.groups, b=self.b,
            layout=self.layout,
        )  # fmt: skip


class Conv1D(_Conv):
    """conv1d(x, W) + b, then an activation, of x (batch, channels, time), or with layout="NWC"
    (batch, time, channels).

    `padding` is "valid", "same", a number or a pair (before, after). W is
    (filters, channels/groups, size).

    >>> import graphnet as gn
    >>> gn.Conv1D(8, 3, padding="same")(gn.input("x", ("batch", 2, 9))).shape
    (batch, 8, 9)
    """

    axes = 1


class Conv2D(_Conv):
    """conv2d(x, W) + b, then an activation, of x (batch, channels, height, width), or with
    layout="NHWC" (batch, height, width, channels).

    `padding` is "valid", "same", a number or a pair. W is (filters, channels/groups, *size).

    >>> import graphnet as gn
    >>> layer = gn.Conv2D(8, 3, activation="relu")
    >>> a = layer(gn.input("x", ("batch", 1, 8, 8)))
    >>> a.name, a.shape, [p.name for p in layer.parameters]
    ('A1', (batch, 8, 6, 6), ['W1', 'b1'])
    >>> gn.Conv2D(8, 3, layout="NHWC")(gn.input("x", ("batch", 8, 8, 1))).shape
    (batch, 6, 6, 8)
    """

    axes = 2


class _ConvTranspose(_Conv):
    def __init__(
        self,
        filters: int,
        size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        activation: Activation = None,
        use_bias: bool = True,
        init: Any = "glorot_uniform",
        bias_init: Any = "zeros",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
        *,
        output_padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        layout: str | None = None,
    ) -> None:
        super().__init__(
            filters, size, stride, padding, activation, use_bias, init, bias_init, regularizer,
            trainable, name, dilation=dilation, groups=groups, layout=layout,
        )  # fmt: skip
        kind = type(self).__name__
        self.crop = tuple(each(padding, "padding", 0, self.axes, kind))
        self.output_padding = tuple(each(output_padding, "output_padding", 0, self.axes, kind))

    def kernel(self, channels: int) -> tuple[int, int]:
        return channels, self.filters // self.groups

    def convolved(self, x: Tensor) -> Tensor:
        convolve = conv1d_transpose if self.axes == 1 else conv2d_transpose
        return convolve(
            x, self.W, self.stride, self.crop, self.output_padding, self.dilation, self.groups,
            b=self.b, layout=self.layout,
        )  # fmt: skip


class Conv1DTranspose(_ConvTranspose):
    """conv1d_transpose(x, W) + b, then an activation. W is (channels, filters/groups, size).

    >>> import graphnet as gn
    >>> gn.Conv1DTranspose(2, 3, stride=2)(gn.input("x", ("batch", 4, 5))).shape
    (batch, 2, 11)
    """

    axes = 1


class Conv2DTranspose(_ConvTranspose):
    """conv2d_transpose(x, W) + b, then an activation. W is (channels, filters/groups, *size).

    With stride 2, size 2 an image grows to twice its height and width.

    >>> import graphnet as gn
    >>> gn.Conv2DTranspose(2, 2, stride=2)(gn.input("x", ("batch", 4, 5, 5))).shape
    (batch, 2, 10, 10)
    """

    axes = 2

"""Layers of poolings, over windows and over all places."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from graphnet.arguments import flag
from graphnet.ops.pools import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from graphnet.ops.reductions import max as maximum_over
from graphnet.ops.reductions import mean
from graphnet.ops.tensor import Tensor
from graphnet.ops.window_arguments import Sizes, each
from graphnet.ops.window_layers import Windows

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalMaxPool1D", "GlobalMaxPool2D", "MaxPool1D", "MaxPool2D",
]  # fmt: skip


class _Pool(Windows):
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, size: Sizes = 2, stride: Sizes | None = None, padding: Sizes = 0,
        name: str | None = None, *, layout: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(layout, name)
        kind = type(self).__name__
        self.size = tuple(each(size, "size", 1, self.axes, kind))
        self.stride = None if stride is None else tuple(each(stride, "stride", 1, self.axes, kind))
        self.padding = tuple(each(padding, "padding", 0, self.axes, kind))

    def call(self, x: Tensor, training: bool) -> Tensor:
        return type(self).pool(x, self.size, self.stride, self.padding, layout=self.layout)


class MaxPool1D(_Pool):
    """The largest of every window of x (batch, channels, time); windows step by their size.

    >>> import graphnet as gn
    >>> gn.MaxPool1D(2)(gn.input("x", ("batch", 3, 9))).shape
    (batch, 3, 4)
    """

    axes, pool = 1, staticmethod(max_pool1d)


class MaxPool2D(_Pool):
    """The largest of every window of x (batch, channels, height, width).

    >>> import graphnet as gn
    >>> gn.MaxPool2D(2)(gn.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 4, 4)
    """

    axes, pool = 2, staticmethod(max_pool2d)


class _Mean(_Pool):
    def __init__(
        self, size: Sizes = 2, stride: Sizes | None = None, padding: Sizes = 0,
        name: str | None = None, *, count_include_pad: bool = True, layout: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, stride, padding, name, layout=layout)
        kind = type(self).__name__
        self.count_include_pad = flag("count_include_pad", count_include_pad, where=kind)

    def call(self, x: Tensor, training: bool) -> Tensor:
        return type(self).pool(
            x, self.size, self.stride, self.padding, self.count_include_pad, layout=self.layout
        )


class AveragePooling1D(_Mean):
    """The mean of every window of x (batch, channels, time).

    >>> import graphnet as gn
    >>> gn.AveragePooling1D(2)(gn.input("x", ("batch", 3, 8))).shape
    (batch, 3, 4)
    """

    axes, pool = 1, staticmethod(avg_pool1d)


class AveragePooling2D(_Mean):
    """The mean of every window of x (batch, channels, height, width).

    >>> import graphnet as gn
    >>> gn.AveragePooling2D(3, stride=2, padding=1)(gn.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3, 4, 4)
    """

    axes, pool = 2, staticmethod(avg_pool2d)


class _Global(Windows):
    reduce: ClassVar[Callable[..., Tensor]]

    def __init__(self, name: str | None = None, *, layout: str | None = None) -> None:
        super().__init__(layout, name)

    def call(self, x: Tensor, training: bool) -> Tensor:
        if x.ndim != self.axes + 2:
            raise self.wanted(x.shape)
        first = 1 if self.form.last else 2
        return type(self).reduce(x, axis=tuple(range(first, first + self.axes)))


class GlobalMaxPool1D(_Global):
    """The largest of every channel over time: (batch, channels).

    >>> import graphnet as gn
    >>> gn.GlobalMaxPool1D()(gn.input("x", ("batch", 3, 9))).shape
    (batch, 3)
    """

    axes, reduce = 1, staticmethod(maximum_over)


class GlobalMaxPool2D(_Global):
    """The largest of every channel over the image: (batch, channels).

    >>> import graphnet as gn
    >>> gn.GlobalMaxPool2D()(gn.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3)
    """

    axes, reduce = 2, staticmethod(maximum_over)


class GlobalAveragePooling1D(_Global):
    """The mean of every channel over time: (batch, channels).

    >>> import graphnet as gn
    >>> gn.GlobalAveragePooling1D()(gn.input("x", ("batch", 3, 9))).shape
    (batch, 3)
    """

    axes, reduce = 1, staticmethod(mean)


class GlobalAveragePooling2D(_Global):
    """The mean of every channel over the image: (batch, channels). Lin et al. 2013.

    >>> import graphnet as gn
    >>> gn.GlobalAveragePooling2D()(gn.input("x", ("batch", 3, 8, 8))).shape
    (batch, 3)
    """

    axes, reduce = 2, staticmethod(mean)

"""Layers that normalize: over a sample's own axes, in groups of channels, or over the batch.

Each has a gain `g` that starts at 1 and a bias `b` that starts at 0, and computes one of the
functions of `norms`.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.arguments import flag, number, whole
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.network.nodes import show_shape
from graphnet.ops.layer import Layer
from graphnet.ops.norms import batch_norm, batch_statistics, group_norm, layer_norm, rms_norm
from graphnet.ops.reductions import Axis, axes_of, one_axis
from graphnet.ops.tensor import Tensor, apply

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Norm(Layer):
    """A normalization with a gain and a bias along some axes."""

    def __init__(
        self, axis: Axis, eps: float, use_bias: bool, trainable: bool, name: str | None
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        self.axis, self.eps = axis, number("eps", eps, 0, where=kind)
        self.use_bias = flag("use_bias", use_bias, where=kind)
        self.trainable = flag("trainable", trainable, where=kind)

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        (shape,) = shapes
        own = tuple(shape[a] for a in self.own_axes(shape))
        if not all(isinstance(e, int) for e in own):
            raise GraphnetError(
                f"{self.label} normalizes axes of known size, x has {show_shape(shape)}"
            )
        self.g = self.parameter("g", own, "ones", trainable=self.trainable)
        self.b = (
            self.parameter("b", own, "zeros", trainable=self.trainable) if self.use_bias else None
        )

    def own_axes(self, shape: Sequence[Extent]) -> tuple[int, ...]:
        """The axes along which gain and bias lie."""
        return axes_of(self.axis, len(shape), self.label)


class LayerNorm(_Norm):
    """layer_norm(x)*g + b over the axes `axis`. Ba et al. 2016.

    >>> import graphnet as gn
    >>> layer = gn.LayerNorm()
    >>> layer(gn.input("x", ("batch", 8))).name, [p.name for p in layer.parameters]
    ('Z1', ['g1', 'b1'])
    """

    def __init__(
        self, axis: Axis = -1, eps: float = 1e-5, use_bias: bool = True, trainable: bool = True,
        name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(axis, eps, use_bias, trainable, name)

    def call(self, x: Tensor, training: bool) -> Tensor:
        return self.named("Z", layer_norm(x, self.g, self.b, self.eps, self.axis))


class RMSNorm(_Norm):
    """rms_norm(x)*g over the axes `axis`, without mean and bias. Zhang and Sennrich 2019.

    >>> import graphnet as gn
    >>> layer = gn.RMSNorm()
    >>> layer(gn.input("x", ("batch", 8))).name, [p.name for p in layer.parameters]
    ('Z1', ['g1'])
    """

    def __init__(
        self, axis: Axis = -1, eps: float = 1e-5, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(axis, eps, False, trainable, name)

    def call(self, x: Tensor, training: bool) -> Tensor:
        return self.named("Z", rms_norm(x, self.g, self.eps, self.axis))


class GroupNorm(_Norm):
    """group_norm(x, groups)*g + b, the channels being axis 1. Wu and He 2018.

    >>> import graphnet as gn
    >>> layer = gn.GroupNorm(2)
    >>> layer(gn.input("x", ("batch", 6, 4, 4))).shape, [p.shape for p in layer.parameters]
    ((batch, 6, 4, 4), [(6,), (6,)])
    """

    def __init__(
        self, groups: int, eps: float = 1e-5, use_bias: bool = True, trainable: bool = True,
        name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(1, eps, use_bias, trainable, name)
        self.groups = whole("groups", groups, 1, where="GroupNorm")

    def call(self, x: Tensor, training: bool) -> Tensor:
        return self.named("Z", group_norm(x, self.groups, self.g, self.b, self.eps))


class BatchNorm(_Norm):
    """batch_norm(x)*g + b, a mean and a variance for every channel along `axis`.

    In training they are the batch's, and the running ones take a share of them:

        mean' = momentum*mean + (1 - momentum)*m
        var'  = momentum*var  + (1 - momentum)*s*n/(n - 1)

    m and s being mean and variance of the n elements of a channel. At inference, and always where
    the layer is not trainable, the running ones stand in their place. torch's `momentum` is
    1 - momentum here. Ioffe and Szegedy 2015, algorithm 2.

    >>> import graphnet as gn
    >>> x, layer = gn.input("x", ("batch", 8)), gn.BatchNorm()
    >>> layer(x)
    Z1 (batch, 8) = (x[i,j] - mean1[j])*r[j]*g1[j] + b1[j]
    >>> layer(x, training=True)
    Z1 (batch, 8) = (x[i,j] - mean[j])*r[j]*g1[j] + b1[j]
    """

    def __init__(
        self, axis: int = 1, momentum: float = 0.9, eps: float = 1e-5, use_bias: bool = True,
        trainable: bool = True, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(axis, eps, use_bias, trainable, name)
        whole("axis", axis, where="BatchNorm")
        self.momentum = float(number("the momentum of BatchNorm", momentum, 0, 1))

    def own_axes(self, shape: Sequence[Extent]) -> tuple[int, ...]:
        assert isinstance(self.axis, int)
        return (one_axis(self.axis, len(shape), self.label),)

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        super().build(*shapes)
        self.mean = self.state("mean", self.g.shape, "zeros")
        self.var = self.state("var", self.g.shape, "ones")

    def call(self, x: Tensor, training: bool) -> Tensor:
        (axis,) = self.own_axes(x.shape)
        mean, variance = self.mean, self.var
        if training and self.trainable:
            mean, variance, unbiased = batch_statistics(x, axis)
            self.renew(self.mean, self._moved(self.mean, mean))
            self.renew(self.var, self._moved(self.var, unbiased))
        z = batch_norm(x, self.g, self.b, self.eps, axis, mean, variance)
        return self.named("Z", z)

    def _moved(self, old: Tensor, new: Tensor) -> Tensor:
        keep = {"old": old, "new": new, "keep": self.momentum}
        return apply("keep*old + (1 - keep)*new", keep, label="running")

"""Positions: what tells attention where in a sequence an element stands."""

from __future__ import annotations

from typing import Any

from graphnet.arguments import flag, one_of, whole
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.network.nodes import show_shape
from graphnet.ops.initializers import resolve
from graphnet.ops.layer import Layer, require_width
from graphnet.ops.regularizers import Regularizer, check_regularizer
from graphnet.ops.tensor import Tensor, apply

__all__ = ["PositionalEncoding", "sinusoidal"]

KINDS = ("learned", "sinusoidal")


def sinusoidal(length: int, width: int) -> Tensor:
    """Sines and cosines of every position, (length, width), of wavelengths 2*pi to 20000*pi.

    P[t,2k] = sin(t/10000**(2k/width)), P[t,2k+1] = cos of the same. Vaswani et al. 2017, 3.5.

    >>> sinusoidal(3, 4).shape
    (3, 4)
    """
    length, width = (
        whole("length", length, 0, where="sinusoidal"),
        whole("width", width, 1, where="sinusoidal"),
    )
    angle = f"t/10000**(2*k/{width})"
    text = (
        f"P[t,2*k + r] += where(r == 0, sin({angle}), cos({angle})), t < {length}, "
        f"k < {(width + 1) // 2}, r < 2, shape({length}, {width})"
    )
    return apply(text, {}, label="sinusoidal")


class PositionalEncoding(Layer):
    """x[...,t,d] + P[t,d]: every position of a sequence (batch, time, features) gets its own mark.

    `kind` is "learned", P being a parameter W (time, features), or "sinusoidal".

    >>> import graphnet as gn
    >>> gn.PositionalEncoding()(gn.input("x", ("batch", 5, 8)))
    Z1 (batch, 5, 8) = x[i,j,k] + W1[j,k]
    """

    def __init__(
        self, kind: str = "learned", init: Any = "normal",
        regularizer: Regularizer | None = None, trainable: bool = True, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name)
        self.kind = one_of("the kind of a PositionalEncoding", kind, KINDS)
        self.init = resolve(init)
        self.regularizer = check_regularizer(regularizer, "PositionalEncoding")
        self.trainable = flag("trainable", trainable, where="PositionalEncoding")

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        (shape,) = shapes
        width = require_width(self, shape)
        length = shape[-2] if len(shape) > 1 else None
        if not isinstance(length, int):
            raise GraphnetError(
                f"{self.label} takes (batch, time, features) with a known number of steps, not "
                f"{show_shape(shape)}"
            )
        self.P = (
            sinusoidal(length, width) if self.kind == "sinusoidal" else
            self.parameter(
                "W", (length, width), self.init, trainable=self.trainable,
                regularizer=self.regularizer,
            )
        )  # fmt: skip

    def call(self, x: Tensor, training: bool) -> Tensor:
        if x.shape[-2:] != self.P.shape:
            raise GraphnetError(
                f"{self.label} was built for {show_shape(self.P.shape)} steps and features, x has "
                f"{show_shape(x.shape)}"
            )
        return self.named("Z", x + self.P)

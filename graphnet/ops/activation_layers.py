"""Activations that hold something: a trained slope, a random one."""

from __future__ import annotations

from graphnet.arguments import number
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.ops.define import build, formula
from graphnet.ops.layer import Layer, require_width
from graphnet.ops.layers import uniform
from graphnet.ops.tensor import Tensor

__all__ = ["PReLU", "RReLU"]


class PReLU(Layer):
    """where(x > 0, x, a*x) with a slope a that is trained, one a unit (He et al. 2015).

    >>> import graphnet as gn
    >>> gn.PReLU()(gn.input("x", ("batch", 3)))
    A1 (batch, 3) = where(x[i,j] > 0, x[i,j], x[i,j]*a1[j])
    """

    def __init__(self, init: float = 0.25, name: str | None = None) -> None:
        super().__init__(name)
        self.init = number("the first slope of PReLU", init)

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        self.a = self.parameter("a", (require_width(self, shapes[0]),), self.init)

    def call(self, x: Tensor, training: bool) -> Tensor:
        return self.named("A", formula("where(x > 0, x, a*x)", x=x, a=self.a))


class RReLU(Layer):
    """where(x > 0, x, s*x): in training s is drawn anew for every element from [low, high).

    At inference s is the middle of the range (Xu et al. 2015).

    >>> import graphnet as gn
    >>> gn.RReLU(0.125, 0.375)(gn.input("x", ("batch", 3)))
    rrelu (batch, 3) = where(x[i,j] > 0, x[i,j], 0.25*x[i,j])
    """

    counted = False

    def __init__(self, low: float = 1 / 8, high: float = 1 / 3, name: str | None = None) -> None:
        super().__init__(name)
        self.low, self.high = number("low", low), number("high", high)
        if not self.low <= self.high:
            raise GraphnetError(f"RReLU draws from [low, high), not from [{low!r}, {high!r})")

    def call(self, x: Tensor, training: bool) -> Tensor:
        if not training:
            middle = repr((self.low + self.high) / 2)
            return build(f"where(x > 0, x, {middle}*x)", {"x": x}, label="rrelu")
        slopes = uniform(self, x.shape, self.low, self.high)
        return build("where(x > 0, x, s*x)", {"x": x, "s": slopes}, label="rrelu")

"""Poolings, each one formula over windows; arguments mean what they mean in torch.

>>> from graphnet.ops.define import input
>>> max_pool2d(input("X", ("batch", 3, 8, 8)), 2)
max_pool2d (batch, 3, 4, 4) = Max(X[n,c,2*y + u,2*x + v], u, v), y < 4, x < 4, u < 2, v < 2
"""

from __future__ import annotations

from math import prod

from graphnet.arguments import flag
from graphnet.errors import GraphnetError
from graphnet.formula.extent import show_extent
from graphnet.ops.tensor import Tensor, TensorLike, apply
from graphnet.ops.window_arguments import Axis, Sizes, each, layout_of, letters, positive, ranked

__all__ = ["avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"]


def max_pool1d(
    x: TensorLike, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, *,
    layout: str = "NCW",
) -> Tensor:  # fmt: skip
    """`max_pool2d` along one axis: x (batch, channels, time).

    >>> from graphnet.ops.define import input
    >>> max_pool1d(input("X", ("batch", 3, 9)), 2).shape
    (batch, 3, 4)
    """
    return _max("max_pool1d", x, size, stride, padding, layout, 1)


def max_pool2d(
    x: TensorLike, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, *,
    layout: str = "NCHW",
) -> Tensor:  # fmt: skip
    """The largest of every window; ties share the slope evenly. Windows step by `size`.

    x is (batch, channels, height, width), or with layout "NHWC" has its channels last. Padded
    places are -oo, so no window may be all padding: more than half the size is refused. A last
    window that would not be full is left out. Zhou and Chellappa 1988.

    >>> from graphnet.ops.define import input
    >>> max_pool2d(input("X", ("batch", 3, 7, 7)), 3, stride=2, padding=1).shape
    (batch, 3, 4, 4)
    """
    return _max("max_pool2d", x, size, stride, padding, layout, 2)


def avg_pool1d(
    x: TensorLike, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    count_include_pad: bool = True, *, layout: str = "NCW",
) -> Tensor:  # fmt: skip
    """`avg_pool2d` along one axis: x (batch, channels, time).

    >>> from graphnet.ops.define import input
    >>> avg_pool1d(input("X", ("batch", 3, 9)), 3, stride=1, padding=1).shape
    (batch, 3, 9)
    """
    return _mean("avg_pool1d", x, size, stride, padding, count_include_pad, layout, 1)


def avg_pool2d(
    x: TensorLike, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    count_include_pad: bool = True, *, layout: str = "NCHW",
) -> Tensor:  # fmt: skip
    """The mean of every window; padded places count as 0s, or not at all. LeCun et al. 1989.

    >>> from graphnet.ops.define import input
    >>> avg_pool2d(input("X", ("batch", 3, 8, 8)), 2, stride=1).shape
    (batch, 3, 7, 7)
    """
    return _mean("avg_pool2d", x, size, stride, padding, count_include_pad, layout, 2)


def _max(
    where: str, x: TensorLike, size: Sizes, stride: Sizes | None, padding: Sizes, layout: str,
    rank: int,
) -> Tensor:  # fmt: skip
    pool = _Pool(where, x, size, stride, padding, layout, rank)
    read = f"where({pool.inside}, {pool.read}, -oo)" if pool.inside else pool.read
    text = f"{pool.target} = Max({read}, {pool.loops}){pool.bounds}"
    return apply(text, {"X": pool.x}, label=where)


def _mean(
    where: str, x: TensorLike, size: Sizes, stride: Sizes | None, padding: Sizes,
    count_include_pad: bool, layout: str, rank: int,
) -> Tensor:  # fmt: skip
    pool = _Pool(where, x, size, stride, padding, layout, rank)
    count, first = str(prod(axis.size for axis in pool.axes)), ""
    if pool.inside and not flag("count_include_pad", count_include_pad, where=where):
        count = f"C[{pool.places}]"
        first = f"{count} = Sum(where({pool.inside}, 1, 0), {pool.loops}){pool.bounds}; "
    text = f"{first}{pool.target} = Sum({pool.read}/{count}, {pool.loops}){pool.bounds}"
    return apply(text, {"X": pool.x}, label=where)


class _Pool:
    """The parts of the formula of a pooling."""

    def __init__(
        self, where: str, x: TensorLike, size: Sizes, stride: Sizes | None, padding: Sizes,
        layout: str, rank: int,
    ) -> None:  # fmt: skip
        self.x = ranked(x, "x", rank + 2, where)
        form = layout_of(layout, rank, where)
        sizes = each(size, "size", 1, rank, where)
        steps = sizes if stride is None else each(stride, "stride", 1, rank, where)
        padded = each(padding, "padding", 0, rank, where)
        for k, p in zip(sizes, padded, strict=True):
            if 2 * p > k:
                raise GraphnetError(
                    f"padding is at most half the window, not {p} of {k}: a window would be all "
                    "padding", where=where,
                )  # fmt: skip
        self.axes = [
            Axis(e, k, s, 1, p, p)
            for e, k, s, p in zip(form.places(self.x.shape), sizes, steps, padded, strict=True)
        ]
        n, c, *rest = letters("n c y x u v", self.x)
        places, inner = rest[:rank], rest[2 : 2 + rank]
        counts = [positive(axis.count, axis, self.x, where) for axis in self.axes]
        at = [axis.at(i, k) for axis, i, k in zip(self.axes, places, inner, strict=True)]
        self.places, self.loops = ",".join(places), ", ".join(inner)
        self.target = f"Y[{form.text(n, c, places)}]"
        self.read = f"X[{form.text(n, c, at)}]"
        runs = zip((*places, *inner), [*counts, *sizes], strict=True)
        self.bounds = "".join(f", {index} < {show_extent(e)}" for index, e in runs)
        self.inside = " and ".join(
            f"{place} >= 0 and {place} < {show_extent(axis.length)}"
            for place, axis in zip(at, self.axes, strict=True) if axis.before
        )  # fmt: skip

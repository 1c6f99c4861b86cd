"""Convolutions and poolings, each one formula over windows; arguments mean what they mean in torch.

Images are (batch, channels, height, width), sequences (batch, channels, time). An element of a
window is read at stride*y + dilation*u - padding; what lies outside counts as 0.

>>> from graphnet.ops.define import input
>>> X, W = input("X", ("batch", 3, 8, 8)), input("W", (4, 3, 3, 3))
>>> conv2d(X, W, stride=2, padding=1).shape
(batch, 4, 4, 4)
>>> max_pool2d(X, 2)
max_pool2d (batch, 3, 4, 4) = Max(X[n,c,2*y + u,2*x + v], u, v), y < 4, x < 4, u < 2, v < 2
"""

from __future__ import annotations

from graphnet.errors import GraphnetError
from graphnet.formula import extent as ext
from graphnet.formula.extent import show_extent
from graphnet.network.graph import show_shape
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor
from graphnet.ops.window_arguments import (
    Axis,
    Padding,
    Sizes,
    check_channels,
    each,
    known,
    letters,
    paddings,
    positive,
    ranked,
    whole,
)  # fmt: skip

__all__ = ["avg_pool2d", "conv1d", "conv2d", "conv2d_transpose", "max_pool2d"]


def conv1d(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1,
    groups: int = 1, *, b: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Y[n,o,y] = Sum(X[n,c,stride*y + dilation*u - padding]*W[o,c,u], c, u) + b[o].

    x is (batch, channels, time), w (filters, channels/groups, size), b (filters,). `padding` is a
    number, a pair (before, after), "valid" (none) or "same" (as long as x, for stride 1).
    Waibel et al. 1989. Raises GraphnetError where sizes do not fit.

    >>> from graphnet.ops.define import input
    >>> conv1d(input("X", ("batch", 2, 9)), input("W", (4, 2, 3)), padding="same").shape
    (batch, 4, 9)
    """
    return _conv("conv1d", x, w, b, stride, padding, dilation, groups, 1)


def conv2d(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1,
    groups: int = 1, *, b: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """`conv1d` over two axes: x (batch, channels, height, width), w (filters, channels, h, w).

    Every argument is a number or a pair (height, width); an element of the pair `padding` may be
    a pair (before, after). LeCun et al. 1989; groups of Krizhevsky et al. 2012.

    >>> from graphnet.ops.define import input
    >>> conv2d(input("X", ("batch", 3, 8, 8)), input("W", (6, 1, 3, 3)), groups=3).shape
    (batch, 6, 6, 6)
    """
    return _conv("conv2d", x, w, b, stride, padding, dilation, groups, 2)


def conv2d_transpose(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, dilation: Sizes = 1, groups: int = 1, *,
    b: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Writes where conv2d reads: Y[n,o,stride*y + dilation*u - padding, ...] += X[n,c,y,..]*W[c,o,u,..].

    w is (channels, filters/groups, height, width). A window of stride s that fits y times covers
    s*(y - 1) + dilation*(size - 1) + 1 places, less the padding on both sides; `output_padding`
    adds places at the end. Zeiler et al. 2010.

    >>> from graphnet.ops.define import input
    >>> conv2d_transpose(input("X", ("batch", 3, 4, 4)), input("W", (3, 2, 3, 3)), stride=2).shape
    (batch, 2, 9, 9)
    """  # noqa: E501
    where = "conv2d_transpose"
    X, W = ranked(x, "x", 4, where), ranked(w, "w", 4, where)
    groups = whole(groups, "groups", 1, where)
    filters = known(W.shape[1], "the filters of w", where)
    check_channels(X, W, X.shape[1], W.shape[0], groups, where)
    more = each(output_padding, "output_padding", 0, 2, where)
    strides = each(stride, "stride", 1, 2, where)
    dilations = each(dilation, "dilation", 1, 2, where)
    padded = each(padding, "padding", 0, 2, where)
    axes, lengths = [], []
    for a, (s, d, p, m) in enumerate(zip(strides, dilations, padded, more, strict=True)):
        size = known(W.shape[a + 2], "the window of w", where)
        if m >= max(s, d):
            raise GraphnetError(
                f"output_padding is less than stride or dilation, not {m} with {s} and {d}",
                where=where,
            )
        axes.append(Axis(X.shape[a + 2], size, s, d, p, p))
        covered = ext.add(ext.mul(s, ext.sub(X.shape[a + 2], 1)), d * (size - 1) + 1 + m - 2 * p)
        lengths.append(positive(covered, axes[a], X, where))
    n, g, o, c, y, x_, u, v = letters("n g o c y x u v", X, W)
    at = [axis.at(i, k) for axis, i, k in zip(axes, (y, x_), (u, v), strict=True)]
    shape = [X.shape[0], groups * filters, *lengths]
    read, write, bounds = c, o, ""
    if groups > 1:
        inner = known(W.shape[0], "the channels of w", where) // groups
        read, write = f"{inner}*{g} + {c}", f"{filters}*{g} + {o}"
        bounds = f", {g} < {groups}, {c} < {inner}"
    text = (
        f"Y[{n},{write},{','.join(at)}] += X[{n},{read},{y},{x_}]*W[{read},{o},{u},{v}]{bounds}, "
        f"shape ({', '.join(map(show_extent, shape))})"
    )
    return _with_bias(apply(text, {"X": X, "W": W}, label=where), b, where)


def max_pool2d(
    x: TensorLike, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0
) -> Tensor:
    """The largest of every window; ties share the slope evenly. Windows step by `size`.

    Padded places are -oo, so no window may be all padding: more than half the size is refused.
    Zhou and Chellappa 1988.

    >>> from graphnet.ops.define import input
    >>> max_pool2d(input("X", ("batch", 3, 7, 7)), 3, stride=2, padding=1).shape
    (batch, 3, 4, 4)
    """
    pool = _Pool(x, size, stride, padding, "max_pool2d")
    read = f"where({pool.inside}, {pool.read}, -oo)" if pool.inside else pool.read
    text = f"{pool.target} = Max({read}, {pool.loops}){pool.bounds}"
    return apply(text, {"X": pool.x}, label="max_pool2d")


def avg_pool2d(
    x: TensorLike, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of every window; padded places count as 0s, or not at all. LeCun et al. 1989.

    >>> from graphnet.ops.define import input
    >>> avg_pool2d(input("X", ("batch", 3, 8, 8)), 2, stride=1).shape
    (batch, 3, 7, 7)
    """
    pool = _Pool(x, size, stride, padding, "avg_pool2d")
    count, first = str(pool.axes[0].size * pool.axes[1].size), ""
    if pool.inside and not count_include_pad:
        count = f"C[{pool.places}]"
        first = f"{count} = Sum(where({pool.inside}, 1, 0), {pool.loops}){pool.bounds}; "
    text = f"{first}{pool.target} = Sum({pool.read}/{count}, {pool.loops}){pool.bounds}"
    return apply(text, {"X": pool.x}, label="avg_pool2d")


class _Pool:
    """The parts of the formula of a pooling."""

    def __init__(
        self, x: TensorLike, size: Sizes, stride: Sizes | None, padding: Sizes, where: str
    ) -> None:
        self.x = ranked(x, "x", 4, where)
        sizes = each(size, "size", 1, 2, where)
        steps = sizes if stride is None else each(stride, "stride", 1, 2, where)
        padded = each(padding, "padding", 0, 2, where)
        for k, p in zip(sizes, padded, strict=True):
            if 2 * p > k:
                raise GraphnetError(
                    f"padding is at most half the window, not {p} of {k}: a window would be all "
                    "padding", where=where,
                )  # fmt: skip
        self.axes = [
            Axis(e, k, s, 1, p, p)
            for e, k, s, p in zip(self.x.shape[2:], sizes, steps, padded, strict=True)
        ]
        n, c, y, x_, u, v = letters("n c y x u v", self.x)
        counts = [positive(axis.count, axis, self.x, where) for axis in self.axes]
        at = [axis.at(i, k) for axis, i, k in zip(self.axes, (y, x_), (u, v), strict=True)]
        self.places, self.loops = f"{y},{x_}", f"{u}, {v}"
        self.target = f"Y[{n},{c},{self.places}]"
        self.read = f"X[{n},{c},{','.join(at)}]"
        runs = zip((y, x_, u, v), [*counts, *sizes], strict=True)
        self.bounds = "".join(f", {index} < {show_extent(e)}" for index, e in runs)
        self.inside = " and ".join(
            f"{place} >= 0 and {place} < {show_extent(axis.length)}"
            for place, axis in zip(at, self.axes, strict=True) if axis.before
        )  # fmt: skip


def _conv(
    where: str, x: TensorLike, w: TensorLike, b: TensorLike | None, stride: Sizes,
    padding: Padding, dilation: Sizes, groups: int, rank: int,
) -> Tensor:  # fmt: skip
    X, W = ranked(x, "x", rank + 2, where), ranked(w, "w", rank + 2, where)
    groups = whole(groups, "groups", 1, where)
    check_channels(X, W, X.shape[1], W.shape[1], groups, where, split=True)
    strides = each(stride, "stride", 1, rank, where)
    dilations = each(dilation, "dilation", 1, rank, where)
    sizes = [known(e, "the window of w", where) for e in W.shape[2:]]
    padded = paddings(padding, sizes, strides, dilations, where)
    axes = [
        Axis(e, k, s, d, *p)
        for e, k, s, d, p in zip(X.shape[2:], sizes, strides, dilations, padded, strict=True)
    ]
    n, g, o, c, *rest = letters("n g o c y x u v", X, W)
    places, inner = rest[:rank], rest[2 : 2 + rank]
    counts = [positive(axis.count, axis, X, where) for axis in axes]
    at = ",".join(axis.at(i, k) for axis, i, k in zip(axes, places, inner, strict=True))
    runs = "".join(f", {i} < {show_extent(e)}" for i, e in zip(places, counts, strict=True))
    y, window, loops = ",".join(places), ",".join(inner), ", ".join([c, *inner])
    if groups == 1:
        text = f"Y[{n},{o},{y}] = Sum(X[{n},{c},{at}]*W[{o},{c},{window}], {loops}){runs}"
    else:
        channels = known(W.shape[1], "the channels of w", where)
        filters = known(W.shape[0], "the filters of w", where)
        own = f"{filters // groups}*{g} + {o}"
        shape = ", ".join(show_extent(e) for e in (X.shape[0], filters, *counts))
        text = (
            f"G[{n},{g},{o},{y}] = Sum(X[{n},{channels}*{g} + {c},{at}]*W[{own},{c},{window}], "
            f"{loops}), {g} < {groups}, {o} < {filters // groups}{runs}; "
            f"Y[{n},{own},{y}] += G[{n},{g},{o},{y}], shape ({shape})"
        )
    return _with_bias(apply(text, {"X": X, "W": W}, label=where), b, where)


def _with_bias(z: Tensor, b: TensorLike | None, where: str) -> Tensor:
    if b is None:
        return z
    b = as_tensor(b)
    if b.shape != z.shape[1:2]:
        raise GraphnetError(
            f"b has one number a filter, {show_shape(z.shape[1:2])}, not {show_shape(b.shape)}",
            where=where,
        )
    axes = ",".join(letters("n o y x", z)[: z.ndim])
    text = f"Y[{axes}] = Z[{axes}] + b[{axes.split(',')[1]}]"
    return apply(text, {"Z": z, "b": b}, label=where)

"""Convolutions, each one formula over windows; arguments mean what they mean in torch.

Images are (batch, channels, height, width), sequences (batch, channels, time); with
`layout="NHWC"` ("NWC") the channels stand last. An element of a window is read at
stride*y + dilation*u - padding; what lies outside counts as 0.

>>> from graphnet.ops.define import input
>>> X, W = input("X", ("batch", 3, 8, 8)), input("W", (4, 3, 3, 3))
>>> conv2d(X, W, stride=2, padding=1).shape
(batch, 4, 4, 4)
>>> conv2d(X, W)
conv2d (batch, 4, 6, 6) = Sum(X[n,c,y + u,x + v]*W[o,c,u,v], c, u, v), y < 6, x < 6
"""

from __future__ import annotations

from graphnet.arguments import whole
from graphnet.errors import GraphnetError
from graphnet.formula import extent as ext
from graphnet.formula.extent import show_extent
from graphnet.network.nodes import show_shape
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor
from graphnet.ops.window_arguments import (
    Axis,
    Layout,
    Padding,
    Sizes,
    check_channels,
    each,
    known,
    layout_of,
    letters,
    paddings,
    positive,
    ranked,
)  # fmt: skip

__all__ = ["conv1d", "conv1d_transpose", "conv2d", "conv2d_transpose"]


def conv1d(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1,
    groups: int = 1, *, b: TensorLike | None = None, layout: str = "NCW",
) -> Tensor:  # fmt: skip
    """Y[n,o,y] = Sum(X[n,c,stride*y + dilation*u - padding]*W[o,c,u], c, u) + b[o].

    x is (batch, channels, time), or (batch, time, channels) with layout "NWC"; w is
    (filters, channels/groups, size), b (filters,). `padding` is a number, a pair (before, after),
    "valid" (none) or "same" (as long as x, for stride 1); it may be longer than the window.
    Waibel et al. 1989. Raises GraphnetError where sizes do not fit.

    >>> from graphnet.ops.define import input
    >>> conv1d(input("X", ("batch", 2, 9)), input("W", (4, 2, 3)), padding="same").shape
    (batch, 4, 9)
    """
    return _conv("conv1d", x, w, b, stride, padding, dilation, groups, layout, 1)


def conv2d(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1,
    groups: int = 1, *, b: TensorLike | None = None, layout: str = "NCHW",
) -> Tensor:  # fmt: skip
    """`conv1d` over two axes: x (batch, channels, height, width), w (filters, channels, h, w).

    Every argument is a number or a pair (height, width); an element of the pair `padding` may be
    a pair (before, after). With layout "NHWC" x and the result have their channels last; w stays
    as it is. LeCun et al. 1989; groups of Krizhevsky et al. 2012.

    >>> from graphnet.ops.define import input
    >>> conv2d(input("X", ("batch", 3, 8, 8)), input("W", (6, 1, 3, 3)), groups=3).shape
    (batch, 6, 6, 6)
    """
    return _conv("conv2d", x, w, b, stride, padding, dilation, groups, layout, 2)


def conv1d_transpose(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, dilation: Sizes = 1, groups: int = 1, *,
    b: TensorLike | None = None, layout: str = "NCW",
) -> Tensor:  # fmt: skip
    """Writes where conv1d reads: Y[n,o,stride*y + dilation*u - padding] += X[n,c,y]*W[c,o,u] + b.

    w is (channels, filters/groups, size); the rest is as in `conv2d_transpose`.

    >>> from graphnet.ops.define import input
    >>> conv1d_transpose(input("X", ("batch", 3, 4)), input("W", (3, 2, 3)), stride=2).shape
    (batch, 2, 9)
    """
    return _transpose(
        "conv1d_transpose", x, w, b, stride, padding, output_padding, dilation, groups, layout, 1
    )


def conv2d_transpose(
    x: TensorLike, w: TensorLike, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, dilation: Sizes = 1, groups: int = 1, *,
    b: TensorLike | None = None, layout: str = "NCHW",
) -> Tensor:  # fmt: skip
    """Writes where conv2d reads: Y[n,o,stride*y + dilation*u - padding, ...] += X[n,c,y,..]*W[c,o,u,..].

    w is (channels, filters/groups, height, width). A window of stride s that fits y times covers
    s*(y - 1) + dilation*(size - 1) + 1 places, less the padding on both sides; `output_padding`
    adds places at the end. Zeiler et al. 2010.

    >>> from graphnet.ops.define import input
    >>> conv2d_transpose(input("X", ("batch", 3, 4, 4)), input("W", (3, 2, 3, 3)), stride=2).shape
    (batch, 2, 9, 9)
    """  # noqa: E501
    return _transpose(
        "conv2d_transpose", x, w, b, stride, padding, output_padding, dilation, groups, layout, 2
    )


def _transpose(
    where: str, x: TensorLike, w: TensorLike, b: TensorLike | None, stride: Sizes, padding: Sizes,
    output_padding: Sizes, dilation: Sizes, groups: int, layout: str, rank: int,
) -> Tensor:  # fmt: skip
    X, W = ranked(x, "x", rank + 2, where), ranked(w, "w", rank + 2, where)
    form = layout_of(layout, rank, where)
    groups = whole("groups", groups, 1, where=where)
    filters = known(W.shape[1], "the filters of w", where)
    check_channels(X, W, form.channels(X.shape), W.shape[0], groups, where)
    more = each(output_padding, "output_padding", 0, rank, where)
    strides = each(stride, "stride", 1, rank, where)
    dilations = each(dilation, "dilation", 1, rank, where)
    padded = each(padding, "padding", 0, rank, where)
    axes, lengths = [], []
    for e, k, s, d, p, m in zip(
        form.places(X.shape), W.shape[2:], strides, dilations, padded, more, strict=True
    ):
        size = known(k, "the window of w", where)
        if m >= max(s, d):
            raise GraphnetError(
                f"output_padding is less than stride or dilation, not {m} with {s} and {d}",
                where=where,
            )
        axes.append(Axis(e, size, s, d, p, p))
        covered = ext.add(ext.mul(s, ext.sub(e, 1)), d * (size - 1) + 1 + m - 2 * p)
        lengths.append(positive(covered, axes[-1], X, where))
    n, g, o, c, *rest = letters("n g o c y x u v", X, W)
    places, inner = rest[:rank], rest[2 : 2 + rank]
    at = [axis.at(i, k) for axis, i, k in zip(axes, places, inner, strict=True)]
    shape = form.order(X.shape[0], groups * filters, lengths)
    read, write, bounds = c, o, ""
    if groups > 1:
        own = known(W.shape[0], "the channels of w", where) // groups
        read, write = f"{own}*{g} + {c}", f"{filters}*{g} + {o}"
        bounds = f", {g} < {groups}, {c} < {own}"
    text = (
        f"Y[{form.text(n, write, at)}] += X[{form.text(n, read, places)}]"
        f"*W[{read},{o},{','.join(inner)}]{bounds}, shape ({', '.join(map(show_extent, shape))})"
    )
    return _with_bias(apply(text, {"X": X, "W": W}, label=where), b, form, where)


def _conv(
    where: str, x: TensorLike, w: TensorLike, b: TensorLike | None, stride: Sizes,
    padding: Padding, dilation: Sizes, groups: int, layout: str, rank: int,
) -> Tensor:  # fmt: skip
    X, W = ranked(x, "x", rank + 2, where), ranked(w, "w", rank + 2, where)
    form = layout_of(layout, rank, where)
    groups = whole("groups", groups, 1, where=where)
    check_channels(X, W, form.channels(X.shape), W.shape[1], groups, where, split=True)
    strides = each(stride, "stride", 1, rank, where)
    dilations = each(dilation, "dilation", 1, rank, where)
    sizes = [known(e, "the window of w", where) for e in W.shape[2:]]
    padded = paddings(padding, sizes, strides, dilations, where)
    axes = [
        Axis(e, k, s, d, *p)
        for e, k, s, d, p in zip(
            form.places(X.shape), sizes, strides, dilations, padded, strict=True
        )
    ]
    n, g, o, c, *rest = letters("n g o c y x u v", X, W)
    places, inner = rest[:rank], rest[2 : 2 + rank]
    counts = [positive(axis.count, axis, X, where) for axis in axes]
    at = [axis.at(i, k) for axis, i, k in zip(axes, places, inner, strict=True)]
    runs = "".join(f", {i} < {show_extent(e)}" for i, e in zip(places, counts, strict=True))
    window, loops = ",".join(inner), ", ".join([c, *inner])
    if groups == 1:
        text = (
            f"Y[{form.text(n, o, places)}] = Sum(X[{form.text(n, c, at)}]*W[{o},{c},{window}], "
            f"{loops}){runs}"
        )
    else:
        channels = known(W.shape[1], "the channels of w", where)
        filters = known(W.shape[0], "the filters of w", where)
        own = f"{filters // groups}*{g} + {o}"
        shape = ", ".join(map(show_extent, form.order(X.shape[0], filters, counts)))
        grouped = f"G[{form.text(n, f'{g},{o}', places)}]"
        read = form.text(n, f"{channels}*{g} + {c}", at)
        text = (
            f"{grouped} = Sum(X[{read}]*W[{own},{c},{window}], {loops}), {g} < {groups}, "
            f"{o} < {filters // groups}{runs}; "
            f"Y[{form.text(n, own, places)}] += {grouped}, shape ({shape})"
        )
    return _with_bias(apply(text, {"X": X, "W": W}, label=where), b, form, where)


def _with_bias(z: Tensor, b: TensorLike | None, form: Layout, where: str) -> Tensor:
    if b is None:
        return z
    b = as_tensor(b)
    filters = (form.channels(z.shape),)
    if b.shape != filters:
        raise GraphnetError(
            f"b has one number a filter, {show_shape(filters)}, not {show_shape(b.shape)}",
            where=where,
        )
    n, o, *places = letters("n o y x", z)
    axes = form.text(n, o, places[: z.ndim - 2])
    return apply(f"Y[{axes}] = Z[{axes}] + b[{o}]", {"Z": z, "b": b}, label=where)

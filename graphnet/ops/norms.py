"""Normalizations: mean and variance of a group of elements, then one affine formula.

The variance is the mean of squared distances from the mean, so a large offset loses no digits.
`gain` multiplies what comes out and `bias` is added to it; None leaves them away.

>>> from graphnet.ops.define import input
>>> layer_norm(input("x", ("batch", 8)))
layer_norm (batch, 8) = (x[i,j] - m[i])*r[i]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphnet.arguments import number
from graphnet.errors import GraphnetError, told
from graphnet.formula.extent import Extent, show_extent
from graphnet.formula.formula import index_names
from graphnet.network.nodes import show_shape
from graphnet.ops.reductions import Axis, axes_of, one_axis
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = ["batch_norm", "batch_statistics", "group_norm", "layer_norm", "rms_norm"]

_TENSORS = ("x", "m", "s", "r", "gain", "bias", "Y")


def layer_norm(
    x: TensorLike, gain: TensorLike | None = None, bias: TensorLike | None = None,
    eps: float = 1e-5, axis: Axis = -1,
) -> Tensor:  # fmt: skip
    """(x - mean)/sqrt(variance + eps)*gain + bias over one or several axes of every sample.

    gain and bias have the shape of those axes. Ba et al. 2016.

    >>> from graphnet.ops.define import input
    >>> layer_norm(input("x", ("batch", 3, 8)), input("gain", (3, 8)), axis=(1, 2)).shape
    (batch, 3, 8)
    """
    x = as_tensor(x)
    over = axes_of(axis, x.ndim, "layer_norm")
    return _normalized("layer_norm", x, over, over, gain, bias, eps)


def rms_norm(
    x: TensorLike, gain: TensorLike | None = None, eps: float = 1e-5, axis: Axis = -1
) -> Tensor:
    """x/sqrt(mean of x**2 + eps)*gain over one or several axes. Zhang and Sennrich 2019.

    >>> from graphnet.ops.define import input
    >>> rms_norm(input("x", ("batch", 8)))
    rms_norm (batch, 8) = x[i,j]*r[i]
    """
    x = as_tensor(x)
    over = axes_of(axis, x.ndim, "rms_norm")
    return _normalized("rms_norm", x, over, over, gain, None, eps, centered=False)


def batch_norm(
    x: TensorLike, gain: TensorLike | None = None, bias: TensorLike | None = None,
    eps: float = 1e-5, axis: int = 1, mean: TensorLike | None = None,
    variance: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """(x - mean)/sqrt(variance + eps)*gain + bias, a mean and a variance for every channel.

    `axis` is the channels'; gain, bias, mean and variance are (channels,). Mean and variance are
    those of the batch that is given, as in training, or given both, as at inference (the layer
    `BatchNorm` keeps them). Ioffe and Szegedy 2015.

    >>> from graphnet.ops.define import input
    >>> batch_norm(input("x", ("batch", 3, 4, 4)))
    batch_norm (batch, 3, 4, 4) = (x[i,j,k,l] - m[j])*r[j]
    """
    x = as_tensor(x)
    channel = one_axis(axis, x.ndim, "batch_norm")
    if (mean is None) != (variance is None):
        raise GraphnetError("mean and variance are given both or neither", where="batch_norm")
    if mean is None or variance is None:
        over = [a for a in range(x.ndim) if a != channel]
        return _normalized("batch_norm", x, over, [channel], gain, bias, eps)
    names = index_names(x.ndim, _TENSORS)
    row = [names[channel]]
    own = (x.shape[channel],)
    known = {"m": _shaped(mean, "mean", own, "batch_norm"),
             "s": _shaped(variance, "variance", own, "batch_norm")}  # fmt: skip
    return _affine("batch_norm", x, names, row, row, (), [channel], gain, bias, eps, known)


def batch_statistics(x: TensorLike, axis: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and unbiased variance of every channel of a batch, (channels,) each.

    The last divides by n - 1, n being the elements of a channel (by 1 where there is only one).

    >>> from graphnet.ops.define import input
    >>> batch_statistics(input("x", ("batch", 3)))[2]
    unbiased (3,) = Sum((x[i,j] - mean[j])**2/Max(size(i) - 1, 1), i)
    """
    x = as_tensor(x)
    channel = one_axis(axis, x.ndim, "batch_statistics")
    names = index_names(x.ndim, _TENSORS)
    row, loops = [names[channel]], [i for a, i in enumerate(names) if a != channel]
    at, centre, count = _at("x", names), _at("m", row), _count(loops)
    m = apply(f"{centre} = {_mean(at, loops)}", {"x": x}, label="mean")
    apart, target, tensors = f"({at} - {centre})**2", _at("s", row), {"x": x, "m": m}
    variance = apply(f"{target} = {_mean(apart, loops)}", tensors, label="variance")
    less = f"Sum({apart}/Max({count} - 1, 1), {', '.join(loops)})" if loops else apart
    return m, variance, apply(f"{target} = {less}", tensors, label="unbiased")


def group_norm(
    x: TensorLike, groups: int, gain: TensorLike | None = None, bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The channels, axis 1, in groups of one mean and variance a sample. Wu and He 2018.

    gain and bias are (channels,). Raises GraphnetError where groups do not divide the channels.

    >>> from graphnet.ops.define import input
    >>> group_norm(input("x", ("batch", 6, 4, 4)), 3).shape
    (batch, 6, 4, 4)
    """
    x = as_tensor(x)
    channels = x.shape[1] if x.ndim > 1 else None
    whole = isinstance(groups, int) and not isinstance(groups, bool) and groups >= 1
    if not (whole and isinstance(channels, int) and channels % groups == 0):
        raise GraphnetError(
            f"axis 1 of x is a multiple of groups, came x {show_shape(x.shape)} and {told(groups)}",
            where="group_norm",
        )
    own = channels // groups
    n, c, g, *rest = index_names(x.ndim + 1, _TENSORS)
    at, loops = ",".join([n, f"{own}*{g} + {c}", *rest]), ", ".join([c, *rest])
    size = "*".join(str(own) if i == c else f"size({i})" for i in (c, *rest))
    runs = f", {g} < {groups}, {c} < {own}"
    mean = f"m[{n},{g}] = Sum(x[{at}]/({size}), {loops}){runs}"
    variance = f"s[{n},{g}] = Sum((x[{at}] - m[{n},{g}])**2/({size}), {loops}){runs}"
    names = [n, c, *rest]
    group = [n, f"{c}//{own}"]
    return _affine("group_norm", x, names, [n, g], group, (mean, variance), [1], gain, bias, eps)


def _normalized(
    label: str, x: Tensor, over: Sequence[int], spread: Sequence[int], gain: TensorLike | None,
    bias: TensorLike | None, eps: float, centered: bool = True,
) -> Tensor:  # fmt: skip
    """x by the statistics over the axes `over`; gain and bias lie along the axes `spread`."""
    names = index_names(x.ndim, _TENSORS)
    rows = [i for a, i in enumerate(names) if a not in over]
    loops = [names[a] for a in over]
    at = _at("x", names)
    first: tuple[str, ...] = (f"{_at('s', rows)} = {_mean(f'{at}**2', loops)}",)
    if centered:
        centre = _at("m", rows)
        apart = _mean(f"({at} - {centre})**2", loops)
        first = (f"{centre} = {_mean(at, loops)}", f"{_at('s', rows)} = {apart}")
    return _affine(label, x, names, rows, rows, first, spread, gain, bias, eps)


def _mean(body: str, loops: Sequence[str]) -> str:
    """The mean of a body over some loops: Sum(body/(size(i)*size(j)), i, j)."""
    return f"Sum({body}/({_count(loops)}), {', '.join(loops)})" if loops else body


def _count(loops: Sequence[str]) -> str:
    return "*".join(f"size({i})" for i in loops)


def _affine(
    label: str, x: Tensor, names: Sequence[str], rows: Sequence[str], row: Sequence[str],
    statistics: tuple[str, ...], spread: Sequence[int], gain: TensorLike | None,
    bias: TensorLike | None, eps: float, known: Mapping[str, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """(x - m)*r*gain + bias, where r = 1/sqrt(s + eps) and `row` says which m and r are read.

    m and s are made by the formulas `statistics`, of which one alone makes s, or are `known`.
    """
    eps = number("eps", eps, 0, where=label)
    shape = tuple(x.shape[a] for a in spread)
    own = [names[a] for a in spread]
    body, tensors = _at("x", names), {"x": x, **(known or {})}
    if len(statistics) != 1:
        body = f"({body} - {_at('m', row)})"
    body += f"*{_at('r', row)}"
    if gain is not None:
        tensors["gain"] = _shaped(gain, "gain", shape, label)
        body += f"*{_at('gain', own)}"
    if bias is not None:
        tensors["bias"] = _shaped(bias, "bias", shape, label)
        body += f" + {_at('bias', own)}"
    scale = f"{_at('r', rows)} = 1/sqrt({_at('s', rows)} + eps)"
    text = "; ".join([*statistics, scale, f"{_at('Y', names)} = {body}"])
    return apply(text, {**tensors, "eps": eps}, label=label)


def _shaped(value: TensorLike, name: str, shape: tuple[Extent, ...], label: str) -> Tensor:
    tensor = as_tensor(value)
    if tensor.shape != shape:
        expected = f"({', '.join(map(show_extent, shape))}{',' * (len(shape) == 1)})"
        raise GraphnetError(
            f"{name} has the shape {expected}, not {show_shape(tensor.shape)}", where=label
        )
    return tensor


def _at(name: str, indices: Sequence[str]) -> str:
    return f"{name}[{','.join(indices)}]" if indices else name

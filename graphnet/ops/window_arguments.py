"""What windows are given, checked: sizes, strides, paddings, channels, and how windows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphnet.arguments import one_of, whole
from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, show_extent
from graphnet.network.nodes import show_shape
from graphnet.ops.tensor import Tensor, TensorLike, as_tensor

__all__ = [
    "Axis", "Layout", "Padding", "Sizes", "check_channels", "each", "known", "layout_of",
    "letters", "paddings", "positive", "ranked", "whole",
]  # fmt: skip

Sizes = int | Sequence[int]
Padding = int | str | Sequence[int | Sequence[int]]


@dataclass(frozen=True)
class Axis:
    """How windows lie along one axis."""

    length: Extent
    size: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def count(self) -> Extent:
        """How many windows fit."""
        room = ext.add(self.length, self.before + self.after - self.dilation * (self.size - 1) - 1)
        return ext.add(ext.floordiv(room, self.stride), 1)

    def at(self, place: str, inner: str) -> str:
        """Where element `inner` of the window `place` is read."""
        start = place if self.stride == 1 else f"{self.stride}*{place}"
        step = inner if self.dilation == 1 else f"{self.dilation}*{inner}"
        return f"{start} + {step}" + (f" - {self.before}" if self.before else "")


@dataclass(frozen=True)
class Layout:
    """Whether channels stand second or last."""

    last: bool

    def order(self, batch: Extent, channels: Extent, places: Sequence[Extent]) -> list[Extent]:
        return [batch, *places, channels] if self.last else [batch, channels, *places]

    def text(self, batch: str, channels: str, places: Sequence[str]) -> str:
        return ",".join([batch, *places, channels] if self.last else [batch, channels, *places])

    def channels(self, shape: Sequence[Extent]) -> Extent:
        return shape[-1] if self.last else shape[1]

    def places(self, shape: Sequence[Extent]) -> Sequence[Extent]:
        return shape[1:-1] if self.last else shape[2:]


def layout_of(value: Any, rank: int, where: str) -> Layout:
    first, last = ("NCW", "NWC") if rank == 1 else ("NCHW", "NHWC")
    return Layout(one_of("layout", value, (first, last), where=where) == last)


def letters(wish: str, *tensors: Tensor) -> list[str]:
    """Names of indices, none of which is a named size of the tensors."""
    sizes = {name for t in tensors for e in t.shape for name in ext.names(e)}
    found: list[str] = []
    for letter in wish.split():
        while letter in sizes:
            letter += "_"
        found.append(letter)
    return found


def ranked(x: TensorLike, name: str, rank: int, where: str) -> Tensor:
    tensor = as_tensor(x)
    if tensor.ndim != rank:
        shown = show_shape(tensor.shape)
        raise GraphnetError(f"{name} has {rank} axes, not {shown}", where=where)
    return tensor


def known(extent: Extent, what: str, where: str) -> int:
    if not isinstance(extent, int):
        raise GraphnetError(f"{what} has a known size, not {show_extent(extent)}", where=where)
    return extent


def each(value: Any, what: str, least: int, rank: int, where: str) -> list[int]:
    """A number for every axis, from one for all or one for each."""
    values = list(value) if isinstance(value, list | tuple) else [value] * rank
    if len(values) != rank:
        raise GraphnetError(f"{what} is a number or one an axis, not {told(value)}", where=where)
    return [whole(what, v, least, where=where) for v in values]


def paddings(
    value: Padding, sizes: list[int], strides: list[int], dilations: list[int], where: str
) -> list[tuple[int, int]]:
    """Padding before and after along every axis."""
    if isinstance(value, str) and value == "valid":
        return [(0, 0) for _ in sizes]
    if isinstance(value, str) and value == "same":
        if any(s != 1 for s in strides):
            raise GraphnetError('padding="same" needs stride 1', where=where)
        spans = [d * (k - 1) for d, k in zip(dilations, sizes, strict=True)]
        return [(span // 2, span - span // 2) for span in spans]
    if isinstance(value, str):
        known = ("same", "valid")
        raise GraphnetError(
            f'padding is "same", "valid" or numbers, not {told(value)}{did_you_mean(value, known)}',
            where=where,
        )
    axes: list[Any] = list(value) if isinstance(value, list | tuple) else [value] * len(sizes)
    if len(sizes) == 1 and len(axes) == 2:
        axes = [axes]
    if len(axes) != len(sizes):
        raise GraphnetError(f"padding is a number or one an axis, not {told(value)}", where=where)
    pairs = [each(v, "padding", 0, 2, where) for v in axes]
    return [(before, after) for before, after in pairs]


def positive(count: Extent, axis: Axis, x: Tensor, where: str) -> Extent:
    if isinstance(count, int) and count < 1:
        span = axis.dilation * (axis.size - 1) + 1
        raise GraphnetError(
            f"a window of {span} does not fit {show_extent(axis.length)} places with padding "
            f"({axis.before}, {axis.after}); given x {show_shape(x.shape)}",
            where=where,
        )
    return count


def check_channels(
    x: Tensor, w: Tensor, given: Extent, own: Extent, groups: int, where: str, split: bool = False
) -> None:
    """Whether the channels of x fit those of w; `split` says that w has those of one group."""
    shapes = f"given x {show_shape(x.shape)}, w {show_shape(w.shape)}"
    if groups > 1:
        for extent, what in ((given, "the channels of x"), (w.shape[0], "the first axis of w")):
            if known(extent, what, where) % groups:
                raise GraphnetError(
                    f"{what} is a multiple of groups = {groups}; {shapes}", where=where
                )
    if given != (ext.mul(groups, own) if split else own):
        more = f" in each of {groups} groups" if split and groups > 1 else ""
        raise GraphnetError(
            f"x has {show_extent(given)} channels, w is for {show_extent(own)}{more}; {shapes}",
            where=where,
        )

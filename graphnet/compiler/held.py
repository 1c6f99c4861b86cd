"""What a node is at run time: a value, and how its axes are those of the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphnet.compiler.values import Axes, Value, Values
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, at_least
from graphnet.formula.subscript import Affine, Index

__all__ = ["Held", "as_it_lies", "digits", "merged"]


@dataclass(frozen=True)
class Held:
    """`axes[d]` is the node's axis that the value's axis d is.

    Axes of the node that the value lacks repeat it (they broadcast). With `steps` an axis of the
    node may be several axes of the value, its digits: it counts steps[d] elements along axis d.
    """

    value: Value
    axes: Axes
    steps: tuple[int, ...] | None = None


def as_it_lies(held: Held) -> Held:
    """The value behind a transposition, which is how the elements lie in memory."""
    value, axes, steps = held.value, held.axes, held.steps
    while value.op == "transpose":
        ((value, moves),) = value.args
        axes = tuple(axes[k] for k in moves)
        steps = steps and tuple(steps[k] for k in moves)
    return Held(value, axes, steps)


def digits(held: Held, subs: Sequence[Affine], extents: Sequence[Extent]) -> list[Affine] | None:
    """The subscripts of a value's axes; None where one does not fall apart into digits."""
    if held.steps is None:
        return [subs[axis] for axis in held.axes]
    found: list[Affine] = []
    for axis, step in zip(held.axes, held.steps, strict=True):
        above = [s for a, s in zip(held.axes, held.steps, strict=True) if a == axis and s > step]
        rest = subs[axis] if not above else _split(subs[axis], min(above), extents)[1]
        digit = rest if step == 1 or rest is None else _split(rest, step, extents)[0]
        if digit is None:
            return None
        found.append(digit)
    return found


def _split(
    s: Affine, step: int, extents: Sequence[Extent]
) -> tuple[Affine, Affine] | tuple[None, None]:
    """(a, b) with s = step*a + b and 0 <= b < step."""
    if not all(isinstance(a, Index) and isinstance(c, int) for a, c in s.terms):
        return None, None
    high = tuple((a, c // step) for a, c in s.terms if isinstance(c, int) and c % step == 0)
    low = Affine(s.const, tuple((a, c) for a, c in s.terms if isinstance(c, int) and c % step))
    interval = low.interval(extents)
    if interval is None or not at_least(interval[0]):
        return None, None
    if not at_least(ext.sub(step - 1, interval[1])):
        return None, None
    return Affine(0, high), low


def merged(values: Values, held: Held) -> Held:
    """The same node held by a value with one axis for each of its own: digits put together."""
    if held.steps is None:
        return held
    order: list[int] = []  # axes of the node, as their longest digits lie
    for axis, step in zip(held.axes, held.steps, strict=True):
        if step == max(s for a, s in zip(held.axes, held.steps, strict=True) if a == axis):
            order.append(axis)
    places = sorted(
        range(len(held.axes)),
        key=lambda d: (order.index(held.axes[d]), -held.steps[d] if held.steps else 0),
    )
    value = held.value
    extents = [value.extents[d] for d in places]
    axes = tuple(places.index(d) for d in range(len(places)))
    if places != sorted(places):
        value = values.make("transpose", [(value, axes)], extents, value.dtype)
    sizes = [
        ext.product(tuple(e for d, e in zip(places, extents, strict=True) if held.axes[d] == axis))
        for axis in order
    ]
    if len(sizes) < len(extents):
        own = tuple(range(value.rank))
        value = values.make("reshape", [(value, own)], sizes, value.dtype)
    return Held(value, tuple(order))

"""Moves of elements as NumPy expressions: slices, gathers, frames, windows, shapes, sums back.

Each function gives the text of one op of values, as the methods of `Printer` do for arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphnet.compiler.code import ATOM, Code, tuple_text
from graphnet.compiler.values import Value
from graphnet.formula.extent import Extent
from graphnet.formula.extent import add as plus
from graphnet.formula.extent import mul as times

if TYPE_CHECKING:
    from graphnet.compiler.expressions import Printer

__all__ = [
    "broadcast", "concatenated", "fold_options", "folded", "padded", "pattern_text", "placed",
    "reshaped",
    "scattered", "sliced", "taken", "transposed", "windowed",
]  # fmt: skip


def sliced(p: Printer, value: Value) -> Code:
    ((arg, _),) = value.args
    pattern: Any = value.extra
    return Code(f"{p.code(arg).at(ATOM)}[{pattern_text(p, pattern, arg.extents)}]")


def pattern_text(p: Printer, pattern: Sequence[Any], sizes: Sequence[Extent]) -> str:
    entries = [
        ":" if entry is None
        else range_text(p, entry[0], entry[1], entry[2], size) if isinstance(entry, tuple)
        else p.extent(entry)
        for entry, size in zip(pattern, sizes, strict=True)
    ]  # fmt: skip
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    return ", ".join(entries)


def range_text(p: Printer, start: Extent, step: int, count: Extent, size: Extent) -> str:
    """start:stop:step of `count` elements."""
    if count == 0:
        return "0:0"
    stop = plus(start, times(step, count))
    tail = "" if step == 1 else f":{step}"
    first = p.extent(start)
    if step < 0:
        first = "" if plus(start, 1) == size else first
        last = p.extent(stop) if not isinstance(stop, int) or stop >= 0 else ""
        return f"{first}:{last}{tail}"
    first = "" if start == 0 else first
    if isinstance(stop, int) and isinstance(size, int):
        stop = min(stop, size)
    last = "" if stop == size else p.extent(stop)
    return f"{first}:{last}{tail}"


def taken(p: Printer, value: Value) -> Code:
    (source, _), *indices = value.args
    extra: Any = value.extra
    first, inner, empty = extra
    if empty:
        return Code(f"np.zeros({p.shape(value.extents)}, {p.kind(value)})")
    entries = [":"] * first + [p.aligned(v, axes, inner).text for v, axes in indices]
    return Code(f"{p.code(source).at(ATOM)}[{', '.join(entries)}]")


def padded(p: Printer, value: Value) -> Code:
    (arg, _), *filling = value.args
    frame: Any = value.extra
    text = str(frame) if len(set(frame)) > 1 or len(frame) == 1 else str(frame[0])
    if len(set(frame)) == 1:
        before, after = frame[0]
        text = str(before) if before == after else str(frame[0])
    if filling:
        text += f", constant_values={p.code(filling[0][0]).text}"
    return Code(f"np.pad({p.code(arg).text}, {text})")


def windowed(p: Printer, value: Value) -> Code:
    ((arg, _),) = value.args
    windows: Any = value.extra
    axes, lengths = [k for k, _ in windows], [p.extent(e) for _, e in windows]
    size, axis = (
        (lengths[0], str(axes[0])) if len(axes) == 1
        else (f"({', '.join(lengths)})", f"({', '.join(map(str, axes))})")
    )  # fmt: skip
    name = p.helper("sliding_window_view")
    return Code(f"{name}({p.code(arg).text}, {size}, axis={axis})")


def reshaped(p: Printer, value: Value) -> Code:
    ((arg, _),) = value.args
    return Code(f"{p.code(arg).at(ATOM)}.reshape{p.shape(value.extents)}")


def transposed(p: Printer, value: Value) -> Code:
    ((arg, axes),) = value.args
    order = sorted(range(len(axes)), key=axes.__getitem__)
    return p.transposed(p.code(arg), order)


def broadcast(p: Printer, value: Value) -> Code:
    ((arg, axes),) = value.args
    if arg.host:
        text = p.code(arg).text
        if value.rank == 0:
            return Code(f"{p.kind(value)}({text})")
        return Code(f"np.full({p.shape(value.extents)}, {text}, {p.kind(value)})")
    missing = [k for k in range(value.rank) if k not in axes]
    order = sorted(range(len(axes)), key=axes.__getitem__)
    code = p.transposed(p.code(arg), order)
    if missing and all(value.extents[k] == 1 for k in missing):
        pattern = ", ".join(":" if k in axes else "None" for k in range(value.rank))
        if arg.rank == 0:
            return Code(f"np.reshape({code.text}, {p.shape(value.extents)})")
        return Code(f"{code.at(ATOM)}[{pattern}]")
    aligned = p.aligned(arg, axes, value.rank)
    return Code(f"np.broadcast_to({aligned.text}, {p.shape(value.extents)})")


def placed(p: Printer, value: Value) -> Code:
    ((arg, _),) = value.args
    pattern: Any = value.extra
    zeros = f"np.zeros({p.shape(value.extents)}, {p.kind(value)})"
    where = f"np.s_[{pattern_text(p, pattern, value.extents)}]"
    return Code(f"{p.helper('place')}({zeros}, {where}, {p.code(arg).text})")


def concatenated(p: Printer, value: Value) -> Code:
    parts = ", ".join(p.code(arg).text for arg, _ in value.args)
    return Code(f"np.concatenate([{parts}], axis={value.extra})")


def scattered(p: Printer, value: Value) -> Code:
    (source, _), *indices = value.args
    extra: Any = value.extra
    rank, inside = extra
    zeros = f"np.zeros({p.shape(value.extents)}, {p.kind(value)})"
    if inside and writes_rows(value):
        rows, name = p.code(indices[0][0]).text, p.helper("scatter_rows")
        return Code(f"{name}({zeros}, {rows}, {p.code(source).text})")
    name = p.helper("scatter_add" if inside else "scatter_inside")
    shifted = [p.aligned(v, tuple(a - value.rank for a in axes), rank).text for v, axes in indices]
    return Code(f"{name}({zeros}, {tuple_text(shifted)}, {p.code(source).text})")


def folded(p: Printer, value: Value) -> Code:
    ((arg, _),) = value.args
    zeros = f"np.zeros({p.shape(value.extents)}, {p.kind(value)})"
    p.helper("overlaps")
    name = p.helper("overlap_add")
    return Code(f"{name}({zeros}, {p.code(arg).text}, {fold_options(p, value)})")


def fold_options(p: Printer, value: Value) -> str:
    """How the windows of a fold lie, as arguments of its helper."""
    extra: Any = value.extra
    starts, steps, within = extra
    options = [f"axis={tuple_text(k for k, _ in within)}"]
    for name, numbers, usual in (
        ("dilation", [d for _, d in within], 1), ("stride", steps, 1), ("start", starts, 0)
    ):  # fmt: skip
        if any(n != usual for n in numbers):
            options.append(f"{name}={tuple_text(map(p.extent, numbers))}")
    return ", ".join(options)


def writes_rows(value: Value) -> bool:
    """Whether a scatter adds whole rows: dW[T[n],d] += G[n,d], every d once and at its place."""
    (source, _), (rows, axes), *rest = value.args
    lead, place = source.rank - len(rest), value.rank
    return (
        not rows.host
        and axes == tuple(range(place, place + lead))
        and all(
            v.op == "range" and v.extents == value.extents[k + 1 : k + 2]
            and at == (place + lead + k,)
            for k, (v, at) in enumerate(rest)
        )
    )  # fmt: skip

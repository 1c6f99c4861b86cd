"""A contraction as one product of matrices: axes merged, windows copied out side by side.

The copy of a window view ("unfolding", im2col) is a value like any other. Its rows are the places
and its columns what one window holds, whichever of the two is summed: so a convolution and the
slope of its kernel share one copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphnet.compiler.values import Axes, Local, Value, Values
from graphnet.compiler.windows import is_window
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent

__all__ = ["as_matrix", "product_of_matrices"]


def product_of_matrices(
    values: Values,
    a: Local,
    b: Local,
    shared: Sequence[int],
    own_a: Sequence[int],
    own_b: Sequence[int],
    summed: Sequence[int],
) -> Local:
    """a times b over loops both know (`shared`), one knows, or both know and are summed.

    Windows stand first: (window, places) @ (places, filters) is faster than its transpose.
    """
    if is_window(b.value) and not is_window(a.value):
        a, b, own_a, own_b = b, a, own_b, own_a
    orders = [
        _order(x, own, summed)
        for x, own in ((a, own_a), (b, own_b)) if is_window(x.value)
    ]  # fmt: skip
    if orders:  # the other factor follows the order of the windows
        summed = orders[0][1]
    left, rows = as_matrix(values, a, shared, own_a, summed)
    right, columns = as_matrix(values, b, shared, own_b, summed)
    lead = 1 if shared else 0
    places = {
        "shared": 0,
        "a": lead,
        "b": lead + bool(rows),
        "summed": lead + bool(rows) + bool(columns),
    }
    extents = dict(zip(a.labels, a.value.extents, strict=True))
    extents |= dict(zip(b.labels, b.value.extents, strict=True))

    def merged(labels: Sequence[int]) -> list[Extent]:
        return [ext.product(tuple(extents[p] for p in labels))] if labels else []

    args: list[tuple[Value, Axes]] = []
    for (value, groups), own in ((left, "a"), (right, "b")):
        args.append((value, tuple(places[own if g == "own" else g] for g in groups)))
    made = values.make(
        "contract", args, [*merged(shared), *merged(rows), *merged(columns)], a.value.dtype,
        (merged(summed)[0],),
    )  # fmt: skip
    labels = (*shared, *rows, *columns)
    if len(labels) != made.rank:
        own_axes = tuple(range(made.rank))
        made = values.make("reshape", [(made, own_axes)], [extents[p] for p in labels], made.dtype)
    return Local(made, labels)


Matrix = tuple[Value, tuple[str, ...]]


def as_matrix(
    values: Values, x: Local, shared: Sequence[int], own: Sequence[int], summed: Sequence[int]
) -> tuple[Matrix, Sequence[int]]:
    """A factor with one axis a group of loops, the groups' names, and the order of its own."""
    groups = {"shared": list(shared), "own": list(own), "summed": list(summed)}
    names = ["shared", "own", "summed"]
    if is_window(x.value):
        groups["own"], _, flipped = _order(x, own, summed)
        if flipped:
            names = ["shared", "summed", "own"]
    elif list(x.labels) != [*shared, *own, *summed]:
        names = ["shared", "summed", "own"]  # as it lies, or the better one where it is copied
    names = [g for g in names if groups[g]]
    order = [p for g in names for p in groups[g]]
    value = x.value
    if order != list(x.labels):
        extents = dict(zip(x.labels, value.extents, strict=True))
        axes = tuple(order.index(p) for p in x.labels)
        value = values.make("transpose", [(value, axes)], [extents[p] for p in order], value.dtype)
    if any(len(groups[g]) > 1 for g in names):
        at, merged = 0, []
        for g in names:
            merged.append(ext.product(value.extents[at : at + len(groups[g])]))
            at += len(groups[g])
        axes = tuple(range(value.rank))
        value = values.make("reshape", [(value, axes)], merged, value.dtype)
    return (value, tuple(names)), groups["own"]


def _order(
    x: Local, own: Sequence[int], summed: Sequence[int]
) -> tuple[list[int], list[int], bool]:
    """The orders of a window's own and summed loops, and whether the summed ones come first.

    What a window holds makes the columns, (window, channels); they come first where the last axis
    of the array is one of places, so that the copy always runs along neighbors.
    """
    inner = [x.labels[k] for k in _window_axes(x.value)]
    places = [x.labels[k] for k in _window_axes(x.value, outer=True)]
    rows_own = all(p in own for p in places) or not all(p in summed for p in places)
    rows = _inner_first(x, own if rows_own else summed, inner)
    columns = _inner_first(x, summed if rows_own else own, inner)
    last = next((p for p in reversed(x.labels) if p not in inner), None)
    columns_first = last not in columns
    if rows_own:
        return rows, columns, columns_first
    return columns, rows, not columns_first


def _inner_first(x: Local, loops: Sequence[int], inner: Sequence[int]) -> list[int]:
    """Loops as they lie, those that run inside windows in front."""
    lying = [p for p in x.labels if p in loops]
    return [p for p in lying if p in inner] + [p for p in lying if p not in inner]


def _window_axes(value: Value, outer: bool = False) -> list[int]:
    """The axes of a view that run inside windows, or those along which the windows lie."""
    if value.op == "window":
        earlier = value.args[0][0]
        before = _window_axes(earlier, outer)
        if outer:
            extra: Any = value.extra
            inside = _window_axes(earlier)
            return [*before, *(k for k, _ in extra if k not in inside)]
        return [*before, *range(earlier.rank, value.rank)]
    if value.op in ("slice", "transpose"):
        ((source, axes),) = value.args
        return sorted(axes[k] for k in _window_axes(source, outer) if axes[k] >= 0)
    return []

"""Sums of products: which factors meet in which order, and which become matrix products.

A `contract` value has two arguments over loops numbered: result axes first (shared ones, then the
first argument's own, then the second's), contracted ones last. The emitter writes it as `@`,
`tensordot`, `matmul` or `einsum`; anything that is not such a product is multiplied out and summed.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.compiler.unfold import product_of_matrices
from graphnet.compiler.values import Local, Values
from graphnet.compiler.windows import is_window

__all__ = ["lies", "sum_of_product"]


def sum_of_product(
    values: Values, factors: Sequence[Local], over: Sequence[int], order: Sequence[int],
    matrices: bool = False,
) -> Local:  # fmt: skip
    """Sum over some loops of a product of locals, each with at least one axis.

    `order` is the wished order of the loops that remain. With `matrices` loops that do not lie
    side by side are copied so that they do, and merged: a tensordot is then one product.
    """
    inner = [f for f in factors if set(f.labels) & set(over)]
    outer = [f for f in factors if not set(f.labels) & set(over)]
    groups = _by_labels(values, inner)
    while len(groups) > 1:
        groups = _merge_best_pair(values, groups, over, order, matrices)
    result = groups[0]
    left = [p for p in result.labels if p in over]
    if left:
        result = _sum(values, result, left)
    for factor in outer:  # factors without a summed loop multiply the small result
        result = values.pointwise("multiply", [result, factor], result.value.dtype)
    return result


def _by_labels(values: Values, factors: Sequence[Local]) -> list[Local]:
    """Factors over the same loops multiplied together, in order of first appearance."""
    groups: dict[frozenset[int], Local] = {}
    for f in factors:
        key = frozenset(f.labels)
        groups[key] = (
            values.pointwise("multiply", [groups[key], f], f.value.dtype) if key in groups else f
        )
    return list(groups.values())


def _merge_best_pair(
    values: Values, groups: list[Local], over: Sequence[int], order: Sequence[int],
    matrices: bool,
) -> list[Local]:  # fmt: skip
    """Two groups contracted into one: the pair whose result has the fewest loops."""
    best: tuple[tuple[int, int, int, int], int, int] | None = None
    for i in range(len(groups)):
        for j in range(i + 1, len(groups)):
            others = [g for k, g in enumerate(groups) if k not in (i, j)]
            needed = {p for g in others for p in g.labels}
            union = set(groups[i].labels) | set(groups[j].labels)
            kept = [p for p in union if p in needed or p not in over]
            rank = (len(kept), -len(union), i, j)
            if best is None or rank < best[0]:
                best = (rank, i, j)
    assert best is not None
    _, i, j = best
    others = [g for k, g in enumerate(groups) if k not in (i, j)]
    needed = {p for g in others for p in g.labels}
    done = [p for p in over if p not in needed]
    return [_contract(values, groups[i], groups[j], done, order, matrices), *others]


def _contract(
    values: Values, a: Local, b: Local, done: Sequence[int], order: Sequence[int],
    matrices: bool,
) -> Local:  # fmt: skip
    """The product of two locals summed over the loops that are `done`."""
    alone_a = [p for p in a.labels if p in done and p not in b.labels]
    alone_b = [p for p in b.labels if p in done and p not in a.labels]
    a = _sum(values, a, alone_a) if alone_a else a
    b = _sum(values, b, alone_b) if alone_b else b
    contracted = [p for p in a.labels if p in done and p in b.labels]
    if not contracted:
        return values.pointwise("multiply", [a, b], a.value.dtype)
    if set(a.labels) == set(b.labels):
        both = values.pointwise("multiply", [a, b], a.value.dtype)
        return _sum(values, both, contracted)
    place = {p: k for k, p in enumerate(order)}

    def rank(p: int) -> int:
        return place.get(p, len(place) + p)

    shared = sorted((p for p in a.labels if p in b.labels and p not in contracted), key=rank)
    own_a = [p for p in a.labels if p not in b.labels]
    own_b = [p for p in b.labels if p not in a.labels]
    if own_a and own_b and min(map(rank, own_b)) < min(map(rank, own_a)):
        # The factor that holds the first wanted loop stands first: Y[n,o] is x @ W, not W.T @ x.T
        a, b, own_a, own_b = b, a, own_b, own_a
    # Matrices over several shared loops (heads of attention) are multiplied where they lie, unless
    # elements of a row lie apart: then BLAS does not take them.
    apart_rows = a.labels[-1] in shared or b.labels[-1] in shared
    groups = (own_a, own_b, contracted, *([shared] if apart_rows else []))
    crowded = shared and max(map(len, groups)) > 1
    apart = matrices and not (lies(a, own_a, contracted) and lies(b, own_b, contracted))
    if apart and not shared and own_a and own_b:
        return product_of_matrices(values, a, b, shared, own_a, own_b, contracted)
    if is_window(a.value) or is_window(b.value) or (crowded and own_a and own_b):
        return product_of_matrices(values, a, b, shared, own_a, own_b, contracted)
    extents = dict(zip(a.labels, a.value.extents, strict=True))
    extents |= dict(zip(b.labels, b.value.extents, strict=True))
    kept = [*shared, *own_a, *own_b]
    loops = [*kept, *contracted]
    made = values.make(
        "contract",
        [(x.value, tuple(loops.index(p) for p in x.labels)) for x in (a, b)],
        [extents[p] for p in kept],
        a.value.dtype,
        tuple(extents[p] for p in contracted),
    )
    return Local(made, tuple(kept))


def lies(x: Local, *groups: Sequence[int]) -> bool:
    """Whether the loops of each group stand side by side in an array, in their order."""
    for group in filter(None, groups):
        at = x.labels.index(group[0])
        if tuple(group) != x.labels[at : at + len(group)]:
            return False
    return True


def _sum(values: Values, a: Local, over: Sequence[int]) -> Local:
    return values.reduce("sum", a, over)

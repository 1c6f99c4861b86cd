"""Products of matrices: the call that a sum of products is, and long ones in small blocks.

OpenBLAS multiplies up to a million pairs by kernels that do not pack the factors first, on
processors with AVX-512; on others the helpers take one `dot`. A product of a long matrix with a
small one goes block by block there, and a sum over a long axis is the sum of the products of its
parts: (1024, 64) @ (64, 64) in 52 us instead of 78, (12544, 144) @ (144, 32) in 821 instead of
1129. A gradient too large for a block goes in tiles of some rows and some columns, (784, 32) @
(32, 512) in 198 us instead of 268, and in parts too where these are cheaply added up, (64, 1024) @
(1024, 256) in 295 instead of 361.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from graphnet.compiler.blas import SMALL
from graphnet.compiler.fast.arrays import Array, Arrays, Order, identity
from graphnet.compiler.fast.form import Form
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Axes, Value
from graphnet.formula.extent import Extent, add, evaluate, floordiv, names, product

__all__ = ["USUAL", "Dot", "contiguous", "contraction", "product_of", "usual"]

ROWS = 8  # the least rows of a block that pay for a call
FEW = 4  # the least where the matrix stands as it is and the kernels' columns divide it, that is by
WIDTH = 64
PARTS = 64  # the least terms of a part that pay for adding the parts up
SUMMED = 32768  # the most elements of a product whose parts are cheaply added up
USUAL = 64  # what a named size is taken for
MANY = 512  # rows that are counted at least where blocks cost nothing if there are few
NARROW = 32  # columns of a narrow matrix


@dataclass(frozen=True)
class Dot(Form):
    """a.dot(b, out) or matmul(a, b, out) on views with at most one axis for each kind of loop.

    `left` and `right` are the loops of the factors in the order of their views, grouped: shared,
    own or contracted, contracted or own. `swapped` where the result is stored the other way round.
    """

    shared: tuple[int, ...]
    own_a: tuple[int, ...]
    own_b: tuple[int, ...]
    summed: tuple[int, ...]
    swapped: bool
    small: bool = True  # whether long factors may go in blocks that need no packing

    def code(self, arrays: Arrays, value: Value, out: Array) -> str:
        (a, axes_a), (b, axes_b) = value.args
        groups_a, groups_b = (self.own_a, self.summed), (self.summed, self.own_b)
        if self.swapped:  # out.T = b.T @ a.T
            (a, axes_a), (b, axes_b) = (b, axes_b), (a, axes_a)
            groups_a, groups_b = (self.own_b, self.summed), (self.summed, self.own_a)
        left = self._matrix(arrays, a, axes_a, groups_a)
        right = self._matrix(arrays, b, axes_b, groups_b)
        kept = [g for g in (groups_a[0], groups_b[1]) if g]
        target = self._result(arrays, value, out, kept)
        if self.shared:
            lines: list[str] = []
            matrix = right.array
            if self.small and right.turned and right.array.lasting and small(left, right):
                sizes = [*(value.extents[p] for p in self.shared), *right.sizes]
                lines, matrix = as_it_lies(arrays, value, right, sizes)
            call = f"{arrays.call('np.matmul')}({left.array.text}, {matrix.text}, {target.text})"
            return "\n".join([*lines, call])
        if self.small:
            blocks = small_products(arrays, value, left, right, target)
            if blocks:
                return blocks
        return f"{arrays.bound(left.array, 'dot')}({right.array.text}, {target.text})"

    def _matrix(
        self, arrays: Arrays, v: Value, axes: Axes, groups: Sequence[tuple[int, ...]]
    ) -> Factor:
        """A factor with its axes merged into shared ones, then one for each group."""
        order = arrays.order(v)
        along = [axes[axis] for axis in order]
        array = arrays.physical(v)
        wanted = [g for g in groups if g]
        if any(len(g) > 1 for g in wanted):
            blocks = sorted(
                [*((s,) for s in self.shared), *wanted], key=lambda g: along.index(g[0])
            )
            extent = {axes[axis]: v.extents[axis] for axis in order}
            array = arrays.shaped(array, [product_of([extent[p] for p in g]) for g in blocks])
            along = [g[0] for g in blocks]
        heads = [*self.shared, *(g[0] for g in wanted)]
        turn = [along.index(p) for p in heads]
        sizes = [product_of([v.extents[axes.index(p)] for p in g]) for g in wanted]
        turned = turn[-1] != len(turn) - 1
        straight = contiguous(arrays.roles, v)
        return Factor(arrays.transposed(array, turn), tuple(sizes), turned, straight)

    def _result(
        self, arrays: Arrays, value: Value, out: Array, kept: Sequence[tuple[int, ...]]
    ) -> Array:
        if all(len(g) == 1 for g in kept):
            if not self.shared:
                return out
            order = arrays.order(value)
            heads = [*self.shared, *(g[0] for g in kept)]
            return arrays.transposed(out, [order.index(p) for p in heads])
        sizes = [value.extents[p] for p in self.shared]
        return arrays.shaped(
            out, [*sizes, *(product_of([value.extents[p] for p in g]) for g in kept)]
        )


@dataclass(frozen=True)
class Factor:
    """A matrix of a product: its view, its sizes, and how it lies in memory."""

    array: Array
    sizes: tuple[Extent, ...]
    turned: bool  # whether its columns, not its rows, lie in one piece
    whole: bool  # of an array in one piece


def small_products(
    arrays: Arrays, value: Value, left: Factor, right: Factor, out: Array
) -> str | None:
    """The statement of a product that goes in small blocks; None for others."""
    if len(left.sizes) != 2 or len(right.sizes) != 2:
        return None
    if not (left.whole and right.whole):
        return None
    (rows, terms), columns = left.sizes, right.sizes[1]
    if usual(rows) * usual(terms) * usual(columns) < 2 * SMALL and not is_thin(
        rows, terms, columns
    ):
        return None
    lasting = left.array.lasting and right.array.lasting
    gradient = isinstance(rows, int) and left.turned and not right.turned
    if isinstance(terms, int) and isinstance(columns, int) and not gradient:
        least = FEW if columns % WIDTH == 0 and not right.turned else ROWS
        if lasting and terms * columns * least <= SMALL and usual(rows) >= ROWS:
            return in_rows(arrays, value, left, right, out, terms * columns)
    if isinstance(rows, int) and isinstance(columns, int) and not right.turned:
        if rows * columns * PARTS <= SMALL:
            return in_parts(arrays, value, left, right, out, (rows, columns)) if lasting else None
        cut = tile(rows, columns)
        if cut is None:
            return None
        if usual(terms) * cut[0] * cut[1] <= SMALL:
            return in_tiles(arrays, left, right, out, cut)
        if lasting and rows * columns <= SUMMED:
            return in_parts(arrays, value, left, right, out, cut)
    return None


def is_thin(rows: Extent, terms: Extent, columns: Extent) -> bool:
    """Whether a product is of a narrow matrix, and too large for one block in large batches.

    Of these blocks gain most: (512, 256) @ (256, 10) and its two gradients take 95 us for 173. The
    helpers take one `dot` where a batch is small.
    """
    sizes = [max(usual(e), MANY) if names(e) else usual(e) for e in (rows, terms, columns)]
    return min(sizes) <= NARROW and prod(sizes) > 5 * SMALL // 4


def tile(rows: int, columns: int) -> tuple[int, int] | None:
    """Rows and columns of tiles that make up a matrix: a few thousand elements each, if any do."""
    for across in (64, 96, 80, 112, 48):
        for down in range(4096 // across, 15, -1):
            if columns % across == 0 and rows % down == 0:
                return down, across
    return None


def in_rows(
    arrays: Arrays, value: Value, left: Factor, right: Factor, out: Array, size: int
) -> str:
    """Blocks of rows times one matrix, which is copied where it is a transposed view."""
    lines: list[str] = []
    matrix = right.array
    if right.turned:
        lines, matrix = as_it_lies(arrays, value, right, right.sizes)
    made = f"{arrays.printer.helper('in_rows')}({left.array.text}, {out.text}, {size})"
    blocks = arrays.view(left.array, made, "rows")
    block, rows = arrays.local("block_dot"), arrays.local("rows")
    return "\n".join([
        *lines,
        f"for {block}, {rows} in {blocks.text}:",
        f"    {block}({matrix.text}, {rows})",
    ])  # fmt: skip


def as_it_lies(
    arrays: Arrays, value: Value, factor: Factor, extents: Sequence[Extent]
) -> tuple[list[str], Array]:
    """A copy of a transposed view: the kernels for small transposed matrices are half as fast."""
    copy = arrays.scratch(extents, arrays.printer.kind(value), "turned")
    return [f"{arrays.call('np.copyto')}({copy.text}, {factor.array.text})"], copy


def small(left: Factor, right: Factor) -> bool:
    """Whether one of many products is small, of rows enough to pay for a copy of its matrix."""
    if len(left.sizes) != 2 or len(right.sizes) != 2:
        return False
    rows, terms = map(usual, left.sizes)
    return rows >= ROWS and rows * terms * usual(right.sizes[1]) <= SMALL


def in_parts(
    arrays: Arrays, value: Value, left: Factor, right: Factor, out: Array, cut: tuple[int, int]
) -> str:
    """The products of parts of a long sum, in tiles, added up by a product with ones."""
    down, across = cut
    least = SMALL // (down * across) // 2 + 1  # terms of a part, see `stacked`
    count = add(floordiv(left.sizes[1], least), 1)
    room = product_of([count, left.sizes[0], right.sizes[1]])
    sums = arrays.scratch([room], arrays.printer.kind(value), "parts")
    made = (
        f"{arrays.printer.helper('in_parts')}({left.array.text}, {right.array.text}, {out.text}, "
        f"{sums.text}, {down}, {across})"
    )
    parts, part = arrays.view(left.array, made, "parts"), arrays.local("part")
    return f"for {part} in {parts.text}:\n    {part}()"


def in_tiles(arrays: Arrays, left: Factor, right: Factor, out: Array, cut: tuple[int, int]) -> str:
    """A product in tiles, unless its factors turn out to be too large for that to pay.

    Then they leave the caches between one tile and the next: of (784, K) @ (K, 512) tiles take 0.74
    of the time at K = 32, 0.86 at 64 and as long at 128; (512, K) @ (K, 256) 0.92 at 128.
    """
    down, across = cut
    made = f"{arrays.printer.helper('tiles')}({right.array.text}, {out.text}, {down}, {across})"
    if right.array.lasting and left.array.lasting:
        return f"{arrays.view(left.array, f'{made}({left.array.text})', 'tiles').text}()"
    return f"{arrays.view(right.array, made, 'tiles').text}({left.array.text})()"


def usual(extent: Extent) -> int:
    """About how large an extent is."""
    return evaluate(extent, dict.fromkeys(names(extent), USUAL))


def contraction(
    value: Value, roles: Roles, orders: Mapping[Value, Order], small: bool = True
) -> Dot | None:
    """The matrix product that a sum of products is, if views make it one."""
    (a, axes_a), (b, axes_b) = value.args
    if value.dtype != "float" or a.dtype != "float" or b.dtype != "float" or a.host or b.host:
        return None

    def along(v: Value, axes: Axes) -> list[int]:
        return [axes[axis] for axis in orders.get(v) or identity(v)]

    loops_a, loops_b = along(a, axes_a), along(b, axes_b)
    order = orders.get(value) or identity(value)
    shared = tuple(p for p in order if p in loops_a and p in loops_b)
    own_a = tuple(p for p in order if p in loops_a and p not in loops_b)
    own_b = tuple(p for p in order if p in loops_b and p not in loops_a)
    summed = tuple(p for p in loops_a if p >= value.rank)
    swapped = order == (*shared, *own_b, *own_a) and bool(own_a) and bool(own_b)
    single = shared and len(own_a) == len(own_b) == 1 and order[-1] in (*own_a, *own_b)
    if single:  # shared axes may stand between those of the matrices
        swapped = order[-1] in own_a
    elif not swapped and order != (*shared, *own_a, *own_b):
        return None
    if shared and not (own_a and own_b):
        return None
    for v, loops, groups in ((a, loops_a, (own_a, summed)), (b, loops_b, (own_b, summed))):
        whole = contiguous(roles, v)
        for group in groups:
            if len(group) > 1 and not (whole and is_run(loops, group)):
                return None
    return Dot(shared, own_a, own_b, summed, swapped, small)


def is_run(loops: Sequence[int], group: Sequence[int]) -> bool:
    """Whether a group of loops stands together, in its order."""
    start = loops.index(group[0])
    return list(loops[start : start + len(group)]) == list(group)


def product_of(extents: Sequence[Extent]) -> Extent:
    return product(tuple(extents))


def contiguous(roles: Roles, value: Value) -> bool:
    """Whether the array of a value lies in one piece, in its physical order."""
    return roles(value) != "view" or value.op == "reshape"

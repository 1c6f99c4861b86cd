"""Chains of calls on wide arrays go some rows at a time.

GELU of (1024, 256) is eight calls, its slope seven more, each on arrays of a megabyte. Over blocks
of rows what one call writes is in the cache for the next, and what only the chain reads needs no
more memory than a block.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphnet.compiler.fast.arrays import Order
from graphnet.compiler.fast.form import Form
from graphnet.compiler.fast.forms import Ufunc
from graphnet.compiler.fast.memory import reads
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Axes, Value
from graphnet.formula.extent import product

__all__ = ["LEAST", "is_link", "rows"]

BLOCK = 32768  # elements of a block: five such arrays are a third of a cache of 2 MB
LEAST = 4  # calls of a chain: fewer gain nothing
SHORT = 256  # elements of a row; with less a batch has to be large for two blocks


def rows(v: Value) -> int:
    """About how many rows of an array a chain goes along at a time; 0 where its rows are short."""
    if v.rank < 2:
        return 0
    row = product(v.extents[1:])
    if not isinstance(row, int) or not SHORT <= row <= BLOCK:
        return 0
    count = v.extents[0]
    return BLOCK // row if not isinstance(count, int) or count * row > 2 * BLOCK else 0


def is_link(
    v: Value, forms: Mapping[Value, Form], roles: Roles, orders: Mapping[Value, Order]
) -> bool:
    """Whether a statement of a chain can go row by row."""
    if not isinstance(forms.get(v), Ufunc) or v in orders or not rows(v):
        return False
    return all(
        _has_rows(a, axes, forms, roles, orders) if 0 in axes else _is_there(a, v, roles)
        for a, axes in v.args
    )


def _is_there(a: Value, v: Value, roles: Roles) -> bool:
    """Whether an argument is the same for every row, and there before the first one is.

    The first row of a chain, or the largest of all its elements, is not.
    """
    if a.host or roles(a) == "given":
        return a.host

    def apart(b: Value) -> bool:
        kept = roles(b) in ("stored", "given") and product(b.extents) != product(v.extents)
        return b is a or not b.rank or kept

    return all(map(apart, reads(a, roles)))


def _has_rows(
    a: Value, axes: Axes, forms: Mapping[Value, Form], roles: Roles, orders: Mapping[Value, Order]
) -> bool:
    """Whether an argument is a buffer with rows of its own."""
    own = roles(a) == "line" and a in forms and a not in orders
    return own and axes[0] == 0 and list(axes) == sorted(axes)

"""Long updates go a block at a time, so that what one call writes is in the cache for the next.

Ten calls over half a million parameters move the vectors through memory ten times; over 49,152
elements at a time they move them once. So do chains of calls on wide arrays, some rows at a time
(`chains.py`). Each element is computed by the same calls in the same order, so no bit changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphnet.compiler.fast.arrays import Order
from graphnet.compiler.fast.chains import LEAST, is_link
from graphnet.compiler.fast.form import Form
from graphnet.compiler.fast.forms import Ufunc
from graphnet.compiler.fast.memory import reads
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Value
from graphnet.formula.extent import Extent

__all__ = ["BLOCK", "gathered", "local", "runs"]

BLOCK = 49152  # elements: five such arrays are half a cache of 2 MB


def is_flat(v: Value, forms: Mapping[Value, Form], roles: Roles) -> bool:
    """Whether a statement goes element by element over one long axis."""
    if not isinstance(forms.get(v), Ufunc) or v.rank != 1:
        return False
    size = v.extents[0]
    if not isinstance(size, int) or size <= BLOCK:
        return False
    return all(
        (a.extents == v.extents and _is_held(a, forms, roles)) if a.rank
        else all(not b.rank for b in reads(a, roles))  # a number there before the first block is
        for a, _ in v.args
    )  # fmt: skip


def _is_held(a: Value, forms: Mapping[Value, Form], roles: Roles) -> bool:
    """Whether an array lies in memory of the plan: what NumPy makes anew in each call does not."""
    return roles(a) in ("stored", "joined") or (roles(a) == "line" and a in forms)


def gathered(
    lines: Sequence[Value], forms: Mapping[Value, Form], roles: Roles
) -> tuple[Value, ...]:
    """The statements with the numbers that stand between those of one run ahead of it."""
    result: list[Value] = []
    start: int | None = None  # where the run begins
    for v in lines:
        if is_flat(v, forms, roles):
            if start is None or result[start].extents != v.extents:
                start = len(result)
            result.append(v)
        elif start is not None and _is_apart(v, result[start:], roles):
            result.insert(start, v)
            start += 1
        else:
            start = None
            result.append(v)
    return tuple(result)


def _is_apart(v: Value, run: Sequence[Value], roles: Roles) -> bool:
    """Whether a number is made of other numbers only."""
    if v.rank or roles(v) != "line" or v.op in ("output", "store", "copy", "scan", "result"):
        return False
    stack = [v]
    while stack:
        for a, _ in stack.pop().args:
            if a.rank or a in run:
                return False
            if roles(a) == "number":
                stack.append(a)
    return True


def runs(
    lines: Sequence[Value], forms: Mapping[Value, Form], roles: Roles,
    orders: Mapping[Value, Order],
) -> list[list[Value]]:  # fmt: skip
    """The statements in order, those that go block by block together."""
    result: list[list[Value]] = []
    last: tuple[str, tuple[Extent, ...]] | None = None
    for v in lines:
        flat = is_flat(v, forms, roles)
        kind = "flat" if flat else "rows" if is_link(v, forms, roles, orders) else ""
        if kind and last == (kind, v.extents):
            result[-1].append(v)
        else:
            result.append([v])
        last = (kind, v.extents) if kind else None
    return [
        part for run in result
        for part in ([run] if run[0].rank == 1 or len(run) >= LEAST else [[v] for v in run])
    ]  # fmt: skip


def local(runs: Sequence[Sequence[Value]], roles: Roles) -> set[Value]:
    """What only the calls that go block by block with it read: a block of it is enough."""
    where = {v: k for k, run in enumerate(runs) if len(run) > 1 for v in run}
    found = set(where)
    for k, run in enumerate(runs):
        for line in run:
            found -= {v for v in reads(line, roles) if where.get(v) != k}
    return found

"""Arrays that stand transposed, (features, batch), so that a few features are a few long rows.

A reduction over ten classes of every row is a loop of ten for each of them; down the columns of
the transposed array it is ten calls of wide registers. So is what broadcasts one number a row.
What goes element by element with such an array is transposed with it. A product writes either way,
but turning a factor costs a large one more than the reductions gain: (512, 256) @ (256, 10) takes
62 us and 161 turned. So its factor must stand transposed already, as that of a small layer does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.values import Value

__all__ = ["TURNED", "group", "may_turn", "narrow"]

TURNED: Order = (1, 0)
NARROW = 32  # features: at 64 a small batch would be slower
REDUCTIONS = ("sum", "max", "min", "count")
TOGETHER = UFUNCS | {"cast"}  # what goes element by element


def narrow(
    roots: Iterable[Value], roles: Roles, known: Mapping[Value, Order]
) -> dict[Value, Order]:
    """The layout of narrow arrays that are reduced row by row, beside what is `known` to be so."""
    values = live(roots)
    readers = readers_of(values)
    found = dict(known)
    for v in values:
        if v.op not in REDUCTIONS or v.args[0][1] != (0, 1) or v.rank != 1:
            continue
        source = v.args[0][0]
        width = source.extents[1]
        if source not in found and isinstance(width, int) and width <= NARROW:
            together = group(source, readers)
            products = [v for v in together if v.op == "contract"]
            beside = all(any(a in found for a, _ in v.args) for v in products)
            if beside and may_turn(together, readers, roles, found):
                found |= dict.fromkeys(together, TURNED)
    return found


def may_turn(
    together: Iterable[Value], readers: Readers, roles: Roles, known: Collection[Value] = ()
) -> bool:
    """Whether arrays that go element by element with one another may stand transposed; rows of
    those that are `known` to do are among them."""
    together = set(together)

    def may(v: Value) -> bool:
        if v.op == "slice":
            return v.args[0][0] in known and roles(v) == "view"
        return v.op in ("over_ones", "beside") or (
            v.rank == 2
            and roles(v) == "line"
            and (v.op in TOGETHER or v.op in ("contract", "one_hot"))
            and all(r in together or _reads_both_ways(r) for r in readers.get(v, ()))
            and all(a in together or a.rank < 2 or v.op == "contract" or a.host for a, _ in v.args)
        )

    return all(may(v) for v in together)


def _reads_both_ways(reader: Value) -> bool:
    """Whether a statement reads either layout; an output does where it is a copy."""
    columns = reader.op == "slice" and isinstance(reader.extra, tuple) and reader.extra[0] is None
    copied = reader.op == "output" and bool(reader.extra)
    return columns or copied or reader.op in ("contract", "over_ones", "beside", *REDUCTIONS)


def group(source: Value, readers: Readers) -> dict[Value, None]:
    """The values that calls element by element connect with a value."""
    found: dict[Value, None] = {source: None}
    stack = [source]
    while stack:
        v = stack.pop()
        near = [a for a, axes in v.args if _alike(a, axes, v)]
        near += [
            r for r in readers.get(v, ()) if any(a is v and _alike(a, x, r) for a, x in r.args)
        ]
        for other in near:
            if other not in found:
                found[other] = None
                stack.append(other)
    return found


def _alike(argument: Value, axes: Order, value: Value) -> bool:
    return (
        value.op in TOGETHER
        and axes == identity(value)
        and argument.extents == value.extents
        and not argument.host
    )

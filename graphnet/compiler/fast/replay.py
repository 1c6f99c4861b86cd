"""Replays a plan: whether every statement reads what it is to read, by the rule of memory.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphnet.compiler.fast.arrays import Order
from graphnet.compiler.fast.form import Form
from graphnet.compiler.fast.memory import Memory, Place, fits, memory_of, reads
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Value
from graphnet.errors import GraphnetError

__all__ = ["check"]


def check(
    memory: Memory, roles: Roles, forms: Mapping[Value, Form], orders: Mapping[Value, Order],
    runs: Sequence[Sequence[Value]],
) -> None:  # fmt: skip
    """Replays a plan statement by statement.

    Raises GraphnetError where a statement reads memory that something else was written to, or
    writes over an operand it may not write over, or reads the whole of what goes block by block.
    """
    for run in runs:
        if len(run) > 1:
            _check_blocks(run, memory, roles)
    content: dict[Value, Place] = {v: p for v, p in memory.places.items() if roles(v) == "stored"}
    for line in memory.lines:
        needed = reads(line, roles)
        for v in needed:
            if v in memory.places and v not in content and roles(v) != "joined":
                raise GraphnetError(f"{line!r} reads {v!r}, which is not there any more")
        for given in memory.given.get(line, ()):
            taken = memory.places[given.results[0]]
            for v in needed:
                own = memory.places.get(v)
                if v is not given.over and own is not None and own.overlaps(taken):
                    raise GraphnetError(f"{line!r} writes over {v!r}, which it reads")
            content = {v: p for v, p in content.items() if not p.overlaps(taken)}
            content |= dict.fromkeys(given.results, taken)
        place = memory.places.get(line)
        if place is None:
            continue
        if line.op == "result":
            if line not in content:
                raise GraphnetError(f"{line!r} is not there any more")
            continue
        _check_operands(line, place, memory, roles, forms, orders)
        content = {v: p for v, p in content.items() if not p.overlaps(place)}
        content[line] = place


def _check_operands(
    line: Value, place: Place, memory: Memory, roles: Roles, forms: Mapping[Value, Form],
    orders: Mapping[Value, Order],
) -> None:  # fmt: skip
    """Whether a statement may write over all that it reads of its own place."""
    form = forms.get(line)
    for v in reads(line, roles):
        own = memory.places.get(v)
        if own is None or not own.overlaps(place) or v is line:
            continue
        whole = form and own == place and fits(line, v, roles, form, orders)
        part = form and roles(v) == "line" and any(
            roles(a) == "joined" and v in memory_of([a], roles)
            and memory.places[a] == place and fits(line, a, roles, form, orders)
            for a, _ in line.args
        )  # fmt: skip
        if not whole and not part:
            raise GraphnetError(f"{line!r} is written over {v!r}, which it reads")


def _check_blocks(run: Sequence[Value], memory: Memory, roles: Roles) -> None:
    """Whether what every block reads of an array is not written by any of them."""
    written = [memory.places[v] for v in run]
    for line in run:
        for v in (v for a, axes in line.args if 0 not in axes for v in reads(a, roles)):
            place = memory.places.get(v)
            if place is not None and any(map(place.overlaps, written)):
                raise GraphnetError(f"{line!r} reads the whole of {v!r}, which goes by blocks")

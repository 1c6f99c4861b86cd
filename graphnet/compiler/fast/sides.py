"""Arrays side by side: rows of one buffer, so that several of them are one array as well.

Arrays of one batch that stand transposed, (features, batch), follow one another in a chain. A
joined value is a run of its chain: an array over a row of ones (`over_ones`), or several arrays
and rows of ones (`beside`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.fast.arrays import Order
from graphnet.compiler.fast.memory import Memory, Place
from graphnet.compiler.fast.roles import Roles, live, readers_of
from graphnet.compiler.fast.turned import TURNED, group, may_turn
from graphnet.compiler.values import Value
from graphnet.formula.extent import Extent, add, product

__all__ = ["Chain", "Side", "can_lie", "chains", "orders", "parts", "sides", "width"]

Chain = list[Value | None]  # arrays in the order of their rows; None is a row of ones


@dataclass
class Side:
    """Arrays side by side in one storage, and the row at which each joined value starts."""

    storage: int
    chain: Chain
    joins: dict[Value, int] = field(default_factory=dict)


def parts(join: Value) -> Chain:
    """What lies side by side in a joined value."""
    found: Chain = [None if a.host else a for a, _ in join.args]
    return [*found, None] if join.op == "over_ones" else found


def width(part: Value | None) -> Extent:
    """The rows that a part takes."""
    return 1 if part is None else part.extents[1]


def chains(joins: Iterable[Value]) -> list[Chain] | None:
    """The joined values linked where they share a part; None where that cannot be."""
    found: list[Chain] = []
    for join in joins:
        chain = parts(join)
        for other in [c for c in found if any(p is not None and p in c for p in chain)]:
            linked = _linked(other, chain)
            if linked is None:
                return None
            found.remove(other)
            chain = linked
        found.append(chain)
    return found


def _linked(a: Chain, b: Chain) -> Chain | None:
    """Two chains as one in which both are runs, every array once."""
    for first, second in ((a, b), (b, a)):
        for n in range(min(len(first), len(second)), 0, -1):
            whole = first + second[n:]
            arrays = [p for p in whole if p is not None]
            if first[-n:] == second[:n] and len(set(arrays)) == len(arrays):
                return whole
        for at in range(len(first) - len(second) + 1):
            if first[at : at + len(second)] == second:
                return first
    return None


def can_lie(roots: Sequence[Value], roles: Roles) -> bool:
    """Whether all that is to lie side by side can, with what goes element by element with it."""
    found = live(roots)
    over = [v for v in found if v.op == "over_ones"]
    known = dict.fromkeys([*over, *(v.args[0][0] for v in over)], TURNED)
    joins = [*over, *(v for v in found if v.op == "beside")]
    return chains(joins) is not None and orders(roots, roles, known) is not None


def orders(
    roots: Iterable[Value], roles: Roles, known: Mapping[Value, Order]
) -> dict[Value, Order] | None:
    """The layout of all that is side by side, and of what goes element by element with it."""
    values = live(roots)
    readers = readers_of(values)
    joins = [v for v in values if v.op == "beside"]
    if any(p is not None and roles(p) != "line" for j in joins for p in parts(j)):
        return None  # rows of another array have their place already
    found = {**known, **dict.fromkeys(joins, TURNED)}
    queue = [r for j in joins for r in readers.get(j, ())]  # first, for rows of them may be read
    queue += [a for j in joins for a, _ in j.args if not a.host]
    done: set[Value] = set()
    for v in queue:
        if v in done:
            continue
        together = {v: None} if v.op == "copy" else group(v, readers)
        if v.op != "copy" and not may_turn(together, readers, roles, found):
            return None
        done |= together.keys()
        found |= dict.fromkeys(together, TURNED)
        queue += [
            r for w in together for r in readers.get(w, ()) if r.op == "slice" and r.rank == 2
        ]
    return found


def sides(memory: Memory, joins: Sequence[Value]) -> tuple[list[Side], dict[Value, Place]]:
    """One storage for each chain, in which the joins have their places, and those of the arrays."""
    found: list[Side] = []
    places: dict[Value, Place] = {}
    for chain in chains(joins) or ():
        first = next(p for p in chain if p is not None)
        rows = [width(p) for p in chain]
        starts = [product((add(*rows[:k]), first.extents[0])) for k in range(len(chain))]
        size = product((add(*rows), first.extents[0]))
        side = Side(memory.storage(first.dtype, size, pinned=True).storage, chain)
        for join in joins:
            inside = parts(join)
            at = [k for k in range(len(chain)) if chain[k : k + len(inside)] == inside]
            if at:
                side.joins[join] = at[0]
                memory.places[join] = Place(side.storage, starts[at[0]], product(join.extents))
        places |= {
            p: Place(side.storage, start, product(p.extents))
            for p, start in zip(chain, starts, strict=True) if p is not None
        }  # fmt: skip
        found.append(side)
    return found, places

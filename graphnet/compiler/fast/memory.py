"""Which memory each statement writes: buffers shared by lifetime, results written over operands.

One rule: the live intervals of the occupants of one buffer never overlap; an elementwise statement
may write over an operand that dies in it if layout, axes in all its occurrences and dtype are
equal. Products and reductions never write over what they read.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.form import Form
from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.fast.windows import Pad
from graphnet.compiler.values import Value
from graphnet.formula.extent import Extent, add, at_least, product, sub

__all__ = [
    "Given", "Memory", "Place", "allocate", "fits", "memory_of", "reads", "without_idle_stores"
]  # fmt: skip

Room = tuple[Extent, ...] | None  # the shape of arrays of which a buffer holds a block, or all
Kind = tuple[str, Extent, Room]


@dataclass(frozen=True)
class Place:
    """Memory: `size` elements from `start` of storage number `storage`."""

    storage: int
    start: Extent
    size: Extent

    def overlaps(self, other: Place) -> bool:
        if self.storage != other.storage:
            return False
        ends = add(self.start, self.size), add(other.start, other.size)
        apart = at_least(sub(other.start, ends[0])) or at_least(sub(self.start, ends[1]))
        return not apart


@dataclass(frozen=True)
class Given:
    """What a loop writes step by step: results that are one array, and what that takes the place
    of. That each step has read its part by then is for the plan of the body to say."""

    results: tuple[Value, ...]
    over: Value | None


@dataclass
class Memory:
    """Where everything is. A statement without a place allocates its result, or returns it."""

    lines: tuple[Value, ...]
    places: dict[Value, Place] = field(default_factory=dict)
    dtypes: list[str] = field(default_factory=list)  # of every storage
    sizes: list[Extent] = field(default_factory=list)
    pinned: set[int] = field(default_factory=set)  # storages that are no buffers
    frames: dict[int, Value | None] = field(default_factory=dict)  # what stays in a storage, or 0
    given: dict[Value, list[Given]] = field(default_factory=dict)  # what loops write
    local: set[Value] = field(default_factory=set)  # what only the calls of one run read
    blocks: dict[int, tuple[Extent, ...]] = field(default_factory=dict)  # storages for such

    def storage(self, dtype: str, size: Extent, pinned: bool = False) -> Place:
        """A new storage."""
        self.dtypes.append(dtype)
        self.sizes.append(size)
        if pinned:
            self.pinned.add(len(self.sizes) - 1)
        return Place(len(self.sizes) - 1, 0, size)

    def kind(self, storage: int) -> Kind:
        """What a storage is for: buffers of blocks are shared by arrays of one shape."""
        return self.dtypes[storage], self.sizes[storage], self.blocks.get(storage)

    def rooms(self, line: Value) -> tuple[Room, ...]:
        """What buffers a statement may take, the better ones first; the last may be a new one.

        What block by block calls keep to themselves needs a block. Rows of a chain never stand in
        memory for all of them, for a block stays in the cache. A long update takes the gradient
        that it has read rather than a block: 40 us less of W3's step of 3,500.
        """
        if line not in self.local:
            return (None,)
        return (None, line.extents) if line.rank == 1 else (line.extents,)


def reads(value: Value, roles: Roles) -> list[Value]:
    """The values whose memory a statement reads."""
    return memory_of([a for a, _ in value.args], roles)


def memory_of(values: Sequence[Value], roles: Roles) -> list[Value]:
    """The values whose memory these are, seen through views, numbers and joined ones."""
    found: dict[Value, None] = {}
    stack = list(reversed(values))
    while stack:
        v = stack.pop()
        role = roles(v)
        if role in ("host", "fixed"):
            continue
        if role in ("view", "number", "joined"):
            stack.extend(a for a, _ in reversed(v.args))
        if role not in ("view", "number"):
            found[v] = None
    return list(found)


def occupied(lines: Sequence[Value], roles: Roles) -> dict[Value, int]:
    """The last statement that reads each value; for one nobody reads, the one that makes it."""
    last: dict[Value, int] = {}
    for k, line in enumerate(lines):
        last[line] = k
        for v in reads(line, roles):
            last[v] = k
    return last


def allocate(
    lines: Sequence[Value],
    roles: Roles,
    forms: Mapping[Value, Form],
    orders: Mapping[Value, Order],
    memory: Memory,
    wishes: Mapping[Value, Place],
) -> None:
    """Gives every statement with a form its memory. `wishes` are places that new states want."""
    last = occupied(lines, roles)
    free: dict[Kind, list[int]] = {}
    lives: dict[int, int] = {}  # buffer -> the last statement that reads what is in it
    framed: dict[Hashable, list[Place]] = {}  # a frame and its extents -> buffers that have it
    for v, known in memory.places.items():
        if known.storage not in memory.pinned:  # joined gradients
            lives[known.storage] = max(last.get(v, 0), lives.get(known.storage, 0))
    for k, line in enumerate(lines):
        for storage in sorted(s for s, end in lives.items() if end < k):
            del lives[storage]
            free.setdefault(memory.kind(storage), []).append(storage)
        if line in memory.given:
            _give_out(k, line, memory, last, lives, free)
        if line not in forms or line in memory.places:
            continue  # it allocates its result, or it is one of the joined gradients
        if isinstance(form := forms[line], Pad):  # what stands around it stays
            frame = (line.dtype, line.extents, line.extra, form.fill(line), orders.get(line))
            alike = framed.setdefault(frame, [])
            memory.places[line] = _framed(k, line, alike, memory, last)
            memory.frames[memory.places[line].storage] = form.fill(line)
            continue
        place: Place | None = _wished(k, line, lines, roles, forms, orders, memory, wishes, last)
        place = place or _over_operand(k, line, roles, forms, orders, memory, lives)
        if place is None:
            place = _spare(line, memory, free)
        memory.places[line] = place
        if place.storage not in memory.pinned:
            lives[place.storage] = max(last[line], lives.get(place.storage, 0))


def _spare(
    line: Value, memory: Memory, free: Mapping[Kind, list[int]]
) -> Place:  # fmt: skip
    """A buffer that is free, or a new one."""
    size, rooms = product(line.extents), memory.rooms(line)
    for room in rooms:
        spare = free.get((line.dtype, size, room))
        if spare:
            return Place(spare.pop(), 0, size)
    place = memory.storage(line.dtype, size)
    if rooms[-1] is not None:
        memory.blocks[place.storage] = rooms[-1]
    return place


def _framed(
    k: int, line: Value, alike: list[Place], memory: Memory, last: Mapping[Value, int]
) -> Place:  # fmt: skip
    """A buffer with an equal frame whose contents nobody reads any more, or a new one."""
    busy = {place.storage for v, place in memory.places.items() if last.get(v, -1) >= k}
    for place in alike:
        if place.storage not in busy:
            return place
    alike.append(memory.storage(line.dtype, product(line.extents), pinned=True))
    return alike[-1]


def _give_out(
    k: int, loop: Value, memory: Memory, last: Mapping[Value, int], lives: dict[int, int],
    free: Mapping[Kind, list[int]],
) -> None:  # fmt: skip
    """Gives the results that a loop writes their memory."""
    for given in memory.given[loop]:
        over, results = given.over, given.results
        place = memory.places[over] if over else _spare(results[0], memory, free)
        memory.places |= dict.fromkeys(results, place)
        end = max(last.get(result, k) for result in results)
        lives[place.storage] = max(end, lives.get(place.storage, 0))


def fits(
    line: Value, source: Value, roles: Roles, form: Form, orders: Mapping[Value, Order]
) -> bool:
    """Whether a statement may write over an operand: equal layout, axes, dtype and extents."""
    same = identity(line)
    if source.dtype != line.dtype or source.extents != line.extents:
        return False
    if (orders.get(source) or same) != (orders.get(line) or same):
        return False
    allowed = form.overwrites(line)
    return all(
        k in allowed and v is source and axes == same
        for k, (v, axes) in enumerate(line.args)
        if source in (v, *memory_of([v], roles))
    )


def _over_operand(
    k: int, line: Value, roles: Roles, forms: Mapping[Value, Form],
    orders: Mapping[Value, Order], memory: Memory, lives: Mapping[int, int],
) -> Place | None:  # fmt: skip
    """The buffer of an operand that dies in this statement."""
    for v, _ in line.args:
        place = memory.places.get(v)
        if place is None or place.start != 0 or place.size != memory.sizes[place.storage]:
            continue
        if memory.blocks.get(place.storage) not in memory.rooms(line):
            continue
        if lives.get(place.storage) == k and fits(line, v, roles, forms[line], orders):
            return place
    return None


def _wished(
    k: int, line: Value, lines: Sequence[Value], roles: Roles, forms: Mapping[Value, Form],
    orders: Mapping[Value, Order], memory: Memory, wishes: Mapping[Value, Place],
    last: Mapping[Value, int],
) -> Place | None:  # fmt: skip
    """The place a new state wants, where nobody reads the old one any more."""
    wish = wishes.get(line)
    if wish is None:
        return None
    for v, place in memory.places.items():
        if not place.overlaps(wish) or v not in last or roles(v) == "joined":
            continue
        if last[v] > k or (
            last[v] == k
            and v in reads(line, roles)
            and not fits(line, v, roles, forms[line], orders)
        ):
            return None
    return wish


def without_idle_stores(lines: Sequence[Value], memory: Memory) -> tuple[Value, ...]:
    """The lines without stores of what was computed right where it is kept.

    Every store is given the place that it writes to.
    """
    kept = []
    for v in lines:
        if v.op == "store":
            memory.places[v] = memory.places[v.extra]  # type: ignore[index]
            if memory.places.get(v.args[0][0]) == memory.places[v]:
                continue
        kept.append(v)
    return tuple(kept)

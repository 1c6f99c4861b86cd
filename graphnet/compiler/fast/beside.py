"""Small arrays beside one another, so that one call does what several did.

Where arrays are small a call costs more than its arithmetic. What lies side by side in one buffer
(`sides.py`) is an array as well, and two kinds of statements gain by it:

- The same call on several arrays: `1 - a**2` of a hidden and of a last layer is two calls on the
  rows of both, not four.
- A weighted sum of columns, such as `a + 1 - 2*t`: one product of a row of numbers with the rows
  a, 1 and t. Where it is multiplied by a number further on, that is a second row of numbers.

All numbers of such a product differ from 0, so an infinite column ends where it did before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Protocol

from sympy import Integer

from graphnet.compiler.fast.arrays import Order, identity
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.mixes import Mix, mixes, times
from graphnet.compiler.fast.rebuilt import again
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.fast.sides import can_lie, chains, parts
from graphnet.compiler.values import Value, Values

__all__ = ["with_fewer_calls"]

WIDEST = 32  # features of arrays that share a call
MOST = 4  # arrays


def with_fewer_calls(
    values: Values, held: Mapping[str, Value], ends: Sequence[str], roles: Roles,
    off: Collection[str] = (),
) -> dict[Value, Value] | None:  # fmt: skip
    """Every value that the ends need over arrays side by side: old -> new; None for no gain.

    What is a sum of columns may be a call on one of them as well, so all ways are tried.
    """
    roots = [held[name] for name in ends]
    found = live(roots)
    over = [v for v in found if v.op == "over_ones"]
    if not over:
        return None  # no layer is small
    best, least = None, _calls(found, roles)
    for kinds in ({"mixes", "calls"}, {"calls"}, {"mixes"}):
        if kinds & set(off):
            continue
        work = _Rewriting(values, readers_of(found), roles, list(over))
        if "mixes" in kinds:
            work.find_mixes(found)
        if "calls" in kinds:
            work.find_calls(found)
        new = work.rebuilt(held.values()) if work.mixes or work.calls else None
        anew = [new[root] for root in roots] if new is not None else []
        if anew and (count := _calls(live(anew), roles)) < least and can_lie(anew, roles):
            best, least = new, count
    return best


def _calls(found: Iterable[Value], roles: Roles) -> int:
    return sum(1 for v in found if roles(v) == "line")


@dataclass(frozen=True)
class _Calls:
    """The same call on several arrays, or on what `below` gives of each of them."""

    members: tuple[Value, ...]  # the calls, in the order of the rows
    below: _Calls | None = None

    def starts(self) -> list[int]:
        """The first row of each."""
        columns = [_columns(v) for v in self.members]
        return [sum(columns[:k]) for k in range(len(columns))]


@dataclass
class _Rewriting:
    """What was found in a network, and the network made anew with it."""

    values: Values
    readers: Readers
    roles: Roles
    joins: list[Value]  # what lies side by side, in terms of the network as it was
    mixes: dict[Value, Mix] = field(default_factory=dict)  # join -> what is computed of it
    calls: list[_Calls] = field(default_factory=list)

    # -- finding ---------------------------------------------------------------------------------

    def find_mixes(self, found: Sequence[Value]) -> None:
        """Weighted sums of columns whose rows can lie side by side."""
        for mix in mixes(self.values, found, self.readers, self.roles):
            # arguments, ones, and at the end what may stand beside something else besides
            rows = sorted(mix.weights, key=lambda a: 1 if a is None else 2 * (a.op != "leaf"))
            join = self._place(rows)
            if join is not None:
                self.mixes[join] = mix

    def find_calls(self, found: Iterable[Value]) -> None:
        """Equal calls on arrays of which none is made of what another is for."""
        kinds: dict[object, list[Value]] = {}
        for v in found:
            kind = self._kind(v)
            if kind is not None and _source(v).op in UFUNCS:
                kinds.setdefault(kind, []).append(v)
        taken: set[Value] = set()
        for same in kinds.values():
            members = self._together([v for v in same if v not in taken])
            join = self._place([_source(v) for v in members]) if members else None
            if join is None:
                continue
            order = parts(join)
            members.sort(key=lambda v: order.index(_source(v)))
            below: _Calls | None = None
            while members:  # then what goes on with all of them in the same way
                below = _Calls(tuple(members), below)
                self.calls.append(below)
                taken |= set(members)
                members = self._onward(members)

    def _kind(self, v: Value) -> object:
        """Equal for equal calls element by element on one array each; None for other values."""
        wide = [(a, axes) for a, axes in v.args if not a.host]
        if v.op not in UFUNCS or v.rank != 2 or len(wide) != 1 or self.roles(v) != "line":
            return None
        ((a, axes),) = wide
        if axes != identity(v) or a.extents != v.extents or not isinstance(v.extents[1], int):
            return None
        numbers = tuple(b if b.host else None for b, _ in v.args)
        return v.op, numbers, v.extents[0], v.dtype, a.dtype, v.extra

    def _together(self, same: Sequence[Value]) -> list[Value]:
        """Those of equal calls that may be one: at most one of them stands over ones."""
        over = {v.args[0][0] for v in self.joins if v.op == "over_ones"}
        members = [v for v in same if _source(v) not in over]
        last = sorted((v for v in same if _source(v) in over), key=lambda v: _source(v).number)
        members += last[-1:]
        needed = set(live(_source(v) for v in members))
        small = sum(_columns(v) for v in members) <= WIDEST and 2 <= len(members) <= MOST
        return members if small and not any(v in needed for v in members) else []

    def _onward(self, members: Sequence[Value]) -> list[Value]:
        """The next equal calls, one on the result of each."""
        for first in self.readers.get(members[0], ()):
            kind = self._kind(first)
            rest = [
                next((r for r in self.readers.get(v, ()) if self._kind(r) == kind), None)
                for v in members[1:]
            ]  # fmt: skip
            if kind is not None and None not in rest:
                return [first, *(r for r in rest if r is not None)]
        return []

    def _place(self, arrays: Sequence[Value | None]) -> Value | None:
        """A join of arrays in an order in which they can lie side by side, which is noted."""
        rows = [a if a is None else self._row(a) for a in arrays]
        for order in permutations(rows):
            join = self._beside(order)
            if chains([*self.joins, join]) is not None:
                self.joins.append(join)
                return join
        return None

    def _row(self, array: Value) -> Value:
        """An array, or the copy of an argument."""
        if self.roles(array) != "given":
            return array
        args = [(array, identity(array))]
        return self.values.make("copy", args, array.extents, array.dtype, "over ones")

    def _beside(self, order: Sequence[Value | None]) -> Value:
        one = self.values.number(Integer(1)).value
        args: list[tuple[Value, Order]] = [
            (one, ()) if part is None else (part, identity(part)) for part in order
        ]
        columns = sum(1 if part is None else _columns(part) for part in order)
        first = next(part for part in order if part is not None)
        return self.values.make("beside", args, (first.extents[0], columns), first.dtype)

    # -- making anew -----------------------------------------------------------------------------

    def rebuilt(self, roots: Iterable[Value]) -> dict[Value, Value] | None:
        """The values over what was found; None where one would need itself."""
        anew: dict[Value, _Anew] = {}
        for calls in self.calls:
            anew |= {v: _Call(self, calls, k) for k, v in enumerate(calls.members)}
        for join, mix in self.mixes.items():
            anew |= {v: _Sum(self, join, mix, v) for v in (mix.total, *mix.scaled)}
        new: dict[Value, Value] = {}
        begun: set[Value] = set()
        stack = list(dict.fromkeys(roots))
        while stack:
            v = stack[-1]
            if v in new:
                stack.pop()
                continue
            needed = anew[v].needed() if v in anew else [a for a, _ in v.args]
            missing = [a for a in needed if a not in new]
            if not missing:
                new[v] = anew[v].made(new) if v in anew else again(self.values, v, new)
            elif v in begun:
                return None
            begun.add(v)
            stack += missing
        return new

    def joined(self, join: Value, new: Mapping[Value, Value]) -> Value:
        return self._beside([
            p if p is None or p.op == "copy" else new[p] for p in parts(join)
        ])  # fmt: skip

    def rows(self, whole: Value, start: int, count: int) -> Value:
        """Some rows of what stands transposed."""
        pattern = (None, (start, 1, count))
        extents = (whole.extents[0], count)
        return self.values.make("slice", [(whole, (0, 1))], extents, whole.dtype, pattern)


class _Anew(Protocol):
    """How a value is made anew, and of what."""

    def needed(self) -> list[Value]: ...

    def made(self, new: Mapping[Value, Value]) -> Value: ...


@dataclass(frozen=True)
class _Call:
    """One of equal calls: its rows in the call on all."""

    work: _Rewriting
    calls: _Calls
    k: int

    def needed(self) -> list[Value]:
        first = self.calls
        while first.below:
            first = first.below
        return [_source(v) for v in first.members]

    def made(self, new: Mapping[Value, Value]) -> Value:
        v = self.calls.members[self.k]
        return self.work.rows(
            self._whole(self.calls, new), self.calls.starts()[self.k], _columns(v)
        )

    def _whole(self, calls: _Calls, new: Mapping[Value, Value]) -> Value:
        first = calls.members[0]
        source = (
            self._whole(calls.below, new) if calls.below
            else self.work._beside([new[_source(v)] for v in calls.members])
        )  # fmt: skip
        args = [(a, ()) if a.host else (source, (0, 1)) for a, _ in first.args]
        return self.work.values.make(first.op, args, source.extents, first.dtype, first.extra)


@dataclass(frozen=True)
class _Sum:
    """A weighted sum, or a scaled product with one: of rows of a product with numbers."""

    work: _Rewriting
    join: Value
    mix: Mix
    value: Value

    def needed(self) -> list[Value]:
        found = [p for p in parts(self.join) if p is not None and p.op != "copy"]
        if self.value is not self.mix.total:
            found += [a for a, _ in self._product.args if a is not self.mix.total]
        return found

    @property
    def _product(self) -> Value:
        return self.mix.scaled[self.value][1]

    def made(self, new: Mapping[Value, Value]) -> Value:
        rows, total = self.mix.rows(), self.mix.total
        if self.value is total:
            return self._row(new, rows.index(None), total) if None in rows else total
        product = self._product
        own = self._row(new, rows.index(self.mix.scaled[self.value][0]), product)
        args = [
            (own, identity(own) if own.rank == 2 else axes) if a is total else (new[a], axes)
            for a, axes in product.args
        ]
        return self.work.values.make("multiply", args, product.extents, product.dtype)

    def _row(self, new: Mapping[Value, Value], k: int, like: Value) -> Value:
        """One of the sums, with an axis of 1 where it is to go with a column."""
        whole = self._whole(new)
        if like.rank == 2 and like.extents[1] == 1:
            return self.work.rows(whole, k, 1)
        pattern = (None, k)
        return self.work.values.make(
            "slice", [(whole, (0, -1))], whole.extents[:1], whole.dtype, pattern
        )

    def _whole(self, new: Mapping[Value, Value]) -> Value:
        """All sums that are wanted, (batch, sums)."""
        values, joined = self.work.values, self.work.joined(self.join, new)
        order = [p.args[0][0] if p and p.op == "copy" else p for p in parts(self.join)]
        numbers = [
            self.mix.weights[p] if factor is None
            else times(values, self.mix.weights[p], factor)
            for factor in self.mix.rows() for p in order
        ]  # fmt: skip
        shape = (len(self.mix.rows()), len(order))
        weights = values.make("numbers", [(n, ()) for n in numbers], shape, joined.dtype)
        args = [(joined, (0, 2)), (weights, (1, 2))]
        return values.make("contract", args, (joined.extents[0], shape[0]), joined.dtype)


def _source(call: Value) -> Value:
    """The one array that a call goes through."""
    return next(a for a, _ in call.args if not a.host)


def _columns(v: Value) -> int:
    columns = v.extents[1]
    assert isinstance(columns, int)
    return columns

"""Slopes that are made of forward values alone, f'(u), are made in the forward pass if that pays.

Every array of the size of a batch that waits for the backward pass is written to memory and read
back. GELU keeps its slope instead of u and tanh, and all that the slope is made of is in the cache
when it is made right behind them (Griewank and Walther, Evaluating Derivatives, 2nd ed. 2008,
section 4.5: preaccumulation).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.chains import rows
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.memory import reads
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.values import Value

__all__ = ["made_ahead", "moved_ahead"]


def made_ahead(shown: Iterable[Value], roots: Iterable[Value], roles: Roles) -> set[Value]:
    """What the other roots need that is made ahead, behind what `shown` is made of."""
    everything = live(roots)
    work = _Ahead(roles, set(live(shown)), readers_of(everything))
    return {v for group in work.slopes(everything) if work.keeps_less(group) for v in group}


@dataclass
class _Ahead:
    roles: Roles
    forward: set[Value]
    readers: Readers

    def slopes(self, everything: Sequence[Value]) -> list[set[Value]]:
        """Wide values of the backward pass made of forward ones, those that share some together."""
        groups: list[tuple[set[Value], set[Value]]] = []  # slopes, and the arrays they are made of
        there = set(self.forward)
        for v in everything:
            if v in there or not self._is_made_of(v, there):
                continue
            there.add(v)
            own, sources = {v}, {a for a, _ in v.args if rows(a)}
            for group in [g for g in groups if sources & (g[0] | g[1])]:
                groups.remove(group)
                own, sources = own | group[0], sources | group[1]
            groups.append((own, sources))
        return [own for own, _ in groups]

    def keeps_less(self, slopes: set[Value]) -> bool:
        """Whether no more arrays are kept than would be of what the slopes are made of."""
        kept = [v for v in slopes if not slopes.issuperset(self.readers.get(v, ()))]
        sources = {a for v in slopes for a, _ in v.args if rows(a)} - slopes
        saved = [a for a in sources if self.roles(a) == "line" and slopes.issuperset(
            r for r in self.readers[a] if r not in self.forward
        )]  # fmt: skip
        return len(kept) <= len(saved)

    def _is_made_of(self, v: Value, there: Collection[Value]) -> bool:
        """Whether a wide value is made element by element of wide ones that are there."""
        wide = [a for a, _ in v.args if not a.host and self.roles(a) not in ("fixed", "stored")]
        return bool(wide and rows(v)) and v.dtype == "float" and all(
            a in there and _goes_over(v, a) for a in wide
        )  # fmt: skip


def _goes_over(reader: Value, v: Value) -> bool:
    """Whether a call goes over all elements of an array as they lie."""
    alike = reader.op in UFUNCS and reader.extents == v.extents
    return alike and all(axes == identity(v) for a, axes in reader.args if a is v)


def moved_ahead(
    lines: Sequence[Value], ahead: Collection[Value], roles: Roles
) -> tuple[Value, ...]:
    """The statements, each of `ahead` right behind the last one that it reads."""
    result: list[Value] = []
    for v in lines:
        at = len(result)
        if v in ahead:
            needed = set(reads(v, roles))
            at = max((k + 1 for k, line in enumerate(result) if line in needed), default=at)
            while at < len(result) and result[at] in ahead:
                at += 1
        result.insert(at, v)
    return tuple(result)

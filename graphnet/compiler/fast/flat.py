"""Parameters, gradients and states end to end in flat vectors, so that an update is one sequence.

Parameters whose update formulas are equal form a group: their formulas are one formula over one
axis. The gradients of a group are computed straight into the slices of one vector (`pack`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.roles import live
from graphnet.compiler.values import Value, Values
from graphnet.formula.extent import Extent, add, product
from graphnet.network.graph import Network
from graphnet.network.nodes import Parameter, State

__all__ = ["Flat", "Vector", "flatten"]

Adjacent = Callable[[str, str], bool]
Merge = Callable[[list[Value]], list[Value]]


@dataclass(frozen=True)
class Vector:
    """Parameters, or one state of each of them, that lie end to end."""

    kind: str  # "parameters" | "states"
    name: str
    members: tuple[str, ...]
    starts: tuple[int, ...]
    size: int
    leaf: Value


@dataclass
class Flat:
    """The vectors, and the updates that are left: target leaf -> new value."""

    vectors: list[Vector] = field(default_factory=list)
    updates: dict[Value, Value] = field(default_factory=dict)
    covers: dict[Value, tuple[str, ...]] = field(default_factory=dict)  # new value -> its nodes

    def gradients(self) -> dict[Value, str]:
        """What is computed straight into a slice of a vector -> the parameter that lies there."""
        found: dict[Value, str] = {}
        for pack in (v for v in live(self.updates.values()) if v.op == "pack"):
            names = pack.extra[1:-1]  # type: ignore[index]
            vector = next(v for v in self.vectors if v.members == names)
            at: Extent = 0
            for part, _ in pack.args:
                found[part] = names[vector.starts.index(at)]
                at = add(at, product(part.extents))
        return found


@dataclass
class Rule:
    """The update of one parameter and its states, as a structure over slots."""

    shape: tuple[Extent, ...]
    parameter: Value
    states: tuple[Value, ...]
    before: set[Value]
    scaled: bool = False  # a scaled slot is a slot of its own
    slots: list[Value] = field(default_factory=list)

    def structure(self, value: Value) -> Hashable:
        """What a value is in terms of w, the states and what was there before the update."""
        if value is self.parameter:
            return "w"
        if value in self.states:
            return "state", self.states.index(value)
        if value.host or not value.rank:
            return "number", value.number
        if value.op in UFUNCS and self._plain(value) and not self._given(value):
            inside = tuple(self.structure(a) for a, _ in value.args)
            return value.op, value.dtype, value.extra, inside
        if value not in self.slots:
            self.slots.append(value)
        return "slot", self.slots.index(value), value.dtype, value.extents == self.shape

    def _given(self, value: Value) -> bool:
        """Whether a value was there before the update, or is one that was, times a number."""
        if value in self.before:
            return True
        wide = [a for a, _ in value.args if a.rank]
        if not self.scaled or value.op not in ("multiply", "divide") or len(wide) != 1:
            return False
        (only,) = wide
        held = only is self.parameter or only in self.states
        return not held and (self._given(only) or not (only.op in UFUNCS and self._plain(only)))

    def _plain(self, value: Value) -> bool:
        """Whether an op goes element by element over the shape of the parameter."""
        return value.extents == self.shape and all(
            not a.rank or (a.extents == self.shape and axes == identity(value))
            for a, axes in value.args
        )


def flatten(
    network: Network, values: Values, updates: Mapping[str, Value], leaf: Callable[[str], Value],
    before: set[Value], apart: Callable[[Value], Value], adjacent: Adjacent | None = None,
    merge: Merge = list,
) -> Flat:  # fmt: skip
    """The updates of a network, those of equal formulas joined.

    `before` are the values that nodes of earlier stages hold. `apart` gives a value whose memory
    may be a slice of a vector. `adjacent` says of two parameters or
    states whether the second lies right behind the first; without it they are laid out so.
    `merge` may put one value in place of two gradients that are computed together.
    """
    both = []
    for scaled in (False, True):
        both.append(_groups(network, updates, leaf, before, scaled))
    groups = min(both, key=len)  # the formulas as they are, where that makes no more groups
    flat = Flat()
    done: set[str] = set()
    for members in groups.values():
        for run in _runs(members, adjacent):
            if len(run) > 1:
                _join(network, values, updates, leaf, run, apart, merge, flat)
                done |= {n for name, states, _ in run for n in (name, *states)}
    for target, new in updates.items():
        if target not in done:
            flat.updates[leaf(target)] = new
    return flat


def _groups(
    network: Network, updates: Mapping[str, Value], leaf: Callable[[str], Value],
    before: set[Value], scaled: bool,
) -> dict[Hashable, list[tuple[str, tuple[str, ...], Rule]]]:  # fmt: skip
    """The parameters by the structure of their updates."""
    groups: dict[Hashable, list[tuple[str, tuple[str, ...], Rule]]] = {}
    for name, node in network.of(Parameter):
        if name not in updates or node.dtype != "float" or not node.shape or 0 in node.shape:
            continue
        states = tuple(
            s for s, state in network.of(State)
            if state.origin == (name,) and state.shape == node.shape and s in updates
        )  # fmt: skip
        rule = Rule(node.shape, leaf(name), tuple(leaf(s) for s in states), before, scaled)
        key = tuple(rule.structure(updates[target]) for target in (name, *states))
        if all(v.extents == node.shape for v in rule.slots) and "slot" in repr(key):
            groups.setdefault(key, []).append((name, states, rule))
    return groups


def _runs(
    members: Sequence[tuple[str, tuple[str, ...], Rule]], adjacent: Adjacent | None
) -> list[list[tuple[str, tuple[str, ...], Rule]]]:
    """The members split where two do not lie side by side."""
    runs: list[list[tuple[str, tuple[str, ...], Rule]]] = []
    for member in members:
        if runs:
            ends = zip((runs[-1][-1][0], *runs[-1][-1][1]), (member[0], *member[1]), strict=True)
            if adjacent is None or all(adjacent(a, b) for a, b in ends):
                runs[-1].append(member)
                continue
        runs.append([member])
    return runs


def _join(
    network: Network, values: Values, updates: Mapping[str, Value], leaf: Callable[[str], Value],
    run: Sequence[tuple[str, tuple[str, ...], Rule]], apart: Callable[[Value], Value],
    merge: Merge, flat: Flat,
) -> None:  # fmt: skip
    """One vector for the parameters of a run, for each of their states and for each slot."""
    names, rule = [name for name, _, _ in run], run[0][2]
    starts, size = [], 0
    for name in names:
        starts.append(size)
        size += _count(leaf(name))
    targets = [names, *([s[k] for _, s, _ in run] for k in range(len(rule.states)))]
    leaves: dict[Value, Value] = {}
    for k, members in enumerate(targets):
        node = network.node(members[0])
        stem = members[0].removesuffix(f"_{names[0]}")
        wish = "P" if k == 0 else stem.upper() if len(stem) == 1 else f"{stem}_all"
        made = values.make("leaf", (), (size,), node.dtype, ("flat", *members))
        kind = "parameters" if k == 0 else "states"
        flat.vectors.append(Vector(kind, wish, tuple(members), tuple(starts), size, made))
        leaves[leaf(members[0])] = made
    for j, first in enumerate(rule.slots):
        parts = merge([r.slots[j] for _, _, r in run])
        args = [(part, identity(part)) for part in map(apart, parts)]
        leaves[first] = values.make("pack", args, (size,), first.dtype, ("pack", *names, j))
    for members in targets:
        new = _over_one_axis(values, updates[members[0]], leaves, size)
        flat.updates[leaves[leaf(members[0])]] = new
        flat.covers[new] = tuple(network.updates[m] for m in members)


def _over_one_axis(values: Values, new: Value, leaves: dict[Value, Value], size: int) -> Value:
    """A formula over the shape of a parameter, over one axis; `leaves` grows with its parts."""
    stack = [new]
    while stack:
        v = stack[-1]
        if v in leaves or not v.rank:
            leaves.setdefault(v, v)
            stack.pop()
            continue
        missing = [a for a, _ in v.args if a not in leaves]
        if missing:
            stack.extend(missing)
            continue
        args = [(leaves[a], (0,) if leaves[a].rank else ()) for a, _ in v.args]
        leaves[v] = values.make(v.op, args, (size,), v.dtype, v.extra)
        stack.pop()
    return leaves[new]


def _count(leaf: Value) -> int:
    size = product(leaf.extents)
    assert isinstance(size, int)  # parameters have no named sizes
    return size

"""The values of a step rewritten for speed, and its parameters laid end to end.

How parameters lie decides which values may be one, and these what the vectors are made of: after
each rewriting the vectors are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.fast import biases, columns
from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.beside import with_fewer_calls
from graphnet.compiler.fast.flat import Adjacent, Flat, flatten
from graphnet.compiler.fast.gains import without_products
from graphnet.compiler.fast.layers import layers_of, products_of
from graphnet.compiler.fast.roles import Roles, live
from graphnet.compiler.fast.scaled import scaled_least
from graphnet.compiler.values import Value, Values
from graphnet.network.graph import Network

__all__ = ["Rewriting"]


@dataclass
class Rewriting:
    """What each node holds (`held`), and the flat vectors (`flat`), before and after `run`."""

    network: Network
    values: Values
    roles: Roles
    stages: dict[Value, str]
    held: dict[str, Value]
    outputs: Sequence[str]
    adjacent: Adjacent | None
    off: frozenset[str]
    flat: Flat = field(init=False)

    def __post_init__(self) -> None:
        self.flat = self._flat()

    def run(self) -> None:
        """Every rewriting that is not switched off."""
        if "gains" not in self.off:
            ends = [*self.outputs, *self.network.updates.values()]
            made = without_products(self.values, self.held, ends)
            if made:
                self._take(made)
        if "ones" not in self.off:
            roots = self.roots()
            small = biases.small_layers(layers_of(self.flat, roots), roots, self.roles)
            if small:
                self._take(biases.with_rows(self.values, self.held, small))
        if "columns" not in self.off:
            narrow = columns.narrow_layers(layers_of(self.flat, self.roots()), self.roles)
            if narrow:
                self._take(columns.beside_ones(self.values, self.held, narrow))
            wide = columns.wide_layers(products_of(self.flat, self.roots()), self.roles)
            if wide:
                self._take(columns.beside_ones(self.values, self.held, wide))
        if not {"mixes", "calls"} <= self.off:
            ends = [*self.outputs, *self.network.updates.values()]
            fewer = with_fewer_calls(self.values, self.held, ends, self.roles, self.off)
            if fewer is not None:
                self._take(fewer)
        if "scaled" not in self.off:
            new = scaled_least(self.values, self.roots(), self.roles)
            self._note(new)
            flat = self.flat
            flat.updates = {target: new[v] for target, v in flat.updates.items()}
            flat.covers = {new[v]: names for v, names in flat.covers.items()}

    def roots(self) -> list[Value]:
        """What is given out, and the new values."""
        return [*(self.held[name] for name in self.outputs), *self.flat.updates.values()]

    def _note(self, new: Mapping[Value, Value]) -> None:
        self.held = {name: new.get(v, v) for name, v in self.held.items()}
        self.stages |= {new[v]: stage for v, stage in self.stages.items() if v in new}

    def _take(self, new: Mapping[Value, Value]) -> None:
        self._note(new)
        self.flat = self._flat()

    def _flat(self) -> Flat:
        held, network, values, roles = self.held, self.network, self.values, self.roles
        updates = {target: held[new] for target, new in network.updates.items()}
        if "flat" in self.off:
            return Flat([], {held[target]: new for target, new in updates.items()})
        before = live(v for name, v in held.items() if network.stage(name) != "update")
        before += [v for v, stage in self.stages.items() if stage != "update"]
        pinned: set[Value] = set()

        def apart(value: Value) -> Value:
            """The value, or a copy of it where its memory cannot be a slice of a vector."""
            while value.op == "reshape" and roles(value) == "view" and "joined" not in self.off:
                value = value.args[0][0]  # the same elements, one behind the other
            own = roles(value) == "line" and value.op not in ("result", "scan")
            if own and value not in pinned:
                pinned.add(value)
                return value
            args = [(value, identity(value))]
            return values.make("copy", args, value.extents, value.dtype, ("apart", len(pinned)))

        def merge(parts: list[Value]) -> list[Value]:
            known = live(held.values())
            found = biases.merged(values, parts, known)
            found = columns.beside_ones_merged(values, found, known, roles)
            self.stages.update((v, "backward") for v in found if v not in parts)
            return found

        leaf = held.__getitem__
        return flatten(
            network, values, updates, leaf, set(before), apart, self.adjacent, merge
        )  # fmt: skip

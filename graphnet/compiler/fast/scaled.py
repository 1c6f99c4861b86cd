"""Factors of columns, put where there are fewest elements: (x @ W)*m = x @ (W*m).

A gate that is one tanh with others has its scale in a vector over all columns. To multiply a weight
by it costs nothing beside multiplying the products of all steps; and x.T @ (dz*m) is (x.T @ dz)*m.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphnet.compiler.fast.arrays import Order
from graphnet.compiler.fast.rebuilt import rebuilt
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.values import Axes, Value, Values
from graphnet.formula.extent import product

__all__ = ["scaled_least"]


def scaled_least(values: Values, roots: Iterable[Value], roles: Roles) -> dict[Value, Value]:
    """Every value, scales moved over products: old -> new."""
    ends = list(roots)
    work = _Scaling(values, roles, readers_of(live(ends)))
    return rebuilt(values, ends, work.change)


@dataclass
class _Scaling:
    values: Values
    roles: Roles
    readers: Readers

    def change(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        if v.op == "multiply":
            return self.into_weight(v, new)
        if v.op == "contract" or (v.op == "sum" and v.dtype == "float"):
            return self.behind(v, new)
        return None

    def scale(self, v: Value) -> tuple[Value, int, Value, Order] | None:
        """(m, axis, array, its axes) of an array times a fixed vector along one of its axes."""
        if v.op != "multiply" or v.dtype != "float":
            return None
        for (m, along), (a, axes) in (v.args, v.args[::-1]):
            if self.roles(m) == "fixed" and m.rank == 1 and a.rank == v.rank > 1:
                return m, along[0], a, axes
        return None

    def into_weight(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        """A scaled product whose weight is smaller: the weight scaled."""
        found = self.scale(v)
        if found is None:
            return None
        m, along, made, axes = found
        alone = len(self.readers.get(made, ())) == 1
        if made.op != "contract" or axes != tuple(range(v.rank)) or not alone:
            return None
        args: list[tuple[Value, Axes]] = [(new[a], own) for a, own in made.args]
        scaled = [k for k, (_, own) in enumerate(made.args) if along in own]
        if len(scaled) != 1:
            return None
        (k,) = scaled
        weight, own = args[k]
        if not _is_smaller(weight, v):
            return None
        factors = [(weight, tuple(range(weight.rank))), (new[m], (own.index(along),))]
        args[k] = self.values.make("multiply", factors, weight.extents, v.dtype), own
        return self.values.make("contract", args, v.extents, v.dtype)

    def behind(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        """A product or sum of what is scaled along an axis that it keeps: scaled itself."""
        for k, (d, own) in enumerate(v.args):
            found = self.scale(d)
            if found is None or not all(self._keeps(r, d) for r in self.readers.get(d, ())):
                continue
            m, along, a, axes = found
            args: list[tuple[Value, Axes]] = [(new[b], at) for b, at in v.args]
            args[k] = new[a], tuple(own[i] for i in axes)
            made = self.values.make(v.op, args, v.extents, v.dtype, v.extra)
            factors = [(made, tuple(range(v.rank))), (new[m], (own[along],))]
            return self.values.make("multiply", factors, v.extents, v.dtype)
        return None

    def _keeps(self, reader: Value, d: Value) -> bool:
        """Whether a reader could be scaled in the place of what it reads."""
        found = self.scale(d)
        if found is None or reader.op not in ("contract", "sum") or not _is_smaller(reader, d):
            return False
        places = [own[found[1]] for a, own in reader.args if a is d]
        shared = sum(p in own for p in places for _, own in reader.args)
        return len(places) == 1 == shared and places[0] < reader.rank


def _is_smaller(one: Value, other: Value) -> bool:
    """Whether an array has fewer elements; named sizes are rows of a batch, and many."""
    a, b = product(one.extents), product(other.extents)
    return isinstance(a, int) and (not isinstance(b, int) or a < b)

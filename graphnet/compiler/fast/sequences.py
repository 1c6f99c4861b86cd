"""Arguments whose steps lie apart, copied step by step.

A layer is given (batch, time, features), and its loop runs over time. Rather than the products of
all steps, which are wider, the argument itself is turned: what the loop reads then lies in one
piece, and so does what a weight's gradient is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphnet.compiler.fast.arrays import identity
from graphnet.compiler.fast.forms import UFUNCS
from graphnet.compiler.fast.rebuilt import rebuilt
from graphnet.compiler.fast.roles import Readers, Roles, live, readers_of
from graphnet.compiler.values import Axes, Value, Values

__all__ = ["step_by_step"]


def step_by_step(
    values: Values, held: Mapping[str, Value], ends: Iterable[str], roles: Roles
) -> dict[str, Value]:
    """What each node holds, arguments turned where what is made of them is. `ends` are the nodes
    that are needed in the end."""
    lines = live(held[name] for name in ends)
    if not any(v.op == "scan" for v in lines):
        return dict(held)
    work = _Turning(values, roles, readers_of(lines))
    new = rebuilt(values, held.values(), work.change)
    return {name: new[v] for name, v in held.items()}


@dataclass
class _Turning:
    values: Values
    roles: Roles
    readers: Readers

    def change(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        if v.op == "transpose":
            ((source, axes),) = v.args
            if any(r.op == "scan" for r in self.readers.get(v, ())):
                return self.turned(source, axes, new)
        return self.gradient(v, new) if v.op == "contract" else None

    def turned(self, v: Value, axes: Axes, new: Mapping[Value, Value]) -> Value | None:
        """A product with an argument, or what is made of it and of numbers or columns, with axis k
        as axis `axes[k]`; None where something else reads it, or it is made of something else."""
        if len(self.readers.get(v, ())) != 1 or not _keeps_columns(v, axes):
            return None
        extents = [v.extents[axes.index(k)] for k in range(v.rank)]
        args: list[tuple[Value, Axes]] = []
        if v.op == "contract":
            (x, own), (w, other) = v.args
            rows = tuple(range(v.rank - 1))
            columns = (v.rank, v.rank - 1)
            if not self.is_argument(x, w) or (own, other) != ((*rows, v.rank), columns):
                return None
            args = [(self.copied(x, axes), own), (new[w], other)]
        elif v.op in UFUNCS:
            wide = [a for a, _ in v.args if a.rank > 1]
            if len(wide) != 1:
                return None
            for a, own in v.args:
                if a is not wide[0]:
                    args.append((new[a], tuple(axes[k] for k in own)))
                    continue
                made = self.turned(a, axes, new) if own == identity(v) else None
                if made is None:
                    return None
                args.append((made, own))
        else:
            return None
        return self.values.make(v.op, args, extents, v.dtype, v.extra)

    def is_argument(self, x: Value, weight: Value) -> bool:
        """Whether a factor is an argument with rows no longer than those of the product."""
        width, out = x.extents[-1], weight.extents[-1]
        narrow = isinstance(width, int) and isinstance(out, int) and width <= out
        return x.op == "leaf" and self.roles(x) == "given" and x.dtype == "float" and narrow

    def copied(self, x: Value, axes: Axes) -> Value:
        extents = [x.extents[axes.index(k)] for k in range(x.rank)]
        return self.values.make("copy", [(x, axes)], extents, x.dtype, "step by step")

    def gradient(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        """x.T @ dz over all rows, where dz is turned back to the order of the argument."""
        (one, own), (other, axes) = v.args
        if v.rank != 2 or (own, axes) != ((2, 0), (2, 1)) or not one.op == other.op == "reshape":
            return None
        (x, _), (moved, _) = one.args[0], other.args[0]
        if moved.op != "transpose" or moved.rank != x.rank or not self.is_argument(x, moved):
            return None
        ((dz, back),) = moved.args
        rows = x.extents[:-1] == moved.extents[:-1] and _keeps_columns(dz, back)
        whole = [r.extents[-1] == a.extents[-1] for r, a in ((one, x), (other, moved))]
        if not rows or not all(whole):
            return None
        forth = tuple(back.index(k) for k in range(x.rank))
        loops = tuple(range(2, x.rank + 1))
        args = [(self.copied(x, forth), (*loops, 0)), (new[dz], (*loops, 1))]
        return self.values.make("contract", args, v.extents, v.dtype)


def _keeps_columns(v: Value, axes: Axes) -> bool:
    """Whether axes are moved, the last one aside."""
    return v.rank > 1 and sorted(axes) == list(range(v.rank)) and axes[-1] == v.rank - 1

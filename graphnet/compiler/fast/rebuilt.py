"""Values over changed arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphnet.compiler.fast.roles import live
from graphnet.compiler.values import Value, Values

__all__ = ["Change", "again", "rebuilt"]

Change = Callable[[Value, Mapping[Value, Value]], Value | None]


def rebuilt(values: Values, roots: Iterable[Value], change: Change) -> dict[Value, Value]:
    """Every value the roots depend on: old -> new.

    `change(value, new)` gives what takes a value's place, or None where only its arguments change;
    `new` has all those before it.
    """
    new: dict[Value, Value] = {}
    for v in live(roots):
        made = change(v, new)
        new[v] = again(values, v, new) if made is None else made
    return new


def again(values: Values, v: Value, new: Mapping[Value, Value]) -> Value:
    """A value over what its arguments became; itself where they are as they were."""
    args = tuple((new[a], axes) for a, axes in v.args)
    if all(a is b for (a, _), (b, _) in zip(args, v.args, strict=True)):
        return v
    return values.make(v.op, args, v.extents, v.dtype, v.extra, v.host)

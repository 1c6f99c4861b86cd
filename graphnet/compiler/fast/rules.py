"""Rules: values rewritten into values that have a faster form. Each can be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphnet.compiler.fast.roles import live
from graphnet.compiler.fast.windows import counted
from graphnet.compiler.values import Axes, Value, Values

__all__ = ["RULES", "rewritten"]

Args = tuple[tuple[Value, Axes], ...]
Rule = Callable[[Values, Value], Value | None]


def rewritten(
    values: Values, held: Mapping[str, Value], off: frozenset[str] = frozenset()
) -> dict[str, Value]:
    """What each node holds, rewritten by the rules whose names are not in `off`."""
    rules = [rule for name, rule in RULES.items() if name not in off]
    new: dict[Value, Value] = {}
    for v in live(held.values()):
        args = tuple((new[a], axes) for a, axes in v.args)
        changed = any(a is not b for (a, _), (b, _) in zip(args, v.args, strict=True))
        made = values.make(v.op, args, v.extents, v.dtype, v.extra, v.host) if changed else v
        new[v] = _simplest(values, made, rules)
    return {name: new[v] for name, v in held.items()}


def _simplest(values: Values, value: Value, rules: list[Rule]) -> Value:
    for rule in rules:
        found = rule(values, value)
        if found is not None:
            return _simplest(values, found, rules)
    return value


def factor(values: Values, v: Value) -> Value | None:
    """A bool array beside a float array in a product needs no cast."""
    if v.op != "multiply" or v.dtype != "float":
        return None
    args = []
    for k, (a, axes) in enumerate(v.args):
        other = v.args[1 - k][0]
        mask = a.op == "cast" and a.args[0][0].dtype == "bool" and a.rank
        if mask and not other.host and other.op != "cast":
            ((inner, own),) = a.args
            a, axes = inner, tuple(axes[d] for d in own)
        args.append((a, axes))
    if tuple(args) == v.args:
        return None
    return values.make(v.op, args, v.extents, v.dtype, v.extra)


RULES: dict[str, Rule] = {
    "factor": factor,
    "count": counted,
}

"""Rules: values rewritten into values that have a faster form. Each can be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphnet.compiler.fast.rebuilt import again, rebuilt
from graphnet.compiler.fast.windows import counted
from graphnet.compiler.values import Local, Value, Values
from graphnet.compiler.writes import end_to_end

__all__ = ["RULES", "rewritten"]

Rule = Callable[[Values, Value], Value | None]


def rewritten(
    values: Values, held: Mapping[str, Value], off: frozenset[str] = frozenset()
) -> dict[str, Value]:
    """What each node holds, rewritten by the rules whose names are not in `off`."""
    rules = [rule for name, rule in RULES.items() if name not in off]

    def change(v: Value, new: Mapping[Value, Value]) -> Value:
        return _simplest(values, again(values, v, new), rules)

    new = rebuilt(values, held.values(), change)
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


def side_by_side(values: Values, v: Value) -> Value | None:
    """Arrays that lie end to end in zeros, added up, are joined: no zeros, and nothing is added."""
    if v.op not in ("add", "subtract") or v.dtype != "float" or not v.rank:
        return None
    whole = tuple(range(v.rank))
    terms: list[tuple[Value, int]] = []
    stack = [(v, 1)]
    while stack:
        a, sign = stack.pop()
        if a.op in ("add", "subtract") and all(axes == whole for _, axes in a.args):
            (one, _), (other, _) = a.args
            stack += [(other, -sign if a.op == "subtract" else sign), (one, sign)]
        elif a.op == "place" and a.extents == v.extents:
            terms.append((a, sign))
        else:
            return None
    parts = []
    for a, sign in terms:
        if sign < 0:
            ((inner, axes),) = a.args
            own = tuple(range(inner.rank))
            inner = values.make("negative", [(inner, own)], inner.extents, inner.dtype)
            a = values.make("place", [(inner, axes)], a.extents, a.dtype, a.extra)
        parts.append(Local(a, whole))
    joined = end_to_end(values, parts)
    return None if joined is None or joined.labels != whole else joined.value


RULES: dict[str, Rule] = {
    "factor": factor,
    "count": counted,
    "side_by_side": side_by_side,
}

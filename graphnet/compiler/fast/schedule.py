"""The order of statements: depth first from each root, so that what was made last is read next.

A gradient of a parameter is computed as soon as what it is made of is there: its operands are in
the cache then, and they die sooner, so that fewer buffers are needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Value

__all__ = ["scheduled"]


def scheduled(
    roots: Iterable[Value], roles: Roles, early: Collection[Value] = ()
) -> tuple[Value, ...]:
    """The statements that make the roots, dependencies first; `early` roots as soon as they can.

    Such a root waits for the statements of its own that other roots need too.
    """
    ends = list(dict.fromkeys(roots))
    order = Order(roles)
    if early:
        order.wait([v for v in ends if v in early], ends)
    for root in ends:
        order.make(root)
    return tuple(order.lines)


@dataclass
class Order:
    roles: Roles
    lines: list[Value] = field(default_factory=list)
    done: set[Value] = field(default_factory=set)
    waiting: dict[Value, list[Value]] = field(default_factory=dict)  # statement -> roots
    missing: dict[Value, int] = field(default_factory=dict)  # root -> statements it waits for

    def wait(self, early: Sequence[Value], ends: Sequence[Value]) -> None:
        """Notes for each early root the statements that others need too."""
        needed: dict[Value, int] = {}  # statement -> how many roots it is a part of
        parts = {}
        for root in ends:
            parts[root] = Order(self.roles).make(root, set(early) - {root}).lines
            for v in parts[root]:
                needed[v] = needed.get(v, 0) + 1
        for root in early:
            shared = [v for v in parts[root] if needed[v] > 1 and v is not root]
            self.missing[root] = len(shared)
            for v in shared:
                self.waiting.setdefault(v, []).append(root)

    def make(self, root: Value, border: Collection[Value] = ()) -> Order:
        """The statements of a root behind those that are there; none behind a border."""
        stack = [(root, False)]
        while stack:
            value, ready = stack.pop()
            if ready:
                self._add(value)
                continue
            if value in self.done:
                continue
            self.done.add(value)
            role = self.roles(value)
            if role in ("host", "fixed"):
                continue
            if role == "line":
                stack.append((value, True))
            if value in border:
                continue
            # What takes the longest to make comes first; equal ones in the order of arguments.
            stack.extend((a, False) for a, _ in reversed(value.args))
        return self

    def _add(self, line: Value) -> None:
        """One statement, and the early roots that waited for it alone."""
        self.lines.append(line)
        for root in self.waiting.get(line, ()):
            self.missing[root] -= 1
            if not self.missing[root]:
                self.make(root)

"""The order of statements: depth first from each root, so that what was made last is read next."""

from __future__ import annotations

from collections.abc import Iterable

from graphnet.compiler.fast.roles import Roles
from graphnet.compiler.values import Value

__all__ = ["scheduled"]


def scheduled(roots: Iterable[Value], roles: Roles) -> tuple[Value, ...]:
    """The statements that make the roots, dependencies first."""
    order: list[Value] = []
    done: set[Value] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            value, ready = stack.pop()
            if ready:
                order.append(value)
                continue
            if value in done:
                continue
            done.add(value)
            role = roles(value)
            if role in ("host", "fixed"):
                continue
            if role == "line":
                stack.append((value, True))
            # What takes the longest to make comes first; equal ones in the order of arguments.
            stack.extend((a, False) for a, _ in reversed(value.args))
    return tuple(order)

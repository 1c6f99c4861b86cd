"""Rollback: objects are as they were where the work inside is refused.

>>> class Box:
...     pass
>>> box = Box()
>>> try:
...     with rollback([box], Box):
...         box.width = 3
...         raise ValueError
... except ValueError:
...     print(vars(box))
{}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["rollback"]


@contextmanager
def rollback(parts: Iterable[Any], kind: type) -> Iterator[None]:
    """Puts the attributes of parts, and of what they hold of the same kind, back on any error."""
    kept = [(part, _copied(vars(part))) for part in _within(parts, kind)]
    try:
        yield
    except BaseException:
        for part, attributes in kept:
            vars(part).clear()
            vars(part).update(attributes)
        raise


def _copied(attributes: dict[str, Any]) -> dict[str, Any]:
    """Lists are filled in place (the parameters of a layer), so they are copied too."""
    return {k: list(v) if isinstance(v, list) else v for k, v in attributes.items()}


def _within(parts: Iterable[Any], kind: type) -> list[Any]:
    found: dict[int, Any] = {}
    stack = list(parts)
    while stack:
        part = stack.pop()
        if isinstance(part, kind) and id(part) not in found:
            found[id(part)] = part
            stack.extend(vars(part).values())
        elif isinstance(part, list | tuple):
            stack.extend(p for p in part if isinstance(p, kind))
        elif isinstance(part, dict):
            stack.extend(p for p in part.values() if isinstance(p, kind))
    return list(found.values())

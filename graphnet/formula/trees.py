"""Syntax trees of formulas: what stands where, with the column it stands at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Binary", "Bool", "Call", "Compare", "Name", "Negative", "Not", "Number", "Reading",
           "Statement", "Tree", "walk"]  # fmt: skip


@dataclass(frozen=True)
class Number:
    text: str
    at: int


@dataclass(frozen=True)
class Name:
    name: str
    at: int


@dataclass(frozen=True)
class Reading:
    """name[subs]"""

    name: str
    subs: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Call:
    name: str
    args: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Binary:
    op: str  # + - * / ** // %
    a: Tree
    b: Tree
    at: int


@dataclass(frozen=True)
class Negative:
    a: Tree
    at: int


@dataclass(frozen=True)
class Compare:
    op: str
    a: Tree
    b: Tree
    at: int


@dataclass(frozen=True)
class Bool:
    op: str  # and, or
    args: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Not:
    a: Tree
    at: int


Tree = Number | Name | Reading | Call | Binary | Negative | Compare | Bool | Not


@dataclass(frozen=True)
class Statement:
    """`target op scalar, bounds..., shape (...)`; a pointwise text has no target."""

    target: Name | Reading | None
    op: str  # "=" or "+="
    scalar: Tree
    bounds: tuple[tuple[Name, Tree], ...] = ()
    shape: tuple[Tree, ...] | None = None


def walk(tree: Tree) -> Iterator[Tree]:
    """Every part of a tree in the order of the text, without recursion."""
    stack: list[Tree] = [tree]
    while stack:
        part = stack.pop()
        yield part
        match part:
            case Reading(_, subs, _):
                stack.extend(reversed(subs))
            case Call(_, args, _) | Bool(_, args, _):
                stack.extend(reversed(args))
            case Binary(_, a, b, _) | Compare(_, a, b, _):
                stack.extend((b, a))
            case Negative(a, _) | Not(a, _):
                stack.append(a)
            case Number() | Name():
                pass

"""Structures of tensors: one, or lists, tuples and dicts of them, also nested; None is empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphnet.errors import GraphnetError
from graphnet.ops.tensor import TensorLike

__all__ = ["Tree", "leaves_of", "like", "outline", "spread"]

Tree = Any  # a tensor, a list, tuple or dict of trees, or None
DEEPEST = 50


def spread(tree: Tree) -> Sequence[Tree]:
    """The arguments that a function gets for a structure: those of a list or tuple one by one."""
    if tree is None:
        return ()
    return tuple(tree) if isinstance(tree, list | tuple) else (tree,)


def leaves_of(tree: Tree, depth: int = 0) -> list[TensorLike]:
    """The tensors of a structure in order; GraphnetError where it is nested too deep."""
    if tree is None:
        return []
    if depth > DEEPEST:
        raise GraphnetError(f"structures are nested at most {DEEPEST} deep", where="scan")
    if isinstance(tree, Mapping):
        return [leaf for value in tree.values() for leaf in leaves_of(value, depth + 1)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves_of(value, depth + 1)]
    return [tree]


def like(tree: Tree, leaves: Iterable[Any]) -> Tree:
    """The same structure of other leaves, taken one after another."""
    found = iter(leaves)

    def fill(part: Tree) -> Tree:
        if part is None:
            return None
        if isinstance(part, Mapping):
            return {key: fill(value) for key, value in part.items()}
        if isinstance(part, list | tuple):
            filled = [fill(value) for value in part]
            return tuple(filled) if isinstance(part, tuple) else filled
        return next(found)

    return fill(tree)


def outline(tree: Tree) -> Tree:
    """The structure with its leaves blotted out, to compare and to show; lists are tuples."""
    if isinstance(tree, Mapping):
        return {key: outline(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return tuple(map(outline, tree))
    return tree if tree is None else "tensor"

"""Which name each node of a network gets.

Names the user gave stand; two nodes with one such name are an error. Names that graphnet made
(a pass, a layer called again) take the next free suffix: `hidden_Z_2`. Nameless nodes are called
after their label and numbered in topological order: `matmul_1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from graphnet.errors import GraphnetError

if TYPE_CHECKING:
    from graphnet.network.nodes import Node

__all__ = ["Namer"]


class Namer:
    """Hands out names, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[tuple[str, bool], int] = {}

    def made(self, wish: str) -> str:
        """The wish if it is free, else wish_2, wish_3, ..."""
        if wish not in self._taken:
            self._taken.add(wish)
            return wish
        return self._count(wish, 2)

    def numbered(self, label: str) -> str:
        """label_1, label_2, ..."""
        return self._count(label, 1)

    def _count(self, stem: str, start: int) -> str:
        number = self._next.get((stem, start == 1), start)
        while f"{stem}_{number}" in self._taken:
            number += 1
        self._next[stem, start == 1] = number + 1
        self._taken.add(f"{stem}_{number}")
        return f"{stem}_{number}"

    @classmethod
    def for_nodes(cls, order: Iterable[Node], given: Mapping[Node, str]) -> dict[Node, str]:
        """A name for every node, in order; those in `given` keep theirs."""
        order = list(order)
        present = {node: given[node] for node in order if node in given}
        owner: dict[str, Node] = {name: node for node, name in present.items()}
        for node in order:
            if node.name is None or node.made or node in present:
                continue
            if node.name in owner:
                other = owner[node.name]
                if not (other.made or other.name is None):
                    raise GraphnetError(
                        f"two nodes are called {node.name!r}: {other!r} and {node!r}; "
                        "give one of them another name"
                    )
                continue
            owner[node.name] = node
        namer = cls(owner)
        fixed = {node: name for name, node in owner.items()}
        result: dict[Node, str] = {}
        for node in order:
            if node in fixed:
                result[node] = fixed[node]
            elif node.name is not None:
                result[node] = namer.made(node.name)
            else:
                result[node] = namer.numbered(node.label)
        return result

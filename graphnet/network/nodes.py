"""Nodes: frozen, and each refers to its operands, so any set of them is a network to be collected.

A node is one of
    Input      given at run time, or a random draw that the runtime makes
    Parameter  trained; State: kept between steps; Constant: an array fixed at build
    Computed   one formula
    Scan       one result of a Loop, whose body is a network for one step
    Order      argmax or argsort: integers, without gradient
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from graphnet.formula.extent import Extent, show_extent
from graphnet.formula.formula import Equation, Formula, index_names

if TYPE_CHECKING:
    from graphnet.network.graph import Network

__all__ = [
    "Array", "Computed", "Constant", "Distribution", "Init", "Input", "Loop", "Node", "Order",
    "Parameter", "Scan", "State", "show_difference", "show_shape", "topological", "with_operands",
]  # fmt: skip


class Array(Protocol):
    """An array that travels opaquely: this package never looks inside."""

    id: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Init:
    """How a parameter or state starts: an initializer's name and arguments, or an array.

    `fans` = (fan_in, fan_out) where the shape alone does not say them.
    """

    name: str
    args: tuple[tuple[str, float], ...] = ()
    array: Array | None = None


@dataclass(frozen=True)
class Distribution:
    """What a random input is drawn from: "uniform" [low, high), "normal" (mean, std)."""

    name: str
    args: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Node:
    """A tensor. `name` is the user's or a pass's (then `made`); `label` names nameless nodes."""

    shape: tuple[Extent, ...]
    dtype: str = "float"  # "float" | "int" | "bool"
    operands: tuple[Node, ...] = ()
    name: str | None = None
    made: bool = False
    label: str = "node"
    origin: tuple[str, ...] = ()  # ids of the nodes a pass made this one from

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name or self.label} {show_shape(self.shape)}>"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Input(Node):
    """Given by the caller of a program, or drawn by the runtime where it has a distribution."""

    distribution: Distribution | None = None
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Parameter(Node):
    init: Init
    trainable: bool = True


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class State(Node):
    init: Init


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Constant(Node):
    array: Array


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Computed(Node):
    """One formula; `extents[p]` is how often the loop of index p runs, `spelling[p]` its name."""

    formula: Formula
    extents: tuple[Extent, ...] = ()
    spelling: tuple[str, ...] = ()

    def equation(self, name: str, operands: Sequence[str]) -> Equation:
        """The formula in names, for showing."""
        n = self.formula.indices
        spelled = self.spelling if len(self.spelling) == n else index_names(n, operands)
        return Equation(self.formula, name, tuple(operands), spelled)


@dataclass(frozen=True, eq=False, kw_only=True)
class Loop:
    """A recurrence: `body` is a network for one step t, run `length` times.

    The body's inputs are named in `states`, `sequences`, `constants` and (an int, 0-d) `step`.
    The operands of every Scan node over this loop are the initial states, then the sequences
    (along axis 0), then the constants. `carried[i]` is the body's output that becomes states[i];
    `emits` are the outputs that are stacked along axis 0. With `reverse` the steps run from the
    last to the first; what is stacked stands at its step's position all the same.
    """

    body: Network
    states: tuple[str, ...]
    carried: tuple[str, ...]
    sequences: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    step: str | None = None
    length: Extent = 0
    reverse: bool = False


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Scan(Node):
    """One result of a loop.

    ("last", i): states[i] after the last step. ("emit", j): emits[j] of every step, stacked.
    ("before", i): states[i] as each step found it, stacked (what the adjoint reads).
    Scan nodes over the same Loop object and operands share one run.
    """

    loop: Loop
    result: tuple[str, int]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Order(Node):
    """op "argmax": index of the first largest along axis (axis dropped); "argsort": stable."""

    op: str
    axis: int


def with_operands(node: Node, operands: Sequence[Node], **others: Any) -> Node:
    """The node over other operands, with `others` of its fields changed; itself over its own."""
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return node
    return replace(node, operands=tuple(operands), **others)


def topological(roots: Iterable[Node], known: Mapping[Node, object] | None = None) -> list[Node]:
    """Everything the roots depend on (but for what is known), operands first; no recursion."""
    order: list[Node] = []
    done: set[Node] = set()
    known = known or {}  # not copied: it may be large and asked for one node at a time
    for root in roots:
        stack: list[tuple[Node, Iterator[Node]]] = []
        if root not in done and root not in known:
            done.add(root)
            stack.append((root, iter(root.operands)))
        while stack:
            node, operands = stack[-1]
            for operand in operands:
                if operand not in done and operand not in known:
                    done.add(operand)
                    stack.append((operand, iter(operand.operands)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def show_shape(shape: Sequence[Extent]) -> str:
    """(batch, 64)"""
    inside = ", ".join(show_extent(e) for e in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def show_difference(
    first: tuple[str, Sequence[Extent]],
    second: tuple[str, Sequence[Extent]],
    indices: Sequence[str],
    beside: int | None = None,
) -> str:
    """Where two (name, shape) first differ, with the index of a formula that runs there.

    >>> show_difference(("p", (2, 3)), ("t", (2, 4)), ["n", "k"])
    'index k is 3 in p (2, 3) but 4 in t (2, 4)'
    """
    (a, shape), (b, other) = first, second
    if len(shape) != len(other):
        tail = f"{b} {show_shape(other)} has {len(other)}"
        return f"{a} {show_shape(shape)} has {len(shape)} axes, {tail}"
    axis = next(k for k, (e, f) in enumerate(zip(shape, other)) if e != f and k != beside)
    return (
        f"index {indices[axis]} is {show_extent(shape[axis])} in {a} {show_shape(shape)} but "
        f"{show_extent(other[axis])} in {b} {show_shape(other)}"
    )

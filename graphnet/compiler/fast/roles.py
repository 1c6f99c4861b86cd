"""What each value is in a planned step: known beforehand, an argument, a view, or a statement.

`host`: a Python number. `fixed`: made once when a plan is made (constants, 0 .. n-1, masks).
`stored`: a parameter, a state or a flat vector. `given`: an argument of the step, or a draw.
`view`: other axes of the same memory. `joined`: arrays that lie end to end. `line`: a statement.
`number`: 0-d, written where it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graphnet.compiler.values import Value
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Input

__all__ = ["Readers", "Roles", "live", "readers_of"]

VIEWS = ("slice", "transpose", "broadcast", "reshape", "window")
RUNS = ("scan", "result")
JOINED = ("pack", "over_ones", "beside", "stacked")

Readers = Mapping[Value, Sequence[Value]]  # value -> what reads it


def live(roots: Iterable[Value]) -> list[Value]:
    """Every value the roots depend on, arguments first."""
    found: dict[Value, None] = dict.fromkeys(roots)
    stack = list(found)
    while stack:
        for a, _ in stack.pop().args:
            if a not in found:
                found[a] = None
                stack.append(a)
    return sorted(found, key=lambda v: v.number)


def readers_of(values: Iterable[Value]) -> dict[Value, list[Value]]:
    """The values that read each value."""
    readers: dict[Value, list[Value]] = {}
    for v in values:
        for a, _ in v.args:
            readers.setdefault(a, []).append(v)
    return readers


@dataclass
class Roles:
    """The roles of the values of one network. A value's arguments are asked about first."""

    network: Network
    _known: dict[Value, str] = field(default_factory=dict)

    def __call__(self, value: Value) -> str:
        if value not in self._known:
            for v in live([value]):
                if v not in self._known:
                    self._known[v] = self._role(v)
        return self._known[value]

    def base(self, value: Value) -> Value:
        """The value whose memory this one looks at."""
        while self(value) == "view":
            value = value.args[0][0]
        return value

    def set(self, value: Value, role: str) -> None:
        """Says the role of a leaf."""
        self._known[value] = role

    def number(self, value: Value) -> None:
        """Has a 0-d statement written inside the only one that reads it."""
        self._known[value] = "number"

    def see_through(self, value: Value) -> None:
        """Has the only statement that reads a moved copy read what is moved instead."""
        self._known[value] = "view"

    def _role(self, v: Value) -> str:
        if v.host:
            return "host"
        if v.op == "leaf":
            node = self.network.node(v.extra) if isinstance(v.extra, str) else None
            if isinstance(node, Input):
                return "given"
            return "fixed" if isinstance(node, Constant) else "stored"
        if v.op in JOINED:
            return "joined"
        if v.op in RUNS or v.op in ("output", "store", "copy"):
            return "line"
        if all(self._known[a] in ("host", "fixed") for a, _ in v.args):
            return "fixed"
        # An element picked out of an array is a number, not a view; so is a reshape that copies.
        if v.op in VIEWS and v.rank and self._known[v.args[0][0]] != "host":
            source = v.args[0][0]
            whole = self._known[source] != "view" or source.op == "reshape"
            if (source.rank or self._known[source] == "stored") and (v.op != "reshape" or whole):
                return "view"
        return "line"

"""Which lines of the plain text compute which node.

>>> import graphnet as gn
>>> from graphnet.network.graph import Network
>>> x = gn.input("x", ("batch", 2))
>>> network = Network.collect({"y": gn.exp(gn.tanh(x).rename("a")).rename("y").node})
>>> found = traced(network, ["x"], ["y"])
>>> print(found.text.splitlines()[found.lines["a"][0] - 1])
    a = np.tanh(x)  # a[i,j] = tanh(x[i,j])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphnet.compiler.function import Function
from graphnet.compiler.listing import listing
from graphnet.compiler.statement import Statement
from graphnet.network.graph import Network
from graphnet.network.nodes import Input

__all__ = ["Traced", "traced"]

_INDENT = "    "


@dataclass(frozen=True)
class Traced:
    """The function of a program in plain style, and the lines of each node, counted from 1.

    A node that is another tensor as it stands, or that nothing reads, has no lines.
    """

    text: str
    lines: dict[str, tuple[int, ...]]


def traced(
    network: Network, inputs: Sequence[str], outputs: Sequence[str], dtype: str = "float32"
) -> Traced:
    """The text of `step` where the network updates something, else of `forward`, and its lines.

    It is the function of that name in the module that `save(path, style="plain")` writes.
    """
    name = "step" if network.updates else "forward"
    function = Function(name, network, inputs, outputs, listing(network, dtype), dtype)
    text = function.source().rstrip("\n")
    rows = text.split("\n")
    found: dict[str, list[int]] = {}
    for nodes, numbers in [*_statements(function, rows), *_held(function, rows)]:
        for node in nodes:
            found.setdefault(node, []).extend(numbers)
    return Traced(text, {node: tuple(sorted(set(k))) for node, k in found.items()})


def _statements(function: Function, rows: list[str]) -> Iterator[tuple[Sequence[str], list[int]]]:
    """(nodes, lines) of every statement, which stand in the text one after the other.

    One that computes no node is a part of the next that does.
    """
    sizes = set(function.listing.sizes.values())
    at, parts = 0, list[int]()
    for statement in function.listing.statements:
        if not statement.nodes and statement.target in sizes:
            continue
        at, numbers = _place(statement, rows, at)
        parts += numbers
        if statement.nodes:
            yield statement.nodes, parts
            parts = []


def _place(statement: Statement, rows: list[str], after: int) -> tuple[int, list[int]]:
    """Where a statement ends, and its lines, found below the line `after`."""
    code = [_INDENT + line if line else "" for line in statement.code.split("\n")]
    for start in range(after, len(rows) - len(code) + 1):
        if all(map(_is, rows[start:], code)):
            end = start + len(code)
            return end, list(range(start + 1, end + 1))
    raise AssertionError(f"{statement.target} is not in the text")  # a fault of this file


def _is(row: str, code: str) -> bool:
    """Whether a row is a line of code, with a comment behind it or without."""
    return row.startswith(code) and row[len(code) :].lstrip()[:1] in ("", "#")


def _held(function: Function, rows: list[str]) -> Iterator[tuple[Sequence[str], list[int]]]:
    """(nodes, lines) of what is given, and of the new values that are written in the end."""
    variable, network = function.variable, function.network
    begins: list[tuple[str, str]] = []
    for store, names in (("parameters", function.parameters), ("states", function.states)):
        begins += [(n, f'{variable[n]} = {store}["{n}"]') for n in names]
    begins += [(n, f"{variable[n]} = ") for n, _ in function.draws]
    begins += [(new, f"{variable[old]}[...] = ") for old, new in network.updates.items()]
    for node, begin in begins:
        here = [k for k, row in enumerate(rows, 1) if row.startswith(_INDENT + begin)]
        yield [node], here
    head = next(k for k, row in enumerate(rows, 1) if row.endswith("):"))
    first = next(k for k, row in enumerate(rows, 1) if row.startswith("def "))
    given = [n for n, _ in network.of(Input) if n in function.inputs]
    yield given, list(range(first, head + 1))

"""A scan as one Python loop: the body's statements indented, results stacked as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphnet.compiler.lower import lower
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value, Values
from graphnet.compiler.wrapping import comment_lines
from graphnet.formula.extent import show_extent
from graphnet.network.graph import Network
from graphnet.network.nodes import Loop, Scan

if TYPE_CHECKING:
    from graphnet.compiler.listing import Writer

__all__ = ["described", "loop_statement"]


def loop_statement(outer: Writer, value: Value, stage: str) -> Statement:
    """The statement that runs a loop and assigns every result that is read."""
    from graphnet.compiler.listing import Writer

    loop = value.extra
    assert isinstance(loop, Loop)
    printer, made = outer.printer, outer.namer.made
    body = loop.body
    variable = {name: made(name) for name in body.nodes}
    step = made("k") if loop.step is None else variable[loop.step]
    given = [printer.code(a).text for a, _ in value.args]
    n, m = len(loop.states), len(loop.sequences)
    bound = {s: f"{text}[{step}]" for s, text in zip(loop.sequences, given[n : n + m], strict=True)}
    bound |= dict(zip(loop.constants, given[n + m :], strict=True))
    lowered = lower(body, Values(named=outer.lowered.values.named), loop.step)
    inner = Writer(
        body, lowered, outer.dtype, variable, outer.size_names, outer.namer, bound,
        outer.width - 4, outer.used_sizes,
    )  # fmt: skip
    inner.printer.helpers = printer.helpers
    results = outer.results[value]
    chosen = {r: outer.name(r, stage) for r in results}
    printer.variables.update(chosen)
    wanted = {r.extra: chosen[r] for r in results}

    lines = [
        f"{variable[s]} = {text}" for s, text in zip(loop.states, given[:n], strict=True)
    ]  # fmt: skip
    for r in results:
        if r.extra[0] != "last":  # type: ignore[index]
            shape = printer.shape(r.extents)
            lines.append(f"{chosen[r]} = np.empty({shape}, {printer.kind(r)})")
    steps = f"range({printer.extent(loop.length)})"
    lines.append(f"for {step} in {f'reversed({steps})' if loop.reverse else steps}:")
    inside = [
        f"{wanted['before', i]}[{step}] = {variable[s]}"
        for i, s in enumerate(loop.states) if ("before", i) in wanted
    ]  # fmt: skip
    emitted = [k for k, _ in enumerate(loop.emits) if ("emit", k) in wanted]
    roots = {*loop.carried, *(loop.emits[k] for k in emitted)}
    for s in inner.statements([name for name in body.nodes if name in roots]):
        inside += [*comment_lines(s.comment, outer.width + 16), *s.code.split("\n")]
    inside += [f"{wanted['emit', k]}[{step}] = {inner.reference(loop.emits[k])}" for k in emitted]
    if loop.states:
        left = ", ".join(variable[s] for s in loop.states)
        right = ", ".join(inner.reference(c) for c in loop.carried)
        inside.append(f"{left} = {right}")
    lines += [f"    {line}" for line in inside or ["pass"]]
    lines += [
        f"{wanted['last', i]} = {variable[s]}"
        for i, s in enumerate(loop.states) if ("last", i) in wanted
    ]  # fmt: skip
    nodes = tuple(name for r in results for name in outer.owners.get(r, ()))
    comment = described(outer.network, loop, nodes)
    return Statement(stage, "", "\n".join(lines), comment, nodes)


def described(network: Network, loop: Loop, nodes: Sequence[str]) -> str:
    """What a loop runs over, what it is given, and what each of its results is."""
    kind_of = (loop.states, loop.sequences, loop.carried, loop.emits)
    scans = {  # the network that is printed may be derived anew, with loops of its own
        name: node for name, node in network.of(Scan)
        if kind_of == (node.loop.states, node.loop.sequences, node.loop.carried, node.loop.emits)
    }  # fmt: skip
    scans = {name: node for name, node in scans.items() if name in nodes} or scans
    if not scans:
        return f"{show_extent(loop.length)} steps of {', '.join(loop.states)}"
    operands = network.operands(next(iter(scans)))
    n, m = len(loop.states), len(loop.states) + len(loop.sequences)
    start = ", ".join(f"{a} = {b}" for a, b in zip(loop.states, operands[:n], strict=True))
    words = {"last": loop.states, "emit": loop.emits, "before": loop.states}
    results = []
    for name, node in scans.items():
        kind, k = node.result
        tail = " before its step" if kind == "before" else ""
        what = "the last" if kind == "last" else "every"
        results.append(f"{name} = {what} {words[kind][k]}{tail}")
    parts = [f"{show_extent(loop.length)} steps{' backward' if loop.reverse else ''}"]
    parts += [f"from {start}"] * bool(start) + [f"over {', '.join(operands[n:m])}"] * (m > n)
    parts += [f"with {', '.join(operands[m:])}"] * (len(operands) > m)
    return f"{'; '.join(results)}: {' '.join(parts)}"

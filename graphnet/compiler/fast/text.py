"""Statements -> text: `build(parameters, states)` gives `plan(sizes)`, which gives the step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphnet.compiler.draws import draw_of
from graphnet.compiler.fast.emit import Emitter
from graphnet.compiler.fast.plan import Plan, drawn
from graphnet.compiler.function import commented, note_lines
from graphnet.compiler.helpers import HELPERS
from graphnet.compiler.lower import Lowered
from graphnet.compiler.statement import Statement
from graphnet.compiler.wrapping import INDENT, WIDTH, wrap
from graphnet.network.extents import named_sizes
from graphnet.network.graph import STAGES
from graphnet.network.nodes import Input, Parameter, State

__all__ = ["Text", "written"]


@dataclass
class Text:
    """`build`, the helpers it calls, and the sizes `plan` takes, in order."""

    source: str
    helpers: tuple[str, ...]
    sizes: tuple[str, ...]
    variable: dict[str, str]
    statements: tuple[Statement, ...]
    draws: bool


def written(plan: Plan, lowered: Lowered, inputs: Sequence[str], dtype: str) -> Text:
    """The text of a plan."""
    sizes = named_sizes(node for _, node in plan.network.items())
    return text_of(Emitter(plan, lowered, list(inputs), dtype, tuple(sizes)))


def text_of(e: Emitter) -> Text:
    """The whole of build, from an emitter that has written nothing yet."""
    network = e.plan.network
    e.name_leaves()
    e.name_buffers()
    statements = [s for run in e.plan.runs for s in e.run(run)]
    draws = [line for name, node in drawn(network, e.inputs) for line in draw_lines(e, name, node)]
    body = [*draws, *sections(e, statements), *results(e)]
    arguments = [e.identifier[name] for name in e.inputs] + ["rng"] * bool(draws)
    step = [f"def step({', '.join(arguments)}):", *_indented(body or ["pass"])]
    calls = [f"{name} = {function}" for function, name in e.arrays.calls.items()]
    prologue = [
        *_section("buffers", e.buffers.lines()),
        *_section("constants", e.arrays.constants),
        *_section("views and bound methods", [*calls, *e.arrays.view_lines]),
    ]
    sizes = ", ".join(e.size_names[s] for s in e.sizes)
    inside = [
        '"""A step for these sizes, with buffers of its own."""' if sizes else
        '"""A step with buffers of its own."""',
        *prologue, "", '@np.errstate(all="ignore")', *step, "", "return step",
    ]  # fmt: skip
    stores = ["parameters"] * any(network.of(Parameter)) + ["states"] * any(network.of(State))
    outer = [
        '"""plan(sizes) -> step, over these arrays."""' if not stores else
        '"""plan(sizes) -> step; the arrays become views of flat vectors."""',
        *e.vectors.opening(), *e.stores, "",
        f"def plan({sizes}):", *_indented(inside), "", "return plan",
    ]  # fmt: skip
    source = "\n".join([f"def build({', '.join(stores)}):", *_indented(outer)])
    helpers = dict.fromkeys(n for n in HELPERS if n in e.printer.helpers)
    variable = {name: e.identifier[name] for name in network.nodes}
    return Text(
        source, tuple(HELPERS[n] for n in helpers), e.sizes, variable, tuple(statements),
        bool(draws),
    )  # fmt: skip


def sections(e: Emitter, statements: Sequence[Statement]) -> Iterator[str]:
    """The statements under the headings of their stages."""
    stages = [s.stage for s in statements]
    last = 0
    ranks: list[int] = []
    for k, stage in enumerate(stages):
        rank = STAGES.index(stage) if stage in STAGES else -1
        if rank < 0:  # a part of what comes next
            rank = next((STAGES.index(s) for s in stages[k:] if s in STAGES), last)
        last = max(last, rank)
        ranks.append(last)
    several = len(set(ranks)) > 1
    for rank in sorted(set(ranks)):
        if several:
            yield f"\n# -- {STAGES[rank]}"
        if STAGES[rank] == "backward":
            yield from note_lines(e.plan.network)
        section = [s for s, r in zip(statements, ranks, strict=True) if r == rank]
        yield from commented(section, INDENT)


def results(e: Emitter) -> Iterator[str]:
    """The line that returns what was asked for."""
    found: list[str] = []
    for name, v in e.plan.outputs:
        node = e.plan.network.node(name)
        if v.op == "output":
            text = e.arrays.held[v].text
            again = v.rank and v.extra and text in found  # asked for twice
            found.append(f"{text}.copy()" if again else text)
        else:
            known = e.printer.code(v) if v.host else e.arrays.physical(v)
            found.append(f"{node.dtype}({known.text})")
    if found:
        yield wrap("return ", ", ".join(found), WIDTH)


def draw_lines(e: Emitter, name: str, node: Input) -> Iterator[str]:
    """The lines that draw an input that no argument gives."""
    draw, buffer = draw_of(name, node), e.identifier[name]
    e.buffers.add(buffer, node.shape, f"np.{e.dtype}")
    yield f"rng.{draw.method}(None, np.{e.dtype}, {buffer})  # {draw.told}"
    if not draw.is_standard:
        for function, number in (("np.multiply", draw.scale), ("np.add", draw.shift)):
            constant = e.arrays.constant(f"np.array({number!r}, np.{e.dtype})", "k")
            yield f"{e.arrays.call(function)}({buffer}, {constant.text}, {buffer})"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"# -- {title}", *lines] if lines else []


def _indented(lines: Sequence[str]) -> list[str]:
    return textwrap.indent("\n".join(lines), "    ").split("\n")

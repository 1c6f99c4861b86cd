"""How statements that go block by block are written: one loop, over slices that are made ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from graphnet.compiler.fast.arrays import Array, identity
from graphnet.compiler.fast.forms import KEYWORD
from graphnet.compiler.function import commented
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import INDENT, WIDTH, packed, wrap

if TYPE_CHECKING:
    from graphnet.compiler.fast.emit import Emitter

__all__ = ["loop_over_blocks"]


def loop_over_blocks(e: Emitter, run: Sequence[Value]) -> Iterator[Statement]:
    """The numbers that a run reads, then the loop."""
    yield from _numbers(e, run)
    arrays, flat = e.arrays, run[0].rank == 1
    size = e.printer.extent(run[0].extents[0])
    step = e.step(run[0])
    whole = dict(arrays.held)
    slices = _held_slices(e, run, size, step)
    arrays.fills = {}
    if not flat:
        fills = _fills(e, run, size, step)
        slices |= dict(fills.values())
        arrays.fills = {number: Array(name, False) for number, (name, _) in fills.items()}
    inner = [s for v in run for s in e.told(v)]
    arrays.fills = None
    arrays.held.update(whole)
    blocks = e.namer.made("blocks")
    arrays.view_lines += [
        f"{blocks} = [", *packed("    (", list(slices.values()), ")", 70, "     "),
        f"    for k in range(0, {size}, {step})", "]",
    ]  # fmt: skip
    rows = "\n".join(commented(inner, INDENT + 4)).split("\n")
    code = "\n".join([*_head(list(slices), blocks), *(f"    {row}" for row in rows)])
    nodes = tuple(n for s in inner for n in s.nodes)
    comment = f"{step} {'elements' if flat else 'rows'} at a time"
    yield Statement(e.stage(run[0]), "", code, comment, nodes)


def _numbers(e: Emitter, run: Sequence[Value]) -> Iterator[Statement]:
    """Names for numbers that were to be written in place: once, not once a block."""
    for v, number in ((line, a) for line in run for a, _ in line.args if not (a.rank or a.host)):
        if number not in e.arrays.held:
            name = e.made_for(v, "scale")
            text = wrap(f"{name} = ", e.arrays.expression(number), WIDTH)
            yield Statement(e.stage(run[0]), name, text, e.part(v), ())
            e.arrays.held[number] = Array(name, False)


def _held_slices(e: Emitter, run: Sequence[Value], size: str, step: str) -> dict[str, str]:
    """Has the values of a run, and what it reads element by element, be blocks of themselves: the
    name of each -> what it is."""
    memory = e.plan.memory
    names: dict[str, str] = {}  # array -> its block
    slices: dict[str, str] = {}
    for w in dict.fromkeys(
        w for v in run for w, axes in (*v.args, (v, identity(v))) if 0 in axes
    ):  # fmt: skip
        text = e.arrays.held[w].text
        if text not in names:
            names[text] = e.namer.made(f"{text.lower()}_block")
            short = memory.places[w].storage in memory.blocks
            slices[names[text]] = f"{text}[:{size} - k]" if short else f"{text}[k:k + {step}]"
        e.arrays.held[w] = Array(names[text], False)
    return slices


def _fills(
    e: Emitter, run: Sequence[Value], size: str, step: str
) -> dict[str, tuple[str, str]]:  # fmt: skip
    """Blocks of one number over and over, for what is compared with it: number -> its name, and
    what it is."""
    row = ", ".join(map(e.printer.extent, run[0].extents[1:]))
    found: dict[str, tuple[str, str]] = {}
    numbers = [a for v in run if v.op in KEYWORD for a, _ in v.args if a.host]
    for text in dict.fromkeys(e.printer.code(a).text for a in numbers):
        array = e.arrays.full(text, f"({step}, {row})", "bound")
        found[text] = e.namer.made(f"{array.text}_block"), f"{array.text}[:{size} - k]"
    return found


def _head(names: Sequence[str], blocks: str) -> list[str]:
    """The lines that open a loop over blocks."""
    line = f"for {', '.join(names)} in {blocks}:"
    if len(line) <= WIDTH:
        return [line]
    return packed("for (", names, f") in {blocks}:", WIDTH, "     ")

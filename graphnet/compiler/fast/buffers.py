"""The buffers of a plan: arrays side by side in one piece of memory, each named on a line.

Many small allocations lie on pages of 4 KB. One large piece gets large pages from the system where
it has them, so that walking through it needs fewer look-ups of addresses; see `arena` in helpers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphnet.compiler.expressions import Printer
from graphnet.compiler.wrapping import VIEW_WIDTH, wrap
from graphnet.formula.extent import Extent, add, product

__all__ = ["Buffers"]

BYTES = {"np.float32": 4, "np.float64": 8, "np.intp": 8, "bool": 1}
LINE = 64  # bytes of a line of the cache, where every array starts


@dataclass
class Buffers:
    """The lines that make buffers, and how much memory they take together."""

    printer: Printer
    maker: str = "new"  # what the lines call: new(shape, dtype)
    made: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)  # lines ahead of them
    size: Extent = 0

    def reserve(self, shape: Sequence[Extent], kind: str) -> None:
        """Room for one array more."""
        self.size = add(self.size, product((BYTES[kind], *shape)), LINE)

    def add(
        self, name: str, shape: Sequence[Extent], kind: str, fill: str = "", room: str = ""
    ) -> None:
        """A buffer, of any content or full of one number, of a NumPy dtype by its name; `room` is
        the text of its shape where that is at most `shape`."""
        self.reserve(shape, kind)
        extent, several = self.printer.extent, len(shape) != 1
        text = room or (self.printer.shape(shape) if several else extent(shape[0]))
        self.made.append(f"{name} = {self.maker}({text}, {kind})")
        if fill:
            self.made.append(f"{name}.fill({fill})")

    def lines(self) -> list[str]:
        """The lines, behind the one that gets their memory."""
        return [*self.first, *self.opening(), *self.made] if self.made or self.first else []

    def opening(self) -> list[str]:
        """The line that gets the memory, if any is needed."""
        if self.size == 0:
            return []
        arena = self.printer.helper("arena")
        size = self.printer.extent(self.size)
        return wrap(f"{self.maker} = ", f"{arena}({size})", VIEW_WIDTH).split("\n")

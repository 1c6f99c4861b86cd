"""The function of a module whose memory is planned: build, and a step that looks its plan up."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from graphnet.compiler.code import tuple_text
from graphnet.compiler.fast.flat import Adjacent
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.fast.text import Text, written
from graphnet.compiler.function import Function
from graphnet.compiler.helpers import HELPERS
from graphnet.compiler.listing import Listing
from graphnet.compiler.lower import Lowered
from graphnet.compiler.wrapping import packed
from graphnet.network.graph import Network

__all__ = ["PlannedFunction", "planned"]


def planned(
    name: str, network: Network, inputs: Sequence[str], outputs: Sequence[str], dtype: str,
    lowered: Lowered, copy: bool, adjacent: Adjacent | None, off: frozenset[str],
) -> PlannedFunction:  # fmt: skip
    """The function `name` of a module in fast style."""
    plan = make_plan(network, lowered, outputs, copy=copy, adjacent=adjacent, off=off)
    text = written(plan, lowered, inputs, dtype)
    sizes = {s: s for s in text.sizes}
    helpers = (*text.helpers, HELPERS["planned"])
    listing = Listing(text.statements, helpers, text.variable, sizes)
    return PlannedFunction(name, network, inputs, outputs, listing, dtype, text)


@dataclass
class PlannedFunction(Function):
    """`build`, and the function itself, which looks up what build made."""

    text: Text

    def source(self) -> str:
        """The def of build, and of the function."""
        head = "\n".join(packed(f"def {self.name}(", self.arguments, "):", 79, "    " * 2))
        stores = ["parameters"] * bool(self.parameters) + ["states"] * bool(self.states)
        given = [self.variable[name] for name in self.inputs] + ["rng"] * bool(self.draws)
        sizes = [self.origin(size) for size in self.text.sizes]
        call = f"return planned({tuple_text(stores)}, {tuple_text(sizes)})({', '.join(given)})"
        body = [f'"""{self._summary()}"""']
        if self.draws:
            body.append("rng = generator if rng is None else rng")
        if len(call) > 75:
            body.append(f"run = planned({tuple_text(stores)}, {tuple_text(sizes)})")
            call = "\n".join(packed("return run(", given, ")", 75, "    "))
        body.append(call)
        text = textwrap.indent("\n".join(body), "    ")
        return f"{self.text.source}\n\n\n{head}\n{text}\n"

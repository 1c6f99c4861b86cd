"""Guard: finds the first step after which a number is not finite, and goes back before it.

Copying all parameters before every step costs up to a fifth of a step, and gradient norms do not
see what an update does. So the guard looks at every step's loss, which is a Python float and costs
nothing, and every `every` steps at all parameters and states, of which it then keeps a copy with
the state of the random generator. When something is not finite, it goes back to the last copy and
plays the few steps since then again, looking at everything after each one. A step repeats bit for
bit, so this finds the very step, and the parameters from just before it are put back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.compiler.program import Program
from graphnet.network.nodes import Computed, Node
from graphnet.training.watch import watch

__all__ = ["Guard", "NotFinite", "Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """Everything a program's next result depends on, copied."""

    parameters: dict[str, NDArray[Any]]
    states: dict[str, NDArray[Any]]
    generator: Any

    @classmethod
    def of(cls, program: Program) -> Snapshot:
        return cls(
            {name: program.parameters.exact(name).copy() for name in program.parameters},
            {name: program.states.exact(name).copy() for name in program.states},
            program.generator.bit_generator.state,
        )

    def restore(self, program: Program) -> None:
        program.parameters.update(self.parameters)
        program.states.update(self.states)
        program.generator.bit_generator.state = self.generator


@dataclass(frozen=True)
class NotFinite:
    """Which step failed, from 1 in this model's life, and the first node that was not finite."""

    step: int
    loss: float
    node: str | None
    formula: str = ""
    hint: str = ""

    def __str__(self) -> str:
        what = f"the loss of step {self.step} is {self.loss}"
        if math.isfinite(self.loss):
            what = f"step {self.step} makes a parameter or state that is not finite"
        first = f"; the first node that is not finite is {self.formula}" if self.node else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{what}{first}; the parameters are those before this step{hint}"


class Guard:
    """Watches the steps of one run; `take` gives the arguments for some rows."""

    def __init__(
        self, program: Program, take: Callable[[Any], tuple[NDArray[Any], ...]], every: int = 64
    ) -> None:
        self._program, self._take, self._every = program, take, every
        self._since: list[Any] = []
        self._kept = Snapshot.of(program)
        # What starts infinite (a state that holds a running minimum) may stay so.
        self._watched = [a for a in self._arrays() if _finite(a)]

    def look(self, step: int, rows: Any, loss: float) -> NotFinite | None:
        """After a step: None where all is well, else what went wrong, with the values put back."""
        self._since.append(rows)
        if not math.isfinite(loss):
            return self._rewind(step)
        return self.settle(step) if len(self._since) >= self._every else None

    def settle(self, step: int) -> NotFinite | None:
        """Looks at all values, at the end of an epoch or of `every` steps."""
        if not all(_finite(a) for a in self._watched):
            return self._rewind(step)
        if self._since:
            self._kept, self._since = Snapshot.of(self._program), []
        return None

    def _arrays(self) -> list[NDArray[Any]]:
        stores = self._program.parameters, self._program.states
        return [array for store in stores for array in store.arrays.values()]

    def _rewind(self, step: int) -> NotFinite:
        """Plays the steps since the last copy again, up to the one that fails."""
        program, first = self._program, step - len(self._since) + 1
        self._kept.restore(program)
        for number, rows in enumerate(self._since, first):
            before = Snapshot.of(program)
            arguments = self._take(rows)
            loss = float(program.run(*arguments)[0])
            if not math.isfinite(loss) or not all(_finite(a) for a in self._watched):
                before.restore(program)
                node = first_bad_node(program, arguments)
                before.restore(program)  # the generator has moved
                shown = program.network.show(node) if node else ""
                return NotFinite(number, loss, node, shown)
        self._kept.restore(program)  # someone changed values between the steps: nothing to replay
        return NotFinite(step, math.nan, None)


def _finite(array: NDArray[Any]) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def first_bad_node(program: Program, arguments: tuple[NDArray[Any], ...]) -> str | None:
    """The first node, in topological order, that is not finite for these arguments.

    An infinity that a formula writes down itself (a mask of -oo) is meant, and passed over.
    """
    network = program.network
    watcher = watch(network, program.inputs, program.parameters, program.states, program.dtype)
    watcher.generator.bit_generator.state = program.generator.bit_generator.state
    for name, value in zip(watcher.outputs, watcher.run(*arguments), strict=True):
        bad = network.node(name).dtype == "float" and not np.isfinite(value).all()
        if bad and not _means_infinity(network.node(name), value):
            return name
    return None


def _means_infinity(node: Node, value: Any) -> bool:
    from sympy import S

    written = isinstance(node, Computed) and node.formula.body.has(S.Infinity, S.NegativeInfinity)
    return written and not bool(np.isnan(value).any())

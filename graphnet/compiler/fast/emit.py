"""Plan -> statements: one call a value, runs of them block by block, stores and results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from graphnet.compiler.fast.arrays import Array
from graphnet.compiler.fast.blockwise import loop_over_blocks
from graphnet.compiler.fast.forms import scalar
from graphnet.compiler.fast.naming import Naming
from graphnet.compiler.loops import loop_statement
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import WIDTH, fill, wrap

__all__ = ["Emitter"]


@dataclass
class Emitter(Naming):
    """Writes the statements of a plan."""

    _returned: set[Value] = field(default_factory=set)

    def run(self, run: list[Value]) -> Iterator[Statement]:
        """The statement of a line, or one loop over blocks for lines that go together."""
        return self.told(run[0]) if len(run) == 1 else loop_over_blocks(self, run)

    def told(self, v: Value) -> Iterator[Statement]:
        """The statement of a line; one that computes no node says what it is a part of."""
        for s in self.statement(v):
            yield s if s.comment else replace(s, comment=self.part(v))

    def part(self, v: Value) -> str:
        """What a line is a part of, as a comment."""
        if v in self.plan.ahead:
            return "a part of the slope, for the backward pass"
        return f"a part of {self.wholes[v]}" if v in self.wholes else ""

    def statement(self, v: Value) -> Iterator[Statement]:
        """What a line is as text: nothing where the statement of a loop gives it out."""
        if v.op == "scan":
            yield self._loop(v)
        elif v.op == "store":
            target, (source, _) = self._target(v), v.args[0]
            array = self.printer.code(source) if source.host else self.arrays.logical(source)
            code = f"{target}[...] = {array.text}"
            yield Statement(self.stage(v), "", code, "written when all are known", ())
        elif v.op == "output":
            yield from self._output(v)
        elif v.op != "result":
            yield self._in_place(v) if v in self.plan.memory.places else self._fresh(v)

    def _loop(self, v: Value) -> Statement:
        """A loop with memory of the plan, or in plain style."""
        from graphnet.compiler.fast.loops import planned_loop

        stage = self.stage(v)
        loop = planned_loop(self, v, stage)
        if loop is not None:
            return loop
        self.arrays.expression_of_arguments(v)
        made = loop_statement(self.writer, v, stage)
        for r in self.writer.results.get(v, ()):
            self.arrays.held[r] = Array(self.printer.variables[r], False)
        return made

    def _in_place(self, v: Value) -> Statement:
        """A value computed into its buffer."""
        out, form = self.arrays.held[v], self.plan.forms.get(v)
        code = form.code(self.arrays, v, out) if form else ""
        head, copies, text = code.partition("[...] = ")
        if form is None:
            code = wrap(f"{out.text}[...] = ", self.arrays.expression(v), WIDTH)
        elif "\n" not in code:  # loops of windows stand as they are
            code = wrap(head + copies, text, WIDTH) if copies else "\n".join(fill(code, WIDTH))
        return Statement(self.stage(v), out.text, code, self._comment(v), self._nodes(v))

    def _fresh(self, v: Value) -> Statement:
        """A number, or an array that its statement allocates."""
        name, comment = self.name(v), self._comment(v)
        text = scalar(self.arrays, v) or self._mean(v) or self.arrays.expression(v)
        self.arrays.held[v] = Array(name, False)
        code = wrap(f"{name} = ", text, WIDTH)
        return Statement(self.stage(v), name, code, comment, self._nodes(v))

    def _nodes(self, v: Value) -> tuple[str, ...]:
        return tuple(self.plan.owners.get(v, ()))

    def _comment(self, v: Value) -> str:
        """The formulas of the nodes that a value is; of those that lie in one vector the first."""
        if v in self.joined_in:
            first = self._nodes(v)[0]
            return f"{self.plan.network.show(first)}; so for all of {self.joined_in[v]}"
        comment = "; ".join(map(self.plan.network.show, self._nodes(v)))
        if not comment and v.op == "contract" and v.args[1][0].op == "numbers":
            return f"weighted sums of {self.arrays.held[v.args[0][0]].text}"
        return comment

    def _mean(self, v: Value) -> str | None:
        """`0.25*total/batch` of a loss as one product, its factor made ahead of the step.

        Steps alone: an update over no rows is refused, while a function may divide by none.
        """
        if v.op != "divide" or v.rank or v.dtype != "float" or not self.plan.network.updates:
            return None
        (part, _), (size, _) = v.args
        if part.op != "multiply" or self.plan.roles(part) != "number" or not size.host:
            return None
        hosts = [a for a, _ in part.args if a.host]
        totals = [a for a, _ in part.args if a in self.arrays.held]
        if len(hosts) != 1 or len(totals) != 1 or self.arrays.exact(totals[0]):
            return None
        quotient = self.plan.values.make("divide", [(hosts[0], ()), (size, ())], host=True)
        factor = self.arrays.constant(self.printer.code(quotient).text, "k")
        return f"{factor.text} * float({self.arrays.held[totals[0]].text})"

    def _target(self, store: Value) -> str:
        return self.arrays.held[store.extra].text  # type: ignore[index]

    def _output(self, v: Value) -> Iterator[Statement]:
        """A fresh array of what is returned."""
        ((source, _),) = v.args
        array = self.arrays.logical(source) if not source.host else None
        copy = bool(v.extra)
        base = self.plan.roles.base(source)
        fresh = base is source and self.plan.roles(source) == "line" and (
            source not in self.plan.memory.places and not self.arrays.held[source].lasting
        )  # fmt: skip
        assert array is not None
        if not v.rank:
            text = f"{v.dtype}({array.text})"
        elif copy and not (fresh and source not in self._returned):
            text = f"{array.text}.copy()"
        else:
            self._returned.add(source)
            self.arrays.held[v] = array
            return
        name = self.namer.made(f"{array.text.split('.')[0].split('[')[0]}_out")
        self.arrays.held[v] = Array(name, False)
        yield Statement(self.stage(source), name, f"{name} = {text}", "", ())

    def stage(self, v: Value) -> str:
        owners = self.plan.owners.get(v)
        if v.op == "store":
            return "update"
        if v in self.plan.ahead:
            return "forward"
        if owners:
            return self.plan.network.stage(owners[0])
        return self.plan.stages.get(v, "")

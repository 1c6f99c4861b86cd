"""Plan -> statements: one call a value, runs of them block by block, stores and results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphnet.compiler.fast.arrays import Array
from graphnet.compiler.fast.blockwise import loop_over_blocks
from graphnet.compiler.fast.forms import scalar
from graphnet.compiler.fast.naming import WIDTH, Naming
from graphnet.compiler.loops import loop_statement
from graphnet.compiler.statement import Statement
from graphnet.compiler.values import Value
from graphnet.compiler.wrapping import fill, wrap

__all__ = ["Emitter"]


@dataclass
class Emitter(Naming):
    """Writes the statements of a plan."""

    _returned: set[Value] = field(default_factory=set)

    def run(self, run: list[Value]) -> Iterator[Statement]:
        """The statement of a line, or one loop over blocks for lines that go together."""
        return self.statement(run[0]) if len(run) == 1 else loop_over_blocks(self, run)

    def statement(self, v: Value) -> Iterator[Statement]:
        stage = self.stage(v)
        nodes = tuple(self.plan.owners.get(v, ()))
        if v.op == "result":
            return
        if v.op == "scan":
            from graphnet.compiler.fast.loops import planned_loop

            loop = planned_loop(self, v, stage)
            if loop is not None:
                yield loop
                return
            self.arrays.expression_of_arguments(v)
            yield loop_statement(self.writer, v, stage)
            for r in self.writer.results.get(v, ()):
                self.arrays.held[r] = Array(self.printer.variables[r], False)
            return
        if v.op == "store":
            target, (source, _) = self._target(v), v.args[0]
            text = (
                self.printer.code(source).text if source.host else self.arrays.logical(source).text
            )
            yield Statement(stage, "", f"{target}[...] = {text}", "written when all are known", ())
            return
        if v.op == "output":
            yield from self._output(v)
            return
        comment = "; ".join(self.plan.network.show(n) for n in nodes[:1])
        if len(nodes) > 1 and v in self.plan.flat.covers:
            comment += f"; so for {', '.join(nodes[1:])}"
        elif len(nodes) > 1:
            comment = "; ".join(self.plan.network.show(n) for n in nodes)
        if not comment and v.op == "contract" and v.args[1][0].op == "numbers":
            comment = f"weighted sums of {self.arrays.held[v.args[0][0]].text}"
        if v in self.plan.memory.places:
            out = self.arrays.held[v]
            form = self.plan.forms.get(v)
            if form is not None:
                code = form.code(self.arrays, v, out)
                if "\n" not in code:  # loops of windows stand as they are
                    head, copies, text = code.partition("[...] = ")
                    code = (
                        wrap(head + copies, text, WIDTH) if copies
                        else "\n".join(fill(code, WIDTH))
                    )  # fmt: skip
            else:
                code = wrap(f"{out.text}[...] = ", self.arrays.expression(v), WIDTH)
            yield Statement(stage, out.text, code, comment, nodes)
            return
        name = self._name(v)
        text = scalar(self.arrays, v) or self._mean(v) or self.arrays.expression(v)
        self.arrays.held[v] = Array(name, False)
        yield Statement(stage, name, wrap(f"{name} = ", text, WIDTH), comment, nodes)

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

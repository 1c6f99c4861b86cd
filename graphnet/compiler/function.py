"""Listing -> the source of one function: forward or step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graphnet.compiler.aliases import sources
from graphnet.compiler.code import tuple_text
from graphnet.compiler.draws import draw_of
from graphnet.compiler.identifiers import RESERVED
from graphnet.compiler.listing import Listing, origin
from graphnet.compiler.statement import Statement
from graphnet.compiler.wrapping import comment_lines, listed, packed
from graphnet.formula.extent import names, show_extent
from graphnet.network.graph import Network
from graphnet.network.names import Namer
from graphnet.network.nodes import Input, Node, Parameter, State, show_shape

__all__ = ["Function", "commented", "note_lines"]

LINE = 99  # columns of a line with its comment


@dataclass
class Function:
    """What a function of the module needs to be written.

    `inputs` are its arguments in call order; every other Input is drawn. `outputs` are the names
    of the nodes it returns. It updates what the network updates.
    """

    name: str
    network: Network
    inputs: Sequence[str]
    outputs: Sequence[str]
    listing: Listing
    dtype: str

    def __post_init__(self) -> None:
        network = self.network
        self.variable = self.listing.variable
        self.parameters = [name for name, _ in network.of(Parameter)]
        self.states = [name for name, _ in network.of(State)]
        given = set(self.inputs)
        self.draws = [(name, node) for name, node in network.of(Input) if name not in given]
        targets = [s.target for s in self.listing.statements]
        self._namer = Namer([*RESERVED, *self.variable.values(), *targets])

    @property
    def arguments(self) -> list[str]:
        """The words between the parentheses of its def."""
        result = ["parameters"] * bool(self.parameters) + ["states"] * bool(self.states)
        result += [self.variable[name] for name in self.inputs]
        return result + ["rng=None"] * bool(self.draws)

    def source(self) -> str:
        """The def, whole."""
        head = f"def {self.name}({', '.join(self.arguments)}):"
        if len(head) > 79:
            inside = packed("    ", self.arguments, ",", 79, "    ")
            head = "\n".join([f"def {self.name}(", *inside, "):"])
        body = [f'"""{self._summary()}"""', *self._reads(), *self._statements(), *self._finish()]
        text = "\n".join(body)
        if any("np.where(" in s.code for s in self.listing.statements):
            # np.where computes both branches, and the one not taken may overflow
            head = f'@np.errstate(all="ignore")\n{head}'
        return f"{head}\n{textwrap.indent(text, '    ')}\n"

    # -- its parts -------------------------------------------------------------------------------

    def _summary(self) -> str:
        """What goes in and what comes out, with shapes."""
        given = [self._describe(name) for name in self.inputs]
        back = [self._describe(name) for name in self.outputs]
        paragraphs = [f"{', '.join(given) or 'nothing'} -> {', '.join(back) or 'nothing'}"]
        if self.network.updates:
            paragraphs.append(f"Updates {', '.join(self.network.updates)} in place.")
        wrapped = [
            textwrap.wrap(p, 72, subsequent_indent="    ", break_long_words=False)
            for p in paragraphs
        ]
        text = "\n\n".join("\n".join(lines) for lines in wrapped)
        return f"{text}\n" if "\n" in text else text

    def _describe(self, name: str) -> str:
        node = self.network.node(name)
        kind = "" if node.dtype == "float" else f" {node.dtype}"
        shape = f" {show_shape(node.shape)}" if node.shape else ""
        return f"{self.variable.get(name, name)}{shape}{kind}"

    def _reads(self) -> Iterator[str]:
        """Parameters and states under their own names, sizes, and random draws."""
        for store, held in (("parameters", self.parameters), ("states", self.states)):
            for name in held:
                yield f'{self.variable[name]} = {store}["{name}"]'
        statements = self.listing.statements
        start = [s for s in statements if not s.nodes and s.target in self.listing.sizes.values()]
        yield from (f"{s.code}  # {s.comment}" for s in start)
        if not self.draws:
            return
        yield "rng = generator if rng is None else rng"
        known = {s.target for s in start}
        for name, node in self.draws:
            for size in dict.fromkeys(s for extent in node.shape for s in names(extent)):
                variable = self.listing.sizes[size]
                if variable not in known:
                    known.add(variable)
                    yield f"{variable} = {self.origin(size)}"
            yield from self._draw(name, node)

    def origin(self, size: str) -> str:
        """What a named size is read from."""
        names = [*self.inputs, *self.parameters, *self.states]
        return origin(size, ((self.variable[n], self.network.node(n)) for n in names))

    def _draw(self, name: str, node: Input) -> Iterator[str]:
        draw = draw_of(name, node)
        shape = tuple_text(show_extent(e, self.listing.sizes.__getitem__) for e in node.shape)
        text = f"rng.{draw.method}({shape}, np.{self.dtype})"
        if not draw.is_standard:
            text = f"{draw.shift!r} + {draw.scale!r} * {text}"
        yield f"{self.variable[name]} = {text}  # {draw.told}"

    def _statements(self) -> Iterator[str]:
        """The listing's statements, a heading before each stage where there are several."""
        sizes = set(self.listing.sizes.values())
        statements = [s for s in self.listing.statements if s.nodes or s.target not in sizes]
        several = len({s.stage for s in statements}) > 1
        section: list[Statement] = []
        for k, statement in enumerate(statements):
            section.append(statement)
            if k + 1 == len(statements) or statements[k + 1].stage != statement.stage:
                if several:
                    yield f"\n# -- {statement.stage}"
                if statement.stage == "backward":
                    yield from note_lines(self.network)
                yield from commented(_with_parts(section))
                section = []

    def _finish(self) -> Iterator[str]:
        """Writing the new values, all together after all were computed, and the return."""
        updates = self.network.updates
        before: dict[str, str] = {}  # node -> a copy of what an update is about to overwrite

        def reference(name: str, keep: str = "") -> Iterator[str]:
            overwritten = sources(self.network, name) & (updates.keys() - {keep})
            if overwritten and name not in before:
                before[name] = self._namer.made(f"{self.variable[name]}_before")
                yield f"{before[name]} = {self.variable[name]}.copy()"

        if updates:
            for target, new in updates.items():
                yield from reference(new, target)
            for name in self.outputs:
                yield from reference(name)
            yield "# every new value was computed; now they are written"
            for target, new in updates.items():
                yield f"{self.variable[target]}[...] = {before.get(new, self.variable[new])}"
        results = [
            scalar(self.network.node(name), before.get(name, self.variable[name]))
            for name in self.outputs
        ]
        line = f"return {', '.join(results)}"
        if len(line) > 74:
            line = "\n".join(listed("return (", results, ")", 71))
        if results:
            yield line


def note_lines(network: Network) -> Iterator[str]:
    """Which slopes were taken where a slope jumps, and which facts were used, as comments."""
    name, told = network.graph.get("kinks", ("", ()))
    slopes = "; ".join(f"{node}: {slope}" for node, slope in told if node in network)
    facts = "; ".join(
        f"{tensor} is {fact}, so {law} in {node}"
        for fact, tensor, law, node in network.graph.get("facts", ())
    )
    for title, text in ((f"kinks ({name})", slopes), ("facts", facts)):
        if text:
            yield from comment_lines(f"{title}: {text}", LINE - 8)


def scalar(node: Node, text: str) -> str:
    """A 0-d result as a Python number."""
    return text if node.shape else f"{node.dtype}({text})"


def commented(section: Sequence[Statement], indent: int = 4) -> Iterator[str]:
    """Statements with their formulas: at the end of the lines where all fit, else above them."""
    rows = [(s.code, " ".join(s.comment.split())) for s in section]
    column = max(len(code) for code, _ in rows) + 2
    ends = all("\n" not in code and column + indent + 2 + len(text) <= LINE for code, text in rows)
    for code, text in rows:
        if ends:
            yield f"{code:<{column}}# {text}" if text else code
            continue
        yield from comment_lines(text, LINE - indent - 4)
        yield code


def _with_parts(section: Sequence[Statement]) -> list[Statement]:
    """The statements, those that compute no node told as parts of the next one that does."""
    result: list[Statement] = []
    whole = ""
    for s in reversed(section):
        whole = s.nodes[-1] if s.nodes else whole
        part = f"a part of {whole}" if whole else ""
        result.append(s if s.comment else replace(s, comment=part))
    return result[::-1]

"""Listings -> the text of a whole module: what runs, and what `save` writes.

The module imports numpy only. It has `forward(...)` and, where there are parameters, states or
updates, `initial_parameters(seed)`, `initial_states()` and `step(...)`; run as a script it makes
one call on sample data. The same network gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

import graphnet
from graphnet.compiler.algebra.scales import Recast
from graphnet.compiler.code import type_text
from graphnet.compiler.fast.flat import Adjacent
from graphnet.compiler.fast.function import planned
from graphnet.compiler.function import Function
from graphnet.compiler.listing import listing
from graphnet.compiler.literals import kinds, literal
from graphnet.compiler.lower import Lowered, readable
from graphnet.compiler.ranges import bounds
from graphnet.compiler.samples import sample_lines
from graphnet.compiler.stages import part
from graphnet.compiler.wrapping import packed
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent, show_extent
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Init, Node, Parameter, State, show_shape
from graphnet.ops import initializers

__all__ = ["Module", "emit"]


@dataclass(frozen=True)
class Module:
    """The text of a module and how a program calls it: `name(*stores, *inputs, [rng])`."""

    source: str
    name: str  # "step" where the network updates something, else "forward"
    parameters: bool
    states: bool
    draws: bool
    sizes: tuple[str, ...] = ()  # what `plan` takes, in fast style
    checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by function: statements
    # that refuse arrays of wrong shapes and labels out of range

    def alone(self) -> str:
        """The text for a file, where no program stands before its functions: they check arguments.

        A program checks them before its own call, so the text that it runs has no such lines.
        """
        text = self.source
        for name, statements in self.checks.items():
            above, define, rest = text.rpartition(f"\ndef {name}(")
            head, opened, told = rest.partition('"""')
            told, closed, below = told.partition('"""')
            lines = "".join(f"\n    {line}" for s in statements for line in s.split("\n"))
            text = f"{above}{define}{head}{opened}{told}{closed}{lines}{below}"
        if text == self.source:
            return text
        first, second = text.split("import numpy as np\n", 1)
        called = [s for statements in self.checks.values() for s in statements]
        helpers = [_FITS] + [_IN_RANGE] * any(s.startswith("in_range(") for s in called)
        return "\n\n\n".join([f"{first}import numpy as np", *helpers]) + f"\n{second}"


_FITS = '''\
def fits(**given):
    """Raises where an array has not the shape it should; a size with a name is one number."""
    sizes = {}
    for name, (array, *shape) in given.items():
        if shape and not isinstance(array, np.ndarray):
            raise TypeError(f"{name} is no array: {type(array).__name__}")
        found = np.shape(array)
        wanted = [sizes.setdefault(s, n) if isinstance(s, str) else s for s, n in zip(shape, found)]
        if len(found) != len(shape) or list(found) != wanted:
            known = "".join(f"; {s} is {n}" for s, n in sizes.items())
            expected = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
            raise ValueError(f"{name} has shape {found}, expected ({expected}){known}")'''
_IN_RANGE = '''\
def in_range(name, labels, size):
    """Raises ValueError for a label outside 0 .. size-1: NumPy would read -1 as the last."""
    labels = np.asarray(labels)
    wrong = np.argwhere((labels < 0) | (labels >= size))
    if len(wrong):
        row = tuple(wrong[0].tolist())
        place = list(row) if row else ""
        raise ValueError(f"{name}{place} is {labels[row]}, expected 0 .. {size - 1}")'''


def emit(
    network: Network,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dtype: str = "float32",
    seed: int = 0,
    predictions: Sequence[str] = (),
    style: str = "plain",
    *,
    recast: Recast | None = None,
    copy: bool = True,
    adjacent: Adjacent | None = None,
    off: frozenset[str] = frozenset(),
) -> Module:
    """The module of a network whose Inputs in `inputs` are arguments; the others are drawn.

    Where the network updates something, `step` does it all and `forward` returns `predictions`
    (the outputs, where none are named). In fast style the one that does it all has its memory
    planned: `copy`, `adjacent` and `off` are those of `fast.plan.make_plan`.
    The fast text computes the values of `recast`, whose states may be kept in scales of their own.
    """
    functions = []
    fast = style == "fast"
    recast = recast or Recast(network)
    scales = recast.scales.states if fast or recast.scales.states else {}
    lowered = recast.lowered(outputs, off) if fast or scales else readable(network)
    if network.updates:
        shown = list(dict.fromkeys(predictions or outputs))
        ahead = part(network, shown)
        needed = [name for name in inputs if name in ahead]
        plain = readable(ahead) if fast or scales else lowered
        functions.append(_function("forward", ahead, needed, shown, dtype, plain))
    name = "step" if network.updates else "forward"
    if fast:
        main: Function = planned(
            name, recast.network, inputs, outputs, dtype, lowered, copy, adjacent, off
        )
    else:
        main = _function(name, network, inputs, outputs, dtype, lowered)
    functions.append(main)
    helpers = dict.fromkeys(h for f in functions for h in f.listing.helpers)
    parts = [_head(main), *(h.strip() for h in helpers)]
    parts += _initializers(network, dtype, seed, scales)
    constants = [*_constants(functions, dtype)]
    if any(f.draws for f in functions):
        constants.append(f"generator = np.random.default_rng([{seed}, 1])  # makes the draws")
    if constants:
        parts.append("\n".join(constants))
    parts += [f.source().strip() for f in functions]
    parts.append(_script(main))
    source = "\n\n\n".join(parts) + "\n"
    return Module(
        source, main.name, bool(main.parameters), bool(main.states), bool(main.draws),
        tuple(main.listing.sizes), {f.name: tuple(_checks(f)) for f in functions},
    )  # fmt: skip


def _checks(made: Function) -> Iterator[str]:
    """What refuses inputs of other shapes, and a statement for each whose elements choose reads."""
    shapes = [
        f"{made.variable[name]}=({', '.join([made.variable[name], *map(_size, shape)])}"
        + (")" if shape else ",)")
        for name in made.inputs
        for shape in [made.network.node(name).shape]
    ]
    if shapes:
        yield "\n".join(packed("fits(", shapes, ")", 75, "    "))
    for bound in bounds(made.network):
        if bound.name in made.inputs:
            size = show_extent(bound.size, made.origin)
            variable = made.variable[bound.name]
            yield f'in_range("{variable}", {variable}, {size})'


def _size(extent: Extent) -> str:
    """A size as `fits` is told it: a number, or what it is called."""
    return str(extent) if isinstance(extent, int) else f'"{show_extent(extent)}"'


def _function(
    name: str, network: Network, inputs: Sequence[str], outputs: Sequence[str], dtype: str,
    lowered: Lowered,
) -> Function:  # fmt: skip
    return Function(name, network, inputs, outputs, listing(network, dtype, lowered), dtype)


def _head(main: Function) -> str:
    what = "A step" if main.name == "step" else "A function"
    if _trains(main):
        what = "A training step"
    lines = [f'"""{what}, written by graphnet {graphnet.__version__}; it needs NumPy only.', ""]
    arguments = [a for a in main.arguments if a != "rng=None"]
    if main.parameters:
        lines.append("    parameters = initial_parameters(seed=0)")
    if main.states:
        lines.append("    states = initial_states()")
    call = f"    {_result(main)} = {main.name}({', '.join(arguments)})"
    lines += [call if len(call) <= 95 else f"    {main.name}(...)", ""]
    lines += [
        "Run as a script it makes one such call on sample data.",
        '"""',
        "",
        "import numpy as np",
    ]
    return "\n".join(lines)


def _trains(main: Function) -> bool:
    return any(main.network.stage(name) == "backward" for name in main.network.nodes)


def _result(main: Function) -> str:
    return ", ".join(main.variable.get(name, name) for name in main.outputs) or "_"


def _constants(functions: Sequence[Function], dtype: str) -> Iterator[str]:
    seen: set[str] = set()
    for function in functions:
        for name, node in function.network.of(Constant):
            variable = function.variable[name]
            if variable in seen:
                continue
            seen.add(variable)
            array = np.asarray(node.array.array, kinds(dtype)[node.dtype])
            yield f"{variable} = {literal(array, 79 - len(variable))}"


def _initializers(
    network: Network, dtype: str, seed: int, scales: Mapping[str, Any]
) -> Iterator[str]:
    """initial_parameters and initial_states, with the functions they call."""
    parameters, states = network.of(Parameter), network.of(State)
    calls = [initializers.helper(node.init) for _, node in [*parameters, *states]]
    yield from (initializers.HELPERS[name].strip() for name in dict.fromkeys(calls) if name)
    if parameters or network.updates:
        yield _initializer("initial_parameters", f"seed={seed}", parameters, dtype, seed)
    if states:
        yield _initializer("initial_states", "", states, dtype, seed, scales)


def _initializer(
    name: str, arguments: str, nodes: Sequence[tuple[str, Node]], dtype: str, seed: int,
    scales: Mapping[str, Any] = MappingProxyType({}),
) -> str:  # fmt: skip
    lines = [f"def {name}({arguments}):"]
    lines.append(f'    """New arrays: {_shapes(nodes)}."""' if nodes else '    """Nothing."""')
    texts = {key: _initial(key, node) for key, node in nodes}
    kept = {key: f"  # kept divided by {float(s):.6g}" for key, s in scales.items()}
    for key in scales:
        if key in texts and not texts[key].startswith("np.zeros("):
            texts[key] = f"({texts[key]}) / {float(scales[key])!r}"
    if any("rng" in text for text in texts.values()):
        lines.append(f"    rng = np.random.default_rng({'seed' if arguments else seed})")
    if any(node.dtype != "float" for _, node in nodes):
        lines.append("    return {")
        for key, node in nodes:
            array = f"np.array({texts[key]}, {type_text(node.dtype, dtype)})"
            lines.append(f'        "{key}": {array},{kept.get(key, "")}')
        return "\n".join([*lines, "    }"])
    lines.append("    arrays = {")
    lines += [f'        "{key}": {text},{kept.get(key, "")}' for key, text in texts.items()]
    lines.append("    }")
    lines.append(f"    return {{name: np.array(a, np.{dtype}) for name, a in arrays.items()}}")
    return "\n".join(lines)


def _initial(name: str, node: Node) -> str:
    assert isinstance(node, Parameter | State)
    init: Init = node.init
    shape = tuple(e for e in node.shape if isinstance(e, int))
    if len(shape) < len(node.shape):
        raise GraphnetError(
            f"a {node.kind} has a shape of numbers, not {show_shape(node.shape)}", where=name
        )
    if init.array is not None:
        array = np.asarray(init.array.array)  # type: ignore[attr-defined]
        if array.shape != shape:
            raise GraphnetError(
                f"it has shape {show_shape(shape)} but starts at an array of shape "
                f"{show_shape(array.shape)}",
                where=name,
            )
        text = literal(array.astype(np.float64) if array.dtype.kind == "f" else array, 66)
        return text.replace("\n", "\n        ")
    try:
        return initializers.source(init, shape)
    except GraphnetError as error:
        raise GraphnetError(str(error), where=name) from None


def _shapes(nodes: Sequence[tuple[str, Node]]) -> str:
    text = ", ".join(f"{name} {show_shape(node.shape)}" for name, node in nodes)
    return text if len(text) <= 70 else f"{nodes[0][0]} ... {nodes[-1][0]}, {len(nodes)} in all"


def _script(main: Function) -> str:
    """What `python step.py` does."""
    lines = ['if __name__ == "__main__":']
    samples = sample_lines(main.network, main.inputs, main.variable, main.dtype)
    lines += [f"    {line}" for line in samples]
    if main.parameters:
        lines.append("    parameters = initial_parameters()")
    if main.states:
        lines.append("    states = initial_states()")
    arguments = ", ".join(a for a in main.arguments if a != "rng=None")
    call, shown = f"{main.name}({arguments})", list(main.outputs)
    if len(shown) > 1 and _trains(main):
        call, shown = f"{call}[0]", shown[:1]  # the loss; predictions would fill the screen
    lines.append(f'    print("{", ".join(shown[:3]) or "done"}:", {call})')
    return "\n".join(lines)

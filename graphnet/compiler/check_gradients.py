"""Derived gradients against what the loss does when its arguments are moved.

Four roads to one number: central differences of the loss by literal loops, a complex step by
literal loops, the derived gradient by literal loops, and the derived gradient by the compiled
program, in every style.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.arguments import mapping, whole
from graphnet.compiler.build import function
from graphnet.compiler.differences import Moved, Values, central, complex_step
from graphnet.compiler.gradient_report import GradientReport, GradientRow
from graphnet.compiler.interpret import interpret
from graphnet.compiler.options import STYLES
from graphnet.compiler.samples import values_of
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node, Parameter, State, show_shape
from graphnet.ops.gradients import grad
from graphnet.ops.tensor import Tensor

__all__ = ["GradientReport", "GradientRow", "check_gradients"]

RELATIVE, ANALYTIC, COMPILED = 1e-7, 1e-9, 1e-12  # of the largest element of a gradient


def check_gradients(
    loss: Tensor, values: Mapping[str, Any] | None = None, *, elements: int = 12, seed: int = 0,
    kinks: Any = "graphnet",
) -> GradientReport:  # fmt: skip
    """Compares the derived gradient of a loss with central differences and a complex step.

    `loss` has shape (). `values` holds arrays by name; what it lacks is drawn: parameters from
    their initializers with some noise, floats from a normal distribution, ints within the range
    they index. Of every float input and parameter up to `elements` elements are moved singly and
    all of them in one random direction. The report has a row for each of them; where one is wrong
    it says which node is the first wrong one in backward order. Nothing is raised for a wrong
    gradient: ask `.ok`. `kinks` is that of `gn.grad`; at a kink itself differences do not judge.

    Raises GraphnetError where the loss is no number or `values` do not fit it.

    >>> import graphnet as gn
    >>> x, w = gn.input("x", ("batch", 2)), gn.parameter("w", (2,))
    >>> report = gn.check_gradients(gn.mean(gn.tanh(x @ w)))
    >>> report.ok, [row.name for row in report.rows]
    (True, ['x', 'w'])
    """
    if not isinstance(loss, Tensor):
        raise GraphnetTypeError(f"expected the loss as a tensor, came {told(loss)}")
    if loss.shape != () or loss.dtype != "float":
        shown = f"{loss.dtype} {show_shape(loss.shape)}"
        raise GraphnetError(f"a loss is float of shape (), not {shown}; take gn.mean")
    elements, seed = whole("elements", elements, 0), whole("a seed", seed, 0)
    network = Network.collect({"loss": loss.node})
    held = values_of(network, mapping("values", values, "arrays by name"), seed)
    wrt = [n for n in held if n.dtype == "float" and isinstance(n, Input | Parameter)
           and not getattr(n, "distribution", None)]  # fmt: skip
    if not wrt:
        raise GraphnetError("the loss depends on no float input and no parameter")
    gradients = grad(loss, [Tensor(n) for n in wrt], kinks=kinks)
    derived = _by_loops([loss, *gradients], held)
    compiled = _by_programs([loss, *gradients], held)
    moved = Moved(network, held)
    rng = np.random.default_rng([seed, 1])
    rows = tuple(
        _row(
            moved, node, derived[k], _apart(derived[k], [c[k] for c in compiled]), elements, rng
        )
        for k, node in enumerate(wrt, 1)
    )  # fmt: skip
    first = None
    if any(row.verdict == "WRONG" for row in rows):
        first = _first_wrong(moved, loss, kinks, rng)
    elif any(row.verdict == "COMPILED WRONG" for row in rows):
        first = _first_apart([loss, *gradients], held)
    return GradientReport(float(derived[0]), rows, first)


# ------------------------------------------------------------------------------- the other roads


def _by_loops_named(network: Network, held: Values) -> dict[str, np.ndarray]:
    return interpret(network, {network.name_of(n): a for n, a in held.items() if n in network})


def _by_loops(tensors: list[Tensor], held: Values) -> list[np.ndarray]:
    network = Network.collect([t.node for t in tensors])
    arrays = _by_loops_named(network, held)
    return [arrays[network.name_of(t.node)] for t in tensors]


def _by_programs(tensors: list[Tensor], held: Values) -> list[list[np.ndarray]]:
    """The values of tensors by the compiled program of each style."""
    return [_by_program(tensors, held, style) for style in STYLES]


def _by_program(tensors: list[Tensor], held: Values, style: str) -> list[np.ndarray]:
    inputs = [n for n in held if isinstance(n, Input)]
    program = function(
        [Tensor(n) for n in inputs], tensors, dtype="float64", stabilize=False, style=style
    )
    for node, array in held.items():
        if not isinstance(node, Input) and node in program.network:
            store = program.parameters if isinstance(node, Parameter) else program.states
            store[program.network.name_of(node)] = array
    return [np.asarray(a) for a in program(*[held[n] for n in inputs])]


# -------------------------------------------------------------------------------------- the rows


def _row(
    moved: Moved, node: Node, gradient: np.ndarray, apart: float, elements: int,
    rng: np.random.Generator,
) -> GradientRow:  # fmt: skip
    found = _Comparison.of(moved, node, gradient, elements, rng)
    scale = float(np.max(np.abs(gradient), initial=0.0))
    if not np.isfinite([scale, apart, found.difference]).all():
        verdict = "NOT FINITE"
    elif found.wrong:
        verdict = "WRONG"
    elif apart > COMPILED * max(scale, 1.0):
        verdict = "COMPILED WRONG"
    else:
        every = found.kinks == found.directions > 0
        verdict = "kink" if every else f"ok ({found.kinks} at kinks)" if found.kinks else "ok"
    relative = found.difference / scale if scale else found.difference
    size = int(np.prod(gradient.shape))
    return GradientRow(
        moved.network.name_of(node), gradient.shape, min(size, elements), found.difference,
        found.predicted, relative, found.analytic, apart, verdict,
    )  # fmt: skip


@dataclass
class _Comparison:
    """A gradient against the slopes of the loss along some directions."""

    difference: float = 0.0
    predicted: float = 0.0
    analytic: float = float("nan")
    kinks: int = 0
    directions: int = 0
    wrong: bool = False

    @classmethod
    def of(
        cls, moved: Moved, node: Node, gradient: np.ndarray, elements: int,
        rng: np.random.Generator,
    ) -> _Comparison:  # fmt: skip
        found = cls()
        scale = float(np.max(np.abs(gradient), initial=0.0))
        for direction in _directions(gradient.shape, elements, rng):
            found.directions += 1
            loss, product = moved.along(node, direction), float(np.sum(gradient * direction))
            slope = central(loss, moved.loss)
            if slope is None:
                found.kinks += 1
                continue
            apart = abs(slope.value - product)
            if not np.isfinite(apart):
                found.difference = apart
                return found
            found.difference = max(found.difference, apart)
            found.predicted = max(found.predicted, slope.error)
            found.wrong |= apart > 10 * slope.error + RELATIVE * scale
            exact = complex_step(loss)
            if np.isfinite(exact):
                own = abs(exact - product)
                found.analytic = float(np.fmax(found.analytic, own))
                # What a complex step sees and differences do not is a kink right at the point.
                near = abs(exact - slope.value) <= 10 * slope.error + RELATIVE * abs(exact)
                found.wrong |= near and own > ANALYTIC * max(scale, abs(exact)) + 1e-13
        return found


def _apart(derived: np.ndarray, compiled: list[np.ndarray]) -> float:
    """The largest difference of compiled values from those by loops."""
    with np.errstate(invalid="ignore"):
        return max(float(np.max(np.abs(c - derived), initial=0.0)) for c in compiled)


def _first_wrong(moved: Moved, loss: Tensor, kinks: Any, rng: np.random.Generator) -> str:
    """The first node, from the loss backward, whose adjoint is not the slope of the loss.

    Each node between is moved by itself, so its slope knows nothing of how it was computed.
    """
    network = moved.network
    between = [
        (name, node) for name, node in reversed([*network.items()])
        if node.dtype == "float" and node is not loss.node
        and not (isinstance(node, Input) and node.distribution) and not isinstance(node, State)
    ]  # fmt: skip
    adjoints = grad(loss, [Tensor(node) for _, node in between], kinks=kinks)
    values = _by_loops([loss, *adjoints], moved.held)[1:]
    for (name, node), gradient in zip(between, values, strict=True):
        if _Comparison.of(moved, node, gradient, 6, rng).wrong:
            readers = ", ".join(network.show(reader) for reader in network.successors(name))
            return f"d_{name}, the adjoint of {name}, which is read by {readers}"
    return "none of them by itself: only together with what stabilize rewrote"


def _first_apart(tensors: list[Tensor], held: Values) -> str | None:
    """The first node, in the order of the program, whose compiled value is not that of loops."""
    network = Network.collect([t.node for t in tensors])
    nodes = [(name, node) for name, node in network.of(Computed)]
    loops = _by_loops([Tensor(n) for _, n in nodes], held)
    compiled = _by_programs([Tensor(n) for _, n in nodes], held)
    for k, (name, _) in enumerate(nodes):
        scale = max(1.0, float(np.max(np.abs(loops[k]), initial=0.0)))
        if _apart(loops[k], [c[k] for c in compiled]) > COMPILED * scale:
            return f"{name}, compiled ({network.show(name)})"
    return None


def _directions(
    shape: tuple[int, ...], elements: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Some elements one by one, then a random direction of length 1."""
    size = int(np.prod(shape))
    if size == 0:
        return
    for place in sorted(rng.permutation(size)[:elements].tolist()):
        unit = np.zeros(size)
        unit[place] = 1.0
        yield unit.reshape(shape)
    if size > 1:
        whole_ = rng.normal(size=shape)
        yield whole_ / np.linalg.norm(whole_)

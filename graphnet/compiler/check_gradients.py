"""Derived gradients against what the loss does when its arguments are moved.

Three roads to one number: central differences of the loss by literal loops, the derived gradient
by literal loops, and the derived gradient by the compiled program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from graphnet.compiler.build import function
from graphnet.compiler.interpret import infer_sizes, interpret
from graphnet.compiler.ranges import bounds
from graphnet.compiler.samples import sample_sizes
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean
from graphnet.formula.extent import evaluate
from graphnet.network.graph import Input, Network, Node, Parameter, State, show_shape
from graphnet.ops.gradients import grad
from graphnet.ops.initializers import sample
from graphnet.ops.tensor import Tensor

__all__ = ["GradientReport", "GradientRow", "check_gradients"]

Values = dict[Node, np.ndarray]


@dataclass(frozen=True)
class GradientRow:
    """One parameter or input: how far its gradient is from central differences.

    `checked` elements were moved one by one; a random direction moved all together.
    `compiled` is the largest difference of the compiled gradient from the loops.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    difference: float
    relative: float
    compiled: float
    verdict: str  # "ok", "ok (2 at kinks)", "kink", "WRONG", "NOT FINITE", "COMPILED WRONG"

    @property
    def ok(self) -> bool:
        return not self.verdict.isupper()


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found; printed it is a table."""

    loss: float
    rows: tuple[GradientRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return all(row.ok for row in self.rows)

    def __str__(self) -> str:
        head = ("tensor", "shape", "checked", "difference", "relative", "compiled", "verdict")
        cells = [head] + [
            (
                r.name, show_shape(r.shape), f"{r.checked} of {int(np.prod(r.shape))}",
                f"{r.difference:.1e}", f"{r.relative:.1e}", f"{r.compiled:.1e}", r.verdict,
            )
            for r in self.rows
        ]  # fmt: skip
        widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
        return "\n".join(line.rstrip() for line in [f"loss {self.loss:.6g}", *lines])

    __repr__ = __str__


def check_gradients(
    loss: Tensor, values: Mapping[str, Any] | None = None, *, elements: int = 12, seed: int = 0,
    kinks: Any = "graphnet",
) -> GradientReport:  # fmt: skip
    """Compares the derived gradient of a loss with central differences, tensor by tensor.

    `loss` has shape (). `values` holds arrays by name; what it lacks is drawn: parameters from
    their initializers with some noise, floats from a normal distribution, ints within the range
    they index. Of every float input and parameter up to `elements` elements are moved singly and
    all of them in one random direction. Nothing is raised for a wrong gradient: ask `.ok`.
    `kinks` is that of `gn.grad`; at a kink itself differences do not judge.

    >>> import graphnet as gn
    >>> x, w = gn.input("x", ("batch", 2)), gn.parameter("w", (2,))
    >>> report = gn.check_gradients(gn.mean(gn.tanh(x @ w)))
    >>> report.ok, [row.name for row in report.rows]
    (True, ['x', 'w'])
    """
    if not isinstance(loss, Tensor):
        raise GraphnetTypeError(f"expected the loss as a tensor, came {type(loss).__name__}")
    if loss.shape != ():
        raise GraphnetError(f"a loss has shape (), not {show_shape(loss.shape)}; take gn.mean")
    network = Network.collect({"loss": loss.node})
    held = _values(network, values or {}, seed)
    wrt = [n for n in held if n.dtype == "float" and isinstance(n, Input | Parameter)
           and not getattr(n, "distribution", None)]  # fmt: skip
    if not wrt:
        raise GraphnetError("the loss depends on no float input and no parameter")
    gradients = grad(loss, [Tensor(n) for n in wrt], kinks=kinks)
    derived = _by_loops([loss, *gradients], held)
    compiled = _by_program([loss, *gradients], held)
    moved = _Moved(network, held)
    rng = np.random.default_rng([seed, 1])
    rows = [
        _row(network.name_of(node), node, derived[k], compiled[k], moved, elements, rng)
        for k, node in enumerate(wrt, 1)
    ]
    return GradientReport(float(derived[0]), tuple(rows))


# ------------------------------------------------------------------------------------ the values


def _values(network: Network, given: Mapping[str, Any], seed: int) -> Values:
    """A value for every input, parameter and state: given, or drawn so that the loss is finite."""
    for name in given:
        if name not in network:
            raise GraphnetError(f"the loss has no {name!r}{did_you_mean(name, network)}")
    arrays = {name: np.asarray(value) for name, value in given.items()}
    sizes = sample_sizes(network) | infer_sizes(network, arrays)
    for draw in (_normal, _positive):  # log and sqrt want positive numbers
        rng = np.random.default_rng(seed)
        held = {
            node: arrays[name] if name in arrays else draw(name, node, network, sizes, rng)
            for name, node in network.of(Input, Parameter, State)
        }
        if np.isfinite(_by_loops_named(network, held)[network.outputs["loss"]]).all():
            break
    return held


def _normal(
    name: str, node: Node, network: Network, sizes: Mapping[str, int], rng: np.random.Generator
) -> np.ndarray:
    shape = tuple(evaluate(e, sizes) for e in node.shape)
    if node.dtype == "bool":
        return rng.random(shape) < 0.5
    if node.dtype == "int":
        limits = [evaluate(b.size, sizes) for b in bounds(network) if b.name == name]
        return rng.integers(0, max(1, min(limits, default=2)), shape)
    if isinstance(node, Parameter):  # a bias that starts at 0 may stand on the kink of a relu
        return sample(node.init, shape, rng) + 0.1 * rng.normal(size=shape)
    if isinstance(node, Input) and node.distribution and node.distribution.name == "uniform":
        low, high = node.distribution.args
        return np.asarray(rng.uniform(low, high, shape))
    return np.asarray(rng.normal(size=shape))


def _positive(
    name: str, node: Node, network: Network, sizes: Mapping[str, int], rng: np.random.Generator
) -> np.ndarray:
    drawn = _normal(name, node, network, sizes, rng)
    return 0.1 + 0.8 * rng.random(drawn.shape) if node.dtype == "float" else drawn


# ----------------------------------------------------------------------------- the three roads


def _by_loops_named(network: Network, held: Values) -> dict[str, np.ndarray]:
    return interpret(network, {network.name_of(n): a for n, a in held.items() if n in network})


def _by_loops(tensors: list[Tensor], held: Values) -> list[np.ndarray]:
    network = Network.collect([t.node for t in tensors])
    arrays = _by_loops_named(network, held)
    return [arrays[network.name_of(t.node)] for t in tensors]


def _by_program(tensors: list[Tensor], held: Values) -> list[np.ndarray]:
    inputs = [n for n in held if isinstance(n, Input)]
    program = function([Tensor(n) for n in inputs], tensors, dtype="float64", stabilize=False)
    for node, array in held.items():
        if not isinstance(node, Input):
            store = program.parameters if isinstance(node, Parameter) else program.states
            store[program.network.name_of(node)] = array
    return [np.asarray(a) for a in program(*[held[n] for n in inputs])]


class _Moved:
    """The loss as a function of one tensor; what does not depend on it is computed once."""

    def __init__(self, network: Network, held: Values) -> None:
        self.network, self.held = network, held
        self.arrays = _by_loops_named(network, held)
        self.loss = float(self.arrays[network.outputs["loss"]])

    def along(self, node: Node, direction: np.ndarray) -> Callable[[float], float]:
        """The loss at a distance along a direction."""
        name, value = self.network.name_of(node), self.arrays[self.network.name_of(node)]
        moving = nx.descendants(self.network, name)
        still = {n: a for n, a in self.arrays.items() if n not in moving}

        def at(t: float) -> float:
            arrays = interpret(self.network, still | {name: value + t * direction})
            return float(arrays[self.network.outputs["loss"]])

        return at


def _row(
    name: str, node: Node, gradient: np.ndarray, compiled: np.ndarray, loss: _Moved,
    elements: int, rng: np.random.Generator,
) -> GradientRow:  # fmt: skip
    value = loss.held[node]
    largest, kinks, checked = 0.0, 0, 0
    for direction in _directions(value.shape, elements, rng):
        slope = _slope(loss.along(node, direction), loss.loss)
        kinks += slope is None
        if slope is not None:
            difference = abs(slope - float(np.sum(gradient * direction)))
            largest = max(largest, difference) if not np.isnan(largest + difference) else np.nan
        checked += 1
    scale = float(np.max(np.abs(gradient), initial=0.0))
    apart = float(np.max(np.abs(compiled - gradient), initial=0.0))
    noise = 1e-9 * max(1.0, abs(loss.loss))  # of the differences of a loss of that size
    if not np.isfinite([scale, apart, largest]).all():
        verdict = "NOT FINITE"
    elif largest > 1e-6 * scale + noise:
        verdict = "WRONG"
    elif apart > 1e-12 * max(scale, 1.0):
        verdict = "COMPILED WRONG"
    else:
        verdict = "kink" if kinks == checked > 0 else f"ok ({kinks} at kinks)" if kinks else "ok"
    singly = min(value.size, elements)
    relative = largest / scale if scale else largest
    return GradientRow(name, value.shape, singly, largest, relative, apart, verdict)


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
        whole = rng.normal(size=shape)
        yield whole / np.linalg.norm(whole)


def _slope(f: Callable[[float], float], middle: float) -> float | None:
    """The slope at 0 of an f with f(0) = middle, by central differences; None at a kink.

    With steps h and 2h combined the error is of order h^4 (Richardson 1911). The two disagree
    where a kink is near; at a kink itself the one-sided slopes do not approach each other with
    h. Then a shorter step may stay on one side of it.
    """
    for h in (1e-3, 1e-5):
        far_left, left, right, far_right = (f(t * h) for t in (-2, -1, 1, 2))
        near, far = (right - left) / (2 * h), (far_right - far_left) / (4 * h)
        if not np.isfinite(near + far):
            return near + far
        bend = abs(right - 2 * middle + left) / h
        far_bend = abs(far_right - 2 * middle + far_left) / (2 * h)
        size = max(abs(near), abs(far), 1e-3)
        noise = 1e-6 * size + 1e-14 * abs(middle) / h
        if abs(near - far) <= 1e-4 * size + noise and bend <= 0.6 * far_bend + noise:
            return (4 * near - far) / 3
    return None

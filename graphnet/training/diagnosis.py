"""What ails a network: vanishing and exploding gradients, dead units; and since which step.

    health = gn.Health(X, y)
    model.fit(X, y, epochs=20, callbacks=[health])
    print(model.diagnose(X, y))            # or that nothing is wrong
    gn.plot.layers(health.norms, steps=health.steps)

The adjoint of a layer is that of the next one times the weights between them times the slope of
the activation: `d_Z1 = (d_Z2 @ W2.T) * h'(Z1)`. So its norm changes from layer to layer by about
the product of a slope and the gain |W|_F/sqrt(rows) of the weights, which is how much a matrix
changes the root mean square of a random vector; what is far from 1 many times over vanishes or
explodes (Bengio, Simard and Frasconi 1994; Glorot and Bengio 2010). The steps of a recurrence are
such layers too: through_time.py measures the adjoints of its states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy import Expr

from graphnet.arguments import whole
from graphnet.compiler.build import function
from graphnet.errors import GraphnetError
from graphnet.formula.formula import hole
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Parameter
from graphnet.network.shifts import Shift, shift_states
from graphnet.ops.calls import layer_labels
from graphnet.ops.gradients import grad
from graphnet.ops.reductions import sum as total
from graphnet.ops.tensor import Tensor
from graphnet.training.batches import Data
from graphnet.training.callbacks import Callback
from graphnet.training.compiled import Target, loss_tensor
from graphnet.training.through_time import Recurrence, recurrences

if TYPE_CHECKING:
    from graphnet.training.model import Model

__all__ = ["Diagnosis", "Finding", "Health", "Layer", "diagnose"]

FAR = 1e3  # a norm that differs so much between the first and the last layer or step is an illness
HARMLESS = 0.1  # such a share of dead units is nothing to speak of
ROWS = 4096  # of the data are looked at


@dataclass(frozen=True)
class Layer:
    """One activation `after = h(before)`: what was measured at it on the data."""

    name: str  # its layer, else the activation's tensor
    before: str
    after: str
    label: str  # the op: relu, tanh, ...
    norm: float  # root mean square of d_<before>, the layer's delta
    slope: float  # root mean square of h'
    flat: float  # share of slopes that are below 1 % of the largest
    dead: tuple[int, ...]  # units whose slope is 0 on every row
    units: int
    gain: float  # |W|_F / sqrt(rows) of the weights that follow, nan where there is no one matrix


@dataclass(frozen=True)
class Finding:
    """One illness: `kind` is "vanishing", "exploding" or "dead units"."""

    kind: str
    where: str
    cause: str
    number: float

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.cause}"


@dataclass(frozen=True)
class Diagnosis:
    """The findings, none for a healthy network, and what was measured at every layer."""

    findings: tuple[Finding, ...]
    layers: tuple[Layer, ...] = field(repr=False)
    recurrences: tuple[Recurrence, ...] = field(repr=False, default=())

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.findings)

    def __str__(self) -> str:
        healthy = "no vanishing or exploding gradient and no dead unit was found"
        return "\n".join(map(str, self.findings)) or healthy

    def table(self) -> str:
        """Every layer in a line: its delta, its slopes, the weights that follow.

        Then every state of a recurrence: its adjoint after the first step and after the last.
        """
        heads = f"{'delta (rms)':>12} {'slope (rms)':>12} {'gain after':>10} {'dead':>6}"
        rows = [f"{'layer':14} {heads}"] if self.layers else []
        for layer in self.layers:
            rows.append(
                f"{layer.name:14} {layer.norm:12.3g} {layer.slope:12.3g} {layer.gain:10.3g} "
                f"{len(layer.dead):>3}/{layer.units}"
            )
        if self.recurrences:
            rows.append(
                f"{'state':14} {'first step':>12} {'last step':>12} {'a step':>10} {'steps':>6}"
            )
        for one in self.recurrences:
            rows.append(
                f"{one.name:14} {one.norms[0]:12.3g} {one.norms[-1]:12.3g} {one.rate:10.3g} "
                f"{len(one.norms):>6}"
            )
        return "\n".join(rows)


class Health(Callback):
    """Measures the network on (X, y) at the end of every epoch, or every so many steps.

    `norms` maps a layer to the root mean square of its delta, a number a measurement, as
    `gn.plot.layers` draws it, and for a state of a recurrence, "rnn.h", that of its adjoint after
    the first step, "rnn.h first", and after the last, "rnn.h last"; `steps` are the steps of the
    measurements, the first before training; `died` maps (layer, unit) to the step at which the unit
    was first found dead.

    >>> import graphnet as gn
    >>> gn.Health([[0.0], [1.0]], [[0.0], [1.0]], every=10).every
    10
    """

    def __init__(self, X: Any, y: Any, every: int | None = None) -> None:
        self.every = None if every is None else whole("every", every, 1)
        self.X, self.y = X, y
        self.norms: dict[str, list[float]] = {}
        self.steps: list[int] = []
        self.died: dict[tuple[str, int], int] = {}

    def on_train_begin(self) -> None:
        self.model.health = self
        if not self.steps:
            self._measure(self.model.steps)

    def on_batch_end(self, step: int, loss: float) -> None:
        if self.every is not None and step % self.every == 0:
            self._measure(step)

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        if self.every is None:
            self._measure(self.model.steps)

    def _measure(self, step: int) -> None:
        self.steps.append(step)
        layers, states = measure(self.model, self.X, self.y)
        for one in states:
            self.norms.setdefault(f"{one.name} first", []).append(one.norms[0])
            self.norms.setdefault(f"{one.name} last", []).append(one.norms[-1])
        for layer in layers:
            self.norms.setdefault(layer.name, []).append(layer.norm)
            for unit in layer.dead:
                self.died.setdefault((layer.name, unit), step)
            for unit in set(range(layer.units)) - set(layer.dead):
                self.died.pop((layer.name, unit), None)  # it came back to life


def diagnose(model: Model, X: Any, y: Any) -> Diagnosis:
    """Measures every layer on the data and names what is wrong; nothing is trained."""
    layers, states = measure(model, X, y)
    health = getattr(model, "health", None)
    found = [*_norms(layers), *_over_time(states), *_dead(layers, health)]
    return Diagnosis(tuple(found), tuple(layers), tuple(states))


def _norms(layers: list[Layer]) -> list[Finding]:
    if len(layers) < 2:
        return []
    first, last = layers[0], layers[-1]
    if not (np.isfinite(first.norm) and first.norm > 0 and last.norm > 0):
        return []
    ratio = first.norm / last.norm
    if 1 / FAR <= ratio <= FAR:
        return []
    mean = ratio ** (1 / (len(layers) - 1))
    parts = " * ".join(f"({a.slope:.2g}*{a.gain:.2g})" for a in layers[:-1][:6])
    more = " * ..." if len(layers) > 7 else ""
    cause = (
        f"d_{first.before} is {ratio:.2g} of d_{last.before}, {mean:.2g} a layer, for "
        f"d_Z[k] = (d_Z[k+1] @ W[k+1].T) * h'(Z[k]); slope * gain of W by layer: {parts}{more}"
    )
    return [Finding("vanishing" if ratio < 1 else "exploding", first.name, cause, ratio)]


def _over_time(states: list[Recurrence]) -> list[Finding]:
    found = []
    for one in states:
        first, last = one.norms[0], one.norms[-1]
        if not (np.isfinite(first) and last > 0) or 1 / FAR <= first / last <= FAR:
            continue
        s, count = one.state, len(one.norms)
        cause = (
            f"d_{s} after step 1 is {first / last:.2g} of d_{s} after step {count}, "
            f"{one.rate:.2g} a step, for d_{s}[t-1] = d_{s}[t] * d{s}[t]/d{s}[t-1]"
        )
        kind = "vanishing" if first < last else "exploding"
        found.append(Finding(kind, f"{one.name} over time", cause, first / last))
    return found


def _dead(layers: list[Layer], health: Health | None) -> list[Finding]:
    found = []
    for layer in layers:
        if len(layer.dead) <= HARMLESS * layer.units:
            continue
        units = ", ".join(map(str, layer.dead[:8])) + (", ..." if len(layer.dead) > 8 else "")
        table = health.died if health else {}
        died = [table[layer.name, u] for u in layer.dead if (layer.name, u) in table]
        since = f"; the first was dead at step {min(died)}, the last at {max(died)}" if died else ""
        sign = f"{layer.before} <= 0 on all data, so " if layer.label == "relu" else ""
        cause = (
            f"{len(layer.dead)} of {layer.units} units ({units}): {sign}the slope "
            f"h'({layer.before}) is 0 in every row and no gradient passes{since}"
        )
        found.append(Finding("dead units", layer.name, cause, len(layer.dead) / layer.units))
    return found


# -- measuring -----------------------------------------------------------------------------------


def measure(model: Model, X: Any, y: Any) -> tuple[list[Layer], list[Recurrence]]:
    """Every activation of the network with its slopes and its delta, in order, and every state."""
    compiled = model.compiled
    arrays, target = compiled.given(X, y, None)
    key = ("probe", target)
    kept = compiled.__dict__.setdefault("probes", {})
    if key not in kept:
        kept[key] = _probe(model, target)
    program, found, shifts = kept[key]
    data = Data.prepare(compiled.judge(target), arrays)
    with np.errstate(all="ignore"):
        results = program(*[a[:ROWS] for a in data.arrays])
    weights = {name: model.parameters[name] for name in model.parameters}
    layers = [
        _layer(before, after, name, label, results[2 * k : 2 * k + 2], follows, weights)
        for k, (before, after, name, label, follows) in enumerate(found)
    ]
    return layers, recurrences(shifts, results[2 * len(found) :])


def _layer(
    before: str, after: str, name: str, label: str, result: Any, follows: str | None, weights: Any
) -> Layer:
    delta, slope = (np.asarray(a, dtype=np.float64) for a in result)
    slope = np.moveaxis(slope, 1, -1) if slope.ndim == 4 else slope  # a unit of an image: a channel
    units = slope.shape[-1] if slope.ndim else 1
    rows = np.abs(slope).reshape(-1, units)
    top = rows.max(initial=0.0)
    dead = tuple(int(u) for u in np.flatnonzero((rows == 0).all(axis=0)))
    matrix = np.asarray(weights[follows], dtype=np.float64) if follows else np.full((1, 1), np.nan)
    gain = float(np.linalg.norm(matrix) / np.sqrt(len(matrix)))
    return Layer(
        name, before, after, label, _rms(delta), _rms(slope),
        float((rows < 0.01 * top).mean()) if rows.size else 0.0, dead, units, gain,
    )  # fmt: skip


def _rms(array: Any) -> float:
    return float(np.sqrt(np.mean(array**2))) if array.size else 0.0


def _probe(
    model: Model, target: Target
) -> tuple[Any, list[tuple[str, str, str, str, str | None]], list[Shift]]:
    """A program (inputs, y) -> delta and slope of every activation, then the adjoints of every
    state; and which these are."""
    compiled = model.compiled
    heads = compiled.heads
    # A batch norm is what it is in training: at inference its scale is that of other data.
    as_trained = bool(heads.renewed) and len(heads.training) == 1
    prediction = heads.training[0] if as_trained else heads.prediction
    targets = target.inputs(prediction)
    loss = loss_tensor(compiled.recipe.loss, prediction, targets)
    network = Network.collect([prediction.node], layers=layer_labels([prediction.node]))
    found: list[tuple[str, str, str, str, str | None]] = []
    outputs = []
    pairs = [
        (name, node) for name, node in network.of(Computed) if _is_activation(network, name, node)
    ]  # fmt: skip
    shifted, shifts = shift_states(network)
    if not (pairs or shifts):
        raise GraphnetError("this model has no activation: there is no slope to look at")
    befores = [Tensor(node.operands[0]) for _, node in pairs]
    deltas = grad(loss, befores)
    for (name, node), before, delta in zip(pairs, befores, deltas, strict=True):
        outputs += [delta, grad(total(Tensor(node)), before)]
        own = network.layer(name)
        follows = _weights_after(network, name)
        told = own if own and own not in [row[2] for row in found] else name  # a layer called twice
        found.append((network.operands(name)[0], name, told, node.label, follows))
    if shifts:
        (again,) = shifted.outputs.values()
        late = loss_tensor(compiled.recipe.loss, Tensor(shifted.node(again)), targets)
        outputs += grad(late, [Tensor(shift.zeros) for shift in shifts])
    recipe = compiled.recipe
    program = function(
        [*compiled.heads.inputs, *targets], outputs, parameters=model.parameters,
        states=model.states, dtype=recipe.dtype,
    )  # fmt: skip
    return program, found, shifts


def _is_activation(network: Network, name: str, node: Computed) -> bool:
    """Whether each element is a curved function of the same element of one operand that learns."""
    f = node.formula
    if f.reduce or f.accumulate or len(f.reads) != 1 or f.plain_target is None:
        return False
    if f.reads[0].subs != f.target or node.dtype != "float":
        return False
    curved = hole(0) in f.body.diff(hole(0)).free_symbols and not _is_scale(f.body)
    return curved and any(isinstance(n, Parameter) for n in _ancestors(network, name))


def _is_scale(body: Expr) -> bool:
    """1/sqrt(v + c), 1/v and the like: what a norm multiplies by, no activation."""
    _, factor = body.as_coeff_Mul()
    base, exponent = factor.as_base_exp()
    affine = base.is_polynomial(hole(0)) and sympy.degree(base, hole(0)) == 1
    return bool(affine and exponent.is_number and exponent.is_negative)


def _ancestors(network: Network, name: str) -> list[Any]:
    import networkx as nx

    return [network.node(n) for n in nx.ancestors(network, name)]


def _weights_after(network: Network, name: str) -> str | None:
    """The one matrix that the next formulas multiply an activation with."""
    for reader in network.successors(name):
        matrices = [
            o for o in network.operands(reader)
            if isinstance(network.node(o), Parameter) and len(network.node(o).shape) == 2
        ]  # fmt: skip
        if len(matrices) == 1:
            return matrices[0]
    return None

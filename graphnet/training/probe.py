"""What a diagnosis measures: every activation's delta and slopes, every state's adjoints.

One program of the network's own loss gives all of them at once; it is made once for a model and
its targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy import Expr

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
from graphnet.training.compiled import Target, loss_tensor
from graphnet.training.through_time import Recurrence, recurrences

if TYPE_CHECKING:
    from graphnet.training.model import Model

__all__ = ["Layer", "measure"]

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

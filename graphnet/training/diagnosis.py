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
such layers too (through_time.py). What is judged here is measured in probe.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.arguments import whole
from graphnet.training.callbacks import Callback
from graphnet.training.probe import Layer, measure
from graphnet.training.through_time import Recurrence

if TYPE_CHECKING:
    from graphnet.training.model import Model

__all__ = ["Diagnosis", "Finding", "Health", "diagnose"]

FAR = 1e3  # a norm that differs so much between the first and the last layer or step is an illness
HARMLESS = 0.1  # such a share of dead units is nothing to speak of


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

"""The training loop: epochs of mini-batches, validation, callbacks, and ways to stop early."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetError
from graphnet.training.batches import Data, row_batches
from graphnet.training.callbacks import Callback
from graphnet.training.guard import Guard, NotFinite
from graphnet.training.history import History
from graphnet.training.measure import Measure, Total
from graphnet.training.progress import Progress, Verbose

if TYPE_CHECKING:
    from graphnet.compiler.program import Program
    from graphnet.ops.tensor import Tensor
    from graphnet.training.model import Model

__all__ = ["Run", "judge", "split_rows"]


class Run:
    """One call of `fit`: `train()` gives the history. Every mean weighs rows alike (or by weight).

    The order of rows comes from the model's own generator, which `compile` seeds and checkpoints
    keep; so epochs that follow a loaded checkpoint are those that would have followed the save.
    """

    def __init__(
        self, model: Model, data: Data, validation: tuple[Program, Data] | None, *,
        epochs: int, batch_size: int, shuffle: bool, callbacks: Sequence[Callback],
        verbose: Verbose,
    ) -> None:  # fmt: skip
        self.model, self.data, self.validation = model, data, validation
        self.epochs, self.batch_size = epochs, batch_size
        self.shuffle, self.callbacks = shuffle, callbacks
        self.program = model.step
        self.metrics = model.compiled.recipe.metrics
        rehearse(self.metrics, model.heads.prediction, data.arrays[len(model.heads.inputs)])
        # The guard repeats steps, so it must see whatever changes values between them.
        meddled = any(type(c).on_batch_end is not Callback.on_batch_end for c in callbacks)
        self.guard = Guard(self.program, data.take, every=1 if meddled else 64)
        steps = -(-data.rows // batch_size)
        self.progress = Progress(verbose, epochs, steps)
        self.interrupt = Interrupt()
        self.failure: NotFinite | None = None

    def train(self) -> History:
        """Runs all epochs, or fewer where something ends training; `history.stopped` says what."""
        history = self.model.history
        history.stopped = None
        for callback in self.callbacks:
            callback.on_train_begin()
        with self.interrupt, self.progress, np.errstate(all="ignore"):
            try:
                for _ in range(self.epochs):
                    row = self._epoch()
                    if row is None:
                        break
                    history.add(**row)
                    self.progress.epoch(history.epochs[-1])
                    for callback in self.callbacks:
                        callback.on_epoch_end(len(history.epochs), history.epochs[-1])
                    if self._reason() is not None:
                        break
            except KeyboardInterrupt:  # from a callback, or the second Ctrl-C
                self.interrupt.asked = True
            if self.failure is not None:
                self.failure = replace(self.failure, hint=self._hint())
            history.stopped = self._reason()
            if history.stopped is not None:
                self.progress.say(f"stopped: {history.stopped}")
        for callback in self.callbacks:
            callback.on_train_end(history)
        if self.failure is not None:
            # From here over `fit` and what checks its arguments to the line of the user.
            warnings.warn(str(self.failure), RuntimeWarning, stacklevel=4)
        return history

    def _hint(self) -> str:
        """What an output that is no probability does to a loss that takes its logarithm."""
        loss = self.model.compiled.recipe.loss
        if loss not in ("binary_cross_entropy", "focal"):
            return ""
        rows = self.data.take(slice(0, 1024))[: len(self.model.heads.inputs)]
        (prediction,) = self.model.inference.forward.run(*rows)
        wrong = prediction[(prediction < 0) | (prediction > 1)]
        if not wrong.size:
            return ""
        other = ", or take binary_cross_entropy_with_logits" if loss != "focal" else ""
        return (
            f"{loss} takes probabilities, but the model gives {wrong[0]:g}: end it with "
            f'activation="sigmoid"{other}'
        )

    def _reason(self) -> str | None:
        """Why training should end now."""
        if self.failure is not None:
            return f"not finite: {self.failure}"
        if self.interrupt.asked:
            return "interrupted"
        return next((c.stopped for c in self.callbacks if c.stopped is not None), None)

    def _epoch(self) -> dict[str, float] | None:
        """The row of an epoch; None where it was not finished."""
        started = time.perf_counter()
        means, totals = Means(), {name: Total(measure) for name, measure in self.metrics.items()}
        rows = self.data.rows
        order = self.model.shuffler.permutation(rows) if self.shuffle else None
        for batch in row_batches(rows, self.batch_size, order):
            self._step(batch, means, totals)
            if self._reason() is not None:
                return None
        self.failure = self.guard.settle(self.model.steps)
        if self.failure is not None:
            return None
        row = means.row() | {name: total.value() for name, total in totals.items()}
        if self.validation is not None:
            found = judge(*self.validation, self.metrics)
            row |= {f"val_{name}": value for name, value in found.items()}
        return row | {"seconds": time.perf_counter() - started}

    def _step(self, batch: Any, means: Means, totals: Mapping[str, Total]) -> None:
        arguments = self.data.take(batch)
        count = arguments[0].shape[0]
        mass = self.data.mass(batch, count)
        if mass == 0:
            return  # rows of weight 0 teach nothing, and their mean is 0/0
        loss, prediction = self.program.run(*arguments)
        self.model.steps += 1
        self.failure = self.guard.look(self.model.steps, batch, loss)
        if self.failure is not None:
            return
        means.add("loss", loss, mass)
        target = arguments[len(self.model.heads.inputs)]
        for total in totals.values():
            total.add(prediction, target)
        self.progress.batch(loss)
        for callback in self.callbacks:
            callback.on_batch_end(self.model.steps, loss)


def rehearse(metrics: Mapping[str, Measure], prediction: Tensor, y: NDArray[Any]) -> None:
    """Whether named metrics can compare with these targets, found before training begins."""
    shape = y.shape if y.ndim == prediction.ndim else (*y.shape, prediction.shape[-1])
    nothing = np.broadcast_to(np.float32(0), tuple(map(int, shape)))
    for measure in metrics.values():
        if not measure.at_once:
            measure.leave(nothing, y)


class Means:
    """Weighted means of several numbers, added up batch by batch."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, name: str, value: float, mass: float) -> None:
        total, whole = self._sums.get(name, (0.0, 0.0))
        self._sums[name] = total + float(value) * mass, whole + mass

    def row(self) -> dict[str, float]:
        return {name: total / whole for name, (total, whole) in self._sums.items()}


def judge(
    program: Program, data: Data, metrics: Mapping[str, Measure], batch_size: int = 1024
) -> dict[str, float]:
    """The loss and the metrics of all rows; functions of the user's are given all rows at once."""
    means = Means()
    totals = {name: Total(m) for name, m in metrics.items() if not m.at_once}
    at_once = {name: m for name, m in metrics.items() if m.at_once}
    place = -1 if data.weight is None else -2
    predictions: list[NDArray[Any]] = []
    for batch in row_batches(data.rows, batch_size, None):
        arguments = data.take(batch)
        mass = data.mass(batch, arguments[0].shape[0])
        loss, prediction = program.run(*arguments)
        if mass > 0:
            means.add("loss", loss, mass)
        for total in totals.values():
            total.add(prediction, arguments[place])
        if at_once:
            predictions.append(prediction)
    found = {name: total.value() for name, total in totals.items()}
    if at_once:
        whole = np.concatenate(predictions)
        found |= {name: m(whole, data.arrays[place]) for name, m in at_once.items()}
    return means.row() | {name: found[name] for name in metrics}


def split_rows(rows: int, share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers for training and validation: the same for the same seed and number of rows."""
    if not 0 < share < 1:
        raise GraphnetError(f"validation_split is a share in 0 <= share < 1, not {share}")
    count = min(max(round(rows * share), 1), rows - 1)
    if count < 1:
        raise GraphnetError(f"{rows} rows cannot be split for validation")
    order = np.random.default_rng([seed, 3]).permutation(rows)
    return np.sort(order[count:]), np.sort(order[:count])


class Interrupt:
    """While it lasts, the first Ctrl-C only asks, so no step is cut in half; a second raises."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Callable[[int, FrameType | None], Any] | int | None = None
        self._ours = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if self._before is signal.default_int_handler:  # not where someone else handles it
                signal.signal(signal.SIGINT, self._ask)
                self._ours = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._ours:
            signal.signal(signal.SIGINT, self._before)
            self._ours = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

"""Callbacks: what `fit` calls between batches and epochs.

    class Halve(gn.Callback):
        def on_epoch_end(self, epoch, row):
            if row["val_loss"] > 1:
                self.stop("the validation loss is above 1")

`self.model` is the model that is being trained.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphnet.arguments import check_calls, flag, number, takes, whole
from graphnet.arguments import path as file_name
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.files import require_writable
from graphnet.training.metrics import higher_is_better

if TYPE_CHECKING:
    from graphnet.training.history import History
    from graphnet.training.model import Model

__all__ = ["Callback", "EarlyStopping", "KeepBest", "SaveBest", "as_callbacks"]


ELSEWHERE = {  # what Keras calls arguments of callbacks
    "restore_best_weights": "'restore_best'", "filepath": "'path'",
    "mode": "left out: the name tells whether more is better",
    "save_best_only": "gn.SaveBest, which saves no others",
}  # fmt: skip


class Callback:
    """The base: every method does nothing. Epochs and steps count from 1."""

    model: Model
    stopped: str | None = None

    def __init_subclass__(cls) -> None:
        check_calls(cls, ELSEWHERE, methods=False)

    def on_train_begin(self) -> None:
        """Before the first epoch."""

    def on_batch_end(self, step: int, loss: float) -> None:
        """After step `step` of this model's life; `loss` is the one the step started from."""

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        """After an epoch; `row` is what the history will hold of it."""

    def on_train_end(self, history: History) -> None:
        """After the last epoch, also where training stopped early."""

    def stop(self, reason: str) -> None:
        """Ends training after this batch; `history.stopped` will say why."""
        self.stopped = reason


class _Monitor(Callback):
    """Watches one measurement; `_improved` says whether an epoch was the best so far."""

    def __init__(self, monitor: str | None) -> None:
        if monitor is not None and not isinstance(monitor, str):
            raise GraphnetTypeError(
                f"monitor is the name of a measurement, not {told(monitor)}",
                where=type(self).__name__,
            )
        self.monitor = monitor
        self.best = math.nan
        self.best_epoch = 0

    def on_train_begin(self) -> None:
        self.best, self.best_epoch, self.stopped = math.nan, 0, None

    def _improved(self, epoch: int, row: Mapping[str, float], by: float = 0.0) -> bool:
        name = self.monitor or ("val_loss" if "val_loss" in row else "loss")
        if name not in row:
            known = [k for k in row if k not in ("epoch", "seconds")]
            raise GraphnetError(
                f"no {told(name)} is measured{did_you_mean(name, known)}", where=type(self).__name__
            )
        sign = 1 if higher_is_better(name) else -1
        if math.isnan(row[name]) or sign * (row[name] - self.best) <= by:
            return False
        self.best, self.best_epoch = row[name], epoch
        return True


class KeepBest(_Monitor):
    """Ends training with the parameters and states of the best epoch.

    `monitor` is "val_loss" where there is validation data and "loss" otherwise.

    >>> import graphnet as gn
    >>> model = gn.Sequential([gn.Dense(1)])
    >>> model.compile("sgd", loss="mse")
    >>> history = model.fit([[1.0]], [[2.0]], epochs=3, callbacks=[gn.KeepBest()], verbose=0)
    >>> len(history["loss"])
    3
    """

    def __init__(self, monitor: str | None = None) -> None:
        super().__init__(monitor)
        self._kept: Any = None

    def on_train_begin(self) -> None:
        super().on_train_begin()
        self._kept = None

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        if self._improved(epoch, row):
            self._kept = self.model.values_now()

    def on_train_end(self, history: History) -> None:
        if self._kept is not None:
            self.model.set_values(self._kept)


class EarlyStopping(KeepBest):
    """Stops after `patience` epochs in a row that were not better than the best by `min_delta`.

    With `restore_best` the parameters of the best epoch are put back.

    >>> import graphnet as gn
    >>> gn.EarlyStopping(monitor="val_loss", patience=3).patience
    3
    """

    def __init__(
        self, patience: int = 5, monitor: str | None = None, restore_best: bool = True,
        min_delta: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(monitor)
        self.patience = whole("patience", patience, 1, where="EarlyStopping")
        self.restore_best = flag("restore_best", restore_best, where="EarlyStopping")
        self.min_delta = number("min_delta", min_delta, 0, where="EarlyStopping")
        self._waited = 0

    def on_train_begin(self) -> None:
        super().on_train_begin()
        self._waited = 0

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        if self._improved(epoch, row, self.min_delta):
            self._waited = 0
            if self.restore_best:
                self._kept = self.model.values_now()
            return
        self._waited += 1
        if self._waited >= self.patience:
            count = "an epoch" if self.patience == 1 else f"{self.patience} epochs"
            self.stop(f"no better for {count}")


class SaveBest(_Monitor):
    """Writes a checkpoint to `path` after every epoch that is the best so far."""

    def __init__(self, path: str | os.PathLike[str], monitor: str | None = None) -> None:
        super().__init__(monitor)
        self.path = file_name("path", path)

    def on_train_begin(self) -> None:
        super().on_train_begin()
        require_writable(self.path)

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        if self._improved(epoch, row):
            self.model.save(self.path)


class _Function(Callback):
    def __init__(self, function: Callable[[int, Mapping[str, float]], object]) -> None:
        self.function = function

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        self.function(epoch, row)


def as_callbacks(given: Sequence[Any] | Any, model: Model) -> list[Callback]:
    """The callbacks, tied to a model; a plain function is called at every epoch's end."""
    listed = list(given) if isinstance(given, Sequence) else [given]
    found: list[Callback] = []
    for one in listed:
        if not isinstance(one, Callback) and (isinstance(one, type) or not callable(one)):
            raise GraphnetTypeError(
                f"a callback is a gn.Callback or a function (epoch, row), not {told(one)}"
            )
        if not isinstance(one, Callback):
            takes("a callback", one, "epoch", "row")
        callback = one if isinstance(one, Callback) else _Function(one)
        callback.model, callback.stopped = model, None
        found.append(callback)
    return found

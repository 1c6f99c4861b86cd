"""History: what every epoch of a training run measured, a row an epoch.

>>> history = History()
>>> history.add(loss=0.5, val_loss=0.6, seconds=0.1)
>>> history.add(loss=0.25, val_loss=0.4, seconds=0.1)
>>> history["loss"]
[0.5, 0.25]
>>> history.best("val_loss")
2
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from typing import Any

from graphnet.arguments import check_calls
from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.files import write_file
from graphnet.training.metrics import higher_is_better

__all__ = ["History"]


class History(Mapping[str, list[float]]):
    """Rows in `epochs`, columns by name: `history["val_accuracy"]` is a list, a number an epoch.

    `stopped` says why training ended before its last epoch: None, "interrupted", "not finite"
    or what a callback gave as its reason.
    """

    def __init__(self, epochs: list[dict[str, Any]] | None = None) -> None:
        self.epochs: list[dict[str, Any]] = [] if epochs is None else epochs
        self.stopped: str | None = None

    def add(self, **measured: float) -> None:
        """A row for the next epoch, counted from 1."""
        self.epochs.append({"epoch": len(self.epochs) + 1, **measured})

    @property
    def columns(self) -> list[str]:
        """The names of all columns, in the order in which they first came; seconds last."""
        names = dict.fromkeys(name for row in self.epochs for name in row)
        last = ["seconds"] if names.pop("seconds", 1) is None else []
        return [*names, *last]

    def __getitem__(self, name: str) -> list[float]:
        """A column; nan for an epoch that did not measure it. GraphnetError if no epoch did."""
        if not isinstance(name, str) or name not in self.columns:
            raise GraphnetError(
                f"the history has no {told(name)}{did_you_mean(name, self.columns)}"
            )
        return [row.get(name, float("nan")) for row in self.epochs]

    def __getattr__(self, name: str) -> Any:
        hint = "; a History is a mapping itself, history['loss']" if name == "history" else ""
        raise AttributeError(f"a History has no {name!r}{hint}")

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        last = {k: v for k, v in (self.epochs or [{}])[-1].items() if k != "epoch"}
        shown = ", ".join(f"{name}={value:.4g}" for name, value in last.items())
        stopped = f", stopped: {self.stopped}" if self.stopped else ""
        return f"<History of {len(self.epochs)} epochs{': ' if shown else ''}{shown}{stopped}>"

    def best(self, name: str) -> int:
        """The number of the (first) epoch with the best value: lowest loss, highest accuracy."""
        column = [v for v in self[name] if v == v]
        if not column:
            raise GraphnetError(f"no epoch measured a finite {told(name)}")
        return self[name].index((max if higher_is_better(name) else min)(column)) + 1

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """A row an epoch, floats with all digits. GraphnetFileError if it cannot be written."""
        file = io.StringIO()
        writer = csv.DictWriter(file, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.epochs)
        write_file(path, file.getvalue())


check_calls(History, {})

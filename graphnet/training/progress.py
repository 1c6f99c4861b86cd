"""Progress of a training run: a live bar in terminals and notebooks, plain lines in pipes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

from graphnet.errors import GraphnetError, told

__all__ = ["Progress", "Verbose"]

Verbose = Literal["auto"] | int


class Progress:
    """A context of one run. `batch` moves the bar, `epoch` leaves a line that stays.

    `verbose`: 0 is silent, 1 one line an epoch, 2 the live bar; "auto" is 2 where output goes to
    a terminal or notebook and 1 in a pipe or file, where not one control character is written.
    """

    def __init__(self, verbose: Verbose, epochs: int, steps: int) -> None:
        known = ("auto",) if isinstance(verbose, str) else (0, 1, 2)
        if isinstance(verbose, bool) or not isinstance(verbose, str | int) or verbose not in known:
            raise GraphnetError(f'verbose is "auto", 0, 1 or 2, not {told(verbose)}')
        self._epochs, self._steps, self._epoch = epochs, steps, 0
        self._bar: Any = None
        self._level = verbose
        if verbose in ("auto", 2):
            self._level = 1 if not self._make_bar() else 2

    def _make_bar(self) -> bool:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        console = Console(highlight=False)  # knows terminals and notebooks
        if not (console.is_terminal or console.is_jupyter) or console.is_dumb_terminal:
            return False
        self._bar = RichProgress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"), TimeRemainingColumn(),
            console=console, transient=True, refresh_per_second=8,
        )  # fmt: skip
        return True

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._label(1), total=self._steps, shown="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._bar is not None:
            self._bar.stop()

    def _label(self, number: int) -> str:
        return f"epoch {number:>{len(str(self._epochs))}}/{self._epochs}"

    def batch(self, loss: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=1, shown=f"loss {loss:.4f}")

    def epoch(self, row: Mapping[str, float]) -> None:
        """The line of an epoch that is over."""
        self._epoch += 1
        if self._level == 0:
            return
        self.say(f"{self._label(self._epoch)}  {measured(row)}")
        if self._bar is not None and self._epoch < self._epochs:
            self._bar.reset(self._task, description=self._label(self._epoch + 1), shown="")

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        if self._level == 0:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        else:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()


def measured(row: Mapping[str, float]) -> str:
    """`loss 0.4312  val_accuracy 0.9611  0.12 s`: a row of the history in words."""
    parts = [f"{k} {v:.4f}" if abs(v) < 1e4 else f"{k} {v:.4g}" for k, v in row.items()
             if k not in ("epoch", "seconds")]  # fmt: skip
    if "seconds" in row:
        seconds = row["seconds"]
        parts.append(f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms")
    return "  ".join(parts)

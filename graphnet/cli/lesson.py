"""graphnet lesson: a page on which one steps through one training step of a model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphnet.cli.models import defined_by
from graphnet.cli.train import folder_for
from graphnet.compiler.samples import sample_arrays
from graphnet.errors import GraphnetError

__all__ = ["lesson"]

_BATCH = 32  # rows of a batch of a model that is no example


def lesson(arguments: argparse.Namespace) -> int:
    """Writes lesson.html into a folder and prints its path."""
    from graphnet.training.examples import EXAMPLES
    from graphnet.view.lesson import lesson as write

    name, model, found = defined_by(arguments.model)
    _ = model.step  # says that it is not compiled before a folder is made
    chosen = None if found or Path(arguments.model).is_file() else EXAMPLES[arguments.model]
    title, size, about = f"One training step: {name}", _BATCH, ""
    if chosen is not None:
        model.reset(arguments.seed)
        found = dict(zip(("X", "y"), chosen.load()))
        size, about = (
            chosen.batch_size,
            f"{chosen.description[0].upper()}{chosen.description[1:]}. ",
        )
    rows = min(arguments.rows, size)
    data = _rows(found["X"], found["y"], rows, arguments.seed) if {"X", "y"} <= set(found) else None
    if data is None and arguments.epochs:
        raise GraphnetError(f"{arguments.model} gives no X and y to train on")
    out = Path(arguments.out or Path("runs") / name)
    folder_for(out)
    if data is None:
        note = f"Sample data, drawn from seed {arguments.seed}: {arguments.model} gives no X and y."
        values = sample_arrays(model.step.network, model.step.inputs, arguments.seed)
        print(write(model, values, out / "lesson.html", title=title, note=note))
        return 0
    if arguments.epochs:
        model.fit(found["X"], found["y"], epochs=arguments.epochs, batch_size=size, verbose=0)
    before = f"after {arguments.epochs} epochs" if arguments.epochs else "the first step"
    note = f"{about}{len(data[1])} rows of a batch, shuffled with seed {arguments.seed}; {before}."
    print(model.lesson(*data, out / "lesson.html", title=title, note=note))
    return 0


def _rows(X: Any, y: Any, rows: int, seed: int) -> tuple[Any, Any]:
    """Some rows of data, shuffled; X may be several arrays, by name or in order."""
    try:
        labels = np.asarray(y)
        chosen = np.random.default_rng([seed, 2]).permutation(len(labels))[:rows]
        if isinstance(X, Mapping):
            return {name: np.asarray(a)[chosen] for name, a in X.items()}, labels[chosen]
        if isinstance(X, list | tuple) and len(X) != len(labels):
            return [np.asarray(a)[chosen] for a in X], labels[chosen]
        return np.asarray(X)[chosen], labels[chosen]
    except (TypeError, ValueError, IndexError) as error:
        raise GraphnetError(f"X and y are no arrays with a row for each sample: {error}") from None

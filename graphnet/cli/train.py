"""graphnet train: trains an example and leaves everything there is to see of it in a folder."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from graphnet.errors import GraphnetError, GraphnetFileError
from graphnet.files import write_file
from graphnet.training.examples import EXAMPLES, Example, example, of_folder
from graphnet.training.history import History

__all__ = ["folder_for", "train"]

_STAGES = ("forward", "backward", "update")


def train(arguments: argparse.Namespace) -> int:
    """Trains, writes the files and prints the result on the test data."""
    if arguments.name.endswith(".py"):
        raise GraphnetError(
            f"train takes a built-in example ({', '.join(EXAMPLES)}), not a file: "
            f"call model.fit in {arguments.name} and run it with python"
        )
    chosen = example(arguments.name)
    if arguments.data is not None:
        chosen = of_folder(chosen, arguments.data)
    out = Path(arguments.out or Path("runs") / chosen.name)
    folder_for(out)
    say = (lambda *_: None) if arguments.quiet else print
    model = chosen.build()
    model.reset(arguments.seed)
    X, y, X_test, y_test = chosen.load()
    say(f"{chosen.name}: {chosen.description}")
    say(f"{len(X):,} rows to train on, {len(X_test):,} to test; seed {arguments.seed}")
    began = time.perf_counter()
    history = model.fit(
        X, y,
        epochs=arguments.epochs or chosen.epochs,
        batch_size=arguments.batch_size or chosen.batch_size,
        validation_data=(X_test, y_test),
        verbose=0 if arguments.quiet else "auto",
    )  # fmt: skip
    seconds = time.perf_counter() - began
    measured = model.evaluate(X_test, y_test)
    _leave(out, chosen, model, history, (X_test, y_test), measured, seconds, arguments.seed)
    for name, value in measured.items():
        print(f"test {name} {_number(name, value)}")
    say(f"left in {out}{os.sep}: {', '.join(sorted(p.name for p in out.iterdir()))}")
    return 130 if history.stopped == "interrupted" else 0


def _leave(
    out: Path,
    chosen: Example,
    model: Any,
    history: History,
    test: tuple[Any, Any],
    measured: dict[str, float],
    seconds: float,
    seed: int,
) -> None:
    """Writes every file of the run; each is whole or not there."""
    from graphnet.view import plot
    from graphnet.view.draw import draw
    from graphnet.view.page import Run, fits, page

    model.save(out / f"{chosen.name}.npz")
    model.step.save(out / "train_step.py", style="plain")  # to read; what ran was written for speed
    model.step.save(out / "train_step_fast.py")
    history.to_csv(out / "history.csv")
    drawings, whole = {}, {}
    for stage in _STAGES:
        drawing = draw(model, stage, "tensors")
        drawings[stage] = drawing.svg
        if not fits(drawing.svg):
            drawings[stage], whole[stage] = draw(model, stage, "layers").svg, f"{stage}.svg"
        write_file(out / f"{stage}.svg", drawing.pipe("svg"))
        write_file(out / f"{stage}.png", drawing.pipe("png"))
    curves = confusion = ""
    if history.epochs:
        curves = "learning_curves.png"
        write_file(out / curves, plot.history(history))
    if chosen.classes:
        confusion = "confusion_matrix.png"
        write_file(
            out / confusion, plot.confusion(test[1], model.classify(test[0]), chosen.classes)
        )
    facts = {f"test {name}": _number(name, value) for name, value in measured.items()}
    facts |= {
        "parameters": f"{sum(a.size for a in model.parameters.values()):,}",
        "epochs": str(len(history.epochs)),
        "training time": f"{seconds:.1f} s",
        "seed": str(seed),
    }
    run = Run(
        title=chosen.name,
        description=chosen.description,
        facts=facts,
        network=model.step.network,
        drawings=drawings,
        whole=whole,
        source=(out / "train_step.py").read_text(encoding="utf-8"),
        source_file="train_step.py",
        fast_file="train_step_fast.py",
        history=history,
        curves=curves,
        confusion=confusion,
    )
    write_file(out / "index.html", page(run).encode())


def _number(name: str, value: float) -> str:
    return f"{value:.1%}" if name.endswith("accuracy") else f"{value:.4f}"


def folder_for(out: Path) -> None:
    """Makes the folder, and finds out before the work whether files can be left there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise GraphnetFileError(f"cannot write into {out}: {error.strerror}") from None

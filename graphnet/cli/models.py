"""graphnet draw, source and check: commands on a model, by name or from a file."""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from graphnet.errors import GraphnetError, GraphnetFileError, did_you_mean, told
from graphnet.files import require_writable

__all__ = ["check", "defined_by", "draw", "explain", "model_of", "source"]


def draw(arguments: argparse.Namespace) -> int:
    """Writes a picture and prints its path."""
    if arguments.out:
        require_writable(arguments.out)
    name, model = model_of(arguments.model)
    out = arguments.out or f"{name}_{arguments.stage}.svg"
    form = Path(out).suffix.lstrip(".")
    if form not in ("svg", "png", "gv", "dot"):
        raise GraphnetError(f"expected a file that ends in .svg, .png or .gv, came {told(out)}")
    from graphnet.view.draw import draw as draw_model

    drawing = draw_model(model, arguments.stage, arguments.level, steps=not arguments.no_steps)
    print(drawing.render(outfile=out, cleanup=form in ("svg", "png")))
    return 0


def source(arguments: argparse.Namespace) -> int:
    """Prints or saves the program of a model's training step."""
    if arguments.out:
        require_writable(arguments.out)
    _, model = model_of(arguments.model)
    if arguments.out:
        model.step.save(arguments.out)
        print(arguments.out)
    else:
        print(model.step.source, end="")
    return 0


def explain(arguments: argparse.Namespace) -> int:
    """Prints how the gradients of a model's loss are derived."""
    from graphnet.network.nodes import Parameter
    from graphnet.ops.tensor import Tensor
    from graphnet.view.explain import explain as explained

    name, model = model_of(arguments.model)
    network = model.step.network
    parameters = [n for n, node in network.of(Parameter) if node.trainable]
    wanted = arguments.wrt or parameters
    for wish in wanted:
        if wish not in parameters:
            raise GraphnetError(f"{name} trains no {wish!r}{did_you_mean(wish, parameters)}")
    loss = Tensor(network.node(network.outputs.get("loss", "loss")))
    found = explained(loss, [Tensor(network.node(n)) for n in wanted])
    print(found.latex() if arguments.style == "latex" else found.text(arguments.style))
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Prints the table of gradients, or what was stabilized; 1 where a gradient is wrong."""
    from graphnet.compiler.check_gradients import check_gradients
    from graphnet.ops.tensor import Tensor

    name, model = model_of(arguments.model)
    if arguments.stability:
        from graphnet.numerics.report import report as stability

        print(stability(model.rewrites))
        return 0
    network = model.step.network
    loss = Tensor(network.node(network.outputs.get("loss", "loss")))
    report = check_gradients(loss, elements=arguments.elements, seed=arguments.seed)
    print(report)
    print(
        f"{name}: derived and compiled gradients agree with literal loops, central differences "
        "and a complex step"
        if report.ok
        else f"{name}: WRONG gradients"
    )
    return 0 if report.ok else 1


def model_of(given: str) -> tuple[str, Any]:
    """(name, model) of a built-in example, of a file `.py`, which is run, or of a checkpoint.

    Raises GraphnetError for an unknown example and for what goes wrong in the file.
    """
    name, model, _ = defined_by(given)
    return name, model


def defined_by(given: str) -> tuple[str, Any, dict[str, Any]]:
    """(name, model, everything that its file defines), the last for a file `.py` alone.

    A file of any other name is loaded, never run: Python would run an archive that hides a program.
    Raises GraphnetError for an unknown example and for what goes wrong in the file.
    """
    if not given.endswith(".py") and not Path(given).is_file():
        from graphnet.training.examples import example

        return given, example(given).build(), {}
    path = Path(given)
    if not path.is_file():
        raise GraphnetFileError(f"there is no file {told(given)}")
    if path.suffix != ".py":
        from graphnet.training.checkpoint import load

        return path.stem, load(path), {}
    found = _run(path)
    if "model" not in found:
        raise GraphnetError("the file defines no `model`", where=given)
    model = found["model"]
    from graphnet.training.model import Model

    if not isinstance(model, Model):
        raise GraphnetError(
            f"`model` is not a gn.Model or gn.Sequential, but {type(model).__name__}", where=given
        )
    return path.stem, model, found


def _run(path: Path) -> dict[str, Any]:
    """What a user's own program defines; its `if __name__ == "__main__"` part is not run."""
    sys.path.insert(0, str(path.parent.resolve()))  # as Python does for a script
    try:
        return runpy.run_path(str(path), run_name="__graphnet__")
    except SystemExit as stop:
        raise GraphnetError(f"the file ended itself ({stop.code})", where=str(path)) from None
    except Exception as error:
        steps = [
            s
            for s in traceback.extract_tb(error.__traceback__)
            if Path(s.filename).name == path.name
        ]
        line = getattr(error, "lineno", None) or (steps[-1].lineno if steps else 1)
        told = str(error).strip().splitlines() or [""]
        raise GraphnetError(f"{type(error).__name__}: {told[0]}", where=f"{path}:{line}") from error
    finally:
        sys.path.pop(0)

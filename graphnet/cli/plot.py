"""graphnet plot: a picture of activations, or of a built-in example that is trained for it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnet.errors import GraphnetError, did_you_mean

if TYPE_CHECKING:
    from graphnet.view.plot import Picture

__all__ = ["plot"]


def plot(arguments: argparse.Namespace) -> int:
    """Writes a picture and prints its path."""
    if arguments.what not in _PICTURES:
        known = ", ".join(_PICTURES)
        hint = did_you_mean(arguments.what, _PICTURES)
        raise GraphnetError(f"plot draws {known}; there is no plot {arguments.what!r}{hint}")
    out = Path(arguments.out or f"{arguments.what}.png")
    if out.suffix.lower() != ".png":
        raise GraphnetError(f"expected a file that ends in .png, came {str(out)!r}")
    _PICTURES[arguments.what](arguments).save(out)
    print(out)
    return 0


def _activations(arguments: argparse.Namespace) -> Picture:
    from graphnet.view.plot import activations

    return activations(arguments.names, together=arguments.together)


def _trained(arguments: argparse.Namespace) -> tuple[Any, Any, Any]:
    """(example, model, history) of the one example that is named, trained."""
    from graphnet.training.examples import EXAMPLES, example

    if len(arguments.names) != 1:
        raise GraphnetError(f"plot {arguments.what} takes one example: {', '.join(EXAMPLES)}")
    chosen = example(arguments.names[0])
    model = chosen.build()
    model.reset(arguments.seed)
    X, y, X_test, y_test = chosen.load()
    history = model.fit(
        X, y, epochs=arguments.epochs or chosen.epochs, batch_size=chosen.batch_size,
        validation_data=(X_test, y_test), verbose=0,
    )  # fmt: skip
    return chosen, model, history


def _history(arguments: argparse.Namespace) -> Picture:
    from graphnet.view.plot import history

    return history(_trained(arguments)[2])


def _confusion(arguments: argparse.Namespace) -> Picture:
    from graphnet.view.plot import confusion

    chosen, model, _ = _trained(arguments)
    if not chosen.classes:
        raise GraphnetError(f"{chosen.name} has no classes to confuse")
    _, _, X_test, y_test = chosen.load()
    return confusion(y_test, model.classify(X_test), chosen.classes)


def _weights(arguments: argparse.Namespace) -> Picture:
    from graphnet.view.plot import weights

    chosen, model, _ = _trained(arguments)
    matrices = [a for a in model.parameters.values() if a.ndim == 2]
    if not matrices:
        raise GraphnetError(f"{chosen.name} has no weight matrix to draw")
    return weights(matrices[0])


_PICTURES = {
    "activations": _activations,
    "history": _history,
    "confusion": _confusion,
    "weights": _weights,
}

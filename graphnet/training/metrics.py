"""Metrics: numbers that say how good predictions are, by name.

Each is that of all rows, however they come in batches (see `measure`), and weighs rows alike: a
`sample_weight` changes the loss alone. A row (a position of a sequence) has one class: the largest
of several outputs, or whether the only one says yes. From k right guesses of a class, p guesses of
it and t rows that have it come

    precision = k/p,   recall = k/t,   f1 = 2*k/(p + t)

each 0 where its denominator is, and of several classes the mean over those that occur in the
target or among the guesses (macro, as scikit-learn); `f1_micro` is that of the summed k, p and t.
With `binary_` in front every output is a yes or no of its own.

    accuracy, binary_accuracy, top_3_accuracy (any k), precision, recall, f1, precision_micro, ...,
    binary_f1, binary_f1_micro, ..., auc, mae, mse, rmse, r2

>>> metric("f1")(np.array([[0.9], [0.8], [0.1]]), np.array([[1], [0], [1]]))
0.5
>>> metric("top_2_accuracy")(np.array([[0.1, 0.3, 0.6]]), np.array([1]))
1.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import items, takes
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.training.answers import counts, hits, near, right_answers, scores
from graphnet.training.measure import Measure, Metric, Parts, added, beside, own, ratio

__all__ = ["SHARES", "higher_is_better", "is_named", "metric", "metrics_by_name"]

# -- what batches leave of numbers -----------------------------------------------------------------


def _difference(prediction: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    if prediction.shape != target.shape:
        raise GraphnetError(
            f"the prediction has shape {prediction.shape} but the target {target.shape}; "
            "mae, mse, rmse and r2 compare element by element"
        )
    return np.asarray(prediction.astype(np.float64) - target)


def _absolute(prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    difference = _difference(prediction, target)
    return np.sum(np.abs(difference)), float(difference.size)


def _squares(prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    difference = _difference(prediction, target)
    return np.sum(difference**2), float(difference.size)


def _spread(prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    """Of each output: rows, mean, squares around that mean, squares of the error."""
    squares = np.sum(_difference(prediction, target) ** 2, axis=0)
    mean = np.mean(target, axis=0, dtype=np.float64)
    return float(len(target)), mean, np.sum((target - mean) ** 2, axis=0), squares


def _spread_of(parts: Sequence[Parts]) -> Parts:
    """Squares around the mean of all from those around the means of batches.

    Sum y**2 - (Sum y)**2/n would lose the digits that all y have in common.
    """
    rows, means, around, squares = (np.stack(column) for column in zip(*parts, strict=True))
    weight = rows.reshape(-1, *[1] * (means.ndim - 1))
    mean = np.sum(weight * means, axis=0) / rows.sum()
    around = np.sum(around + weight * (means - mean) ** 2, axis=0)
    return rows.sum(), mean, around, squares.sum(axis=0)


# -- the numbers of all ----------------------------------------------------------------------------


def _quotient(above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0)


def precision(right: NDArray[Any], guessed: NDArray[Any], there: NDArray[Any]) -> NDArray[Any]:
    """How many of the rows taken for a class have it; 0 where none is taken for it."""
    return _quotient(right, guessed)


def recall(right: NDArray[Any], guessed: NDArray[Any], there: NDArray[Any]) -> NDArray[Any]:
    """How many of the rows that have a class are taken for it; 0 where none has it."""
    return _quotient(right, there)


def f1(right: NDArray[Any], guessed: NDArray[Any], there: NDArray[Any]) -> NDArray[Any]:
    """The harmonic mean of precision and recall, 2*p*r/(p + r)."""
    return _quotient(2 * right, guessed + there)


SHARES = {"precision": precision, "recall": recall, "f1": f1}


def _macro(share: Callable[..., NDArray[Any]], parts: Parts) -> float:
    _, guessed, there = parts
    occur = guessed + there > 0
    return float(np.mean(share(*parts)[occur])) if occur.any() else 0.0


def _micro(share: Callable[..., NDArray[Any]], parts: Parts) -> float:
    return float(share(*(np.sum(part, keepdims=True) for part in parts))[0])


def _area(parts: Parts) -> float:
    """The chance that a row of the class scores above one that is not of it, equal ones half.

    That is the area under the ROC curve (Hanley and McNeil 1982); of several classes the mean, each
    against the rest. nan where a class has no rows or all of them.
    """
    areas = []
    for score, truth in zip(parts[0].T, parts[1].T, strict=True):
        yes, no = score[truth], np.sort(score[~truth])
        if not yes.size or not no.size:
            return float("nan")
        below = np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")
        areas.append(np.mean(below) / (2 * no.size))
    return float(np.mean(areas))


def _root(parts: Parts) -> float:
    return float(np.sqrt(ratio(parts)))


def _explained(parts: Parts) -> float:
    """1 - squares of the error / squares around the mean; the mean over outputs.

    Of a constant target it is 1 where all is right and else 0, as in scikit-learn.
    """
    _, _, around, squares = map(np.atleast_1d, parts)
    constant = np.where(squares == 0, 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(np.where(around == 0, constant, 1 - squares / around)))


# -- by name ---------------------------------------------------------------------------------------

_NAMES = (
    "accuracy", "binary_accuracy", "auc", "mae", "mse", "rmse", "r2", "top_5_accuracy",
    *(f"{front}{share}{end}" for front in ("", "binary_") for share in SHARES
      for end in ("", "_micro")),
)  # fmt: skip
_TOP = re.compile(r"top_([1-9][0-9]{0,5})_accuracy")
_SHARE = re.compile(r"(?:binary_)?(precision|recall|f1)(_micro)?")

ELSEWHERE = {  # what Keras, torchmetrics and scikit-learn call them
    **dict.fromkeys(
        ("acc", "categorical_accuracy", "sparse_categorical_accuracy", "accuracy_score"),
        "'accuracy'",
    ),
    "mean_squared_error": "'mse'",
    "mean_absolute_error": "'mae'",
    **dict.fromkeys(("root_mean_squared_error", "rms"), "'rmse'"),
    **dict.fromkeys(("r2_score", "r_squared", "r2score", "r^2"), "'r2'"),
    **dict.fromkeys(("auroc", "roc_auc", "roc_auc_score"), "'auc'"),
    **dict.fromkeys(("f1_score", "f1score", "f1_macro", "fscore"), "'f1'"),
    **dict.fromkeys(("precision_score", "precision_macro"), "'precision'"),
    **dict.fromkeys(("recall_score", "recall_macro", "sensitivity"), "'recall'"),
    **dict.fromkeys(
        ("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", "top_k_accuracy",
         "top_k_accuracy_score", "topk"), "'top_5_accuracy', of any number",
    ),
}  # fmt: skip


def metric(name: str, loss: object = None) -> Measure:
    """The metric of a name; the loss says what predictions are. GraphnetError for unknown names."""
    top, share = _TOP.fullmatch(name), _SHARE.fullmatch(name)
    if top:
        return Measure(name, partial(near, int(top[1])), ratio, higher=True)
    if share:
        mean = partial(_micro if share[2] else _macro, SHARES[share[1]])
        return Measure(name, partial(counts, name, loss), mean, higher=True)
    known: dict[str, tuple[Any, ...]] = {
        "accuracy": (partial(hits, loss), ratio, added, True),
        "binary_accuracy": (partial(right_answers, loss), ratio, added, True),
        "auc": (partial(scores, loss), _area, beside, True),
        "mae": (_absolute, ratio),
        "mse": (_squares, ratio),
        "rmse": (_squares, _root),
        "r2": (_spread, _explained, _spread_of, True),
    }
    if name not in known:
        raise GraphnetError(
            f"no metric {told(name)}{did_you_mean(name, _NAMES, ELSEWHERE)}; "
            "a function (prediction, target) of arrays is a metric, too"
        )
    return Measure(name, *known[name])


def is_named(name: str) -> bool:
    """Whether graphnet knows a metric by this name."""
    return name in _NAMES or bool(_TOP.fullmatch(name))


def higher_is_better(name: str) -> bool:
    """Whether a measurement of this name, of training or validation, grows with a better model."""
    name = name.removeprefix("val_")
    return is_named(name) and metric(name).higher


def metrics_by_name(
    asked: Sequence[str | Metric] | str | Metric | None, loss: object
) -> Mapping[str, Measure]:
    """Name -> measure, in order. Raises GraphnetError for an unknown or repeated name."""
    asked = () if asked is None else asked
    single = isinstance(asked, str) or callable(asked)
    listed: Sequence[Any] = [asked] if single else items("metrics", asked, "names or functions")
    found: dict[str, Measure] = {}
    for one in listed:
        if isinstance(one, str):
            made = metric(one, loss)
        elif callable(one):
            takes("a metric", one, "prediction", "target")
            made = own(getattr(one, "__name__", type(one).__name__), one)
        else:
            raise GraphnetTypeError(f"a metric is a name or a function, not {told(one)}")
        if made.name in found or made.name in ("loss", "epoch", "seconds"):
            raise GraphnetError(f"two measurements are called {told(made.name)}; rename the metric")
        found[made.name] = made
    return found

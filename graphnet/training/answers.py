"""Answers: what predictions say of rows, a class or yes and no, and what is true of them.

Functions called after a metric give what a batch leaves of it (see `measure`).

>>> hits(None, np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
(np.float64(1.0), 2.0)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.errors import GraphnetError, told
from graphnet.training.measure import Parts

__all__ = [
    "accuracy", "classes_of", "counts", "decide", "hits", "near", "one_class", "right_answers",
    "scores", "threshold_of",
]  # fmt: skip

Pair = tuple[NDArray[Any], NDArray[Any]]

# From which prediction on a one-number answer is "yes", by the name of the loss.
_THRESHOLDS = {"binary_cross_entropy_with_logits": 0.0, "hinge": 0.0}
_BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "focal")


def threshold_of(loss: object) -> float:
    """0 where the model gives logits or margins, 1/2 where it gives probabilities."""
    return _THRESHOLDS.get(loss, 0.5) if isinstance(loss, str) else 0.5


def decide(prediction: NDArray[Any], threshold: float = 0.5) -> NDArray[Any]:
    """The class of every row: the largest of several outputs, else whether one passes.

    >>> decide(np.array([[0.2], [0.7]]))
    array([0, 1])
    """
    if _several(prediction):
        return np.asarray(np.argmax(prediction, axis=-1))
    if prediction.ndim >= 2:
        prediction = prediction[..., 0]
    return np.asarray(prediction > threshold, np.intp)


def accuracy(prediction: NDArray[Any], target: NDArray[Any], threshold: float = 0.5) -> float:
    """The share of rows whose class is right; targets are ids, probabilities or one-hot rows."""
    guess, truth = classes_of(prediction, target, threshold)
    return float(np.mean(guess == truth))


def _several(prediction: NDArray[Any]) -> bool:
    return prediction.ndim >= 2 and prediction.shape[-1] > 1


def _are_ids(prediction: NDArray[Any], target: NDArray[Any]) -> bool:
    return np.issubdtype(target.dtype, np.integer) and target.ndim < prediction.ndim


def _middle(target: NDArray[Any], threshold: float) -> float:
    """Targets of -1 and 1 (hinge) and of 0 and 1 both pass half way between."""
    return 0.0 if threshold == 0 and np.min(target, initial=0) < 0 else 0.5


def classes_of(prediction: NDArray[Any], target: NDArray[Any], threshold: float) -> Pair:
    """The class that is guessed and the true one."""
    truth = target
    if not _are_ids(prediction, target):
        if not _several(prediction) and np.max(np.abs(target), initial=0) > 1:
            raise GraphnetError(
                f"classes are compared, but the target holds {np.max(np.abs(target)):g}: a model "
                "of one output has targets 0 and 1; for numbers there are 'mae', 'rmse' and 'r2'"
            )
        truth = decide(target, _middle(target, threshold))
    return decide(prediction, threshold), truth


def one_class(name: str, loss: object, prediction: NDArray[Any], target: NDArray[Any]) -> None:
    """Refuses targets of several yes and no a row where one class is asked for."""
    if loss not in _BINARY or not _several(prediction) or _are_ids(prediction, target):
        return
    most = np.sum(target == target.max(axis=-1, keepdims=True), axis=-1)
    if (most > 1).any():
        row = target[tuple(np.argwhere(most > 1)[0])]
        raise GraphnetError(
            f"{name} compares one class a row, but a row of the target is {told(row.tolist())}; "
            "where every output is a yes or no of its own use 'binary_accuracy', 'binary_f1', ..."
        )


def hits(loss: object, prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    """Rows whose class is right, and rows."""
    one_class("accuracy", loss, prediction, target)
    guess, truth = classes_of(prediction, target, threshold_of(loss))
    return np.sum(guess == truth, dtype=float), float(truth.size)


def _answers(loss: object, prediction: NDArray[Any], target: NDArray[Any]) -> Pair:
    """Each output's yes or no: what is guessed and what is true."""
    if _are_ids(prediction, target):
        raise GraphnetError(
            "the names with binary_ compare a yes or no of every output, so the target has the "
            f"shape of the prediction, {prediction.shape}, and is no id of a class, {target.shape}"
        )
    threshold = threshold_of(loss)
    return prediction > threshold, target > _middle(target, threshold)


def right_answers(loss: object, prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    guess, truth = _answers(loss, prediction, target)
    return np.sum(guess == truth, dtype=float), float(truth.size)


def near(k: int, prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    """Rows whose class is among the k largest outputs, and rows; the first of equal ones leads."""
    if not _several(prediction):
        raise GraphnetError(
            f"top_{k}_accuracy needs an output a class, the prediction has {prediction.shape}"
        )
    truth = (target if _are_ids(prediction, target) else decide(target))[..., np.newaxis]
    own_score = np.take_along_axis(prediction, truth, axis=-1)
    before = np.arange(prediction.shape[-1]) < truth
    ahead = (prediction > own_score) | ((prediction == own_score) & before)
    return np.sum(ahead.sum(axis=-1) < k, dtype=float), float(truth.size)


def counts(name: str, loss: object, prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    """By class: right guesses, guesses, rows that have it. Of one output the class is "yes"."""
    if name.startswith("binary_"):
        guess, truth = _answers(loss, prediction, target)
    else:
        one_class(name, loss, prediction, target)
        guess, truth = classes_of(prediction, target, threshold_of(loss))
        ids = np.arange(prediction.shape[-1]) if _several(prediction) else np.ones(1)
        guess, truth = guess[..., np.newaxis] == ids, truth[..., np.newaxis] == ids
    guess, truth = (a.reshape(-1, a.shape[-1] if a.ndim > 1 else 1) for a in (guess, truth))
    return tuple(np.sum(a, axis=0, dtype=float) for a in (guess & truth, guess, truth))


def scores(loss: object, prediction: NDArray[Any], target: NDArray[Any]) -> Parts:
    """The score of every class, and whether the row has it."""
    if not _several(prediction):
        truth = decide(target, _middle(target, threshold_of(loss))).reshape(-1, 1)
        return prediction.reshape(-1, 1), truth == 1
    classes = prediction.shape[-1]
    if loss in _BINARY and not _are_ids(prediction, target):
        truth = target > _middle(target, threshold_of(loss))
    else:
        ids = target if _are_ids(prediction, target) else decide(target)
        truth = ids[..., np.newaxis] == np.arange(classes)
    scores = _softmax(prediction) if loss == "cross_entropy" else prediction
    return scores.reshape(-1, classes), truth.reshape(-1, classes)


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Probabilities: logits of different rows cannot be compared, for a row may add any number."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))

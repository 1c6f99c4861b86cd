"""Metrics: functions of (prediction, target) arrays that give one number for all rows.

Those named here are means over rows, so a mean over batches weighted by their rows is the mean
over the data; a callable of one's own is averaged over the training batches in the same way, and
taken of all rows at once in validation and `evaluate`.

>>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
0.5
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphnet.arguments import items, takes
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told

__all__ = ["METRICS", "Metric", "accuracy", "decide", "metrics_by_name", "threshold_of"]

Metric = Callable[[np.ndarray, np.ndarray], float]

# From which prediction on a one-number answer is "yes", by the name of the loss.
_THRESHOLDS = {"binary_cross_entropy_with_logits": 0.0, "hinge": 0.0}


def threshold_of(loss: object) -> float:
    """0 where the model gives logits or margins, 1/2 where it gives probabilities."""
    return _THRESHOLDS.get(loss, 0.5) if isinstance(loss, str) else 0.5


def decide(prediction: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """The class of every row: the largest of several outputs, else whether one passes.

    >>> decide(np.array([[0.2], [0.7]]))
    array([0, 1])
    """
    if prediction.ndim >= 2 and prediction.shape[-1] > 1:
        return np.asarray(np.argmax(prediction, axis=-1))
    if prediction.ndim >= 2:
        prediction = prediction[..., 0]
    return np.asarray(prediction > threshold, np.intp)


def accuracy(prediction: np.ndarray, target: np.ndarray, threshold: float = 0.5) -> float:
    """The share of rows whose class is right; targets are ids, probabilities or one-hot rows."""
    if np.issubdtype(target.dtype, np.integer) and target.ndim < prediction.ndim:
        truth = target
    else:  # targets of -1 and 1 (hinge) and of 0 and 1 both pass half way between
        truth = decide(target, 0.0 if threshold == 0 and np.min(target, initial=0) < 0 else 0.5)
    return float(np.mean(decide(prediction, threshold) == truth))


def mae(prediction: np.ndarray, target: np.ndarray) -> float:
    """The mean of |prediction - target| over all elements."""
    return float(np.mean(np.abs(_difference(prediction, target))))


def mse(prediction: np.ndarray, target: np.ndarray) -> float:
    """The mean of (prediction - target)**2 over all elements."""
    return float(np.mean(_difference(prediction, target) ** 2))


def rmse(prediction: np.ndarray, target: np.ndarray) -> float:
    """The root of the mean square error; over batches, the mean of their roots."""
    return float(np.sqrt(mse(prediction, target)))


def _difference(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    if prediction.shape != target.shape:
        raise GraphnetError(
            f"the prediction has shape {prediction.shape} but the target {target.shape}; "
            "mae, mse and rmse compare element by element"
        )
    return np.asarray(prediction.astype(np.float64) - target)


METRICS: dict[str, Metric] = {"accuracy": accuracy, "mae": mae, "mse": mse, "rmse": rmse}


ELSEWHERE = {  # what Keras calls them
    **dict.fromkeys(
        ("acc", "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy"),
        "'accuracy'",
    ),
    "mean_squared_error": "'mse'",
    "mean_absolute_error": "'mae'",
    **dict.fromkeys(("root_mean_squared_error", "rms"), "'rmse'"),
}


def measured(name: str, metric: Metric, prediction: np.ndarray, target: np.ndarray) -> float:
    """The number that a metric gives. Raises GraphnetTypeError where it gives something else."""
    value = metric(prediction, target)
    try:
        return float(value)
    except (TypeError, ValueError):
        hint = "; it is given arrays, so it is written with NumPy" if hasattr(value, "node") else ""
        raise GraphnetTypeError(
            f"the metric {name} of arrays {prediction.shape} and {target.shape} gave "
            f"{told(value)}, not a number{hint}"
        ) from None


def metrics_by_name(
    asked: Sequence[str | Metric] | str | Metric, loss: object
) -> dict[str, Metric]:
    """Name -> function, in order. Raises GraphnetError for an unknown or repeated name."""
    single = isinstance(asked, str) or callable(asked)
    listed: Sequence[Any] = [asked] if single else items("metrics", asked, "names or functions")
    found: dict[str, Metric] = {}
    for metric in listed:
        if isinstance(metric, str):
            if metric not in METRICS:
                raise GraphnetError(
                    f"no metric {told(metric)}{did_you_mean(metric, METRICS, ELSEWHERE)}; "
                    "a function (prediction, target) of arrays is a metric, too"
                )
            name, function = metric, METRICS[metric]
            if metric == "accuracy":
                function = _accuracy_at(threshold_of(loss))
        elif callable(metric):
            takes("a metric", metric, "prediction", "target")
            name, function = getattr(metric, "__name__", type(metric).__name__), metric
        else:
            raise GraphnetTypeError(f"a metric is a name or a function, not {told(metric)}")
        if name in found or name in ("loss", "epoch", "seconds"):
            raise GraphnetError(f"two measurements are called {told(name)}; rename the metric")
        found[name] = function
    return found


def _accuracy_at(threshold: float) -> Metric:
    def accuracy_(prediction: np.ndarray, target: np.ndarray) -> float:
        return accuracy(prediction, target, threshold)

    return accuracy_

"""How parameters and states start: `gn.initializers.he_normal()`, or just the name "he_normal".

Every initializer comes down to one of six draws (zeros, constant, normal, uniform, orthogonal,
array), whose numbers follow from the shape. `source` prints a draw as a line of NumPy for the
emitted module, `sample` makes it here; both give the same bits.

A shape (in, out) has those fans; (n,) has (n, n); (out, in, *window) has (in, out) times the size
of the window. A fan of 0 counts as 1.

>>> source(resolve("glorot_uniform"), (64, 32))
'rng.uniform(-0.25, 0.25, (64, 32))'
>>> source(resolve(0), (3,))
'np.zeros((3,))'
>>> resolve("he_norml")
Traceback (most recent call last):
    ...
graphnet.errors.GraphnetError: there is no initializer 'he_norml'; did you mean 'he_normal'?
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphnet.arguments import number
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.network.nodes import Init
from graphnet.ops.array import Array

__all__ = [
    "HELPERS", "INITIALIZERS", "array", "constant", "fans", "glorot_normal", "glorot_uniform",
    "he_normal", "he_uniform", "helper", "lecun_normal", "lecun_uniform", "normal", "ones",
    "orthogonal", "resolve", "sample", "source", "uniform", "zeros",
]  # fmt: skip


def zeros() -> Init:
    """All 0."""
    return Init("zeros")


def ones() -> Init:
    """All 1."""
    return Init("ones")


def constant(value: float) -> Init:
    """All one number."""
    return Init("constant", (("value", float(number("the value", value))),))


def normal(std: float = 0.05) -> Init:
    """Normal with mean 0."""
    return Init("normal", (("std", float(number("std", std, 0))),))


def uniform(low: float = -0.05, high: float = 0.05) -> Init:
    """Uniform in [low, high)."""
    low, high = float(number("low", low)), float(number("high", high))
    if not low <= high:
        raise GraphnetError(f"uniform is drawn between low <= high, not {low} and {high}")
    return Init("uniform", (("low", low), ("high", high)))


def glorot_uniform() -> Init:
    """Uniform within sqrt(6/(fan_in + fan_out)) (Glorot and Bengio 2010, equation 16)."""
    return Init("glorot_uniform")


def glorot_normal() -> Init:
    """Normal of variance 2/(fan_in + fan_out) (Glorot and Bengio 2010, equation 12)."""
    return Init("glorot_normal")


def he_uniform() -> Init:
    """Uniform within sqrt(6/fan_in): the variance of he_normal (He et al. 2015)."""
    return Init("he_uniform")


def he_normal() -> Init:
    """Normal of variance 2/fan_in, for ReLU (He et al. 2015, equation 10)."""
    return Init("he_normal")


def lecun_uniform() -> Init:
    """Uniform within sqrt(3/fan_in): the variance of lecun_normal."""
    return Init("lecun_uniform")


def lecun_normal() -> Init:
    """Normal of variance 1/fan_in (LeCun et al. 1998, equation 16); for SELU (Klambauer 2017)."""
    return Init("lecun_normal")


def orthogonal(gain: float = 1.0) -> Init:
    """gain times a matrix with orthonormal rows or columns (Saxe, McClelland, Ganguli 2014)."""
    return Init("orthogonal", (("gain", float(number("gain", gain))),))


def array(values: Any) -> Init:
    """The numbers of an array of the parameter's shape."""
    if values is None or isinstance(values, str | Init) or callable(values):
        raise GraphnetTypeError(f"expected an array of numbers, came {told(values)}")
    held = resolve(values)
    return held if held.array is not None else Init("array", (), Array(values))


INITIALIZERS: dict[str, Callable[..., Init]] = {
    f.__name__: f
    for f in (
        zeros, ones, constant, normal, uniform, glorot_uniform, glorot_normal, he_uniform,
        he_normal, lecun_uniform, lecun_normal, orthogonal,
    )
}  # fmt: skip


ELSEWHERE = {  # what torch and Keras call them
    **dict.fromkeys(("xavier", "xavier_uniform", "glorot"), "'glorot_uniform'"),
    "xavier_normal": "'glorot_normal'",
    **dict.fromkeys(("he", "kaiming", "kaiming_normal"), "'he_normal'"),
    "kaiming_uniform": "'he_uniform'",
    "lecun": "'lecun_normal'",
    **dict.fromkeys(("random", "random_normal", "gaussian"), "'normal'"),
    "random_uniform": "'uniform'",
    "zero": "'zeros'",
    "one": "'ones'",
}


def resolve(init: Any) -> Init:
    """The Init that a name, a number, an array or an Init stands for.

    Raises GraphnetError for an unknown name, GraphnetTypeError for anything else.
    """
    if isinstance(init, Init):
        return init
    if isinstance(init, str):
        if init not in INITIALIZERS:
            tail = did_you_mean(init, INITIALIZERS, ELSEWHERE)
            raise GraphnetError(f"there is no initializer {told(init)}{tail}")
        if init == "constant":
            raise GraphnetError('"constant" needs its number: write the number itself')
        return INITIALIZERS[init]()
    if isinstance(init, bool) or init is None or callable(init):
        raise GraphnetTypeError(
            f"expected an initializer's name, a number or an array, came {told(init)}"
        )
    held = Array(init)
    if held.shape:
        if held.array.dtype.kind == "f" and not np.isfinite(held.array).all():
            bad = tuple(int(k) for k in np.argwhere(~np.isfinite(held.array))[0])
            raise GraphnetError(
                f"a parameter starts at finite numbers, but element {bad} is {held.array[bad]}"
            )
        return Init("array", (), held)
    value = float(held.array)
    if not math.isfinite(value):
        raise GraphnetError(f"a parameter starts at a finite number, not at {value}")
    return {0.0: zeros(), 1.0: ones()}.get(value) or constant(value)


def fans(shape: Sequence[int], init: Init | None = None) -> tuple[int, int]:
    """(fan_in, fan_out) of a shape, each at least 1, where the Init itself does not say them.

    >>> fans((64, 32)), fans((16, 3, 5, 5)), fans((7,))
    ((64, 32), (75, 400), (7, 7))
    """
    known = dict(init.args) if init else {}
    if "fan_in" in known and "fan_out" in known:
        return int(known["fan_in"]), int(known["fan_out"])
    if len(shape) < 2:
        n = max(1, *shape) if shape else 1
        return n, n
    if len(shape) == 2:
        return max(1, shape[0]), max(1, shape[1])
    window = math.prod(shape[2:])
    return max(1, shape[1] * window), max(1, shape[0] * window)


def _draw(init: Init, shape: Sequence[int]) -> tuple[str, tuple[float, ...]]:
    """The draw that an initializer is for a shape, with its numbers."""
    fan_in, fan_out = fans(shape, init)
    args = dict(init.args)
    match init.name:
        case "zeros":
            return "full", (0.0,)
        case "ones":
            return "full", (1.0,)
        case "constant":
            return "full", (args["value"],)
        case "normal":
            return "normal", (args["std"],)
        case "uniform":
            return "uniform", (args["low"], args["high"])
        case "orthogonal":
            return "orthogonal", (args["gain"],)
        case "array":
            return "array", ()
        case _ if init.name not in INITIALIZERS:
            tail = did_you_mean(init.name, INITIALIZERS)
            raise GraphnetError(f"there is no initializer {init.name!r}{tail}")
    law, _, kind = init.name.partition("_")
    variance = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}[law]
    if kind == "normal":
        return "normal", (math.sqrt(variance),)
    limit = math.sqrt(3 * variance)  # uniform within +-limit has variance limit^2/3
    return "uniform", (-limit, limit)


def sample(init: Init, shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """The array a parameter starts with, in float64; the bits that `source` gives.

    Raises GraphnetError where the array of an Init has another shape.

    >>> sample(he_normal(), (2, 2), np.random.default_rng(0)).round(3)
    array([[ 0.126, -0.132],
           [ 0.64 ,  0.105]])
    """
    shape = _numbers(shape)
    draw, numbers = _draw(init, shape)
    match draw:
        case "full":
            return np.full(shape, numbers[0])
        case "normal":
            return np.asarray(rng.normal(0.0, numbers[0], shape))
        case "uniform":
            return np.asarray(rng.uniform(numbers[0], numbers[1], shape))
        case "orthogonal":
            return orthogonal_matrix(rng, shape, numbers[0])
        case _:
            return _held(init, shape).astype(np.float64)


def source(init: Init, shape: Sequence[int]) -> str:
    """A NumPy expression over `rng` and `np` that draws the array; `helper` names what it calls.

    Raises GraphnetError where the array of an Init has another shape.
    """
    shape = _numbers(shape)
    draw, numbers = _draw(init, shape)
    match draw:
        case "full" if numbers[0] in (0.0, 1.0) and math.copysign(1, numbers[0]) > 0:
            return f"np.{'ones' if numbers[0] else 'zeros'}({shape})"
        case "full":
            return f"np.full({shape}, {numbers[0]!r})"
        case "normal":
            return f"rng.normal(0.0, {numbers[0]!r}, {shape})"
        case "uniform":
            return f"rng.uniform({numbers[0]!r}, {numbers[1]!r}, {shape})"
        case "orthogonal":
            return f"orthogonal_matrix(rng, {shape}, {numbers[0]!r})"
        case _:
            held = _held(init, shape)
            return f"np.array({held.astype(np.float64).tolist()!r}).reshape({shape})"


# Printed into modules as it stands here, so its lines keep below 80 columns.
def orthogonal_matrix(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    gain: float,
) -> np.ndarray:
    """A random matrix with orthonormal rows or columns, times gain."""
    rows = shape[0] if shape else 1
    columns = int(np.prod(shape)) // max(rows, 1)
    normal = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # without the signs q is not uniform
    q = q if rows >= columns else np.ascontiguousarray(q.T)
    return gain * q.reshape(shape)


HELPERS: dict[str, str] = {"orthogonal_matrix": inspect.getsource(orthogonal_matrix)}


def helper(init: Init) -> str | None:
    """The name in HELPERS of the function that an initializer's source calls, if any."""
    return "orthogonal_matrix" if init.name == "orthogonal" else None


def _numbers(shape: Sequence[int]) -> tuple[int, ...]:
    for extent in shape:
        if not isinstance(extent, int | np.integer):
            raise GraphnetError(f"a parameter has a shape of numbers, not {tuple(shape)}")
    return tuple(int(e) for e in shape)


def _held(init: Init, shape: tuple[int, ...]) -> np.ndarray:
    held: np.ndarray | None = getattr(init.array, "array", None)
    if held is None:
        raise GraphnetError("the initializer 'array' holds no array")
    if held.shape != shape:
        raise GraphnetError(f"an array of shape {held.shape} cannot start a tensor of {shape}")
    return held

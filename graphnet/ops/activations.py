"""Activation functions: rows of the catalogue with their sources and ranges.

Where a curve has two good forms, one for each sign of x, the formula selects between them, so
value and every derivative are finite for every finite x, and the slope at 0 is a branch's.

>>> from graphnet.ops.define import input
>>> relu(input("x", ("batch", 3)))
relu (batch, 3) = where(x[i,j] > 0, x[i,j], 0)
"""

from __future__ import annotations

from collections.abc import Callable

from graphnet.arguments import flag, takes
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.ops.arrays import one_hot, transpose
from graphnet.ops.building import is_number
from graphnet.ops.pointwise import row
from graphnet.ops.reductions import argmax, one_axis
from graphnet.ops.tensor import Tensor, TensorLike, as_tensor

__all__ = [
    "ACTIVATIONS", "activation", "celu", "elu", "gelu", "hard_sigmoid", "hardmax", "leaky_relu",
    "linear", "log_softmax", "mish", "prelu", "relu", "selu", "sigmoid", "silu", "softmax",
    "softplus", "softsign", "tanh",
]  # fmt: skip


def linear(x: TensorLike) -> Tensor:
    """x itself. Range (-oo, oo).

    >>> import graphnet as gn
    >>> gn.linear(gn.input("x", ("batch", 3)))
    x (batch, 3) input
    """
    return as_tensor(x)


def relu(x: TensorLike) -> Tensor:
    """x above 0, else 0; slope 0 at 0. Range [0, oo). Nair and Hinton 2010.

    >>> import graphnet as gn
    >>> gn.relu(gn.input("x", ("batch", 3)))
    relu (batch, 3) = where(x[i,j] > 0, x[i,j], 0)
    """
    return row("relu", x=x)


def leaky_relu(x: TensorLike, alpha: float = 0.01) -> Tensor:
    """x above 0, else alpha*x; slope alpha at 0. Range (-oo, oo). Maas et al. 2013.

    >>> import graphnet as gn
    >>> gn.leaky_relu(gn.input("x", ("batch", 3)))
    leaky_relu (batch, 3) = where(x[i,j] > 0, x[i,j], 0.01*x[i,j])
    """
    return row("leaky_relu", x=x, alpha=alpha)


def prelu(x: TensorLike, a: TensorLike) -> Tensor:
    """leaky_relu whose slope `a` is a tensor, learned, that broadcasts to x. He et al. 2015.

    >>> import graphnet as gn
    >>> gn.prelu(gn.input("x", ("batch", 3)), gn.parameter("a", (3,), init=0.25))
    prelu (batch, 3) = where(x[i,j] > 0, x[i,j], x[i,j]*a[j])
    """
    return row("prelu", x=x, a=a)


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, else alpha*(exp(x) - 1). Range (-alpha, oo). Clevert et al. 2015.

    >>> import graphnet as gn
    >>> gn.elu(gn.input("x", ("batch", 3)))
    elu (batch, 3) = where(x[i,j] > 0, x[i,j], expm1(x[i,j]))
    """
    return row("elu", x=x, alpha=alpha)


def selu(x: TensorLike) -> Tensor:
    """The scaled elu that keeps mean 0 and variance 1. Range (-1.758.., oo).

    Klambauer et al. 2017, the constants of their equation 14.

    >>> import graphnet as gn
    >>> gn.selu(gn.input("x", ("batch", 3)))
    selu (batch, 3) = where(x[i,j] > 0, 1.0507009873554805*x[i,j],
    1.7580993408473767818340515842446*expm1(x[i,j]))
    """
    return row("selu", x=x, scale=1.0507009873554805, alpha=1.6732632423543772)


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, else alpha*(exp(x/alpha) - 1). Range (-alpha, oo). Barron 2017.

    >>> import graphnet as gn
    >>> gn.celu(gn.input("x", ("batch", 3)))
    celu (batch, 3) = where(x[i,j] > 0, x[i,j], expm1(x[i,j]))
    """
    if is_number(alpha) and alpha == 0:
        raise GraphnetError("alpha must not be 0", where="celu")
    return row("celu", x=x, alpha=alpha)


def sigmoid(x: TensorLike) -> Tensor:
    """1/(1 + exp(-x)), the logistic curve. Range (0, 1). Verhulst 1845.

    >>> import graphnet as gn
    >>> gn.sigmoid(gn.input("x", ("batch", 3)))
    sigmoid (batch, 3) = 1/(1 + exp(-x[i,j]))
    """
    return row("sigmoid", x=x)


def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent. Range (-1, 1).

    >>> import graphnet as gn
    >>> gn.tanh(gn.input("x", ("batch", 3)))
    tanh (batch, 3) = tanh(x[i,j])
    """
    return row("tanh", x=x)


def softplus(x: TensorLike) -> Tensor:
    """log(1 + exp(x)), a smooth relu. Range (0, oo). Dugas et al. 2001.

    >>> import graphnet as gn
    >>> gn.softplus(gn.input("x", ("batch", 3)))
    softplus (batch, 3) = log(1 + exp(x[i,j]))
    """
    return row("softplus", x=x)


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x times the normal distribution function of x. Range [-0.17.., oo).

    Hendrycks and Gimpel 2016; `approximate` is their tanh form.

    >>> import graphnet as gn
    >>> gn.gelu(gn.input("x", ("batch", 3)))
    gelu (batch, 3) = 0.5*x[i,j]*(1 + erf(0.5*x[i,j]*sqrt(2)))
    """
    return row("gelu_tanh" if flag("approximate", approximate, where="gelu") else "gelu", x=x)


def silu(x: TensorLike) -> Tensor:
    """x*sigmoid(x), also called swish. Range [-0.278.., oo). Elfwing et al. 2017.

    >>> import graphnet as gn
    >>> gn.silu(gn.input("x", ("batch", 3)))
    silu (batch, 3) = x[i,j]/(1 + exp(-x[i,j]))
    """
    return row("silu", x=x)


def mish(x: TensorLike) -> Tensor:
    """x*tanh(softplus(x)). Range [-0.308.., oo). Misra 2019.

    >>> import graphnet as gn
    >>> gn.mish(gn.input("x", ("batch", 3)))
    mish (batch, 3) = x[i,j]*tanh(log(1 + exp(x[i,j])))
    """
    return row("mish", x=x)


def hard_sigmoid(x: TensorLike) -> Tensor:
    """0 up to -3, 1 from 3 on, the line x/6 + 1/2 between. Range [0, 1]. Howard et al. 2019.

    >>> import graphnet as gn
    >>> gn.hard_sigmoid(gn.input("x", ("batch", 3)))
    hard_sigmoid (batch, 3) = where(x[i,j] <= -3, 0, where(x[i,j] >= 3, 1, 0.5 + x[i,j]/6))
    """
    return row("hard_sigmoid", x=x)


def softsign(x: TensorLike) -> Tensor:
    """x/(1 + |x|). Range (-1, 1). Bergstra et al. 2009.

    >>> import graphnet as gn
    >>> gn.softsign(gn.input("x", ("batch", 3)))
    softsign (batch, 3) = x[i,j]/(1 + abs(x[i,j]))
    """
    return row("softsign", x=x)


def _along(label: str, x: TensorLike, axis: int) -> Tensor:
    x = as_tensor(x)
    axis = one_axis(axis, x.ndim, label)
    return row(label, x=x, axis=-1 if axis == x.ndim - 1 else axis)


def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """exp(x) over its sum along an axis. Range (0, 1), sum 1. Bridle 1990.

    Written with the LogSumExp L of a row: `expw(x, L)` is exp(x - L), and 0 where L is -oo.

    >>> import graphnet as gn
    >>> gn.softmax(gn.input("x", ("batch", 3)))
    softmax (batch, 3) = expw(x[a,k], L[a])
    """
    return _along("softmax", x, axis)


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """log(softmax(x)) = x - LogSumExp(x) along an axis. Range (-oo, 0).

    >>> import graphnet as gn
    >>> gn.log_softmax(gn.input("x", ("batch", 3)))
    log_softmax (batch, 3) = x[a,k] - L[a]
    """
    return _along("log_softmax", x, axis)


def hardmax(x: TensorLike, axis: int = -1) -> Tensor:
    """1 at the first largest element along an axis, else 0; slope 0.

    >>> import graphnet as gn
    >>> gn.hardmax(gn.input("x", ("batch", 3)))
    one_hot (batch, 3) = where(argmax[i] == j, 1, 0), j < 3
    """
    x = as_tensor(x)
    axis = one_axis(axis, x.ndim, "hardmax")
    hot = one_hot(argmax(x, axis), x.shape[axis])
    order = list(range(x.ndim - 1))
    order.insert(axis, x.ndim - 1)
    return transpose(hot, order)


ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    f.__name__: f
    for f in (
        linear, relu, leaky_relu, elu, selu, celu, sigmoid, tanh, softplus, gelu, silu, mish,
        hard_sigmoid, softsign, softmax, log_softmax, hardmax,
    )
}  # fmt: skip


ELSEWHERE = {  # what other tools and books call them
    "swish": "'silu'",
    **dict.fromkeys(("logistic", "sigm"), "'sigmoid'"),
    **dict.fromkeys(("identity", "id", "none"), "'linear'"),
    **dict.fromkeys(("lrelu", "leaky"), "'leaky_relu'"),
    "prelu": "the layer gn.PReLU(), whose slope is a parameter",
    "rrelu": "the layer gn.RReLU()",
}


def activation(wish: str | Callable[..., Tensor] | None) -> Callable[..., Tensor]:
    """The function of a name; a function as it is; None is linear.

    >>> activation("relu") is relu
    True
    """
    if wish is None:
        return linear
    if isinstance(wish, str):
        if wish not in ACTIVATIONS:
            raise GraphnetError(
                f"there is no activation {told(wish)}{did_you_mean(wish, ACTIVATIONS, ELSEWHERE)}"
            )
        return ACTIVATIONS[wish]
    if not callable(wish):
        raise GraphnetTypeError(f"an activation is a name or a function, not {told(wish)}")
    takes("an activation", wish, "x")
    return wish

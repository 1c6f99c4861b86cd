"""Losses of (prediction, target): how far a prediction is from its target.

`reduction` is "none", "sum" or "mean". The mean is over all elements of the unreduced loss: one a
row for `cross_entropy` and `kl_divergence`, one an element of the prediction for the others.
`weight` multiplies the unreduced loss; its axes are the first axes of that (a weight a sample), or
all of them, each of the same size or 1. A weighted mean divides by the sum of the weights, so that
a weight of 2 counts as a sample seen twice.

>>> from graphnet.ops.define import input
>>> z, t = input("z", ("batch", 10)), input("t", ("batch",), dtype="int")
>>> cross_entropy(z, t)
cross_entropy () = Sum((L[n] - z[n,t[n]])/size(n), n)
"""

from __future__ import annotations

import re
from collections.abc import Callable

from graphnet.arguments import number, one_of, takes
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.extent import show_extent
from graphnet.network.nodes import show_difference, show_shape
from graphnet.ops.building import is_number
from graphnet.ops.catalogue import FORMULAS
from graphnet.ops.pointwise import where
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = [
    "LOSSES", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "focal",
    "hinge", "huber", "kl_divergence", "loss", "mae", "mse",
]  # fmt: skip


def mse(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """The squared error (p - t)**2. Legendre 1805, Gauss 1809.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.mse(p, t)
    mse () = Sum((p[n,k] - t[n,k])**2/(size(n)*size(k)), n, k)
    """
    return _elementwise("mse", prediction, target, reduction, weight)


def mae(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """The absolute error |p - t|; slope 0 where they are equal. Laplace 1774.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.mae(p, t)
    mae () = Sum(abs(p[n,k] - t[n,k])/(size(n)*size(k)), n, k)
    """
    return _elementwise("mae", prediction, target, reduction, weight)


def huber(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None, delta: float = 1.0,
) -> Tensor:  # fmt: skip
    """(p - t)**2/2 up to |p - t| = delta, from there on a line. Huber 1964.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.huber(p, t)
    huber () = Sum(where(abs(p[n,k] - t[n,k]) <= 1, 0.5*(p[n,k] - t[n,k])**2, abs(p[n,k] -
    t[n,k]) - 0.5)/(size(n)*size(k)), n, k)
    """
    if number("delta", delta, 0, where="huber") == 0:
        raise GraphnetError("delta is a number above 0, not 0", where="huber")
    return _elementwise("huber", prediction, target, reduction, weight, delta=delta)


def hinge(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """max(0, 1 - t*p) for targets -1 and 1; slope 0 at the kink. Cortes and Vapnik 1995.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.hinge(p, t)
    hinge () = Sum(where(t[n,k]*p[n,k] < 1, 1 - t[n,k]*p[n,k], 0)/(size(n)*size(k)), n, k)
    """
    return _elementwise("hinge", prediction, target, reduction, weight)


def binary_cross_entropy(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """-(t*log(p) + (1 - t)*log(1 - p)) of probabilities, with 0*log(0) = 0. Good 1952.

    Of a sigmoid it is finite for every score; of scores themselves take
    `binary_cross_entropy_with_logits`.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.binary_cross_entropy(p, t)
    binary_cross_entropy () = Sum((-t[n,k]*log(p[n,k]) - (1 - t[n,k])*log(1 -
    p[n,k]))/(size(n)*size(k)), n, k)
    """
    return _elementwise("binary_cross_entropy", prediction, target, reduction, weight)


def binary_cross_entropy_with_logits(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """binary_cross_entropy(sigmoid(z), t) as log(1 + exp(z)) - t*z.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.binary_cross_entropy_with_logits(p, t)
    binary_cross_entropy_with_logits () = Sum((log(1 + exp(p[n,k])) -
    p[n,k]*t[n,k])/(size(n)*size(k)), n, k)
    """
    return _elementwise("binary_cross_entropy_with_logits", prediction, target, reduction, weight)


def focal(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None, gamma: float = 2.0, alpha: float = 0.25,
) -> Tensor:  # fmt: skip
    """binary_cross_entropy in which easy cases count less, of probabilities.

    -alpha*t*(1 - p)**gamma*log(p) - (1 - alpha)*(1 - t)*p**gamma*log(1 - p).
    Lin et al. 2017, equation 5; alpha is the weight of the class t = 1.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.focal(p, t)
    focal () = Sum((-0.25*t[n,k]*(1 - p[n,k])**2*log(p[n,k]) - 0.75*(1 - t[n,k])*p[n,k]**2*log(1 -
    p[n,k]))/(size(n)*size(k)), n, k)
    """
    gamma, alpha = (
        number("gamma", gamma, 0, where="focal"),
        number("alpha", alpha, 0, where="focal"),
    )
    return _elementwise("focal", prediction, target, reduction, weight, gamma=gamma, alpha=alpha)


def cross_entropy(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """-log(softmax(z)) at the class of the target, of logits z whose last axis is the classes.

    The target is one int a row, or a probability for every class. Rows of weight 0 are ignored.
    Good 1952.

    >>> import graphnet as gn
    >>> z, t = gn.input("z", ("batch", 10)), gn.input("t", ("batch",), dtype="int")
    >>> gn.cross_entropy(z, t)
    cross_entropy () = Sum((L[n] - z[n,t[n]])/size(n), n)
    """
    z, t = as_tensor(prediction), as_tensor(target)
    if z.ndim == 0:
        raise GraphnetError(f"expected an axis of classes, came {z!r}", where="cross_entropy")
    names = _indices(z.ndim)
    rows, k = names[:-1], names[-1]
    at = {"L": _at("L", rows), "z": _at("z", names), "T": _at("t", names)}
    first = f"{at['L']} = LogSumExp({at['z']}, {k})"
    if t.shape == z.shape and t.dtype != "int":
        body, over = f"{at['T']}*({at['L']} - {at['z']})", [k]
    elif t.dtype == "int" and t.shape == z.shape[:-1]:
        t = t if rows else t[None]  # a subscript reads its tensor by brackets
        label = _at("t", rows or ["0"])
        body, over = f"({at['L']} - {_at('z', [*rows, label])})", []
    else:
        raise GraphnetError(
            f"expected int classes {show_shape(z.shape[:-1])} or a probability for each class "
            f"{show_shape(z.shape)}, came {t!r}{_apart(z, t, at, names)}",
            where="cross_entropy",
        )
    operands = {"z": z, "t": _as_number(t)}
    return _reduced("cross_entropy", body, rows, over, operands, reduction, weight, z, first)


def _apart(z: Tensor, t: Tensor, at: dict[str, str], names: list[str]) -> str:
    """The index and the formula where a target of the right rank has another size."""
    whole = t.dtype == "int"
    if t.ndim != z.ndim - whole:
        return ""
    axis = next(k for k, (a, b) in enumerate(zip(t.shape, z.shape)) if a != b)
    read = _at("z", [*names[:-1], _at("t", names[:-1])])
    term = f"{at['L']} - {read}" if whole else f"Sum({at['T']}*({at['L']} - {at['z']}), k)"
    return (
        f": index {names[axis]} is {show_extent(t.shape[axis])} in t but "
        f"{show_extent(z.shape[axis])} in z ({_at('Y', names[:-1])} = {term})"
    )


def kl_divergence(
    prediction: TensorLike, target: TensorLike, reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Sum(t*log(t/p)) along the last axis, of probabilities. Kullback and Leibler 1951.

    >>> import graphnet as gn
    >>> p, t = gn.input("p", ("batch", 3)), gn.input("t", ("batch", 3))
    >>> gn.kl_divergence(p, t)
    kl_divergence () = Sum(where(t[n,k] > 0, t[n,k]*(log(t[n,k]) - log(p[n,k])), 0)/size(n), n,
    k)
    """
    p, t = as_tensor(prediction), as_tensor(target)
    if p.ndim == 0 or t.shape != p.shape:
        if p.ndim == 0:
            raise GraphnetError(f"expected an axis of classes, came {p!r}", where="kl_divergence")
        apart = show_difference(("the prediction p", p.shape), ("the target t", t.shape),
                                _indices(p.ndim))  # fmt: skip
        raise GraphnetError(f"{apart} (Y[n] = Sum(t[n,k]*log(t[n,k]/p[n,k]), k))",
                            where="kl_divergence")  # fmt: skip
    names = _indices(p.ndim)
    a, b = _at("p", names), _at("t", names)
    body = f"where({b} > 0, {b}*(log({b}) - log({a})), 0)"
    operands = {"p": p, "t": _as_number(t)}
    rows, over = names[:-1], names[-1:]
    return _reduced("kl_divergence", body, rows, over, operands, reduction, weight, p)


def _as_number(x: Tensor) -> Tensor:
    return where(x, 1, 0) if x.dtype == "bool" else x


def _indices(rank: int) -> list[str]:
    """n for the sample, then i, j, ...; k for the last axis where there are several."""
    middle = [f"{letter}{r or ''}" for r in range(5) for letter in "ijlm"]
    return ["n", *middle[: rank - 2], "k"][:rank] if rank > 1 else ["k"][:rank]


def _at(name: str, indices: list[str]) -> str:
    return f"{name}[{','.join(indices)}]" if indices else name


def _elementwise(
    label: str, prediction: TensorLike, target: TensorLike, reduction: str,
    weight: TensorLike | None, **numbers: float,
) -> Tensor:  # fmt: skip
    """A row of the catalogue in p and t, of a target of the prediction's shape or a number."""
    p = as_tensor(prediction)
    t = target if is_number(target) else _as_number(as_tensor(target))
    if isinstance(t, Tensor) and t.shape not in ((), p.shape):
        where_ = show_difference(("the prediction p", p.shape), ("the target t", t.shape),
                                 _indices(p.ndim))  # fmt: skip
        formula = re.sub(r"\b[pt]\b", lambda m: _at(m[0], _indices(p.ndim)), FORMULAS[label])
        raise GraphnetError(f"{where_} (Y = {formula})", where=label)
    names = _indices(p.ndim)
    spelled = {"p": _at("p", names)}
    if isinstance(t, Tensor) and t.shape:
        spelled["t"] = _at("t", names)
    body = re.sub(r"\b[pt]\b", lambda m: spelled.get(m[0], m[0]), FORMULAS[label])
    operands = {"p": p, "t": t, **numbers}
    return _reduced(label, body, names, [], operands, reduction, weight, p)


def _reduced(
    label: str, body: str, rows: list[str], over: list[str], operands: dict[str, TensorLike],
    reduction: str, weight: TensorLike | None, p: Tensor, first: str = "",
) -> Tensor:  # fmt: skip
    """The loss: `body` summed over `over` is unreduced and has the indices `rows`."""
    reduction = one_of("reduction", reduction, ("mean", "sum", "none"), where=label)
    formulas = [first] if first else []
    term = body
    sizes = [f"size({n})" for n in rows]
    if weight is not None:
        operands["w"] = w = _as_number(as_tensor(weight))
        own = _weight_indices(
            w, p, rows, f"{_at('Y', rows)} = {_at('w', rows[: w.ndim])}*({body})", label
        )
        term = f"{_at('w', own)}*({body})"
        named = [n for n in own if n != "0"]
        if reduction == "mean":
            total = f"Sum({_at('w', own)}, {', '.join(named)})" if named else _at("w", own)
            formulas.append(f"total = {total}")
            sizes = ["total", *(f"size({n})" for n in rows if n not in named)]
    if reduction == "mean" and sizes:
        term = f"({term})/({'*'.join(sizes)})"
    kept = rows if reduction == "none" else []
    loops = over if reduction == "none" else [*rows, *over]
    right = f"Sum({term}, {', '.join(loops)})" if loops else term
    formulas.append(f"{_at('Y', kept)} = {right}")
    return apply("; ".join(formulas), operands, label=label)


def _weight_indices(w: Tensor, p: Tensor, rows: list[str], formula: str, label: str) -> list[str]:
    """The subscripts of the weight: the first indices of the rows, 0 along an axis of size 1."""
    shape = p.shape[: len(rows)]
    pairs = list(zip(w.shape, shape))
    wrong = [n for n, (a, b) in zip(rows, pairs) if a not in (1, b)]
    if w.ndim > len(rows) or wrong:
        what = "" if not wrong else (
            f"index {wrong[0]} is {show_extent(w.shape[rows.index(wrong[0])])} in the weight w but "
            f"{show_extent(shape[rows.index(wrong[0])])} in the loss; "
        )  # fmt: skip
        raise GraphnetError(
            f"{what}the weight has shape {show_shape(w.shape)}, expected the first axes of the "
            f"unreduced loss {show_shape(shape)} ({formula})",
            where=label,
        )
    return ["0" if a == 1 and b != 1 else n for n, (a, b) in zip(rows, pairs)]


LOSSES: dict[str, Callable[..., Tensor]] = {
    f.__name__: f
    for f in (
        mse, mae, huber, hinge, cross_entropy, binary_cross_entropy,
        binary_cross_entropy_with_logits, kl_divergence, focal,
    )
}  # fmt: skip


ELSEWHERE = {  # what Keras and torch call them
    **dict.fromkeys(
        ("categorical_crossentropy", "sparse_categorical_crossentropy", "crossentropyloss", "nll",
         "nll_loss", "nllloss", "softmax_cross_entropy"),
        "'cross_entropy', of logits: it has the softmax in it",
    ),
    **dict.fromkeys(("mean_squared_error", "mseloss", "l2_loss", "squared_error"), "'mse'"),
    **dict.fromkeys(("mean_absolute_error", "l1_loss", "l1loss", "absolute_error"), "'mae'"),
    **dict.fromkeys(
        ("binary_crossentropy", "bce", "bce_loss", "bceloss", "log_loss"), "'binary_cross_entropy'"
    ),
    "bcewithlogitsloss": "'binary_cross_entropy_with_logits'",
    **dict.fromkeys(("kld", "kl_div", "kldivloss"), "'kl_divergence'"),
    **dict.fromkeys(("smooth_l1_loss", "smoothl1loss", "huberloss"), "'huber'"),
}  # fmt: skip


def loss(wish: str | Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss of a name, or a function (prediction, target, reduction=, weight=) as it is."""
    if isinstance(wish, str):
        if wish not in LOSSES:
            tail = did_you_mean(wish, LOSSES, ELSEWHERE)
            raise GraphnetError(f"there is no loss {told(wish)}{tail}")
        return LOSSES[wish]
    if not callable(wish):
        raise GraphnetTypeError(f"a loss is a name or a function, not {told(wish)}")
    takes("a loss", wish, "prediction", "target")
    return wish

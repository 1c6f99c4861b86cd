"""Scaled dot-product attention, a network of five formulas.

>>> from graphnet.ops.define import input
>>> q, k, v = (input(name, ("batch", 5, 8)) for name in "qkv")
>>> attention(q, k, v, causal=True)
attention (batch, 5, 8) = Sum(P[a,i,j]*v[a,j,o], j)
"""

from __future__ import annotations

from graphnet.arguments import flag
from graphnet.errors import GraphnetError
from graphnet.network.nodes import show_shape
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = ["attention", "attention_weights", "weighted_values"]


def attention(
    q: TensorLike, k: TensorLike, v: TensorLike, mask: TensorLike | None = None,
    causal: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(q k^T/sqrt(d)) v over the last two axes; the axes before them broadcast.

    q is (..., queries, d), k (..., keys, d), v (..., keys, e). A bool mask, (..., queries, keys)
    or broadcast to that, is true where a query may look; a float mask is added to the scores.
    `causal` lets query i look at the keys up to i. A query that may look nowhere gets 0, and its
    gradients are 0. Vaswani et al. 2017, equation 1. Raises GraphnetError where sizes differ.

    >>> from graphnet.ops.define import input
    >>> q, k = input("q", ("batch", 2, 5, 8)), input("k", ("batch", 2, 7, 8))
    >>> attention(q, k, k, mask=input("seen", (5, 7), dtype="bool")).shape
    (batch, 2, 5, 8)
    """
    q, k, v = as_tensor(q), as_tensor(k), as_tensor(v)
    _check(q, k, v)
    return weighted_values(attention_weights(q, k, mask, causal), v)


def attention_weights(
    q: Tensor, k: Tensor, mask: TensorLike | None = None, causal: bool = False
) -> Tensor:
    """How much every query looks at every key, (..., queries, keys): rows of sum 1, or of 0."""
    causal = flag("causal", causal, where="attention")
    scores = "D[...,i,j] = Sum(q[...,i,r]*k[...,j,r]/sqrt(size(r)), r)"
    s = apply(scores, {"q": q, "k": k}, label="D")
    score, given, allowed = "D[...,i,j]", {"D": s}, ["j <= i"] if causal else []
    if mask is not None:
        given["M"] = m = _mask(mask, q, k)
        if m.dtype == "bool":
            allowed.insert(0, "M[...,i,j]")
        else:
            score += " + M[...,i,j]"
    if allowed:
        score = f"where({' and '.join(allowed)}, {score}, -oo)"
    if allowed or mask is not None:
        s = apply(f"S[...,i,j] = {score}", given, label="S")
    top = apply("L[...,i] = LogSumExp(S[...,i,j], j)", {"S": s}, label="L")
    return apply("P[...,i,j] = expw(S[...,i,j], L[...,i])", {"S": s, "L": top}, label="P")


def weighted_values(p: Tensor, v: Tensor) -> Tensor:
    """What every query sees: the values v weighted by its row of p."""
    return apply("Y[...,i,o] = Sum(P[...,i,j]*v[...,j,o], j)", {"P": p, "v": v}, label="attention")


def _check(q: Tensor, k: Tensor, v: Tensor) -> None:
    fits = min(q.ndim, k.ndim, v.ndim) >= 2
    if not (fits and q.shape[-1] == k.shape[-1] and k.shape[-2] == v.shape[-2]):
        given = ", ".join(f"{n} {show_shape(t.shape)}" for n, t in zip("qkv", (q, k, v)))
        raise GraphnetError(
            f"expected q (..., queries, d), k (..., keys, d), v (..., keys, e), came {given}",
            where="attention",
        )


def _mask(mask: TensorLike, q: Tensor, k: Tensor) -> Tensor:
    m, full = as_tensor(mask), (q.shape[-2], k.shape[-2])
    if m.ndim < 2 or any(e not in (1, f) for e, f in zip(m.shape[-2:], full, strict=True)):
        raise GraphnetError(
            f"the mask is (..., queries, keys) = (..., {show_shape(full)[1:]}, "
            f"not {show_shape(m.shape)}",
            where="attention",
        )
    return m

"""MultiHeadAttention: several attentions side by side over parts of the features."""

from __future__ import annotations

from typing import Any

from graphnet.arguments import whole
from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.network.nodes import show_shape
from graphnet.ops.attention import attention_weights, weighted_values
from graphnet.ops.layer import Layer, require_width
from graphnet.ops.layers import Dropout
from graphnet.ops.regularizers import Regularizer
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Layer):
    """Attention of `num_heads` heads, each over a part of the features. Vaswani et al. 2017, 3.2.2.

    Called on x (batch, time, features) it is self-attention; on (query, value) or
    (query, value, key) the query looks at another sequence. Head h owns the columns
    h*key_dim .. (h+1)*key_dim - 1 of `Wq` and `Wk`, and as many of value_dim in `Wv`;
    `Wo` (num_heads*value_dim, output_dim) puts the heads together. With `key_dim` left out the
    features of the query are divided among the heads. `causal` lets step t look at the steps up
    to t. `mask` is bool, true where a query may look, (queries, keys) or (batch, queries, keys);
    a float mask is added to the scores. A query that may look nowhere sees 0, so it gives `bo`.

    >>> import graphnet as gn
    >>> layer = gn.MultiHeadAttention(num_heads=2, causal=True)
    >>> layer(gn.input("x", ("batch", 5, 8))).shape
    (batch, 5, 8)
    >>> [p.name for p in layer.parameters]
    ['Wq1', 'bq1', 'Wk1', 'bk1', 'Wv1', 'bv1', 'Wo1', 'bo1']
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int | None = None,
        value_dim: int | None = None,
        output_dim: int | None = None,
        dropout: float = 0.0,
        causal: bool = False,
        use_bias: bool = True,
        init: Any = "glorot_uniform",
        bias_init: Any = "zeros",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        self.num_heads = whole("num_heads", num_heads, 1, where=kind)
        sizes = {"key_dim": key_dim, "value_dim": value_dim, "output_dim": output_dim}
        for what, size in sizes.items():
            if size is not None:
                whole(what, size, 1, where=kind)
        self.key_dim, self.value_dim, self.output_dim = key_dim, value_dim, output_dim
        self.dropout = Dropout(dropout)
        self.causal, self.use_bias = bool(causal), use_bias
        self.init, self.bias_init = init, bias_init
        self.regularizer, self.trainable = regularizer, trainable

    def __call__(  # type: ignore[override]  # its tensors have names
        self,
        query: Tensor,
        value: Tensor | None = None,
        key: Tensor | None = None,
        mask: TensorLike | None = None,
        training: bool = False,
    ) -> Tensor:
        """(batch, queries, output_dim); key is the value and value the query where left out."""
        given = [query]
        if mask is not None:
            value = query if value is None else value
            given += [value, value if key is None else key, as_tensor(mask)]
        elif value is not None or key is not None:
            given += [query if value is None else value, *([key] if key is not None else [])]
        return super().__call__(*given, training=training)

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        value = shapes[min(1, len(shapes) - 1)]
        key = shapes[2] if len(shapes) > 2 else value
        width = require_width(self, shapes[0])
        if self.key_dim is None and width % self.num_heads:
            raise GraphnetError(
                f"{self.label} divides {width} features among {self.num_heads} heads; "
                "give key_dim= where they do not divide"
            )
        self.d = self.key_dim or width // self.num_heads
        self.e = self.value_dim or self.d
        out = self.output_dim or width
        self.projections = {
            role: self._projection(role, fan, units)
            for role, fan, units in (
                ("q", width, self.num_heads * self.d),
                ("k", require_width(self, key), self.num_heads * self.d),
                ("v", require_width(self, value), self.num_heads * self.e),
                ("o", self.num_heads * self.e, out),
            )
        }

    def _projection(self, role: str, fan: int, units: int) -> tuple[Tensor, Tensor | None]:
        W = self.parameter(
            f"W{role}", (fan, units), self.init, trainable=self.trainable,
            regularizer=self.regularizer,
        )  # fmt: skip
        if not self.use_bias:
            return W, None
        return W, self.parameter(f"b{role}", (units,), self.bias_init, trainable=self.trainable)

    def call(self, *given: Any) -> Tensor:
        *tensors, training = given
        query: Tensor = tensors[0]
        value: Tensor = tensors[min(1, len(tensors) - 1)]
        key: Tensor = tensors[2] if len(tensors) > 2 else value
        self._check(query, key, value)
        mask = tensors[3] if len(tensors) > 3 else None
        if mask is not None and mask.ndim == query.ndim > 2:
            mask = mask[:, None]  # the same for all heads
        q, k = self._split("q", query, self.d), self._split("k", key, self.d)
        v = self._split("v", value, self.e)
        p = self.named("P", attention_weights(q, k, mask, self.causal))
        seen = weighted_values(self.dropout.apply(p, training=training), v)
        W, b = self.projections["o"]
        text = f"Y[...,t,o] = Sum(x[...,h,t,d]*W[{self.e}*h + d,o], h, d)"
        return self.named("Z", _affine(text, "b[o]", seen, W, b))

    def _split(self, role: str, x: Tensor, size: int) -> Tensor:
        """x W + b, the columns as (..., heads, time, size)."""
        W, b = self.projections[role]
        at = f"{size}*h + d"
        text = f"Y[...,h,t,d] = Sum(x[...,t,i]*W[i,{at}], i)"
        runs = f", h < {self.num_heads}, d < {size}"
        return self.named(role.upper(), _affine(text, f"b[{at}]", x, W, b, runs))

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Whether they have a time axis, and the features and batches the layer knows."""
        three = {"query": query, "key": key, "value": value}
        for (what, x), role in zip(three.items(), "qkv"):
            if x.ndim < 2:
                raise GraphnetError(
                    f"{self.label} takes (batch, time, features), the {what} is "
                    f"{show_shape(x.shape)}"
                )
            W = self.projections[role][0]
            if x.shape[-1] != W.shape[0]:
                raise GraphnetError(
                    f"{self.label} was built for {W.shape[0]} features of the {what}, its "
                    f"W{role} is {show_shape(W.shape)}, but the {what} is {show_shape(x.shape)}"
                )


def _affine(text: str, bias: str, x: Tensor, W: Tensor, b: Tensor | None, runs: str = "") -> Tensor:
    if b is None:
        return apply(text + runs, {"x": x, "W": W}, label="project")
    return apply(f"{text} + {bias}{runs}", {"x": x, "W": W, "b": b}, label="project")

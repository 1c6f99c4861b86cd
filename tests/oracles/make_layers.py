"""Records torch's layers in float64, weights carried over: writes layers.npz beside this file.

    python tests/oracles/make_layers.py        (with the extra "oracle" installed)

A case is (inputs, weights, what graphnet is asked, what torch is asked). graphnet's function gives
the output of a layer called on the inputs; the weights are its parameters, under their names
without the layer's number. torch's function takes inputs and weights. Recorded in brief, as in
make_windows.py: the output, the gradients of inputs and weights under a random cotangent, and the
gradients of the sum of those gradients times random directions (second order).
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_name("layers.npz")
WINDOWS = runpy.run_path(str(Path(__file__).with_name("make_windows.py")))
brief, draw = WINDOWS["brief"], WINDOWS["draw"]
Arrays = dict[str, np.ndarray]
Case = tuple[Arrays, Arrays, Callable[..., Any], Callable[..., Any]]
CASES: dict[str, Case] = {}


def case(
    name: str, ask: Callable[..., Any], torch: Callable[..., Any], inputs: dict[str, Any],
    weights: dict[str, tuple[int, ...]],
) -> None:  # fmt: skip
    """Inputs are arrays, or shapes that are drawn; weights are drawn."""
    assert name not in CASES
    drawn = {k: draw(name + k, *v) if isinstance(v, tuple) else v for k, v in inputs.items()}
    CASES[name] = drawn, {k: draw(name + k, *v) for k, v in weights.items()}, ask, torch


# -- multi-head attention ------------------------------------------------------------------------

LOOK = np.tril(np.ones((4, 4), bool), 1)
LOOK[2, 0] = False
CROSS = np.ones((4, 6), bool)
CROSS[1, 2:] = CROSS[3, :5] = False
EACH = np.stack([CROSS, CROSS[::-1], CROSS[:, ::-1]])


def attend(heads: int, causal: bool = False) -> Callable[..., Any]:
    """torch.nn.MultiheadAttention with weights that are multiplied from the right."""

    def ask(
        torch: Any, x: Any, Wq: Any, bq: Any, Wk: Any, bk: Any, Wv: Any, bv: Any, Wo: Any, bo: Any,
        v: Any = None, k: Any = None, M: Any = None,
    ) -> Any:  # fmt: skip
        v = x if v is None else v
        k = v if k is None else k
        hidden = None if M is None else ~M
        if hidden is not None and hidden.ndim == 3:
            hidden = hidden.repeat_interleave(heads, 0)
        if causal:
            hidden = torch.triu(torch.ones(x.shape[1], k.shape[1], dtype=torch.bool), 1)
        swapped = [t.transpose(0, 1) for t in (x, k, v)]
        y, _ = torch.nn.functional.multi_head_attention_forward(
            *swapped, x.shape[2], heads, None, torch.cat([bq, bk, bv]), None, None, False, 0.0,
            Wo.T, bo, use_separate_proj_weight=True, q_proj_weight=Wq.T, k_proj_weight=Wk.T,
            v_proj_weight=Wv.T, attn_mask=hidden, need_weights=True,
        )  # fmt: skip
        return y.transpose(0, 1)

    return ask


def projections(query: int, key: int, value: int) -> dict[str, tuple[int, ...]]:
    return {
        "Wq": (query, query), "bq": (query,), "Wk": (key, query), "bk": (query,),
        "Wv": (value, query), "bv": (query,), "Wo": (query, query), "bo": (query,),
    }  # fmt: skip


for heads in (1, 2, 3):
    for causal in (False, True):
        case(f"self-attention of {heads}, {causal}",
             lambda gn, x, h=heads, c=causal: gn.MultiHeadAttention(h, causal=c)(x),
             attend(heads, causal), {"x": (2, 5, 6)}, projections(6, 6, 6))  # fmt: skip
case("self-attention with a mask", lambda gn, x, M: gn.MultiHeadAttention(2)(x, mask=M),
     attend(2), {"x": (3, 4, 6), "M": LOOK}, projections(6, 6, 6))  # fmt: skip
case("attention to another sequence", lambda gn, x, v: gn.MultiHeadAttention(2)(x, v),
     attend(2), {"x": (3, 4, 6), "v": (3, 6, 5)}, projections(6, 5, 5))  # fmt: skip
case("attention with keys of their own",
     lambda gn, x, v, k: gn.MultiHeadAttention(3)(x, v, k), attend(3),
     {"x": (3, 4, 6), "v": (3, 5, 2), "k": (3, 5, 7)}, projections(6, 7, 2))  # fmt: skip
case("attention with a mask a sample",
     lambda gn, x, v, M: gn.MultiHeadAttention(2)(x, v, mask=M), attend(2),
     {"x": (3, 4, 6), "v": (3, 6, 5), "M": EACH}, projections(6, 5, 5))  # fmt: skip
case("attention of no rows", lambda gn, x: gn.MultiHeadAttention(2)(x), attend(2),
     {"x": (0, 4, 6)}, projections(6, 6, 6))  # fmt: skip

# -- norms ---------------------------------------------------------------------------------------

for shape in [(6, 3), (4, 3, 2), (2, 3, 4, 3)]:
    channels = {"g": shape[1:2], "b": shape[1:2]}
    case(f"BatchNorm in training {shape}",
         lambda gn, x: gn.BatchNorm(eps=1e-3)(x, training=True),
         lambda torch, x, g, b: torch.nn.functional.batch_norm(x, None, None, g, b, True, eps=1e-3),
         {"x": shape}, channels)  # fmt: skip
    case(f"BatchNorm at inference {shape}", lambda gn, x: gn.BatchNorm()(x),
         lambda torch, x, g, b: torch.nn.functional.batch_norm(
             x, torch.zeros(3, dtype=x.dtype), torch.ones(3, dtype=x.dtype), g, b),
         {"x": shape}, channels)  # fmt: skip
case("BatchNorm of the last axis", lambda gn, x: gn.BatchNorm(axis=-1)(x, training=True),
     lambda torch, x, g, b: torch.nn.functional.batch_norm(
         x.transpose(1, 2), None, None, g, b, True).transpose(1, 2),
     {"x": (4, 5, 3)}, {"g": (3,), "b": (3,)})  # fmt: skip
case("LayerNorm", lambda gn, x: gn.LayerNorm()(x),
     lambda torch, x, g, b: torch.nn.functional.layer_norm(x, (4,), g, b),
     {"x": (3, 2, 4)}, {"g": (4,), "b": (4,)})  # fmt: skip
case("RMSNorm", lambda gn, x: gn.RMSNorm((1, 2), eps=1e-6)(x),
     lambda torch, x, g: torch.nn.functional.rms_norm(x, (2, 4), g, 1e-6),
     {"x": (3, 2, 4)}, {"g": (2, 4)})  # fmt: skip
case("GroupNorm", lambda gn, x: gn.GroupNorm(2)(x),
     lambda torch, x, g, b: torch.nn.functional.group_norm(x, 2, g, b),
     {"x": (2, 6, 3)}, {"g": (6,), "b": (6,)})  # fmt: skip

# -- embeddings and positions --------------------------------------------------------------------

IDS = np.array([[3, 0, 3], [1, 3, 6]])
case("Embedding", lambda gn, x: gn.Embedding(7, 4)(x),
     lambda torch, x, W: torch.nn.functional.embedding(x, W),
     {"x": IDS}, {"W": (7, 4)})  # fmt: skip
case("Embedding with learned positions",
     lambda gn, x: gn.PositionalEncoding(name="p")(gn.Embedding(7, 4, name="e")(x)),
     lambda torch, x, e_W, p_W: torch.nn.functional.embedding(x, e_W) + p_W, {"x": IDS},
     {"e_W": (7, 4), "p_W": (3, 4)})  # fmt: skip


def torch_results(name: str) -> np.ndarray:
    """The output of a case and its gradients of both orders, in brief, as live torch finds them."""
    import torch

    inputs, weights, _, ask = CASES[name]
    both = {**inputs, **weights}
    tensors = {k: torch.tensor(v, requires_grad=v.dtype.kind == "f") for k, v in both.items()}
    y = ask(torch, **tensors)
    floats = [v for v in tensors.values() if v.requires_grad]
    up = torch.tensor(draw(name, *y.shape))
    found = torch.autograd.grad(y, floats, up, create_graph=True)
    along = sum((g * torch.tensor(way(name, k, g.shape))).sum() for k, g in enumerate(found))
    second = [torch.zeros_like(v) for v in floats]
    if along.requires_grad:
        given = torch.autograd.grad(along, floats, allow_unused=True)
        second = [z if g is None else g for g, z in zip(given, second)]
    return np.concatenate([brief(p.detach().numpy()) for p in (y, *found, *second)])


def way(name: str, k: int, shape: tuple[int, ...]) -> np.ndarray:
    """The direction for the gradient k of a case."""
    return draw(f"{name} way {k}", *shape)


def main() -> None:
    results = {name: torch_results(name) for name in CASES}
    for name, result in results.items():
        assert np.isfinite(result).all(), name
    np.savez_compressed(
        TABLE,
        names=np.array(list(results)),
        ends=np.cumsum([r.size for r in results.values()]),
        values=np.concatenate(list(results.values())),
    )
    print(f"{TABLE.name}: {len(results)} cases, {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

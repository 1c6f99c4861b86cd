"""Records torch's windows, norms and attention in float64: writes windows.npz beside this file.

    python tests/oracles/make_windows.py        (with the extra "oracle" installed)

A case is (inputs, what graphnet is asked, what torch is asked), recorded as in make_ops.py:
the result and the gradients of all float inputs under a random cotangent. Of every array at most
KEPT numbers stand in the table, evenly spread, and behind them its sum and its sum of squares.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_name("windows.npz")
KEPT = 60
Case = tuple[dict[str, np.ndarray], Callable[..., Any], Callable[..., Any]]
CASES: dict[str, Case] = {}


def draw(name: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape)


def case(name: str, ask: Callable[..., Any], torch: Callable[..., Any], **inputs: Any) -> None:
    """Inputs are arrays, or shapes that are drawn."""
    assert name not in CASES
    drawn = {k: draw(name + k, *v) if isinstance(v, tuple) else v for k, v in inputs.items()}
    CASES[name] = drawn, ask, torch


def brief(array: np.ndarray) -> np.ndarray:
    """What is kept of an array."""
    flat = np.ravel(array).astype(np.float64)
    kept = flat[:: max(1, -(-flat.size // KEPT))]
    return np.concatenate([kept, [flat.sum(), (flat**2).sum()]])


# -- convolutions: shapes of x and w, arguments --------------------------------------------------

for shape, window, options in [
    ((2, 3, 9), (4, 3, 3), {}), ((2, 3, 9), (4, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 3, 9), (4, 3, 3), {"padding": "same", "dilation": 2}),
    ((2, 3, 9), (4, 3, 4), {"padding": "same"}), ((2, 3, 9), (4, 3, 3), {"padding": "valid"}),
    ((2, 4, 9), (6, 2, 3), {"groups": 2, "stride": 3}), ((2, 4, 9), (8, 1, 3), {"groups": 4}),
    ((2, 3, 4), (4, 3, 2), {"padding": 5}), ((1, 1, 1), (1, 1, 1), {}),
    ((0, 3, 9), (4, 3, 3), {"padding": 1}), ((2, 1, 3), (2, 1, 3), {"padding": 3, "stride": 5}),
]:  # fmt: skip
    for bias in (False, True):
        case(f"conv1d {shape} {window} {options} {bias}",
             lambda gn, x, w, b=None, o=options: gn.conv1d(x, w, b=b, **o),
             lambda F, x, w, b=None, o=options: F.conv1d(x, w, b, **o),
             x=shape, w=window, **({"b": window[:1]} if bias else {}))  # fmt: skip

CONV2D = [
    ((2, 3, 7, 8), (4, 3, 3, 3), {}), ((2, 3, 7, 8), (4, 3, 3, 2), {"stride": 2, "padding": 1}),
    ((2, 3, 7, 8), (4, 3, 3, 2), {"stride": (1, 3), "padding": (2, 0), "dilation": (2, 1)}),
    ((2, 3, 7, 8), (4, 3, 3, 3), {"padding": "same"}),
    ((2, 3, 7, 8), (4, 3, 2, 4), {"padding": "same", "dilation": (3, 1)}),
    ((2, 4, 6, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1, "stride": 2}),
    ((2, 3, 6, 5), (6, 1, 3, 3), {"groups": 3, "padding": 1}), ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((2, 2, 3, 3), (3, 2, 2, 2), {"padding": 4}), ((0, 3, 5, 5), (2, 3, 3, 3), {}),
    ((2, 1, 5, 1), (2, 1, 3, 1), {"stride": (2, 7)}), ((1, 5, 4, 4), (3, 5, 1, 1), {"stride": 3}),
]  # fmt: skip
for shape, window, options in CONV2D:
    case(f"conv2d {shape} {window} {options}",
         lambda gn, x, w, b, o=options: gn.conv2d(x, w, b=b, **o),
         lambda F, x, w, b, o=options: F.conv2d(x, w, b, **o),
         x=shape, w=window, b=window[:1])  # fmt: skip

for shape, window, options in [
    ((2, 3, 4, 5), (3, 2, 3, 3), {}), ((2, 3, 4, 5), (3, 2, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 3, 4, 5), (3, 2, 3, 2), {"stride": (2, 3), "padding": 1, "output_padding": (1, 2)}),
    ((2, 3, 4, 5), (3, 2, 2, 2), {"stride": 3, "dilation": 2, "padding": (0, 1)}),
    ((2, 4, 3, 3), (4, 3, 3, 3), {"groups": 2, "stride": 2, "output_padding": 1}),
    ((2, 4, 3, 3), (4, 1, 2, 2), {"groups": 4}), ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((0, 3, 4, 4), (3, 2, 3, 3), {"stride": 2}), ((1, 2, 3, 3), (2, 1, 5, 5), {"padding": 3}),
]:  # fmt: skip
    case(f"conv2d_transpose {shape} {window} {options}",
         lambda gn, x, w, b, o=options: gn.conv2d_transpose(x, w, b=b, **o),
         lambda F, x, w, b, o=options: F.conv_transpose2d(x, w, b, **o), x=shape, w=window,
         b=(window[1] * options.get("groups", 1),))  # fmt: skip

for shape, window, options in [
    ((2, 3, 5), (3, 2, 3), {}), ((2, 3, 5), (3, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 4, 5), (4, 1, 2), {"groups": 2, "stride": 3, "output_padding": 2}),
    ((2, 3, 4), (3, 2, 3), {"stride": 2, "dilation": 3, "padding": 2}),
]:  # fmt: skip
    case(f"conv1d_transpose {shape} {window} {options}",
         lambda gn, x, w, b, o=options: gn.conv1d_transpose(x, w, b=b, **o),
         lambda F, x, w, b, o=options: F.conv_transpose1d(x, w, b, **o), x=shape, w=window,
         b=(window[1] * options.get("groups", 1),))  # fmt: skip

# -- poolings ------------------------------------------------------------------------------------

for shape, size, options in [
    ((2, 3, 6, 8), 2, {}), ((2, 3, 7, 7), 3, {"stride": 2, "padding": 1}),
    ((2, 1, 7, 8), (3, 2), {"stride": (1, 2), "padding": (1, 0)}), ((1, 1, 1, 1), 1, {}),
    ((2, 2, 5, 5), 2, {"stride": 3}), ((2, 2, 3, 3), 2, {"padding": 1}),
    ((2, 2, 1, 4), (2, 1), {"padding": (1, 0), "stride": 1}), ((0, 2, 4, 4), 2, {}),
    ((2, 3, 7), 2, {}), ((2, 3, 7), 3, {"stride": 2, "padding": 1}), ((2, 1, 5), 4, {"stride": 1}),
]:  # fmt: skip
    rank = len(shape) - 2
    case(f"max_pool{rank}d {shape} {size} {options}",
         lambda gn, x, k=size, o=options, r=rank: getattr(gn, f"max_pool{r}d")(x, k, **o),
         lambda F, x, k=size, o=options, r=rank: getattr(F, f"max_pool{r}d")(x, k, **o),
         x=shape)  # fmt: skip
    for counted in (True, False):
        case(f"avg_pool{rank}d {shape} {size} {options} {counted}",
             lambda gn, x, k=size, o=options, c=counted, r=rank: getattr(gn, f"avg_pool{r}d")(
                 x, k, count_include_pad=c, **o),
             lambda F, x, k=size, o=options, c=counted, r=rank: getattr(F, f"avg_pool{r}d")(
                 x, k, count_include_pad=c, **o), x=shape)  # fmt: skip

# -- channels last: the same numbers, moved ------------------------------------------------------

for shape, window, options in [
    ((2, 7, 8, 3), (4, 3, 3, 2), {"stride": 2, "padding": 1}),
    ((2, 6, 5, 4), (6, 2, 3, 3), {"groups": 2, "padding": 2, "dilation": 2}),
]:  # fmt: skip
    case(f"conv2d NHWC {shape} {window} {options}",
         lambda gn, x, w, b, o=options: gn.conv2d(x, w, b=b, layout="NHWC", **o),
         lambda F, x, w, b, o=options: F.conv2d(x.permute(0, 3, 1, 2), w, b, **o)
         .permute(0, 2, 3, 1),
         x=shape, w=window, b=window[:1])  # fmt: skip
case("conv2d_transpose NHWC",
     lambda gn, x, w, b: gn.conv2d_transpose(x, w, 2, 1, b=b, layout="NHWC"),
     lambda F, x, w, b: F.conv_transpose2d(x.permute(0, 3, 1, 2), w, b, 2, 1).permute(0, 2, 3, 1),
     x=(2, 4, 5, 3), w=(3, 2, 3, 3), b=(2,))  # fmt: skip
case("conv1d NWC", lambda gn, x, w: gn.conv1d(x, w, padding="same", layout="NWC"),
     lambda F, x, w: F.conv1d(x.permute(0, 2, 1), w, padding="same").permute(0, 2, 1),
     x=(2, 9, 3), w=(4, 3, 3))  # fmt: skip
case("max_pool2d NHWC", lambda gn, x: gn.max_pool2d(x, 3, 2, 1, layout="NHWC"),
     lambda F, x: F.max_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1).permute(0, 2, 3, 1),
     x=(2, 7, 6, 3))  # fmt: skip
case("avg_pool2d NHWC", lambda gn, x: gn.avg_pool2d(x, 2, layout="NHWC"),
     lambda F, x: F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1),
     x=(2, 7, 6, 3))  # fmt: skip

# -- norms ---------------------------------------------------------------------------------------

for shape, axes in [((3, 5), (-1,)), ((2, 3, 4), (-1,)), ((2, 3, 4), (1, 2)), ((4,), (0,)),
                    ((0, 4), (-1,)), ((2, 1), (-1,))]:  # fmt: skip
    own = tuple(shape[a] for a in axes)
    case(f"layer_norm {shape} {axes}", lambda gn, x, a=axes: gn.layer_norm(x, axis=a),
         lambda F, x, s=own: F.layer_norm(x, s), x=shape)  # fmt: skip
    case(f"layer_norm {shape} {axes} affine",
         lambda gn, x, g, b, a=axes: gn.layer_norm(x, g, b, eps=1e-3, axis=a),
         lambda F, x, g, b, s=own: F.layer_norm(x, s, g, b, 1e-3), x=shape,
         g=own, b=own)  # fmt: skip
    case(f"rms_norm {shape} {axes}", lambda gn, x, g, a=axes: gn.rms_norm(x, g, axis=a),
         lambda F, x, g, s=own: F.rms_norm(x, s, g, 1e-5), x=shape, g=own)  # fmt: skip
case("layer_norm of constant rows", lambda gn, x: gn.layer_norm(x),
     lambda F, x: F.layer_norm(x, (4,)), x=np.outer([1.0, -3, 0], np.ones(4)))  # fmt: skip
case("layer_norm with an offset", lambda gn, x: gn.layer_norm(x),
     lambda F, x: F.layer_norm(x - 2.0**20, (8,)),
     x=2.0**20 + np.round(draw("offset", 3, 8), 2) // 2**-12 * 2**-12)  # fmt: skip

for shape in [(5, 3), (4, 3, 2), (2, 3, 4, 3), (3, 1, 1, 2)]:
    case(f"batch_norm {shape}", lambda gn, x, g, b: gn.batch_norm(x, g, b),
         lambda F, x, g, b: F.batch_norm(x, None, None, g, b, True), x=shape, g=shape[1:2],
         b=shape[1:2])  # fmt: skip
for shape, groups in [((2, 6, 3, 2), 3), ((3, 4), 2), ((2, 4, 5), 4), ((2, 4, 5), 1),
                      ((0, 4, 3), 2)]:  # fmt: skip
    case(f"group_norm {shape} {groups}", lambda gn, x, g, b, k=groups: gn.group_norm(x, k, g, b),
         lambda F, x, g, b, k=groups: F.group_norm(x, k, g, b), x=shape, g=shape[1:2],
         b=shape[1:2])  # fmt: skip

# -- attention -----------------------------------------------------------------------------------

MASK = np.tril(np.ones((4, 5), bool), 1)
MASK[2, 1] = False
for shape, keys, width in [((2, 4, 3), 5, 3), ((2, 2, 4, 3), 5, 2), ((4, 3), 5, 1), ((1, 1), 1, 1),
                           ((0, 4, 3), 5, 2)]:  # fmt: skip
    lead = shape[:-2]
    given = {"q": shape, "k": (*lead, keys, shape[-1]), "v": (*lead, keys, width)}
    for causal in (False, True):
        case(f"attention {shape} {keys} {causal}",
             lambda gn, q, k, v, c=causal: gn.attention(q, k, v, causal=c),
             lambda F, q, k, v, c=causal: F.scaled_dot_product_attention(q, k, v, is_causal=c),
             **given)  # fmt: skip
    if shape[-2] == 4:
        case(f"attention {shape} {keys} bool mask",
             lambda gn, q, k, v, M: gn.attention(q, k, v, M),
             lambda F, q, k, v, M: F.scaled_dot_product_attention(q, k, v, M),
             M=MASK, **given)  # fmt: skip
        case(f"attention {shape} {keys} float mask",
             lambda gn, q, k, v, M: gn.attention(q, k, v, M),
             lambda F, q, k, v, M: F.scaled_dot_product_attention(q, k, v, M),
             M=(4, 5), **given)  # fmt: skip


def torch_results(name: str) -> np.ndarray:
    """The result of a case and its gradients, in brief, as live torch finds them."""
    import torch

    inputs, _, ask = CASES[name]
    tensors = {k: torch.tensor(v, requires_grad=v.dtype.kind == "f") for k, v in inputs.items()}
    y = ask(torch.nn.functional, **tensors)
    floats = [v for v in tensors.values() if v.requires_grad]
    up = torch.tensor(draw(name, *y.shape))
    found = torch.autograd.grad(y, floats, up, allow_unused=True)
    parts = [y, *(torch.zeros_like(v) if g is None else g for g, v in zip(found, floats))]
    return np.concatenate([brief(p.detach().numpy()) for p in parts])


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

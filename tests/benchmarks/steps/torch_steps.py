"""The workloads in torch: eager autograd with torch.optim, and one compiled function a step.

Both get tensors made once from the same arrays. Eager: gradients set to None, fused optimizer;
"unfused" with the optimizer as it comes, which most code has.
Compiled: forward, backward (torch.func) and update in one graph, parameters updated in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.benchmarks.steps import Step, Unsupported
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make"]


def xor(p: Any, x: Any, t: Any) -> Any:
    import torch
    import torch.nn.functional as F

    h = torch.tanh(torch.addmm(p["b1"], x, p["W1"]))
    return F.mse_loss(torch.sigmoid(torch.addmm(p["b2"], h, p["W2"])), t)


def digits(p: Any, x: Any, t: Any) -> Any:
    import torch
    import torch.nn.functional as F

    h = torch.relu(torch.addmm(p["b1"], x, p["W1"]))
    return F.cross_entropy(torch.addmm(p["b2"], h, p["W2"]), t)


def mlp(relu: bool) -> Callable[..., Any]:
    def loss(p: Any, x: Any, t: Any) -> Any:
        import torch
        import torch.nn.functional as F

        z1 = torch.addmm(p["b1"], x, p["W1"])
        h1 = torch.relu(z1) if relu else F.gelu(z1, approximate="tanh")
        z2 = torch.addmm(p["b2"], h1, p["W2"])
        h2 = torch.relu(z2) if relu else torch.tanh(z2)
        return F.cross_entropy(torch.addmm(p["b3"], h2, p["W3"]), t)

    return loss


def cnn(p: Any, x: Any, t: Any) -> Any:
    """Kernels are (out, in, y, x); x is viewed as (batch, 1, 28, 28), which moves nothing."""
    import torch
    import torch.nn.functional as F

    a = x.permute(0, 3, 1, 2)
    for k in "12":
        a = F.max_pool2d(torch.relu(F.conv2d(a, p[f"W{k}"], p[f"b{k}"], padding=1)), 2)
    return F.cross_entropy(torch.addmm(p["b3"], a.flatten(1), p["W3"]), t)


def rnn(p: Any, x: Any, t: Any) -> Any:
    """The projections of all inputs at once, then the loop."""
    import torch
    import torch.nn.functional as F

    steps = (x @ p["Wx"] + p["b"]).unbind(0)
    h = torch.tanh(steps[0])
    for a in steps[1:]:
        h = torch.tanh(torch.addmm(a, h, p["Wh"]))
    return F.cross_entropy(torch.addmm(p["bo"], h, p["Wo"]), t)


def rnn_module(p: Any, x: Any, t: Any) -> Any:
    """torch's own loop (what nn.RNN calls); its weights are (out, in), its second bias is 0."""
    import torch
    import torch.nn.functional as F

    weights = [p["Wx"], p["Wh"], p["b"], p["zero"]]
    _, h = torch.rnn_tanh(x, p["h0"], weights, True, 1, 0.0, True, False, False)
    return F.cross_entropy(torch.addmm(p["bo"], h[0], p["Wo"]), t)


def block(p: Any, end: str, x: Any, heads: int, causal: bool) -> Any:
    """Queries, keys and values by one product, torch's own attention."""
    import torch.nn.functional as F

    n, length, d = x.shape
    u = F.layer_norm(x, (d,), p[f"g1{end}"], p[f"s1{end}"])
    y = u @ p[f"Wqkv{end}"]
    if f"bqkv{end}" in p:
        y = y + p[f"bqkv{end}"]
    q, k, v = y.view(n, length, 3, heads, d // heads).permute(2, 0, 3, 1, 4).unbind(0)
    a = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    y = x + a.transpose(1, 2).reshape(n, length, d) @ p[f"Wo{end}"]
    if f"bo{end}" in p:
        y = y + p[f"bo{end}"]
    w = F.layer_norm(y, (d,), p[f"g2{end}"], p[f"s2{end}"])
    h = F.gelu(w @ p[f"W1{end}"] + p[f"b1{end}"], approximate="tanh")
    return y + h @ p[f"W2{end}"] + p[f"b2{end}"]


def transformer(p: Any, x: Any, t: Any) -> Any:
    import torch.nn.functional as F

    z = block(p, "", x, 1, False) @ p["W3"] + p["b3"]
    return F.cross_entropy(z.flatten(0, 1), t.flatten())


def gpt(p: Any, x: Any, t: Any) -> Any:
    import torch.nn.functional as F

    z = F.embedding(x, p["E"]) + p["P"]
    for i in range(3):
        z = block(p, f"_{i}", z, 3, True)
    z = F.layer_norm(z, (48,), p["g3"], p["s3"])[:, 5:] @ p["W3"]
    return F.cross_entropy(z.flatten(0, 1), t.flatten())


def own_layout(name: str, first: dict[str, Any], eager: bool) -> tuple[dict[str, Any], set[str]]:
    """The first parameters in the layouts torch is fastest with, and which stay as they are."""
    import torch

    p = dict(first)
    if name == "W5":
        for k in ("W1", "W2"):
            p[k] = p[k].permute(3, 2, 0, 1).contiguous()
        p["W3"] = p["W3"].view(7, 7, 32, 10).permute(2, 0, 1, 3).reshape(-1, 10)
    elif name == "W6" and eager:
        p |= {k: p[k].T.contiguous() for k in ("Wx", "Wh")}
        return p | {"zero": torch.zeros(64), "h0": torch.zeros(1, 32, 64)}, {"zero", "h0"}
    elif name in ("W7", "W8"):
        for end in [k[2:] for k in first if k.startswith("Wq")]:
            d = p[f"Wq{end}"].shape[0]
            p[f"Wqkv{end}"] = torch.cat([p.pop(f"W{k}{end}").reshape(d, d) for k in "qkv"], 1)
            p[f"Wo{end}"] = p[f"Wo{end}"].reshape(d, d)
            if f"bq{end}" in p:
                p[f"bqkv{end}"] = torch.cat([p.pop(f"b{k}{end}").reshape(d) for k in "qkv"])
    return p, set()


# Loss, optimizer.
TABLE: dict[str, tuple[Callable[..., Any], str]] = {
    "W1": (xor, "sgd"),
    "W2": (digits, "sgd"),
    "W3": (mlp(relu=True), "adam"),
    "W4": (mlp(relu=False), "adam"),
    "W5": (cnn, "sgd"),
    "W6": (rnn, "sgd"),
    "W7": (transformer, "adam"),
    "W8": (gpt, "adam"),
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    import torch

    if workload.name not in TABLE:
        raise Unsupported("not written")
    torch.set_num_threads(1)
    loss, optimizer = TABLE[workload.name]
    eager = variant != "compile"
    if workload.name == "W6" and eager:
        loss = rnn_module
    first = {k: torch.from_numpy(a) for k, a in case.parameters.items()}
    first, fixed = own_layout(workload.name, first, eager)
    options = workload.options
    if eager:
        run, reset = _eager(loss, optimizer, first, fixed, options, fused=variant == "eager")
    else:
        run, reset = _compiled(loss, optimizer, first, fixed, options)
    reset()
    return Step(run, reset, lambda x, t: (torch.from_numpy(x), torch.from_numpy(t)))


def _eager(
    loss: Any, optimizer: str, first: Any, fixed: set[str], o: dict[str, float], *, fused: bool
) -> tuple[Any, Any]:
    import torch

    p = {k: a.clone().requires_grad_(k not in fixed) for k, a in first.items()}
    several = [a for a in p.values() if a.requires_grad]
    if optimizer == "sgd":
        momentum = o.get("momentum", 0.0)
        made: Any = torch.optim.SGD(several, lr=o["lr"], momentum=momentum, fused=fused)
    elif "decay" in o:
        betas = (o["beta1"], o["beta2"])
        made = torch.optim.AdamW(
            several, lr=o["lr"], betas=betas, weight_decay=o["decay"], fused=fused
        )
    else:
        made = torch.optim.Adam(several, lr=o["lr"], fused=fused)

    def run(x: Any, t: Any) -> Any:
        made.zero_grad(set_to_none=True)
        value = loss(p, x, t)
        value.backward()
        made.step()
        return value.item()

    def reset() -> None:
        made.state.clear()
        with torch.no_grad():
            for k, a in p.items():
                a.copy_(first[k])
                a.grad = None

    return run, reset


def _compiled(
    loss: Any, optimizer: str, first: Any, fixed: set[str], o: dict[str, float]
) -> tuple[Any, Any]:
    import torch

    assert not fixed
    p = {k: a.clone() for k, a in first.items()}
    states = [{k: torch.zeros_like(a) for k, a in p.items()} for _ in range(2)]
    count = torch.zeros(())
    lr, mu, decay = o["lr"], o.get("momentum", 0.0), o.get("decay", 0.0)
    b1, b2 = o.get("beta1", 0.9), o.get("beta2", 0.999)

    def whole(x: Any, t: Any) -> Any:
        g, value = torch.func.grad_and_value(loss)(p, x, t)
        m, v = states
        if optimizer == "adam":
            count.add_(1)
            # in float32 1 - 0.999**t loses digits; expm1 keeps them
            c1 = -torch.expm1(count * math.log(b1))
            c2 = -torch.expm1(count * math.log(b2))
        for k, w in p.items():
            if optimizer == "adam":
                m[k].mul_(b1).add_(g[k], alpha=1 - b1)
                v[k].mul_(b2).addcmul_(g[k], g[k], value=1 - b2)
                if decay:
                    w.mul_(1 - lr * decay)
                w.sub_(lr * (m[k] / c1) / (torch.sqrt(v[k] / c2) + 1e-8))
            elif mu:
                m[k].mul_(mu).add_(g[k])
                w.sub_(m[k], alpha=lr)
            else:
                w.sub_(g[k], alpha=lr)
        return value

    fast = torch.compile(whole, fullgraph=True, dynamic=False)

    def run(x: Any, t: Any) -> Any:
        with torch.no_grad():
            return fast(x, t).item()

    def reset() -> None:
        for k, a in p.items():
            a.copy_(first[k])
            states[0][k].zero_()
            states[1][k].zero_()
        count.zero_()

    return run, reset

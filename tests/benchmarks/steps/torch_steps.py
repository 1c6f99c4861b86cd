"""The workloads in torch: eager autograd with torch.optim, and one compiled function a step.

Both get tensors made once from the same arrays. Eager: gradients set to None, fused optimizer.
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


# Loss, optimizer.
TABLE: dict[str, tuple[Callable[..., Any], str]] = {
    "W1": (xor, "sgd"),
    "W2": (digits, "sgd"),
    "W3": (mlp(relu=True), "adam"),
    "W4": (mlp(relu=False), "adam"),
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    import torch

    if workload.name not in TABLE:
        raise Unsupported(workload.name)
    torch.set_num_threads(1)
    loss, optimizer = TABLE[workload.name]
    first = {k: torch.from_numpy(a) for k, a in case.parameters.items()}
    build = _eager if variant == "eager" else _compiled
    run, reset = build(loss, optimizer, first, workload.options)
    reset()
    return Step(run, reset, lambda x, t: (torch.from_numpy(x), torch.from_numpy(t)))


def _eager(loss: Any, optimizer: str, first: Any, o: dict[str, float]) -> tuple[Any, Any]:
    import torch

    p = {k: a.clone().requires_grad_() for k, a in first.items()}
    several = list(p.values())
    if optimizer == "sgd":
        made: Any = torch.optim.SGD(
            several, lr=o["lr"], momentum=o.get("momentum", 0.0), fused=True
        )
    elif "decay" in o:
        betas = (o["beta1"], o["beta2"])
        made = torch.optim.AdamW(
            several, lr=o["lr"], betas=betas, weight_decay=o["decay"], fused=True
        )
    else:
        made = torch.optim.Adam(several, lr=o["lr"], fused=True)

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


def _compiled(loss: Any, optimizer: str, first: Any, o: dict[str, float]) -> tuple[Any, Any]:
    import torch

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

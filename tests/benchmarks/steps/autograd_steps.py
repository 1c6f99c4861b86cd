"""The workloads in HIPS autograd: value_and_grad of a NumPy function, then the naive update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.steps import Step, Unsupported, naive
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make"]


def cross_entropy(z: Any, t: Any) -> Any:
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    return np.mean(logsumexp(z, axis=1) - z[np.arange(len(t)), t])


def xor(p: Any, x: Any, t: Any) -> Any:
    import autograd.numpy as np

    h = np.tanh(np.dot(x, p["W1"]) + p["b1"])
    return np.mean((1 / (1 + np.exp(-(np.dot(h, p["W2"]) + p["b2"]))) - t) ** 2)


def digits(p: Any, x: Any, t: Any) -> Any:
    import autograd.numpy as np

    h = np.maximum(np.dot(x, p["W1"]) + p["b1"], 0)
    return cross_entropy(np.dot(h, p["W2"]) + p["b2"], t)


def gelu(z: Any) -> Any:
    import autograd.numpy as np

    return 0.5 * z * (1 + np.tanh(naive.GELU * (z + 0.044715 * z * z * z)))


def mlp(relu: bool) -> Callable[..., Any]:
    def loss(p: Any, x: Any, t: Any) -> Any:
        import autograd.numpy as np

        z1 = np.dot(x, p["W1"]) + p["b1"]
        h1 = np.maximum(z1, 0) if relu else gelu(z1)
        z2 = np.dot(h1, p["W2"]) + p["b2"]
        h2 = np.maximum(z2, 0) if relu else np.tanh(z2)
        return cross_entropy(np.dot(h2, p["W3"]) + p["b3"], t)

    return loss


TABLE: dict[str, Callable[..., Any]] = {
    "W1": xor,
    "W2": digits,
    "W3": mlp(relu=True),
    "W4": mlp(relu=False),
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    from autograd import value_and_grad

    if workload.name not in TABLE:
        raise Unsupported(workload.name)
    both = value_and_grad(TABLE[workload.name])
    optimizer = naive.TABLE[workload.name][1]
    p: dict[str, Any] = {}
    update: Any = None

    def reset() -> None:
        nonlocal update
        p.clear()
        p.update({k: a.copy() for k, a in case.parameters.items()})
        update = optimizer(p, workload.options)

    def run(x: Any, t: Any) -> Any:
        loss, g = both(p, x, t)
        update(g)
        return loss

    reset()
    return Step(run, reset)

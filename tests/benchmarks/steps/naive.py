"""What a textbook writes: NumPy expressions, gradients by hand, one statement a formula.

The same code in float64 is the reference that every row's losses are compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.steps import Step, Unsupported, naive_large
from tests.benchmarks.steps.naive_large import cross_entropy, gelu
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make"]

Arrays = dict[str, Any]
Gradients = Callable[[Arrays, Any, Any], tuple[Any, Arrays]]


def xor(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
    h = np.tanh(x @ p["W1"] + p["b1"])
    y = 1 / (1 + np.exp(-(h @ p["W2"] + p["b2"])))
    d_z2 = 2 * (y - t) / len(x) * y * (1 - y)
    d_z1 = d_z2 @ p["W2"].T * (1 - h**2)
    return np.mean((y - t) ** 2), {
        "W1": x.T @ d_z1, "b1": d_z1.sum(axis=0), "W2": h.T @ d_z2, "b2": d_z2.sum(axis=0),
    }  # fmt: skip


def digits(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
    z1 = x @ p["W1"] + p["b1"]
    h = np.maximum(z1, 0)
    loss, d_z2 = cross_entropy(h @ p["W2"] + p["b2"], t)
    d_z1 = d_z2 @ p["W2"].T * (z1 > 0)
    return loss, {
        "W1": x.T @ d_z1, "b1": d_z1.sum(axis=0), "W2": h.T @ d_z2, "b2": d_z2.sum(axis=0),
    }  # fmt: skip


def mlp(relu: bool) -> Gradients:
    def gradients(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
        z1 = x @ p["W1"] + p["b1"]
        h1, slope1 = (np.maximum(z1, 0), z1 > 0) if relu else gelu(z1)
        z2 = h1 @ p["W2"] + p["b2"]
        h2 = np.maximum(z2, 0) if relu else np.tanh(z2)
        loss, d_z3 = cross_entropy(h2 @ p["W3"] + p["b3"], t)
        d_z2 = d_z3 @ p["W3"].T * (z2 > 0 if relu else 1 - h2**2)
        d_z1 = d_z2 @ p["W2"].T * slope1
        return loss, {
            "W1": x.T @ d_z1, "b1": d_z1.sum(axis=0), "W2": h1.T @ d_z2, "b2": d_z2.sum(axis=0),
            "W3": h2.T @ d_z3, "b3": d_z3.sum(axis=0),
        }  # fmt: skip

    return gradients


# Optimizers: (parameters, options) -> update(gradients), which changes the parameters.
def sgd(p: Arrays, o: dict[str, float]) -> Callable[[Arrays], None]:
    def update(g: Arrays) -> None:
        for k in p:
            p[k] = p[k] - o["lr"] * g[k]

    return update


def momentum(p: Arrays, o: dict[str, float]) -> Callable[[Arrays], None]:
    v = {k: np.zeros_like(a) for k, a in p.items()}

    def update(g: Arrays) -> None:
        for k in p:
            v[k] = o["momentum"] * v[k] + g[k]
            p[k] = p[k] - o["lr"] * v[k]

    return update


def adam(p: Arrays, o: dict[str, float]) -> Callable[[Arrays], None]:
    m = {k: np.zeros_like(a) for k, a in p.items()}
    v = {k: np.zeros_like(a) for k, a in p.items()}
    b1, b2, decay = o.get("beta1", 0.9), o.get("beta2", 0.999), o.get("decay", 0.0)
    t = 0

    def update(g: Arrays) -> None:
        nonlocal t
        t += 1
        for k in p:
            m[k] = b1 * m[k] + (1 - b1) * g[k]
            v[k] = b2 * v[k] + (1 - b2) * g[k] ** 2
            m_hat, v_hat = m[k] / (1 - b1**t), v[k] / (1 - b2**t)
            if decay:
                p[k] = p[k] - o["lr"] * decay * p[k]
            p[k] = p[k] - o["lr"] * m_hat / (np.sqrt(v_hat) + 1e-8)

    return update


TABLE: dict[str, tuple[Gradients, Any]] = {
    "W1": (xor, sgd),
    "W2": (digits, momentum),
    "W3": (mlp(relu=True), adam),
    "W4": (mlp(relu=False), adam),
    "W5": (naive_large.cnn, sgd),
    "W6": (naive_large.rnn, sgd),
    "W7": (naive_large.transformer, adam),
    "W8": (naive_large.gpt, adam),
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    if workload.name not in TABLE:
        raise Unsupported("not written")
    gradients, optimizer = TABLE[workload.name]
    dtype = np.float64 if variant == "float64" else np.float32
    p: Arrays = {}
    options = dict(workload.options)
    if variant == "wrong":
        options["lr"] *= 1.01
    update = None

    def reset() -> None:
        nonlocal update
        p.clear()
        p.update({k: a.astype(dtype) for k, a in case.parameters.items()})
        update = optimizer(p, options)

    def run(x: Any, t: Any) -> Any:
        loss, g = gradients(p, x, t)
        update(g)
        return loss

    def native(*batch: Any) -> tuple[Any, ...]:
        return tuple(a if a.dtype.kind == "i" else a.astype(dtype) for a in batch)

    reset()
    return Step(run, reset, native)

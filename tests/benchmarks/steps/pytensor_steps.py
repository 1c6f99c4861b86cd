"""The workloads in PyTensor: shared parameters, one compiled function, its default (Numba) mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.steps import Step, Unsupported
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make"]


def cross_entropy(z: Any, t: Any, rows: int) -> Any:
    import pytensor.tensor as pt

    picked = pt.special.log_softmax(z, axis=-1)[np.arange(rows), t]
    return -picked.sum() * np.float32(1 / rows)


def xor(p: Any, x: Any, t: Any, rows: int) -> Any:
    import pytensor.tensor as pt

    h = pt.tanh(x @ p["W1"] + p["b1"])
    error = pt.sigmoid(h @ p["W2"] + p["b2"]) - t
    return (error * error).sum() * np.float32(1 / rows)


def digits(p: Any, x: Any, t: Any, rows: int) -> Any:
    import pytensor.tensor as pt

    h = pt.maximum(x @ p["W1"] + p["b1"], np.float32(0))
    return cross_entropy(h @ p["W2"] + p["b2"], t, rows)


def gelu(z: Any) -> Any:
    import pytensor.tensor as pt

    c, a = np.float32((2 / np.pi) ** 0.5), np.float32(0.044715)
    return np.float32(0.5) * z * (np.float32(1) + pt.tanh(c * (z + a * z * z * z)))


def mlp(relu: bool) -> Callable[..., Any]:
    def loss(p: Any, x: Any, t: Any, rows: int) -> Any:
        import pytensor.tensor as pt

        z1 = x @ p["W1"] + p["b1"]
        h1 = pt.maximum(z1, np.float32(0)) if relu else gelu(z1)
        z2 = h1 @ p["W2"] + p["b2"]
        h2 = pt.maximum(z2, np.float32(0)) if relu else pt.tanh(z2)
        return cross_entropy(h2 @ p["W3"] + p["b3"], t, rows)

    return loss


def rnn(p: Any, x: Any, t: Any, rows: int) -> Any:
    import pytensor
    import pytensor.tensor as pt

    ahead = x @ p["Wx"] + p["b"]
    states = pytensor.scan(
        lambda a, h, W: pt.tanh(a + h @ W), sequences=[ahead],
        outputs_info=[pt.zeros((rows, 64), dtype="float32")], non_sequences=[p["Wh"]],
        return_updates=False,
    )  # fmt: skip
    return cross_entropy(states[-1] @ p["Wo"] + p["bo"], t, rows)


def normalize(z: Any, scale: Any, shift: Any) -> Any:
    """Layer norm of rows."""
    import pytensor.tensor as pt

    share = np.float32(1 / z.type.shape[-1])
    centered = z - z.sum(axis=-1, keepdims=True) * share
    variance = (centered * centered).sum(axis=-1, keepdims=True) * share
    return centered / pt.sqrt(variance + np.float32(1e-5)) * scale + shift


def block(p: Any, end: str, flat: Any, shape: tuple[int, int, int], heads: int) -> Any:
    """One pre-LN block over rows; causal where it has several heads. Its dense products are of two
    axes: PyTensor batches others by a loop."""
    import pytensor.tensor as pt

    n, length, d = shape
    u = normalize(flat, p[f"g1{end}"], p[f"s1{end}"])

    def project(k: str) -> Any:
        z = u @ p[f"W{k}{end}"].reshape((d, d))
        z = z + p[f"b{k}{end}"].reshape((d,)) if heads > 1 else z
        return z.reshape((n, length, heads, d // heads)).dimshuffle(0, 2, 1, 3)

    q, k, v = map(project, "qkv")
    scores = pt.matmul(q, k.dimshuffle(0, 1, 3, 2)) * np.float32((d // heads) ** -0.5)
    if heads > 1:
        above = np.triu(np.full((length, length), -np.inf, np.float32), 1)
        scores = scores + above
    a = pt.matmul(pt.special.softmax(scores, axis=-1), v)
    y = flat + a.dimshuffle(0, 2, 1, 3).reshape((n * length, d)) @ p[f"Wo{end}"].reshape((d, d))
    y = y + p[f"bo{end}"] if heads > 1 else y
    z1 = normalize(y, p[f"g2{end}"], p[f"s2{end}"]) @ p[f"W1{end}"] + p[f"b1{end}"]
    return y + gelu(z1) @ p[f"W2{end}"] + p[f"b2{end}"]


def transformer(p: Any, x: Any, t: Any, rows: int) -> Any:
    z = block(p, "", x.reshape((16 * 64, 64)), (16, 64, 64), 1)
    return cross_entropy(z @ p["W3"] + p["b3"], t.flatten(), rows)


def gpt(p: Any, x: Any, t: Any, rows: int) -> Any:
    n, length, d = 64, 11, 48
    z = (p["E"][x.flatten()].reshape((n, length, d)) + p["P"]).reshape((n * length, d))
    for i in range(3):
        z = block(p, f"_{i}", z, (n, length, d), 3)
    z = normalize(z, p["g3"], p["s3"]).reshape((n, length, d))[:, 5:].reshape((n * 6, d))
    return cross_entropy(z @ p["W3"], t.flatten(), rows)


TABLE: dict[str, tuple[Callable[..., Any], str]] = {
    "W1": (xor, "sgd"),
    "W2": (digits, "sgd"),
    "W3": (mlp(relu=True), "adam"),
    "W4": (mlp(relu=False), "adam"),
    "W6": (rnn, "sgd"),
    "W7": (transformer, "adam"),
    "W8": (gpt, "adam"),
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    import pytensor
    import pytensor.tensor as pt

    if workload.name == "W5":
        raise Unsupported("its convolution did not compile in 196 s when last tried")
    pytensor.config.floatX = "float32"
    build, optimizer = TABLE[workload.name]
    p = {k: pytensor.shared(a.copy(), name=k) for k, a in case.parameters.items()}
    x0, t0 = case.batches[0]
    x = pt.tensor("x", dtype=str(x0.dtype), shape=x0.shape)
    t = pt.tensor("t", dtype=str(t0.dtype), shape=t0.shape)
    loss = build(p, x, t, t0.size)
    several = list(p.values())
    gradients = pytensor.grad(loss, several)
    updates, states = _updates(optimizer, workload.options, several, gradients)
    run = pytensor.function([x, t], loss, updates=updates)
    run.trust_input = True

    def reset() -> None:
        for k, a in case.parameters.items():
            p[k].set_value(a)
        for s in states:
            s.set_value(np.zeros_like(s.get_value()))

    reset()
    return Step(run, reset)


def _updates(
    optimizer: str, o: dict[str, float], several: list[Any], gradients: list[Any]
) -> tuple[list[tuple[Any, Any]], list[Any]]:
    import pytensor
    import pytensor.tensor as pt

    f = np.float32
    lr, mu, decay = f(o["lr"]), o.get("momentum", 0.0), o.get("decay", 0.0)
    b1, b2 = o.get("beta1", 0.9), o.get("beta2", 0.999)
    updates: list[tuple[Any, Any]] = []
    states: list[Any] = []

    def state(like: Any) -> Any:
        states.append(pytensor.shared(np.zeros_like(like.get_value())))
        return states[-1]

    if optimizer == "adam":
        count = pytensor.shared(f(0))
        states.append(count)
        t = count + f(1)
        c1, c2 = -pt.expm1(t * f(np.log(b1))), -pt.expm1(t * f(np.log(b2)))
        updates.append((count, t))
    for w, g in zip(several, gradients, strict=True):
        if optimizer == "adam":
            m, v = state(w), state(w)
            m1, v1 = f(b1) * m + f(1 - b1) * g, f(b2) * v + f(1 - b2) * g * g
            kept = f(1 - o["lr"] * decay) * w if decay else w
            updates += [(m, m1), (v, v1)]
            updates.append((w, kept - lr * (m1 / c1) / (pt.sqrt(v1 / c2) + f(1e-8))))
        elif mu:
            v = state(w)
            v1 = f(mu) * v + g
            updates += [(v, v1), (w, w - lr * v1)]
        else:
            updates.append((w, w - lr * g))
    return updates, states

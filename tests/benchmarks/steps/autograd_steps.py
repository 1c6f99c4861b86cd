"""The workloads in HIPS autograd: value_and_grad of a NumPy function, then the naive update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.steps import Step, Unsupported, naive, naive_large
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

    return 0.5 * z * (1 + np.tanh(naive_large.GELU * (z + 0.044715 * z * z * z)))


def mlp(relu: bool) -> Callable[..., Any]:
    def loss(p: Any, x: Any, t: Any) -> Any:
        import autograd.numpy as np

        z1 = np.dot(x, p["W1"]) + p["b1"]
        h1 = np.maximum(z1, 0) if relu else gelu(z1)
        z2 = np.dot(h1, p["W2"]) + p["b2"]
        h2 = np.maximum(z2, 0) if relu else np.tanh(z2)
        return cross_entropy(np.dot(h2, p["W3"]) + p["b3"], t)

    return loss


def cnn(p: Any, x: Any, t: Any) -> Any:
    """A convolution as nine products of shifted images, which autograd can differentiate."""
    import autograd.numpy as np

    a = x
    for k in "12":
        n, size, _, c = a.shape
        padded = np.pad(a, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="constant")
        z = p[f"b{k}"]
        for u in range(3):
            for v in range(3):
                z = z + np.dot(padded[:, u : u + size, v : v + size], p[f"W{k}"][u, v])
        c = z.shape[-1]
        h = np.reshape(np.maximum(z, 0), (n, size // 2, 2, size // 2, 2, c))
        a = np.max(np.max(h, axis=4), axis=2)
    return cross_entropy(np.dot(np.reshape(a, (len(x), -1)), p["W3"]) + p["b3"], t)


def rnn(p: Any, x: Any, t: Any) -> Any:
    import autograd.numpy as np

    ahead = np.dot(x, p["Wx"]) + p["b"]
    h = np.tanh(ahead[0])
    for k in range(1, len(x)):
        h = np.tanh(ahead[k] + np.dot(h, p["Wh"]))
    return cross_entropy(np.dot(h, p["Wo"]) + p["bo"], t)


def normalize(x: Any, gain: Any, shift: Any) -> Any:
    import autograd.numpy as np

    centered = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centered * centered, axis=-1, keepdims=True)
    return centered / np.sqrt(variance + 1e-5) * gain + shift


def block(p: Any, end: str, x: Any, causal: bool) -> Any:
    import autograd.numpy as np
    from autograd.scipy.special import logsumexp

    n, length, d = x.shape
    heads = p[f"Wq{end}"].shape[1] if p[f"Wq{end}"].ndim == 3 else 1
    u = normalize(x, p[f"g1{end}"], p[f"s1{end}"])

    def project(k: str) -> Any:
        y = np.dot(u, np.reshape(p[f"W{k}{end}"], (d, d)))
        if f"b{k}{end}" in p:
            y = y + np.reshape(p[f"b{k}{end}"], (d,))
        return np.transpose(np.reshape(y, (n, length, heads, d // heads)), (0, 2, 1, 3))

    q, k, v = project("q"), project("k"), project("v")
    scores = np.matmul(q, np.swapaxes(k, 2, 3)) / (d // heads) ** 0.5
    if causal:  # -1e9 and not -inf, whose adjoint would be nan
        scores = scores + np.triu(np.full((length, length), -1e9, np.float32), 1)
    weights = np.exp(scores - logsumexp(scores, axis=-1, keepdims=True))
    a = np.reshape(np.transpose(np.matmul(weights, v), (0, 2, 1, 3)), (n, length, d))
    y = x + np.dot(a, np.reshape(p[f"Wo{end}"], (d, d)))
    if f"bo{end}" in p:
        y = y + p[f"bo{end}"]
    w = normalize(y, p[f"g2{end}"], p[f"s2{end}"])
    return y + np.dot(gelu(np.dot(w, p[f"W1{end}"]) + p[f"b1{end}"]), p[f"W2{end}"]) + p[f"b2{end}"]


def transformer(p: Any, x: Any, t: Any) -> Any:
    import autograd.numpy as np

    z = np.dot(block(p, "", x, False), p["W3"]) + p["b3"]
    return cross_entropy(np.reshape(z, (-1, z.shape[-1])), np.reshape(t, -1))


def gpt(p: Any, x: Any, t: Any) -> Any:
    import autograd.numpy as np

    z = p["E"][x] + p["P"]
    for i in range(3):
        z = block(p, f"_{i}", z, True)
    z = np.dot(normalize(z, p["g3"], p["s3"])[:, 5:], p["W3"])
    return cross_entropy(np.reshape(z, (-1, 3)), np.reshape(t, -1))


TABLE: dict[str, Callable[..., Any]] = {
    "W1": xor,
    "W2": digits,
    "W3": mlp(relu=True),
    "W4": mlp(relu=False),
    "W5": cnn,
    "W6": rnn,
    "W7": transformer,
    "W8": gpt,
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    from autograd import value_and_grad

    if workload.name not in TABLE:
        raise Unsupported("not written")
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

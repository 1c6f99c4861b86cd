"""The workloads in jax: the whole step under jax.jit, parameters and states donated.

Two rows: a tree of arrays, and one flat vector of parameters (fewer buffers to pass around).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.benchmarks.steps import Step, Unsupported
from tests.benchmarks.steps.layouts import packed
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make"]


def cross_entropy(z: Any, t: Any) -> Any:
    import jax
    import jax.numpy as jnp

    picked = jnp.take_along_axis(jax.nn.log_softmax(z), t[..., None], -1)
    return -picked.mean()


def xor(p: Any, x: Any, t: Any) -> Any:
    import jax
    import jax.numpy as jnp

    h = jnp.tanh(x @ p["W1"] + p["b1"])
    return jnp.mean((jax.nn.sigmoid(h @ p["W2"] + p["b2"]) - t) ** 2)


def digits(p: Any, x: Any, t: Any) -> Any:
    import jax

    h = jax.nn.relu(x @ p["W1"] + p["b1"])
    return cross_entropy(h @ p["W2"] + p["b2"], t)


def mlp(relu: bool) -> Callable[..., Any]:
    def loss(p: Any, x: Any, t: Any) -> Any:
        import jax
        import jax.numpy as jnp

        first = jax.nn.relu if relu else lambda z: jax.nn.gelu(z, approximate=True)
        h1 = first(x @ p["W1"] + p["b1"])
        h2 = (jax.nn.relu if relu else jnp.tanh)(h1 @ p["W2"] + p["b2"])
        return cross_entropy(h2 @ p["W3"] + p["b3"], t)

    return loss


def cnn(p: Any, x: Any, t: Any) -> Any:
    import jax
    from jax import lax

    a, order = x, ("NHWC", "HWIO", "NHWC")
    for k in "12":
        z = lax.conv_general_dilated(a, p[f"W{k}"], (1, 1), "SAME", dimension_numbers=order)
        h = jax.nn.relu(z + p[f"b{k}"])
        n, y, _, c = h.shape
        a = h.reshape(n, y // 2, 2, y // 2, 2, c).max(axis=(2, 4))
    return cross_entropy(a.reshape(len(x), -1) @ p["W3"] + p["b3"], t)


def rnn(p: Any, x: Any, t: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def step(h: Any, a: Any) -> tuple[Any, None]:
        return jnp.tanh(a + h @ p["Wh"]), None

    start = jnp.zeros((x.shape[1], p["Wh"].shape[0]), x.dtype)
    h, _ = jax.lax.scan(step, start, x @ p["Wx"] + p["b"])
    return cross_entropy(h @ p["Wo"] + p["bo"], t)


def block(p: Any, end: str, x: Any, heads: int, causal: bool) -> Any:
    import jax
    import jax.numpy as jnp

    def normalize(x: Any, k: str) -> Any:
        centered = x - x.mean(-1, keepdims=True)
        variance = (centered * centered).mean(-1, keepdims=True)
        return centered * jax.lax.rsqrt(variance + 1e-5) * p[f"g{k}{end}"] + p[f"s{k}{end}"]

    n, length, d = x.shape
    y = normalize(x, "1") @ p[f"Wqkv{end}"]
    if f"bqkv{end}" in p:
        y = y + p[f"bqkv{end}"]
    q, k, v = jnp.moveaxis(y.reshape(n, length, 3, heads, d // heads), (2, 3), (0, 2))
    scores = q @ k.swapaxes(-1, -2) * (d // heads) ** -0.5
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    a = jax.nn.softmax(scores) @ v
    y = x + a.swapaxes(1, 2).reshape(n, length, d) @ p[f"Wo{end}"]
    if f"bo{end}" in p:
        y = y + p[f"bo{end}"]
    h = jax.nn.gelu(normalize(y, "2") @ p[f"W1{end}"] + p[f"b1{end}"], approximate=True)
    return y + h @ p[f"W2{end}"] + p[f"b2{end}"]


def transformer(p: Any, x: Any, t: Any) -> Any:
    return cross_entropy(block(p, "", x, 1, False) @ p["W3"] + p["b3"], t)


def gpt(p: Any, x: Any, t: Any) -> Any:
    import jax
    import jax.numpy as jnp

    z = p["E"][x] + p["P"]
    for i in range(3):
        z = block(p, f"_{i}", z, 3, True)
    c = z - z.mean(-1, keepdims=True)
    w = c * jax.lax.rsqrt(jnp.mean(c * c, -1, keepdims=True) + 1e-5) * p["g3"] + p["s3"]
    return cross_entropy(w[:, 5:] @ p["W3"], t)


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


def update(optimizer: str, o: dict[str, float], p: Any, s: Any, g: Any) -> tuple[Any, Any]:
    """New parameters and states."""
    import jax
    import jax.numpy as jnp

    lr, mu, decay = o["lr"], o.get("momentum", 0.0), o.get("decay", 0.0)
    b1, b2 = o.get("beta1", 0.9), o.get("beta2", 0.999)
    each = jax.tree.map
    if optimizer == "adam":
        m, v, t = s
        t = t + 1
        c1, c2 = -jnp.expm1(t * math.log(b1)), -jnp.expm1(t * math.log(b2))
        m = each(lambda m, g: b1 * m + (1 - b1) * g, m, g)
        v = each(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)
        p = each(
            lambda w, m, v: (1 - lr * decay) * w - lr * (m / c1) / (jnp.sqrt(v / c2) + 1e-8),
            p, m, v,
        )  # fmt: skip
        return p, (m, v, t)
    if mu:
        v = each(lambda v, g: mu * v + g, s[0], g)
        return each(lambda w, v: w - lr * v, p, v), (v,)
    return each(lambda w, g: w - lr * g, p, g), ()


def make(workload: Workload, case: Case, variant: str) -> Step:
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    if workload.name not in TABLE:
        raise Unsupported("not written")
    loss, optimizer = TABLE[workload.name]
    o = workload.options
    first: Any = {k: jnp.asarray(a) for k, a in packed(case.parameters).items()}
    objective = loss
    if variant == "flat":
        first, unravel = ravel_pytree(first)

        def objective(p: Any, x: Any, t: Any) -> Any:
            return loss(unravel(p), x, t)

    def whole(p: Any, s: Any, x: Any, t: Any) -> Any:
        value, g = jax.value_and_grad(objective)(p, x, t)
        p, s = update(optimizer, o, p, s, g)
        return p, s, value

    fast = jax.jit(whole, donate_argnums=(0, 1))
    p: Any = None
    s: Any = None

    def zeros() -> Any:
        return jax.tree.map(jnp.zeros_like, first)

    def reset() -> None:
        nonlocal p, s
        p = jax.tree.map(jnp.array, first)
        s = (zeros(), zeros(), jnp.zeros(())) if optimizer == "adam" else ()
        s = (zeros(),) if "momentum" in o else s
        jax.block_until_ready((p, s))

    def run(x: Any, t: Any) -> Any:
        nonlocal p, s
        p, s, value = fast(p, s, x, t)
        return value.block_until_ready()

    reset()
    return Step(run, reset, lambda x, t: (jnp.asarray(x), jnp.asarray(t)))

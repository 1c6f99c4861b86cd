"""The workloads in jax: the whole step under jax.jit, parameters and states donated.

Two rows: a tree of arrays, and one flat vector of parameters (fewer buffers to pass around).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.benchmarks.steps import Step, Unsupported
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


TABLE: dict[str, tuple[Callable[..., Any], str]] = {
    "W1": (xor, "sgd"),
    "W2": (digits, "sgd"),
    "W3": (mlp(relu=True), "adam"),
    "W4": (mlp(relu=False), "adam"),
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
        raise Unsupported(workload.name)
    loss, optimizer = TABLE[workload.name]
    o = workload.options
    first: Any = {k: jnp.asarray(a) for k, a in case.parameters.items()}
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

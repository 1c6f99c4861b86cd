"""The workloads in graphnet, from its public names only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.machine import blas
from tests.benchmarks.steps import Step, Unsupported
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make", "program"]


def xor(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    x, t = gn.input("x", ("batch", 2)), gn.input("t", ("batch", 1))
    h = gn.tanh(x @ p["W1"] + p["b1"])
    return x, t, gn.mse(gn.sigmoid(h @ p["W2"] + p["b2"]), t)


def digits(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    x, t = gn.input("x", ("batch", 64)), gn.input("t", ("batch",), dtype="int")
    h = gn.relu(x @ p["W1"] + p["b1"])
    return x, t, gn.cross_entropy(h @ p["W2"] + p["b2"], t)


def mlp(relu: bool) -> Callable[..., tuple[Any, Any, Any]]:
    def build(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
        x, t = gn.input("x", ("batch", 784)), gn.input("t", ("batch",), dtype="int")
        z1 = x @ p["W1"] + p["b1"]
        h1 = gn.relu(z1) if relu else gn.gelu(z1, approximate=True)
        z2 = h1 @ p["W2"] + p["b2"]
        h2 = gn.relu(z2) if relu else gn.tanh(z2)
        return x, t, gn.cross_entropy(h2 @ p["W3"] + p["b3"], t)

    return build


def cnn(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    x, t = gn.input("x", ("batch", 28, 28, 1)), gn.input("t", ("batch",), dtype="int")
    a = x
    for k, size in (("1", 28), ("2", 14)):
        z = gn.formula(
            f"Z[n,y,x,o] = Sum(A[n,y+u-1,x+v-1,c]*W[u,v,c,o], u, v, c), y < {size}, x < {size}",
            A=a, W=p[f"W{k}"],
        )  # fmt: skip
        h = gn.relu(z + p[f"b{k}"])
        a = gn.formula("P[n,y,x,c] = Max(H[n,2*y+u,2*x+v,c], u, v), u < 2, v < 2", H=h)
    return x, t, gn.cross_entropy(gn.reshape(a, ("batch", -1)) @ p["W3"] + p["b3"], t)


def rnn(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    if not hasattr(gn, "scan"):
        raise Unsupported("this graphnet has no gn.scan")
    x, t = gn.input("x", (32, "batch", 16)), gn.input("t", ("batch",), dtype="int")

    def step(h: Any, x: Any) -> tuple[Any, Any]:
        return gn.tanh(x @ p["Wx"] + h @ p["Wh"] + p["b"]), None

    _, last = gn.scan(step, gn.zeros(("batch", 64)), x)
    return x, t, gn.cross_entropy(last @ p["Wo"] + p["bo"], t)


def block(gn: Any, p: dict[str, Any], end: str, x: Any, causal: bool) -> Any:
    """One pre-LN block; weights of attention that have an axis of heads are read by formulas."""
    u = gn.layer_norm(x, p[f"g1{end}"], p[f"s1{end}"])
    heads = p[f"Wq{end}"].ndim == 3

    def project(k: str) -> Any:
        W = p[f"W{k}{end}"]
        if not heads:
            return u @ W
        text = "Y[n,h,i,r] = Sum(u[n,i,c]*W[c,h,r], c) + b[h,r]"
        return gn.formula(text, u=u, W=W, b=p[f"b{k}{end}"])

    a = gn.attention(project("q"), project("k"), project("v"), causal=causal)
    if heads:
        a = gn.formula("Y[n,i,c] = Sum(a[n,h,i,r]*W[h,r,c], h, r)", a=a, W=p[f"Wo{end}"])
        y = x + a + p[f"bo{end}"]
    else:
        y = x + a @ p[f"Wo{end}"]
    w = gn.layer_norm(y, p[f"g2{end}"], p[f"s2{end}"])
    h = gn.gelu(w @ p[f"W1{end}"] + p[f"b1{end}"], approximate=True)
    return y + h @ p[f"W2{end}"] + p[f"b2{end}"]


def transformer(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    x, t = gn.input("x", ("batch", 64, 64)), gn.input("t", ("batch", 64), dtype="int")
    z = block(gn, p, "", x, causal=False)
    return x, t, gn.cross_entropy(z @ p["W3"] + p["b3"], t)


def gpt(gn: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    x = gn.input("x", ("batch", 11), dtype="int")
    t = gn.input("t", ("batch", 6), dtype="int")
    z = gn.take(p["E"], x, axis=0) + p["P"]
    for i in range(3):
        z = block(gn, p, f"_{i}", z, causal=True)
    z = gn.layer_norm(z, p["g3"], p["s3"])
    return x, t, gn.cross_entropy(z[:, 5:] @ p["W3"], t)


def sgd(gn: Any, o: dict[str, float]) -> Any:
    return gn.SGD(lr=o["lr"], momentum=o.get("momentum", 0.0))


def adam(gn: Any, o: dict[str, float]) -> Any:
    if "decay" in o:
        betas = (o["beta1"], o["beta2"])
        return gn.AdamW(lr=o["lr"], betas=betas, weight_decay=o["decay"])
    return gn.Adam(lr=o["lr"])


TABLE: dict[str, tuple[Callable[..., tuple[Any, Any, Any]], Callable[..., Any]]] = {
    "W1": (xor, sgd),
    "W2": (digits, sgd),
    "W3": (mlp(relu=True), adam),
    "W4": (mlp(relu=False), adam),
    "W5": (cnn, sgd),
    "W6": (rnn, sgd),
    "W7": (transformer, adam),
    "W8": (gpt, adam),
}


def program(workload: Workload, case: Case, style: str) -> tuple[Any, str]:
    """The training step, and a note where it is not of the style that was asked for."""
    import graphnet as gn

    if workload.name not in TABLE:
        raise Unsupported("not written")
    build, optimizer = TABLE[workload.name]
    p = {k: gn.parameter(k, a.shape, init="zeros") for k, a in case.parameters.items()}
    x, t, loss = build(gn, p)
    how: dict[str, Any] = {"style": style, "dtype": "float32"}
    note = ""
    try:
        step = gn.training_step([x, t], loss, optimizer(gn, workload.options), **how)
    except gn.GraphnetError as error:
        if style != "fast" or "style" not in str(error):
            raise
        note = "style='fast' is not accepted yet: this is style='plain'"
        how["style"] = "plain"
        step = gn.training_step([x, t], loss, optimizer(gn, workload.options), **how)
    return step, note


def make(workload: Workload, case: Case, variant: str) -> Step:
    if variant == "MKL" and "mkl" not in blas():
        raise Unsupported(f"this NumPy multiplies with {blas()}")
    style = "plain" if variant == "plain" else "fast"
    step, note = program(workload, case, style)

    def reset() -> None:
        step.reset()
        for name, array in case.parameters.items():
            step.parameters[name] = array

    reset()
    if variant == "prepared":
        return Step(step.run, reset, step.prepare, note)
    if variant == "MKL":
        note = blas()
    return Step(step, reset, note=note)

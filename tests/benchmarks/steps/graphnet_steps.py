"""The workloads in graphnet, from its public names only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def sgd(gn: Any, o: dict[str, float]) -> Any:
    return gn.SGD(lr=o["lr"], momentum=o.get("momentum", 0.0))


def adam(gn: Any, o: dict[str, float]) -> Any:
    return gn.Adam(lr=o["lr"])


TABLE: dict[str, tuple[Callable[..., tuple[Any, Any, Any]], Callable[..., Any]]] = {
    "W1": (xor, sgd),
    "W2": (digits, sgd),
    "W3": (mlp(relu=True), adam),
    "W4": (mlp(relu=False), adam),
}


def program(workload: Workload, case: Case, style: str) -> tuple[Any, str]:
    """The training step, and a note where it is not of the style that was asked for."""
    import graphnet as gn

    if workload.name not in TABLE:
        raise Unsupported(workload.name)
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
    style = "plain" if variant == "plain" else "fast"
    step, note = program(workload, case, style)

    def reset() -> None:
        step.reset()
        for name, array in case.parameters.items():
            step.parameters[name] = array

    reset()
    if variant == "prepared":
        return Step(step.run, reset, step.prepare, note)
    return Step(step, reset, note=note)

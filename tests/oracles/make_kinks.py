"""Records the slopes of torch, jax and PyTensor at kinks and ties: writes kinks.npz beside this.

    python tests/oracles/make_kinks.py        (with torch, jax and pytensor installed)

A case is (inputs, what graphnet is asked, what each library is asked). Recorded are the gradients
of sum(y*cos(1 + k)), k numbering y's elements, in float64. Every input holds kinks or ties.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_name("kinks.npz")
Arrays = dict[str, np.ndarray]
Ask = Callable[..., Any]
CASES: dict[str, tuple[Arrays, Ask, dict[str, Ask]]] = {}


def case(name: str, gn: Ask, inputs: dict[str, Any], **peers: Ask) -> None:
    CASES[name] = {k: np.asarray(v, float) for k, v in inputs.items()}, gn, peers


def upstream(shape: tuple[int, ...]) -> np.ndarray:
    return np.cos(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


ZERO = [-1.0, 0.0, 0.0, 2.0]
TIES = np.array([[1.0, 3, 3, 2], [2, 2, 2, 2], [0, -1, -1, 0]])
IMAGE = np.round(np.sin(np.arange(2 * 6 * 6.0)).reshape(2, 1, 6, 6))

case("relu", lambda gn, x: gn.relu(x), {"x": ZERO}, pytorch=lambda t, x: t.relu(x),
     jax=lambda j, x: j.nn.relu(x), pytensor=lambda pt, x: pt.maximum(x, 0))  # fmt: skip
case("abs", lambda gn, x: gn.abs(x), {"x": ZERO}, pytorch=lambda t, x: t.abs(x),
     jax=lambda j, x: j.numpy.abs(x), pytensor=lambda pt, x: pt.abs(x))  # fmt: skip
case("sign", lambda gn, x: gn.sign(x) * x, {"x": ZERO}, pytorch=lambda t, x: t.sign(x) * x,
     jax=lambda j, x: j.numpy.sign(x) * x, pytensor=lambda pt, x: pt.sign(x) * x)  # fmt: skip
for name in ("maximum", "minimum"):
    case(name, lambda gn, a, b, n=name: getattr(gn, n)(a, b),
         {"a": [1, 2, 3, 3], "b": [1, 3, 3, 2]},
         pytorch=lambda t, a, b, n=name: getattr(t, n)(a, b),
         jax=lambda j, a, b, n=name: getattr(j.numpy, n)(a, b),
         pytensor=lambda pt, a, b, n=name: getattr(pt, n)(a, b))  # fmt: skip
case("clip", lambda gn, x: gn.clip(x, -1, 2), {"x": [-2, -1, 0, 2, 3]},
     pytorch=lambda t, x: t.clamp(x, -1, 2), jax=lambda j, x: j.numpy.clip(x, -1, 2),
     pytensor=lambda pt, x: pt.clip(x, -1, 2))  # fmt: skip
case("clip below", lambda gn, x: gn.clip(x, -1), {"x": [-2, -1, 0]},
     pytorch=lambda t, x: t.clamp(x, -1))  # fmt: skip
case("leaky_relu", lambda gn, x: gn.leaky_relu(x, 0.3), {"x": ZERO},
     pytorch=lambda t, x: t.nn.functional.leaky_relu(x, 0.3),
     jax=lambda j, x: j.nn.leaky_relu(x, 0.3))  # fmt: skip
case("prelu", lambda gn, x, a: gn.prelu(x, a), {"x": ZERO, "a": [0.3]},
     pytorch=lambda t, x, a: t.nn.functional.prelu(x, a))  # fmt: skip
case("elu", lambda gn, x: gn.elu(x, 0.5), {"x": ZERO},
     pytorch=lambda t, x: t.nn.functional.elu(x, 0.5),
     jax=lambda j, x: j.nn.elu(x, 0.5))  # fmt: skip
case("selu", lambda gn, x: gn.selu(x), {"x": ZERO}, pytorch=lambda t, x: t.selu(x),
     jax=lambda j, x: j.nn.selu(x))  # fmt: skip
case("celu", lambda gn, x: gn.celu(x, 2.0), {"x": ZERO}, pytorch=lambda t, x: t.celu(x, 2.0),
     jax=lambda j, x: j.nn.celu(x, 2.0))  # fmt: skip
case("hard_sigmoid", lambda gn, x: gn.hard_sigmoid(x), {"x": [-3, 0, 3]},
     pytorch=lambda t, x: t.nn.functional.relu6(x + 3) / 6,
     jax=lambda j, x: j.nn.hard_sigmoid(x))  # fmt: skip
case("softsign", lambda gn, x: gn.softsign(x), {"x": ZERO},
     pytorch=lambda t, x: t.nn.functional.softsign(x),
     jax=lambda j, x: j.nn.soft_sign(x))  # fmt: skip
case("mae", lambda gn, p, y: gn.mae(p, y), {"p": ZERO, "y": np.zeros(4)},
     pytorch=lambda t, p, y: t.nn.functional.l1_loss(p, y),
     jax=lambda j, p, y: j.numpy.mean(j.numpy.abs(p - y)))  # fmt: skip
case("hinge", lambda gn, p: gn.hinge(p, -1.0), {"p": [-2, -1, 0]},
     pytorch=lambda t, p: t.mean(t.clamp(1 + p, 0)),
     jax=lambda j, p: j.numpy.mean(j.numpy.maximum(1 + p, 0)),
     pytensor=lambda pt, p: pt.mean(pt.maximum(1 + p, 0)))  # fmt: skip
case("huber", lambda gn, p: gn.huber(p, 0.0), {"p": [-1, 0, 1]},
     pytorch=lambda t, p: t.nn.functional.huber_loss(p, t.zeros_like(p)))  # fmt: skip
for axis in (0, 1, None):
    for name in ("max", "min"):
        case(f"{name} over {axis}", lambda gn, x, n=name, a=axis: getattr(gn, n)(x, axis=a),
             {"x": TIES},
             pytorch=lambda t, x, n=name, a=axis: getattr(t, f"a{n}")(x, () if a is None else a),
             jax=lambda j, x, n=name, a=axis: getattr(j.numpy, n)(x, axis=a),
             pytensor=lambda pt, x, n=name, a=axis: getattr(pt, n)(x, axis=a))  # fmt: skip
for size, stride, padding in [(2, 2, 0), (3, 1, 1), (3, 2, 0), ((2, 3), (1, 2), 1)]:
    case(f"max_pool2d {size} {stride} {padding}",
         lambda gn, x, o=(size, stride, padding): gn.max_pool2d(x, *o), {"x": IMAGE},
         pytorch=lambda t, x, o=(size, stride, padding): t.nn.functional.max_pool2d(x, *o),
         **({"jax": lambda j, x, k=size, s=stride: j.lax.reduce_window(
             x, -np.inf, j.lax.max, (1, 1, k, k), (1, 1, s, s), "VALID")} if padding == 0 else {}),
         )  # fmt: skip
case("a formula of one's own",
     lambda gn, x, y: gn.formula("Abs(x) - Max(x, y)*x", x=x, y=y),
     {"x": [0, 1, 2], "y": [0, 1, 3]},
     pytorch=lambda t, x, y: t.abs(x) - t.maximum(x, y) * x,
     jax=lambda j, x, y: j.numpy.abs(x) - j.numpy.maximum(x, y) * x,
     pytensor=lambda pt, x, y: pt.abs(x) - pt.maximum(x, y) * x)  # fmt: skip


def asked() -> list[tuple[str, str]]:
    """(case, library), all of them."""
    return [(name, peer) for name, (_, _, peers) in CASES.items() for peer in peers]


def slopes(name: str, peer: str) -> np.ndarray:
    """The gradients of a case as a live library finds them, flat."""
    inputs, _, peers = CASES[name]
    found = {"pytorch": _torch, "jax": _jax, "pytensor": _pytensor}[peer](peers[peer], inputs)
    return np.concatenate([np.ravel(g) for g in found])


def _torch(ask: Ask, inputs: Arrays) -> Sequence[np.ndarray]:
    import torch

    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in inputs.items()}
    y = ask(torch, **tensors)
    up = torch.tensor(upstream(tuple(y.shape)))
    found = torch.autograd.grad(y, [*tensors.values()], up, allow_unused=True)
    return [np.zeros(v.shape) if g is None else g.numpy() for g, v in zip(found, tensors.values())]


def _jax(ask: Ask, inputs: Arrays) -> Sequence[np.ndarray]:
    import jax

    jax.config.update("jax_enable_x64", True)

    def total(arrays: Arrays) -> Any:
        y = ask(jax, **arrays)
        return (y * upstream(y.shape)).sum()

    return [np.asarray(g) for g in jax.grad(total)(dict(inputs)).values()]


def _pytensor(ask: Ask, inputs: Arrays) -> Sequence[np.ndarray]:
    import pytensor
    import pytensor.tensor as pt

    variables = {k: pt.tensor(k, dtype="float64", shape=v.shape) for k, v in inputs.items()}
    y = ask(pt, **variables)
    total = (y * upstream(tuple(y.type.shape))).sum()
    found = pytensor.grad(total, [*variables.values()], disconnected_inputs="ignore")
    with pytensor.config.change_flags(mode="FAST_COMPILE", cxx=""):
        return pytensor.function([*variables.values()], found)(*inputs.values())


def main() -> None:
    results = {f"{name} | {peer}": slopes(name, peer) for name, peer in asked()}
    np.savez_compressed(
        TABLE,
        names=np.array(list(results)),
        ends=np.cumsum([r.size for r in results.values()]),
        values=np.concatenate(list(results.values())),
    )
    print(f"{TABLE.name}: {len(results)} cases, {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

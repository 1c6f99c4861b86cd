"""Records values and gradients of torch's ops in float64: writes ops.npz beside this file.

    python tests/oracles/make_ops.py        (with the extra "oracle" installed)

A case is (inputs, what graphnet is asked, what torch is asked). Recorded is the result y and the
gradients of sum(y*cos(1 + k)), k numbering y's elements, with respect to every float input that
is not FIXED.
Points lie on kinks only where both libraries mean the same slope there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_name("ops.npz")
Case = tuple[dict[str, np.ndarray], Callable[..., Any], Callable[..., Any]]
CASES: dict[str, Case] = {}
FIXED: dict[str, str] = {}  # case -> the input without gradient: the formula has a kink there


def wave(*shape: int, phase: float = 0.0) -> np.ndarray:
    """Numbers in (-2, 2) without order or repetition."""
    return 2 * np.sin(phase + 1.7 * np.arange(1.0, np.prod(shape) + 1)).reshape(shape)


def case(name: str, gn: Callable[..., Any], torch: Callable[..., Any], **inputs: Any) -> None:
    assert name not in CASES
    CASES[name] = ({k: np.asarray(v) for k, v in inputs.items()}, gn, torch)


def upstream(shape: tuple[int, ...]) -> np.ndarray:
    return np.cos(1.0 + np.arange(np.prod(shape))).reshape(shape)


# -- elementary functions and activations --------------------------------------------------------

SMOOTH = np.array([-800, -40, -5, -2.9, -1, -1e-3, -1e-9, 0, 1e-9, 1e-3, 1, 2.9, 5, 40, 800.0])
SMALL = SMOOTH[np.abs(SMOOTH) <= 40]
POSITIVE = np.array([1e-300, 1e-9, 0.5, 1, 1 + 1e-9, 2, 1e9, 1e300])

for name, torch_name, points in [
    ("exp", "exp", SMALL), ("expm1", "expm1", SMALL), ("sin", "sin", SMOOTH),
    ("cos", "cos", SMOOTH), ("tanh", "tanh", SMOOTH), ("erf", "erf", SMOOTH),
    ("abs", "abs", SMOOTH), ("sign", "sign", SMOOTH), ("log", "log", POSITIVE),
    ("sqrt", "sqrt", POSITIVE), ("log1p", "log1p", [-1 + 1e-9, -0.5, -1e-9, 0, 1e-300, 1e9]),
    ("sigmoid", "sigmoid", SMOOTH),
]:  # fmt: skip
    case(name, lambda gn, x, n=name: getattr(gn, n)(x),
         lambda torch, x, n=torch_name: getattr(torch, n)(x), x=points)  # fmt: skip

for name, torch_name, options, torch_options in [
    ("relu", "relu", {}, {}), ("leaky_relu", "leaky_relu", {}, {}),
    ("leaky_relu", "leaky_relu", {"alpha": 0.3}, {"negative_slope": 0.3}),
    ("elu", "elu", {}, {}), ("elu", "elu", {"alpha": 0.5}, {"alpha": 0.5}),
    ("selu", "selu", {}, {}), ("celu", "celu", {}, {}),
    ("celu", "celu", {"alpha": 2.0}, {"alpha": 2.0}),
    ("softplus", "softplus", {}, {}), ("gelu", "gelu", {}, {}),
    ("gelu", "gelu", {"approximate": True}, {"approximate": "tanh"}), ("silu", "silu", {}, {}),
    ("mish", "mish", {}, {}),
    ("softsign", "softsign", {}, {}),
]:  # fmt: skip
    case(f"{name} {options}" if options else name,
         lambda gn, x, n=name, o=options: getattr(gn, n)(x, **o),
         lambda torch, x, n=torch_name, o=torch_options: getattr(torch.nn.functional, n)(x, **o),
         x=np.append(SMOOTH, [-3.0, 3.0]))  # fmt: skip

# torch's own hardsigmoid has its slope of 1/6 in float32.
case("hard_sigmoid", lambda gn, x: gn.hard_sigmoid(x),
     lambda torch, x: torch.nn.functional.relu6(x + 3) / 6,
     x=np.append(SMOOTH, [-3.0, 3.0]))  # fmt: skip
case("prelu", lambda gn, x, a: gn.prelu(x, a), lambda torch, x, a: torch.where(x > 0, x, a * x),
     x=wave(3, 4), a=wave(4))  # fmt: skip

LOGITS = np.array([[0.0, 1, 2, 3], [800, -800, 0, 799], [5, 5, 5, 5], [-1e-9, 0, 1e-9, 40]])
for axis in (-1, 0):
    case(f"softmax {axis}", lambda gn, x, a=axis: gn.softmax(x, a),
         lambda torch, x, a=axis: torch.softmax(x, a), x=LOGITS)  # fmt: skip
    case(f"log_softmax {axis}", lambda gn, x, a=axis: gn.log_softmax(x, a),
         lambda torch, x, a=axis: torch.log_softmax(x, a), x=LOGITS)  # fmt: skip
case("hardmax", lambda gn, x: gn.hardmax(x),
     lambda torch, x: torch.nn.functional.one_hot(torch.argmax(x, -1), 4) + 0.0 * x,
     x=LOGITS)  # fmt: skip

# -- operators -----------------------------------------------------------------------------------

for name, f in {
    "add": lambda _, a, b: a + b, "sub": lambda _, a, b: a - b, "mul": lambda _, a, b: a * b,
    "div": lambda _, a, b: a / b, "numbers": lambda _, a, b: 2 / a - b * 3 + 1 - (-b) / 4,
    "powers of numbers": lambda _, a, b: a**3 + b**2 + 2**a + a**-1,
    "maximum": lambda lib, a, b: lib.maximum(a, b), "minimum": lambda lib, a, b: lib.minimum(a, b),
    "where of a comparison": lambda lib, a, b: lib.where(a > b, a * b, a + b),
}.items():  # fmt: skip
    case(name, f, f, a=wave(2, 3), b=wave(2, 3, phase=1.0))
    case(f"{name}, broadcast", f, f, a=wave(2, 1, 3), b=wave(4, 1))
case("maximum, ties", lambda gn, a, b: gn.maximum(a, b),
     lambda torch, a, b: torch.maximum(a, b), a=[1.0, 2, 3], b=[1.0, 3, 3])  # fmt: skip
case("minimum, ties", lambda gn, a, b: gn.minimum(a, b),
     lambda torch, a, b: torch.minimum(a, b), a=[1.0, 2, 3], b=[1.0, 3, 3])  # fmt: skip
case("pow", lambda _, a, b: a**b, lambda _, a, b: a**b, a=np.abs(wave(5)), b=wave(5, phase=2.0))
case("clip", lambda gn, x: gn.clip(x, -2, 0.5), lambda torch, x: torch.clamp(x, -2, 0.5), x=SMOOTH)
case("clip below", lambda gn, x: gn.clip(x, -1), lambda torch, x: torch.clamp(x, -1), x=[1.0, -2])
case("equal", lambda gn, a, b: gn.equal(a, b), lambda torch, a, b: a == b, a=[1.0, 2], b=[1.0, 3])
case("stop_gradient", lambda gn, x: gn.stop_gradient(x) * x, lambda _, x: x.detach() * x,
     x=wave(3))  # fmt: skip

for a, b in [((2, 3), (3, 4)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((2, 2, 3), (3, 4)),
             ((2, 3), (5, 3, 1)), ((5, 1, 2, 3), (4, 3, 2)), ((2, 0), (0, 3)), ((0, 2), (2, 3)),
             ((4, 2, 3), (3,))]:  # fmt: skip
    case(f"matmul {a} {b}", lambda _, a, b: a @ b, lambda _, a, b: a @ b,
         a=wave(*a), b=wave(*b, phase=0.5))  # fmt: skip
for pattern, *shapes in [
    ("ij,jk->ik", (2, 3), (3, 4)), ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)), ("ii->i", (3, 3)),
    ("ij->ji", (2, 3)), ("i,j->ij", (2,), (3,)), ("ij,ij->", (2, 3), (2, 3)), ("ii->", (3, 3)),
    ("ijk,k,j->i", (2, 3, 4), (4,), (3,)), ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 2)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)), ("ij->", (0, 3)),
]:  # fmt: skip
    case(f"einsum {pattern} {shapes}",
         lambda gn, p=pattern, **x: gn.einsum(p, *x.values()),
         lambda torch, p=pattern, **x: torch.einsum(p, *x.values()),
         **{f"x{k}": wave(*s, phase=k) for k, s in enumerate(shapes)})  # fmt: skip

# -- reductions ----------------------------------------------------------------------------------

TIES = np.array([[1.0, 2, 2, 0], [3, 3, 3, 3], [-1, -5, 4, -5]])
for axis in (None, 0, 1):
    dims = (0, 1) if axis is None else axis
    for name, f in {
        "sum": lambda torch, x, d: torch.sum(x, d), "mean": lambda torch, x, d: torch.mean(x, d),
        "max": lambda torch, x, d: torch.amax(x, d), "min": lambda torch, x, d: torch.amin(x, d),
        "var": lambda torch, x, d: torch.var(x, d, unbiased=False),
        "std": lambda torch, x, d: torch.std(x, d, unbiased=False),
        "logsumexp": lambda torch, x, d: torch.logsumexp(x, d),
    }.items():  # fmt: skip
        x = {"max": TIES, "min": TIES, "logsumexp": LOGITS}.get(name, wave(3, 4))
        case(f"{name} {axis}", lambda gn, x, n=name, a=axis: getattr(gn, n)(x, axis=a),
             lambda torch, x, f=f, d=dims: f(torch, x, d), x=x)  # fmt: skip
case("sum keepdims", lambda gn, x: gn.sum(x, axis=1, keepdims=True),
     lambda torch, x: torch.sum(x, 1, keepdim=True), x=wave(2, 3))  # fmt: skip
case("sum of nothing", lambda gn, x: gn.sum(x, axis=0), lambda torch, x: torch.sum(x, 0),
     x=wave(0, 3))  # fmt: skip
case("var, ddof 1", lambda gn, x: gn.var(x, axis=0, ddof=1), lambda torch, x: torch.var(x, 0),
     x=wave(5, 2))  # fmt: skip
case("mean, two axes", lambda gn, x: gn.mean(x, axis=(0, 2)),
     lambda torch, x: torch.mean(x, (0, 2)), x=wave(2, 3, 4))  # fmt: skip
ZEROS = np.array([[1.5, 2, 0, -3], [2, 0, 0, 1], [-1, 2, -3, 0.5]])
case("prod", lambda gn, x: gn.prod(x, axis=1), lambda torch, x: torch.prod(x, 1), x=ZEROS)
case("prod of all", lambda gn, x: gn.prod(x), lambda torch, x: torch.prod(x), x=wave(2, 3))
case(
    "cumsum", lambda gn, x: gn.cumsum(x, axis=1), lambda torch, x: torch.cumsum(x, 1), x=wave(2, 5)
)
case("cumsum 0", lambda gn, x: gn.cumsum(x, axis=0), lambda torch, x: torch.cumsum(x, 0),
     x=wave(3, 2))  # fmt: skip
case("cumprod", lambda gn, x: gn.cumprod(x, axis=1), lambda torch, x: torch.cumprod(x, 1), x=ZEROS)
case(
    "argmax", lambda gn, x: gn.argmax(x, axis=1), lambda torch, x: torch.argmax(x, 1), x=wave(3, 5)
)
case("argsort", lambda gn, x: gn.argsort(x, axis=0), lambda torch, x: torch.argsort(x, 0),
     x=wave(5, 2))  # fmt: skip

# -- shaping and gathers -------------------------------------------------------------------------

for name, f, g in [
    ("reshape", lambda gn, x: gn.reshape(x, 6, 4), lambda _, x: x.reshape(6, 4)),
    ("reshape -1", lambda gn, x: gn.reshape(x, -1, 3), lambda _, x: x.reshape(-1, 3)),
    ("reshape flat", lambda gn, x: gn.reshape(x, -1), lambda _, x: x.reshape(-1)),
    ("transpose", lambda gn, x: gn.transpose(x, (2, 0, 1)), lambda _, x: x.permute(2, 0, 1)),
    (".T", lambda _, x: x.T, lambda _, x: x.permute(2, 1, 0)),
    ("flip", lambda gn, x: gn.flip(x, 1), lambda torch, x: torch.flip(x, (1,))),
    ("flip of all", lambda gn, x: gn.flip(x), lambda torch, x: torch.flip(x, (0, 1, 2))),
    ("pad", lambda gn, x: gn.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=2.5),
     lambda torch, x: torch.nn.functional.pad(x, (0, 1, 1, 2), value=2.5)),
    ("tril", lambda gn, x: gn.tril(x), lambda torch, x: torch.tril(x)),
    ("tril -1", lambda gn, x: gn.tril(x, -1), lambda torch, x: torch.tril(x, -1)),
    ("slice", lambda _, x: x[:, 1:, ::2], lambda _, x: x[:, 1:, ::2]),
    ("negative slice", lambda _, x: x[..., ::-1], lambda torch, x: torch.flip(x, (2,))),
    ("element", lambda _, x: x[-1, :, 2], lambda _, x: x[-1, :, 2]),
    ("new axis", lambda _, x: x[:, None, 0], lambda _, x: x[:, None, 0]),
    ("take", lambda gn, x: gn.take(x, np.array([2, 0, 2, 1, 2]), axis=1),
     lambda torch, x: x[:, torch.tensor([2, 0, 2, 1, 2])]),
    ("list index", lambda _, x: x[[1, 1, 0]], lambda torch, x: x[torch.tensor([1, 1, 0])]),
    ("diagonal", lambda gn, x: gn.einsum("iji->ji", x[:, :, :2]),
     lambda torch, x: torch.einsum("iji->ji", x[:, :, :2])),
]:  # fmt: skip
    case(name, f, g, x=wave(2, 3, 4))
for axis in (0, 1):
    case(f"concatenate {axis}", lambda gn, a, b, c, k=axis: gn.concatenate([a, b, c, a], axis=k),
         lambda torch, a, b, c, k=axis: torch.cat([a, b, c, a], k),
         a=wave(2, 2), b=wave(2, 2, phase=1), c=wave(2, 2, phase=2))  # fmt: skip
    case(f"stack {axis}", lambda gn, a, b, k=axis: gn.stack([a, b], axis=k),
         lambda torch, a, b, k=axis: torch.stack([a, b], k),
         a=wave(2, 3), b=wave(2, 3, phase=1))  # fmt: skip
LABELS = np.array([[2, 0, 2], [1, 1, 4]])
case("embedding", lambda gn, E, t: gn.take(E, t, axis=0), lambda _, E, t: E[t], E=wave(5, 3),
     t=LABELS)  # fmt: skip
case("one_hot", lambda gn, t: gn.one_hot(t, 5), lambda torch, t: torch.nn.functional.one_hot(t, 5),
     t=LABELS)  # fmt: skip
case("one_hot times x", lambda gn, x, t: gn.one_hot(t, 5) @ x,
     lambda torch, x, t: torch.nn.functional.one_hot(t, 5).to(x.dtype) @ x,
     x=wave(5, 2), t=LABELS)  # fmt: skip
case("filling", lambda gn, x: gn.eye(3, 4, 1) * x + gn.ones((3, 4)) + gn.zeros((4,)) + gn.arange(4),
     lambda torch, x: torch.diag(torch.ones(3), 1)[:3] * x + 1 + torch.arange(4),
     x=wave(3, 4))  # fmt: skip

# -- losses --------------------------------------------------------------------------------------

P = 1 / (1 + np.exp(-2 * wave(4, 3)))
BINARY = (wave(4, 3, phase=0.3) > 0) * 1.0
SOFT = 1 / (1 + np.exp(-wave(4, 3, phase=2.5)))
ROWS = np.exp(wave(4, 3)) / np.exp(wave(4, 3)).sum(1, keepdims=True)
ROWS2 = np.array([[0.2, 0.3, 0.5], [0, 1, 0], [0.5, 0.5, 0], [0.1, 0.1, 0.8]])
HARD = np.array([[-800.0, 800, 0], [1e-9, -40, 40], [5, -5, 1], [0, 0, 0]])
CLASSES = np.array([2, 0, 1, 1])


def focal(torch: Any, p: Any, t: Any) -> Any:
    """Lin et al. 2017, equation 5."""
    return -0.25 * t * (1 - p) ** 2 * torch.log(p) - 0.75 * (1 - t) * p**2 * torch.log(1 - p)


def none(name: str) -> Callable[..., Any]:
    return lambda torch, p, t, **o: getattr(torch.nn.functional, name)(p, t, reduction="none", **o)


def reduced(loss: Any, reduction: str, w: Any) -> Any:
    """How graphnet means reductions and weights, in torch."""
    if w is not None:
        loss = w.reshape(w.shape + (1,) * (loss.ndim - w.ndim)) * loss
    if reduction == "none":
        return loss
    if reduction == "sum" or w is None:
        return loss.sum() if reduction == "sum" else loss.mean()
    counted = w.reshape(w.shape + (1,) * (loss.ndim - w.ndim)).expand(loss.shape).sum()
    return loss.sum() / counted


for name, label, f, options, p, t in [
    ("mse", "", none("mse_loss"), {}, wave(4, 3), wave(4, 3, phase=1)),
    ("mae", "", none("l1_loss"), {}, wave(4, 3), np.where(BINARY, wave(4, 3), 0.3)),
    ("huber", "", none("huber_loss"), {}, wave(4, 3), wave(4, 3, phase=1)),
    ("huber", " 0.5", lambda torch, p, t: none("huber_loss")(torch, p, t, delta=0.5),
     {"delta": 0.5}, wave(4, 3), wave(4, 3, phase=1)),
    ("hinge", "", lambda torch, p, t: torch.relu(1 - t * p), {}, wave(4, 3), 2 * BINARY - 1),
    ("binary_cross_entropy", " 0/1", none("binary_cross_entropy"), {}, P, BINARY),
    ("binary_cross_entropy", " soft", none("binary_cross_entropy"), {}, P, SOFT),
    ("binary_cross_entropy_with_logits", "", none("binary_cross_entropy_with_logits"), {},
     wave(4, 3), SOFT),
    ("binary_cross_entropy_with_logits", " hard", none("binary_cross_entropy_with_logits"), {},
     HARD, BINARY),
    ("focal", "", focal, {}, P, BINARY),
    ("focal", " soft", focal, {}, P, SOFT),
    ("cross_entropy", " classes", none("cross_entropy"), {}, wave(4, 3), CLASSES),
    ("cross_entropy", " classes hard", none("cross_entropy"), {}, HARD, CLASSES),
    ("cross_entropy", " probabilities", none("cross_entropy"), {}, wave(4, 3), ROWS2),
    ("kl_divergence", "",
     lambda torch, p, t: none("kl_div")(torch, torch.log(p), t).sum(-1), {}, ROWS,
     (ROWS2 + 0.01) / 1.03),
]:  # fmt: skip
    rows = np.array([0.5, 2.0, 0.0, 1.0])
    for reduction in ("mean", "sum", "none"):
        for kind, w in {"": None, ", weight a row": rows}.items():
            given = {} if w is None else {"w": w}
            title = f"{name}{label}, {reduction}{kind}"
            if t is BINARY and "logits" not in name:
                FIXED[title] = "t"
            case(
                title,
                lambda gn, p, t, w=None, n=name, r=reduction, o=options: getattr(gn, n)(
                    p, t, reduction=r, weight=w, **o
                ),
                lambda torch, p, t, w=None, f=f, r=reduction: reduced(f(torch, p, t), r, w),
                p=p, t=t, **given,
            )  # fmt: skip


def torch_results(case: Case, fixed: str | None = None) -> np.ndarray:
    """The result of a case and its gradients, flat, as live torch finds them."""
    import torch

    inputs, _, ask = case
    tensors = {
        k: torch.tensor(v, requires_grad=v.dtype.kind == "f" and k != fixed)
        for k, v in inputs.items()
    }
    y = ask(torch, **tensors)
    parts = [y]
    if y.is_floating_point():
        floats = [v for v in tensors.values() if v.requires_grad]
        up = torch.tensor(upstream(tuple(y.shape)))
        found = torch.autograd.grad(y, floats, up, allow_unused=True) if y.requires_grad else []
        parts += [torch.zeros_like(v) if g is None else g for g, v in zip(found, floats)]
    return np.concatenate([p.detach().numpy().astype(np.float64).ravel() for p in parts])


def main() -> None:
    results = {name: torch_results(CASES[name], FIXED.get(name)) for name in CASES}
    for name, result in results.items():
        assert np.isfinite(result).all(), name
    np.savez_compressed(
        TABLE,
        names=np.array(list(results)),
        ends=np.cumsum([r.size for r in results.values()]),
        values=np.concatenate(list(results.values())),
    )
    print(f"{TABLE.name}: {len(results)} cases, {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

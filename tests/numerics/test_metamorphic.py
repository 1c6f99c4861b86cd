"""Laws over random networks: 280 in CI, 13,750 by hand (`-m slow`).

A network is drawn from a seed: layers of tensors, each a formula of earlier ones, down to one loss.
A wide one has products, windows, norms, attention, loops, gathers, ties and declared facts as well.
Bit-for-bit laws hold for one machine and thread count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet.formula import extent as ext
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.numerics.stabilize import stabilize
from graphnet.training.network_json import NetworkReader, NetworkWriter

POINTWISE = (
    "1/(1 + exp(-a))", "a*b", "a + b", "a - b", "where(a > 0, a, 0.1*a)", "log(1 + exp(a))", "2*a",
    "a/(1 + exp(-a))", "sin(a)/(2 + cos(b))", "log(1 - 1/(1 + exp(-a)))",
    "tanh(a)", "exp(-a**2)", "log(1 + a**2)", "sqrt(1 + a**2)", "1 - a", "a*(1 - b)",
    "exp(a)/(1 + exp(a))",
)  # fmt: skip
FEW = 10  # of them in CI: each new composition is a search
ROWS = 4
FIRST_WIDE = 9_000  # seeds from here on draw wide networks


def scanned(a: gn.Tensor, b: gn.Tensor) -> gn.Tensor:
    """A recurrence along the columns, one after the other."""

    def step(h, column):
        new = gn.tanh(h + column) * 0.5 + h / (1 + gn.exp(-column))
        return new, new

    outs, _ = gn.scan(step, b[:, 0], a.T)
    return outs.T


def row_softmax(a: gn.Tensor) -> gn.Tensor:
    e = gn.exp(a)
    return e / gn.sum(e, axis=1, keepdims=True)


def channel(a: gn.Tensor) -> gn.Tensor:  # (rows, 1, 3)
    return a[:, None, :]


# Every one gives (rows, 3), of a and b of that shape and a matrix W (3, 3).
WIDE = {
    "product": lambda a, b, W: a @ W,
    "einsum": lambda a, b, W: gn.einsum("ni,ji->nj", a * b, W),
    "bilinear": lambda a, b, W: gn.formula("Y[n,o] = Sum(a[n,i]*W[i,o]*b[n,o], i)", a=a, b=b, W=W),
    "window": lambda a, b, W: gn.conv1d(channel(a), W[:1][None], padding=1)[:, 0],
    "strided": lambda a, b, W: gn.conv1d(channel(a), W[:, None, :2], stride=2, padding=1).sum(2),
    "max pool": lambda a, b, W: gn.max_pool1d(channel(a), 3, stride=1, padding=1)[:, 0] * b,
    "mean pool": lambda a, b, W: gn.avg_pool1d(channel(a), 3, stride=1, padding=1)[:, 0] - b,
    "layer norm": lambda a, b, W: gn.layer_norm(a, gain=W[0], bias=W[1]),
    "rms norm": lambda a, b, W: gn.rms_norm(a) + b,
    "batch norm": lambda a, b, W: gn.batch_norm(a * b + a, gain=W[2]),
    "norm by hand": lambda a, b, W: (a - gn.mean(a, axis=1, keepdims=True))
    / gn.sqrt(gn.var(a, axis=1, keepdims=True) + 0.1),
    "attention": lambda a, b, W: gn.attention(a[:, :, None], b[:, :, None], a[:, :, None])[:, :, 0],
    "attention by hand": lambda a, b, W: row_softmax(a @ W) * b,
    "softmax": lambda a, b, W: gn.softmax(a) * b,
    "log of softmax": lambda a, b, W: gn.log(row_softmax(a * b)),
    "log softmax": lambda a, b, W: gn.log_softmax(a + b),
    "log of 1 - softmax": lambda a, b, W: gn.log(1 - gn.softmax(a)) + b,
    "logsumexp": lambda a, b, W: b - gn.logsumexp(a, axis=1, keepdims=True),
    "log of sum of exp": lambda a, b, W: gn.log(gn.sum(gn.exp(a - b), axis=1, keepdims=True)) + b,
    "mixture": lambda a, b, W: a
    + gn.log(gn.sum(gn.softmax(a) * gn.exp(-(b**2)), axis=1, keepdims=True)),
    "scan": lambda a, b, W: scanned(a, b),
    "cumsum": lambda a, b, W: gn.cumsum(a, axis=1) * b,
    "cumprod": lambda a, b, W: gn.cumprod(gn.tanh(a), axis=1) + b,
    "prod": lambda a, b, W: gn.prod(a, axis=1, keepdims=True) + b,
    "max": lambda a, b, W: gn.max(a, axis=1, keepdims=True) - b,
    "ties": lambda a, b, W: gn.maximum(a, gn.relu(a)) + gn.abs(b),
    "take": lambda a, b, W: gn.take(a, np.array([2, 0, 2]), axis=1) + b,
    "gather": lambda a, b, W: gn.take(W, gn.argmax(a, axis=1), axis=0) * b,
    "flip": lambda a, b, W: a[:, ::-1] * b,
    "joined": lambda a, b, W: gn.concatenate([a, b], axis=1)[:, 1:4],
    "padded": lambda a, b, W: gn.pad(a, ((0, 0), (1, 0)))[:, :3] + b,
    "gain": lambda a, b, W: a * W[2, 2] + b,  # which is 0 at first, as that of a skipped branch
    "scores": lambda a, b, W: gn.log(row_softmax(W[2, 2] / (2 + gn.cos(a)))) * b,
    "triangle": lambda a, b, W: a @ gn.tril(W),
    "where": lambda a, b, W: gn.where(a > b, gn.log(1 + gn.exp(a)), a * b),
    "gelu": lambda a, b, W: gn.gelu(a) + gn.mish(b),
    "std": lambda a, b, W: b / gn.sqrt(1 + gn.var(a, axis=0, keepdims=True)),
}  # fmt: skip


def wide_loss(h: gn.Tensor, t: gn.Tensor, kind: int) -> gn.Tensor:
    """t is one-hot, declared so."""
    if kind == 0:  # the fact meets the softmax
        return gn.mean(-gn.sum(t * gn.log(row_softmax(h)), axis=1))
    if kind == 1:
        return gn.cross_entropy(h, t)
    if kind == 2:
        s = 1 / (1 + gn.exp(-h))
        return gn.mean(-(t * gn.log(s) + (1 - t) * gn.log(1 - s)))
    return gn.mean((h - t) ** 2)


def wide(seed: int, names: str = "xyz", batch: bool = False, trained: bool = False):
    """As `network`, with more kinds of ops; the inputs are x and y, a matrix and a one-hot t."""
    rng = np.random.default_rng([seed, 1])
    shape = ("batch", 3) if batch else (ROWS, 3)
    x, y = (gn.input(n, shape) for n in names[:2])
    W = (gn.parameter if trained else gn.input)(names[2], (3, 3))
    t = gn.input({"x": "t"}.get(names[0], "labels"), shape, facts=("one_hot",))
    tensors = [x, y]
    for _ in range(rng.integers(2, 5)):
        a, b = (tensors[k] for k in rng.integers(len(tensors), size=2))
        if rng.random() < 0.3:
            text = POINTWISE[rng.integers(FEW)]
            tensors.append(
                gn.formula(
                    text, **{n: v for n, v in {"a": a, "b": b}.items() if n == "a" or "b" in text}
                )
            )
        else:
            tensors.append(list(WIDE.values())[rng.integers(len(WIDE))](a, b, W))
    loss = wide_loss(tensors[-1], t, rng.integers(4)) + 0.1 * gn.mean(tensors[-2] * y + x)
    loss = loss + 0.0625 * gn.sum(W * W)
    # small, so that the plain form of log(1 - s) has its digits too
    at = [0.5 * rng.normal(size=shape) for shape in ((ROWS, 3), (ROWS, 3), (3, 3))]
    at[2][2, 2] = 0
    return loss, [x, y, W, t], [*at, np.eye(3)[rng.integers(3, size=ROWS)]]


def network(seed: int, names: str = "xyz", batch: bool = False):
    """A loss over drawn formulas, its inputs, and their values."""
    if seed >= FIRST_WIDE:
        return wide(seed, names, batch)
    rng = np.random.default_rng(seed)
    shape = ("batch", 3) if batch else (ROWS, 3)
    inputs = [gn.input(n, shape) for n in names[:2]]
    tensors = list(inputs)
    for _ in range(rng.integers(2, 6)):
        text = POINTWISE[rng.integers(FEW if seed < 1000 else len(POINTWISE))]
        a, b = (tensors[k] for k in rng.integers(len(tensors), size=2))
        operands = {"a": a, "b": b} if "b" in text.replace("batch", "") else {"a": a}
        tensors.append(gn.formula(text, **operands))
    last = tensors[-1]
    if rng.random() < 0.4:  # a softmax by hand
        e = gn.exp(last)
        last = gn.log(e / gn.sum(e, axis=1, keepdims=True)) * tensors[-2]
    loss = gn.mean(last * tensors[1] + tensors[0])
    return loss, inputs, [rng.normal(size=(ROWS, 3)) for _ in inputs]


def stages(seed: int, **options):
    loss, inputs, at = network(seed, **options)
    plain = Network.collect({"loss": loss.node}, extra=[t.node for t in inputs])
    return plain, stabilize(plain, keep=[t.name for t in inputs]), inputs, at


def run(net: Network, inputs, at, upstream: float | None = None, style: str = "plain"):
    """Loss and gradients of a network, derived and compiled as it is."""
    up = None if upstream is None else gn.constant(float(upstream)).node
    names = [t.name for t in inputs]
    wrt = [t.name for t in inputs if not t.node.facts]
    derived = backward(net, net.outputs["loss"], wrt, up)
    outputs = [derived.outputs["loss"], *(derived.outputs[f"d_{n}"] for n in wrt)]
    tensors = [gn.Tensor(derived.node(n)) for n in outputs]
    f = gn.function(
        [gn.Tensor(derived.node(n)) for n in names], tensors, dtype="float64", stabilize=False,
        style=style,
    )  # fmt: skip
    return [np.asarray(v) for v in f(*at)]


def laws(seed: int) -> None:
    plain, stable, inputs, at = stages(seed)
    stable.check()
    once = run(stable, inputs, at)
    # stabilized = plain where both are fine
    for a, b in zip(once, run(plain, inputs, at), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    # rewriting twice = once
    twice = stabilize(stable, keep=[t.name for t in inputs])
    assert [twice.show(n) for n in twice] == [stable.show(n) for n in stable]
    # zero cotangent gives exactly zero; linear in the cotangent (2 is exact)
    assert all((g == 0).all() for g in run(stable, inputs, at, 0.0)[1:])
    for a, b in zip(run(stable, inputs, at, 2.0)[1:], run(stable, inputs, at, 1.0)[1:]):
        np.testing.assert_allclose(a, 2 * b, rtol=1e-12, atol=1e-300)


def renamed(seed: int) -> None:
    first, second = (
        run(stable, inputs, at)
        for _, stable, inputs, at in (stages(seed), stages(seed, names="qpo"))
    )
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def duplicated(seed: int) -> None:
    _, stable, inputs, at = stages(seed, batch=True)
    once = run(stable, inputs, at)
    rows = [isinstance(t.shape[0], ext.Poly) for t in inputs]
    double = run(stable, inputs, [np.concatenate([a, a]) if r else a for a, r in zip(at, rows)])
    np.testing.assert_allclose(double[0], once[0], rtol=1e-12, atol=1e-13)
    for a, b, r in zip(double[1:], once[1:], rows):
        whole = a[:ROWS] + a[ROWS:] if r else a
        np.testing.assert_allclose(whole, b, rtol=1e-11, atol=1e-13)


def reloaded(seed: int) -> None:
    _, stable, inputs, at = stages(seed)
    writer = NetworkWriter()
    record = writer.network(stable)
    again = NetworkReader(writer.formulas, writer.arrays).network(record)
    others = [gn.Tensor(again.node(t.name)) for t in inputs]
    assert [again.show(n) for n in again] == [stable.show(n) for n in stable]
    for a, b in zip(run(stable, inputs, at), run(again, others, at), strict=True):
        assert (a == b).all()
    assert again.graph["rewrites"] == stable.graph["rewrites"]


def fast(seed: int) -> None:
    _, stable, inputs, at = stages(seed)
    once = run(stable, inputs, at, style="fast")
    for a, b in zip(once, run(stable, inputs, at), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


EPS = 1e-3  # a gradient that is 0 but for rounding must not become a step
OPTIMIZERS = (
    gn.SGD(lr=0.1), gn.SGD(lr=0.1, momentum=0.9, nesterov=True), gn.Adam(lr=0.01, eps=EPS),
    gn.AdamW(lr=0.01, eps=EPS, weight_decay=0.1, clip_norm=1.0), gn.RMSprop(lr=0.01, eps=EPS),
    gn.SGD(lr=gn.schedules.warmup(0.1, 2)),
)  # fmt: skip


def trained(seed: int) -> None:
    """Three steps of training in fast style = those in plain style."""
    optimizer = OPTIMIZERS[seed % len(OPTIMIZERS)]
    found = []
    for style in ("plain", "fast"):
        loss, inputs, at = wide(seed, trained=True)
        W = inputs.pop(2)
        start = at.pop(2)
        step = gn.training_step(
            inputs, loss, optimizer, style=style, dtype="float64", parameters={W.name: start}
        )
        losses = [step(*at) for _ in range(3)]
        found.append([*losses, *np.ravel(step.parameters[W.name])])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-9)


LAWS = {"laws": (laws, 40), "renamed": (renamed, 20), "duplicated": (duplicated, 20),
        "reloaded": (reloaded, 20), "fast": (fast, 20), "trained": (trained, 40)}  # fmt: skip


def seeds(name: str, first: int, count: int) -> Iterator[int]:
    """Those of narrow networks, and of as many wide ones; only wide ones can be trained."""
    for seed in range(first, first + count):
        if name != "trained":
            yield seed
        yield FIRST_WIDE + seed


@pytest.mark.parametrize("name", LAWS)
def test_laws(name: str) -> None:
    check, count = LAWS[name]
    for seed in seeds(name, 0, count):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("part", range(10))
def test_laws_of_many(name: str, part: int) -> None:
    for seed in seeds(name, 1000 + 125 * part, 125):
        LAWS[name][0](seed)


# Networks in which a law did not hold once.
FOUND = {"laws": (1177,), "fast": (10_052, 10_383, 10_586, 10_589, 10_863),
         "trained": (10_214, 10_259)}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_laws_where_they_failed(name: str) -> None:
    for seed in FOUND[name]:
        LAWS[name][0](seed)


def test_a_saved_model_has_its_searched_functions() -> None:
    def bce(z, y):
        s = 1 / (1 + gn.exp(-z))
        return gn.mean(-(y * gn.log(s) + (1 - y) * gn.log(1 - s)))

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)), (rng.random((32, 1)) < 0.5).astype(float)
    model = gn.Sequential([gn.Dense(4, activation="gelu"), gn.Dense(1)])
    model.compile(gn.SGD(lr=0.1), loss=bce)
    model.fit(x, y, epochs=2, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        model.save(path)
        loaded = gn.load(path)
    model.fit(x, y, epochs=1, verbose=0)
    loaded.fit(x, y, epochs=1, verbose=0)
    assert (model.predict(x) == loaded.predict(x)).all()
    assert model.rewrites == loaded.rewrites
    assert {"log_1", "log_2"} <= {name for r in model.rewrites for name in r.nodes}

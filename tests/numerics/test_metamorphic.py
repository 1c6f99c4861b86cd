"""Laws of stabilizing over random networks: 200 in CI, 5,000 by hand (`-m slow`).

A network is drawn from a seed: layers of tensors, each a formula of earlier ones, down to one loss.
Bit-for-bit laws hold for one machine and thread count.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
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


def network(seed: int, names: str = "xyz", batch: bool = False):
    """A loss over drawn formulas, its inputs, and their values."""
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


def run(net: Network, inputs, at, upstream: float | None = None):
    """Loss and gradients of a network, derived and compiled as it is."""
    up = None if upstream is None else gn.constant(float(upstream)).node
    names = [t.name for t in inputs]
    derived = backward(net, net.outputs["loss"], names, up)
    outputs = [derived.outputs["loss"], *(derived.outputs[f"d_{n}"] for n in names)]
    tensors = [gn.Tensor(derived.node(n)) for n in outputs]
    f = gn.function(
        [gn.Tensor(derived.node(n)) for n in names], tensors, dtype="float64", stabilize=False
    )
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
    double = run(stable, inputs, [np.concatenate([a, a]) for a in at])
    np.testing.assert_allclose(double[0], once[0], rtol=1e-12, atol=1e-13)
    for a, b in zip(double[1:], once[1:], strict=True):
        np.testing.assert_allclose(a[:ROWS] + a[ROWS:], b, rtol=1e-11, atol=1e-13)


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


LAWS = {"laws": (laws, 80), "renamed": (renamed, 40), "duplicated": (duplicated, 40),
        "reloaded": (reloaded, 40)}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_laws(name: str) -> None:
    check, count = LAWS[name]
    for seed in range(count):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("part", range(10))
def test_laws_of_many(name: str, part: int) -> None:
    for seed in range(1000 + 125 * part, 1000 + 125 * (part + 1)):
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

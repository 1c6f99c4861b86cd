"""The eight workloads: sizes, first parameters, raw batches, goals, work and traffic.

Every implementation gets the same arrays: `x` plain, labels as ints, parameters by name in the
layouts written here. Shapes of weights are (in, out), of kernels (height, width, in, out).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["STEPS", "WORKLOADS", "Case", "Workload"]

Array = NDArray[np.generic]
STEPS = 20  # losses compared before anything is timed
SEED = 20261125


@dataclass(frozen=True)
class Case:
    """What an implementation starts from."""

    parameters: dict[str, Array]
    batches: list[tuple[Array, Array]]


@dataclass(frozen=True)
class Workload:
    """One network, loss and optimizer at one size.

    `goals` are ratios of graphnet fast to a peer ("torch" and "jax" are the best of their rows),
    `start` the seconds allowed from model to first step, `flops` the multiply-adds of a step
    counted twice, `bytes` what a step that passes over everything once must move.
    """

    name: str
    label: str
    title: str
    make: Callable[[np.random.Generator], Case]
    goals: dict[str, float]
    start: float
    flops: float
    bytes: float
    options: dict[str, float] = field(default_factory=dict)

    def case(self) -> Case:
        """The same arrays in every process, and on every machine with the same NumPy streams."""
        return self.make(np.random.default_rng(SEED))


def dense(rng: np.random.Generator, **shapes: tuple[int, ...]) -> dict[str, Array]:
    """Uniform Glorot weights; vectors are small, not 0, so that a forgotten bias is seen."""
    arrays = {}
    for name, shape in shapes.items():
        if name.startswith("g"):  # the gain of a norm
            value = 1 + 0.1 * rng.normal(size=shape)
        elif len(shape) == 1:
            value = 0.05 * rng.normal(size=shape)
        else:
            inside, outside = int(np.prod(shape[:-1])), shape[-1]
            limit = (6 / (inside + outside)) ** 0.5
            value = rng.uniform(-limit, limit, shape)
        arrays[name] = value.astype(np.float32)
    return arrays


def classes(
    rng: np.random.Generator, shape: tuple[int, ...], labels: tuple[int, ...], count: int,
    batches: int = 4,
) -> list[tuple[Array, Array]]:  # fmt: skip
    """Batches of normal numbers with random classes."""
    return [
        (rng.normal(size=shape).astype(np.float32), rng.integers(0, count, labels))
        for _ in range(batches)
    ]


def xor(rng: np.random.Generator) -> Case:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    t = np.array([[0], [1], [1], [0]], np.float32)
    orders = [rng.permutation(4) for _ in range(4)]
    parameters = dense(rng, W1=(2, 3), b1=(3,), W2=(3, 1), b2=(1,))
    return Case(parameters, [(x[order], t[order]) for order in orders])


def digits(rng: np.random.Generator) -> Case:
    parameters = dense(rng, W1=(64, 32), b1=(32,), W2=(32, 10), b2=(10,))
    batches = [  # pixels from 0 to 1, as those of the digits
        (rng.integers(0, 17, (32, 64)).astype(np.float32) / 16, rng.integers(0, 10, 32))
        for _ in range(8)
    ]
    return Case(parameters, batches)


def mlp(batch: int) -> Callable[[np.random.Generator], Case]:
    def make(rng: np.random.Generator) -> Case:
        parameters = dense(
            rng, W1=(784, 512), b1=(512,), W2=(512, 256), b2=(256,), W3=(256, 10), b3=(10,)
        )
        return Case(parameters, classes(rng, (batch, 784), (batch,), 10))

    return make


def cnn(rng: np.random.Generator) -> Case:
    parameters = dense(
        rng, W1=(3, 3, 1, 16), b1=(16,), W2=(3, 3, 16, 32), b2=(32,), W3=(7 * 7 * 32, 10), b3=(10,)
    )
    return Case(parameters, classes(rng, (64, 28, 28, 1), (64,), 10))


def rnn(rng: np.random.Generator) -> Case:
    parameters = dense(rng, Wx=(16, 64), Wh=(64, 64), b=(64,), Wo=(64, 10), bo=(10,))
    return Case(parameters, classes(rng, (32, 32, 16), (32,), 10))


def transformer(rng: np.random.Generator) -> Case:
    square = (64, 64)
    parameters = dense(
        rng, g1=(64,), s1=(64,), Wq=square, Wk=square, Wv=square, Wo=square, g2=(64,), s2=(64,),
        W1=(64, 256), b1=(256,), W2=(256, 64), b2=(64,), W3=(64, 32), b3=(32,),
    )  # fmt: skip
    return Case(parameters, classes(rng, (16, 64, 64), (16, 64), 32))


def gpt(rng: np.random.Generator) -> Case:
    """Embeddings E and P, three blocks (heads, width of a head as axes), a last norm, a head.

    A sequence is six symbols and the first five of them sorted; the six last outputs are the
    sorted ones, so t has six columns: targets before them are ignored.
    """
    d, heads = 48, 3
    shapes: dict[str, tuple[int, ...]] = {"E": (3, d), "P": (11, d)}
    for i in range(3):
        block: dict[str, tuple[int, ...]] = {"g1": (d,), "s1": (d,)}
        for k in "qkv":
            block |= {f"W{k}": (d, heads, d // heads), f"b{k}": (heads, d // heads)}
        block |= {"Wo": (heads, d // heads, d), "bo": (d,), "g2": (d,), "s2": (d,)}
        block |= {"W1": (d, 4 * d), "b1": (4 * d,), "W2": (4 * d, d), "b2": (d,)}
        shapes |= {f"{name}_{i}": shape for name, shape in block.items()}
    parameters = dense(rng, **shapes, g3=(d,), s3=(d,), W3=(d, 3))
    batches = []
    for _ in range(4):
        drawn = rng.integers(0, 3, (64, 6))
        whole = np.concatenate([drawn, np.sort(drawn, axis=1)], axis=1)
        batches.append((whole[:, :-1].copy(), whole[:, 6:].copy()))
    return Case(parameters, batches)


def mlp_flops(batch: int) -> float:
    first, rest = 784 * 512, 512 * 256 + 256 * 10
    return 2.0 * batch * (2 * first + 3 * rest)  # the input needs no gradient


def traffic(parameters: int, states: int, activations: int, inputs: int) -> float:
    """Bytes of float32 a step moves at least, if all elementwise work were one pass each way.

    Parameters are read twice (forward, backward) and, with their states, read and written once by
    the update; gradients are written and read; activations are written and read each way.
    """
    return 4.0 * (parameters * (2 + 2 + 2) + 2 * states * parameters + 4 * activations + inputs)


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "W1", "XOR",
            "XOR 2-3-1, tanh, sigmoid, squared error, batch 4, SGD", xor,
            {"torch eager": 0.04, "torch": 0.15, "jax": 0.70, "naive": 0.30}, 0.3,
            flops=2.0 * 4 * (2 * 6 + 3 * 3), bytes=traffic(13, 0, 4 * 4, 12),
            options={"lr": 0.5},
        ),
        Workload(
            "W2", "digits",
            "digits 64-32-10, ReLU, cross entropy, batch 32, SGD with momentum 0.9", digits,
            {"torch eager": 0.10, "torch": 0.25, "jax": 0.60, "naive": 0.42}, 0.3,
            flops=2.0 * 32 * (2 * 64 * 32 + 3 * 320), bytes=traffic(2410, 1, 32 * 42, 32 * 65),
            options={"lr": 0.05, "momentum": 0.9},
        ),
        Workload(
            "W3", "MLP, ReLU",
            "MLP 784-512-256-10, ReLU, cross entropy, batch 128, Adam", mlp(128),
            {"torch eager": 0.90, "torch": 1.05, "jax": 1.05, "naive": 0.80}, 0.3,
            flops=mlp_flops(128), bytes=traffic(535818, 2, 128 * 778, 128 * 785),
            options={"lr": 1e-3},
        ),
        Workload(
            "W4", "MLP, GELU",
            "MLP 784-512-256-10, GELU and tanh, cross entropy, batch 512, Adam", mlp(512),
            {"torch eager": 0.90, "torch": 0.95, "jax": 0.95, "naive": 0.74}, 0.3,
            flops=mlp_flops(512), bytes=traffic(535818, 2, 512 * 778, 512 * 785),
            options={"lr": 1e-3},
        ),
        Workload(
            "W5", "CNN",
            "CNN 28x28x1: conv 3x3x16, ReLU, pool 2, conv 3x3x32, ReLU, pool 2, dense 10, "
            "batch 64, SGD",
            cnn,
            {"torch eager": 0.95, "torch": 0.95, "jax": 0.80, "naive": 0.27}, 1.5,
            flops=2.0 * 64 * (2 * 784 * 9 * 16 + 3 * 196 * 144 * 32 + 3 * 15680),
            bytes=traffic(20490, 0, 64 * (784 * 16 + 196 * 48 + 49 * 32 + 10), 64 * 784),
            options={"lr": 0.01},  # at 0.05 one rounding at a kink grows to 1e-4 in 20 steps
        ),
        Workload(
            "W6", "RNN",
            "tanh RNN, 32 steps, hidden 64, input 16, dense 10 on the last state, batch 32, "
            "SGD", rnn,
            {"torch eager": 0.30, "torch": 0.38, "jax": 0.75, "naive": 0.62}, 1.5,
            flops=2.0 * 32 * (32 * (2 * 16 * 64 + 3 * 64 * 64) + 3 * 640),
            bytes=traffic(5834, 0, 32 * 32 * 64, 32 * 32 * 16),
            options={"lr": 0.05},
        ),
        Workload(
            "W7", "transformer",
            "pre-LN transformer layer, sequence 64, width 64, one head, GELU MLP 256, "
            "32 classes a position, batch 16, Adam", transformer,
            {"torch eager": 0.70, "torch": 0.80, "jax": 0.80, "naive": 0.35}, 1.5,
            flops=2.0 * 1024 * 3 * (4 * 64**2 + 2 * 64 * 64 + 2 * 64 * 256 + 64 * 32),
            bytes=traffic(51808, 2, 1024 * (64 * 8 + 64 * 2 + 256 * 2 + 32), 1024 * 64),
            options={"lr": 1e-3},
        ),
        Workload(
            "W8", "GPT",
            "GPT that sorts 6 symbols of 3: 3 pre-LN blocks, width 48, 3 heads, length 11, "
            "batch 64, AdamW", gpt,
            {"torch eager": 0.75}, 1.5,
            flops=2.0 * 704 * 3 * 3 * (4 * 48**2 + 2 * 11 * 48 + 2 * 48 * 192),
            bytes=traffic(85680, 2, 3 * 704 * (48 * 8 + 11 * 3 + 192 * 2), 64 * 17),
            options={"lr": 1e-3, "beta1": 0.9, "beta2": 0.95, "decay": 0.1},
        ),
    )
}  # fmt: skip

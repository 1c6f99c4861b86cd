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
            "W1", "XOR 2-3-1, tanh, sigmoid, squared error, batch 4, SGD", xor,
            {"torch eager": 0.04, "torch": 0.15, "jax": 0.70, "naive": 0.30}, 0.3,
            flops=2.0 * 4 * (2 * 6 + 3 * 3), bytes=traffic(13, 0, 4 * 4, 12),
            options={"lr": 0.5},
        ),
        Workload(
            "W2", "digits 64-32-10, ReLU, cross entropy, batch 32, SGD with momentum 0.9", digits,
            {"torch eager": 0.10, "torch": 0.25, "jax": 0.60, "naive": 0.42}, 0.3,
            flops=2.0 * 32 * (2 * 64 * 32 + 3 * 320), bytes=traffic(2410, 1, 32 * 42, 32 * 65),
            options={"lr": 0.05, "momentum": 0.9},
        ),
        Workload(
            "W3", "MLP 784-512-256-10, ReLU, cross entropy, batch 128, Adam", mlp(128),
            {"torch eager": 0.90, "torch": 1.05, "jax": 1.05, "naive": 0.80}, 0.3,
            flops=mlp_flops(128), bytes=traffic(535818, 2, 128 * 778, 128 * 785),
            options={"lr": 1e-3},
        ),
        Workload(
            "W4", "MLP 784-512-256-10, GELU and tanh, cross entropy, batch 512, Adam", mlp(512),
            {"torch eager": 0.90, "torch": 0.95, "jax": 0.95, "naive": 0.74}, 0.3,
            flops=mlp_flops(512), bytes=traffic(535818, 2, 512 * 778, 512 * 785),
            options={"lr": 1e-3},
        ),
    )
}  # fmt: skip

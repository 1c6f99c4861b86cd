"""Sample data, legal in shapes, dtypes and labels: as text for a script, and as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet.compiler.interpret import infer_sizes, interpret
from graphnet.compiler.ranges import bounds
from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.formula.extent import Extent, evaluate
from graphnet.network.extents import named_sizes
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node, Parameter, State
from graphnet.ops.array import Array
from graphnet.ops.initializers import sample

__all__ = ["sample_arrays", "sample_lines", "sample_sizes", "values_of"]

MOST = 10_000_000  # points of all loops that `check_gradients` runs once


def sample_sizes(network: Network) -> dict[str, int]:
    """A small number for every named size, such that every axis has an element."""
    extents: list[Extent] = []
    for _, node in network.items():
        extents += [*node.shape, *(node.extents if isinstance(node, Computed) else ())]
    known = named_sizes(node for _, node in network.items())
    symbolic = [e for e in dict.fromkeys(extents) if not isinstance(e, int)]
    for size in (4, 8, 16, 32, 64, 128):
        sizes = dict.fromkeys(known, size)
        if all(evaluate(e, sizes) > 0 for e in symbolic):
            break
    return sizes


def sample_lines(
    network: Network, inputs: Sequence[str], variable: Mapping[str, str], dtype: str
) -> Iterator[str]:
    """Statements that give every input an array."""
    if not inputs:
        return
    sizes = sample_sizes(network)
    limit = _limits(network, sizes)
    yield "rng = np.random.default_rng(0)"
    for name in inputs:
        node = network.node(name)
        shape = tuple(evaluate(e, sizes) for e in node.shape)
        text = {
            "float": f"rng.random({shape}, np.{dtype})",
            "int": f"rng.integers(0, {limit.get(name, 2)}, {shape})",
            "bool": f"rng.random({shape}) < 0.5",
        }[node.dtype]
        yield f"{variable[name]} = {text}"


def sample_arrays(network: Network, inputs: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Arrays as those statements make them, in float64 and from a seed of one's own."""
    sizes, rng = sample_sizes(network), np.random.default_rng(seed)
    limit = _limits(network, sizes)
    arrays: dict[str, np.ndarray] = {}
    for name in inputs:
        node = network.node(name)
        shape = tuple(evaluate(e, sizes) for e in node.shape)
        if node.dtype == "int":
            arrays[name] = rng.integers(0, limit.get(name, 2), shape)
        else:
            drawn = rng.random(shape)
            arrays[name] = drawn < 0.5 if node.dtype == "bool" else drawn
    return arrays


def _limits(network: Network, sizes: Mapping[str, int]) -> dict[str, int]:
    """The size of the axis that each int input chooses from."""
    limit: dict[str, int] = {}
    for bound in bounds(network):
        size = evaluate(bound.size, sizes)
        limit[bound.name] = min(size, limit.get(bound.name, size))
    return limit


def values_of(network: Network, given: Mapping[str, Any], seed: int) -> dict[Node, np.ndarray]:
    """A value for every input, parameter and state: given, or drawn so that the loss is finite."""
    for name in given:
        if not isinstance(name, str) or name not in network:
            raise GraphnetError(f"the loss has no {told(name)}{did_you_mean(name, network)}")
    arrays: dict[str, np.ndarray] = {name: Array(value).array for name, value in given.items()}
    sizes = sample_sizes(network) | infer_sizes(network, arrays)
    for bound in bounds(network):
        if bound.name in arrays:
            bound.check(arrays[bound.name].astype(np.intp), sizes)
    loops = [
        node.extents if isinstance(node, Computed) else node.shape for _, node in network.items()
    ]
    work = sum(math.prod(evaluate(e, sizes) for e in extents) for extents in loops)
    if work > MOST:
        raise GraphnetError(
            f"literal loops over {work:,} points would take too long, the most are {MOST:,}: "
            "check a smaller network of the same formulas, or give smaller values"
        )
    for draw in (_normal, _positive):  # log and sqrt want positive numbers
        rng = np.random.default_rng(seed)
        held = {
            node: arrays[name] if name in arrays else draw(name, node, network, sizes, rng)
            for name, node in network.of(Input, Parameter, State)
        }
        if np.isfinite(
            interpret(network, {network.name_of(n): a for n, a in held.items()})[
                network.outputs["loss"]
            ]
        ).all():
            break
    return held


def _normal(
    name: str, node: Node, network: Network, sizes: Mapping[str, int], rng: np.random.Generator
) -> np.ndarray:
    shape = tuple(evaluate(e, sizes) for e in node.shape)
    if node.dtype == "bool":
        return rng.random(shape) < 0.5
    if node.dtype == "int":
        limits = [evaluate(b.size, sizes) for b in bounds(network) if b.name == name]
        return rng.integers(0, max(1, min(limits, default=2)), shape)
    if isinstance(node, Parameter):  # a bias that starts at 0 may stand on the kink of a relu
        return sample(node.init, shape, rng) + 0.1 * rng.normal(size=shape)
    if isinstance(node, Input) and node.distribution and node.distribution.name == "uniform":
        low, high = node.distribution.args
        return np.asarray(rng.uniform(low, high, shape))
    return np.asarray(rng.normal(size=shape))


def _positive(
    name: str, node: Node, network: Network, sizes: Mapping[str, int], rng: np.random.Generator
) -> np.ndarray:
    drawn = _normal(name, node, network, sizes, rng)
    return 0.1 + 0.8 * rng.random(drawn.shape) if node.dtype == "float" else drawn

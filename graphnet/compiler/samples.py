"""Sample data for the script at the end of a module: legal shapes, dtypes and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphnet.compiler.ranges import bounds
from graphnet.formula.extent import Extent, evaluate, names
from graphnet.network.graph import Computed, Network

__all__ = ["sample_lines", "sample_sizes"]


def sample_sizes(network: Network) -> dict[str, int]:
    """A small number for every named size, such that every axis has an element."""
    extents: list[Extent] = []
    for _, node in network.items():
        extents += [*node.shape, *(node.extents if isinstance(node, Computed) else ())]
    known = dict.fromkeys(s for e in extents for s in names(e))
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
    limit: dict[str, int] = {}
    for bound in bounds(network):
        size = evaluate(bound.size, sizes)
        limit[bound.name] = min(size, limit.get(bound.name, size))
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

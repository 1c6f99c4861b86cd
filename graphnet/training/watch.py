"""watch: a program that gives every tensor a network computes, in topological order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphnet.compiler.program import Program
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Order, Scan

__all__ = ["watch"]


def watch(
    network: Network,
    inputs: Sequence[str],
    parameters: Mapping[str, Any],
    states: Mapping[str, Any],
    dtype: str,
) -> Program:
    """The network as it stands, without its updates; `outputs` of the program are the names."""
    computed = dict(network.of(Computed, Scan, Order))
    everything = Network.collect(
        computed, names={node: name for name, node in network.items()},
        extra=[node for _, node in network.items()],
    )  # fmt: skip
    return Program(
        everything, inputs, list(computed), restore=list, parameters=parameters, states=states,
        dtype=dtype,
    )  # fmt: skip

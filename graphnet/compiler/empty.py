"""Named sizes that are 0 in a call: what has no meaning over no elements is refused, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent, evaluate, names, show_extent
from graphnet.formula.formula import dim_symbol, size_symbol
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Order, Scan

__all__ = ["refuse_empty"]


def refuse_empty(network: Network, sizes: Mapping[str, int]) -> None:
    """Raises GraphnetError where a node needs an element along an axis that has none.

    By the law of the loops a sum of nothing is 0, so a mean of nothing would be 0 and not 0/0; an
    element of nothing and the place of its largest have no value at all.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 3))
    >>> refuse_empty(Network.collect([gn.mean(x).node]), {"batch": 0})
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetError: mean_1: batch is 0, and the formula divides by it
    (mean_1 = Sum(x[i,j]/(size(i)*size(j)), i, j))
    """
    for name, node in network.items():
        if isinstance(node, Computed):
            for extent, why in _needs(node, sizes):
                raise GraphnetError(
                    f"{_is_0(extent)}, and {why} ({network.show(name)})", where=name
                )
        elif isinstance(node, Order) and node.op == "argmax":
            extent = node.operands[0].shape[node.axis]
            if _zero(extent, sizes):
                why = f"there is no largest element ({network.show(name)})"
                raise GraphnetError(f"{_is_0(extent)}: {why}", where=name)
        elif isinstance(node, Scan):
            refuse_empty(node.loop.body, sizes)


def _needs(node: Computed, sizes: Mapping[str, int]) -> Iterator[tuple[Extent, str]]:
    f = node.formula
    empty = {size_symbol(p): e for p, e in enumerate(node.extents) if _zero(e, sizes)}
    empty |= {dim_symbol(k): e for k, e in enumerate(f.dims) if _zero(e, sizes)}
    if empty:
        for power in f.body.atoms(sympy.Pow):
            if power.exp.could_extract_minus_sign():
                for symbol in sorted(power.base.free_symbols & empty.keys(), key=str):
                    yield empty[symbol], "the formula divides by it"
    for read in f.reads:
        shape = node.operands[read.slot].shape
        for extent, sub in zip(shape, read.subs, strict=True):
            if not sub.terms and _zero(extent, sizes):
                yield extent, "an element along that axis is read"


def _zero(extent: Extent, sizes: Mapping[str, int]) -> bool:
    if isinstance(extent, int):
        return extent == 0
    return all(name in sizes for name in names(extent)) and evaluate(extent, sizes) == 0


def _is_0(extent: Extent) -> str:
    return "an axis has size 0" if isinstance(extent, int) else f"{show_extent(extent)} is 0"

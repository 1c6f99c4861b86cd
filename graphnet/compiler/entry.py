"""What a program checks of its arguments before its code runs: count, shape, dtype, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.compiler.declared import check_facts
from graphnet.compiler.empty import refuse_empty
from graphnet.compiler.literals import kinds
from graphnet.compiler.ranges import Bound
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.extent import Poly, evaluate, names, show_extent
from graphnet.network.graph import Network
from graphnet.network.nodes import Node, show_shape

__all__ = ["Entry", "check_finite"]

Arrays = tuple[NDArray[Any], ...]


class Entry:
    """Takes the arguments of a call and gives the arrays the code runs on."""

    def __init__(
        self, network: Network, inputs: Sequence[str], dtype: str, bounds: Sequence[Bound],
        finite: bool,
    ) -> None:  # fmt: skip
        self.network = network
        self.names = tuple(inputs)
        self.nodes: tuple[Node, ...] = tuple(network.node(name) for name in inputs)
        self.dtypes = tuple(kinds(dtype)[node.dtype] for node in self.nodes)
        self.finite = finite
        self.bounds = tuple((self.names.index(b.name), b) for b in bounds if b.name in self.names)
        self._sizes: dict[tuple[tuple[int, ...], ...], dict[str, int]] = {}  # of shapes seen

    def __call__(self, args: Sequence[Any], given: Mapping[str, Any]) -> Arrays:
        """The arguments as arrays; GraphnetError where they do not fit."""
        if given or len(args) != len(self.names):
            args = self._bound(args, given)
        arrays = tuple(
            value if type(value) is np.ndarray and value.dtype is dtype
            else self._array(k, value)
            for k, (value, dtype) in enumerate(zip(args, self.dtypes))
        )  # fmt: skip
        sizes = self.measured(tuple([a.shape for a in arrays]))
        for k, bound in self.bounds:
            bound.check(arrays[k], sizes)
        if self.finite:
            for name, array, node in zip(self.names, arrays, self.nodes):
                check_finite(name, array)
                check_facts(name, array, getattr(node, "facts", ()))
        return arrays

    def measured(self, shapes: tuple[tuple[int, ...], ...]) -> dict[str, int]:
        """The named sizes; GraphnetError where a shape does not fit its input."""
        sizes = self._sizes.get(shapes)
        if sizes is None:
            sizes = self._measure(shapes)
            if len(self._sizes) > 256:
                self._sizes.clear()
            self._sizes[shapes] = sizes
        return sizes

    def sizes(self, arrays: Arrays) -> dict[str, int]:
        """The named sizes of arrays that were let in."""
        return self._sizes.get(tuple([a.shape for a in arrays])) or {}

    def _bound(self, args: Sequence[Any], given: Mapping[str, Any]) -> list[Any]:
        """Positional and named arguments in call order."""
        expected = f"expected ({', '.join(self.names)})"
        if len(args) > len(self.names):
            raise GraphnetTypeError(f"{expected}, came {len(args)} arguments")
        found = dict(zip(self.names, args))
        for name, value in given.items():
            if name not in self.names:
                tail = did_you_mean(name, self.names)
                raise GraphnetTypeError(f"there is no input {told(name)}{tail}; {expected}")
            if name in found:
                raise GraphnetTypeError(f"the input {told(name)} was given twice; {expected}")
            found[name] = value
        missing = [name for name in self.names if name not in found]
        if missing:
            raise GraphnetTypeError(f"no array was given for {', '.join(missing)}; {expected}")
        return [found[name] for name in self.names]

    def _array(self, k: int, value: Any) -> NDArray[Any]:
        """An argument in the dtype of its input."""
        name, dtype, node = self.names[k], self.dtypes[k], self.nodes[k]
        where = f"input {name}"
        if isinstance(value, np.ma.MaskedArray):
            raise GraphnetTypeError("a masked array would lose its mask", where=where)
        try:
            array = np.asarray(value)
        except Exception as error:  # whatever an `__array__` raises: a tensor on another device
            raise GraphnetTypeError(f"not an array: {error}", where=where) from None
        kind: str = array.dtype.kind
        legal = {"float": "fiub", "int": "iu", "bool": "b"}[node.dtype]
        if array.size == 0 and not isinstance(value, np.ndarray):
            kind = legal[0]  # an empty list has no dtype of its own
        if kind not in legal:
            hint = "; cast it with .astype(int) if these are whole numbers" if kind == "f" else (
                "; cast it with .astype(int)" if kind == "b" else ""
            )  # fmt: skip
            raise GraphnetTypeError(
                f"expected {node.dtype}s of shape {show_shape(node.shape)}, came "
                f"{_told(array, value)}{hint}",
                where=where,
            )
        if kind == "u" and node.dtype == "int" and array.size and array.max() > 2**63 - 1:
            raise GraphnetError(f"{array.max()} is more than an int can hold", where=where)
        return array.astype(dtype, copy=False)

    def _measure(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The named sizes, where every shape fits its input."""
        sizes: dict[str, int] = {}
        source: dict[str, str] = {}
        for name, node, shape in zip(self.names, self.nodes, shapes):
            if len(shape) != len(node.shape):
                raise GraphnetError(
                    f"expected {len(node.shape)} axes, shape {show_shape(node.shape)}, came "
                    f"shape {shape}",
                    where=f"input {name}",
                )
            for axis, (extent, size) in enumerate(zip(node.shape, shape)):
                self._axis(name, node, shape, axis, extent, size, sizes, source)
        for name, node, shape in zip(self.names, self.nodes, shapes):
            for axis, extent in enumerate(node.shape):
                if all(s in sizes for s in names(extent)):
                    expected = evaluate(extent, sizes)
                    if shape[axis] != expected:
                        self._refuse(name, node, shape, axis, f"{expected}")
        if 0 in sizes.values():
            refuse_empty(self.network, sizes)
        return sizes

    def _axis(
        self, name: str, node: Node, shape: tuple[int, ...], axis: int, extent: int | Poly,
        size: int, sizes: dict[str, int], source: dict[str, str],
    ) -> None:  # fmt: skip
        """Learns a named size from an axis, or compares."""
        if isinstance(extent, int):
            if size != extent:
                self._refuse(name, node, shape, axis, str(extent))
            return
        named = show_extent(extent)
        if not named.isidentifier():
            return
        if sizes.setdefault(named, size) != size:
            expected = f"{named} = {sizes[named]} as in {source[named]}"
            self._refuse(name, node, shape, axis, expected)
        source.setdefault(named, name)

    def _refuse(
        self, name: str, node: Node, shape: tuple[int, ...], axis: int, expected: str
    ) -> None:
        raise GraphnetError(
            f"expected shape {show_shape(node.shape)}, came {shape}: axis {axis} is "
            f"{shape[axis]}, not {expected}",
            where=f"input {name}",
        )


def _told(array: NDArray[Any], value: Any) -> str:
    if array.dtype.kind in "OUS":
        return f"{type(value).__name__} (dtype {array.dtype})"
    return f"dtype {array.dtype}"


def check_finite(name: str, array: NDArray[Any], what: str = "input") -> None:
    """Raises GraphnetError where an element is nan or infinite."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    row = np.argwhere(~np.isfinite(array))[0]
    place = f"[{', '.join(map(str, row))}]" if row.size else ""
    raise GraphnetError(f"{name}{place} is {array[tuple(row)]}, not finite", where=f"{what} {name}")

"""The arrays a program keeps: its parameters and its states, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import mapping
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told

__all__ = ["MissingNameError", "Store"]


class MissingNameError(GraphnetError, KeyError):
    """A name that a store does not have; a KeyError too, as every mapping raises."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0])


class Store(MutableMapping[str, NDArray[Any]]):
    """Arrays by name, of fixed shape and dtype; what it gives is the array itself.

    Assignment copies the values in. Programs that share a store see one another's updates.
    A fast program may keep a state in a scale of its own: `scales[name]` times `arrays[name]` is
    what the name means. What such a name gives is a copy that cannot be written to: assign to it.

    >>> store = Store("parameter", {"W": np.zeros((2, 2), np.float32)})
    >>> store["W"] = [[1, 2], [3, 4]]
    >>> store["W"] *= 2
    >>> store["W"].tolist()
    [[2.0, 4.0], [6.0, 8.0]]
    >>> store["V"]
    Traceback (most recent call last):
        ...
    graphnet.compiler.stores.MissingNameError: there is no parameter 'V'; known: W
    """

    def __init__(
        self, kind: str, arrays: Mapping[str, NDArray[Any]],
        scales: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.arrays = dict(arrays)
        self.scales = {n: s for n, s in (scales or {}).items() if n in self.arrays}  # exact

    def __getitem__(self, name: str) -> NDArray[Any]:
        held = self._kept(name)
        if name not in self.scales:
            return held
        shown = np.asarray(self.exact(name), held.dtype)
        shown.flags.writeable = False
        return shown

    def exact(self, name: str) -> NDArray[Any]:
        """The array, with as many digits as assigning it back needs to give the same bits."""
        held = self._kept(name)
        if name not in self.scales:
            return held
        return np.asarray(held.astype(np.float64) * float(self.scales[name]))

    def _kept(self, name: str) -> NDArray[Any]:
        try:
            return self.arrays[name]
        except (KeyError, TypeError):  # a list is no name either
            tail = did_you_mean(name, self.arrays)
            raise MissingNameError(f"there is no {self.kind} {told(name)}{tail}") from None

    def __setitem__(self, name: str, value: Any) -> None:
        self._write(name, self.fitted(name, value))

    def _write(self, name: str, array: NDArray[Any]) -> None:
        held = self._kept(name)
        if name in self.scales:
            array = array.astype(np.float64) / float(self.scales[name])
        held[...] = array

    def fitted(self, name: str, value: Any) -> NDArray[Any]:
        """The value as an array that may be copied into `name`.

        Raises GraphnetError for another shape, GraphnetTypeError for another kind of elements.
        """
        held, where = self._kept(name), f"{self.kind} {name}"
        try:
            array = np.asarray(value)
        except Exception as error:  # whatever an `__array__` raises
            raise GraphnetTypeError(f"not an array: {error}", where=where) from None
        if array.dtype.kind not in "fiub" or not np.can_cast(array.dtype, held.dtype, "same_kind"):
            raise GraphnetTypeError(
                f"expected values of dtype {held.dtype}, came {array.dtype}", where=where
            )
        if array.shape != held.shape:
            raise GraphnetError(f"expected shape {held.shape}, came {array.shape}", where=where)
        return array

    def __delitem__(self, name: str) -> None:
        raise GraphnetError(f"a {self.kind} cannot be deleted: {told(name)}")

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Assigns several at once, or none where one does not fit."""
        nothing = isinstance(other, tuple) and not other
        of = f"arrays by name of {self.kind}"
        exact = {n: other.exact(n) for n in other} if isinstance(other, Store) else other
        given = mapping("values", None if nothing else exact, of) | more
        fitted = {name: self.fitted(name, value) for name, value in given.items()}
        for name, array in fitted.items():
            self._write(name, array)

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name} {a.shape}" for name, a in self.arrays.items())
        return f"<{self.kind}s: {inside}>" if inside else f"<no {self.kind}s>"

    def shared(self, needed: Mapping[str, NDArray[Any]]) -> None:
        """Raises GraphnetError unless this store has every needed name with its shape and dtype."""
        for name, array in needed.items():
            held = self._kept(name)
            if (held.shape, held.dtype) != (array.shape, array.dtype):
                raise GraphnetError(
                    f"the shared one is {held.dtype} {held.shape}, the program needs "
                    f"{array.dtype} {array.shape}",
                    where=f"{self.kind} {name}",
                )

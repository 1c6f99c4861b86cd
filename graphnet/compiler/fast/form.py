"""What a form is: how a value is computed into memory that is there already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from graphnet.compiler.fast.arrays import Array, Arrays
from graphnet.compiler.values import Value

__all__ = ["UFUNC_OF", "Form", "what_is_left"]

UFUNC_OF = {"sum": "add", "max": "maximum", "min": "minimum"}  # what a reduction does to two


class Form(ABC):
    """How a value is written into `out`, an array in the physical order of the value."""

    @abstractmethod
    def code(self, arrays: Arrays, value: Value, out: Array) -> str: ...

    def overwrites(self, value: Value) -> Sequence[int]:
        """The arguments whose memory the result may take."""
        return ()


def what_is_left(arrays: Arrays, value: Value, out: Array) -> tuple[list[int], Array]:
    """The axes in memory that a reduction runs over, and `out` with its axes as they are left."""
    ((source, axes),) = value.args
    along = [axes[axis] for axis in arrays.order(source)]  # the loop of every axis in memory
    over = [k for k, loop in enumerate(along) if loop >= value.rank]
    kept, wanted = [loop for loop in along if loop < value.rank], list(arrays.order(value))
    return over, arrays.transposed(out, [wanted.index(loop) for loop in kept])

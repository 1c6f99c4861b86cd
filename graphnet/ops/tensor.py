"""Tensor: what people compose. A thin wrapper of a node, with NumPy's operators.

>>> import graphnet as gn
>>> x, W = gn.input("x", ("batch", 64)), gn.parameter("W", (64, 32))
>>> x @ W
matmul (batch, 32) = Sum(x[i,k]*W[k,j], k)
>>> (2 * x).shape
(batch, 64)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from graphnet.arguments import flag
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.extent import Extent
from graphnet.network.nodes import Computed, Node, Order, Scan, show_shape
from graphnet.ops import building
from graphnet.ops.names import check_name
from graphnet.ops.ufuncs import elsewhere, operated, refuse

__all__ = ["Tensor", "TensorLike", "apply", "as_tensor"]

TensorLike = Any  # a Tensor, a number, or what NumPy takes for an array


class Tensor:
    """A tensor of a network: a shape, a dtype and how it is computed, but no values.

    `==` is identity (`gn.equal` compares); numbers become part of the formula, arrays constants.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 3))
    >>> (x**2).shape, x.dtype
    ((batch, 3), 'float')
    """

    __slots__ = ("__weakref__", "node")

    def __init__(self, node: Node) -> None:
        if not isinstance(node, Node):
            raise GraphnetTypeError(
                f"a Tensor wraps a node, not {told(node)}; gn.constant takes values"
            )
        self.node = node

    @property
    def shape(self) -> tuple[Extent, ...]:
        return self.node.shape

    @property
    def dtype(self) -> str:
        """ "float", "int" or "bool"."""
        return self.node.dtype

    @property
    def name(self) -> str | None:
        return self.node.name

    @property
    def ndim(self) -> int:
        return len(self.node.shape)

    @property
    def T(self) -> Tensor:
        """All axes in reverse order."""
        from graphnet.ops.arrays import transpose

        return transpose(self)

    def rename(self, name: str, *, made: bool = False) -> Tensor:
        """The same computed tensor under a name of its own; `made`: graphnet chose the name.

        Raises GraphnetError for inputs, parameters and states, which are named where they are made.
        """
        if not isinstance(self.node, Computed | Scan | Order):
            raise GraphnetError(f"it is named where it is made: {self!r}")
        return Tensor(replace(self.node, name=check_name(name), made=flag("made", made)))

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """gn.sum of this tensor."""
        from graphnet.ops.reductions import sum

        return sum(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """gn.mean of this tensor."""
        from graphnet.ops.reductions import mean

        return mean(self, axis, keepdims)

    def reshape(self, *shape: Any) -> Tensor:
        """gn.reshape of this tensor."""
        from graphnet.ops.arrays import reshape

        return reshape(self, *shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tensor) and other.node is self.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __bool__(self) -> NoReturn:
        raise GraphnetTypeError(
            f"a tensor is neither true nor false before it is run: {self!r}; "
            "for a choice element by element use gn.where"
        )

    def __iter__(self) -> NoReturn:
        raise GraphnetTypeError(f"a tensor cannot be iterated: {self!r}; index it, as in x[0]")

    def __len__(self) -> NoReturn:
        raise GraphnetTypeError(f"a tensor has no len, its shape is {show_shape(self.shape)}")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise GraphnetTypeError(f"a tensor holds no values: {self!r}; compile it with gn.function")

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            refuse(ufunc.__name__, self)
        return operated(ufunc.__name__, operands, self)

    def __array_function__(self, function: Any, *_: Any) -> NoReturn:
        refuse(function.__name__, self)

    def __float__(self) -> NoReturn:
        raise GraphnetTypeError(f"a tensor holds no values: {self!r}; compile it with gn.function")

    __int__ = __float__

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a tensor has no {name!r}{elsewhere(name)}")

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
        from graphnet.view.draw import draw

        return draw(self)._repr_mimebundle_()

    def __repr__(self) -> str:
        return describe(self.node)

    def __add__(self, other: TensorLike) -> Any:
        return _binary("add", self, other)

    def __radd__(self, other: TensorLike) -> Any:
        return _binary("add", other, self)

    def __sub__(self, other: TensorLike) -> Any:
        return _binary("sub", self, other)

    def __rsub__(self, other: TensorLike) -> Any:
        return _binary("sub", other, self)

    def __mul__(self, other: TensorLike) -> Any:
        return _binary("mul", self, other)

    def __rmul__(self, other: TensorLike) -> Any:
        return _binary("mul", other, self)

    def __truediv__(self, other: TensorLike) -> Any:
        return _binary("div", self, other)

    def __rtruediv__(self, other: TensorLike) -> Any:
        return _binary("div", other, self)

    def __pow__(self, other: TensorLike) -> Any:
        return _binary("pow", self, other)

    def __rpow__(self, other: TensorLike) -> Any:
        return _binary("pow", other, self)

    def __floordiv__(self, other: TensorLike) -> Any:
        return _binary("floordiv", self, other)

    def __rfloordiv__(self, other: TensorLike) -> Any:
        return _binary("floordiv", other, self)

    def __mod__(self, other: TensorLike) -> Any:
        return _binary("mod", self, other)

    def __rmod__(self, other: TensorLike) -> Any:
        return _binary("mod", other, self)

    def __divmod__(self, other: TensorLike) -> Any:
        return (self // other, self % other) if _is_operand(other) else NotImplemented

    def __rdivmod__(self, other: TensorLike) -> Any:
        return (other // self, other % self) if _is_operand(other) else NotImplemented

    def __xor__(self, other: object) -> NoReturn:
        raise GraphnetTypeError("^ is no power: write x**2; of bool tensors gn.where(a, ~b, b)")

    __rxor__ = __xor__

    def __floor__(self) -> Tensor:
        return apply("floor(x)", {"x": self}, label="floor")

    def __ceil__(self) -> Tensor:
        return apply("-floor(-x)", {"x": self}, label="ceil")

    def __round__(self, *_: Any) -> NoReturn:
        raise GraphnetTypeError(
            "a tensor is rounded half up by (x + 0.5) // 1; there is no rounding half to even"
        )

    def __neg__(self) -> Tensor:
        return apply("-x", {"x": self}, label="neg")

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return apply("Abs(x)", {"x": self}, label="abs")

    def __matmul__(self, other: TensorLike) -> Any:
        from graphnet.ops.products import matmul

        return matmul(self, other) if _is_operand(other) else NotImplemented

    def __rmatmul__(self, other: TensorLike) -> Any:
        from graphnet.ops.products import matmul

        return matmul(other, self) if _is_operand(other) else NotImplemented

    def __lt__(self, other: TensorLike) -> Any:
        return _test("a < b", self, other, "less")

    def __le__(self, other: TensorLike) -> Any:
        return _test("a <= b", self, other, "less_equal")

    def __gt__(self, other: TensorLike) -> Any:
        return _test("a > b", self, other, "greater")

    def __ge__(self, other: TensorLike) -> Any:
        return _test("a >= b", self, other, "greater_equal")

    def __and__(self, other: TensorLike) -> Any:
        return _test("a and b", self, other, "and")

    __rand__ = __and__

    def __or__(self, other: TensorLike) -> Any:
        return _test("a or b", self, other, "or")

    __ror__ = __or__

    def __invert__(self) -> Tensor:
        return apply("where(not x, 1, 0)", {"x": self}, label="not", dtype="bool")

    def __getitem__(self, key: Any) -> Tensor:
        from graphnet.ops.indexing import index

        return index(self, key)


_TEXT = {
    "add": "a + b", "sub": "a - b", "mul": "a*b", "div": "a/b", "pow": "a**b",
    "floordiv": "floordiv(a, b)", "mod": "mod(a, b)",
}  # fmt: skip


def _is_operand(value: object) -> bool:
    return isinstance(value, Tensor | Node | int | float | np.ndarray | np.generic | list | tuple)


def _binary(label: str, a: TensorLike, b: TensorLike) -> Any:
    if not (_is_operand(a) and _is_operand(b)):
        return NotImplemented
    a, b = (v if building.is_number(v) else building.to_node(v) for v in (a, b))
    return apply(_TEXT[label], {"a": a, "b": b}, label=label, dtype=_common(label, a, b))


def _common(label: str, *operands: Any) -> str | None:
    """The dtype that NumPy has for a sum, a product or what // and % give; None asks the formula.

    It depends on the dtypes alone: n - n and 0*n are ints, 2.0*n is float.
    """
    kinds = {_dtype(operand) for operand in operands}
    if "bool" in kinds or label in ("div", "pow"):
        return None
    return "int" if kinds == {"int"} else "float"


def _dtype(operand: Any) -> str:
    """That of a node or of a number."""
    if isinstance(operand, Node):
        return operand.dtype
    return "int" if isinstance(operand, int | np.integer) else "float"


def _test(condition: str, a: TensorLike, b: TensorLike, label: str) -> Any:
    if not (_is_operand(a) and _is_operand(b)):
        return NotImplemented
    text = f"where({condition}, 1, 0)"
    return apply(text, {"a": a, "b": b}, label=label, dtype="bool")


def as_tensor(value: TensorLike) -> Tensor:
    """A Tensor as it is; numbers and arrays as constants."""
    return value if isinstance(value, Tensor) else Tensor(building.to_node(value))


def apply(
    text: str,
    values: Mapping[str, TensorLike],
    *,
    label: str,
    name: str | None = None,
    dtype: str | None = None,
    axis: int = -1,
) -> Tensor:
    """The tensor a formula text defines; numbers go into it, `...` is written out."""
    params = building.params_of(values)
    operands = {key: building.to_node(v) for key, v in values.items() if key not in params}
    ranks = {key: len(node.shape) for key, node in operands.items()}
    text = building.expand(text, ranks, axis)
    return Tensor(
        building.define(text, operands, label=label, name=name, dtype=dtype, params=params)
    )


def describe(node: Node) -> str:
    """`h (batch, 32) = Sum(x[n,i]*W[i,o], i)`: a tensor in one line."""
    head = f"{node.name or node.label} {show_shape(node.shape)}"
    if not isinstance(node, Computed):
        return f"{head} {node.kind}" + (f" {node.dtype}" if node.dtype != "float" else "")
    count: dict[str, int] = {}
    names = []
    for operand in node.operands:
        stem = operand.name or operand.label
        count[stem] = count.get(stem, 0) + 1
        names.append(stem if count[stem] == 1 else f"{stem}_{count[stem]}")
    text = str(node.equation("Y", names))
    return f"{head} = {text.split(' = ', 1)[1]}" if node.formula.plain_target is not None and (
        not node.formula.accumulate
    ) else f"{head}: {text}"  # fmt: skip

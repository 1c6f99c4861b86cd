"""Sums, means, extrema and running products along axes, with NumPy's names and arguments.

`axis` is an int, several ints, or None for all; `keepdims` keeps reduced axes with size 1.

>>> from graphnet.ops.define import input
>>> x = input("x", ("batch", 3))
>>> sum(x, axis=1)
sum (batch,) = Sum(x[i,j], j)
>>> mean(x)
mean () = Sum(x[i,j]/(size(i)*size(j)), i, j)
>>> max(x, axis=0, keepdims=True).shape
(1, 3)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphnet.arguments import flag, items, whole
from graphnet.errors import GraphnetError, told
from graphnet.formula import extent as ext
from graphnet.formula.formula import index_names
from graphnet.network.graph import Network
from graphnet.network.nodes import Input as InputNode
from graphnet.network.nodes import Loop, Node, Order, Scan, show_shape
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = [
    "argmax", "argsort", "cumprod", "cumsum", "logsumexp", "max", "mean", "min", "prod", "std",
    "sum", "var",
]  # fmt: skip

Axis = int | Sequence[int] | None


def one_axis(axis: Any, rank: int, where: str) -> int:
    """An axis counted from the front."""
    number = whole("an axis", axis, where=where)
    if not -rank <= number < rank:
        raise GraphnetError(f"axis {number} of a tensor with {rank} axes", where=where)
    return number % rank


def axes_of(axis: Any, rank: int, where: str) -> tuple[int, ...]:
    """The axes counted from the front, sorted; None is all of them."""
    if axis is None:
        return tuple(range(rank))
    one = isinstance(axis, str) or getattr(axis, "shape", None) == ()
    given = (axis,) if one or not isinstance(axis, Iterable) else items("axis", axis, "ints")
    found = [one_axis(a, rank, where) for a in given]
    if len(set(found)) < len(found):
        raise GraphnetError(f"an axis is named twice in {told(tuple(given))}", where=where)
    return tuple(sorted(found))


class _Plan:
    """How the axes of one reduction are spelled in formula text."""

    def __init__(self, x: TensorLike, axis: Axis, keepdims: bool, where: str) -> None:
        self.x = as_tensor(x)
        rank = self.x.ndim
        self.over = axes_of(axis, rank, where)
        names = index_names(2 * rank)
        self.names = names[:rank]
        self.all = _bracket("x", self.names)
        self.loops = [self.names[a] for a in self.over]
        self.kept = [n for a, n in enumerate(self.names) if a not in self.over]
        keepdims = flag("keepdims", keepdims, where=where)
        units = {a: names[rank + a] for a in self.over} if keepdims else {}
        self.target = [units.get(a, n) for a, n in enumerate(self.names)
                       if a in units or a not in self.over]  # fmt: skip
        self.bounds = "".join(f", {unit} < 1" for unit in units.values())
        self.size = "*".join(f"size({n})" for n in self.loops) or "1"

    def text(self, reduction: str, body: str, target: str = "Y") -> str:
        """`Y[kept] = Sum(body, loops)`, or just the body where nothing is reduced."""
        right = f"{reduction}({body}, {', '.join(self.loops)})" if self.loops else body
        return f"{_bracket(target, self.target)} = {right}{self.bounds}"


def _bracket(name: str, indices: Sequence[str]) -> str:
    return f"{name}[{','.join(indices)}]" if indices else name


def _reduce(reduction: str, label: str, x: TensorLike, axis: Axis, keepdims: bool) -> Tensor:
    plan = _Plan(x, axis, keepdims, label)
    body = _number(plan) if reduction == "Sum" else plan.all
    return apply(plan.text(reduction, body), {"x": plan.x}, label=label)


def _number(plan: _Plan) -> str:
    """An element as a number: a bool counts as 1 or 0."""
    return f"where({plan.all}, 1, 0)" if plan.x.dtype == "bool" else plan.all


def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum; 0 over nothing. Of bools, how many are true.

    >>> import graphnet as gn
    >>> gn.sum(gn.input("x", ("batch", 3)), axis=1)
    sum (batch,) = Sum(x[i,j], j)
    """
    return _reduce("Sum", "sum", x, axis, keepdims)


def max(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest; -oo over nothing. Ties share the slope evenly.

    >>> import graphnet as gn
    >>> gn.max(gn.input("x", ("batch", 3)), axis=1)
    max (batch,) = Max(x[i,j], j)
    """
    return _reduce("Max", "max", x, axis, keepdims)


def min(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest; oo over nothing. Ties share the slope evenly.

    >>> import graphnet as gn
    >>> gn.min(gn.input("x", ("batch", 3)), axis=1)
    min (batch,) = Min(x[i,j], j)
    """
    return _reduce("Min", "min", x, axis, keepdims)


def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) without overflow; -oo over nothing.

    >>> import graphnet as gn
    >>> gn.logsumexp(gn.input("x", ("batch", 3)), axis=1)
    logsumexp (batch,) = LogSumExp(x[i,j], j)
    """
    plan = _Plan(x, axis, keepdims, "logsumexp")
    return _reduce("LogSumExp", "logsumexp", x, axis, keepdims) if plan.loops else plan.x


def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean.

    >>> import graphnet as gn
    >>> gn.mean(gn.input("x", ("batch", 3)), axis=1)
    mean (batch,) = Sum(x[i,j]/size(j), j)
    """
    plan = _Plan(x, axis, keepdims, "mean")
    text = plan.text("Sum", f"{_number(plan)}/({plan.size})")
    return apply(text, {"x": plan.x}, label="mean", dtype="float")  # of one int, too


def var(x: TensorLike, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The variance, in two passes: Sum((x - M)**2)/(size - ddof).

    >>> import graphnet as gn
    >>> gn.var(gn.input("x", ("batch", 3)), axis=1)
    var (batch,) = Sum((x[i,j] - mean[i,0])**2/size(j), j)
    """
    plan = _Plan(x, axis, keepdims, "var")
    center = mean(plan.x, axis, keepdims=True)
    ddof = whole("ddof", ddof, 0, where="var")
    names = [n if n in plan.kept else "0" for n in plan.names]
    spread = f"({plan.all} - {_bracket('M', names)})**2/({plan.size} - {ddof})"
    return apply(plan.text("Sum", spread), {"x": plan.x, "M": center}, label="var")


def std(x: TensorLike, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation, sqrt(var).

    >>> import graphnet as gn
    >>> gn.std(gn.input("x", ("batch", 3)), axis=1)
    std (batch,) = sqrt(var[i])
    """
    return apply("sqrt(x)", {"x": var(x, axis, ddof, keepdims)}, label="std")


def cumsum(x: TensorLike, axis: int | None = None) -> Tensor:
    """Running sums along an axis (of all elements in order where it is None).

    >>> import graphnet as gn
    >>> gn.cumsum(gn.input("x", ("batch", 3)), axis=1)
    cumsum (batch, 3) = Sum(where(k <= j, x[i,k], 0), k), j < 3
    """
    x, axis = _along(x, axis, "cumsum")
    size = x.shape[axis]
    *names, k, given = index_names(x.ndim + 2, ext.names(size))
    i = names[axis]
    inner = [k if a == axis else n for a, n in enumerate(names)]
    text = (
        f"{_bracket('Y', names)} = Sum(where({k} <= {i}, {_bracket(given, inner)}, 0), {k})"
        f", {i} < {ext.show_extent(size)}"
    )
    return apply(text, {given: x}, label="cumsum")


def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product, a scan with body s*x, so that zeros and signs have their right slopes.

    >>> import graphnet as gn
    >>> gn.prod(gn.input("x", ("batch", 3)), axis=1)
    prod (batch,) scan
    """
    from graphnet.ops.arrays import reshape, transpose

    x = as_tensor(x)
    over = axes_of(axis, x.ndim, "prod")
    keepdims = flag("keepdims", keepdims, where="prod")
    kept = [a for a in range(x.ndim) if a not in over]
    shape = [1 if a in over else e for a, e in enumerate(x.shape)]
    result = x
    if over:
        front = transpose(x, [*over, *kept])
        sizes = [x.shape[a] for a in kept]
        front = reshape(front, [_product([x.shape[a] for a in over]), *sizes])
        result = Tensor(_running(front.node, ("last", 0), "prod"))
    return reshape(result, shape) if keepdims and over else result


def cumprod(x: TensorLike, axis: int | None = None) -> Tensor:
    """Running products along an axis (of all elements in order where it is None).

    >>> import graphnet as gn
    >>> gn.cumprod(gn.input("x", ("batch", 3)), axis=1)
    transpose (batch, 3) = cumprod[j,i]
    """
    from graphnet.ops.arrays import transpose

    x, axis = _along(x, axis, "cumprod")
    order = [axis, *(a for a in range(x.ndim) if a != axis)]
    made = Tensor(_running(transpose(x, order).node, ("emit", 0), "cumprod"))
    return transpose(made, [order.index(a) for a in range(x.ndim)])


def _along(x: TensorLike, axis: int | None, where: str) -> tuple[Tensor, int]:
    from graphnet.ops.arrays import reshape

    x = as_tensor(x)
    return (reshape(x, (-1,)), 0) if axis is None else (x, one_axis(axis, x.ndim, where))


def _product(extents: Sequence[Any]) -> Any:
    from graphnet.formula.extent import product

    return product(tuple(extents))


def _running(x: Node, result: tuple[str, int], label: str) -> Scan:
    """The products along axis 0 of a node, by a loop of `s_new = s*x`."""
    rest = x.shape[1:]
    s = InputNode(shape=rest, name="s", label="s")
    step = InputNode(shape=rest, name="x", label="x")
    grown = apply("s*x", {"s": Tensor(s), "x": Tensor(step)}, label="s_new", name="s_new")
    body = Network.collect({"s_new": grown.node}, extra=[s, step])
    loop = Loop(
        body=body, states=("s",), carried=("s_new",), sequences=("x",), emits=("s_new",),
        length=x.shape[0],
    )  # fmt: skip
    from graphnet.ops.filling import ones

    start = ones(rest)
    shape = rest if result[0] == "last" else x.shape
    return Scan(shape=shape, operands=(start.node, x), label=label, loop=loop, result=result)


def argmax(x: TensorLike, axis: int | None = None) -> Tensor:
    """Where the first largest element along an axis stands: ints, without gradient.

    >>> import graphnet as gn
    >>> gn.argmax(gn.input("x", ("batch", 3)), axis=1)
    argmax (batch,) order int
    """
    x, axis = _along(x, axis, "argmax")
    if x.shape[axis] == 0:
        raise GraphnetError(f"the largest of nothing, shape {show_shape(x.shape)}", where="argmax")
    shape = tuple(e for a, e in enumerate(x.shape) if a != axis)
    return Tensor(
        Order(shape=shape, dtype="int", operands=(x.node,), label="argmax", op="argmax", axis=axis)
    )


def argsort(x: TensorLike, axis: int = -1) -> Tensor:
    """The order that sorts along an axis, equal elements as they stand: ints, without gradient.

    >>> import graphnet as gn
    >>> gn.argsort(gn.input("x", ("batch", 3)), axis=1)
    argsort (batch, 3) order int
    """
    x = as_tensor(x)
    axis = one_axis(axis, x.ndim, "argsort")
    return Tensor(
        Order(
            shape=x.shape, dtype="int", operands=(x.node,), label="argsort", op="argsort", axis=axis
        )
    )

"""Gradients as tensors: symbolic, drawable and differentiable again.

>>> from graphnet.ops.define import formula, input
>>> x = input("x", (3,))
>>> y = formula("Y = Sum(x[i]**3, i)", x=x)
>>> grad(y, x)
d_x (3,) = 3*x[i]**2
>>> hessian(y, x).shape
(3, 3)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np
import sympy

from graphnet.arguments import flag, items
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.formula import index_symbol
from graphnet.formula.functions import where
from graphnet.formula.kinks import PARTS, PRESETS, Kinks
from graphnet.formula.kinks import kinks as kinks_of
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Input, Node, show_shape, topological
from graphnet.numerics import stabilize as numerics
from graphnet.ops import filling
from graphnet.ops.building import constant_node, place, to_node
from graphnet.ops.catalogue import FORMULAS
from graphnet.ops.tensor import Tensor, TensorLike
from graphnet.ops.vectorize import vectorize

__all__ = ["chosen_kinks", "derivation", "grad", "hessian", "jacobian", "jvp"]


@overload
def grad(
    y: Tensor, x: Tensor, upstream: TensorLike | None = None, stabilize: bool = True,
    kinks: Any = "graphnet",
) -> Tensor: ...  # fmt: skip
@overload
def grad(
    y: Tensor, x: Sequence[Tensor], upstream: TensorLike | None = None, stabilize: bool = True,
    kinks: Any = "graphnet",
) -> list[Tensor]: ...  # fmt: skip
def grad(
    y: Tensor,
    x: Tensor | Sequence[Tensor],
    upstream: TensorLike | None = None,
    stabilize: bool = True,
    kinks: Any = "graphnet",
) -> Tensor | list[Tensor]:
    """The gradient of y with respect to x, of x's shape; a list for a list of tensors.

    y is 0-d unless an upstream of its shape is given: then it is that of sum(upstream*y). x may be
    any tensor y is computed from; where y does not depend on it the gradient is 0. `stabilize`
    first rewrites what lies between (`exp(z)/Sum(exp(z))` and the like), without touching x.
    `kinks` says which slope stands where it jumps: "graphnet", "pytorch", "jax", "pytensor" or a
    dict of choices on top of graphnet's, {"relu": 0.5, "max": "first"} (see formula/kinks.py).

    Raises GraphnetError where y is not 0-d or the upstream does not fit, GraphnetTypeError for
    int and bool tensors.

    >>> from graphnet.ops.define import formula, input
    >>> x = input("x", ("batch", 3))
    >>> grad(formula("Y = Sum(x[n,i]**2, n, i)", x=x), x)
    d_x (batch, 3) = 2*x[n,i]
    """
    wrt = _tensors(x)
    stabilize = flag("stabilize", stabilize)
    node = _tensor(y, "y").node
    up = None if upstream is None else _upstream(upstream)
    chosen = chosen_kinks(kinks, [node])
    found = [Tensor(g) for g in _adjoints(node, [t.node for t in wrt], up, stabilize, chosen)]
    return found[0] if isinstance(x, Tensor) else found


def chosen_kinks(given: Any, outputs: Sequence[Node]) -> Kinks:
    """The table of kinks; GraphnetError where a row names no op, known or on the way to outputs."""
    table = kinks_of(given)
    if table.name in PRESETS:
        return table
    known = [*FORMULAS, *PARTS, *(label for rows in PRESETS.values() for label in rows)]
    known += [node.label for node in topological(outputs)]
    for label, _ in table.table:
        if label not in known:
            raise GraphnetError(
                f"{told(label)} is no op{did_you_mean(label, dict.fromkeys(known))}", where="kinks"
            )
    return table


def _tensor(value: object, what: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise GraphnetTypeError(f"{what} is a tensor, not {type(value).__name__}: {told(value)}")
    return value


def _tensors(x: Tensor | Sequence[Tensor]) -> list[Tensor]:
    if not isinstance(x, Tensor | list | tuple):
        raise GraphnetTypeError(f"x is a tensor or a list of them, not {told(x)}")
    return [_tensor(t, "x") for t in ([x] if isinstance(x, Tensor) else x)]


def _upstream(value: TensorLike) -> Node:
    node = to_node(value)
    if isinstance(node, Constant) and node.dtype == "int":
        return constant_node(np.asarray(value, dtype=float))
    return node


def _adjoints(
    y: Node, wrt: Sequence[Node], upstream: Node | None, stabilize: bool, kinks: Kinks
) -> list[Node]:
    network = Network.collect({"y": y}, extra=wrt)
    names = [network.name_of(node) for node in wrt]
    (output,) = network.outputs.values()
    if stabilize:
        network = _stabilized(network, output, dict(zip(names, wrt, strict=True)))
    wanted = [name for name in dict.fromkeys(names) if name in network]
    made = backward(network, output, wanted, upstream, kinks)
    return [
        made.node(made.outputs[f"d_{name}"]) if name in network else filling.zeros(node.shape).node
        for name, node in zip(names, wrt, strict=True)  # a constant that y does not depend on
    ]


def derivation(
    y: Tensor, x: Sequence[Tensor], stabilize: bool, kinks: Any
) -> tuple[Network, Network]:
    """The network of y as it is written, and the stabilized one with the adjoints of some tensors.

    A tensor has one name in both, so that formulas of one can stand beside those of the other.
    """
    node, wrt = _tensor(y, "y").node, [t.node for t in _tensors(x)]
    written = Network.collect({"output": node}, extra=wrt)
    names = list(dict.fromkeys(written.name_of(n) for n in wrt))
    output = written.outputs["output"]
    stable = flag("stabilize", stabilize)
    network = numerics.stabilize(written, keep=(output, *names)) if stable else written
    wanted = [name for name in names if name in network]
    return written, backward(network, output, wanted, None, chosen_kinks(kinks, [node]))


def _stabilized(network: Network, output: str, kept: dict[str, Node]) -> Network:
    """The network stabilized; what gradients are asked for stays the very node the caller has.

    What was rewritten stands beside the caller's node of that name, so graphnet names it.
    """
    rewritten = numerics.stabilize(network, keep=(output, *kept))
    own = {node for _, node in network.items()}

    def settled(name: str, node: Node) -> Node | None:
        if name in kept:
            return kept[name]
        fresh = node not in own and node.name is not None and not node.made
        return replace(node, made=True) if fresh else None

    return rewritten.rebuild(settled)


def jacobian(y: Tensor, x: Tensor, stabilize: bool = True, kinks: Any = "graphnet") -> Tensor:
    """The derivative of every element of y by every element of x, of shape y.shape + x.shape.

    One reverse pass whose upstream is all one-hot tensors side by side.

    >>> from graphnet.ops.define import formula, input
    >>> x = input("x", (3,))
    >>> jacobian(formula("Y[i,j] = x[i]*x[j]", x=x), x).shape
    (3, 3, 3)
    """
    y, x = _tensor(y, "y"), _tensor(x, "x")
    axes = y.shape
    if not axes:
        return grad(y, x, stabilize=stabilize, kinks=kinks)
    seed = Input(shape=axes, name="upstream", made=True, label="upstream")
    adjoint = grad(y, x, upstream=Tensor(seed), stabilize=stabilize, kinks=kinks)
    rank = len(axes)
    hot = sympy.And(*(sympy.Eq(index_symbol(a), index_symbol(rank + a)) for a in range(rank)))
    body = where(hot, sympy.Integer(1), sympy.Integer(0))
    one_hot = place([], (*axes, *axes), label="one_hot", body=body, dtype="float")
    return Tensor(vectorize(adjoint.node, {seed: one_hot}, axes))


def hessian(loss: Tensor, W: Tensor, stabilize: bool = True, kinks: Any = "graphnet") -> Tensor:
    """The second derivatives of a 0-d loss, of shape W.shape + W.shape.

    >>> from graphnet.ops.define import formula, input
    >>> x = input("x", (3,))
    >>> hessian(formula("Y = Sum(x[i]**3, i)", x=x), x).shape
    (3, 3)
    """
    slope = grad(loss, W, stabilize=stabilize, kinks=kinks)
    return jacobian(slope, W, stabilize=False, kinks=kinks)


def jvp(
    y: Tensor,
    x: Tensor | Sequence[Tensor],
    v: TensorLike | Sequence[TensorLike],
    stabilize: bool = True,
    kinks: Any = "graphnet",
) -> Tensor:
    """The derivative of y along v: the Jacobian times v, without the Jacobian.

    The adjoint of x is linear in its upstream, so its own adjoint along v is what is sought
    (Townsend 2017, "A new trick for calculating Jacobian vector products").

    >>> from graphnet.ops.define import formula, input
    >>> x, v = input("x", (3,)), input("v", (3,))
    >>> jvp(formula("x**2", x=x), x, v).shape
    (3,)
    """
    y, wrt = _tensor(y, "y"), _tensors(x)
    along = [v] if isinstance(x, Tensor) else items("v", v, "directions", where="jvp")
    if len(along) != len(wrt):
        raise GraphnetError(f"{len(wrt)} tensors, but {len(along)} directions", where="jvp")
    seed = Tensor(Input(shape=y.shape, name="upstream", made=True, label="upstream"))
    total: Tensor | None = None
    for t, adjoint, direction in zip(
        wrt, grad(y, wrt, upstream=seed, stabilize=stabilize, kinks=kinks), along, strict=True
    ):
        node = _upstream(direction)
        if node.shape != t.shape:
            raise GraphnetError(
                f"the direction has shape {show_shape(node.shape)}, x {show_shape(t.shape)}",
                where="jvp",
            )
        part = grad(adjoint, seed, upstream=Tensor(node), stabilize=False)
        total = part if total is None else total + part
    if total is None:
        raise GraphnetError("expected at least one tensor, came none", where="jvp")
    return total

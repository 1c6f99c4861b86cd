"""Inputs, parameters, states, constants, and tensors and ops by formula."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphnet.arguments import flag
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.facts import checked_facts
from graphnet.formula.formula import Equation
from graphnet.formula.syntax import fail, syntax
from graphnet.network.nodes import Init, Input, Parameter, State, show_shape
from graphnet.ops import building
from graphnet.ops.initializers import resolve
from graphnet.ops.names import check_dtype, check_name, check_shape
from graphnet.ops.tensor import Tensor, TensorLike

__all__ = ["Op", "build", "constant", "formula", "input", "op", "parameter", "state"]


def input(
    name: str, shape: Any = (), dtype: str = "float", facts: Sequence[str] | str = ()
) -> Tensor:
    """A tensor that the caller of a program gives; sizes are ints or names.

    `facts` are promises about its elements, "one_hot", "probability", "binary", "positive" or
    "nonzero" (formula/facts.py): gradients are simpler by them, and `fit` and programs made with
    check=True refuse data that breaks one.

    >>> input("labels", ("batch",), dtype="int")
    labels (batch,) input int
    """
    where = check_name(name)
    shape = check_shape(shape, where)
    known = checked_facts(facts, where)
    if not shape and {"one_hot", "probability"} & {*known}:
        raise GraphnetError(
            f"{known[0]} is said of the last axis, but the shape is ()", where=where
        )
    dtype = check_dtype(dtype, where)
    return Tensor(Input(shape=shape, dtype=dtype, name=name, label="input", facts=known))


def parameter(
    name: str, shape: Any = (), init: Any = "glorot_uniform", trainable: bool = True
) -> Tensor:
    """A tensor that training changes.

    `init` is an initializer, its name, a number or an array of the shape.

    >>> parameter("W", (64, 32))
    W (64, 32) parameter
    """
    where = check_name(name)
    shape = _fixed(shape, where)
    return Tensor(
        Parameter(
            shape=shape, name=name, label="parameter", init=_init(init, shape, where),
            trainable=flag("trainable", trainable, where=where),
        )
    )  # fmt: skip


def state(name: str, shape: Any = (), init: Any = 0, dtype: str = "float") -> Tensor:
    """A tensor that a program keeps from call to call and that `updates` may change.

    >>> state("steps", (), dtype="int")
    steps () state int
    """
    where = check_name(name)
    shape = _fixed(shape, where)
    dtype = check_dtype(dtype, where)
    start = _init(init, shape, where)
    return Tensor(State(shape=shape, dtype=dtype, name=name, label="state", init=start))


def _fixed(shape: Any, where: str) -> tuple[int, ...]:
    extents = check_shape(shape, where)
    for extent in extents:
        if not isinstance(extent, int):
            raise GraphnetError(
                f"a parameter or state has a fixed shape, not {show_shape(extents)}", where=where
            )
    return tuple(e for e in extents if isinstance(e, int))


def _init(init: Any, shape: tuple[int, ...], where: str) -> Init:
    start = resolve(init)
    if start.array is not None and start.array.shape != shape:
        raise GraphnetError(
            f"the shape is {show_shape(shape)}, but the initial array has "
            f"{show_shape(start.array.shape)}",
            where=where,
        )
    return start


def constant(value: Any, name: str | None = None) -> Tensor:
    """A fixed number or array.

    >>> constant([1.0, 2.0])
    constant (2,) constant
    """
    return Tensor(building.constant_node(value, None if name is None else check_name(name)))


def build(
    equations: str | list[Equation],
    tensors: Mapping[str, TensorLike],
    *,
    label: str,
    name: str | None = None,
    dtype: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> Tensor:
    """The tensor that formulas define: a text (several separated by ";") or its equations.

    The last formula is the result; it may read the others by their names. `params` are numbers.
    Raises GraphnetError where operands are missing, unused or do not fit, naming them.
    """
    operands = {key: building.to_node(value) for key, value in tensors.items()}
    node = building.define(equations, operands, label=label, name=name, dtype=dtype, params=params)
    return Tensor(node)


def formula(text: str, /, name: str | None = None, **operands: TensorLike) -> Tensor:
    """A tensor by its formula; numbers are written into it.

    A formula without indices is pointwise and broadcasts as NumPy does.

    >>> x, W = input("x", ("batch", 3)), parameter("W", (3, 2))
    >>> formula("Z[n,o] = Sum(x[n,i]*W[i,o], i)", x=x, W=W)
    Z (batch, 2) = Sum(x[n,i]*W[i,o], i)
    >>> formula("x/(1 + exp(-beta*x))", x=x, beta=2).shape
    (batch, 3)
    """
    if isinstance(name, Tensor):
        raise GraphnetTypeError(
            "name= names the result; an operand called name is given by its place: "
            "gn.op(text)(tensor)"
        )
    if name is not None:
        check_name(name)
    if not isinstance(text, str):
        raise GraphnetTypeError(f"a formula is a str, not {told(text)}")
    _one(text)
    target = re.match(r"\s*([^\W\d]\w*)\s*(\[|\+?=(?!=))", text)
    label = target[1] if target and target[1] != "Y" else "formula"
    return _define(text, operands, label=label, name=name)


def _define(
    text: str, operands: Mapping[str, TensorLike], *, label: str, name: str | None = None
) -> Tensor:
    params = building.params_of(operands)
    tensors = {k: v for k, v in operands.items() if k not in params}
    return build(text, tensors, label=label, name=name, params=params)


def _one(text: str) -> None:
    """Refuses a text that is not one formula."""
    if len(syntax(text)) > 1:
        fail(text, text.index(";"), f"column {text.index(';') + 1}: one formula makes one tensor; "
             "give what it reads by name, as in gn.formula(text, x=x)")  # fmt: skip


class Op:
    """An op of one's own: call it with tensors in the order in which its formula names them."""

    def __init__(self, text: str, name: str | None = None) -> None:
        if not isinstance(text, str):
            raise GraphnetTypeError(f"a formula is a str, not {told(text)}")
        _one(text)  # a slip is told here, not where the op is first called
        self.formula = text
        self.label = "op" if name is None else check_name(name, "an op")

    def operands(self, given: Mapping[str, TensorLike]) -> tuple[str, ...]:
        """The tensors' names, in order of first appearance; numbers are given by keyword."""
        params = building.params_of(given)
        equations = building.equations_of(self.formula, params)
        made = {equation.name for equation in equations[:-1]}
        found = {n for equation in equations for n in equation.operands if n not in made}
        words = re.findall(r"[^\W\d]\w*", self.formula)
        return tuple(dict.fromkeys(word for word in words if word in found))

    def __call__(self, /, *operands: TensorLike, name: str | None = None, **named: Any) -> Tensor:
        if name is not None:
            check_name(name)
        order = [n for n in self.operands(named) if n not in named]
        if len(operands) > len(order):
            raise GraphnetTypeError(
                f"{len(operands)} tensors came, expected {len(order)}: {', '.join(order)} "
                f"({self.formula})",
                where=self.label,
            )
        given = {**dict(zip(order, operands, strict=False)), **named}
        return _define(self.formula, given, label=self.label, name=name)

    def __repr__(self) -> str:
        return f"<op {self.label}: {self.formula}>"


def op(text: str, name: str | None = None) -> Op:
    """An op by its formula: used, saved and drawn like any other.

    >>> swish = op("x/(1 + exp(-x))", name="swish")
    >>> swish(input("x", ("batch", 3))).shape
    (batch, 3)
    >>> swish.formula
    'x/(1 + exp(-x))'
    """
    return Op(text, name)

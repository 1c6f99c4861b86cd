"""Regularizers: a term of the loss for one parameter."""

from __future__ import annotations

from dataclasses import dataclass

from graphnet.arguments import check_calls, number
from graphnet.errors import GraphnetTypeError, told
from graphnet.formula.formula import index_names
from graphnet.ops.define import formula
from graphnet.ops.tensor import Tensor

__all__ = ["L1", "L2", "Regularizer", "check_regularizer"]


@dataclass(frozen=True)
class Regularizer:
    """rate times a sum over the elements of a parameter, a 0-d tensor."""

    rate: float
    body = ""

    def __post_init__(self) -> None:
        number(f"the rate of {type(self).__name__}", self.rate, 0)

    def __call__(self, parameter: Tensor) -> Tensor:
        if not isinstance(parameter, Tensor):
            raise GraphnetTypeError(f"a parameter is regularized, not {told(parameter)}")
        indices = ",".join(index_names(len(parameter.shape), ("W", "R")))
        element = f"W[{indices}]" if indices else "W"
        body = self.body.format(rate=repr(float(self.rate)), W=element)
        return formula(f"R = Sum({body}, {indices})" if indices else f"R = {body}", W=parameter)


check_calls(Regularizer, {"l1": "'rate'", "l2": "'rate'"}, methods=False)


def check_regularizer(value: object, where: str) -> Regularizer | None:
    """What may act on a parameter: nothing, or gn.L1(...), gn.L2(...)."""
    if value is None or isinstance(value, Regularizer):
        return value
    raise GraphnetTypeError(
        f"a regularizer is gn.L1(...) or gn.L2(...), not {told(value)}", where=where
    )


class L1(Regularizer):
    """rate * Sum(Abs(W)): the lasso (Tibshirani 1996). Its slope at 0 is 0.

    >>> import graphnet as gn
    >>> gn.L1(0.1)(gn.parameter("W", (3, 2))).shape
    ()
    """

    body = "{rate}*Abs({W})"


class L2(Regularizer):
    """rate * Sum(W**2): weight decay (Krogh and Hertz 1991), whose slope is 2*rate*W.

    >>> import graphnet as gn
    >>> gn.L2(0.1)(gn.parameter("W", (3, 2)))
    R () = Sum(0.1*W[i,j]**2, i, j)
    """

    body = "{rate}*{W}**2"

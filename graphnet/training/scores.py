"""Losses that take scores refuse a softmax or a sigmoid of them: they apply it themselves.

Softmax of a softmax trains, slowly, and its loss has a floor, log(1 + (K - 1)/e) for K classes.
"""

from __future__ import annotations

import inspect
from typing import Any

from sympy import exp, tanh

from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.formula import hole
from graphnet.formula.prove import prove
from graphnet.network.nodes import Computed, Node
from graphnet.ops import losses

__all__ = ["is_sigmoid", "is_softmax", "require_scores"]

_Z, _TOTAL = hole(0), hole(1)
_FORMS: set[tuple[Any, Any, Any]] = {  # the body, and how its total is reduced, of what
    (fn.expw(_Z, _TOTAL), "LogSumExp", _Z),
    (exp(_Z - _TOTAL), "LogSumExp", _Z),
    (exp(_Z) / _TOTAL, "Sum", exp(_Z)),
}


def require_scores(loss: Any, prediction: Node) -> None:
    """Raises GraphnetError where softmax or a sigmoid would be applied twice."""
    call = inspect.unwrap(losses.loss(loss))  # `gn` hands out functions that check their calls
    if call is losses.binary_cross_entropy_with_logits and is_sigmoid(prediction):
        raise GraphnetError(
            "binary_cross_entropy_with_logits takes scores and applies the sigmoid itself, but the "
            "model ends with a sigmoid, which would make it two: leave that activation out, or "
            'keep it and take loss="binary_cross_entropy"'
        )
    if call is losses.cross_entropy and is_softmax(prediction):
        raise GraphnetError(
            "cross_entropy takes scores and applies softmax itself, but the model ends with a "
            "softmax, which would make it two: leave that activation out, or keep it and take "
            'loss="kl_divergence" with a probability for each class'
        )


def is_sigmoid(node: Node) -> bool:
    """Whether a tensor is 1/(1 + exp(-u)) of anything, or of one read in any other spelling."""
    if not isinstance(node, Computed) or node.formula.reduce or node.formula.accumulate:
        return False
    body = node.formula.body
    if not body.has(exp, tanh):
        return False
    if isinstance(1 / body - 1, exp):  # the odds against it
        return True
    return body.free_symbols == {_Z} and prove(body, 1 / (1 + exp(-_Z))).equal is True


def is_softmax(node: Node) -> bool:
    """Whether a tensor is softmax along its last axis, by its formula and that of its total."""
    if not isinstance(node, Computed) or len(node.formula.reads) != 2:
        return False
    score, under = node.formula.reads
    z, total = node.operands[score.slot], node.operands[under.slot]
    if not isinstance(total, Computed) or len(total.formula.reads) != 1 or not score.subs:
        return False
    (added,) = total.formula.reads
    last = added.subs[-1].bare if added.subs else None
    return (
        total.operands[added.slot] is z
        and total.formula.over == (last,)
        and score.subs[-1].bare == node.formula.target[-1].bare
        and (node.formula.body, total.formula.reduce, total.formula.body) in _FORMS
    )

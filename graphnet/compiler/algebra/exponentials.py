"""Exponentials of differences: the weights of a LogSumExp, wherever they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphnet.compiler.algebra.softmax import Softmax, weights
from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import MINUS, Sum, add, moved, scaled
from graphnet.compiler.values import Local, Value

if TYPE_CHECKING:
    from graphnet.compiler.algebra.simplify import Simplifier

__all__ = ["Exponentials"]


class Exponentials:
    """Reads logsumexp, expw and exp; knows the parts of every LogSumExp, by its z."""

    def __init__(self, owner: Simplifier) -> None:
        self.owner = owner
        self.softmax: dict[Value, Softmax] = {}  # by z

    def logsumexp(self, v: Value) -> Sum | None:
        if not self.owner.on("log-sum-exp"):
            return None
        z = self.owner.local(v, 0)
        over = tuple(p for p in z.labels if p >= v.rank)
        missing = len(v.args[0][1]) - len(z.labels)
        if missing or not over:
            return None
        if z.value not in self.softmax:
            self.softmax[z.value] = Softmax.of(self.owner.values, self.owner.facts, z, over)
        known = self.softmax[z.value]
        place = dict(zip(known.z.labels, z.labels, strict=True))
        if {place[k] for k in known.over} != set(over):
            return None
        return moved(known.sum, tuple(place.get(k, -1) for k in range(max(place) + 1)))

    def expw(self, v: Value) -> Sum | None:
        b = self.owner.local(v, 0)
        found = self._weights(b, self.owner.arg(v, 1))
        if found is None and self.owner.selections.finite(self.owner.arg(v, 1)):
            exponent = add(self.owner.arg(v, 0), scaled(self.owner.arg(v, 1), MINUS))
            return (
                as_term(self.owner.values.pointwise("exp", [self.owner.writer.array(exponent)])),
            )
        return found

    def exp(self, v: Value) -> Sum | None:
        """exp(z - L) of a LogSumExp L of that z."""
        if v.args[0][0] in self.owner.moves:  # exp(size(k)): an int is no sum
            return None
        terms = self.owner.arg(v, 0)
        for t in terms:
            if t.number == 1 and not t.scalars and len(t.factors) == 1 and t.factors[0][2] == 1:
                b = Local(*t.factors[0][:2])
                rest = add(scaled(terms, MINUS), [t])
                found = self._weights(b, rest) if b.value in self.softmax else None
                if found is not None:
                    return found
        return None

    def _weights(self, b: Local, y: Sum) -> Sum | None:
        known = self.softmax.get(b.value)
        return weights(known, b, y) if known is not None else None

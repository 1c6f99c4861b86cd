"""A LogSumExp taken apart into calls that the loss, the gradient and attention share.

    L = m + log s,   m = max z,   s = sum e,   e = exp(z - m),   exp(z - L) = e * (1/s)

The parts are found by the node's own formula: whoever writes exp(z - L) for this very z and L gets
e and s. Where z may hold -oo on a whole row (masks), m and s are kept from -oo and 0, so that the
weights of such a row are 0 and its L is -oo.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Float

from graphnet.compiler.algebra.facts import Facts
from graphnet.compiler.algebra.sums import as_term
from graphnet.compiler.algebra.terms import MINUS, Sum, Term, add, moved, scaled
from graphnet.compiler.values import Local, Values

__all__ = ["Softmax", "weights"]

LOWEST = -Float("1e38")  # a row whose maximum is below this is masked away
LEAST = Float("1e-30")


@dataclass(frozen=True)
class Softmax:
    """The parts of one LogSumExp, all in labels of the call that was taken apart."""

    z: Local
    top: Local
    shift: Local
    e: Local
    total: Local
    log: Local
    over: tuple[int, ...]

    @classmethod
    def of(cls, values: Values, facts: Facts, z: Local, over: tuple[int, ...]) -> Softmax:
        make = values.pointwise
        masked = not facts.finite(z.value)
        extents = dict(zip(z.labels, z.value.extents, strict=True))
        empty = any(not isinstance(extents[p], int) or extents[p] == 0 for p in over)
        top = values.reduce("max", z, over, empty)
        if masked:
            top = make("maximum", [top, values.number(LOWEST)])
        shift = make("subtract", [z, top])
        e = make("exp", [shift])
        total = values.reduce("sum", e, over)
        log = make("log", [total])
        if masked:
            total = make("maximum", [total, values.number(LEAST)])
        return cls(z, top, shift, e, total, log, over)

    @property
    def sum(self) -> Sum:
        """m + log s."""
        return add([as_term(self.top)], [as_term(self.log)])

    @property
    def weights(self) -> Term:
        """e * s**-1, in the labels of the call."""
        scalar = self.total.value.rank == 0
        below = (self.total.value, -1)
        if scalar:
            return Term(scalars=(below,), factors=((self.e.value, self.e.labels, 1),))
        factors = [(self.e.value, self.e.labels, 1),
                   (self.total.value, self.total.labels, -1)]  # fmt: skip
        factors.sort(key=lambda f: f[0].number)
        return Term(factors=tuple(factors))


def weights(known: Softmax, b: Local, y: Sum) -> Sum | None:
    """exp(b - y) as e/s where b is the very z of a LogSumExp and y its value, else None."""
    if b.value is not known.z.value:
        return None
    place = dict(zip(known.z.labels, b.labels, strict=True))
    axes = tuple(place.get(k, -1) for k in range(max(known.z.labels) + 1))
    if add(y, scaled(moved(known.sum, axes), MINUS)):
        return None
    return moved([known.weights], axes)

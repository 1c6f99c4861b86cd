"""Values -> fewer and cheaper values of the same numbers: the algebra behind the fast style.

`Simplifier` walks the values that some nodes need, arguments first, and reads each as a sum of
terms (terms.py). Coefficients stay pending until an array is needed, a sum is written out once,
and what exists is found again. Every rule works on values, so it sees through nodes, and none of
them knows an op of the catalogue, a layer, a loss or an optimizer. Each may be switched off by
its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sympy import Integer, S

from graphnet.compiler.algebra.contractions import Contractions
from graphnet.compiler.algebra.exponentials import Exponentials
from graphnet.compiler.algebra.facts import Facts
from graphnet.compiler.algebra.labels import Labels
from graphnet.compiler.algebra.moves import Moves
from graphnet.compiler.algebra.powers import Powers
from graphnet.compiler.algebra.products import LARGE, Products, elements
from graphnet.compiler.algebra.selections import Selections
from graphnet.compiler.algebra.sums import Sums, as_term
from graphnet.compiler.algebra.terms import (
    MINUS,
    Sum,
    Term,
    add,
    constant,
    is_negative,
    moved,
    power,
    scaled,
    times,
)
from graphnet.compiler.values import Local, Value, Values

__all__ = ["RULES", "Simplifier"]

VIEWS = ("slice", "transpose", "broadcast", "reshape")
MOVES = ("slice", "reshape", "pad", "place", "scatter", "take", "window", "fold")
RULES: Mapping[str, str] = {
    "log-sum-exp": "L = m + log s, exp(z - L) = e/s with m = max z, e = exp(z - m), s = sum e",
    "one-hot": "z[n,T[n]] = Sum([k = T[n]]*z[n,k], k), for few k",
    "mask": "where(c, a, 0) = [c]*a for a finite a",
    "sign of relu": "x > 0 is max(x, 0) > 0",
    "squares": "1 - t**2 = (1 + t)*(1 - t) where 1 + t exists",
    "bias correction": "1 - b**t = -expm1(t*log b) for a number b < 1",
    "zero sum": "Sum(x - Sum(x)/n) = 0",
    "partial sums": "a part of a sum that exists is read",
    "scaled ones": "Sum(c*x) is x times a vector of c",
}


@dataclass
class Simplifier:
    """One walk. `uses[v]` is how often a value is read; `wishes[v]` the scale it is to have."""

    values: Values
    uses: Mapping[Value, int]
    facts: Facts
    inputs: Collection[str] = ()
    constants: Collection[str] = ()
    off: Collection[str] = ()
    wishes: Mapping[Value, Term] = field(default_factory=dict)
    sums: dict[Value, Sum] = field(default_factory=dict)
    moves: dict[Value, Value] = field(default_factory=dict)  # values that are no floats
    summed: set[Value] = field(default_factory=set)  # old values that a contraction reads
    _inputs: dict[Value, bool] = field(default_factory=dict)
    _readers: dict[Value, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.products = Products(self.values)
        self.writer = Sums(
            self.products, self.input_only, self.facts.positive, "partial sums" not in self.off
        )
        self.contractions = Contractions(self)
        self.labels = Labels(self)
        self.powers = Powers(self)
        self.exponentials = Exponentials(self)
        self.selections = Selections(self)
        self.moving = Moves(self)
        self.logsumexp: dict[Value, Value] = {}  # by z, old
        self._reader = self._readers_by_op()

    def _readers_by_op(self) -> Mapping[str, Callable[[Value], Sum | None]]:
        """What reads a value as a sum; a call of any other op stays as it is."""
        powers, selections = self.powers, self.selections
        return {
            **dict.fromkeys(MOVES, self.moving.move),
            **dict.fromkeys(("broadcast", "transpose"), self._broadcast),
            **dict.fromkeys(("maximum", "minimum"), selections.larger),
            **dict.fromkeys(("max", "min"), self._extremum),
            "leaf": self._leaf, "number": self._number, "cast": self._cast,
            "add": self._add, "subtract": self._subtract, "negative": self._negative,
            "multiply": self._multiply, "divide": self._divide, "square": powers.square,
            "sqrt": powers.sqrt, "power": powers.power, "where": selections.where,
            "logsumexp": self.exponentials.logsumexp, "exp": self.exponentials.exp,
            "expw": self.exponentials.expw, "contract": self.contractions.contract,
            "sum": self.contractions.sum,
        }  # fmt: skip

    def on(self, rule: str) -> bool:
        return rule not in self.off

    def prepared(self, live: Sequence[Value]) -> Sequence[Value]:
        """The live values, arguments first, after a first look at all of them."""
        for v in live:
            if v.op == "logsumexp":
                self.logsumexp[v.args[0][0]] = v
        self.labels.find(live)
        for v in reversed(live):
            if (v.op in ("contract", "sum") and v.rank) or (v.op in VIEWS and v in self.summed):
                self.summed.update(a for a, _ in v.args)
        return live

    def read(self, v: Value) -> None:
        """The sum of a float value, the new value of another."""
        if v in self.sums or v in self.moves:
            return
        if v.dtype != "float" or v.op == "scan":
            self.moves[v] = self._same(v)
            return
        found = self._sum(v)
        wish = self.wishes.get(v)
        if self.uses.get(v, 0) > 1 or wish is not None:
            found = self._settled(v, found, wish)
        self.sums[v] = found
        if v.op != "leaf" and len(found) == 1 and len(found[0].factors) == 1:
            self._readers[found[0].factors[0][0]] = self.uses.get(v, 1)

    def readers(self, value: Value) -> int:
        """How many old values read an array: what is done to it once serves all of them."""
        return max(1, self._readers.get(value, 1))

    def _settled(self, v: Value, terms: Sum, wish: Term | None) -> Sum:
        """What is read more than once becomes one array, but for a scale outside it."""
        if wish is None and v.op == "logsumexp" and self.on("log-sum-exp"):
            return terms
        if wish is None and len(terms) == 1 and self._grows(terms[0]):
            return terms
        if wish is not None:
            own = self.writer.array(scaled(terms, power(wish, -1)))
            return add([times(wish, as_term(own))])
        made = self.writer.atom(terms)
        if made.number == 0:
            return ()
        return (self._small(made) if v in self.summed else made,)

    def _small(self, term: Term) -> Term:
        """A small array that several sums of products read takes its scale at once: one call."""
        scale = self.products.scalar(replace(term.scale, number=abs(term.number)))
        if scale is None or not scale.value.host or len(term.factors) != 1:
            return term
        if elements(term.factors[0][0].extents) > LARGE:
            return term
        made = as_term(self.products.array(replace(term, number=abs(term.number))))
        return times(made, MINUS) if is_negative(term.number) else made

    def _grows(self, term: Term) -> bool:
        """Whether a product has more axes than each of its factors: it is written out late."""
        every = term.labels
        return len(term.factors) > 1 and all(set(axes) != every for _, axes, e in term.factors)

    # -- arguments -------------------------------------------------------------------------------

    def arg(self, v: Value, k: int) -> Sum:
        """Argument k of an old value as a sum over the value's axes."""
        a, axes = v.args[k]
        return moved(self.sums[a], axes)

    def local(self, v: Value, k: int) -> Local:
        """Argument k of an old value as an array."""
        a, axes = v.args[k]
        if a in self.moves:
            return Local(self.moves[a], axes)
        return self.writer.array(moved(self.sums[a], axes))

    def whole(self, v: Value) -> Value:
        """The new value with exactly the axes of an old one."""
        if v in self.moves:
            return self.moves[v]
        return self.spread(self.writer.array(self.sums[v]), v)

    def spread(self, a: Local, like: Value) -> Value:
        """An array with exactly the axes of a value."""
        if a.labels == tuple(range(like.rank)) and (like.host or not a.value.host):
            return a.value
        op = "transpose" if len(a.labels) == like.rank else "broadcast"
        return self.values.make(op, [(a.value, a.labels)], like.extents, like.dtype)

    def input_only(self, value: Value) -> bool:
        """Whether a value depends on data and numbers alone."""
        if value not in self._inputs:
            if value.op == "leaf":
                self._inputs[value] = value.extra in self.inputs
            else:
                args = [a for a, _ in value.args if not a.host]
                self._inputs[value] = bool(args) and all(map(self.input_only, args))
        return self._inputs[value]

    # -- values -> sums --------------------------------------------------------------------------

    def _sum(self, v: Value) -> Sum:
        reader = self._reader.get(v.op)
        found = reader(v) if reader is not None else None
        return found if found is not None else (as_term(self._pointwise(v)),)

    def _pointwise(self, v: Value) -> Local:
        """A call that stays: its arguments are written out."""
        if v.op in POINTWISE or v.op == "cast":
            args = [self.local(v, k) for k in range(len(v.args))]
            made = self.values.pointwise(v.op, args, v.dtype, v.extra)
            return Local(made.value, made.labels)
        return Local(self._same(v), tuple(range(v.rank)))

    def _same(self, v: Value) -> Value:
        """The same call on the new arguments."""
        if v.op in POINTWISE or (v.op == "cast" and v.args):
            args = [self.local(v, k) for k in range(len(v.args))]
            if v.op == "greater" and self.on("sign of relu"):
                args = self._positive_part(args)
            return self.spread(self.values.pointwise(v.op, args, v.dtype, v.extra), v)
        if v.op == "take" or v.op == "scatter":
            args_ = [(self.whole(v.args[0][0]), v.args[0][1])]
            args_ += [(self.moves[a], axes) for a, axes in v.args[1:]]
        else:
            args_ = [(self.whole(a), axes) for a, axes in v.args]
        return self.values.make(v.op, args_, v.extents, v.dtype, v.extra, v.host)

    def _positive_part(self, args: list[Local]) -> list[Local]:
        """x > 0 as max(x, 0) > 0 where that exists, so that x is not kept."""
        a, b = args
        if b.value.op == "number" and b.value.extra == 0:
            found = self.products.known("maximum", [a, self.values.number(Integer(0))])
            if found is not None:
                return [found, b]
        return args

    def _leaf(self, v: Value) -> Sum:
        return (as_term(Local(self._same(v), tuple(range(v.rank)))),)

    def _number(self, v: Value) -> Sum | None:
        if v.extra in (S.Infinity, S.NegativeInfinity, S.NaN):
            return (Term(scalars=((self._same(v), 1),)),)
        return constant(v.extra)

    def _add(self, v: Value) -> Sum:
        return add(self.argument(v, 0), self.argument(v, 1))

    def _subtract(self, v: Value) -> Sum:
        b = scaled(self.argument(v, 1), MINUS)
        terms = add(self.argument(v, 0), b)
        return self.powers.near_one(terms) or self.powers.difference_of_squares(terms)

    def argument(self, v: Value, k: int) -> Sum:
        """An argument; a size that stands among floats is an int value."""
        a, axes = v.args[k]
        if a in self.moves:
            return (as_term(Local(self.moves[a], axes)),)
        return self.arg(v, k)

    def _negative(self, v: Value) -> Sum:
        return scaled(self.argument(v, 0), MINUS)

    def _multiply(self, v: Value) -> Sum:
        return self.product(self.argument(v, 0), self.argument(v, 1))

    def product(self, a: Sum, b: Sum) -> Sum:
        """Of two sums; a sum times a number stays a sum, else sums become arrays first."""
        if not a or not b:
            return ()
        for one, other in ((a, b), (b, a)):
            if len(one) == 1 and not one[0].factors:
                return scaled(other, one[0])
        left = a[0] if len(a) == 1 else self.writer.atom(a)
        right = b[0] if len(b) == 1 else self.writer.atom(b)
        return (times(left, right),)

    def _divide(self, v: Value) -> Sum:
        below = self.argument(v, 1)
        if not below:
            return (as_term(self._pointwise(v)),)
        bottom = below[0] if len(below) == 1 else self.writer.atom(below)
        if bottom.number == 0 or bottom.number.is_finite is False:
            return (as_term(self._pointwise(v)),)
        return self.product(self.argument(v, 0), (power(bottom, -1),))

    def _broadcast(self, v: Value) -> Sum:
        return self.argument(v, 0)

    def _cast(self, v: Value) -> Sum | None:
        return self.labels.mask(v)

    def _extremum(self, v: Value) -> Sum | None:
        """Max and Min of an array that may lack axes of the old one."""
        a = self.local(v, 0)
        if len(a.labels) < len(v.args[0][1]):
            return None
        over = [p for p in a.labels if p >= v.rank]
        return (as_term(self.values.reduce(v.op, a, over, v.extra)),)


POINTWISE = frozenset({
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "logical_and",
    "logical_or", "logical_not", "less", "less_equal", "greater", "greater_equal", "equal",
    "not_equal", "absolute", "erf", "expw", "clip", "exp", "log", "sin", "cos", "tan", "sinh",
    "cosh", "tanh", "arctan", "sign", "log1p", "expm1", "sqrt", "maximum", "minimum", "where",
    "heaviside", "floor", "negative", "square",
})  # fmt: skip

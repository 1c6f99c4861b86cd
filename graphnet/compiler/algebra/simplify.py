"""Values -> fewer and cheaper values of the same numbers: the algebra behind the fast style.

`simplify` walks the values that some nodes need, arguments first, and reads each as a sum of terms
(terms.py). Coefficients stay pending until an array is needed, a sum is written out once, and what
exists is found again. Every rule works on values, so it sees through nodes, and none of them knows
an op of the catalogue, a layer, a loss or an optimizer. Each may be switched off by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from sympy import Integer, S, log

from graphnet.compiler.algebra.contractions import Contractions
from graphnet.compiler.algebra.facts import Facts
from graphnet.compiler.algebra.labels import Labels
from graphnet.compiler.algebra.products import LARGE, Products, elements
from graphnet.compiler.algebra.softmax import Softmax, weights
from graphnet.compiler.algebra.sums import Sums, as_term
from graphnet.compiler.algebra.terms import (
    MINUS,
    ONE,
    Exponent,
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
from graphnet.compiler.values import Axes, Local, Value, Values

__all__ = ["RULES", "Simplifier"]

HALF = Fraction(1, 2)
VIEWS = ("slice", "transpose", "broadcast", "reshape")
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
    softmax: dict[Value, Softmax] = field(default_factory=dict)  # by z, new
    summed: set[Value] = field(default_factory=set)  # old values that a contraction reads
    _inputs: dict[Value, bool] = field(default_factory=dict)
    _readers: dict[Value, int] = field(default_factory=dict)
    _fixed: dict[Value, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.products = Products(self.values)
        self.writer = Sums(self.products, self.input_only, "partial sums" not in self.off)
        self.contractions = Contractions(self)
        self.labels = Labels(self)
        self.logsumexp: dict[Value, Value] = {}  # by z, old

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
        reader = READERS.get(v.op)
        found = reader(self, v) if reader is not None else None
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
        return add(self._term_of_size(v, 0), self._term_of_size(v, 1))

    def _subtract(self, v: Value) -> Sum:
        b = scaled(self._term_of_size(v, 1), MINUS)
        terms = add(self._term_of_size(v, 0), b)
        return self._near_one(terms) or self._difference_of_squares(terms)

    def _term_of_size(self, v: Value, k: int) -> Sum:
        """An argument; a size that stands among floats is an int value."""
        a, axes = v.args[k]
        if a in self.moves:
            return (as_term(Local(self.moves[a], axes)),)
        return self.arg(v, k)

    def _negative(self, v: Value) -> Sum:
        return scaled(self._term_of_size(v, 0), MINUS)

    def _multiply(self, v: Value) -> Sum:
        return self.product(self._term_of_size(v, 0), self._term_of_size(v, 1))

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
        below = self._term_of_size(v, 1)
        if not below:
            return (as_term(self._pointwise(v)),)
        bottom = below[0] if len(below) == 1 else self.writer.atom(below)
        if bottom.number == 0 or bottom.number.is_finite is False:
            return (as_term(self._pointwise(v)),)
        return self.product(self._term_of_size(v, 0), (power(bottom, -1),))

    def _square(self, v: Value) -> Sum | None:
        return self._raised(self._term_of_size(v, 0), 2)

    def _sqrt(self, v: Value) -> Sum | None:
        return self._raised(self._term_of_size(v, 0), HALF)

    def _power(self, v: Value) -> Sum | None:
        exponent: Any = v.args[1][0].extra
        if v.args[1][0].op != "number" or not exponent.is_Rational:
            return None
        return self._raised(self._term_of_size(v, 0), Fraction(int(exponent.p), int(exponent.q)))

    def _raised(self, terms: Sum, exponent: Exponent) -> Sum | None:
        """A power; of a root only what is not negative comes out."""
        if not terms:
            return () if exponent > 0 else None
        term = terms[0] if len(terms) == 1 else self.writer.atom(terms)
        if exponent == int(exponent):
            return (power(term, exponent),)
        if is_negative(term.number):
            return None
        out = [(s, e) for s, e in term.scalars if self.facts.nonnegative(s)]
        kept = replace(term, number=S.One, scalars=tuple(s for s in term.scalars if s not in out))
        outside = power(Term(term.number, tuple(out)), exponent)
        if kept.is_one:
            return (outside,)
        if sum(1 for _ in (*kept.scalars, *kept.factors)) > 1 or any(
            e != 1 for *_, e in (*kept.scalars, *kept.factors)
        ):
            kept = as_term(self.products.array(kept))
        return (times(outside, power(kept, exponent)),)

    def _near_one(self, terms: Sum) -> Sum | None:
        """1 - b**t as -expm1(t*log b) for a number b < 1: float32 would lose its digits."""
        by_sign = {t.number: t for t in terms}
        power_, one = by_sign.get(S.NegativeOne), by_sign.get(S.One)
        if len(terms) != 2 or power_ is None or one is None or not one.is_one:
            return None
        if power_.factors or len(power_.scalars) != 1 or power_.scalars[0][1] != 1:
            return None
        value = power_.scalars[0][0]
        if value.op != "power" or not self.on("bias correction") or value.host:
            return None
        (base, _), (t, _) = value.args
        number: Any = base.extra
        if base.op != "number" or not 0 < number < 1:
            return None
        make = self.values.pointwise
        exponent = make("multiply", [self.values.number(log(number)), Local(t)])
        return (as_term(make("negative", [make("expm1", [exponent])])),)

    def _difference_of_squares(self, terms: Sum) -> Sum:
        """1 - t**2 as (1 + t)*(1 - t) where 1 + t is there already."""
        if len(terms) != 2 or not self.on("squares"):
            return terms
        one, square = sorted(terms, key=lambda t: bool(t.factors))
        if one.factors or not one.is_one or square.number != -1 or square.scalars:
            return terms
        if len(square.factors) != 1 or square.factors[0][2] != 2:
            return terms
        value, axes, _ = square.factors[0]
        t = Local(value, axes)
        above = self.products.known("add", [self.values.number(Integer(1)), t])
        if above is None:
            return terms
        below = self.values.pointwise("subtract", [self.values.number(Integer(1)), t])
        return (times(as_term(above), as_term(below)),)

    def _broadcast(self, v: Value) -> Sum:
        return self._term_of_size(v, 0)

    def _cast(self, v: Value) -> Sum | None:
        return self.labels.mask(v)

    def _logsumexp(self, v: Value) -> Sum | None:
        if not self.on("log-sum-exp"):
            return None
        z = self.local(v, 0)
        over = tuple(p for p in z.labels if p >= v.rank)
        missing = len(v.args[0][1]) - len(z.labels)
        if missing or not over:
            return None
        if z.value not in self.softmax:
            self.softmax[z.value] = Softmax.of(self.values, self.facts, z, over)
        known = self.softmax[z.value]
        place = dict(zip(known.z.labels, z.labels, strict=True))
        if {place[k] for k in known.over} != set(over):
            return None
        return moved(known.sum, tuple(place.get(k, -1) for k in range(max(place) + 1)))

    def _expw(self, v: Value) -> Sum | None:
        b = self.local(v, 0)
        found = self._weights(b, self.arg(v, 1))
        if found is None and self._finite(self.arg(v, 1)):
            exponent = add(self.arg(v, 0), scaled(self.arg(v, 1), MINUS))
            return (as_term(self.values.pointwise("exp", [self.writer.array(exponent)])),)
        return found

    def _exp(self, v: Value) -> Sum | None:
        """exp(z - L) of a LogSumExp L of that z."""
        terms = self.arg(v, 0)
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

    def _finite(self, terms: Sum) -> bool:
        parts = [(v, e) for t in terms for v, e in t.scalars]
        parts += [(v, e) for t in terms for v, _, e in t.factors]
        return all(self.facts.finite(v) and (e > 0 or self.facts.positive(v)) for v, e in parts)

    def _where(self, v: Value) -> Sum | None:
        """A choice between a and 0 as a product with the mask, where a is finite."""
        (condition, axes), *_ = v.args
        chosen, other = self._term_of_size(v, 1), self._term_of_size(v, 2)
        if v.host or not self.on("mask"):
            return self._common_scale(v, chosen, other)
        mask = self.moves[condition]
        if not other and chosen and all(self._vanishes(t, mask, axes) for t in chosen):
            return chosen
        if not other and self._finite(tuple(t.core for t in chosen)):
            return self.product(chosen, (as_term(self.labels.as_float(mask, axes)),))
        return self._barred(v, chosen, other) or self._common_scale(v, chosen, other)

    def _vanishes(self, t: Term, mask: Value, axes: Axes) -> bool:
        """Whether a term is 0 already where the mask does not hold: a masked weight."""
        return any(
            e > 0 and set(axes) <= set(own)
            and self.facts.vanishes(v, mask, tuple(own.index(a) for a in axes))
            for v, own, e in t.factors
        )  # fmt: skip

    def _barred(self, v: Value, chosen: Sum, other: Sum) -> Sum | None:
        """where(c, a, -oo) = a + where(c, 0, -oo) for a mask that is known when a step is built."""
        barred = len(other) == 1 and [s.extra for s, _ in other[0].scalars] == [-S.Infinity]
        condition, axes = v.args[0]
        if not barred or not self.fixed(self.moves[condition]) or not self._finite(chosen):
            return None
        zero, low = self.values.number(Integer(0)), self.values.number(-S.Infinity)
        mask = Local(self.moves[condition], axes)
        return add(chosen, [as_term(self.values.pointwise("where", [mask, zero, low]))])

    def fixed(self, value: Value) -> bool:
        """Whether a value is made of numbers, sizes and constants alone."""
        if value not in self._fixed:
            constant = value.extra in self.constants if value.op == "leaf" else True
            self._fixed[value] = constant and all(self.fixed(a) for a, _ in value.args)
        return self._fixed[value]

    def _common_scale(self, v: Value, a: Sum, b: Sum) -> Sum | None:
        """where(c, s*a, s*b) = s*where(c, a, b); a sum takes a scale into its terms."""
        if v.host or v.rank == 0:
            return None
        parts = [self.writer.atom(t) for t in (a, b) if t]
        scale = parts[0].scale if parts else ONE
        if scale.is_one or not all(p.factors for p in parts):
            return None
        if any(p.scale != scale and len(t) == 1 for p, t in zip(parts, (a, b))):
            return None
        left, right = (scaled(t, power(scale, -1)) for t in (a, b))
        args = [self.local(v, 0), self.writer.array(left), self.writer.array(right)]
        return (times(scale, as_term(self.values.pointwise("where", args, v.dtype))),)

    def _larger(self, v: Value) -> Sum | None:
        """max(s*a, s*b) = s*max(a, b) for s > 0, and so min."""
        parts = [self.writer.atom(self._term_of_size(v, k)) for k in range(2)]
        scale = parts[0].scale
        positive = bool(scale.number.is_positive) and not scale.scalars
        if v.rank == 0 or scale.is_one or not positive or parts[1].scale != scale:
            return None
        args = [self.products.array(p.core) for p in parts]
        return (times(scale, as_term(self.values.pointwise(v.op, args, v.dtype))),)

    def _move(self, v: Value) -> Sum | None:
        """What moves elements is linear: the scale stays outside."""
        label = self.labels.read(v)
        if label is not None:
            return label
        (source, axes), *rest = v.args
        if source in self.moves or any(a not in self.moves for a, _ in rest):
            return None  # nothing to be scaled, or a number around it
        unit = self._unit_axis(v)
        if unit is not None:
            return unit
        term = self.writer.atom(self.sums[source])
        if not term.factors:
            return None
        inside = self.spread(self.writer.array((term.core,)), source)
        args = [(inside, axes), *((self.moves[a], at) for a, at in rest)]
        made = self.values.make(v.op, args, v.extents, v.dtype, v.extra)
        return (times(term.scale, as_term(Local(made, tuple(range(v.rank))))),)

    def _unit_axis(self, v: Value) -> Sum | None:
        """An axis of length 1 that is dropped or added: no array is made."""
        source, axes = v.args[0]
        pattern: Any = v.extra
        if v.op == "place" and all(
            (not isinstance(p, tuple) and p == 0 and e == 1)
            or (isinstance(p, tuple) and p[:2] == (0, 1) and p[2] == e)
            for p, e in zip(pattern, v.extents, strict=True)
        ):
            return moved(self.sums[source], axes)
        if v.op != "slice":
            return None
        terms = []
        for t in self.sums[source]:
            factors = [(*self._sliced(Local(f, own), v, axes), e) for f, own, e in t.factors]
            terms.append(times(Term(t.number, t.scalars), Term(factors=tuple(factors))))
        return add(terms)

    def _sliced(self, a: Local, v: Value, axes: Axes) -> tuple[Value, Axes]:
        """The part of one factor that a slice of the whole reads."""
        pattern: Any = v.extra
        own = [pattern[d] for d in a.labels]
        kept = [d for d in a.labels if axes[d] >= 0]
        labels = tuple(axes[d] for d in kept)
        if all(p is None for p in own):
            return a.value, labels
        place = tuple(kept.index(d) if d in kept else -1 for d in a.labels)
        extents = [v.extents[axes[d]] for d in kept]
        made = self.values.make("slice", [(a.value, place)], extents, v.dtype, tuple(own))
        return made, labels

    def _contract(self, v: Value) -> Sum | None:
        return self.contractions.contract(v)

    def _reduced(self, v: Value) -> Sum | None:
        return self.contractions.sum(v)

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

READERS: Mapping[str, Callable[[Simplifier, Value], Sum | None]] = {
    "leaf": Simplifier._leaf, "number": Simplifier._number, "add": Simplifier._add,
    "subtract": Simplifier._subtract, "negative": Simplifier._negative,
    "multiply": Simplifier._multiply, "divide": Simplifier._divide, "square": Simplifier._square,
    "sqrt": Simplifier._sqrt, "power": Simplifier._power, "broadcast": Simplifier._broadcast,
    "transpose": Simplifier._broadcast, "cast": Simplifier._cast, "exp": Simplifier._exp,
    "logsumexp": Simplifier._logsumexp, "expw": Simplifier._expw, "where": Simplifier._where,
    "maximum": Simplifier._larger, "minimum": Simplifier._larger,
    "slice": Simplifier._move, "reshape": Simplifier._move, "pad": Simplifier._move,
    "place": Simplifier._move, "scatter": Simplifier._move, "take": Simplifier._move,
    "window": Simplifier._move, "fold": Simplifier._move,
    "contract": Simplifier._contract, "sum": Simplifier._reduced, "max": Simplifier._extremum,
    "min": Simplifier._extremum,
}  # fmt: skip

"""Gradients of gains and shifts ahead of products, made of the gradients of the weights.

Behind L = n*g + s, g and s along the columns k, products L @ W give D = Sum(dz[r, j]*W[k, j], j),
added over the products. Where the gradients of g and s alone read D (n needs none: a layer norm of
an argument), D is not made:

    Sum(D[r, k], r)         =  Sum(W[k, j]*b[j], j)       b[j]    = Sum(dz[r, j], r)
    Sum(n[r, k]*D[r, k], r) =  Sum(W[k, j]*H[k, j], j)    H[k, j] = Sum(n[r, k]*dz[r, j], r)
    dW[k, j]                =  g[k]*H[k, j] + s[k]*b[j]

H is a product as large as L.T @ dz and stands in its place; a product for each weight goes, and the
passes over D. Bits change, digits do not: with |s| up to 10,000 times |n*g| both ways to dW differ
from float64 by 2e-7 to 4e-7 of its largest element in float32. Far beyond, L has lost the digits of
n that H still has, and dW is that of n, not of L as it was rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from math import prod

from graphnet.compiler.contraction import sum_of_product
from graphnet.compiler.fast.addends import Addend, addend, parts_of
from graphnet.compiler.fast.factors import (
    RowSum,
    Scaled,
    bag,
    scaled,
    sum_over_rows,
    without_numbers,
)  # fmt: skip
from graphnet.compiler.fast.products import usual
from graphnet.compiler.fast.rebuilt import rebuilt
from graphnet.compiler.fast.roles import Readers, live, readers_of
from graphnet.compiler.values import Local, Value, Values

__all__ = ["without_products"]

FEWEST = 128  # rows, and twice the columns of dz, that cost more than passes over H

New = Mapping[Value, Value]
Make = Callable[[New], Value]


def without_products(
    values: Values, held: Mapping[str, Value], ends: Iterable[str]
) -> dict[Value, Value]:
    """Every value, such gradients made without D: old -> new; nothing where there are none."""
    roots = [held[name] for name in ends]
    everything = live(roots)
    work = _Gains(values, readers_of(everything), set(roots), set(everything))
    made: dict[Value, Make] = {}
    for v in everything:
        made |= work.without(v)
    if not made:
        return {}
    return rebuilt(values, held.values(), lambda v, new: made[v](new) if v in made else None)


@dataclass(frozen=True)
class _Gradient:
    """L.T @ dz of a term times numbers, over the same loops, and what L is."""

    term: Addend
    whole: Local
    loops: Mapping[int, int]  # in `whole`, of those of the term
    first: bool  # whether L stands first
    scaled: Scaled
    numbers: list[Local]


@dataclass
class _Gains:
    values: Values
    readers: Readers
    ends: set[Value]
    known: set[Value]

    def without(self, d: Value) -> dict[Value, Make]:
        """What takes the place of all that reads D, and of the gradients of the weights."""
        sums = self._sums(d)
        inside = parts_of(d, self.readers, self.ends) if len({s.column for s in sums}) == 1 else []
        terms = {v: addend(v, sums[0].column) for v in inside if v.op == "contract"}
        found = {v: term for v, term in terms.items() if term is not None}
        if not found or len(found) < len(terms):
            return {}
        gains = {bag(s.wide) for s in sums if s.wide}
        gradients: dict[Value, _Gradient] = {}
        for v, term in found.items() if gains else ():
            gradient = self._gradient(term, sums[0].column)
            if gradient is None or {bag(gradient.scaled.wide)} != gains:
                return {}
            gradients[v] = gradient
        make = partial(self._summed, inside, found, gradients)
        made: dict[Value, Make] = {s.value: partial(make, s) for s in sums}
        for gradient in gradients.values():
            made[gradient.whole.value] = partial(self._made_of_raw, gradient)
            made |= self._made_of_unscaled(gradient.scaled)
        return made

    # -- finding ---------------------------------------------------------------------------------

    def _sums(self, d: Value) -> list[RowSum]:
        """All that D is for, where these are sums over its rows; else nothing."""
        found, stack = [], [d] if d.rank > 1 and d.dtype == "float" else []
        while stack:
            v = stack.pop()
            if v in self.ends or v not in self.readers:
                return []
            for reader in self.readers[v]:
                if reader.op == "multiply" and reader.rank == d.rank:
                    stack.append(reader)
                    continue
                made = sum_over_rows(reader, d)
                if made is None:
                    return []
                found.append(made)
        return found

    def _gradient(self, term: Addend, column: int) -> _Gradient | None:
        """L.T @ dz beside dz @ W.T, where L = n*g + s."""
        dz = term.dz
        times = [v for v in self.readers[dz.value] if v.op == "multiply"]
        readers = [r for v in (dz.value, *times) for r in self.readers.get(v, ())]
        products = [v for v in readers if v.op == "contract" and _pays(term)]
        for v, k in ((v, k) for v in products for k in (0, 1)):
            part, numbers = without_numbers(Local(*v.args[k]))
            source, axes = v.args[1 - k]
            if part.value is not dz.value or source is v.args[k][0]:
                continue
            loop = dict(zip(part.labels, dz.labels, strict=True))
            loop |= {p: column for p in axes if p not in loop}
            loops = {loop[p]: p for p in loop}
            kept = tuple(loop[p] for p in range(v.rank))
            made_of = scaled(Local(source, tuple(loop[p] for p in axes)), column)
            fits = len(loops) == len(loop) and sorted(kept) == [column, *term.over]
            if fits and made_of is not None:
                return _Gradient(term, Local(v, kept), loops, k == 1, made_of, numbers)
        return None

    # -- making ----------------------------------------------------------------------------------

    def _summed(
        self, inside: list[Value], terms: Mapping[Value, Addend],
        gradients: Mapping[Value, _Gradient], s: RowSum, new: New,
    ) -> Value:  # fmt: skip
        """A sum over rows as one over columns, of terms that are added up as D was."""
        made: dict[Value, Local] = {}
        for v in inside:
            if v in terms:
                term = terms[v]
                other = self._raw(gradients[v], new) if s.wide else self._column_sums(term, new)
                both = [_now(term.weight, new), other]
                total = sum_of_product(self.values, both, term.over, [s.column])
                made[v] = self._product([total, *(_now(f, new) for f in term.numbers)])
            else:
                args = [made[a] if a in made else Local(new[a]) for a, _ in v.args]
                made[v] = self.values.pointwise(v.op, args, v.dtype, v.extra)
        return self._product([made[inside[-1]], *(_now(f, new) for f in s.outer)]).value

    def _made_of_raw(self, gradient: _Gradient, new: New) -> Value:
        """g*H + s*b, times the numbers that stand with L and dz."""
        of = gradient.scaled
        made = self._product([self._raw(gradient, new), *(_now(f, new) for f in of.gains)])
        for shift in of.shifts:
            other = self._product([_now(shift, new), self._column_sums(gradient.term, new)])
            made = self.values.pointwise("add", [made, other])
        return self._product([made, *(_now(f, new) for f in of.outer + gradient.numbers)]).value

    def _raw(self, gradient: _Gradient, new: New) -> Local:
        """H, made as L.T @ dz was."""
        old, n = gradient.whole.value, self._unscaled(gradient.scaled, new)
        parts = (n, _now(gradient.term.dz, new))[:: 1 if gradient.first else -1]
        args = [(f.value, tuple(gradient.loops[p] for p in f.labels)) for f in parts]
        made = self.values.make(old.op, args, old.extents, old.dtype, old.extra)
        return Local(made, gradient.whole.labels)

    def _column_sums(self, term: Addend, new: New) -> Local:
        """b"""
        rows = [p for p in term.dz.labels if p not in term.over]
        return self.values.reduce("sum", _now(term.dz, new), rows)

    def _unscaled(self, of: Scaled, new: New) -> Local:
        """n"""
        return self._product([_now(f, new) for f in of.wide])

    def _made_of_unscaled(self, of: Scaled) -> dict[Value, Make]:
        """n*g made of n, where it was made otherwise, as (r*g)*x."""
        old, labels = of.product.value, of.product.labels
        if self._unscaled(of, {f.value: f.value for f in of.wide}).value in self.known:
            return {}

        def made(new: New) -> Value:
            both = self._unscaled(of, new), self._product([_now(f, new) for f in of.gains])
            args = [(f.value, tuple(map(labels.index, f.labels))) for f in both]
            return self.values.make("multiply", args, old.extents, old.dtype)

        return {old: made}

    def _product(self, parts: list[Local]) -> Local:
        return reduce(lambda a, b: self.values.pointwise("multiply", [a, b]), parts)


def _now(part: Local, new: New) -> Local:
    return Local(new[part.value], part.labels)


def _pays(term: Addend) -> bool:
    """Whether there are so many rows that passes over H cost less than D."""
    sizes = dict(zip(term.dz.labels, map(usual, term.dz.value.extents), strict=True))
    columns = prod(sizes[p] for p in term.over)
    return prod(sizes.values()) >= columns * max(FEWEST, 2 * columns)

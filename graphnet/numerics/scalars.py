"""Bodies rewritten part by part: each function of one argument by its searched form.

A part may reach through pointwise tensors: log(s) of s = 1/(1 + exp(-z)) is a function of z, and is
written so where two steps, each as good as can be, still give a wrong number. Nothing else is
inlined, and a tensor whose gradient is asked is never reached through.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import sympy
from sympy import Expr, Integer

from graphnet.formula.formula import hole, normalize
from graphnet.formula.functions import hypot, where
from graphnet.formula.named import named
from graphnet.formula.searched import Record, Searched, searched
from graphnet.network.contributions import is_pointwise
from graphnet.network.inline import inline, with_body
from graphnet.network.liveness import STOP
from graphnet.network.nodes import Computed, Node
from graphnet.numerics.match import root
from graphnet.numerics.pairs import may_pair, paired
from graphnet.numerics.parts import held, is_plain, marked, parts, replaced, restored, written_out
from graphnet.numerics.records import known
from graphnet.numerics.steps import right_in_steps

__all__ = ["Found", "Scalars"]

LARGEST, READS = 40, 12  # parts and reads of a formula that is looked through
WIDEST = 480  # parts of a formula that is rewritten: the second slope of a focal loss has 400


@dataclass(frozen=True)
class Found:
    """One function that was exchanged: its record, and the law where it is no searched one."""

    record: Record | None
    law: str


@dataclass
class Scalars:
    """What pointwise tensors were written as, in topological order."""

    keep: Collection[str]
    written: dict[Node, Computed] = field(default_factory=dict)

    def see(self, name: str, node: Computed, as_written: Computed) -> None:
        """Remembers the formula of a tensor, as it was written, over what is not pointwise."""
        f = as_written.formula
        if name in self.keep or node.dtype != "float" or node.label == STOP or f.accumulate:
            return
        if not is_pointwise(as_written) or f.body.is_number:
            return
        wide = inline(as_written, self.written)
        if len(f.reads) > 1 and is_plain(f.body) and not _is_log(wide.formula.body):
            return  # x@W + b: as good an argument as what it is made of
        if len(wide.formula.reads) > READS or _size(wide.formula.body) > LARGEST:
            wide = as_written
        if len(wide.formula.reads) <= READS and _size(wide.formula.body) <= LARGEST:
            self.written[node] = wide

    def rewritten(self, node: Computed) -> tuple[Computed, list[Found]]:
        """The node with every part by its best form, and what was exchanged."""
        f = node.formula
        if f.reduce in ("Max", "Min") or f.body.is_number or node.dtype != "float":
            return node, []
        if _size(f.body) > WIDEST:
            return node, []
        found: list[Found] = []
        seen = self._seen_through(node)
        body = self._exchanged(_with_laws(seen.formula.body, found), found)
        body = self._exchanged(_with_laws(restored(body), found), found)
        if found:
            new = normalize(replace(seen.formula, body=_unguarded(restored(body), found)))
            node = with_body(node, new, seen.operands)
        return self._paired(node, found), found

    def _paired(self, node: Computed, found: list[Found]) -> Computed:
        """The node with differences of two nearly equal things, read or written, by their laws."""
        f = node.formula
        if f.reduce is not None or not f.body.has(sympy.Add):
            return node
        terms = {
            k for k, r in enumerate(f.reads)
            if (of := self.written.get(node.operands[r.slot])) and may_pair(of.formula.body)
        }  # fmt: skip
        wide = inline(node, self.written, terms.__contains__) if terms else node
        body, laws = paired(wide.formula.body)
        if not laws:
            return node
        found += [Found(None, law) for law in laws]
        return with_body(node, normalize(replace(wide.formula, body=body)), wide.operands)

    def _seen_through(self, node: Computed) -> Computed:
        """The node with `held(read, formula)` in place of reads of pointwise tensors."""
        f, n = node.formula, len(node.formula.reads)
        through = [k for k, r in enumerate(f.reads) if node.operands[r.slot] in self.written]
        logs = any(
            self.written[node.operands[f.reads[k].slot]].formula.body.has(sympy.log)
            for k in through
        )
        if not through or not (_is_curved(f.body) or (logs and f.body.has(sympy.Mul))):
            return node
        moves = {hole(k): held(hole(k), hole(k + n)) for k in through}
        doubled = replace(f, body=_in_numbers(f.body, moves), reads=f.reads + f.reads)
        wide = inline(replace(node, formula=doubled), self.written, lambda k: k >= n)
        return wide if _size(wide.formula.body) <= 4 * LARGEST else node

    def _exchanged(self, body: Expr, found: list[Found]) -> Expr:
        moves: dict[Expr, Expr] = {}
        for part, h, u in parts(body):
            record = known(h)
            if record is None:
                continue
            if part.has(held) and (_only_held(part) or _is_right_in_steps(part)):
                continue
            moves[part] = searched(record)(u)
            found.append(Found(record, ""))
        return replaced(body, moves) if moves else body


def _is_right_in_steps(part: Expr) -> bool:
    steps = marked(part)
    return steps is not None and right_in_steps(steps)


def _only_held(part: Expr) -> bool:
    """Whether all that happens in a part happens in the tensor that is read."""
    _, rest = part.as_coeff_Mul()
    return isinstance(rest, held)


def _in_numbers(body: Expr, moves: dict[sympy.Symbol, Expr]) -> Expr:
    """The body with reads exchanged, but for those in conditions."""
    if isinstance(body, where):
        condition, a, b = body.args
        return where(condition, _in_numbers(a, moves), _in_numbers(b, moves))
    if not body.args:
        return moves.get(body, body)
    return body.func(*(_in_numbers(a, moves) for a in body.args))


def _is_curved(body: Expr) -> bool:
    """Whether a body does more than add and multiply different things."""
    return (
        not all(
            isinstance(p, sympy.Add | sympy.Mul | sympy.Symbol | sympy.Number)
            for p in sympy.preorder_traversal(body)
        )
        or any(isinstance(p, sympy.Add) and p.as_coeff_Add()[0] != 0 for p in body.atoms(sympy.Add))
        or len(body.free_symbols) < sum(1 for p in sympy.preorder_traversal(body) if p.is_Symbol)
    )


def _with_laws(body: Expr, found: list[Found]) -> Expr:
    """Rules of two arguments: sqrt(a^2 + b^2) = hypot(a, b), and a*log(b) is 0 at a = 0."""
    new = _hypot(body)
    if new != body:
        found.append(Found(None, "sqrt(a**2 + b**2) = hypot(a, b)"))
    body, new = new, _times_log(new)
    if new != body:
        found.append(Found(None, "a*log(b) = 0 at a = 0"))
    return new


def _unguarded(e: Any, found: list[Found]) -> Any:
    """a*b for where(a == 0, 0, a*b), where b is finite: log(s) is, of the sigmoid s of a tensor."""
    if not isinstance(e, Expr) or not e.has(where):
        return e
    new = e.func(*(_unguarded(a, found) for a in e.args))
    if isinstance(new, where) and isinstance(new.args[0], sympy.Eq) and new.args[1] == 0:
        read, number = new.args[0].args
        factors = sympy.Mul.make_args(new.args[2])
        zero = [f for f in factors if is_plain(f) and f.xreplace({read: number}) == 0]
        if zero and all(_is_finite(f) for f in factors):
            found.append(Found(None, "where(a == 0, 0, a*b) = a*b for a finite b"))
            return new.args[2]
    return new


def _is_finite(e: Expr) -> bool:
    """Whether an expression is finite wherever its reads are, but for overflow of their sums."""
    if isinstance(e, Searched):
        return named(e.record.form) is not None and is_plain(e.args[0])
    return is_plain(e)


def _hypot(e: Expr) -> Expr:
    if not e.args or not e.has(sympy.Pow):
        return e
    args = [_hypot(a) if isinstance(a, Expr) else a for a in e.args]
    new = e.func(*args)
    if isinstance(new, sympy.Pow) and abs(new.args[1]) == sympy.Rational(1, 2):
        base = new.args[0]
        if isinstance(base, sympy.Add) and len(base.args) == 2:
            a, b = (root(t) for t in base.args)
            if a is not None and b is not None and a.free_symbols and b.free_symbols:
                return hypot(a, b) ** (2 * new.args[1])
    return new


def _times_log(e: Expr) -> Expr:
    """where(a == 0, 0, a*log(p)) for probabilities p and 1 - p that may be exactly 0."""
    if isinstance(e, where):
        condition, a, b = e.args
        return e if 0 in (a, b) else where(condition, _times_log(a), _times_log(b))
    if isinstance(e, sympy.Mul):
        logs = [a for a in e.args if _is_log(written_out(a))]
        others = [a for a in e.args if a not in logs and _may_vanish(written_out(a))]
        if logs and others:
            opened = [written_out(a) if a in logs else a for a in e.args]
            return where(_vanishing(others[0]), Integer(0), e.func(*opened))
    if isinstance(e, sympy.Add | sympy.Mul):
        return e.func(*(_times_log(a) for a in e.args))
    return e


def _vanishing(e: Expr) -> sympy.Eq:
    """That a read is 0, or 1 where e is 1 minus it."""
    return sympy.Eq(e, 0) if e.is_Symbol else sympy.Eq(1 - e, 1)


def _is_log(e: Expr) -> bool:
    """A logarithm of what may be 0, or a sum of such: log(p) - log(q)."""
    if isinstance(e, sympy.Add):
        return all(_is_log(t.as_coeff_Mul()[1]) for t in e.args)
    return isinstance(e, sympy.log) and _may_vanish(e.args[0])


def _may_vanish(e: Expr) -> bool:
    """A read, or 1 minus one."""
    if isinstance(e, sympy.Add):
        constant, rest = e.as_coeff_Add()
        return constant == 1 and (-rest).is_Symbol
    return bool(e.is_Symbol)


def _size(body: Expr) -> int:
    return sum(1 for _ in sympy.preorder_traversal(body))

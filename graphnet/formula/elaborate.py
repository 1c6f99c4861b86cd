"""Syntax tree -> equations: inner reductions become equations of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import sympy
from sympy import Expr

from graphnet.errors import GraphnetError
from graphnet.formula import subscript as subs
from graphnet.formula.elements import MOST_AXES, Scope, extent
from graphnet.formula.extent import Extent
from graphnet.formula.formula import REDUCTIONS, Equation, Formula, normalize
from graphnet.formula.scalars import EXACT_BITS, Scalars
from graphnet.formula.show import canonical_order
from graphnet.formula.subscript import Affine
from graphnet.formula.syntax import Call, Name, Reading, Statement, Tree, fail, walk

__all__ = ["Elaborator"]

SUFFIX = {"Sum": "sum", "Max": "max", "Min": "min", "LogSumExp": "lse"}


class Elaborator:
    """Makes the equations of one statement."""

    def __init__(self, scope: Scope, name: str, taken: set[str]) -> None:
        self.scope, self.name, self.taken = scope, name, taken
        self.found: list[Equation] = []
        self.made: list[str] = []
        self.bounds: dict[str, Extent] = {}

    def equations(self, statement: Statement) -> tuple[Equation, ...]:
        """All equations of the statement, the result last."""
        text, target = self.scope.text, statement.target
        if isinstance(target, Reading) and len(target.subs) > MOST_AXES:
            fail(text, target.at, f"a tensor has at most {MOST_AXES} axes")
        for bound, tree in statement.bounds:
            if bound.name in self.bounds:
                fail(text, bound.at, f"the bound of {bound.name} is declared twice")
            self.bounds[bound.name] = extent(self.scope, tree)
        at = target.subs if isinstance(target, Reading) else ()
        shape = self.shape(statement, at)
        part = _Part(self, statement.op == "+=")
        equation = part.equation(self.name, at, statement.scalar, shape, root=True)
        self.found.append(equation)
        used = {i for e in self.found for i in e.indices}
        for bound, _ in statement.bounds:
            if bound.name not in used:
                fail(text, bound.at, f"{bound.name} is no index of this formula")
        return tuple(self.found)

    def shape(self, statement: Statement, at: Sequence[Tree]) -> tuple[Extent, ...] | None:
        """The shape of a "+="; it may be left out where the target's indices say it."""
        text, target = self.scope.text, statement.target
        if statement.op == "=" or target is None:
            if statement.shape is not None:
                fail(text, 0, 'only a "+=" formula has a shape; declare bounds as in ", i < 7"')
            return None
        if statement.shape is None:
            names = [t.name for t in at if isinstance(t, Name) and t.name not in self.scope.params]
            if len(set(names)) < len(at):
                fail(text, target.at, 'a "+=" formula says its shape, as in ", shape (4, 4)"')
            return None
        if len(statement.shape) != len(at):
            fail(text, target.at, f"{self.name} has {len(at)} subscripts but a shape of "
                 f"{len(statement.shape)}")  # fmt: skip
        return tuple(extent(self.scope, s) for s in statement.shape)

    def split(self, call: Call, over: Sequence[Name], outer: Sequence[str]) -> Reading:
        """The read of a reduction inside a scalar, which becomes an equation of its own."""
        bound = {i.name for i in over}
        inside = [p.name for p in walk(call.args[0]) if isinstance(p, Name)]
        free = [n for n in dict.fromkeys(inside) if n not in bound and n in outer]
        names = [Name(n, call.at) for n in sorted(free, key=list(outer).index)]
        equation = _Part(self, False).equation("", names, call, None, root=False)
        same = [e for e in self.found if (e.formula, e.operands) ==
                (equation.formula, equation.operands)]  # fmt: skip
        name = same[0].name if same else self.fresh(call.name)
        if not same:
            self.made.append(name)
            self.found.append(Equation(equation.formula, name, equation.operands,
                                       equation.indices))  # fmt: skip
        return Reading(name, tuple(names), call.at)

    def fresh(self, reduction: str) -> str:
        """A name for an inner reduction: Y_sum, Y_sum_2, ..."""
        wish = f"{self.name.rstrip(chr(39))}_{SUFFIX[reduction]}"
        name = next(
            n for k in itertools.count(1)
            if (n := wish if k == 1 else f"{wish}_{k}") not in self.taken
        )  # fmt: skip
        self.taken.add(name)
        return name


class _Part(Scalars):
    """One equation in the making."""

    def __init__(self, whole: Elaborator, accumulate: bool) -> None:
        super().__init__(whole.scope, whole.made, accumulate)
        self.whole = whole

    def equation(
        self,
        name: str,
        target: Sequence[Tree],
        scalar: Tree,
        shape: tuple[Extent, ...] | None,
        root: bool,
    ) -> Equation:
        places = self.target(target)
        reduction = None
        over = self.reduces_over(scalar)
        if over:
            assert isinstance(scalar, Call)
            reduction, scalar = scalar.name, scalar.args[0]
            for index in over:
                self.loop(index)
        body = self.number(scalar)
        if self.accumulate:
            for name_ in self.whole.bounds:  # a loop may stand nowhere else: Y[0] += 1, i < 3
                self.position(Name(name_, 0))
        self.check(scalar, body)
        formula = Formula(
            target=places, body=body, reads=tuple(self.reads), indices=len(self.indices),
            reduce=reduction, accumulate=self.accumulate, shape=shape, dims=tuple(self.dims),
            bounds=tuple(self.whole.bounds.get(i) for i in self.indices),
        )  # fmt: skip
        try:
            formula = normalize(formula)
        except GraphnetError as error:
            self.fail(scalar, str(error))
        self.check_loops(scalar, formula)
        formula, operands = self.in_given_order(formula, root)
        if self.accumulate:
            order = canonical_order(formula)
            formula, self.indices = formula.with_indices(order), [self.indices[p] for p in order]
        return Equation(formula, name, operands, tuple(self.indices))

    def check(self, tree: Tree, body: Expr) -> None:
        numbers = body.atoms(sympy.Rational)
        if any(max(abs(n.p).bit_length(), n.q.bit_length()) > EXACT_BITS for n in numbers):
            self.fail(tree, "a number of the formula grows too large")

    def check_loops(self, tree: Tree, f: Formula) -> None:
        """Refuses a loop whose index stands in no subscript and has no bound."""
        found = frozenset[int]().union(*(s.indices() for s in f.target))
        found = found.union(*(r.indices() for r in f.reads))
        for p, name in enumerate(self.indices):
            if p not in found and f.bounds[p] is None:
                self.fail(tree, f"nothing says how far index {name} runs; declare it, as in "
                          f"', {name} < 8'")  # fmt: skip

    def in_given_order(self, f: Formula, root: bool) -> tuple[Formula, tuple[str, ...]]:
        """Slots as the caller numbered the operands; inner results follow."""
        used = [self.operands[k] for k in f.slots]
        given = self.scope.operands
        if given is None:
            order = used
        elif root and not self.whole.found:
            order = list(given)
        else:
            order = [o for o in given if o in used] + [o for o in used if o not in given]
        move = {k: order.index(self.operands[k]) for k in f.slots}
        if any(old != new for old, new in move.items()):
            f = f.with_slots(move)
        return f, tuple(order)

    def target(self, target: Sequence[Tree]) -> tuple[Affine, ...]:
        if self.accumulate:
            return tuple(self.affine(t) for t in target)
        for tree in target:
            if not isinstance(tree, Name) or tree.name in self.scope.params:
                self.fail(tree, 'the target of "=" has bare indices; write "+=" with a shape for '
                          "any other subscript")  # fmt: skip
            if tree.name in self.indices:
                self.fail(tree, f'the index {tree.name} stands twice in the target of "="; write '
                          '"+=" with a shape')  # fmt: skip
            self.loop(tree)
        return tuple(subs.bare(k) for k in range(len(target)))

    def reduces_over(self, tree: Tree) -> list[Name] | None:
        """The indices of a call that reduces; Max and Min may as well be functions of scalars."""
        if not isinstance(tree, Call) or tree.name not in REDUCTIONS:
            return None
        over = [
            a for a in tree.args[1:]
            if isinstance(a, Name) and a.name in self.scope.indices and a.name not in self.indices
        ]  # fmt: skip
        sums = tree.name in ("Sum", "LogSumExp")
        if len(tree.args) > 1 and len(over) == len(tree.args) - 1:
            if not self.accumulate:
                return over
            if sums:
                self.fail(tree, 'in a "+=" formula every index is a loop; reduce in a formula '
                          "before it")  # fmt: skip
        elif sums:
            self.fail(tree, f"{tree.name}(scalar, index, ...) reduces over indices that are not in "
                      "the target")  # fmt: skip
        return None

    def call(self, tree: Call) -> Expr:
        over = self.reduces_over(tree)
        if not over:
            return super().call(tree)
        return self.read(self.whole.split(tree, over, self.indices))

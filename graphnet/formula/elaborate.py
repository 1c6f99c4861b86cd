"""Syntax tree -> Equation: names become slots, indices and numbers; inner reductions split off."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Expr, Rational

from graphnet.errors import GraphnetError, did_you_mean
from graphnet.formula import extent as ext
from graphnet.formula import functions as fn
from graphnet.formula import subscript as subs
from graphnet.formula.extent import Extent, Poly
from graphnet.formula.formula import (
    REDUCTIONS,
    Equation,
    Formula,
    Read,
    dim_symbol,
    hole,
    index_symbol,
    normalize,
    size_symbol,
)  # fmt: skip
from graphnet.formula.subscript import Affine, Gather
from graphnet.formula.syntax import (
    Binary,
    Bool,
    Call,
    Compare,
    Name,
    Negative,
    Not,
    Number,
    Reading,
    Statement,
    Tree,
    fail,
)  # fmt: skip

__all__ = ["Elaborator", "Scope"]

RELATIONS = {
    "<": sympy.StrictLessThan, "<=": sympy.LessThan, ">": sympy.StrictGreaterThan,
    ">=": sympy.GreaterThan, "==": sympy.Eq, "!=": sympy.Ne,
}  # fmt: skip
SUFFIX = {"Sum": "sum", "Max": "max", "Min": "min", "LogSumExp": "lse"}
ARITY = {"where": 3, "expw": 2, "Heaviside": (1, 2), "Max": None, "Min": None}
MOST_LOOPS, MOST_AXES, LARGEST_POWER = 32, 32, 1000


@dataclass(frozen=True)
class Scope:
    """What the names of a text mean."""

    text: str
    operands: tuple[str, ...] | None
    params: Mapping[str, Any]
    indices: frozenset[str]


@dataclass
class Elaborator:
    """Makes the equations of one statement; the inner ones first."""

    scope: Scope
    name: str
    taken: set[str]
    found: list[Equation] = field(default_factory=list)
    bounds: dict[str, Extent] = field(default_factory=dict)

    def equations(
        self, statement: Statement, target: Name | Reading | None
    ) -> tuple[Equation, ...]:
        """All equations of the statement, the result last."""
        for bound, tree in statement.bounds:
            self.bounds[bound.name] = self.extent(tree)
        accumulate = statement.op == "+="
        target_subs = target.subs if isinstance(target, Reading) else ()
        shape = None
        if accumulate:
            if statement.shape is None:
                assert target is not None
                fail(self.scope.text, target.at,
                     'a "+=" formula says its shape, as in ", shape (4, 4)"')  # fmt: skip
            shape = tuple(self.extent(s) for s in statement.shape)
            if len(shape) != len(target_subs):
                raise GraphnetError(
                    f"{self.name} has {len(target_subs)} subscripts but a shape of {len(shape)}"
                )
        elif statement.shape is not None:
            raise GraphnetError('only a "+=" formula has a shape; declare bounds as in ", i < 7"')
        part = _Part(self, self.name, accumulate)
        equation = part.equation(target_subs, statement.scalar, shape, root=True)
        self.found.append(equation)
        return tuple(self.found)

    def extent(self, tree: Tree) -> Extent:
        """A number or a polynomial in named sizes."""
        part = _Part(self, self.name, False)
        s = part.affine(tree)
        if s.terms:
            fail(self.scope.text, tree.at, "a bound is a number or a size, without indices")
        if isinstance(s.const, int) and s.const < 0:
            fail(self.scope.text, tree.at, f"an extent is not negative: {s.const}")
        return s.const

    def fresh(self, reduction: str) -> str:
        """A name for an inner reduction: Y_sum, Y_sum_2, ..."""
        wish = f"{self.name.rstrip(chr(39))}_{SUFFIX[reduction]}"
        name = next(
            n for k in itertools.count(1)
            if (n := wish if k == 1 else f"{wish}_{k}") not in self.taken
        )  # fmt: skip
        self.taken.add(name)
        return name


class _Part:
    """One equation in the making."""

    def __init__(self, whole: Elaborator, name: str, accumulate: bool) -> None:
        self.whole, self.name, self.accumulate = whole, name, accumulate
        self.scope = whole.scope
        self.indices: list[str] = []
        self.operands: list[str] = []
        self.reads: list[Read] = []
        self.dims: list[Extent] = []
        self.indexed = False

    def fail(self, tree: Tree, message: str) -> Any:
        fail(self.scope.text, tree.at, f"column {tree.at + 1}: {message}")

    # -- the equation ----------------------------------------------------------------------------

    def equation(
        self,
        target: Sequence[Tree],
        scalar: Tree,
        shape: tuple[Extent, ...] | None,
        root: bool,
    ) -> Equation:
        places = self.target(target)
        reduction = None
        inner = self.reduction(scalar)
        if inner and not self.accumulate:
            reduction, scalar, over = inner
            for index in over:
                self.declare(index)
        body = self.number(scalar)
        if self.accumulate:
            places = tuple(self.affine(t) for t in target)
        count = len(self.indices)
        if count > MOST_LOOPS:
            raise GraphnetError(f"a formula has at most {MOST_LOOPS} indices, this one {count}")
        pointwise = root and not self.indexed and not target and not reduction
        formula = Formula(
            target=places, body=body, reads=tuple(self.reads), indices=count, reduce=reduction,
            accumulate=self.accumulate, shape=shape, dims=tuple(self.dims),
            bounds=tuple(self.whole.bounds.get(i) for i in self.indices),
            pointwise=pointwise and not self.accumulate,
        )  # fmt: skip
        formula = normalize(formula)
        if self.accumulate:
            formula, self.indices = canonical(formula, self.indices)
        formula, operands = self.in_given_order(formula, root)
        return Equation(formula, self.name, operands, tuple(self.indices))

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
        if f.accumulate:
            f, self.indices = canonical(f, self.indices)
        return f, tuple(order)

    def target(self, target: Sequence[Tree]) -> tuple[Affine, ...]:
        if len(target) > MOST_AXES:
            raise GraphnetError(f"a tensor has at most {MOST_AXES} axes")
        if self.accumulate:
            return tuple(self.affine(t) for t in target)
        for tree in target:
            if not isinstance(tree, Name) or tree.name in self.scope.params:
                self.fail(tree, 'the target of "=" has bare indices; write "+=" with a shape for '
                          "any other subscript")  # fmt: skip
            elif tree.name in self.indices:
                self.fail(tree, f'the index {tree.name} stands twice in the target of "="; write '
                          '"+=" with a shape')  # fmt: skip
            else:
                self.indices.append(tree.name)
        return tuple(subs.bare(k) for k in range(len(target)))

    def declare(self, index: Name) -> None:
        if index.name in self.indices:
            self.fail(index, f"the index {index.name} stands twice")
        self.indices.append(index.name)

    def reduction(self, tree: Tree) -> tuple[str, Tree, list[Name]] | None:
        """(RED, scalar, indices) of a call that reduces."""
        if not isinstance(tree, Call) or tree.name not in REDUCTIONS:
            return None
        over = [
            a for a in tree.args[1:]
            if isinstance(a, Name) and a.name in self.scope.indices
            and a.name not in self.indices
        ]  # fmt: skip
        if len(tree.args) > 1 and len(over) == len(tree.args) - 1:
            return tree.name, tree.args[0], over
        if tree.name in ("Sum", "LogSumExp"):
            self.fail(tree, f"{tree.name}(scalar, index, ...) reduces over indices that are not in "
                      "the target")  # fmt: skip
        return None

    def split(self, reduction: str, scalar: Tree, over: Sequence[Name], at: Tree) -> Expr:
        """A reduction inside a scalar as an equation of its own, read here."""
        from graphnet.formula.parse import walk

        bound = {i.name for i in over}
        inside = [p.name for p in walk(scalar) if isinstance(p, Name) and p.name in
                  self.scope.indices]  # fmt: skip
        free = [Name(n, at.at) for n in dict.fromkeys(inside)
                if n not in bound and n in self.indices]  # fmt: skip
        name = self.whole.fresh(reduction)
        part = _Part(self.whole, name, False)
        call = Call(reduction, (scalar, *over), at.at)
        self.whole.found.append(part.equation(free, call, None, root=False))
        return self.read(name, tuple(self.affine(n) for n in free))

    # -- numbers ---------------------------------------------------------------------------------

    def number(self, tree: Tree) -> Any:
        match tree:
            case Number(text, _):
                return Rational(text)
            case Name():
                return self.plain_name(tree)
            case Reading(name, trees, _):
                if len(trees) > MOST_AXES:
                    self.fail(tree, f"a tensor has at most {MOST_AXES} axes")
                self.check_tensor(tree)
                self.indexed = True
                return self.read(name, tuple(self.affine(t) for t in trees))
            case Negative(a, _):
                return -self.number(a)
            case Binary():
                return self.arithmetic(tree)
            case Call():
                return self.call(tree)
            case _:
                return self.fail(tree, "a condition is no number; write where(condition, 1, 0)")

    def plain_name(self, tree: Name) -> Any:
        name = tree.name
        if name in self.scope.params:
            return self.param(self.scope.params[name])
        if name in self.scope.indices and name not in (self.scope.operands or ()):
            return index_symbol(self.position(tree))
        if name in ("oo", "pi") and name not in (self.scope.operands or ()):
            return sympy.oo if name == "oo" else sympy.pi
        self.check_tensor(tree)
        return self.read(name, ())

    def param(self, value: Any) -> Any:
        if isinstance(value, Poly):
            if value not in self.dims:
                self.dims.append(value)
            return dim_symbol(self.dims.index(value))
        if value in (float("inf"), float("-inf")):
            return sympy.oo if value > 0 else -sympy.oo
        return Rational(repr(value)) if isinstance(value, float) else Rational(value)

    def check_tensor(self, tree: Name | Reading) -> None:
        given = self.scope.operands
        if given is not None and tree.name not in given and tree.name not in self.whole.taken:
            self.fail(tree, f"{tree.name} is not known here{did_you_mean(tree.name, given)}")
        if given is not None and tree.name not in given:
            self.fail(tree, f"{tree.name} was not given"
                      f"{did_you_mean(tree.name, [*given, *self.scope.params])}")  # fmt: skip

    def read(self, name: str, at: tuple[Affine, ...]) -> Expr:
        read = Read(self.slot(name), at)
        if read not in self.reads:
            self.reads.append(read)
        return hole(self.reads.index(read))

    def slot(self, name: str) -> int:
        if name not in self.operands:
            self.operands.append(name)
        return self.operands.index(name)

    def position(self, tree: Name) -> int:
        if tree.name not in self.indices:
            if not self.accumulate:
                self.fail(tree, f"the index {tree.name} stands neither in the target nor in a "
                          "reduction such as Sum(..., " + tree.name + ")")  # fmt: skip
            self.indices.append(tree.name)
        return self.indices.index(tree.name)

    def arithmetic(self, tree: Binary) -> Any:
        """Sums and products; the left spine is walked, for a text may have thousands of terms."""
        spine: list[Binary] = []
        left: Tree = tree
        while isinstance(left, Binary):
            spine.append(left)
            left = left.a
        value = self.number(left)
        terms = [value]
        for node in reversed(spine):
            if node.op in ("+", "-"):
                right = self.number(node.b)
                terms.append(right if node.op == "+" else -right)
                continue
            value = sympy.Add(*terms)
            terms = [self.combine(node, value, self.number(node.b))]
        return terms[0] if len(terms) == 1 else sympy.Add(*terms)

    def combine(self, node: Binary, a: Any, b: Any) -> Any:
        if node.op == "*":
            return a * b
        if node.op == "/":
            if b == 0:
                self.fail(node, "division by 0")
            return a / b
        if node.op == "**":
            if (
                b.is_number
                and not (b.is_Rational and abs(b.p) <= LARGEST_POWER and b.q <= LARGEST_POWER)
                and a.is_number
            ):
                self.fail(node, f"powers of numbers go up to {LARGEST_POWER}")
            if a.is_number and a.is_Rational and max(abs(a.p), a.q) > 10**6 and b.is_number:
                self.fail(node, "powers of numbers go up to a base of 10**6")
            if a == 0 and b.is_number and b.is_negative:
                self.fail(node, "division by 0")
            return a**b
        return self.fail(node, f"{node.op} stands only in subscripts")

    def call(self, tree: Call) -> Any:
        name, args = tree.name, tree.args
        if name == "size":
            if len(args) != 1 or not isinstance(args[0], Name):
                self.fail(tree, "size(i) takes one index")
            assert isinstance(args[0], Name)
            return size_symbol(self.position(args[0]))
        inner = self.reduction(tree) if name in REDUCTIONS else None
        if inner:
            if self.accumulate:
                self.fail(tree, 'in a "+=" formula every index is a loop; reduce in a formula '
                          "before it")  # fmt: skip
            return self.split(*inner, tree)
        if name == "Piecewise":
            return self.piecewise(tree)
        if name not in fn.FUNCTIONS:
            known = [*fn.FUNCTIONS, *REDUCTIONS, "Piecewise", "size"]
            self.fail(tree, f"there is no function {name!r}{did_you_mean(name, known)}")
        function = fn.FUNCTIONS[name]
        wanted = ARITY.get(function.__name__, 1)
        wanted = (wanted,) if isinstance(wanted, int) else wanted
        if (wanted is not None and len(args) not in wanted) or not args:
            number = " or ".join(map(str, wanted or ("one or more",)))
            self.fail(tree, f"{name} takes {number} arguments, not {len(args)}")
        if function is fn.where:
            return fn.where(self.condition(args[0]), self.number(args[1]), self.number(args[2]))
        return function(*(self.number(a) for a in args))

    def piecewise(self, tree: Call) -> Any:
        values = [self.number(v) for v in tree.args[::2]]
        conditions = [self.condition(c) for c in tree.args[1::2]]
        if conditions[-1] != sympy.true:
            self.fail(tree, "the last piece says what holds otherwise: (value, True)")
        result = values[-1]
        for value, condition in reversed(list(zip(values, conditions, strict=True))[:-1]):
            result = fn.where(condition, value, result)
        return result

    # -- conditions ------------------------------------------------------------------------------

    def condition(self, tree: Tree) -> Any:
        match tree:
            case Compare(op, a, b, _):
                return RELATIONS[op](self.number(a), self.number(b))
            case Bool(op, args, _):
                parts = [self.condition(a) for a in args]
                return (sympy.And if op == "and" else sympy.Or)(*parts)
            case Not(a, _):
                return sympy.Not(self.condition(a))
            case Call("Eq" | "Ne" as name, (a, b), _):
                return RELATIONS["==" if name == "Eq" else "!="](self.number(a), self.number(b))
            case Name("True" | "False" as word, _):
                return sympy.true if word == "True" else sympy.false
            case Name() | Reading():
                value = self.number(tree)
                if value.is_Symbol and value.name.startswith("_h"):
                    return fn.Holds(value)
        return self.fail(tree, "expected a condition such as a < b, or a bool tensor")

    # -- subscripts ------------------------------------------------------------------------------

    def affine(self, tree: Tree) -> Affine:
        match tree:
            case Number(text, _):
                if not text.isdigit():
                    self.fail(tree, f"subscripts are whole numbers, not {text}")
                return subs.constant(int(text))
            case Name(name, _):
                if name in self.scope.params:
                    value = self.scope.params[name]
                    if not isinstance(value, int | Poly):
                        self.fail(tree, f"{name} = {value} stands in a subscript, so it must be a "
                                  "whole number")  # fmt: skip
                    return subs.constant(value)
                return subs.bare(self.position(tree))
            case Reading(name, trees, _):
                self.check_tensor(tree)
                gather = Gather(self.slot(name), tuple(self.affine(t) for t in trees))
                return subs.make(0, [(gather, 1)])
            case Negative(a, _):
                return self.affine(a).scale(-1)
            case Binary(op, a, b, _):
                return self.affine_pair(tree, op, self.affine(a), self.affine(b))
            case Call("size", _, _):
                return self.fail(tree, "size(i) stands only in scalars; give the size as a number")
            case _:
                return self.fail(tree, "a subscript is made of indices, whole numbers, + - * // %")

    def affine_pair(self, tree: Binary, op: str, a: Affine, b: Affine) -> Affine:
        if op == "+":
            return a + b
        if op == "-":
            return a - b
        if op == "*" and not (a.terms and b.terms):
            return a.scale(b.const) if not b.terms else b.scale(a.const)
        if op in ("//", "%"):
            if b.terms or not ext.at_least(b.const, 1):
                self.fail(tree, f"{op} in a subscript takes a whole number above 0")
            return (subs.floordiv if op == "//" else subs.mod)(a, b.const)
        return self.fail(tree, f"{op} does not stand in a subscript; allowed are + - * // %")


def canonical(f: Formula, indices: list[str]) -> tuple[Formula, list[str]]:
    """The loops that the target lacks in an order that no spelling changes.

    Among all orders the one whose structure sorts first; the target's own indices keep theirs.
    """
    first: list[int] = []
    for s in f.target:
        first += sorted(s.indices() - set(first))
    rest = [p for p in range(f.indices) if p not in first]
    best: tuple[Any, Formula, list[int]] | None = None
    choices = itertools.permutations(rest) if len(rest) <= 4 else [tuple(rest)]
    for choice in choices:
        order = [*first, *choice]
        g = f.with_indices(order)
        key = (
            [repr(r.key()) for r in g.reads], [repr(s.key()) for s in g.target],
            sympy.sstr(g.body), [str(b) for b in g.bounds],
        )  # fmt: skip
        if best is None or key < best[0]:
            best = (key, g, order)
    assert best is not None
    return best[1], [indices[p] for p in best[2]]

"""Syntax tree -> subscripts, sizes and reads: the elements an equation is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sympy import Expr

from graphnet.errors import did_you_mean, told
from graphnet.formula import extent as ext
from graphnet.formula import subscript as subs
from graphnet.formula.extent import Extent, Poly
from graphnet.formula.formula import Read, hole
from graphnet.formula.subscript import Affine, Gather
from graphnet.formula.syntax import Binary, Name, Negative, Number, Reading, Tree, fail

__all__ = ["Elements", "Scope"]

MOST_LOOPS, MOST_AXES, LARGEST = 64, 32, 2**62


@dataclass(frozen=True)
class Scope:
    """What the names of a text mean; a size that the text uses as an index is no number there."""

    text: str
    operands: tuple[str, ...] | None
    params: Mapping[str, Any]
    indices: frozenset[str]
    sizes: Mapping[str, Extent]  # what may stand in a bound or a shape
    functions: tuple[tuple[str, Any], ...] = ()  # beside those of the language

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(sorted(self.params))


class Elements:
    """The names, reads and subscripts of one equation in the making."""

    def __init__(self, scope: Scope, made: Collection[str], accumulate: bool) -> None:
        self.scope, self.made, self.accumulate = scope, made, accumulate
        self.indices: list[str] = []
        self.operands: list[str] = []
        self.reads: dict[Read, int] = {}
        self.dims: list[Extent] = []

    def fail(self, tree: Tree, message: str) -> NoReturn:
        fail(self.scope.text, tree.at, f"column {tree.at + 1}: {message}")

    def read(self, tree: Name | Reading) -> Expr:
        """The hole of the element that is read."""
        trees = tree.subs if isinstance(tree, Reading) else ()
        slot = self.slot(tree, len(trees))
        read = Read(slot, tuple(self.affine(t) for t in trees))
        return hole(self.reads.setdefault(read, len(self.reads)))

    def slot(self, tree: Name | Reading, rank: int) -> int:
        """The operand slot of a tensor, by order of appearance."""
        name, given = tree.name, self.scope.operands
        if rank > MOST_AXES:
            self.fail(tree, f"a tensor has at most {MOST_AXES} axes")
        if given is not None and name not in given and name not in self.made:
            known = [*given, *self.scope.numbers]
            self.fail(tree, f"{name} is not known here{did_you_mean(name, known)}")
        if name not in self.operands:
            self.operands.append(name)
        return self.operands.index(name)

    def position(self, tree: Name) -> int:
        """The number of an index; in a "+=" every new index is one more loop."""
        if tree.name not in self.indices:
            if not self.accumulate:
                self.fail(tree, f"the index {tree.name} stands neither in the target nor in a "
                          f"reduction such as Sum(..., {tree.name})")  # fmt: skip
            self.loop(tree)
        return self.indices.index(tree.name)

    def loop(self, tree: Name) -> None:
        if tree.name in self.indices:
            self.fail(tree, f"the index {tree.name} stands twice")
        if len(self.indices) == MOST_LOOPS:
            self.fail(tree, f"a formula has at most {MOST_LOOPS} indices")
        self.indices.append(tree.name)

    def affine(self, tree: Tree) -> Affine:
        """A subscript, of numbers that an index of an array can be."""
        found = self._affine(tree)
        for number in (found.const, *(coefficient for _, coefficient in found.terms)):
            if isinstance(number, int) and abs(number) > LARGEST:
                self.fail(tree, f"a number of a subscript is at most 2**62, not {told(number)}")
        return found

    def _affine(self, tree: Tree) -> Affine:
        """Long sums are walked along their left spine, without recursion."""
        match tree:
            case Binary():
                spine: list[Binary] = []
                left: Tree = tree
                while isinstance(left, Binary):
                    spine.append(left)
                    left = left.a
                total = self.affine(left)
                for node in reversed(spine):
                    total = self.pair(node, total, self.affine(node.b))
                return total
            case Negative(a, _):
                return self.affine(a).scale(-1)
            case Number(text, _):
                if not text.isdigit():
                    self.fail(tree, f"subscripts are whole numbers, not {text}")
                return subs.constant(int(text))
            case Reading(_, trees, _):
                slot = self.slot(tree, len(trees))
                return subs.make(0, [(Gather(slot, tuple(self.affine(t) for t in trees)), 1)])
            case Name(name, _) if name in self.scope.params:
                value = self.scope.params[name]
                if not isinstance(value, int | Poly):
                    self.fail(tree, f"{name} = {value} stands in a subscript, so it must be a "
                              "whole number")  # fmt: skip
                return subs.constant(value)
            case Name():
                return subs.bare(self.position(tree))
        message = "a subscript is made of indices, whole numbers, T[...] and + - * // %"
        return self.fail(tree, message)

    def pair(self, tree: Binary, a: Affine, b: Affine) -> Affine:
        match tree.op:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*" if not b.terms:
                return a.scale(b.const)
            case "*" if not a.terms:
                return b.scale(a.const)
            case "*":
                self.fail(tree, "a subscript multiplies an index by a number, not by an index")
            case "//" | "%":
                if b.terms or not ext.at_least(b.const, 1):
                    self.fail(tree, f"{tree.op} in a subscript takes a whole number above 0")
                return (subs.floordiv if tree.op == "//" else subs.mod)(a, b.const)
        return self.fail(tree, f"{tree.op} does not stand in a subscript; allowed are + - * // %")


def extent(scope: Scope, tree: Tree) -> Extent:
    """A bound or a size of a shape: a whole number or a polynomial in named sizes."""
    own = Scope(scope.text, (), {**scope.params, **scope.sizes}, frozenset(), {})
    s = Elements(own, (), False).affine(tree)
    if s.terms:
        fail(scope.text, tree.at, "a bound is a whole number or a size, without indices")
    if isinstance(s.const, int) and s.const < 0:
        fail(scope.text, tree.at, f"an extent is not negative: {s.const}")
    return s.const

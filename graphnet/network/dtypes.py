"""Which dtypes a formula takes and makes: float, int, bool."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr

from graphnet.errors import GraphnetTypeError
from graphnet.formula.formula import Equation, Formula, hole, symbol_kind
from graphnet.formula.functions import Holds, where
from graphnet.network.nodes import Node

__all__ = ["check_dtypes", "result_dtype"]


def check_dtypes(equation: Equation, operands: Sequence[Node]) -> None:
    f = equation.formula
    gathered = {g.slot for r in f.reads for g in r.gathers()}
    gathered |= {g.slot for s in f.target for g in s.gathers()}
    for slot in sorted(gathered):
        if operands[slot].dtype != "int":
            raise GraphnetTypeError(
                f"{equation.name}: {equation.operands[slot]} stands in a subscript, so it must "
                f"be of dtype int, not {operands[slot].dtype} ({equation})"
            )
    conditions = f.body.atoms(Holds)
    held = {k for c in conditions for k in f.holes(c)}
    for k, read in enumerate(f.reads):
        dtype, name = operands[read.slot].dtype, equation.operands[read.slot]
        if k in held and dtype != "bool":
            raise GraphnetTypeError(
                f"{equation.name}: {name} stands as a condition, so it must be of dtype bool, "
                f"not {dtype}; compare it with something ({equation})"
            )
        if dtype == "bool" and hole(k) in _outside_holds(f.body) and not _selects(f.body):
            raise GraphnetTypeError(
                f"{equation.name}: {name} is bool; as a number write where({name}, 1, 0) "
                + f"({equation})"
            )


def _outside_holds(body: Expr) -> set[sympy.Basic]:
    """The symbols that stand somewhere as numbers, not only as conditions."""
    found: set[sympy.Basic] = set()
    stack: list[sympy.Basic] = [body]
    while stack:
        part = stack.pop()
        if isinstance(part, Holds):
            continue
        if isinstance(part, sympy.Symbol):
            found.add(part)
        stack.extend(part.args)
    return found


def _leaves(body: sympy.Basic) -> list[sympy.Basic]:
    """What a body selects among: the branches of its where's."""
    if isinstance(body, where):
        return [*_leaves(body.args[1]), *_leaves(body.args[2])]
    return [body]


def _is_hole(part: sympy.Basic) -> bool:
    return isinstance(part, sympy.Symbol) and symbol_kind(part)[0] == "h"


def _selects(body: Expr) -> bool:
    """Whether the body only moves elements: reads, and where's of reads and numbers."""
    leaves = _leaves(body)
    return any(map(_is_hole, leaves)) and all(_is_hole(x) or x in (0, 1) for x in leaves)


def result_dtype(f: Formula, operands: Sequence[Node]) -> str:
    """int or bool where elements of such tensors are moved or counted with, else float."""

    def dtype(part: sympy.Basic) -> str:
        return operands[f.reads[symbol_kind(part)[1]].slot].dtype

    if f.reduce == "LogSumExp":
        return "float"
    leaves = _leaves(f.body)
    holes = [x for leaf in leaves for x in leaf.free_symbols if _is_hole(x)]
    kinds = {dtype(x) for x in holes}
    if kinds == {"bool"} and not f.reduce and _selects(f.body):
        return "bool"
    if kinds == {"int"} and all(_is_integral(x) for x in leaves):
        return "int"
    return "float"


def _is_integral(part: sympy.Basic) -> bool:
    """Whether a part made of integers is an integer: sums, products, powers >= 0 of such."""
    if isinstance(part, sympy.Symbol | sympy.Integer):
        return True
    if isinstance(part, sympy.Pow):
        base, exponent = part.args
        return bool(exponent.is_Integer and exponent >= 0) and _is_integral(base)
    if isinstance(part, where):
        return all(_is_integral(x) for x in part.args[1:])
    names = {"Add", "Mul", "Max", "Min", "Abs", "sign", "floordiv", "mod"}
    return type(part).__name__ in names and all(map(_is_integral, part.args))

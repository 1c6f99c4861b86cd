"""Conditions in the body of a formula -> bool values over its loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy
from sympy.logic.boolalg import And, BooleanFalse, BooleanTrue, Not, Or

from graphnet.compiler.values import Local
from graphnet.errors import GraphnetError
from graphnet.formula import functions as fn
from graphnet.formula.arrange import ordered
from graphnet.formula.formula import symbol_kind

if TYPE_CHECKING:
    from graphnet.compiler.body import Context

__all__ = ["condition"]

COMPARE: dict[type, str] = {
    sympy.StrictLessThan: "less", sympy.LessThan: "less_equal", sympy.StrictGreaterThan: "greater",
    sympy.GreaterThan: "greater_equal", sympy.Eq: "equal", sympy.Ne: "not_equal",
}  # fmt: skip
INTEGRAL = (fn.where, fn.Max, fn.Min, fn.Abs, fn.sign, sympy.Add, sympy.Mul)


def condition(context: Context, expr: sympy.Basic) -> Local:
    """The local of a condition, or of a body that is true where it is not 0."""
    make = context.values.pointwise
    if isinstance(expr, fn.Holds):
        return condition(context, expr.args[0])
    if isinstance(expr, BooleanTrue | BooleanFalse):
        return context.values.number(sympy.Integer(int(expr == sympy.true)), "bool")
    if isinstance(expr, And | Or):
        op = "logical_and" if isinstance(expr, And) else "logical_or"
        result, *rest = [condition(context, a) for a in ordered(expr)]
        for other in rest:
            result = make(op, [result, other], "bool")
        return result
    if isinstance(expr, Not):
        return make("logical_not", [condition(context, expr.args[0])], "bool")
    if type(expr) in COMPARE:
        a, b = expr.args
        dtype = "int" if _integral(context, a) and _integral(context, b) else "float"
        sides = [context.local(a, dtype), context.local(b, dtype)]
        return make(COMPARE[type(expr)], sides, "bool")
    if isinstance(expr, fn.where):
        c, a, b = expr.args
        if (a, b) == (1, 0):
            return condition(context, c)
        if (a, b) == (0, 1):
            return make("logical_not", [condition(context, c)], "bool")
        return make("where", [condition(context, x) for x in (c, a, b)], "bool")
    if isinstance(expr, sympy.Symbol) and symbol_kind(expr)[0] == "h":
        return context.read(symbol_kind(expr)[1])
    if expr in (0, 1):
        return context.values.number(expr, "bool")
    raise GraphnetError(f"{expr} is not a condition")


def _integral(context: Context, expr: sympy.Basic) -> bool:
    """Whether a part of a body is always whole."""
    if isinstance(expr, sympy.Symbol):
        kind, k = symbol_kind(expr)
        return kind != "h" or context.read(k).value.dtype == "int"
    if isinstance(expr, sympy.Integer):
        return True
    if isinstance(expr, sympy.Pow):
        base, exponent = expr.args
        return bool(exponent.is_Integer and exponent >= 0) and _integral(context, base)
    if isinstance(expr, fn.where):
        return all(_integral(context, a) for a in expr.args[1:])
    return isinstance(expr, INTEGRAL) and all(_integral(context, a) for a in expr.args)

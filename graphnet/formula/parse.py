"""Formula text -> equations. Nothing in the text is ever evaluated.

>>> for equation in parse("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)"):
...     print(equation)
P_sum[n] = Sum(exp(z[n,j]), j)
P[n,k] = exp(z[n,k])/P_sum[n]

Reductions that do not stand at the root are split off as equations of their own. Which names are
indices: those in subscripts, bounds and the lists of reductions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import sympy

from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.elaborate import Elaborator
from graphnet.formula.elements import Scope
from graphnet.formula.extent import Poly, named
from graphnet.formula.formula import REDUCTIONS, Equation
from graphnet.formula.syntax import Call, Name, Reading, Statement, Tree, fail, syntax, walk

__all__ = ["parse", "parse_rule"]

Param: TypeAlias = int | float | Poly | sympy.Rational


def parse(
    text: str,
    *,
    operands: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    sizes: Iterable[str] = (),
    name: str = "Y",
    functions: Mapping[str, Any] | None = None,
) -> tuple[Equation, ...]:
    """The equations of one formula; the last one is the result, the others are read by it.

    `operands` are the tensors in slot order (else in order of appearance), `params` the numbers
    of the op, `sizes` the named sizes that may stand where a number may, and `name` is what a
    text without a target is called. `functions` are searched ones beside those of the language.
    Raises GraphnetError with a caret under the column.
    """
    numbers = tuple((k, _number(k, v)) for k, v in (params or {}).items())
    kinds = tuple(type(v) for _, v in numbers)  # 1 and 1.0 are one key, but not one subscript
    slots = None if operands is None else tuple(operands)
    known = tuple((functions or {}).items())
    return _parse(text, slots, numbers, kinds, tuple(sizes), name, known)


@lru_cache(maxsize=8192)
def _parse(
    text: str,
    operands: tuple[str, ...] | None,
    params: tuple[tuple[str, Param], ...],
    kinds: tuple[type, ...],
    sizes: tuple[str, ...],
    name: str,
    functions: tuple[tuple[str, Any], ...],
) -> tuple[Equation, ...]:
    first, *more = syntax(text)
    if more:
        raise GraphnetError("one formula is expected here; ';' separates the rules of an optimizer")
    return _equations(text, first, operands, dict(params), sizes, name, functions)


def parse_rule(text: str, params: Mapping[str, Any] | None = None) -> tuple[Equation, ...]:
    """The pointwise equations of an update rule: `"v' = beta*v + g; w' = w - lr*v'"`.

    Names in `params` are numbers; every other name is a tensor. Each target ends in a prime.

    >>> [str(e) for e in parse_rule("v' = beta*v + g; w' = w - lr*v'")]
    ["v' = beta*v + g", "w' = w - lr*v'"]
    """
    given = {k: _number(k, v) for k, v in (params or {}).items()}
    found: list[Equation] = []
    for statement in syntax(text):
        if statement.target is None or statement.op != "=":
            raise GraphnetError(f"an update rule is written name' = ...; came {told(text)}")
        if isinstance(statement.target, Reading):
            fail(text, statement.target.at, "an update rule is pointwise: its names have no "
                 "subscripts")  # fmt: skip
        found += _equations(text, statement, None, given, (), "Y")
    return tuple(found)


def _number(name: str, value: Any) -> Param:
    """A parameter as int, float, fraction or extent; numbers of other libraries by their `item`."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and math.isnan(value):
        raise GraphnetError(f"the number {name} is nan")
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, int | float | Poly) or getattr(value, "is_Rational", False):
        return value
    raise GraphnetTypeError(f"{name} must be a number, not {type(value).__name__}")


def _equations(
    text: str,
    statement: Statement,
    operands: tuple[str, ...] | None,
    params: dict[str, Param],
    sizes: tuple[str, ...],
    name: str,
    functions: tuple[tuple[str, Any], ...] = (),
) -> tuple[Equation, ...]:
    target = statement.target
    if target is not None:
        name = target.name
        if name in params:
            fail(text, target.at, f"{name} is a number of this op, so it cannot be computed")
    extents = {s: named(s) for s in sizes}
    declared = _declared(statement)
    meant = {s: e for s, e in extents.items() if s not in declared} | params
    found = declared | {n.name for n in _in_subscripts(statement)}
    scope = Scope(text, operands, meant, frozenset(found - set(meant)), extents, functions)
    taken = {n.name for n in _walk(statement) if isinstance(n, Name | Reading)}
    taken |= {name, *(operands or ()), *params, *sizes}
    return Elaborator(scope, name, taken).equations(statement)


def _declared(statement: Statement) -> set[str]:
    """The names that can be nothing but an index, even where a size has the same name."""
    found = {bound.name for bound, _ in statement.bounds}
    if isinstance(statement.target, Reading):
        found |= {s.name for s in statement.target.subs if isinstance(s, Name)}
    bare = {s.name for s in _subscripts(statement) if isinstance(s, Name)}
    for part in _walk(statement):
        if isinstance(part, Call) and part.name in (*REDUCTIONS, "size"):
            names = part.args if part.name == "size" else part.args[1:]
            certain = part.name in ("Sum", "LogSumExp", "size")  # Max(a, b) may be a function
            found |= {a.name for a in names if isinstance(a, Name) and (certain or a.name in bare)}
    return found


def _subscripts(statement: Statement) -> Iterator[Tree]:
    for part in _walk(statement):
        if isinstance(part, Reading):
            yield from part.subs


def _in_subscripts(statement: Statement) -> Iterator[Name]:
    """Names in subscripts, those in the brackets of an int tensor included."""
    for s in _subscripts(statement):
        yield from (part for part in walk(s) if isinstance(part, Name))


def _walk(statement: Statement) -> Iterator[Tree]:
    if statement.target is not None:
        yield from walk(statement.target)
    yield from walk(statement.scalar)

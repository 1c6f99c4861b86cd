"""Formula text -> equations. Nothing in the text is ever evaluated.

>>> for equation in parse("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)"):
...     print(equation)
P_sum[n] = Sum(exp(z[n,j]), j)
P[n,k] = exp(z[n,k])/P_sum[n]

Reductions that do not stand at the root are split off as equations of their own. Which names are
indices: those in subscripts, bounds and the lists of reductions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from graphnet.errors import GraphnetError
from graphnet.formula.elaborate import Elaborator, Scope
from graphnet.formula.extent import Extent, Poly, named
from graphnet.formula.formula import Equation
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
    syntax,
)  # fmt: skip

__all__ = ["parse", "parse_rule"]

Param = int | float | Extent


def parse(
    text: str,
    *,
    operands: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    sizes: Iterable[str] = (),
    name: str = "Y",
) -> tuple[Equation, ...]:
    """The equations of one formula; the last one is the result, the others are read by it.

    `operands` are the tensors in slot order (else in order of appearance), `params` the numbers
    of the op, `sizes` the named sizes that may stand where a number may, and `name` is what a
    text without a target is called. Raises GraphnetError with a caret under the column.
    """
    given = {s: named(s) for s in sizes} | {k: _number(k, v) for k, v in (params or {}).items()}
    return _parse(text, None if operands is None else tuple(operands), tuple(given.items()), name)


@lru_cache(maxsize=4096)
def _parse(
    text: str, operands: tuple[str, ...] | None, params: tuple[tuple[str, Param], ...], name: str
) -> tuple[Equation, ...]:
    statements = syntax(text)
    if len(statements) > 1:
        raise GraphnetError("one formula is expected here; ';' separates the rules of an optimizer")
    return _equations(text, statements[0], operands, dict(params), name)


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
            raise GraphnetError(f"an update rule is written name' = ...; came {text!r}")
        if isinstance(statement.target, Reading):
            fail(text, statement.target.at, "an update rule is pointwise: its names have no "
                 "subscripts")  # fmt: skip
        found += _equations(text, statement, None, given, "Y")
    return tuple(found)


def _number(name: str, value: Any) -> Param:
    """A parameter as int, float or extent; numbers of other libraries by their `item`."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | Poly):
        return value
    if isinstance(value, float):
        if value != value:
            raise GraphnetError(f"the number {name} is nan")
        return value
    if getattr(value, "is_Rational", False):
        return value  # type: ignore[no-any-return]
    raise GraphnetError(f"{name} must be a number, not {type(value).__name__}")


def _equations(
    text: str,
    statement: Statement,
    operands: tuple[str, ...] | None,
    params: dict[str, Param],
    name: str,
) -> tuple[Equation, ...]:
    target = statement.target
    indices = _index_names(statement, params)
    scope = Scope(text, operands, params, indices)
    if target is not None:
        name = target.name
        if name in params:
            fail(text, target.at, f"{name} is a number of this op, so it cannot be computed")
    taken = {n.name for n in _walk(statement) if isinstance(n, Name | Reading)} | {name}
    taken |= set(operands or ())
    elaborator = Elaborator(scope, name, taken)
    return elaborator.equations(statement, target)


def _index_names(statement: Statement, params: Mapping[str, Param]) -> frozenset[str]:
    """The names that stand where only an index may."""
    found: set[str] = {bound.name for bound, _ in statement.bounds}
    for part in _walk(statement):
        if isinstance(part, Reading):
            found |= {n.name for s in part.subs for n in _outside_brackets(s)}
    for part in _walk(statement):
        if isinstance(part, Call) and part.name in ("Sum", "LogSumExp"):
            found |= {a.name for a in part.args[1:] if isinstance(a, Name)}
        if isinstance(part, Call) and part.name == "size":
            found |= {a.name for a in part.args if isinstance(a, Name)}
    return frozenset(found - set(params))


def _outside_brackets(tree: Tree) -> Iterator[Name]:
    """Bare names in a subscript, those inside T[...] included (they are indices as well)."""
    for part in walk(tree):
        if isinstance(part, Name):
            yield part


def _walk(statement: Statement) -> Iterator[Tree]:
    trees: list[Tree] = [statement.scalar]
    if statement.target is not None:
        trees.insert(0, statement.target)
    for tree in trees:
        yield from walk(tree)


def walk(tree: Tree) -> Iterator[Tree]:
    """Every part of a tree in the order of the text, without recursion."""
    stack: list[Tree] = [tree]
    while stack:
        part = stack.pop()
        yield part
        match part:
            case Reading(_, subs, _):
                stack.extend(reversed(subs))
            case Call(_, args, _) | Bool(_, args, _):
                stack.extend(reversed(args))
            case Binary(_, a, b, _) | Compare(_, a, b, _):
                stack.extend((b, a))
            case Negative(a, _) | Not(a, _):
                stack.append(a)
            case Number() | Name():
                pass

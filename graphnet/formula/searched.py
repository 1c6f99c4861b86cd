"""Scalar functions that have a form of their own: a record says how value and slope are computed.

`Searched` functions stand in stabilized formulas where the textbook form would overflow or cancel:
`softplus(x)` means log(1 + exp(x)) and is computed as its form, its slope as the slope's.

>>> from sympy import exp, log
>>> from graphnet.formula.functions import log1p
>>> x = ARGUMENT
>>> softplus = searched(Record("softplus", log(1 + exp(x)), log1p(exp(x))))
>>> softplus(x), meant(softplus(2*x)), softplus(x).form
(softplus(_h0), log(exp(2*_h0) + 1), log1p(exp(_h0)))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from sympy import Expr

from graphnet.formula.formula import hole
from graphnet.formula.scalar import Scalar

__all__ = ["ARGUMENT", "Record", "Searched", "meant", "searched"]

ARGUMENT = hole(0)  # what a record's expressions are written in
SECOND = hole(1)  # the other argument of a function of two


@dataclass(frozen=True)
class Record:
    """A function of one argument: what it means, how it is computed, its slope, where it fails.

    `meaning`, `form` and `slope` are expressions in ARGUMENT. A slope of None is that of the
    meaning, never of the form: a form in |x| has the wrong slope at 0. Where the meaning has SECOND
    in it too the function is one of two arguments, and its slopes are those of the meaning.
    The record of a slope has `reuse`, a cheaper form in terms of hole(1), the value of the function
    whose slope it is, right to 2 ulp of its own largest value. `unclean` says at which arguments no
    form was right, of the value and of the slope; `fails` says where the naive ones are wrong.
    Those two are remarks: functions that differ in them alone are equal.
    """

    name: str
    meaning: Expr
    form: Expr
    slope: Expr | None = None
    reuse: Expr | None = None
    unclean: tuple[str, ...] = field(default=(), compare=False)
    fails: tuple[str, ...] = field(default=(), compare=False)


class Searched(Scalar):
    """The application of a record's function; one subclass a record, made by `searched`."""

    nargs = (1, 2)
    record: ClassVar[Record]
    arity: ClassVar[int] = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        record = self.record
        s = record.slope if record.slope is not None else record.meaning.diff(hole(argindex - 1))
        return self._of_arguments(s)

    def _of_arguments(self, expr: Expr) -> Expr:
        """An expression of the record, with the arguments in it."""
        return expr.xreplace(dict(zip((ARGUMENT, SECOND), self.args, strict=False)))

    @property
    def meaning(self) -> Expr:
        """What it stands for."""
        return self._of_arguments(self.record.meaning)

    @property
    def form(self) -> Expr:
        """How the value is computed, written out once."""
        return self._of_arguments(self.record.form)


@cache
def searched(record: Record) -> type[Searched]:
    """The class of a record; equal records have one class."""
    n = 2 if record.meaning.has(SECOND) else 1
    return type(record.name, (Searched,), {"record": record, "nargs": n, "arity": n})


def meant(expr: Expr) -> Expr:
    """The expression with every searched function, and the forms' own, as mathematics has it."""
    return _replaced(expr, lambda s: s.meaning)


def _replaced(expr: Any, change: Callable[[Any], Expr]) -> Any:
    if not expr.has(Searched):
        return expr
    args = [_replaced(a, change) for a in expr.args]
    new = expr.func(*args)
    return _replaced(change(new), change) if isinstance(new, Searched) else new

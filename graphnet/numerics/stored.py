"""Searched functions as texts, and back: what a saved network carries of them.

>>> from graphnet.formula.searched import ARGUMENT as x
>>> import sympy
>>> from graphnet.numerics.records import known
>>> softplus = searched(known(sympy.log(1 + sympy.exp(x))))
>>> [row["name"] for row in rows(softplus(2*x))]
['softplus_slope', 'softplus']
>>> functions(rows(softplus(2*x)))["softplus"] is softplus
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sympy import Expr, preorder_traversal

from graphnet.errors import GraphnetError
from graphnet.formula.functions import FUNCTIONS
from graphnet.formula.searched import Record, Searched, searched
from graphnet.numerics.records import read, spelled

__all__ = ["functions", "rows"]

_TEXTS = ("meaning", "form", "slope", "reuse")


def rows(expr: Expr) -> list[dict[str, str]]:
    """The functions of an expression, each after those that its own texts use."""
    found: dict[str, dict[str, str]] = {}

    def visit(e: Expr | None) -> None:
        if e is None or not e.has(Searched):
            return
        for part in preorder_traversal(e):
            if isinstance(part, Searched) and part.record.name not in found:
                record = part.record
                exprs = {key: getattr(record, key) for key in _TEXTS}
                for inner in exprs.values():
                    visit(inner)
                found[record.name] = {"name": record.name} | {
                    key: "" if inner is None else spelled(inner) for key, inner in exprs.items()
                }

    visit(expr)
    return list(found.values())


def functions(stored: Iterable[Mapping[str, Any]]) -> dict[str, type[Searched]]:
    """The functions of rows, by name. Raises GraphnetError where a text is no formula."""
    found: dict[str, type[Searched]] = {}
    for row in stored:
        name = row["name"]
        if not isinstance(name, str) or not name.isidentifier() or name in FUNCTIONS:
            raise GraphnetError(f"{name!r} is no name of a function")
        texts = {key: row[key] for key in _TEXTS}
        if not all(isinstance(t, str) for t in texts.values()):
            raise GraphnetError(f"the function {name} is not stored as texts")
        exprs = {key: read(text, found) if text else None for key, text in texts.items()}
        meaning, form = exprs["meaning"], exprs["form"]
        if meaning is None or form is None:
            raise GraphnetError(f"the function {name} has no form")
        found[name] = searched(Record(name, meaning, form, exprs["slope"], exprs["reuse"]))
    return found

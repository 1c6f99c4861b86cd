"""What is known of a function of one argument: its record, from the catalogue, the cache, a search.

>>> from graphnet.formula.searched import ARGUMENT as x
>>> import sympy
>>> softplus = known(sympy.log(1 + sympy.exp(x)))
>>> softplus.name, spelled(softplus.form)
('softplus', 'log1p(exp(-abs(x))) + where(x > 0, x, 0)')
>>> known(sympy.exp(2*x)) is None                                         # right as it is written
True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from sympy import Expr

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.formula import Equation, Formula, Read, hole
from graphnet.formula.parse import parse
from graphnet.formula.searched import ARGUMENT, SECOND, Record, Searched, searched
from graphnet.formula.show import Shower
from graphnet.numerics import cache as disk

__all__ = ["VALUE", "described", "known", "read", "row", "spelled"]

VALUE = hole(1)  # the function's own value, in `reuse`

Row = Mapping[str, Any]


def spelled(expr: Expr) -> str:
    """The text of an expression in x (and a, the function's own value); it parses back."""
    f = Formula((), expr, (Read(0), Read(1)))
    return Shower(Equation(f, "y", ("x", "a"))).scalar(expr)[0]


def described(record: Record) -> str:
    """What a function stands for, and how it is computed where that is another form."""
    of = "x, a" if record.meaning.has(SECOND) else "x"
    law = f"{record.name}({of}) = {spelled(record.meaning)}"
    return law if record.form == record.meaning else f"{law}, computed as {spelled(record.form)}"


def read(text: str, functions: Mapping[str, type[Searched]] | None = None) -> Expr:
    """The expression of a text in x (and a); GraphnetError where it is none."""
    (equation,) = parse(text, operands=("x", "a"), functions=functions)
    f = equation.formula
    return f.body.xreplace({hole(k): hole(r.slot) for k, r in enumerate(f.reads)})


@cache
def known(meaning: Expr) -> Record | None:
    """The record of a function, None where it is right as written in value and slope."""
    key = spelled(meaning)
    found = catalogue().get(key)
    if found is None:
        found = disk.load(key)
    if found is not None:
        try:
            return recorded(meaning, found)
        except (GraphnetError, KeyError, TypeError, ValueError):
            pass  # a row that does not parse counts as none
    made = row(meaning)
    disk.store(key, made)
    try:
        return recorded(meaning, made)
    except GraphnetError:  # its numbers have more digits than a text may have: it stays as written
        return None


@cache
def catalogue() -> dict[str, Row]:
    """The rows that are shipped, by the text of what they mean."""
    file = resources.files("graphnet.numerics").joinpath("catalogue.json")
    if not file.is_file():
        return {}
    found: dict[str, Row] = json.loads(file.read_text(encoding="utf-8"))
    return found


def row(meaning: Expr, name: str = "") -> Row:
    """A search as data: texts and numbers only."""
    from graphnet.numerics.search import examined

    if not name:
        name = f"f_{hashlib.sha256(spelled(meaning).encode()).hexdigest()[:6]}"
    return {"name": name, **examined(meaning)}


def recorded(meaning: Expr, found: Row) -> Record | None:
    """The record that a row describes; None where it says that the function is right as written."""
    form = read(found["form"]) if found["form"] else meaning
    slope = read(found["slope"]) if found["slope"] else None
    told = tuple(
        f"{what} at x = {float(x):.6g}" for key, what in _MISSES.items() for x in found[key]
    )
    if form == meaning and slope is None and not told:
        return None
    name, fails = str(found["name"]), tuple(str(line) for line in found["fails"])
    derived = derivative(meaning, ARGUMENT)
    if slope is None:
        steep: Expr = derived
    elif _short(slope):
        steep = slope
    else:
        reuse = None
        if found["reuse"]:
            reuse = read(found["reuse"])
        steep = searched(Record(f"{name}_slope", derived, slope, None, reuse))(ARGUMENT)
    return Record(name, meaning, form, steep, None, told, fails)


_MISSES = {
    "unclean": "the value in float64", "unclean_slope": "the slope in float64",
    "unclean32": "the value in float32", "unclean32_slope": "the slope in float32",
}  # fmt: skip


def _short(slope: Expr) -> bool:
    return bool(slope.count_ops() <= 6)

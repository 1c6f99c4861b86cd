"""Whether two steps are enough: s = sigmoid(z), then x*s, each as good as it can be.

Reading a tensor that is there is cheaper and plainer than computing through it, so a part is
inlined only where that is needed: log(1 - s) is, for s has lost what 1 - s would need.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy
from sympy import Expr

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.searched import ARGUMENT, searched
from graphnet.formula.special import over
from graphnet.numerics import cache as disk
from graphnet.numerics.parts import held, is_simple, written_out
from graphnet.numerics.records import catalogue, known, spelled

__all__ = ["right_in_steps"]


@cache
def right_in_steps(part: Expr) -> bool:
    """Whether value and slope are right where held formulas are computed first, then the rest.

    `part` is a function of ARGUMENT with `held(0, formula)` for every tensor that is read.
    """
    key = f"steps: {spelled(part)}"
    found = catalogue().get(key) or disk.load(key)
    if found is None or not isinstance(found.get("right"), bool):
        found = judged_row(part)
        disk.store(key, found)
    return bool(found["right"])


def judged_row(part: Expr) -> dict[str, bool]:
    """The answer as a row of the catalogue."""
    return {"right": _judged(part)}


def _judged(part: Expr) -> bool:
    from graphnet.numerics.judge import ACCEPTED, judges

    stepped = _stepped(part)
    value, slope = judges(written_out(part))
    try:
        return bool(
            value.right(stepped, ACCEPTED).all()
            and slope.right(_steep(derivative(stepped, ARGUMENT)), ACCEPTED).all()
        )
    except GraphnetError:
        return False


def _steep(slope: Any) -> Any:
    """With c - c*tanh(u)**2 as it is computed where that matters: it is a part of its own there."""
    if not slope.args:
        return slope
    new = slope.func(*(_steep(a) for a in slope.args))
    if isinstance(new, sympy.Add) and len(new.args) == 2:
        constant, rest = new.as_coeff_Add()
        c, power = rest.as_coeff_Mul()
        base, exponent = power.as_base_exp()
        if constant == -c and exponent == 2 and isinstance(base, sympy.tanh):
            half = sympy.cosh(base.args[0])
            return over(over(constant, half), half)
    return new


def _stepped(part: Expr) -> Expr:
    """Each step by its best form."""
    inner = sorted(part.atoms(held), key=sympy.default_sort_key)
    if len(inner) == 1:
        outer = part.xreplace({inner[0]: _STEP})
        if not outer.has(ARGUMENT):
            best = _best(outer.xreplace({_STEP: ARGUMENT}))
            return best.xreplace({ARGUMENT: _best(inner[0].args[1])})
    return part.xreplace({h: _best(h.args[1]) for h in inner})


_STEP = sympy.Symbol("_step", real=True)


def _best(h: Expr) -> Expr:
    record = None if is_simple(h) or not h.has(ARGUMENT) else known(h)
    return h if record is None else searched(record)(ARGUMENT)

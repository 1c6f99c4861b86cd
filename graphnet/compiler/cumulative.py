"""Running sums and extrema: `Sum(where(k <= i, X[k], 0), k)` is one pass, not n for each of n.

As a formula a cumsum asks a condition for every pair (i, k); its adjoint is the same with the
loops exchanged. Recognised is a Sum, Max or Min over k of `where(k <= i, a, unit)`, also with
<, >= or > and the sides exchanged, where a does not depend on i and both loops run as far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from graphnet.compiler.code import Code
from graphnet.compiler.values import Local, Value
from graphnet.formula import functions as fn
from graphnet.formula.formula import symbol_kind

if TYPE_CHECKING:
    from graphnet.compiler.body import Context
    from graphnet.compiler.expressions import Printer

__all__ = ["is_running", "running", "running_text"]

UNITS = {"Sum": sympy.S.Zero, "Max": -sympy.oo, "Min": sympy.oo}
UFUNCS = {"Sum": "add", "Max": "maximum", "Min": "minimum"}


@dataclass(frozen=True)
class Triangle:
    """`back`: element i takes those from i on, else those up to it; `own`: itself included."""

    summed: int
    kept: int
    back: bool
    own: bool


def is_running(context: Context, expr: sympy.Basic, over: Sequence[int], kind: str) -> bool:
    """Whether a Sum, Max or Min of this body over some loops is a running one."""
    return _triangle(context, expr, over, kind) is not None


def running(
    context: Context, expr: sympy.Basic, over: Sequence[int], dtype: str, kind: str = "Sum"
) -> Local | None:
    """The running sum or extremum that a reduction is, None where it is none."""
    found = _triangle(context, expr, over, kind)
    if found is None:
        return None
    element: Any = expr.args[1]
    rest = [p for p in over if p != found.summed]
    if rest and kind != "Sum":
        return None
    a = context.sum(element, rest, dtype) if rest else context.local(element, dtype)
    if found.summed not in a.labels or found.kept in a.labels:
        return None
    axis = a.labels.index(found.summed)
    extra = (UFUNCS[kind], axis, found.back, found.own)
    axes = tuple(range(a.value.rank))
    made = context.values.make(
        "running", [(a.value, axes)], a.value.extents, a.value.dtype, extra
    )  # fmt: skip
    labels = tuple(found.kept if p == found.summed else p for p in a.labels)
    return Local(made, labels)


def _triangle(
    context: Context, expr: sympy.Basic, over: Sequence[int], kind: str
) -> Triangle | None:
    """How `where(k <= i, a, unit)` lies; None where the body is nothing of the kind."""
    if not isinstance(expr, fn.where) or expr.args[2] != UNITS[kind]:
        return None
    condition = expr.args[0]
    if not isinstance(condition, sympy.LessThan | sympy.StrictLessThan | sympy.GreaterThan
                      | sympy.StrictGreaterThan):  # fmt: skip
        return None
    low, high = condition.lts, condition.gts  # low <= high or low < high
    if not (_is_index(low) and _is_index(high)):
        return None
    p, q = symbol_kind(low)[1], symbol_kind(high)[1]
    if (p in over) == (q in over) or context.extents[p] != context.extents[q]:
        return None
    summed, kept = (p, q) if p in over else (q, p)
    own = isinstance(condition, sympy.LessThan | sympy.GreaterThan)
    return Triangle(summed, kept, back=summed == q, own=own)


def _is_index(expr: sympy.Basic) -> bool:
    return isinstance(expr, sympy.Symbol) and symbol_kind(expr)[0] == "i"


def running_text(printer: Printer, value: Value) -> Code:
    """np.cumsum(a, axis=1), maximum.accumulate, or the helper for the other directions."""
    ((arg, _),) = value.args
    extra: Any = value.extra
    ufunc, axis, back, own = extra
    a = printer.code(arg).text
    if own and not back:
        name = "np.cumsum" if ufunc == "add" else f"np.{ufunc}.accumulate"
        return Code(f"{name}({a}, axis={axis})")
    options = "".join([", back=True"] * back + [", own=False"] * (not own))
    return Code(f"{printer.helper('running')}(np.{ufunc}, {a}, axis={axis}{options})")

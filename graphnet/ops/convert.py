"""The map between two forms of an optimizer: which rates make them take the same steps.

A rule that is linear in parameter, states and gradient is a linear filter: `x' = M x + N g` with
x = (w, states). Two such rules take the same steps from states of 0 exactly when the answers of w
to a gradient, and to a start, agree: `M^n N` and `M^n` in the row of w for n below the sum of the
dimensions (Cayley and Hamilton: later powers are combinations of these). Solving these equations
for the hyper-parameters of one form gives the map, or shows that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Expr, Symbol

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.formula.formula import Equation, Formula, Read, hole, symbol_kind
from graphnet.formula.show import show
from graphnet.ops.optimizer import Optimizer
from graphnet.ops.schedules import Schedule, exact
from graphnet.ops.update_rules import UpdateRule, stem, update_rule

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True)
class Conversion:
    """What `convert` found; true where there is a map.

    `optimizer` takes the same steps in the other form; `map` says each of its hyper-parameters in
    those of the first, `states` each of its states; `why` says why there is none.
    """

    optimizer: Optimizer | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    why: str = ""

    def __bool__(self) -> bool:
        return self.optimizer is not None

    def __str__(self) -> str:
        if self.optimizer is None:
            return f"there is no map: {self.why}"
        parts = [f"{a} = {b}" for a, b in {**self.map, **self.states}.items()]
        return "; ".join(parts)


def convert(optimizer: Optimizer, form: Optimizer | str) -> Conversion:
    """The optimizer in another form that takes the same steps, and the map between the two.

    `form` is a rule's text or an optimizer whose text is meant; its numbers play no part.
    Raises GraphnetError where a hyper-parameter varies over the steps.

    >>> import graphnet as gn
    >>> averaged = "v' = beta*v + (1 - beta)*g; w' = w - lr*v'"
    >>> found = convert(gn.SGD(lr=0.1, momentum=0.9), averaged)
    >>> print(found)
    beta = momentum; lr = lr/(1 - momentum); v = (1 - momentum)*v
    >>> found.optimizer
    Optimizer("v' = beta*v + (1 - beta)*g; w' = w - lr*v'", beta=0.9, lr=1.0)
    """
    text = form.rule if isinstance(form, Optimizer) else form
    if not isinstance(text, str):
        raise GraphnetTypeError(f"a form is a rule or an optimizer, not {type(form).__name__}")
    if any(isinstance(v, Schedule) for v in optimizer.options.values()):
        raise GraphnetError("rates that vary over the steps are not converted")
    table = _Table()
    first = _System.of(update_rule(optimizer.rule), table, "a")
    second = _System.of(update_rule(text), table, "b")
    for system in (first, second):
        if system.nonlinear:
            return Conversion(why=f"{system.nonlinear} is not linear in w, g and the states")
    unknown = [table.symbol("b", h) for h in second.rule.hyper]
    known = _numbers(optimizer, first, table)
    for solution in _solutions(first, second, unknown):
        values = {u: solution.get(u, u) for u in unknown}
        numbers = {u: v.xreplace(known) for u, v in values.items()}
        if any(n.free_symbols or not n.is_real for n in numbers.values()):
            continue
        options: dict[str, Any] = {table.name(u): float(n) for u, n in numbers.items()}
        return Conversion(
            Optimizer(text, **options),
            {table.name(u): table.show(v) for u, v in values.items()},
            _states(first, second, solution, table),
        )
    return Conversion(
        why="no hyper-parameters of the other form make its answer to a gradient the same"
    )


class _Table:
    """Names as numbered symbols: what a user calls a hyper-parameter never reaches sympy."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []

    def symbol(self, side: str, name: str) -> Symbol:
        if (side, name) not in self.names:
            self.names.append((side, name))
        return hole(self.names.index((side, name)))

    def name(self, symbol: Symbol) -> str:
        return self.names[symbol_kind(symbol)[1]][1]

    def show(self, expr: Expr) -> str:
        """An expression in names."""
        body = _without_minus(sympy.factor(expr))
        reads = tuple(Read(k) for k in range(len(self.names)))
        names = tuple(name for _, name in self.names)
        text = show(Equation(Formula((), body, reads), "y", names))
        return text.partition(" = ")[2]


def _without_minus(expr: Expr) -> Expr:
    """-x/(b - 1) as x/(1 - b)."""
    if not isinstance(expr, sympy.Mul) or expr.as_coeff_Mul()[0] != -1:
        return expr
    for factor in expr.args:
        base, exponent = factor.as_base_exp()
        if isinstance(base, sympy.Add) and base.as_coeff_Add()[0] < 0 and exponent in (1, -1):
            return -expr / factor * (-base) ** exponent
    return expr


@dataclass
class _System:
    """x' = M x + N g of one rule, x = (w, states)."""

    rule: UpdateRule
    M: Any
    N: Any
    nonlinear: str = ""

    @classmethod
    def of(cls, rule: UpdateRule, table: _Table, side: str) -> _System:
        variables = ["w", *rule.states]
        for name in rule.hyper:  # numbered first, so that they are written first
            table.symbol(side, name)
        g = table.symbol(side, "g")
        value: dict[str, Expr] = {n: table.symbol(side, n) for n in [*variables, "g", "t"]}
        value |= {h: table.symbol(side, h) for h in rule.hyper}
        symbols = [value[n] for n in variables]
        for equation in rule.equations:
            f = equation.formula
            named = [equation.operands[r.slot] for r in f.reads]
            moves = {hole(k): value.get(n, value.get(stem(n))) for k, n in enumerate(named)}
            value[equation.name] = f.body.xreplace(moves)
        rows, column = [], []
        for name in variables:
            new = sympy.expand(value[f"{name}'"])
            row = [new.diff(s) for s in symbols]
            slope = new.diff(g)
            rest = new - sum(c * s for c, s in zip(row, symbols)) - slope * g
            moving = {*symbols, g, value["t"]}
            linear = sympy.expand(rest) == 0
            if not linear or any(moving & e.free_symbols for e in [*row, slope]):
                found = next(e for e in rule.equations if e.name == f"{name}'")
                return cls(rule, None, None, str(found))
            rows.append(row)
            column.append(slope)
        return cls(rule, sympy.Matrix(rows), sympy.Matrix(column))


def _solutions(first: _System, second: _System, unknown: list[Symbol]) -> list[dict[Any, Any]]:
    """Values of the second form's hyper-parameters that make both answer alike."""
    equations = []
    a, b = first.N, second.N
    x, y = first.M[:, 0], second.M[:, 0]
    for _ in range(first.M.rows + second.M.rows):
        equations += [sympy.together(a[0] - b[0]), sympy.together(x[0] - y[0])]
        a, b, x, y = (m * v for m, v in ((first.M, a), (second.M, b), (first.M, x), (second.M, y)))
    equations = [sympy.numer(e) for e in equations]
    equations = [e for e in dict.fromkeys(map(sympy.expand, equations)) if e != 0]
    if not equations:
        return [{}]
    if not unknown:
        return []
    found = sympy.solve(equations, unknown, dict=True)
    return sorted(found, key=lambda s: sum(v.count_ops() for v in s.values()))


def _numbers(optimizer: Optimizer, system: _System, table: _Table) -> dict[Symbol, Expr]:
    given: dict[str, Any] = dict(optimizer.options)
    if isinstance(given.get("betas"), tuple):
        given |= dict(zip(("beta1", "beta2"), given["betas"]))
    return {table.symbol("a", h): exact(given[h]) for h in system.rule.hyper}


def _states(
    first: _System, second: _System, solution: Mapping[Any, Any], table: _Table
) -> dict[str, str]:
    """Each state of the second form as a multiple of a state of the first, where it is one."""
    found = {}
    for j, name in enumerate(second.rule.states, 1):
        for i, other in enumerate(first.rule.states, 1):
            ratio = sympy.cancel(second.N[j].xreplace(dict(solution)) / first.N[i]) \
                if first.N[i] != 0 else None  # fmt: skip
            if ratio is None:
                continue
            step = sympy.cancel((second.M * second.N)[j].xreplace(dict(solution))
                                - ratio * (first.M * first.N)[i])  # fmt: skip
            if step == 0:
                found[name] = table.show(ratio * table.symbol("a", other))
                break
    return found

"""UpdateRule: the text of an optimizer, taken apart into what each parameter and each step needs.

    v' = beta*v + g; w' = w - lr*v'

`w` is the parameter, `g` its gradient, `t` the step, 1 on the first. A name assigned with a prime
is a state that starts at 0; one assigned without a prime is just an intermediate result. All other
names are hyper-parameters. What depends neither on `w` nor on `g` is a scalar, of which there is
one for all parameters that share the hyper-parameters: NAdam's product of momenta is such a state.

>>> rule = update_rule("v' = beta*v + g; w' = w - lr*v'")
>>> rule.hyper, rule.states
(('beta', 'lr'), ('v',))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sympy import Expr

from graphnet.errors import GraphnetError, did_you_mean
from graphnet.formula.formula import Equation, hole, normalize
from graphnet.formula.parse import parse_rule

if TYPE_CHECKING:
    from graphnet.ops.schedules import Schedule

__all__ = ["SettledRule", "UpdateRule", "fold", "settle", "update_rule"]

GIVEN = ("w", "g", "t")


def stem(name: str) -> str:
    """The name without its prime."""
    return name.removesuffix("'")


@dataclass(frozen=True)
class UpdateRule:
    """The equations in order, and what their names are."""

    text: str
    equations: tuple[Equation, ...]
    hyper: tuple[str, ...]
    states: tuple[str, ...]


@lru_cache(maxsize=256)
def update_rule(text: str) -> UpdateRule:
    """The rule of a text. Raises GraphnetError where it is no rule."""
    equations = parse_rule(text)
    assigned: list[str] = []
    for equation in equations:
        name = equation.name
        _check_assigned(name, assigned, text)
        if equation.formula.indices or equation.formula.target:
            raise GraphnetError(f"an update rule is pointwise, without indices: {equation}")
        assigned.append(name)
    if "w'" not in assigned:
        raise GraphnetError(f"the rule never says what w' is: {text}")
    hyper: list[str] = []
    for k, equation in enumerate(equations):
        for name in equation.operands:
            if name in assigned[:k] or name in GIVEN or name + "'" in assigned:
                continue
            if name in assigned[k:]:
                raise GraphnetError(f"{name} is read before it is assigned: {equation}")
            if name.endswith("'"):
                known = [a for a in assigned if a.endswith("'")]
                raise GraphnetError(f"{name} is never assigned{did_you_mean(name, known)}")
            hyper.append(name)
    states = tuple(stem(a) for a in assigned if a.endswith("'") and a != "w'")
    return UpdateRule(text, equations, tuple(dict.fromkeys(hyper)), states)


def _check_assigned(name: str, before: Iterable[str], text: str) -> None:
    if name in GIVEN or name in ("g'", "t'"):
        meaning = {"w": "the parameter", "g": "the gradient", "t": "the step"}[stem(name)]
        raise GraphnetError(
            f"{name} cannot be assigned, {stem(name)} is {meaning}; assign w' or another name: "
            + text
        )
    if stem(name) in map(stem, before):
        raise GraphnetError(f"{stem(name)} is assigned twice: {text}")


@dataclass(frozen=True)
class SettledRule:
    """A rule whose numbers are in its formulas.

    `schedules` are the hyper-parameters that are formulas of t. `scalar[name]` are the equations
    and schedules on which the scalar of that name rests: equal ones are one node.
    """

    equations: tuple[Equation, ...]
    schedules: Mapping[str, Schedule]
    scalar: Mapping[str, tuple[object, ...]]


@lru_cache(maxsize=1024)
def settle(
    rule: UpdateRule,
    numbers: tuple[tuple[str, Expr], ...],
    schedules: tuple[tuple[str, Schedule], ...] = (),
) -> SettledRule:
    """The rule with numbers for its hyper-parameters; equations that are numbers then vanish."""
    values = dict(numbers)
    equations: list[Equation] = []
    for equation in rule.equations:
        folded = fold(equation, values)
        if folded.operands or folded.name.endswith("'"):
            equations.append(folded)
        else:
            values[folded.name] = folded.formula.body
    return SettledRule(tuple(equations), dict(schedules), _scalars(equations, dict(schedules)))


def fold(equation: Equation, values: Mapping[str, Expr]) -> Equation:
    """The equation with numbers in the place of some operands."""
    f, names = equation.formula, equation.operands
    numbers = {
        hole(k): values[names[r.slot]] for k, r in enumerate(f.reads) if names[r.slot] in values
    }
    if not numbers:
        return equation
    try:
        f = normalize(replace(f, body=f.body.xreplace(numbers)))
    except GraphnetError as error:
        raise GraphnetError(f"{error} ({equation} with {dict(values)})") from None
    kept = f.slots
    f = f.with_slots({old: new for new, old in enumerate(kept)})
    return replace(equation, formula=f, operands=tuple(names[k] for k in kept))


def _scalars(
    equations: Iterable[Equation], schedules: Mapping[str, Schedule]
) -> dict[str, tuple[object, ...]]:
    """For every name without w and g behind it: all that it rests on, also through states."""
    defined = {stem(e.name): e for e in equations}
    reads = {name: sorted({stem(o) for o in e.operands}) for name, e in defined.items()}
    wide = {"w", "g"}
    while grown := {n for n, read in reads.items() if n not in wide and wide & set(read)}:
        wide |= grown
    result: dict[str, tuple[object, ...]] = {}
    for name in defined:
        if name in wide:
            continue
        reached, stack = {name: None}, [name]
        while stack:
            for other in reads.get(stack.pop(), ()):
                if other not in reached:
                    reached[other] = None
                    stack.append(other)
        result[name] = tuple((n, defined.get(n) or schedules.get(n)) for n in sorted(reached))
    return result

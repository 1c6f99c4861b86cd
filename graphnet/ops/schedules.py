"""Schedules: learning rates that are formulas of the step t, which is 1 on the first step.

A schedule stands wherever `lr` stands; the compiled step computes it in one line.

>>> import graphnet as gn
>>> lr = gn.schedules.warmup(0.1, 5, after=gn.schedules.cosine(0.1, 100))
>>> lr
warmup(0.1, 5, after=cosine(0.1, 100))
>>> [round(lr(t), 3) for t in (1, 5, 6, 55, 105, 1000)]
[0.02, 0.1, 0.1, 0.052, 0.0, 0.0]
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sympy import Expr, Rational

from graphnet.arguments import mapping, number, whole
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.formula import Equation
from graphnet.formula.parse import parse_rule
from graphnet.ops.update_rules import fold

__all__ = [
    "Schedule", "constant", "cosine", "exact", "exponential", "formula", "from_config", "linear",
    "step", "warmup",
]  # fmt: skip


def exact(value: float) -> Expr:
    """The rational number that the shortest spelling of a float means: 0.1 is 1/10."""
    return Rational(repr(value))


@lru_cache(maxsize=256)
def _equation(text: str) -> Equation:
    """`lr = text` over t alone."""
    equations = parse_rule(f"lr = {text}")
    (equation,) = equations if len(equations) == 1 else (None,)
    if equation is None or equation.formula.indices:
        raise GraphnetError(f"a schedule is one formula of t, not {told(text)}")
    for name in equation.operands:
        if name != "t":
            raise GraphnetError(f"a schedule is a formula of t, so it cannot read {name}: {text}")
    return equation


@dataclass(frozen=True)
class Schedule:
    """A number that depends on the step: `text` is its formula; calling it gives a float.

    `name` and `arguments` are what made it, for `repr` and checkpoints.
    """

    text: str
    name: str = "formula"
    arguments: tuple[tuple[str, Any], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise GraphnetTypeError(f"a schedule is a formula of t, not {told(self.text)}")
        _equation(self.text)

    @property
    def equation(self) -> Equation:
        return _equation(self.text)

    def __call__(self, t: float) -> float:
        """The value at step t >= 1."""
        t = number("t", t, 1)
        return float(fold(self.equation, {"t": exact(t)}).formula.body.evalf())

    def __repr__(self) -> str:
        given = dict(self.arguments) or {"text": self.text}
        shown, by_name = [], False
        for name, p in inspect.signature(SCHEDULES[self.name]).parameters.items():
            if p.default is not p.empty and given[name] == p.default:
                by_name = True  # one left out: the next must say its name
                continue
            by_name = by_name or isinstance(given[name], Schedule)
            shown.append(f"{name}={given[name]!r}" if by_name else repr(given[name]))
        return f"{self.name}({', '.join(shown)})"

    def config(self) -> dict[str, Any]:
        """What `from_config` rebuilds it from; JSON can hold it."""
        given = dict(self.arguments) or {"text": self.text}
        plain = {k: v.config() if isinstance(v, Schedule) else v for k, v in given.items()}
        return {"schedule": self.name, **plain}


def from_config(config: Mapping[str, Any]) -> Schedule:
    """The schedule of a `config()`."""
    config = mapping("a schedule", config, "its arguments by name")
    name = config.get("schedule")
    if not isinstance(name, str) or name not in SCHEDULES:
        near = did_you_mean(name, SCHEDULES)
        raise GraphnetError(f"there is no schedule {told(name)}{near}")
    arguments = {
        k: from_config(v) if isinstance(v, Mapping) else v
        for k, v in config.items()
        if k != "schedule"
    }
    try:
        return SCHEDULES[name](**arguments)
    except TypeError as error:
        raise GraphnetError(f"no {name} schedule: {error}") from None


def formula(text: str) -> Schedule:
    """One's own formula of t.

    >>> formula("0.1/(1 + 0.01*t)")(100)
    0.05
    """
    return Schedule(text)


def constant(lr: float) -> Schedule:
    """The same number at every step."""
    lr = number("lr", lr, 0)
    return Schedule(repr(lr), "constant", (("lr", lr),))


def step(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """lr times `factor` after each `every` steps (torch's StepLR).

    >>> [step(0.1, 10, 0.5)(t) for t in (1, 10, 11, 21)]
    [0.1, 0.1, 0.05, 0.025]
    """
    lr, every = number("lr", lr, 0), whole("every", every, 1)
    factor = number("factor", factor, 0)
    # Half a step off the multiples of `every`, where rounding cannot tip the floor.
    text = f"{lr!r}*{factor!r}**floor((t - 1/2)/{every})"
    return Schedule(text, "step", (("lr", lr), ("every", every), ("factor", factor)))


def exponential(lr: float, factor: float) -> Schedule:
    """lr*factor**(t - 1) (torch's ExponentialLR)."""
    lr, factor = number("lr", lr, 0), number("factor", factor, 0)
    text = f"{lr!r}*{factor!r}**(t - 1)"
    return Schedule(text, "exponential", (("lr", lr), ("factor", factor)))


def linear(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """A straight line from lr at step 1 to `final` at step steps + 1, and `final` from there on.

    >>> [linear(1.0, 4)(t) for t in (1, 2, 5, 9)]
    [1.0, 0.75, 0.0, 0.0]
    """
    lr, steps, final = number("lr", lr, 0), whole("steps", steps, 1), number("final", final, 0)
    text = f"{lr!r} + ({final!r} - {lr!r})*Min((t - 1)/{steps}, 1)"
    return Schedule(text, "linear", (("lr", lr), ("steps", steps), ("final", final)))


def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """Half a cosine wave from lr at step 1 down to `final` at step steps + 1, which it keeps.

    Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts.
    """
    lr, steps, final = number("lr", lr, 0), whole("steps", steps, 1), number("final", final, 0)
    text = f"{final!r} + ({lr!r} - {final!r})*(1 + cos(pi*Min((t - 1)/{steps}, 1)))/2"
    return Schedule(text, "cosine", (("lr", lr), ("steps", steps), ("final", final)))


def warmup(lr: float, steps: int, after: Schedule | None = None) -> Schedule:
    """From lr/steps at step 1 up to lr at step `steps`; then `after`, whose step 1 comes next.

    Without `after` the rate stays at lr. Goyal et al. 2017, section 2.2.
    """
    lr, steps = number("lr", lr, 0), whole("steps", steps, 1)
    if after is not None and not isinstance(after, Schedule):
        raise GraphnetTypeError(f"after must be a schedule, came {told(after)}")
    rest = repr(lr) if after is None else _shifted(after.text, steps)
    text = f"where(t <= {steps}, {lr!r}*t/{steps}, {rest})"
    return Schedule(text, "warmup", (("lr", lr), ("steps", steps), ("after", after)))


def _shifted(text: str, steps: int) -> str:
    """The formula with t - steps for t."""
    return re.sub(r"\bt\b", f"(t - {steps})", text)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant, "step": step, "exponential": exponential, "linear": linear,
    "cosine": cosine, "warmup": warmup, "formula": formula,
}  # fmt: skip

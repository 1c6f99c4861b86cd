"""Every rule says what is true: its two sides agree in balls wherever both are real.

A wrong row would be harmless, for forms are judged; but it would say something false in the source.
"""

from __future__ import annotations

import flint
import numpy as np
import pytest
import sympy
from flint import arb

from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.exprat import in_q
from graphnet.numerics.forms import evaluate
from graphnet.numerics.match import PATTERN, matches
from graphnet.numerics.polynomial import at_infinity, at_zero
from graphnet.numerics.records import read
from graphnet.numerics.rules import DEVICES, ROWS, rewritings
from graphnet.numerics.tape import tape
from graphnet.numerics.truth import ball

AT = [(2.5, 0.75, 0.5), (0.75, 2.5, -0.25), (3.0, 1.0, 2.0), (1.5, 0.5, 1.25), (0.3, 0.2, 0.1)]


def value(expr: sympy.Expr, numbers: tuple[float, ...]) -> arb | None:
    """The ball of an expression in a, b, u."""
    exact = {s: sympy.Rational(x) for s, x in zip(PATTERN.values(), numbers, strict=True)}
    expr = expr.xreplace(exact)
    if expr.has(sympy.I, sympy.nan, sympy.zoo):
        return None
    return ball(tape(expr + ARGUMENT, ARGUMENT), 0.0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_both_sides_of_a_rule_are_equal(row) -> None:
    compared = 0
    for numbers in AT:
        left, right = (value(side, numbers) for side in row)
        if left is not None and right is not None:
            flint.ctx.prec = 160
            assert left.overlaps(right), (numbers, left, right)
            compared += 1
    assert compared >= 1


CASES = [
    "1/(1 + exp(-x))", "log(1 + exp(x))", "x*tanh(log(1 + exp(x)))", "log(exp(x) - 1)", "1/cosh(x)",
    "1/(x + 1) - 1/x", "sqrt(x + 1) - sqrt(x)", "(1 - cos(x))/x**2", "sqrt(x**2 + 2*x + 2)",
    "log(x + 1) - log(x)", "x/(1 + x**2)", "exp(x**2)*(1 - erf(x))", "log(x*(1+x))",
    "(exp(x)-exp(-x))/(exp(x)+exp(-x))", "log(1 - exp(-x))", "atan(x + 1) - atan(x)",
]  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_what_rules_and_devices_make_is_equal(text: str) -> None:
    f = read(text)
    made = [*rewritings(f), *([in_q(f)] if in_q(f) is not None else [])]
    assert made
    # Laws of logarithms and roots hold where their parts are real; x = 3 is in all domains.
    for at in (3.0, 0.625):
        truth = ball(tape(f, ARGUMENT), at)
        for form in made:
            found = ball(tape(form, ARGUMENT), at)
            assert found is None or found.overlaps(truth), (form, at)
    assert len(DEVICES) == len(set(DEVICES))


@pytest.mark.parametrize(
    "text", ["log(1 + exp(x))", "tanh(x)", "x/(exp(x) - 1)", "log(cosh(x))", "tanh(4.71544 - x)"]
)
@pytest.mark.parametrize("at", [-800.0, -2.0, 0.5, 40.0, 900.0])
def test_in_q_nothing_is_above_one(text: str, at: float) -> None:
    """exp only of what is negative, so nothing overflows."""
    form = in_q(read(text))
    for part in form.atoms(sympy.exp):
        assert float(part.args[0].xreplace({ARGUMENT: sympy.Rational(at)})) <= 0
    flint.ctx.prec = 160
    assert ball(tape(form, ARGUMENT), at).overlaps(ball(tape(read(text), ARGUMENT), at))


@pytest.mark.parametrize(
    ("text", "power", "first"),
    [("sin(x)/x", 0, 1.0), ("x - tanh(x)", 3, 1 / 3), ("(1 - cos(x))/x", 1, 0.5)],
)
def test_the_polynomial_at_zero(text: str, power: int, first: float) -> None:
    form = at_zero(tape(read(text), ARGUMENT))
    series = form if power == 0 else form.args[1]
    assert float(series.args[1]) == pytest.approx(first, rel=1e-15)
    for at in (-0.3, -1e-8, 1e-200, 0.29):
        truth, found = (float(ball(tape(e, ARGUMENT), at)) for e in (read(text), form))
        assert found == pytest.approx(truth, rel=4e-16)


def test_no_polynomial_where_a_function_is_not_smooth() -> None:
    for text in ("sqrt(x)", "log(x)", "1/x", "exp(-1/x**2)"):
        assert at_zero(tape(read(text), ARGUMENT)) is None
    x = np.array([0.25, -0.25])
    form = at_zero(tape(read("Abs(x)"), ARGUMENT))  # smooth on one side, and right there
    np.testing.assert_array_equal(evaluate(form, x), [0.25, -0.25])


def test_the_series_far_out() -> None:
    form = at_infinity(tape(read("exp(x**2)*(1 - erf(x))"), ARGUMENT), 1)
    for at in (9.0, 50.0, 1e6, 1e12):
        truth = ball(tape(read("erfcx(x)"), ARGUMENT), at)
        found = ball(tape(form, ARGUMENT), at)
        assert float(found) == pytest.approx(float(truth), rel=1e-13)


def test_matching_in_any_order_and_with_a_rest() -> None:
    x, (_, b, u) = ARGUMENT, PATTERN.values()
    (found, rest), *_ = matches(sympy.exp(u) - 1, x + sympy.exp(2 * x) - 1)
    assert (found[u], rest) == (2 * x, x)
    assert not list(matches(sympy.exp(u) - 1, sympy.exp(x) + 1))
    pairs = [(f[b], f[u]) for f, _ in matches(b * sympy.exp(u), 3 * x * sympy.exp(x))]
    assert pairs == [(3 * x, x)]

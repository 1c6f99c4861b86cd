"""Makes and checks `catalogue.json`: functions that were searched once and for all.

    python -m graphnet.numerics.make_catalogue            writes the file
    python -m graphnet.numerics.make_catalogue --check    says whether a search finds the same

A row belongs to the text of what a function means; another spelling has another row.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sympy

from graphnet.errors import GraphnetError
from graphnet.formula.derive import slope as derivative
from graphnet.formula.derive import times as by_branches
from graphnet.formula.formula import hole
from graphnet.formula.functions import expm1
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.parts import held, is_simple, one_argument, parts
from graphnet.numerics.records import read, row, spelled

__all__ = ["FILE", "NAMED", "made"]

FILE = Path(__file__).with_name("catalogue.json")

# name, the ways in which it is written
NAMED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("sigmoid", ("1/(1 + exp(-x))", "exp(x)/(1 + exp(x))", "(1 + tanh(x/2))/2", "1/2 + tanh(x/2)/2",
                 "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))", "1 - 1/(1 + exp(x))",
                 "1 - exp(-x)/(1 + exp(-x))")),
    ("sigmoid_minus", ("1/(1 + exp(x))", "1 - 1/(1 + exp(-x))", "exp(-x)/(1 + exp(-x))",
                       "1 - exp(x)/(1 + exp(x))", "(1 - tanh(x/2))/2",
                       "1 - where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))")),
    ("log_sigmoid", ("log(1/(1 + exp(-x)))", "log(exp(x)/(1 + exp(x)))", "-log(1 + exp(-x))",
                     "x - log(1 + exp(x))", "log((1 + tanh(x/2))/2)", "-log1p(exp(-x))",
                     "log(where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x))))")),
    ("log_sigmoid_minus", ("log(1 - 1/(1 + exp(-x)))", "log(1/(1 + exp(x)))", "-log(1 + exp(x))",
                           "log(1 - exp(x)/(1 + exp(x)))", "-x - log(1 + exp(-x))",
                           "log1p(-where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x))))",
                           "log(1 - where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x))))")),
    ("softplus", ("log(1 + exp(x))", "log1p(exp(x))", "x + log(1 + exp(-x))",
                  "where(x > 0, x + log1p(exp(-x)), log1p(exp(x)))", "-log(1/(1 + exp(x)))",
                  "-log(1 - 1/(1 + exp(-x)))")),
    ("softplus_minus", ("log(1 + exp(-x))", "log1p(exp(-x))", "-log(1/(1 + exp(-x)))",
                        "-log(1 - 1/(1 + exp(x)))")),
    ("logistic_slope", ("exp(-x)/(1 + exp(-x))**2", "exp(x)/(1 + exp(x))**2",
                        "(1/(1 + exp(-x)))*(1 - 1/(1 + exp(-x)))")),
    ("odds", ("(1/(1 + exp(-x)))/(1 - 1/(1 + exp(-x)))",)),
    ("logit", ("log(x/(1 - x))", "log(x) - log(1 - x)", "log(x) - log1p(-x)")),
    ("tanh_alone", ("tanh(x)",)),
    ("tanh_by_exp", ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", "(exp(2*x) - 1)/(exp(2*x) + 1)",
                     "(1 - exp(-2*x))/(1 + exp(-2*x))", "2/(1 + exp(-2*x)) - 1",
                     "1 - 2/(exp(2*x) + 1)", "sinh(x)/cosh(x)")),
    ("sech", ("1/cosh(x)", "2/(exp(x) + exp(-x))")),
    ("sech_squared", ("1 - tanh(x)**2", "1/cosh(x)**2")),
    ("log_cosh", ("log(cosh(x))", "log((exp(x) + exp(-x))/2)", "x + log(1 + exp(-2*x)) - log(2)",
                  "x + log1p(exp(-2*x)) - log(2)")),
    ("silu", ("x/(1 + exp(-x))", "x*exp(x)/(1 + exp(x))",
              "where(x > 0, x/(1 + exp(-x)), x*exp(x)/(1 + exp(x)))")),
    ("mish", ("x*tanh(log(1 + exp(x)))", "x*tanh(log1p(exp(x)))",
              "x*tanh(where(x > 0, x + log1p(exp(-x)), log1p(exp(x))))")),
    ("gelu", ("x*(1 + erf(x/sqrt(2)))/2", "x*(1 - erf(-x/sqrt(2)))/2", "x*erfc(-x/sqrt(2))/2")),
    ("gelu_tanh", ("x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2",)),
    ("quick_gelu", ("x/(1 + exp(-1.702*x))",)),
    ("elu", ("where(x > 0, x, exp(x) - 1)", "where(x > 0, x, expm1(x))")),
    ("selu", ("where(x > 0, 1.0507009873554805*x, 1.0507009873554805*1.6732632423543772*(exp(x)"
              " - 1))",)),
    ("celu2", ("where(x > 0, x, 2*(exp(x/2) - 1))",)),
    ("softsign", ("x/(1 + Abs(x))",)),
    ("expm1_written", ("exp(x) - 1",)),
    ("one_minus_exp", ("1 - exp(-x)", "1 - exp(x)")),
    ("expm1_over_x", ("(exp(x) - 1)/x", "expm1(x)/x")),
    ("bose", ("1/(exp(x) - 1)", "1/expm1(x)")),
    ("bernoulli", ("x/(exp(x) - 1)", "x/expm1(x)")),
    ("log1p_written", ("log(1 + x)", "log(1 - x)")),
    ("log1p_over_x", ("log(1 + x)/x", "log1p(x)/x")),
    ("log1m_exp", ("log(1 - exp(-x))", "log(1 - exp(x))")),
    ("log_expm1", ("log(exp(x) - 1)", "log(expm1(x))")),
    ("x_log_x", ("x*log(x)", "-x*log(x)")),
    ("binary_entropy", ("-x*log(x) - (1 - x)*log(1 - x)",)),
    ("sinc", ("sin(x)/x",)),
    ("cosine_gap", ("(1 - cos(x))/x**2",)),
    ("versine", ("1 - cos(x)",)),
    ("normal_cdf", ("(1 + erf(x/sqrt(2)))/2", "1/2 + erf(x/sqrt(2))/2")),
    ("log_normal_cdf", ("log((1 + erf(x/sqrt(2)))/2)", "log(1/2 + erf(x/sqrt(2))/2)")),
    ("erfc_written", ("1 - erf(x)", "1 + erf(x)")),
    ("log_erfc_written", ("log(1 - erf(x))", "log(1 + erf(x))")),
    ("erfcx_written", ("exp(x**2)*(1 - erf(x))", "exp(x**2)*erfc(x)")),
    ("root_gap", ("sqrt(x + 1) - sqrt(x)",)),
    ("reciprocal_gap", ("1/(x + 1) - 1/x", "1/x - 1/(x + 1)")),
    ("log_gap", ("log(x + 1) - log(x)", "log((x + 1)/x)", "log(1 + 1/x)")),
    ("atan_gap", ("atan(x + 1) - atan(x)",)),
    ("hypot1", ("sqrt(1 + x**2)",)),
    ("pseudo_huber", ("sqrt(1 + x**2) - 1",)),
    ("x_over_hypot", ("x/sqrt(1 + x**2)",)),
    ("log1p_square", ("log(1 + x**2)", "log1p(x**2)")),
    ("asinh_written", ("log(x + sqrt(x**2 + 1))",)),
    ("atanh_written", ("log((1 + x)/(1 - x))/2",)),
    ("sine_gap", ("x - sin(x)",)),
    ("tanh_gap", ("x - tanh(x)",)),
    ("langevin", ("cosh(x)/sinh(x) - 1/x", "1/tanh(x) - 1/x")),
    ("focal_2", ("-(1 - 1/(1 + exp(-x)))**2*log(1/(1 + exp(-x)))",
                 "(1 - 1/(1 + exp(-x)))**2*log(1/(1 + exp(-x)))",
                 "(1 - 1/(1 + exp(x)))**2*log(1/(1 + exp(x)))",
                 "(1/(1 + exp(-x)))**2*log(1 - 1/(1 + exp(-x)))")),
    ("focal_of_sigmoid", (
        "(1 - where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x))))**2"
        "*log(where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x))))",
        "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))**2"
        "*log1p(-where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x))))",
    )),
    ("huber", ("where(Abs(x) <= 1, x**2/2, Abs(x) - 1/2)",)),
    ("hinge_squared", ("where(x < 1, (1 - x)**2, 0)",)),
    ("bce_logits_up", ("where(x > 0, log1p(exp(-x)), 0)",)),
    ("bce_logits_down", ("where(x > 0, 0, log1p(exp(x)))",)),
    ("sigmoid_squared", ("where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))**2",)),
    ("focal_p", ("(1 - x)**2*log(x)", "x**2*log(1 - x)", "x**2*log1p(-x)")),
    ("adam_root", ("1/(sqrt(x) + 1e-8)", "1/(1e-8 + sqrt(x))", "1/sqrt(x + 1e-5)",
                   "1/sqrt(x + 1e-6)", "1/(sqrt(x) + 1e-7)")),
)  # fmt: skip

# Functions in which a tensor was computed by a function of its own: outer function of a, inner.
STEPS: tuple[tuple[str, str], ...] = tuple(
    (outer, inner)
    for inner in ("1/(1 + exp(-x))", "exp(x)/(1 + exp(x))", "1/(1 + exp(x))",
                  "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))")
    for outer in ("log(a)", "log(1 - a)", "log1p(-a)", "1 - a", "x*a", "a*(1 - a)",
                  "(1 - a)**2*log(a)", "a**2*log(1 - a)", "a**2*log1p(-a)")
)  # fmt: skip


# What `gn.grad` writes for ops of the catalogue and `gn.function` then stabilizes.
DERIVED = (
    "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))", "x*(1 + erf(x/sqrt(2)))/2",
    "x/(1 + Abs(x))", "where(x > 0, x + log1p(exp(-x)), log1p(exp(x)))", "tanh(x)",
    "where(x > 0, x, expm1(x))",
    "where(x > 0, 1.0507009873554805*x, 1.0507009873554805*1.6732632423543772*expm1(x))",
    "where(x > 0, x/(1 + exp(-x)), x*exp(x)/(1 + exp(x)))", "log(1 + exp(x))", "1/(1 + exp(-x))",
    "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))**2",
)  # fmt: skip


def made() -> dict[str, Any]:
    """The catalogue, searched anew."""
    from graphnet.numerics.reuse import judged_reuse
    from graphnet.numerics.steps import judged_row

    rows: dict[str, Any] = {}
    for name, texts in NAMED:
        for k, text in enumerate(texts):
            own = name if k == 0 else f"{name}_{k + 1}"
            for n, h in enumerate(_functions(text)):
                key = spelled(h)
                if key not in rows and not is_simple(h):
                    rows[key] = row(h, own if n < 2 else f"{own}_d{n - 1}")
    for outer, inner in STEPS:
        part = _composed(outer, inner)
        rows[f"steps: {spelled(part)}"] = judged_row(part)
    for text in DERIVED:
        taken = one_argument(read(text))
        if taken is not None and taken[0].has(sympy.exp, expm1):
            rows[f"reuse: {spelled(taken[0])}"] = judged_reuse(taken[0])
    return rows


def _functions(text: str) -> Iterator[Any]:
    """The text itself, and what the stabilizer makes of it where it scales the argument."""
    h = read(text)
    yield h
    yield h if (found := one_argument(h)) is None else found[0]
    if text in DERIVED:
        upstream = hole(5)
        for _, slope, _ in parts(by_branches(upstream, derivative(h, ARGUMENT))):
            yield slope


def _composed(outer: str, inner: str) -> Any:
    from sympy import S

    from graphnet.numerics.records import VALUE

    return read(outer).xreplace({VALUE: held(S.Zero, read(inner))})


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    text = json.dumps(made(), indent=0, sort_keys=True) + "\n"
    if not check:
        FILE.write_text(text, encoding="utf-8")
        print(f"{FILE.name}: {len(json.loads(text))} rows")
        return 0
    same = FILE.read_text(encoding="utf-8") == text
    print("the catalogue is what a search finds" if same else "the catalogue is out of date")
    return 0 if same else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GraphnetError as error:
        sys.exit(str(error))

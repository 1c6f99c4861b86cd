"""The functions that are judged: family by family, and others drawn afterwards."""

from __future__ import annotations

__all__ = ["DRAWN", "TEXTBOOK"]

TEXTBOOK: dict[str, tuple[str, ...]] = {
    "logistic": (
        "1/(1 + exp(-x))", "exp(x)/(1 + exp(x))", "(1 + tanh(x/2))/2", "1 - 1/(1 + exp(-x))",
        "log(1/(1 + exp(-x)))", "log(1 - 1/(1 + exp(-x)))", "log(exp(x)/(1 + exp(x)))",
        "-log(1 + exp(-x))", "x - log(1 + exp(x))", "(1/(1 + exp(-x)))*(1 - 1/(1 + exp(-x)))",
        "(1/(1 + exp(-x)))/(1 - 1/(1 + exp(-x)))", "log(x/(1 - x))", "log(x) - log(1 - x)",
    ),
    "softplus": (
        "log(1 + exp(x))", "log(1 + exp(2*x))/2", "log(1 + exp(10*x))/10", "x + log(1 + exp(-x))",
        "log1p(exp(x))", "log(1 + exp(-x))", "log(log(1 + exp(x)))",
    ),
    "focal": (
        "-(1 - 1/(1 + exp(-x)))**2*log(1/(1 + exp(-x)))",
        "-(1/(1 + exp(-x)))**2*log(1 - 1/(1 + exp(-x)))",
        "-(1 - 1/(1 + exp(-x)))**3*log(1/(1 + exp(-x)))",
    ),
    "tanh": (
        "tanh(x)", "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "(exp(2*x) - 1)/(exp(2*x) + 1)",
        "2/(1 + exp(-2*x)) - 1", "sinh(x)/cosh(x)", "1 - tanh(x)**2", "1/cosh(x)", "1 - tanh(x)",
        "1 + tanh(x)", "x - tanh(x)", "log((1 + tanh(x))/2)",
    ),
    "gates": (
        "x/(1 + exp(-x))", "x*exp(x)/(1 + exp(x))", "x/(1 + exp(-1.702*x))",
        "x*tanh(log(1 + exp(x)))", "x*(1 + erf(x/sqrt(2)))/2",
        "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2",
    ),
    "log-cosh": ("log(cosh(x))", "log((exp(x) + exp(-x))/2)", "x + log(1 + exp(-2*x)) - log(2)"),
    "elu": (
        "where(x > 0, x, exp(x) - 1)",
        "where(x > 0, 1.0507009873554805*x, 1.0507009873554805*1.6732632423543772*(exp(x) - 1))",
        "where(x > 0, x, 2*(exp(x/2) - 1))", "where(x > 0, x, 0.5*(exp(2*x) - 1))",
    ),
    "exp and log": (
        "exp(x) - 1", "1 - exp(-x)", "(exp(x) - 1)/x", "log(1 + x)", "log(1 + x)/x",
        "log(1 - exp(-x))", "log(exp(x) - 1)", "1/(exp(x) - 1)", "x/(exp(x) - 1)",
        "(1 - exp(-x))/x", "exp(x)*exp(-x)*x", "log(exp(x))",
        "exp(-x**2/2)/(1 + exp(-x**2/2))", "log(1 + exp(-x**2))",
    ),
    "normal": (
        "(1 + erf(x/sqrt(2)))/2", "log((1 + erf(x/sqrt(2)))/2)", "1 - erf(x)", "log(1 - erf(x))",
        "exp(x**2)*(1 - erf(x))", "(1 - erf(x/sqrt(2)))/2", "exp(-x**2/2)/(1 + erf(x/sqrt(2)))",
        "log(1 + erf(x))",
    ),
    "x log x": (
        "x*log(x)", "-x*log(x)", "-x*log(x) - (1 - x)*log(1 - x)", "x*log(x) - x",
        "x**2*log(x)",
    ),
    "sinc": (
        "sin(x)/x", "(1 - cos(x))/x**2", "(1 - cos(x))/x", "(x - sin(x))/x**3", "1 - cos(x)",
        "tan(x)/x", "x - sin(x)", "sinh(x)/x", "tanh(x)/x", "atan(x)/x",
    ),
    "cancellation": (
        "sqrt(x + 1) - sqrt(x)", "1/(x + 1) - 1/x", "log(x + 1) - log(x)", "atan(x + 1) - atan(x)",
        "sqrt(1 + x) - 1", "1/x - 1/tanh(x)", "log((1 + x)/(1 - x))/2", "log(x + sqrt(x**2 + 1))",
        "sqrt(x**2 + 1) - x", "1 - 1/sqrt(1 + x**2)", "log(1 + 1/x)",
    ),
    "roots": (
        "sqrt(1 + x**2)", "sqrt(4 + x**2)", "sqrt(x**2 + 2*x + 2)", "x/sqrt(1 + x**2)",
        "1/sqrt(1 + x**2)", "sqrt(1 + x**2) - 1", "log(1 + x**2)", "x/(1 + Abs(x))",
        "sqrt(1 - cos(x))",
    ),
    "guarded": (
        "where(x > 0, sqrt(x), 0)", "where(x > 0, x*log(x), 0)", "where(x > 0, exp(-1/x), 0)",
        "where(x < 1, 0, sqrt(x - 1))", "where(x == 0, 1, sin(x)/x)",
        "where(x > 0, log(1 + exp(-x)), log(1 + exp(x)))",
    ),
}  # fmt: skip

# Written down after the rules were, and not tuned for.
DRAWN: tuple[str, ...] = (
    "exp(x)/(exp(x) + exp(-x))", "log(2 + exp(x))", "log(1 + exp(x) + exp(2*x))",
    "1/(1 + exp(-3*x))**2", "x**2/(exp(x) - 1)", "sqrt(1 + exp(x))", "log(3 + cosh(x))",
    "(1 - exp(-x**2))/x", "1 - sqrt(1 - exp(-x))", "tanh(x/2)/x", "x*exp(-x)/(1 - exp(-x))",
    "log(x**2 + x + 1)", "1/(sqrt(x) + sqrt(x + 2))", "sqrt(x**2 + 4*x + 5)", "x - log(1 + x)",
    "exp(-x) + x - 1", "cosh(x) - 1", "cosh(x) - cos(x)", "(tan(x) - x)/x**3", "log(1 + sin(x)**2)",
    "1/(1 + x**2)", "x/(1 + x**2)", "x**2/(1 + x**2)", "x/(1 + x**4)", "atan(1/x)",
    "log(1 + exp(-Abs(x)))", "exp(x)/(1 + exp(x))**2", "x*(1 - tanh(x))", "log(tanh(x))",
    "erf(x)/x", "x*exp(x**2)*(1 - erf(x))", "exp(-x**2) - 1", "log(1 + sqrt(x))",
    "sqrt(x**2 + x) - x", "(exp(x) - 1 - x)/x**2", "1 - x/sqrt(1 + x**2)",
    "asinh(x) - log(x)", "where(x > 1, log(x), (x - 1))", "sin(x)**2/x**2", "1/log(1 + exp(x))",
    "log(1 + exp(x))**2", "exp(-log(1 + exp(-x)))", "tanh(log(1 + x**2))", "1/(1 + exp(x**3))",
)  # fmt: skip

"""The catalogue: every elementary op is its forward formula, and nothing else.

A row is a name and a formula. Adding an op is adding a row: `gn.<name>` exists from then on, with
its operands in the order in which the formula names them, and sympy finds its gradient.

A formula without indices is pointwise and broadcasts as NumPy does. `...` stands for as many
leading axes as an operand has. Two formulas are separated by ";": the later reads the earlier.

Where a function has a good form on each side of 0 the formula selects: the side that is not chosen
is never touched, and unlike one form in Abs(x) the selection has all derivatives at 0.
"""

from __future__ import annotations

__all__ = ["FORMULAS"]

FORMULAS: dict[str, str] = {
    # Elementary functions.
    "exp": "exp(x)",
    "log": "log(x)",
    "log1p": "log1p(x)",
    "expm1": "expm1(x)",
    "sqrt": "sqrt(x)",
    "sin": "sin(x)",
    "cos": "cos(x)",
    "erf": "erf(x)",
    "abs": "Abs(x)",
    "sign": "sign(x)",
    "maximum": "Max(a, b)",
    "minimum": "Min(a, b)",
    "where": "where(c, a, b)",
    "stop_gradient": "x",
    # Products of arrays.
    "matmul": "Y[...,i,j] = Sum(A[...,i,k]*B[...,k,j], k)",
    "matvec": "Y[...,i] = Sum(A[...,i,k]*b[k], k)",
    "vecmat": "Y[...,j] = Sum(a[k]*B[...,k,j], k)",
    "dot": "Y = Sum(a[k]*b[k], k)",
    # Activations.
    "linear": "x",
    "relu": "where(x > 0, x, 0)",
    "leaky_relu": "where(x > 0, x, alpha*x)",
    "prelu": "where(x > 0, x, a*x)",
    "elu": "where(x > 0, x, alpha*expm1(x))",
    "selu": "where(x > 0, scale*x, scale*alpha*expm1(x))",
    "celu": "where(x > 0, x, alpha*expm1(x/alpha))",
    "sigmoid": "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))",
    "tanh": "tanh(x)",
    "softplus": "where(x > 0, x + log1p(exp(-x)), log1p(exp(x)))",
    "gelu": "x*(1 + erf(x/sqrt(2)))/2",
    "gelu_tanh": "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2",
    "silu": "where(x > 0, x/(1 + exp(-x)), x*exp(x)/(1 + exp(x)))",
    "mish": "x*tanh(where(x > 0, x + log1p(exp(-x)), log1p(exp(x))))",
    "hard_sigmoid": "where(x <= -3, 0, where(x >= 3, 1, x/6 + 1/2))",
    "softsign": "x/(1 + Abs(x))",
    "softmax": "L[...] = LogSumExp(x[...,k], k); Y[...,k] = expw(x[...,k], L[...])",
    "log_softmax": "L[...] = LogSumExp(x[...,k], k); Y[...,k] = x[...,k] - L[...]",
    # Losses, before they are weighted and reduced: p is the prediction, t the target.
    "mse": "(p - t)**2",
    "mae": "Abs(p - t)",
    "huber": "where(Abs(p - t) <= delta, (p - t)**2/2, delta*(Abs(p - t) - delta/2))",
    "hinge": "where(t*p < 1, 1 - t*p, 0)",
    "binary_cross_entropy": "-where(t == 0, 0, t*log(p)) - where(t == 1, 0, (1 - t)*log1p(-p))",
    "binary_cross_entropy_with_logits":
        "where(p > 0, (1 - t)*p + log1p(exp(-p)), -t*p + log1p(exp(p)))",
    "focal":
        "-where(t == 0, 0, alpha*t*(1 - p)**gamma*log(p))"
        " - where(t == 1, 0, (1 - alpha)*(1 - t)*p**gamma*log1p(-p))",
}  # fmt: skip

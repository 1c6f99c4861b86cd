"""The catalogue: every elementary op is its forward formula, and nothing else.

A row is a name and a formula. Adding an op is adding a row: `gn.<name>` exists from then on, with
its operands in the order in which the formula names them, and sympy finds its gradient.

A formula without indices is pointwise and broadcasts as NumPy does. `...` stands for as many
leading axes as an operand has. Two formulas are separated by ";": the later reads the earlier.

A formula is the textbook's. That 1/(1 + exp(-x)) or log(1 + exp(x)) overflows, and that 0*log(0)
is meant to be 0, is the stabilizer's to know (numerics/stabilize.py).
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
    "sigmoid": "1/(1 + exp(-x))",
    "tanh": "tanh(x)",
    "softplus": "log(1 + exp(x))",
    "gelu": "x*(1 + erf(x/sqrt(2)))/2",
    "gelu_tanh": "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2",
    "silu": "x/(1 + exp(-x))",
    "mish": "x*tanh(log(1 + exp(x)))",
    "hard_sigmoid": "where(x <= -3, 0, where(x >= 3, 1, x/6 + 1/2))",
    "softsign": "x/(1 + Abs(x))",
    "softmax": "L[...] = LogSumExp(x[...,k], k); Y[...,k] = expw(x[...,k], L[...])",
    "log_softmax": "L[...] = LogSumExp(x[...,k], k); Y[...,k] = x[...,k] - L[...]",
    # Losses, before they are weighted and reduced: p is the prediction, t the target.
    "mse": "(p - t)**2",
    "mae": "Abs(p - t)",
    "huber": "where(Abs(p - t) <= delta, (p - t)**2/2, delta*(Abs(p - t) - delta/2))",
    "hinge": "where(t*p < 1, 1 - t*p, 0)",
    "binary_cross_entropy": "-t*log(p) - (1 - t)*log(1 - p)",
    "binary_cross_entropy_with_logits": "log(1 + exp(p)) - t*p",
    "focal":
        "-alpha*t*(1 - p)**gamma*log(p) - (1 - alpha)*(1 - t)*p**gamma*log(1 - p)",
}  # fmt: skip

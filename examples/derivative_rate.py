"""A derivative is a rate: the change f(x + eps) - f(x) against f'(x)*eps; the chain; the mean.

python examples/derivative_rate.py
"""

import numpy as np

import graphnet as gn

x, eps = gn.input("x", ()), gn.input("eps", ())
for text in ("x", "x**2", "x**3", "exp(x)"):
    f = gn.op(text)
    slope = gn.grad(f(x), x)
    rest = f(x + eps) - f(x) - slope * eps
    value = gn.function([x, eps], [f(x + eps) - f(x), slope * eps, rest], dtype="float64")
    change, predicted, off = value(1.5, 0.01)
    off = abs(off) if abs(off) > 1e-15 else 0.0  # what is left of x is rounding
    print(f"f = {text:7} change {change:.8f}   f'(x)*eps {predicted:.8f}   off by {off:.1e}")

# The remainder, exactly: 0 for x, eps**2 for x**2.
for text, remainder in (("x", "0*eps"), ("x**2", "eps**2")):
    f = gn.op(text)
    off = f(x + eps) - f(x) - gn.grad(f(x), x) * eps
    print(f"f = {text:5} off by {remainder}:", gn.equivalent(off, gn.formula(remainder, eps=eps)))

# The chain rule on h(g(f(x))): the slopes along the chain are multiplied.
a = gn.formula("x**2", x=x).rename("a")
b = gn.formula("sin(a)", a=a).rename("b")
c = gn.formula("exp(b)", b=b).rename("c")
parts = [gn.grad(a, x), gn.grad(b, a), gn.grad(c, b), gn.grad(c, x)]
f1, g1, h1, whole = gn.function(x, parts, dtype="float64")(0.8)
print(f"chain: {f1:.4f} * {g1:.4f} * {h1:.4f} = {f1 * g1 * h1:.6f}, derived at once {whole:.6f}")

# The gradient of a mean is the mean of the gradients of the samples.
X, t, w = gn.input("X", ("batch", 3)), gn.input("t", ("batch",)), gn.parameter("w", (3,))
errors = (gn.tanh(X @ w) - t) ** 2
rng = np.random.default_rng(0)
rows, labels = rng.normal(size=(5, 3)), rng.normal(size=5)
slope = gn.function([X, t], gn.grad(gn.mean(errors), w), dtype="float64")
one_by_one = [slope(rows[k : k + 1], labels[k : k + 1]) for k in range(5)]
print("of the mean:      ", np.round(slope(rows, labels), 6))
print("mean of the five: ", np.round(np.mean(one_by_one, axis=0), 6))

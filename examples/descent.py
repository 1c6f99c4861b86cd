"""Descent on f(x) = x**2 from 2 and -2, with a rate that is too small, right and too large.

python examples/descent.py
"""

import graphnet as gn


def f(x):
    return x**2


x = gn.input("x", ())
print("slope:", gn.unfold(gn.grad(f(x), x)).formula())
print("one step with rate lr: x - lr*2*x = (1 - 2*lr)*x, so x shrinks where |1 - 2*lr| < 1\n")
for lr in (0.01, 0.1, 0.5, 0.9, 1.0, 1.1):
    for start in (2.0, -2.0):
        points = gn.descend(f, gn.SGD(lr=lr), start, 20)
        shown = " ".join(f"{p:8.4f}" for p in points[:5])
        print(f"rate {lr:4}  from {start:4}: {shown} ... after 20 steps {points[-1]:9.4f}")

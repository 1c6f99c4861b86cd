"""Softmax of the scores 0.1, 10, 0.1 step by step, and its gradient with two losses.

python examples/softmax_steps.py
"""

import numpy as np

import graphnet as gn

z = gn.input("z", (3,))
e = gn.formula("e[k] = exp(z[k])", z=z, name="e")
s = gn.formula("s = Sum(e[k], k)", e=e, name="s")
p = gn.formula("p[k] = e[k]/s", e=e, s=s, name="p")
print(gn.work(p, {"z": np.array([0.1, 10.0, 0.1])}))

# The class is 0, and the network is sure that it is 1: how hard does each loss pull on the scores?
y = gn.input("y", (3,))
cross_entropy = gn.formula("-Sum(y[k]*log(p[k]), k)", y=y, p=gn.softmax(z))
squared = gn.formula("Sum((y[k] - p[k])**2, k)", y=y, p=gn.softmax(z))
f = gn.function([z, y], [gn.grad(cross_entropy, z), gn.grad(squared, z)], dtype="float64")
for scores in ([0.1, 10.0, 0.1], [0.1, 2.0, 0.1], [3.0, 0.1, 0.1]):
    for name, slope in zip(("cross entropy", "squared error"), f(scores, [1.0, 0.0, 0.0])):
        print(
            f"scores {scores}  d {name}: {np.array2string(slope, precision=5, suppress_small=True)}"
        )

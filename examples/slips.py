"""Slips that circulate in introductory texts: each beside what the derivation gives.

python examples/slips.py
"""

import numpy as np

import graphnet as gn

p, t, z = (gn.input(name, ()) for name in ("p", "t", "z"))


def at(value, inputs, numbers, stabilize=True):
    """The value of a tensor at some numbers, in float64."""
    with np.errstate(all="ignore"):
        f = gn.function(inputs, value, dtype="float64", stabilize=stabilize)
        return np.asarray(f(*numbers)).tolist()


print("1 'loss = actual - predicted': the slope along the prediction p, for t = 1")
half = (p - t) ** 2 / 2
for name, loss in {"t - p": t - p, "(p - t)**2/2": half}.items():
    slopes = [at(gn.grad(loss, p), [p, t], (value, 1)) for value in (0, 1, 2)]
    print(f"  {name:14} at p = 0, 1, 2: {slopes}")

print("2 'the slope of the sigmoid is z*(1 - z)'")
slope, a = "exp(-z)/(1 + exp(-z))**2", "1/(1 + exp(-z))"
print("  z*(1 - z):", gn.equivalent(slope, "z*(1 - z)"))
print("  a*(1 - a):", gn.equivalent(slope, f"({a})*(1 - {a})"))

print("3 'softmax is exp(x)/sum(exp(x))', typed as it stands, for the scores 1000, 999, 0")
x = gn.input("x", (3,))
P = gn.exp(x) / gn.sum(gn.exp(x))
for stabilize in (False, True):
    name = "rewritten" if stabilize else "as typed"
    print(f"  {name:10} {np.round(at(P, [x], [[1000, 999, 0]], stabilize), 4)}")

print("4 '-(t*log(a) + (1 - t)*log(1 - a))', typed as it stands, at z = 800 for t = 0")
s = 1 / (1 + gn.exp(-z))
loss = -(t * gn.log(s) + (1 - t) * gn.log(1 - s))
for stabilize in (False, True):
    name = "rewritten" if stabilize else "as typed"
    both = [loss, gn.grad(loss, z, stabilize=stabilize)]
    value, derivative = (at(one, [z, t], (800, 0), stabilize) for one in both)
    print(f"  {name:10} loss {value}, slope {derivative}")

print("5 'the loss is the sum over the batch': the gradient for 1, 10 and 100 equal samples")
w, xs = gn.parameter("w", (), init="ones"), gn.input("xs", ("n",))
for name, total in {"sum": gn.sum((w * xs) ** 2), "mean": gn.mean((w * xs) ** 2)}.items():
    slopes = [at(gn.grad(total, w), [xs], [np.ones(n)]) for n in (1, 10, 100)]
    print(f"  {name:5} {np.round(slopes, 9)}")

print("6 'softmax at the output, then cross_entropy': softmax twice, for a sure and right answer")
scores, ids = gn.input("scores", ("n", 3)), gn.input("ids", ("n",), dtype="int")
for name, given in {"softmax twice": gn.softmax(scores), "scores": scores}.items():
    value = at(gn.cross_entropy(given, ids), [scores, ids], ([[50.0, 0, 0]], [0]))
    print(f"  {name:14} loss {value:.4f}")

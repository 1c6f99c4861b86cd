"""A recurrence from the inside: one unit, three steps, forward and back, number by number.

python examples/recurrent.py
"""

from math import tanh

import graphnet as gn

x, target = gn.input("x", ("time",)), gn.input("target", ())
w, u = gn.parameter("w", ()), gn.parameter("u", ())


def step(h, x):
    """The new state, of the input and the state before; it is also what a step gives out."""
    a = gn.formula("w*x + u*h", w=w, x=x, u=u, h=h, name="a")
    return gn.tanh(a), None


_, last = gn.scan(step, gn.constant(0.0), x)
loss = gn.formula("(h - target)**2", h=last.rename("h_T"), target=target, name="loss")
given = {"x": [1.0, 0.5, -1.0], "target": 1.0, "w": 0.5, "u": 0.8}


def by_hand(x, target, w, u):
    """d loss/du as it is written on a blackboard: forward, and back with delta."""
    h = [0.0]
    for value in x:
        h.append(tanh(w * value + u * h[-1]))
    delta, slope = 2 * (h[-1] - target), 0.0
    for t in reversed(range(len(x))):
        delta = delta * (1 - h[t + 1] ** 2)  # through tanh
        slope += delta * h[t]
        delta = delta * u  # to the step before
    return slope


if __name__ == "__main__":
    print(gn.unfold(last, {"time": 3}).formula(), end="\n\n")
    print(gn.explain(loss, u), end="\n\n")
    work = gn.work([loss, gn.grad(loss, u)], given)
    print(work, end="\n\n")
    found = work.of("d_u")[0].value
    print(f"d_u is {found:.12f}, by hand {by_hand(**given):.12f}")

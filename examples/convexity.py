"""One sigmoid neuron: cross entropy has one valley, squared error does not.

python examples/convexity.py
"""

import numpy as np

import graphnet as gn

w, x, t = gn.parameter("w", (), init=0.0), gn.input("x", ()), gn.input("t", ())
losses = {
    "cross entropy": gn.binary_cross_entropy_with_logits(w * x, t),
    "squared error": (gn.sigmoid(w * x) - t) ** 2,
    "squared error of tanh": (gn.tanh(w * x) - t) ** 2,
}

# The curvature along w is the second derivative; graphnet derives it twice.
curvature = {name: gn.grad(gn.grad(loss, w), w) for name, loss in losses.items()}
w_axis = np.linspace(-8, 8, 161)
for name, second in curvature.items():
    f = gn.function([x, t], second, dtype="float64", parameters={"w": 0.0})
    values = []
    for value in w_axis:
        f.parameters["w"] = value
        values.append(f(1.0, 1.0))
    least = int(np.argmin(values))
    print(f"{name:22} smallest curvature {values[least]:9.5f} at w = {w_axis[least]:5.2f}")

# For cross entropy it is x**2 * a * (1 - a), never below 0: proved, for either label.
s = "1/(1 + exp(-w*x))"
for label in (0, 1):
    loss = gn.binary_cross_entropy_with_logits(w * x, float(label))
    second = gn.grad(gn.grad(loss, w, stabilize=False), w, stabilize=False)
    form = gn.formula(f"x**2*({s})*(1 - {s})", w=w, x=x)
    print(f"label {label}: curvature = x**2*a*(1 - a): {gn.equivalent(second, form)}")

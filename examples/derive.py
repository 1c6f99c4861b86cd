"""Derive gradients symbolically: an op from text, its adjoint, and a second derivative.

python examples/derive.py
"""

import numpy as np

import graphnet as gn

z = gn.input("z", (3,))
swish = gn.op("z/(1 + exp(-z))")
y = gn.sum(swish(z))

slope = gn.grad(y, z, stabilize=False)  # as it is derived on paper
curve = gn.grad(gn.sum(slope), z, stabilize=False)
print("slope    ", slope)
print("curvature", curve)

f = gn.function([z], [slope, curve], dtype="float64")
points = np.array([-1.0, 0.0, 2.0])
s, c = f(points)
print("at       ", points)
print("slope    ", s.round(6))
print("curvature", c.round(6))
print(f.source[f.source.index("def forward") :])

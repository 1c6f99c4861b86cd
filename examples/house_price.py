"""A house's price from its area: one linear neuron, by descent and by the normal equations.

python examples/house_price.py
"""

import numpy as np

import graphnet as gn
from graphnet.training.examples import example

area, price, _, _ = example("house").load()  # 100 square metres, 1000 dollars

x, t = gn.input("x", ("batch", 1)), gn.input("t", ("batch",))
w, b = gn.parameter("w", (1,), init="zeros"), gn.parameter("b", (), init="zeros")
a = gn.formula("a[n] = Sum(x[n,i]*w[i], i) + b", x=x, w=w, b=b, name="a")
loss = gn.formula("loss = Sum((a[n] - t[n])**2/size(n), n)", a=a, t=t, name="loss")

step = gn.training_step([x, t], loss, gn.SGD(lr=0.2), dtype="float64")
for name in ("a", "loss", "d_a", "d_w", "d_b", "w_new", "b_new"):
    print(step.network.show(name))

for k in range(401):
    value = step(area, price)
    if k in (0, 1, 10, 100, 400):
        w_now, b_now = step.parameters["w"][0], float(step.parameters["b"])
        print(f"step {k:3}  loss {value:8.1f}  price = {w_now:6.2f} * area + {b_now:6.2f}")

ones = np.column_stack([area, np.ones(len(area))])
best = np.linalg.solve(ones.T @ ones, ones.T @ price)  # (A^T A) w = A^T t
print(f"normal equations       price = {best[0]:6.2f} * area + {best[1]:6.2f}")
print(f"150 square metres: {best @ [1.5, 1]:.0f} thousand dollars")

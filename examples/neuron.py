"""One linear neuron on real data: forward, loss, backward and update, each as its formula.

python examples/neuron.py
"""

import numpy as np
from sklearn.datasets import load_diabetes

import graphnet as gn

X, y = load_diabetes(return_X_y=True)
X, y = X / X.std(axis=0), (y - y.mean()) / y.std()

x = gn.input("x", ("batch", 10))
t = gn.input("t", ("batch",))
w = gn.parameter("w", (10,), init="zeros")
b = gn.parameter("b", (), init="zeros")
a = gn.formula("a[n] = Sum(x[n,i]*w[i], i) + b", x=x, w=w, b=b, name="a")
loss = gn.formula("loss = Sum((a[n] - t[n])**2/size(n), n)", a=a, t=t, name="loss")

step = gn.training_step([x, t], loss, gn.SGD(lr=0.1), outputs=[a])
for name in step.network.nodes:
    if step.network.node(name).kind == "computed":
        print(f"{step.network.stage(name):9}", step.network.show(name))

for _ in range(200):
    value, prediction = step(X, y)
print(f"\nloss after 200 steps of descent   {value:.4f}")
ones = np.column_stack([X, np.ones(len(X))])
best = np.linalg.lstsq(ones, y, rcond=None)[0]
print(f"loss of the normal equations      {np.mean((ones @ best - y) ** 2):.4f}")

"""Four ideas that made neural networks learn, each as its formula: 1958, 1960, 1986, 1997.

python examples/history.py
"""

import numpy as np

import graphnet as gn

OR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 1])
XOR = OR[0], np.array([0.0, 1, 1, 0])


def trained(rule, data, rounds, threshold=0.0):
    """The rule's updates, sample after sample; how many of the four it then answers rightly."""
    x, t = gn.input("x", (2,)), gn.input("t", ())
    w, b = gn.parameter("w", (2,), init="zeros"), gn.parameter("b", (), init="zeros")
    s = gn.formula("s = Sum(w[i]*x[i], i)", w=w, x=x) + b
    error = rule(s, t)
    updates = {w: w + error * x, b: b + error}
    step = gn.function([x, t], error, updates=updates, dtype="float64")
    for _ in range(rounds):
        for row, target in zip(*data):
            step(row, target)
    weights, bias = step.parameters["w"], step.parameters["b"]
    right = np.sum((data[0] @ weights + bias > threshold) == data[1])
    return f"{right} of 4 right, w = {np.round(weights, 2)}"


def perceptron(s, t):
    """Rosenblatt: the mistake of the threshold unit, -1, 0 or 1."""
    return gn.formula("error = t - where(s > 0, 1, 0)", s=s, t=t)


def lms(s, t):
    """Widrow and Hoff: the error before the threshold; it is minus the slope of (t - s)**2/2."""
    return 0.05 * (t - s)


print("1958 perceptron rule: w' = w + (t - step(s))*x")
print("  OR: ", trained(perceptron, OR, 20))
print("  XOR:", trained(perceptron, XOR, 20))
print("1960 Widrow-Hoff, LMS: w' = w + lr*(t - s)*x")
print("  OR: ", trained(lms, OR, 400, threshold=0.5))
s, t = gn.input("s", ()), gn.input("t", ())
print("  t - s is minus the slope of (t - s)**2/2:", end=" ")
print(gn.equivalent(-gn.grad((t - s) ** 2 / 2, s), t - s))

print("1986 back-propagation: the error of a hidden unit comes from those behind it")
A, W, v = gn.input("A", ("n", 2)), gn.parameter("W", (2, 2)), gn.parameter("v", (2,))
H = gn.formula("H[n,j] = tanh(Sum(A[n,i]*W[i,j], i))", A=A, W=W, name="H")
out = gn.formula("out[n] = Sum(H[n,j]*v[j], j)", H=H, v=v, name="out")
y = gn.input("y", ("n",))
loss = gn.formula("loss = Sum((out[n] - y[n])**2, n)/2", out=out, y=y, name="loss")
for tensor in (out, H, W):
    print("  ", gn.grad(loss, tensor))

print("1997 LSTM: the slope of the cell's state along the state before it is the forget gate")
c, f, i, g = (gn.input(name, ()) for name in ("c", "f", "i", "g"))
new = gn.formula("c_new = f*c + i*g", c=c, f=f, i=i, g=g, name="c_new")
print("  ", gn.grad(new, c))
gates = {"1997, no gate: f = 1": 1.0, "f = 0.9": 0.9, "a sigmoid's largest slope": 0.25}
for name, factor in gates.items():
    print(f"   {name:25} after 100 steps: {factor**100:.1e}")

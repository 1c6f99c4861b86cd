"""The 2-2-1 network with six weights as one explicit formula, and its mean squared loss.

python examples/explicit_formula.py
"""

import graphnet as gn

x, y = gn.input("x", ("batch", 2)), gn.input("y", ("batch", 1))
U, V = gn.parameter("U", (2, 2)), gn.parameter("V", (2, 1))  # six weights, no bias
h = gn.relu((x @ U).rename("z")).rename("h")
prediction = gn.sigmoid((h @ V).rename("s")).rename("p")
loss = gn.mse(prediction, y).rename("L")

net = gn.unfold(prediction)
print("neuron by neuron (superscript: neuron, subscript: input)")
for tensor in ("z", "h", "s", "p"):
    for line in net.lines(tensor, "unicode"):
        print("  ", line)

print("\nthe whole network as one formula")
print("  ", net.formula(style="unicode"))

print("\nits mean squared loss over two samples, with p, and with the formula put in")
two = gn.unfold(loss, {"batch": 2})
print("  ", two.formula(keep=["p"], style="unicode"))
print("  ", gn.unfold(loss).formula(style="unicode"))

print("\nthe slope along one weight, by the chain rule")
slope = gn.unfold(gn.grad(loss, U, stabilize=False))
print("  ", slope.formula("d_U", (0, 1), keep=["d_h", "z"], style="unicode"))
print("  ", slope.formula("d_h", (0, 1), keep=["d_s"], style="unicode"))

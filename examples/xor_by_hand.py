"""The 2-3-1 XOR network worked by hand: bias units, identity units, all weights 1, rate 0.1.

python examples/xor_by_hand.py
"""

import numpy as np

import graphnet as gn

X = gn.input("X", ("batch", 3))  # X0 = 1 is the bias unit
t = gn.input("t", ("batch",))
W, V = gn.parameter("W", (3, 3), init="ones"), gn.parameter("V", (4,), init="ones")
Z = gn.formula("Z[n,j] = Sum(X[n,i]*W[i,j], i)", X=X, W=W, name="Z")
H = gn.formula("H[n,j] = where(j == 0, 1, Z[n,j-1]), j < 4", Z=Z, name="H")  # Z0 = 1
D = gn.formula("D[n] = Sum(H[n,j]*V[j], j)", H=H, V=V, name="D")

sample, label = np.array([[1.0, 0.0, 0.0]]), np.array([0.0])  # the input (0, 0), XOR says 0
print("-- forward, unit by unit")
print(gn.work(D, {"X": sample, "W": np.ones((3, 3)), "V": np.ones(4)}, most=4))

predict = gn.function(X, D, dtype="float64", parameters={"W": np.ones((3, 3)), "V": np.ones(4)})


def step_along(title, upstream):
    """One step w - 0.1*g, with g the gradient for this delta of D."""
    slopes = gn.grad(D, [W, V], upstream=upstream)
    updates = {w: w - 0.1 * g for w, g in zip([W, V], slopes)}
    step = gn.function([X, t], [D], updates=updates, dtype="float64", parameters=predict.parameters)
    predict.reset()
    before = step(sample, label)[0]
    print(f"\n-- {title}: delta = {float(gn.function([X, t], upstream)(sample, label)[0]):g}")
    print(
        "weights from X0 to Z:", predict.parameters["W"][0], " from X1:", predict.parameters["W"][1]
    )
    print("weights from Z to D: ", predict.parameters["V"])
    print(f"D goes from {before[0]:g} to {predict(sample)[0]:g}; it should be 0")


step_along("as it circulates, 'loss = actual - predicted'", t - D)
half = gn.formula("half = Sum((D[n] - t[n])**2, n)/2", D=D, t=t)
step_along("derived from half the squared error", gn.grad(half, D))

print("\n-- the logistic cost at a prediction of 4")
a = gn.input("a", ())
cost = gn.function(a, -gn.log(1 - a), dtype="float64")
print(f"-log(1 - 0.5) = {cost(0.5):.4f},  -log(1 - 4) = {cost(4.0)}")

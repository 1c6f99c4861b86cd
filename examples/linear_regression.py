"""Linear regression: ten measurements of a patient -> how far the diabetes went in a year.

python examples/linear_regression.py
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import graphnet as gn

MEANINGS = "age, sex, body mass, blood pressure, cholesterol, LDL, HDL, ratio, log lipids, sugar"
NAMES = MEANINGS.split(", ")

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
X_train, X_test = (X_train - mean) / deviation, (X_test - mean) / deviation

x, t = gn.input("x", ("batch", 10)), gn.input("t", ("batch",))
w, b = gn.parameter("w", (10,), init="zeros"), gn.parameter("b", (), init="zeros")
z = gn.formula("z[n] = Sum(x[n,i]*w[i], i) + b", x=x, w=w, b=b, name="z")
loss = gn.formula("loss = Sum((z[n] - t[n])**2/size(n), n)", z=z, t=t, name="loss")

step = gn.training_step([x, t], loss, gn.SGD(lr=0.2), dtype="float64", style="plain")
predict = gn.function(x, z, parameters=step.parameters, dtype="float64")


def explained(X: np.ndarray, y: np.ndarray) -> float:
    """R squared: the share of the variance that the prediction explains."""
    return float(1 - np.mean((predict(X) - y) ** 2) / np.var(y))


if __name__ == "__main__":
    print(f"{len(X_train)} patients to learn from, {len(X_test)} held back")
    for number in range(3001):
        value = step(X_train, y_train)
        if number in (0, 10, 100, 1000, 3000):
            print(f"step {number:4}  mean squared error {value:9.2f}")

    # The minimum itself: the slope is 0 where A.T @ A @ v = A.T @ y (the normal equations).
    A = np.column_stack([X_train, np.ones(len(X_train))])
    exact = np.linalg.solve(A.T @ A, A.T @ y_train)
    print(f"the minimum     {np.mean((A @ exact - y_train) ** 2):20.2f}\n")
    print("                    descent   normal equations")
    for name, found, best in zip(
        [*NAMES, "b"], [*step.parameters["w"], step.parameters["b"]], exact
    ):
        print(f"{name:16}{found:11.2f}{best:19.2f}")
    print(f"\nexplained: {explained(X_train, y_train):.1%} of the variance in training, ", end="")
    print(f"{explained(X_test, y_test):.1%} of new patients'")

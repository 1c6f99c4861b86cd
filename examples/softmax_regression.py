"""Softmax regression on iris: 4 lengths of a flower -> 3 scores -> 3 probabilities -> a species.

python examples/softmax_regression.py
"""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

import graphnet as gn

iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(
    iris.data, iris.target, test_size=0.3, random_state=0, stratify=iris.target
)
mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
X_train, X_test = (X_train - mean) / deviation, (X_test - mean) / deviation

# Linear scores, softmax and cross entropy as in the textbook, in three formulas.
x, y = gn.input("x", ("batch", 4)), gn.input("y", ("batch",), dtype="int")
W, b = gn.parameter("W", (4, 3), init="zeros"), gn.parameter("b", (3,), init="zeros")
z = gn.formula("z[n,k] = Sum(x[n,i]*W[i,k], i) + b[k]", x=x, W=W, b=b, name="z")
p = gn.formula("p[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", z=z, name="p")
loss = gn.formula("loss = -Sum(log(p[n,y[n]])/size(n), n)", p=p, y=y, name="loss")

step = gn.training_step([x, y], loss, gn.SGD(lr=1.0), dtype="float64", style="plain")
classify = gn.function(x, gn.argmax(p, axis=1), parameters=step.parameters, dtype="float64")

if __name__ == "__main__":
    print(f"{len(X_train)} flowers to learn from, {len(X_test)} held back")
    for number in range(201):  # the whole training set in every step
        value = step(X_train, y_train)
        if number % 50 == 0:
            right = np.mean(classify(X_train) == y_train), np.mean(classify(X_test) == y_test)
            print(f"step {number:3}  loss {value:.4f}  ", end="")
            print(f"right: {right[0]:.1%} of training, {right[1]:.1%} of test")
    print("\nweights       " + "".join(f"{name:>12}" for name in iris.target_names))
    for name, row in zip(iris.feature_names, step.parameters["W"]):
        print(f"{name[:-5]:14}" + "".join(f"{w:12.2f}" for w in row))

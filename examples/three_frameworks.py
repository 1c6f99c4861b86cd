"""The same digits network in graphnet, PyTorch and Keras: the same weights, the same batches.

python examples/three_frameworks.py     # needs torch; keras is used where it is installed
"""

import importlib.util
import os

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
EPOCHS, BATCH, RATE = 5, 32, 0.1
orders = [np.random.default_rng(e).permutation(len(X)) for e in range(EPOCHS)]
batches = [order[k : k + BATCH] for order in orders for k in range(0, len(X), BATCH)]


def in_graphnet():
    model = gn.Sequential([gn.Input(64), gn.Dense(32, activation="relu"), gn.Dense(10)])
    model.compile(gn.SGD(lr=RATE, momentum=0.9), "cross_entropy", dtype="float64")
    first = {name: array.copy() for name, array in model.parameters.items()}
    losses = [model.step(X[rows], y[rows])[0] for rows in batches]
    return first, losses, model.predict(X_test)


def in_torch(first):
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    model.double()
    with torch.no_grad():  # torch keeps its matrices as (out, in)
        for layer, k in ((model[0], 1), (model[2], 2)):
            layer.weight.copy_(torch.from_numpy(first[f"W{k}"].T))
            layer.bias.copy_(torch.from_numpy(first[f"b{k}"]))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    losses = []
    for rows in batches:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            model(torch.tensor(X[rows])), torch.tensor(y[rows])
        )
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, model(torch.tensor(X_test)).detach().numpy()


def in_keras(first):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.config.set_floatx("float64")
    layers = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((64,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE, momentum=0.9), loss)
    model.set_weights([first[name] for name in ("W1", "b1", "W2", "b2")])
    losses = [float(model.train_on_batch(X[rows], y[rows])) for rows in batches]
    return losses, model.predict(X_test, verbose=0)


if __name__ == "__main__":
    first, losses, scores = in_graphnet()
    print(f"graphnet: first loss {losses[0]:.6f}, last loss {losses[-1]:.6f}, ", end="")
    print(f"right {np.mean(scores.argmax(axis=1) == y_test):.1%}")
    others = {"torch": in_torch}
    if importlib.util.find_spec("keras"):
        others["keras"] = in_keras
    for name, run in others.items():
        found, answer = run(first)
        print(f"{name:8}: scores differ by at most {np.abs(answer - scores).max():.1e}", end="")
        if name == "torch":
            print(f", losses by {np.abs(np.subtract(found, losses)).max():.1e}", end="")
        print(f" after {len(batches)} steps")

"""A genetic algorithm on the compiled forward pass: XOR from ten seeds, and the digits.

python examples/genetic.py
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

short = "--short" in sys.argv
X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
solved = 0
for seed in range(10):
    model = gn.Sequential(
        [gn.Input(2), gn.Dense(3, activation="tanh"), gn.Dense(1, activation="sigmoid")]
    )
    model.compile(gn.SGD(lr=0.1), "binary_cross_entropy", ["accuracy"])
    found = gn.evolve(
        model, (X, y), generations=300, seed=seed, goal=-0.05, spread=2.0, mutation=0.3
    )
    solved += model.evaluate(X, y)["accuracy"] == 1
    print(f"seed {seed}: loss {-found.fitness:.3f} in generation {found.reached}")
print(f"XOR solved from {solved} of 10 seeds")

D, labels = load_digits(return_X_y=True)
A, B, a, b = train_test_split(D / 16, labels, random_state=0, stratify=labels)


def network() -> gn.Sequential:
    model = gn.Sequential([gn.Input(64), gn.Dense(32, activation="relu"), gn.Dense(10)])
    model.compile(gn.SGD(lr=0.1, momentum=0.9), "cross_entropy", ["accuracy"])
    return model


evolved = network()
found = gn.evolve(evolved, (A, a), population=100, generations=5 if short else 300,
                  mutation=0.2, rate=0.1)  # fmt: skip
print(f"digits, evolution: {evolved.evaluate(B, b)['accuracy']:.1%} of the test digits")
print(f"   {found.evaluations:,} individuals, each judged on {len(A):,} digits")
trained = network()
trained.fit(A, a, epochs=2 if short else 20, batch_size=32, verbose=0)
print(f"digits, descent:   {trained.evaluate(B, b)['accuracy']:.1%} after 20 passes")

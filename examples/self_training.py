"""Self-training: a few labelled digits, many without a label, and a network that labels them.

python examples/self_training.py
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
ROUNDS = 5


def trained(X, y, steps: int, seed: int) -> gn.Sequential:
    """A new network, trained for about so many steps of 16 rows."""
    model = gn.Sequential([gn.Input(64), gn.Dense(64, activation="relu"), gn.Dense(10)])
    model.compile(gn.Adam(lr=0.002), "cross_entropy", ["accuracy"], seed=seed)
    model.fit(X, y, epochs=max(1, round(steps * 16 / len(X))), batch_size=16, verbose=0)
    return model


def right(model: gn.Sequential) -> float:
    return model.evaluate(X_test, y_test)["accuracy"]


def self_trained(each: int, seed: int):
    """(accuracy after each round, share of right pseudo-labels in each, accuracy without)."""
    rng = np.random.default_rng(seed)
    known = np.concatenate([rng.permutation(np.flatnonzero(y == k))[:each] for k in range(10)])
    rest = np.setdiff1d(np.arange(len(y)), known)  # their labels are not looked at
    model = trained(X[known], y[known], 1000, seed)
    found, sound = [right(model)], []
    for number in range(1, ROUNDS + 1):
        scores = model.predict(X[rest])
        guess, margin = scores.argmax(axis=1), np.ptp(np.sort(scores, axis=1)[:, -2:], axis=1)
        surest = [  # of each class the same share, else the easy classes take all
            np.flatnonzero(guess == k)[np.argsort(-margin[guess == k])][
                : int((guess == k).sum() * number / ROUNDS)
            ]
            for k in range(10)
        ]
        keep = np.concatenate(surest)
        sound.append(float(np.mean(guess[keep] == y[rest[keep]])))  # to be shown, not used
        both = np.concatenate([known, rest[keep]])
        model = trained(X[both], np.concatenate([y[known], guess[keep]]), 2500, seed + 100 * number)
        found.append(right(model))
    return found, sound, right(trained(X[known], y[known], 2500, seed + 100))


if __name__ == "__main__":
    seeds = range(1 if "--short" in sys.argv else 5)
    print("labels  few only  longer  self-trained  all seeds gain?  right pseudo-labels, by round")
    for each in (2,) if "--short" in sys.argv else (2, 4, 8):
        runs = [self_trained(each, seed) for seed in seeds]
        few, last = (np.array([run[0][k] for run in runs]) for k in (0, -1))
        longer, sound = np.mean([run[2] for run in runs]), np.mean([run[1] for run in runs], axis=0)
        print(f"{10 * each:6} {few.mean():9.1%} {longer:7.1%} {last.mean():13.1%} ", end="")
        print(f"{np.sum(last > few)} of {len(runs)}".rjust(16), " ", *(f"{s:.0%}" for s in sound))
    print(f"with all {len(y)} labels: {right(trained(X, y, 2500, 0)):.1%}")

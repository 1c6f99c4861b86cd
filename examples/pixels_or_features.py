"""Raw pixels against hand-made features: who should find out what matters in a picture?

python examples/pixels_or_features.py
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)


def features(X: np.ndarray) -> np.ndarray:
    """What an engineer might measure on a digit, 17 numbers instead of 64 pixels."""
    P = X.reshape(-1, 8, 8)
    ink = P.sum(axis=(1, 2))[:, None]
    rows, columns, place = P.sum(axis=2), P.sum(axis=1), np.arange(8)
    middle = np.hstack([rows @ place[:, None], columns @ place[:, None]]) / ink
    spread = (
        np.hstack([rows @ place[:, None] ** 2, columns @ place[:, None] ** 2]) / ink - middle**2
    )
    slant = np.einsum("nyx,y,x->n", P, place, place)[:, None] / ink - middle.prod(axis=1)[:, None]
    thirds = [P[:, a : a + 3, b : b + 3].mean(axis=(1, 2)) for a in (0, 2, 5) for b in (0, 2, 5)]
    mirror = np.stack([np.abs(P - P[:, ::-1]).mean((1, 2)), np.abs(P - P[:, :, ::-1]).mean((1, 2))])
    return np.hstack([ink, middle, spread, slant, np.array(thirds).T, mirror.T])


def right(X, X_test, hidden: int, seed: int) -> float:
    mean, deviation = X.mean(axis=0), X.std(axis=0) + 1e-6
    layers = [gn.Dense(hidden, activation="relu")] if hidden else []
    model = gn.Sequential([gn.Input(X.shape[1]), *layers, gn.Dense(10)])
    model.compile(gn.Adam(lr=0.003), "cross_entropy", ["accuracy"], seed=seed)
    epochs = 8 if "--short" in sys.argv else 60
    model.fit((X - mean) / deviation, y[: len(X)], epochs=epochs, verbose=0)
    return model.evaluate((X_test - mean) / deviation, y_test)["accuracy"]


if __name__ == "__main__":
    F, F_test = features(X), features(X_test)
    print(f"{X.shape[1]} pixels, {F.shape[1]} features; right on new digits, mean of the seeds")
    for hidden in (0, 64):
        by = {"features": (F, F_test), "pixels": (X, X_test)}
        by["both"] = np.hstack([X, F]), np.hstack([X_test, F_test])
        print(f"hidden units {hidden:2}: ", end="")
        for name, (rows, new) in by.items():
            seeds = range(1 if "--short" in sys.argv else 3)
            print(f" {name} {np.mean([right(rows, new, hidden, s) for s in seeds]):.1%}", end="")
        print()

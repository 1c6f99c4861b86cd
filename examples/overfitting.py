"""Overfitting on few digits with wrong labels, and three cures: L2, dropout, early stopping.

python examples/overfitting.py
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, train_size=200, random_state=0, stratify=y)
rng = np.random.default_rng(0)
wrong = rng.random(len(y)) < 0.2  # about a fifth of the labels is drawn anew
y = np.where(wrong, rng.integers(0, 10, len(y)), y)

SETTINGS = {
    "nothing": {},
    "L2": {"l2": 0.01},
    "dropout": {"dropout": 0.8},
    "early stopping": {"patience": 15},
}


def train(l2=0.0, dropout=0.0, patience=0, epochs=200):
    """64 -> 256 relu -> 10 on 200 digits; the held-out digits have right labels."""
    penalty = gn.L2(l2) if l2 else None
    hidden = gn.Dense(256, "relu", regularizer=penalty)
    model = gn.Sequential(
        [gn.Input(64), hidden, gn.Dropout(dropout), gn.Dense(10, regularizer=penalty)]
    )
    model.compile(gn.Adam(lr=0.002), "cross_entropy", ["accuracy"])
    stop = [gn.EarlyStopping(patience=patience)] if patience else []
    history = model.fit(
        X, y, epochs=epochs, validation_data=(X_test, y_test), callbacks=stop, verbose=0
    )
    return model, history


if __name__ == "__main__":
    print(f"{np.mean(wrong):.1%} of {len(y)} labels drawn anew, {len(y_test):,} digits held out")
    print("                epochs   training   held out at best   held out at the end")
    for name, options in SETTINGS.items():
        model, history = train(**options, epochs=15 if "--short" in sys.argv else 200)
        seen, unseen = (model.evaluate(*d)["accuracy"] for d in ((X, y), (X_test, y_test)))
        best = max(history["val_accuracy"])
        print(f"{name:15} {len(history.epochs):6} {seen:10.1%} {best:18.1%} {unseen:21.1%}")

"""Batch, mini-batch and stochastic descent on the digits: noise, speed and quality, measured.

python examples/batches.py
"""

import sys
import time

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
epochs = 2 if "--short" in sys.argv else 20


def run(batch_size: int, lr: float):
    model = gn.Sequential([gn.Input(64), gn.Dense(32, activation="relu"), gn.Dense(10)])
    model.compile(gn.SGD(lr=lr), "cross_entropy", ["accuracy"])
    losses: list[float] = []

    class Record(gn.Callback):
        def on_batch_end(self, step: int, loss: float) -> None:
            losses.append(loss)

    start = time.perf_counter()
    model.fit(X, y, epochs=epochs, batch_size=batch_size, callbacks=[Record()], verbose=0)
    seconds = time.perf_counter() - start
    return losses, len(losses) / seconds, model.evaluate(X_test, y_test)["accuracy"]


if __name__ == "__main__":
    print("batch size   rate   updates   updates/s   samples/s   test accuracy")
    for batch_size, lr in ((1, 0.01), (16, 0.1), (32, 0.1), (100, 0.2), (128, 0.2), (len(X), 0.5)):
        losses, speed, accuracy = run(batch_size, lr)
        name = f"{batch_size} (all)" if batch_size == len(X) else str(batch_size)
        rates = f"{speed:11,.0f} {speed * batch_size:11,.0f}"
        print(f"{name:10} {lr:6} {len(losses):9,} {rates}   {accuracy:.1%}")

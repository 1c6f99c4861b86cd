"""An RNN, an LSTM and a GRU read handwritten digits row by row, from the top to the bottom.

Each image is a sequence of 8 rows of 8 pixels; what a network knows after the last row decides.

python examples/rnn_digits.py
"""

import time
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8) / 16  # (image, row, column): the rows are the steps in time
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

for layer, lr, epochs in [
    (gn.RNN(64), 0.003, 40),
    (gn.LSTM(48), 0.005, 30),
    (gn.GRU(48), 0.005, 30),
]:
    name, start = type(layer).__name__, time.perf_counter()
    model = gn.Sequential([gn.Input((8, 8)), layer, gn.Dense(10)])
    model.compile(gn.Adam(lr=lr), loss="cross_entropy", metrics=["accuracy"])
    print(f"{name}: {sum(a.size for a in model.parameters.values())} numbers to learn")
    model.fit(X_train, y_train, epochs=epochs, batch_size=32)
    accuracy = model.evaluate(X_test, y_test)["accuracy"]
    print(f"{name} test accuracy {accuracy:.1%}, {time.perf_counter() - start:.0f} s\n")

# However many rows there are, the source of a step has one loop forward and one back.
out = Path("runs/example")
out.mkdir(parents=True, exist_ok=True)
model.step.save(out / "gru_step.py")
print(f"the GRU's training step: {out / 'gru_step.py'}")

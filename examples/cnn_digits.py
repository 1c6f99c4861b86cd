"""A convolutional network reads handwritten digits: two convolutions, two poolings, one layer.

It is trained by the NumPy that graphnet wrote for it, which is left in runs/example/cnn_step.py.

python examples/cnn_digits.py
"""

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 1, 8, 8) / 16  # (image, channel, height, width), one gray channel
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
EPOCHS, BATCH = 3 if "--short" in sys.argv else 40, 32

model = gn.Sequential(
    [
        gn.Input((1, 8, 8)),
        gn.Conv2D(32, 3, padding="same", activation="relu"),  # 32 maps of 8x8
        gn.MaxPool2D(2),  # of 4x4
        gn.Conv2D(64, 3, padding="same", activation="relu"),  # 64 maps of 4x4
        gn.MaxPool2D(2),  # of 2x2
        gn.Flatten(),
        gn.Dropout(0.5),
        gn.Dense(10),
    ]
)
steps = EPOCHS * -(-len(X_train) // BATCH)
model.compile(
    gn.Adam(lr=gn.schedules.cosine(0.003, steps)), loss="cross_entropy", metrics=["accuracy"]
)
model.summary()

start = time.perf_counter()
model.fit(X_train, y_train, epochs=EPOCHS, batch_size=BATCH)
accuracy = model.evaluate(X_test, y_test)["accuracy"]
print(f"test accuracy {accuracy:.1%}, {time.perf_counter() - start:.0f} s")

wrong = np.flatnonzero(model.classify(X_test) != y_test)
print(f"{len(wrong)} of {len(X_test)} test images are taken for another digit:")
for k in wrong[:5]:
    print(f"  a {y_test[k]} for a {model.classify(X_test[k : k + 1])[0]}")

out = Path("runs/example")
out.mkdir(parents=True, exist_ok=True)
model.step.save(out / "cnn_step.py")

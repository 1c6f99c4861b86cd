"""The classic digits network in the habits of Keras; draws it and saves the step as a script.

python examples/digits.py
"""

from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphnet as gn

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)

model = gn.Sequential([gn.Dense(32, activation="relu"), gn.Dense(10)])
model.compile(gn.SGD(lr=0.1, momentum=0.9), loss="cross_entropy", metrics=["accuracy"])
history = model.fit(X_train, y_train, epochs=20, batch_size=32, validation_split=0.1, verbose=0)
model.summary()
print("test", {k: round(v, 2) for k, v in model.evaluate(X_test, y_test).items()})

out = Path("runs/example")
out.mkdir(parents=True, exist_ok=True)
for stage in ("forward", "backward", "update"):
    model.draw(stage=stage).render(outfile=out / f"{stage}.svg")
model.step.save(out / "train_step.py")
model.save(out / "digits.npz")

again = gn.load(out / "digits.npz")  # needs no class of ours
print("again", {k: round(v, 2) for k, v in again.evaluate(X_test, y_test).items()})

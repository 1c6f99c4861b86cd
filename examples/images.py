"""Image or not-image: is there a face on 25x25 pixels? 200 real pictures, flattened.

python examples/images.py
"""

import sys

import numpy as np
from skimage.data import lfw_subset  # ships with scikit-image: nothing is downloaded
from sklearn.model_selection import train_test_split

import graphnet as gn

pictures = lfw_subset()  # 100 faces, then 100 cuttings that are none, greys from 0 to 1
X, y = 2 * pictures.reshape(len(pictures), -1) - 1, np.repeat([1, 0], 100)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)


def network(hidden: int, seed: int = 0) -> gn.Sequential:
    layers = [gn.Dense(hidden, activation="relu")] if hidden else []
    model = gn.Sequential([gn.Input(X.shape[1]), *layers, gn.Dense(1, activation="sigmoid")])
    model.compile(gn.Adam(lr=0.001), "binary_cross_entropy", ["accuracy"], seed=seed)
    return model


if __name__ == "__main__":
    print(
        f"{pictures.shape} become {X.shape}: {len(X_train)} to learn from, {len(X_test)} held back"
    )
    for hidden in (0, 64):
        found = []
        for seed in range(2 if "--short" in sys.argv else 5):
            model = network(hidden, seed)
            model.fit(X_train, y_train, epochs=30, batch_size=16, verbose=0)
            found.append(model.evaluate(X_test, y_test)["accuracy"])
        count = sum(a.size for a in model.parameters.values())
        print(
            f"hidden units {hidden:2}: {count:6,} parameters, right on new pictures, by seed:",
            end="",
        )
        print("".join(f" {a:.1%}" for a in found))

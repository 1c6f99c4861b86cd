"""An autoencoder squeezes 64 pixels into 8 numbers and back, with less error than 8 principal
components: those are the best that a linear map can do.

python examples/autoencoder_digits.py
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

import graphnet as gn

X = load_digits().data / 16
X_train, X_test = train_test_split(X, random_state=0)
CODE, EPOCHS = 8, 25 if "--short" in sys.argv else 60

pca = PCA(CODE).fit(X_train)
linear = pca.inverse_transform(pca.transform(X_test))
print(f"{CODE} principal components: error {np.mean((linear - X_test) ** 2):.4f} a pixel")

model = gn.Sequential(
    [
        gn.Input(64),
        gn.Dense(128, activation="relu"),
        gn.Dense(CODE, name="code"),
        gn.Dense(128, activation="relu"),
        gn.Dense(64, activation="sigmoid"),
    ]
)
model.compile(gn.Adam(lr=0.002), loss="mse")
start = time.perf_counter()
model.fit(X_train, X_train, epochs=EPOCHS, batch_size=32, verbose=0)
seconds = time.perf_counter() - start
error = model.evaluate(X_test, X_test)["loss"]
print(f"the autoencoder, also {CODE} numbers: error {error:.4f}, {seconds:.0f} s")


def picture(pixels: np.ndarray) -> list[str]:
    """An image of 8x8 as 8 lines, darker letters for more ink."""
    shades = np.array(list(" .:-=+*#%@"))
    return ["".join(row) for row in shades[np.clip(pixels * 10, 0, 9).astype(int).reshape(8, 8)]]


print("\nan unseen digit, from principal components, from the autoencoder:")
for lines in zip(*map(picture, (X_test[0], linear[0], model.predict(X_test[:1])[0]))):
    print("   ".join(lines))

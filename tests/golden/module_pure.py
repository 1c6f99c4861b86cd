"""A function, written by graphnet 0.1.0; it needs NumPy only.

    distance = forward(x, y)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def forward(x, y):
    """x (n, 2), y (m, 2) -> distance (n, m)"""
    # distance[i,j] = sqrt(d_sum_1[i,j]); d_sum_1[i,j] = Sum((x[i,k] - y[j,k])**2, k)
    distance = np.sqrt(((x[:, :, None] - y.T)**2).sum(axis=1))
    return distance


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 2), np.float32)
    y = rng.random((4, 2), np.float32)
    print("distance:", forward(x, y))

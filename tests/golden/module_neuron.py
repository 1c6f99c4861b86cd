"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, x, y)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def initial_parameters(seed=0):
    """New arrays: w (3,), b ()."""
    arrays = {
        "w": np.zeros((3,)),
        "b": np.zeros(()),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def forward(parameters, x):
    """x (batch, 3) -> p (batch,)"""
    w = parameters["w"]
    b = parameters["b"]
    p = x @ w + b  # p[n] = p_sum_1[n] + b; p_sum_1[n] = Sum(x[n,i]*w[i], i)
    return p


def step(parameters, x, y):
    """x (batch, 3), y (batch,) -> loss

    Updates w, b in place.
    """
    w = parameters["w"]
    b = parameters["b"]
    batch = x.shape[0]  # the size 'batch'

    # -- forward
    p = x @ w + b  # p[n] = p_sum_1[n] + b; p_sum_1[n] = Sum(x[n,i]*w[i], i)

    # -- loss
    loss_subtract = p - y                    # a part of loss
    loss = (loss_subtract**2).sum() / batch  # loss = Sum((p[n] - y[n])**2/size(n), n)

    # -- backward
    d_p = 2 * loss_subtract / batch  # d_p[n] = (2*p[n] - 2*y[n])/size(n)
    d_w = x.T @ d_p                  # d_w[i] = Sum(x[n,i]*d_p[n], n)
    d_b = d_p.sum()                  # d_b = Sum(d_p[n], n)

    # -- update
    w_new = w - 0.1 * d_w  # w_new[i] = w[i] - 0.1*d_w[i]
    b_new = b - 0.1 * d_b  # b_new = b - 0.1*d_b
    # every new value was computed; now they are written
    w[...] = w_new
    b[...] = b_new
    return float(loss)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 3), np.float32)
    y = rng.random((4,), np.float32)
    parameters = initial_parameters()
    print("loss:", step(parameters, x, y))

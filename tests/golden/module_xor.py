"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, x, t)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def sigmoid(z):
    """1/(1 + exp(-z)), without overflow."""
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


def initial_parameters(seed=0):
    """New arrays: W1 (2, 3), b1 (3,), W2 (3, 1), b2 (1,)."""
    rng = np.random.default_rng(seed)
    arrays = {
        "W1": rng.uniform(-1.0954451150103324, 1.0954451150103324, (2, 3)),
        "b1": np.zeros((3,)),
        "W2": rng.uniform(-1.224744871391589, 1.224744871391589, (3, 1)),
        "b2": np.zeros((1,)),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def forward(parameters, x):
    """x (batch, 2) -> p (batch, 1)"""
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    Z1 = x @ W1 + b1   # Z1[n,o] = z_sum_1[n,o] + b1[o]; z_sum_1[n,o] = Sum(x[n,i]*W1[i,o], i)
    A1 = np.tanh(Z1)   # A1[i,j] = tanh(Z1[i,j])
    Z2 = A1 @ W2 + b2  # Z2[n,o] = z_sum_2[n,o] + b2[o]; z_sum_2[n,o] = Sum(A1[n,i]*W2[i,o], i)
    p = sigmoid(Z2)    # p[i,j] = sigmoid(Z2[i,j])
    return p


def step(parameters, x, t):
    """x (batch, 2), t (batch, 1) -> loss

    Updates W1, b1, W2, b2 in place.
    """
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    batch = x.shape[0]  # the size 'batch'

    # -- forward
    Z1 = x @ W1 + b1   # Z1[n,o] = z_sum_1[n,o] + b1[o]; z_sum_1[n,o] = Sum(x[n,i]*W1[i,o], i)
    A1 = np.tanh(Z1)   # A1[i,j] = tanh(Z1[i,j])
    Z2 = A1 @ W2 + b2  # Z2[n,o] = z_sum_2[n,o] + b2[o]; z_sum_2[n,o] = Sum(A1[n,i]*W2[i,o], i)
    p = sigmoid(Z2)    # p[i,j] = sigmoid(Z2[i,j])

    # -- loss
    loss_subtract = p[:, 0] - t[:, 0]        # a part of loss
    loss = (loss_subtract**2).sum() / batch  # loss = Sum((p[n,0] - t[n,0])**2/size(n), n)

    # -- backward
    # d_p[n,i] = (2*p[n,0] - 2*t[n,0])/size(n), i < 1
    d_p = 2 * loss_subtract / batch
    # d_Z2[i,j] = sigmoid(-Z2[i,j])*sigmoid(Z2[i,j])*d_p[i,j]
    d_Z2 = sigmoid(-Z2) * p * d_p[:, None]
    # d_A1[n,i] = W2[i,0]*d_Z2[n,0]
    d_A1 = (W2[:, 0][:, None] * d_Z2[:, 0]).T
    # d_Z1[i,j] = (1 - tanh(Z1[i,j])**2)*d_A1[i,j]
    d_Z1 = (1 - A1**2) * d_A1
    # d_W1[i,o] = Sum(x[n,i]*d_Z1[n,o], n)
    d_W1 = x.T @ d_Z1
    # d_b1[o] = Sum(d_Z1[n,o], n)
    d_b1 = d_Z1.sum(axis=0)
    # d_W2[i,o] = Sum(A1[n,i]*d_Z2[n,o], n)
    d_W2 = A1.T @ d_Z2
    # d_b2[o] = Sum(d_Z2[n,o], n)
    d_b2 = d_Z2.sum(axis=0)

    # -- update
    W1_new = W1 - d_W1 / 2  # W1_new[i,j] = W1[i,j] - 0.5*d_W1[i,j]
    b1_new = b1 - d_b1 / 2  # b1_new[i] = b1[i] - 0.5*d_b1[i]
    W2_new = W2 - d_W2 / 2  # W2_new[i,j] = W2[i,j] - 0.5*d_W2[i,j]
    b2_new = b2 - d_b2 / 2  # b2_new[i] = b2[i] - 0.5*d_b2[i]
    # every new value was computed; now they are written
    W1[...] = W1_new
    b1[...] = b1_new
    W2[...] = W2_new
    b2[...] = b2_new
    return float(loss)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 2), np.float32)
    t = rng.random((4, 1), np.float32)
    parameters = initial_parameters()
    print("loss:", step(parameters, x, t))

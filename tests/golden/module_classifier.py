"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    states = initial_states()
    loss = step(parameters, states, x, t)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def logsumexp(a, axis):
    """log(sum(exp(a))) without overflow; -inf where all of a is."""
    top = a.max(axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    total = np.exp(a - top).sum(axis=axis, keepdims=True)
    return (np.log(total) + top).squeeze(axis=axis)


def expw(b, y):
    """exp(b - y), and 0 where y is -inf."""
    return np.exp(np.where(y == -np.inf, y, b - y))


def initial_parameters(seed=0):
    """New arrays: W1 (64, 32), b1 (32,), W2 (32, 10), b2 (10,)."""
    rng = np.random.default_rng(seed)
    arrays = {
        "W1": rng.uniform(-0.25, 0.25, (64, 32)),
        "b1": np.zeros((32,)),
        "W2": rng.uniform(-0.3779644730092272, 0.3779644730092272, (32, 10)),
        "b2": np.zeros((10,)),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def initial_states():
    """New arrays: v_W1 (64, 32), v_b1 (32,), v_W2 (32, 10), v_b2 (10,)."""
    arrays = {
        "v_W1": np.zeros((64, 32)),
        "v_b1": np.zeros((32,)),
        "v_W2": np.zeros((32, 10)),
        "v_b2": np.zeros((10,)),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def forward(parameters, x):
    """x (batch, 64) -> Z2 (batch, 10)"""
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    Z1 = x @ W1 + b1   # Z1[n,o] = z_sum_1[n,o] + b1[o]; z_sum_1[n,o] = Sum(x[n,i]*W1[i,o], i)
    A1 = np.tanh(Z1)   # A1[i,j] = tanh(Z1[i,j])
    Z2 = A1 @ W2 + b2  # Z2[n,o] = z_sum_2[n,o] + b2[o]; z_sum_2[n,o] = Sum(A1[n,i]*W2[i,o], i)
    return Z2


def step(parameters, states, x, t):
    """x (batch, 64), t (batch,) int -> loss

    Updates v_W1, W1, v_b1, b1, v_W2, W2, v_b2, b2 in place.
    """
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    v_W1 = states["v_W1"]
    v_b1 = states["v_b1"]
    v_W2 = states["v_W2"]
    v_b2 = states["v_b2"]
    batch = x.shape[0]  # the size 'batch'

    # -- forward
    Z1 = x @ W1 + b1   # Z1[n,o] = z_sum_1[n,o] + b1[o]; z_sum_1[n,o] = Sum(x[n,i]*W1[i,o], i)
    A1 = np.tanh(Z1)   # A1[i,j] = tanh(Z1[i,j])
    Z2 = A1 @ W2 + b2  # Z2[n,o] = z_sum_2[n,o] + b2[o]; z_sum_2[n,o] = Sum(A1[n,i]*W2[i,o], i)

    # -- loss
    # lse[n] = LogSumExp(Z2[n,k], k)
    lse = logsumexp(Z2, axis=1)
    # loss = Sum((lse[n] - Z2[n,t[n]])/size(n), n)
    loss = (lse - Z2[np.arange(batch), t]).sum() / batch

    # -- backward
    # d_Z2[n,k] = expw(Z2[n,k], lse[n])/size(n) + where(t[n] == k, -1/size(n), 0)
    d_Z2 = (expw(Z2, lse[:, None]) - (t[:, None] == np.arange(10))) / batch
    # d_A1[n,i] = Sum(W2[i,o]*d_Z2[n,o], o)
    d_A1 = d_Z2 @ W2.T
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
    v_W1_new = 0.9 * v_W1 + d_W1   # v_W1_new[i,j] = 0.9*v_W1[i,j] + d_W1[i,j]
    W1_new = W1 - 0.01 * v_W1_new  # W1_new[i,j] = W1[i,j] - 0.01*v_W1_new[i,j]
    v_b1_new = 0.9 * v_b1 + d_b1   # v_b1_new[i] = 0.9*v_b1[i] + d_b1[i]
    b1_new = b1 - 0.01 * v_b1_new  # b1_new[i] = b1[i] - 0.01*v_b1_new[i]
    v_W2_new = 0.9 * v_W2 + d_W2   # v_W2_new[i,j] = 0.9*v_W2[i,j] + d_W2[i,j]
    W2_new = W2 - 0.01 * v_W2_new  # W2_new[i,j] = W2[i,j] - 0.01*v_W2_new[i,j]
    v_b2_new = 0.9 * v_b2 + d_b2   # v_b2_new[i] = 0.9*v_b2[i] + d_b2[i]
    b2_new = b2 - 0.01 * v_b2_new  # b2_new[i] = b2[i] - 0.01*v_b2_new[i]
    # every new value was computed; now they are written
    v_W1[...] = v_W1_new
    W1[...] = W1_new
    v_b1[...] = v_b1_new
    b1[...] = b1_new
    v_W2[...] = v_W2_new
    W2[...] = W2_new
    v_b2[...] = v_b2_new
    b2[...] = b2_new
    return float(loss)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 64), np.float32)
    t = rng.integers(0, 10, (4,))
    parameters = initial_parameters()
    states = initial_states()
    print("loss:", step(parameters, states, x, t))

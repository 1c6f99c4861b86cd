"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, x, t)

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
    """New arrays: b (4,), W (3, 4), U (4, 4)."""
    rng = np.random.default_rng(seed)
    arrays = {
        "b": rng.uniform(-0.8660254037844386, 0.8660254037844386, (4,)),
        "W": rng.uniform(-0.9258200997725514, 0.9258200997725514, (3, 4)),
        "U": rng.uniform(-0.8660254037844386, 0.8660254037844386, (4, 4)),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def forward(parameters, x):
    """x (time, batch, 3) -> h_last_1 (batch, 4)"""
    b = parameters["b"]
    W = parameters["W"]
    U = parameters["U"]
    batch = x.shape[1]  # the size 'batch'
    time = x.shape[0]  # the size 'time'
    # add_part_1[t,i,j] = b[j] + matmul_1[t,i,j]; matmul_1[t,i,j] = Sum(x[t,i,k]*W[k,j], k)
    add_part_1 = b + x @ W
    # a part of h_last_1
    h_last_1_broadcast = np.full((batch, 4), 0, np.float32)
    # h_last_1 = the last h: time steps from h = zeros_1 over add_part_1 with U
    h = h_last_1_broadcast
    for k in range(time):
        # h_new[i,j] = tanh(add_2[i,j]); add_2[i,j] = matmul_2[i,j] + add_part_1[i,j]; matmul_2[i,j]
        #     = Sum(h[i,k]*U[k,j], k)
        h_new = np.tanh(h @ U + add_part_1[k])
        h = h_new
    h_last_1 = h
    return h_last_1


def step(parameters, x, t):
    """x (time, batch, 3), t (batch,) int -> loss

    Updates W, U, b in place.
    """
    b = parameters["b"]
    W = parameters["W"]
    U = parameters["U"]
    batch = x.shape[1]  # the size 'batch'
    time = x.shape[0]  # the size 'time'

    # -- forward
    # add_part_1[t,i,j] = b[j] + matmul_1[t,i,j]; matmul_1[t,i,j] = Sum(x[t,i,k]*W[k,j], k)
    add_part_1 = b + x @ W
    # a part of h_before
    h_last_1_broadcast = np.full((batch, 4), 0, np.float32)
    # h_last_1 = the last h; h_new = every h_new; h_before = every h before its step: time steps
    #     from h = zeros_1 over add_part_1 with U
    h = h_last_1_broadcast
    h_new = np.empty((time, batch, 4), np.float32)
    h_before = np.empty((time, batch, 4), np.float32)
    for k in range(time):
        h_before[k] = h
        # h_new[i,j] = tanh(add_2[i,j]); add_2[i,j] = matmul_2[i,j] + add_part_1[i,j]; matmul_2[i,j]
        #     = Sum(h[i,k]*U[k,j], k)
        h_new_2 = np.tanh(h @ U + add_part_1[k])
        h_new[k] = h_new_2
        h = h_new_2
    h_last_1 = h

    # -- loss
    # L_1[n] = LogSumExp(h_last_1[n,k], k)
    L_1 = logsumexp(h_last_1, axis=1)
    # loss = Sum((L_1[n] - h_last_1[n,t[n]])/size(n), n)
    loss = (L_1 - h_last_1[np.arange(batch), t]).sum() / batch

    # -- backward
    # d_h_last_1[n,k] = expw(h_last_1[n,k], L_1[n])/size(n) + where(t[n] == k, -1/size(n), 0)
    d_h_last_1 = (
        (expw(h_last_1, L_1[:, None]) - (t[:, None] == np.arange(4))) / batch
    )
    # d_add_2_part_1[t,i,j] = 1 - h_new[t,i,j]**2
    d_add_2_part_1 = 1 - h_new**2
    # d_add_2 = every d_add_2: time steps backward from d_h_new = d_h_last_1 over d_add_2_part_1
    #     with U
    d_h_new = d_h_last_1
    d_add_2 = np.empty((time, batch, 4), np.float32)
    for k_2 in reversed(range(time)):
        # d_add_2[i,j] = d_h_new[i,j]*d_add_2_part_1[i,j]
        d_add_2_2 = d_h_new * d_add_2_part_1[k_2]
        # d_h[i,k] = Sum(U[k,j]*d_add_2[i,j], j)
        d_h = d_add_2_2 @ U.T
        d_add_2[k_2] = d_add_2_2
        d_h_new = d_h
    # d_W[k,j] = Sum(x[t,i,k]*d_add_2[t,i,j], i, t)
    d_W = np.tensordot(x, d_add_2, axes=([0, 1], [0, 1]))
    # d_U[k,j] = Sum(h_before[t,i,k]*d_add_2[t,i,j], i, t)
    d_U = np.tensordot(h_before, d_add_2, axes=([0, 1], [0, 1]))
    # d_b[j] = Sum(d_add_2[t,i,j], i, t)
    d_b = d_add_2.sum(axis=(0, 1))

    # -- update
    W_new = W - 0.1 * d_W  # W_new[i,j] = W[i,j] - 0.1*d_W[i,j]
    U_new = U - 0.1 * d_U  # U_new[i,j] = U[i,j] - 0.1*d_U[i,j]
    b_new = b - 0.1 * d_b  # b_new[i] = b[i] - 0.1*d_b[i]
    # every new value was computed; now they are written
    W[...] = W_new
    U[...] = U_new
    b[...] = b_new
    return float(loss)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 4, 3), np.float32)
    t = rng.integers(0, 4, (4,))
    parameters = initial_parameters()
    print("loss:", step(parameters, x, t))

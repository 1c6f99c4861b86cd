"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, y)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def initial_parameters(seed=0):
    """New arrays: w (5,)."""
    arrays = {
        "w": np.ones((5,)),
    }
    return {name: np.array(a, np.float64) for name, a in arrays.items()}


def forward(parameters):
    """nothing -> p"""
    w = parameters["w"]
    # a part of p
    p_broadcast = np.float64(1)
    # p = the last s: 5 steps from s = ones_1 over w
    s = p_broadcast
    for k in range(5):
        # s_new = s*x
        s_new = s * w[k]
        s = s_new
    p = s
    return float(p)


def step(parameters, y):
    """y -> loss

    Updates w in place.
    """
    w = parameters["w"]

    # -- forward
    # a part of s_before
    p_broadcast = np.float64(1)
    # p = the last s; s_before = every s before its step: 5 steps from s = ones_1 over w
    s = p_broadcast
    s_before = np.empty((5,), np.float64)
    for k in range(5):
        s_before[k] = s
        # s_new = s*x
        s_new = s * w[k]
        s = s_new
    p = s

    # -- loss
    loss_subtract = p - y    # a part of loss
    loss = loss_subtract**2  # loss = (p - y)**2

    # -- backward
    # d_p = 2*p - 2*y
    d_p = 2 * loss_subtract
    # d_s_new_before = every d_s_new before its step: 5 steps backward from d_s_new = d_p over w
    d_s_new = d_p
    d_s_new_before = np.empty((5,), np.float64)
    for k_2 in reversed(range(5)):
        d_s_new_before[k_2] = d_s_new
        # d_s = x*d_s_new
        d_s = w[k_2] * d_s_new
        d_s_new = d_s
    # d_w[t] = s_before[t]*d_s_new_before[t]
    d_w = s_before * d_s_new_before

    # -- update
    w_new = w - 0.1 * d_w  # w_new[i] = w[i] - 0.1*d_w[i]
    # every new value was computed; now they are written
    w[...] = w_new
    return float(loss)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    y = rng.random((), np.float64)
    parameters = initial_parameters()
    print("loss:", step(parameters, y))

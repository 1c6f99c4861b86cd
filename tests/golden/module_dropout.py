"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    states = initial_states()
    loss = step(parameters, states, x, y)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def orthogonal_matrix(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    gain: float,
) -> np.ndarray:
    """A random matrix with orthonormal rows or columns, times gain."""
    rows = shape[0] if shape else 1
    columns = int(np.prod(shape)) // max(rows, 1)
    normal = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # without the signs q is not uniform
    q = q if rows >= columns else np.ascontiguousarray(q.T)
    return gain * q.reshape(shape)


def initial_parameters(seed=0):
    """New arrays: W (4, 2)."""
    rng = np.random.default_rng(seed)
    arrays = {
        "W": orthogonal_matrix(rng, (4, 2), 1.0),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def initial_states():
    """New arrays: m_W (4, 2), v_W (4, 2), t ()."""
    arrays = {
        "m_W": np.zeros((4, 2)),
        "v_W": np.zeros((4, 2)),
        "t": np.zeros(()),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


generator = np.random.default_rng([0, 1])  # makes the draws


@np.errstate(all="ignore")
def forward(parameters, x, rng=None):
    """x (batch, 4) -> p (batch, 2)"""
    W = parameters["W"]
    rng = generator if rng is None else rng
    batch = x.shape[0]
    u = rng.random((batch, 4), np.float32)  # u ~ uniform(0, 1)
    kept = np.where(u < 0.8, 5 * x / 4, 0)  # kept[n,i] = where(u[n,i] < 0.8, 1.25*x[n,i], 0)
    p = kept @ W                            # p[n,o] = Sum(kept[n,i]*W[i,o], i)
    return p


@np.errstate(all="ignore")
def step(parameters, states, x, y, rng=None):
    """x (batch, 4), y (batch, 2) -> loss

    Updates m_W, v_W, t, W in place.
    """
    W = parameters["W"]
    m_W = states["m_W"]
    v_W = states["v_W"]
    t = states["t"]
    rng = generator if rng is None else rng
    batch = x.shape[0]
    u = rng.random((batch, 4), np.float32)  # u ~ uniform(0, 1)

    # -- forward
    kept = np.where(u < 0.8, 5 * x / 4, 0)  # kept[n,i] = where(u[n,i] < 0.8, 1.25*x[n,i], 0)
    p = kept @ W                            # p[n,o] = Sum(kept[n,i]*W[i,o], i)

    # -- loss
    loss_subtract = p - y            # a part of loss
    loss = (loss_subtract**2).sum()  # loss = Sum((p[n,o] - y[n,o])**2, n, o)

    # -- backward
    d_p = 2 * loss_subtract  # d_p[n,o] = 2*p[n,o] - 2*y[n,o]
    d_W = kept.T @ d_p       # d_W[i,o] = Sum(kept[n,i]*d_p[n,o], n)

    # -- update
    # m_W_new[i,j] = 0.9*m_W[i,j] + 0.1*d_W[i,j]
    m_W_new = 0.9 * m_W + 0.1 * d_W
    # v_W_new[i,j] = 0.999*v_W[i,j] + 0.001*d_W[i,j]**2
    v_W_new = 0.999 * v_W + 0.001 * d_W**2
    # t_new = 1 + t
    t_new = 1 + t
    # c1 = 1 - 0.9**t_new
    c1 = 1 - 0.9**t_new
    # c2 = 1 - 0.999**t_new
    c2 = 1 - 0.999**t_new
    # W_new[i,j] = W[i,j] - 0.01*m_W_new[i,j]/(c1*(1e-08 + sqrt(v_W_new[i,j]/c2)))
    W_new = W - 0.01 * m_W_new / (c1 * (1e-08 + np.sqrt(v_W_new / c2)))
    # every new value was computed; now they are written
    m_W[...] = m_W_new
    v_W[...] = v_W_new
    t[...] = t_new
    W[...] = W_new
    return float(loss)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 4), np.float32)
    y = rng.random((4, 2), np.float32)
    parameters = initial_parameters()
    states = initial_states()
    print("loss:", step(parameters, states, x, y))

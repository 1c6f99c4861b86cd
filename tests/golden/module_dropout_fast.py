"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    states = initial_states()
    loss = step(parameters, states, x, y)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def arena(size):
    """new(shape, dtype): arrays side by side in one piece of memory.

    Each starts a line of the cache. For 4 MB and more NumPy asks for large
    pages, which the system may have: products run faster on them.
    """
    page = 64 if size < 1048576 else 2097152
    least = 0 if size < 1048576 else 4194304
    memory = np.empty(max(size, least) + page, np.int8)
    rest = memory[-memory.__array_interface__["data"][0] % page:]

    def new(shape, dtype):
        nonlocal rest
        used = np.empty(shape, dtype).nbytes
        array = rest[:used].view(dtype).reshape(shape)
        rest = rest[-(-used // 64) * 64:]
        return array

    return new


def planned(stores, sizes):
    """The step for these arrays and sizes; both are built when first met."""
    for known, plan, steps in PLANS:
        held = [a for store in stores for a in store.values()]
        same = [a is b for a, b in zip(held, known)]
        if len(held) == len(known) == sum(same):
            break
    else:
        for store in stores:
            for name, a in store.items():  # plans have views of arrays as vectors
                store[name] = np.asarray(a, order="C")
        plan, steps = build(*stores), {}
        known = [a for store in stores for a in store.values()]
        PLANS.append((known, plan, steps))
        del PLANS[:-4]
    if sizes not in steps:
        if len(steps) == 8:
            steps.clear()
        steps[sizes] = plan(*sizes)
    return steps[sizes]


PLANS = []  # (arrays, plan of them, steps by sizes)


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
        "m_W": np.zeros((4, 2)),  # kept divided by 0.1
        "v_W": np.zeros((4, 2)),  # kept divided by 0.001
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


def build(parameters, states):
    """plan(sizes) -> step; the arrays become views of flat vectors."""
    W = parameters["W"]
    m_W = states["m_W"]
    v_W = states["v_W"]
    t = states["t"]

    def plan(batch):
        """A step for these sizes, with buffers of its own."""
        # -- buffers
        new = arena(44*batch + 448)
        kept_less = new((batch, 4), bool)
        kept = new((batch, 4), np.float32)
        p = new((batch, 2), np.float32)
        d_W = new((4, 2), np.float32)
        W_new_sqrt = new((4, 2), np.float32)
        u = new((batch, 4), np.float32)
        # -- constants
        k_1 = np.array(0.8, np.float32)
        k_2 = np.array(1.25, np.float32)
        k_3 = np.array(0.9, np.float32)
        k_4 = np.array(2, np.float32)
        k_5 = np.array(0.999, np.float32)
        # -- views and bound methods
        less = np.less
        multiply = np.multiply
        subtract = np.subtract
        add = np.add
        square = np.square
        sqrt = np.sqrt
        divide = np.divide
        kept_dot = kept.dot
        p_flat = p.reshape(2*batch,)
        p_flat_dot = p_flat.dot
        kept_T = kept.T
        kept_T_dot = kept_T.dot

        @np.errstate(all="ignore")
        def step(x, y, rng):
            rng.random(None, np.float32, u)  # u ~ uniform(0, 1)

            # -- forward
            less(u, k_1, kept_less)       # a part of kept
            multiply(x, kept_less, kept)  # a part of kept
            multiply(k_2, kept, kept)     # kept[n,i] = where(u[n,i] < 0.8, 1.25*x[n,i], 0)
            kept_dot(W, p)                # p[n,o] = Sum(kept[n,i]*W[i,o], i)

            # -- loss
            subtract(p, y, p)          # a part of loss
            loss = p_flat_dot(p_flat)  # loss = Sum((p[n,o] - y[n,o])**2, n, o)

            # -- update
            # a part of m_W_new
            multiply(k_3, m_W, m_W)
            # a part of d_W
            multiply(k_4, kept, kept)
            # d_W[i,o] = Sum(kept[n,i]*d_p[n,o], n)
            kept_T_dot(p, d_W)
            # m_W_new[i,j] = 0.9*m_W[i,j] + 0.1*d_W[i,j]
            add(m_W, d_W, m_W)
            # a part of v_W_new
            multiply(k_5, v_W, v_W)
            # a part of v_W_new
            square(d_W, d_W)
            # v_W_new[i,j] = 0.999*v_W[i,j] + 0.001*d_W[i,j]**2
            add(v_W, d_W, v_W)
            # t_new = 1 + t
            t_new = 1 + np.float64(t)
            # a part of W_new
            W_new_sqrt_2 = np.sqrt(-np.expm1(-0.0010005003335835335 * t_new))
            # a part of W_new
            multiply(float(0.03162277660168379 * W_new_sqrt_2
                    / -np.expm1(-0.1053605156578263 * t_new)), m_W, d_W)
            # a part of W_new
            sqrt(v_W, W_new_sqrt)
            # a part of W_new
            add(W_new_sqrt, float(3.162277660168379e-07 * W_new_sqrt_2),
                W_new_sqrt)
            # a part of W_new
            divide(d_W, W_new_sqrt, d_W)
            # W_new[i,j] = W[i,j] - 0.01*m_W_new[i,j]/(c1*(1e-08 + sqrt(v_W_new[i,j]/c2)))
            subtract(W, d_W, W)
            # written when all are known
            t[...] = t_new
            return float(loss)

        return step

    return plan


def step(parameters, states, x, y, rng=None):
    """x (batch, 4), y (batch, 2) -> loss

    Updates m_W, v_W, t, W in place.
    """
    rng = generator if rng is None else rng
    return planned((parameters, states), (x.shape[0],))(x, y, rng)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 4), np.float32)
    y = rng.random((4, 2), np.float32)
    parameters = initial_parameters()
    states = initial_states()
    print("loss:", step(parameters, states, x, y))

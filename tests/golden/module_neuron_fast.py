"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, x, y)

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


def build(parameters):
    """plan(sizes) -> step; the arrays become views of flat vectors."""
    w = parameters["w"]
    b = parameters["b"]

    def plan(batch):
        """A step for these sizes, with buffers of its own."""
        # -- buffers
        new = arena(8*batch + 204)
        d_p = new(batch, np.float32)
        loss_subtract = new(batch, np.float32)
        w_new_contract = new(3, np.float32)
        # -- constants
        k_1 = np.array(0.2 / batch, np.float32)
        ones = np.ones(batch, np.float32)
        # -- views and bound methods
        subtract = np.subtract
        add = np.add
        multiply = np.multiply
        d_p_dot = d_p.dot

        @np.errstate(all="ignore")
        def step(x, y):

            # -- forward
            x.dot(w, d_p)  # p_sum_1[n] = Sum(x[n,i]*w[i], i)

            # -- loss
            subtract(b, y, loss_subtract)  # a part of loss
            add(d_p, loss_subtract, d_p)   # a part of loss
            loss_contract = d_p_dot(d_p)   # a part of loss
            loss = loss_contract / batch   # loss = Sum((p[n] - y[n])**2/size(n), n)

            # -- backward
            multiply(k_1, d_p, d_p)       # d_p[n] = 0.1*(2*p[n] - 2*y[n])/size(n)
            x.T.dot(d_p, w_new_contract)  # a part of w_new

            # -- update
            subtract(w, w_new_contract, w)     # w_new[i] = w[i] - 0.1*d_w[i]
            b_new_sum = d_p_dot(ones)          # a part of b_new
            b_new = np.float64(b) - b_new_sum  # b_new = b - 0.1*d_b
            b[...] = b_new                     # written when all are known
            return float(loss)

        return step

    return plan


def step(parameters, x, y):
    """x (batch, 3), y (batch,) -> loss

    Updates w, b in place.
    """
    return planned((parameters,), (x.shape[0],))(x, y)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 3), np.float32)
    y = rng.random((4,), np.float32)
    parameters = initial_parameters()
    print("loss:", step(parameters, x, y))

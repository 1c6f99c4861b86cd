"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, x, t)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def sigmoid(z):
    """1/(1 + exp(-z)), without overflow."""
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


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


def joined(new, arrays, names):
    """One vector over arrays end to end; others are moved into one."""
    parts = [arrays[name] for name in names]
    size = sum(a.size for a in parts)
    at, found = parts[0].__array_interface__["data"][0], []
    for a in parts:
        here = a.__array_interface__["data"][0] == at
        found.append(here and a.base is parts[0].base)
        at += a.nbytes
    if min(found) and parts[0].base is not None:
        step = (parts[0].itemsize,)
        return np.lib.stride_tricks.as_strided(parts[0], (size,), step)
    vector, start = new(size, parts[0].dtype), 0
    for name, a in zip(names, parts):
        arrays[name] = vector[start:start + a.size].reshape(a.shape)
        arrays[name][...] = a
        start += a.size
    return vector


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


def build(parameters):
    """plan(sizes) -> step; the arrays become views of flat vectors."""
    new = arena(116)
    P = joined(new, parameters, ["W1", "b1", "W2", "b2"])
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    W1_b1 = P[0:9].reshape(3, 3)
    W2_b2 = P[9:13].reshape(4, 1)

    def plan(batch):
        """A step for these sizes, with buffers of its own."""
        # -- buffers
        new = arena(80*batch + 500)
        x_and_1 = new((3, batch), np.float32)
        x_and_1.fill(1)
        rows = new((7, batch), np.float32)
        rows.fill(1)
        G = new(13, np.float32)
        loss_contract = new((2, batch), np.float32)
        d_Z2_square = new((4, batch), np.float32)
        d_Z2 = new((1, batch), np.float32)
        d_Z1 = new((3, batch), np.float32)
        # -- constants
        k_1 = np.array(0.5, np.float32)
        weights = np.array([
            [-2 * (0.125 / batch), 0.125 / batch, 0.125 / batch],
            [-2, 1, 1],
        ], np.float32)
        weights_dot = weights.dot
        k_2 = 0.25 / batch
        k_3 = np.array(1, np.float32)
        # -- views and bound methods
        tanh = np.tanh
        multiply = np.multiply
        square = np.square
        subtract = np.subtract
        x_T = x_and_1[0:2]
        A1_and_1 = rows[3:7]
        t_and_1_and_loss_tanh = rows[0:3]
        loss_tanh_and_A1 = rows[2:6]
        t_T = rows[0:1]
        loss_tanh = rows[2:3]
        A1 = rows[3:6]
        W1_new_contract = G[0:9].reshape(3, 3)
        W2_new_contract = G[9:13].reshape(4, 1)
        W1_b1_T = W1_b1.T
        W1_b1_T_dot = W1_b1_T.dot
        W2_b2_T = W2_b2.T
        W2_b2_T_dot = W2_b2_T.dot
        loss_contract_part = loss_contract[1]
        loss_contract_part_dot = loss_contract_part.dot
        loss_contract_part_2 = loss_contract[:1]
        d_Z2_square_part = d_Z2_square[:1]
        W2_dot = W2.dot
        d_Z2_square_part_2 = d_Z2_square[1:]
        d_Z1_T = d_Z1.T
        x_and_1_dot = x_and_1.dot
        d_Z2_T = d_Z2.T
        A1_and_1_dot = A1_and_1.dot

        @np.errstate(all="ignore")
        def step(x, t):

            # -- forward
            t_T[...] = t.T                       # a part of loss
            x_T[...] = x.T                       # a part of A1
            W1_b1_T_dot(x_and_1, A1)             # a part of A1
            tanh(A1, A1)                         # A1[i,j] = tanh(Z1[i,j])
            W2_b2_T_dot(A1_and_1, loss_tanh)     # a part of loss
            multiply(k_1, loss_tanh, loss_tanh)  # a part of loss
            tanh(loss_tanh, loss_tanh)           # a part of loss

            # -- loss
            # weighted sums of t_and_1_and_loss_tanh
            weights_dot(t_and_1_and_loss_tanh, loss_contract)
            # a part of loss
            loss_contract_2 = loss_contract_part_dot(loss_contract_part)
            # loss = Sum((p[n,0] - t[n,0])**2/size(n), n)
            loss = k_2 * float(loss_contract_2)

            # -- backward
            # a part of d_Z2
            square(loss_tanh_and_A1, d_Z2_square)
            # a part of d_Z2
            subtract(k_3, d_Z2_square, d_Z2_square)
            # d_Z2[i,j] = (0.25 - 0.25*tanh(0.5*Z2[i,j])**2)*d_p[i,j]
            multiply(loss_contract_part_2, d_Z2_square_part, d_Z2)
            # a part of d_Z1
            W2_dot(d_Z2, d_Z1)
            # d_Z1[i,j] = (1 - tanh(Z1[i,j])**2)*d_A1[i,j]
            multiply(d_Z1, d_Z2_square_part_2, d_Z1)
            # a part of W1_new
            x_and_1_dot(d_Z1_T, W1_new_contract)
            # a part of W2_new
            A1_and_1_dot(d_Z2_T, W2_new_contract)

            # -- update
            subtract(P, G, P)  # W1_new[i,j] = W1[i,j] - 0.5*d_W1[i,j]; so for all of P
            return float(loss)

        return step

    return plan


def step(parameters, x, t):
    """x (batch, 2), t (batch, 1) -> loss

    Updates W1, b1, W2, b2 in place.
    """
    return planned((parameters,), (x.shape[0],))(x, t)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 2), np.float32)
    t = rng.random((4, 1), np.float32)
    parameters = initial_parameters()
    print("loss:", step(parameters, x, t))

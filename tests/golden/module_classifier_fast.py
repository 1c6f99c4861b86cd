"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    states = initial_states()
    loss = step(parameters, states, x, t)

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
        "v_W1": np.zeros((64, 32)),  # kept divided by 100
        "v_b1": np.zeros((32,)),  # kept divided by 100
        "v_W2": np.zeros((32, 10)),  # kept divided by 100
        "v_b2": np.zeros((10,)),  # kept divided by 100
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


def build(parameters, states):
    """plan(sizes) -> step; the arrays become views of flat vectors."""
    new = arena(19408)
    P = joined(new, parameters, ["W1", "b1", "W2", "b2"])
    V = joined(new, states, ["v_W1", "v_b1", "v_W2", "v_b2"])
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    W2_b2 = P[2080:2410].reshape(33, 10)
    W1_b1 = P[0:2080].reshape(65, 32)

    def plan(batch):
        """A step for these sizes, with buffers of its own."""
        # -- buffers
        new = arena(776*batch + 10280)
        A1_and_1 = new((33, batch), np.float32)
        A1_and_1.fill(1)
        G = new(2410, np.float32)
        A1_pad = new((batch, 65), np.float32)
        A1_pad.fill(1)
        Z2 = new((10, batch), np.float32)
        loss_max = new(batch, np.float32)
        d_Z2 = new((10, batch), np.float32)
        loss_log = new(batch, np.float32)
        loss_one_hot = new((10, batch), np.float32)
        d_Z1 = new((32, batch), np.float32)
        d_Z1_square = new((32, batch), np.float32)
        # -- constants
        ones = np.ones(10, np.float32)
        ones_dot = ones.dot
        ones_2 = np.ones(batch, np.float32)
        eye_10 = np.eye(10, dtype=np.float32)
        eye_10_take = eye_10.take
        k_1 = np.array(0.01 / batch, np.float32)
        k_2 = np.array(1, np.float32)
        k_3 = np.array(0.9, np.float32)
        # -- views and bound methods
        tanh = np.tanh
        maximum_reduce = np.maximum.reduce
        subtract = np.subtract
        exp = np.exp
        log = np.log
        divide = np.divide
        multiply = np.multiply
        square = np.square
        add = np.add
        A1 = A1_and_1[0:32]
        W1_new_contract = G[0:2080].reshape(65, 32)
        W2_new_contract = G[2080:2410].reshape(33, 10)
        A1_pad_inner = A1_pad[:, :64]
        W1_b1_T = W1_b1.T
        A1_pad_T = A1_pad.T
        W1_b1_T_dot = W1_b1_T.dot
        W2_b2_T = W2_b2.T
        W2_b2_T_dot = W2_b2_T.dot
        loss_log_dot = loss_log.dot
        Z2_flat = Z2.reshape(10*batch,)
        loss_one_hot_flat = loss_one_hot.reshape(10*batch,)
        Z2_flat_dot = Z2_flat.dot
        W2_dot = W2.dot
        d_Z1_T = d_Z1.T
        A1_pad_T_dot = A1_pad_T.dot
        d_Z2_T = d_Z2.T
        A1_and_1_dot = A1_and_1.dot

        @np.errstate(all="ignore")
        def step(x, t):

            # -- forward
            A1_pad_inner[...] = x      # a part of A1
            W1_b1_T_dot(A1_pad_T, A1)  # a part of A1
            tanh(A1, A1)               # A1[i,j] = tanh(Z1[i,j])
            W2_b2_T_dot(A1_and_1, Z2)  # Z2[n,o] = z_sum_2[n,o] + b2[o]

            # -- loss
            # a part of loss
            maximum_reduce(Z2, 0, None, loss_max)
            # a part of loss
            subtract(Z2, loss_max, Z2)
            # a part of loss
            exp(Z2, d_Z2)
            # a part of loss
            ones_dot(d_Z2, loss_max)
            # a part of loss
            log(loss_max, loss_log)
            # a part of loss
            loss_sum = loss_log_dot(ones_2)
            # a part of loss
            eye_10_take(t, 1, loss_one_hot, "clip")
            # a part of loss
            loss_contract = Z2_flat_dot(loss_one_hot_flat)
            # loss = Sum((lse[n] - Z2[n,t[n]])/size(n), n)
            loss = (loss_sum - loss_contract) / batch

            # -- backward
            # a part of d_Z2
            divide(d_Z2, loss_max, d_Z2)
            # a part of d_Z2
            subtract(d_Z2, loss_one_hot, d_Z2)
            # d_Z2[n,k] = 0.01*expw(Z2[n,k], lse[n])/size(n) + where(t[n] == k, -0.01/size(n), 0)
            multiply(k_1, d_Z2, d_Z2)
            # d_A1[n,i] = Sum(W2[i,o]*d_Z2[n,o], o)
            W2_dot(d_Z2, d_Z1)
            # a part of d_Z1
            square(A1, d_Z1_square)
            # a part of d_Z1
            subtract(k_2, d_Z1_square, d_Z1_square)
            # d_Z1[i,j] = (1 - tanh(Z1[i,j])**2)*d_A1[i,j]
            multiply(d_Z1, d_Z1_square, d_Z1)
            # a part of W1_new
            A1_pad_T_dot(d_Z1_T, W1_new_contract)
            # a part of W2_new
            A1_and_1_dot(d_Z2_T, W2_new_contract)

            # -- update
            multiply(k_3, V, V)  # a part of v_W1_new
            add(V, G, V)         # v_W1_new[i,j] = 0.9*v_W1[i,j] + d_W1[i,j]; so for all of V
            subtract(P, V, P)    # W1_new[i,j] = W1[i,j] - 0.01*v_W1_new[i,j]; so for all of P
            return float(loss)

        return step

    return plan


def step(parameters, states, x, t):
    """x (batch, 64), t (batch,) int -> loss

    Updates v_W1, W1, v_b1, b1, v_W2, W2, v_b2, b2 in place.
    """
    return planned((parameters, states), (x.shape[0],))(x, t)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 64), np.float32)
    t = rng.integers(0, 10, (4,))
    parameters = initial_parameters()
    states = initial_states()
    print("loss:", step(parameters, states, x, t))

"""A training step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    loss = step(parameters, x, t)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def joined(arrays, names):
    """One vector over arrays that lie end to end; others are moved into one."""
    parts = [arrays[name] for name in names]
    size, at = sum(a.size for a in parts), 0
    places = [a.__array_interface__["data"][0] for a in parts]
    starts = []
    for a in parts:
        starts.append(at)
        at += a.nbytes
    whole = [a.base is not None and a.base is parts[0].base for a in parts]
    if min(whole) and [p - places[0] for p in places] == starts:
        return np.lib.stride_tricks.as_strided(parts[0], (size,), (parts[0].itemsize,))
    vector, start = np.empty(size, parts[0].dtype), 0
    for name, a in zip(names, parts):
        arrays[name] = vector[start:start + a.size].reshape(a.shape)
        arrays[name][...] = a
        start += a.size
    return vector


def planned(stores, sizes):
    """The step for these arrays and sizes; both are built when first met."""
    for known, plan, steps in PLANS:
        held = [a for store in stores for a in store.values()]
        if len(held) == len(known) and sum(a is b for a, b in zip(held, known)) == len(held):
            break
    else:
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


def build(parameters):
    """plan(sizes) -> step; the arrays become views of flat vectors."""
    P = joined(parameters, ["b", "W", "U"])
    b = parameters["b"]
    W = parameters["W"]
    U = parameters["U"]

    def plan(batch, time):
        """A step for these sizes, with buffers of its own."""
        # -- buffers
        G = np.empty(32, np.float32)
        loss_contract = np.empty((time, batch, 4), np.float32)
        loss_max = np.empty(batch, np.float32)
        loss_subtract = np.empty((batch, 4), np.float32)
        loss_exp = np.empty((batch, 4), np.float32)
        loss_log = np.empty(batch, np.float32)
        loss_one_hot = np.empty((batch, 4), np.float32)
        h_all = np.empty((time + 1, batch, 4), np.float32)
        add_2 = np.empty((batch, 4), np.float32)
        d_h_new = np.empty((batch, 4), np.float32)
        b_new_result_3 = np.empty((time, batch, 4), np.float32)
        U_T = np.empty((4, 4), np.float32)
        # -- constants
        broadcast = np.ascontiguousarray(np.full((batch, 4), 0, np.float32))
        bound = np.full(batch, -1e+38, np.float32)
        ones = np.ones(4, np.float32)
        eye_4 = np.eye(4, dtype=np.float32)
        eye_4_take = eye_4.take
        bound_2 = np.full(batch, 1e-30, np.float32)
        k_1 = np.array(0.1 / batch, np.float32)
        k_2 = np.array(1, np.float32)
        ones_2 = np.ones(batch*time, np.float32)
        ones_2_dot = ones_2.dot
        # -- views and bound methods
        add = np.add
        tanh = np.tanh
        maximum_reduce = np.maximum.reduce
        maximum = np.maximum
        subtract = np.subtract
        exp = np.exp
        log = np.log
        divide = np.divide
        multiply = np.multiply
        square = np.square
        copyto = np.copyto
        b_new_contract = G[4:16].reshape(3, 4)
        b_new_contract_2 = G[16:32].reshape(4, 4)
        b_new_sum = G[0:4]
        loss_contract_flat = loss_contract.reshape(batch*time, 4)
        h_all_start = h_all[0]
        h_all_start[...] = broadcast
        loss_result = h_all[-1]
        b_new_result = h_all[1:]
        b_new_result_2 = h_all[:-1]
        steps = []
        for k in range(time):
            h = h_all[k]
            h_new_3 = h_all[k + 1]
            add_part_1_2 = loss_contract[k]
            h_dot = h.dot
            steps.append((h_new_3, add_part_1_2, h_dot))
        loss_max_col = loss_max[:, None]
        loss_exp_dot = loss_exp.dot
        steps_2 = []
        for k_3 in reversed(range(time)):
            d_add_2_part_1_2 = loss_contract[k_3]
            d_add_2_3 = b_new_result_3[k_3]
            d_add_2_3_dot = d_add_2_3.dot
            steps_2.append((d_add_2_part_1_2, d_add_2_3, d_add_2_3_dot))
        b_new_result_3_flat = b_new_result_3.reshape(batch*time, 4)
        b_new_result_2_flat = b_new_result_2.reshape(batch*time, 4)
        b_new_result_2_flat_T = b_new_result_2_flat.T
        b_new_result_2_flat_T_dot = b_new_result_2_flat_T.dot

        @np.errstate(all="ignore")
        def step(x, t):

            # -- forward
            x.reshape(batch*time, 3).dot(W, loss_contract_flat)
            add(loss_contract, b, loss_contract)
            # h_last_1 = the last h; h_new = every h_new; h_before = every h before its step: time steps
            #     from h = zeros_1 over add_part_1 with U
            for h_new_3, add_part_1_2, h_dot in steps:
                # matmul_2[i,j] = Sum(h[i,k]*U[k,j], k)
                h_dot(U, add_2)
                # add_2[i,j] = matmul_2[i,j] + add_part_1[i,j]
                add(add_2, add_part_1_2, add_2)
                # h_new[i,j] = tanh(add_2[i,j])
                tanh(add_2, h_new_3)

            # -- loss
            # a part of loss
            maximum_reduce(loss_result, 1, None, loss_max)
            # a part of loss
            maximum(loss_max, bound, out=loss_max)
            # a part of loss
            subtract(loss_result, loss_max_col, loss_subtract)
            # a part of loss
            exp(loss_subtract, loss_exp)
            # a part of loss
            loss_exp_dot(ones, loss_max)
            # a part of loss
            log(loss_max, loss_log)
            # a part of loss
            loss_sum = loss_log.sum()
            # a part of loss
            eye_4_take(t, 0, loss_one_hot, "clip")
            # a part of loss
            loss_contract_2 = (
                np.tensordot(loss_subtract, loss_one_hot,
                    axes=([0, 1], [0, 1]))
            )
            # loss = Sum((L_1[n] - h_last_1[n,t[n]])/size(n), n)
            loss = (loss_sum - loss_contract_2) / batch
            maximum(loss_max, bound_2, out=loss_max)

            # -- backward
            divide(loss_exp, loss_max_col, loss_exp)
            subtract(loss_exp, loss_one_hot, loss_exp)
            multiply(k_1, loss_exp, loss_exp)
            square(b_new_result, loss_contract)
            subtract(k_2, loss_contract, loss_contract)
            # d_add_2 = every d_add_2: time steps backward from d_h_new = d_h_last_1 over d_add_2_part_1
            #     with U
            copyto(d_h_new, loss_exp)
            copyto(U_T, U.T)
            for d_add_2_part_1_2, d_add_2_3, d_add_2_3_dot in steps_2:
                # d_add_2[i,j] = d_h_new[i,j]*d_add_2_part_1[i,j]
                multiply(d_h_new, d_add_2_part_1_2, d_add_2_3)
                # d_h[i,k] = Sum(U[k,j]*d_add_2[i,j], j)
                d_add_2_3_dot(U_T, d_h_new)
            x.reshape(batch*time, 3).T.dot(b_new_result_3_flat, b_new_contract)
            b_new_result_2_flat_T_dot(b_new_result_3_flat, b_new_contract_2)
            ones_2_dot(b_new_result_3_flat, b_new_sum)

            # -- update
            subtract(P, G, P)  # b_new[i] = b[i] - 0.1*d_b[i]; so for W_new, U_new
            return float(loss)

        return step

    return plan


def step(parameters, x, t):
    """x (time, batch, 3), t (batch,) int -> loss

    Updates W, U, b in place.
    """
    return planned((parameters,), (x.shape[1], x.shape[0]))(x, t)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((4, 4, 3), np.float32)
    t = rng.integers(0, 4, (4,))
    parameters = initial_parameters()
    print("loss:", step(parameters, x, t))

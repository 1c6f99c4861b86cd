"""A step, written by graphnet 0.1.0; it needs NumPy only.

    parameters = initial_parameters(seed=0)
    states = initial_states()
    n, max_ = step(parameters, states, lambda_, rng_)

Run as a script it makes one such call on sample data.
"""

import numpy as np


def initial_parameters(seed=0):
    """New arrays: float (7, 3), θ (3,)."""
    rng = np.random.default_rng(seed)
    arrays = {
        "float": np.array(
            [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0,
            10.0, 11.0], [12.0, 13.0, 14.0], [15.0, 16.0, 17.0], [18.0,
            19.0, 20.0]]
        , np.float64),
        "θ": rng.uniform(-1.0, 1.0, (3,)),
    }
    return {name: np.array(a, np.float32) for name, a in arrays.items()}


def initial_states():
    """New arrays: step ()."""
    return {
        "step": np.array(np.zeros(()), np.intp),
    }


few = np.array([1, 0, 2], np.intp)
table = np.frombuffer(
    bytes.fromhex(
        "0000000004736d3c0473ed3c4316323d04736d3de267943d4316b23da3c4cf3"
        "d0473ed3db290053ee267143e133f233e4316323e73ed403ea3c44f3ed39b5e"
        "3e04736d3e344a7c3eb290853e4afc8c3ee267943e7ad39b3e133fa33eabaaa"
        "a3e4316b23edb81b93e73edc03e0b59c83ea3c4cf3e3b30d73ed39bde3e6c07"
        "e63e0473ed3e9cdef43e344afc3ee6da013fb290053f7e46093f4afc0c3f16b"
        "2103fe267143fae1d183f7ad31b3f46891f3f133f233fdff4263fabaa2a3f77"
        "602e3f4316323f0fcc353fdb81393fa7373d3f73ed403f3fa3443f0b59483fd"
        "70e4c3fa3c44f3f6f7a533f3b30573f07e65a3fd39b5e3fa051623f6c07663f"
        "38bd693f04736d3fd028713f9cde743f6894783f344a7c3f0000803f"
    ),
    "<f4",
).reshape(7, 10).astype(np.float32)


def forward(parameters, lambda_, rng_):
    """lambda_ (batch,) int, rng_ (batch, np) -> n (batch, 3), max_ (batch,)"""
    float_ = parameters["float"]
    θ = parameters["θ"]
    # n[n,d] = float[lambda[n],few[d]]*θ[d]
    n = float_[lambda_[:, None], few] * θ
    # max[n] = s_sum_1[n] + s_sum_2_1[n]; s_sum_2_1[n] = Sum(rng[n,k], k); s_sum_1[n] =
    #     Sum(table[lambda[n],k], k)
    max_ = table[lambda_].sum(axis=1) + rng_.sum(axis=1)
    return n, max_


def step(parameters, states, lambda_, rng_):
    """lambda_ (batch,) int, rng_ (batch, np) -> n (batch, 3), max_ (batch,)

    Updates step, θ in place.
    """
    float_ = parameters["float"]
    θ = parameters["θ"]
    step_ = states["step"]

    # -- forward
    # n[n,d] = float[lambda[n],few[d]]*θ[d]
    n = float_[lambda_[:, None], few] * θ
    # max[n] = s_sum_1[n] + s_sum_2_1[n]; s_sum_2_1[n] = Sum(rng[n,k], k); s_sum_1[n] =
    #     Sum(table[lambda[n],k], k)
    max_ = table[lambda_].sum(axis=1) + rng_.sum(axis=1)

    # -- update
    step_new = 1 + step_  # step_new = 1 + step
    θ_new = 2 * θ         # θ_new[i] = 2*θ[i]
    # every new value was computed; now they are written
    step_[...] = step_new
    θ[...] = θ_new
    return n, max_


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    lambda_ = rng.integers(0, 7, (4,))
    rng_ = rng.random((4, 4), np.float32)
    parameters = initial_parameters()
    states = initial_states()
    print("n, max:", step(parameters, states, lambda_, rng_))

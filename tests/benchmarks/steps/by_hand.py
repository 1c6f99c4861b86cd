"""The best plain NumPy steps written by hand: no allocation, flat vectors, views made once.

Each function makes the buffers of one workload and returns (run, reset). Layouts are chosen per
workload: small networks stand transposed, (features, batch), with a row of ones so that a bias is
a row of its weight; large ones by rows, with logits transposed for the softmax.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.steps import Step, Unsupported, by_hand_attention, by_hand_windows
from tests.benchmarks.steps.by_hand_parts import Flat, Pair, adam, cross_entropy, f32, gelu, scalar
from tests.benchmarks.workloads import Case, Workload

__all__ = ["make"]


def xor(case: Case, o: dict[str, float]) -> Pair:
    """The two tanh stand in one array, so that both slopes are one sequence of calls."""
    P, G = Flat(case.parameters), Flat(case.parameters)
    both = np.ones((5, 4), f32)  # rows: tanh of the output, three of the hidden layer, ones
    t, h, h1, slopes_of = both[:1], both[1:4], both[1:], both[:4]
    x1, s = np.ones((3, 4), f32), np.empty((4, 4), f32)
    x, s2, s1 = x1[:2], s[:1], s[1:]
    e, dh = np.empty((1, 4), f32), np.empty((3, 4), f32)
    W1b1, W2b2 = P.view("W1", "b1", shape=(3, 3)), P.view("W2", "b2", shape=(4, 1))
    gW1b1, gW2b2 = G.view("W1", "b1", shape=(3, 3)), G.view("W2", "b2", shape=(4, 1))
    first, second = W1b1.T.dot, W2b2.T.dot
    back, grad2, grad1 = W2b2[:3].dot, h1.dot, x1.dot
    dT, dhT, flat = s2.T, dh.T, e.reshape(4)
    dot = flat.dot
    one, half, rate = scalar(1), scalar(0.5), scalar(o["lr"] / 16)
    p, g = P.all, G.all
    tanh, add, subtract, multiply = np.tanh, np.add, np.subtract, np.multiply

    def run(xs: Any, ts: Any) -> float:
        x[...] = xs.T
        first(x1, h)
        tanh(h, h)
        second(h1, e)
        # sigmoid(z) = (1 + t)/2 with t = tanh(z/2); twice the error is e = t + 1 - 2y
        multiply(e, half, e)
        tanh(e, t)
        yT = ts.T
        subtract(t, yT, e)
        subtract(e, yT, e)
        add(e, one, e)
        multiply(slopes_of, slopes_of, s)
        subtract(one, s, s)
        # d_z2 = e*(1 - t**2)/16, the learning rate with it
        multiply(s2, e, s2)
        multiply(s2, rate, s2)
        grad2(dT, gW2b2)
        back(s2, dh)
        multiply(dh, s1, dh)
        grad1(dhT, gW1b1)
        subtract(p, g, p)
        return dot(flat) * 0.0625

    return run, P.load


def digits(case: Case, o: dict[str, float]) -> Pair:
    B, P, G, V = 32, Flat(case.parameters), Flat(case.parameters), Flat(case.parameters)
    x1, h1 = np.ones((65, B), f32), np.ones((33, B), f32)
    x, h = x1[:64], h1[:32]
    z, e, is_T = np.empty((B, 10), f32), np.empty((B, 10), f32), np.empty((B, 10), f32)
    top, total, mask = np.empty((B, 1), f32), np.empty((B, 1), f32), np.empty((32, B), bool)
    top1, total1 = top.reshape(B), total.reshape(B)
    dh, zeros = np.empty((32, B), f32), np.zeros((32, B), f32)
    W1b1, W2b2 = P.view("W1", "b1", shape=(65, 32)), P.view("W2", "b2", shape=(33, 10))
    gW1b1, gW2b2 = G.view("W1", "b1", shape=(65, 32)), G.view("W2", "b2", shape=(33, 10))
    first, second, back = W1b1.T.dot, h1.T.dot, P.view("W2").dot
    eT, dhT, grad2, grad1 = e.T, dh.T, h1.dot, x1.dot
    take, ones, picked = np.eye(10, dtype=f32).take, np.ones(10, f32), is_T.ravel()
    score = z.ravel().dot
    zero, rate, mu = scalar(0), scalar(o["lr"] / B), scalar(o["momentum"])
    p, g, v = P.all, G.all, V.all
    maximum, subtract, multiply, divide = np.maximum, np.subtract, np.multiply, np.divide
    exp, log, add, greater, largest = np.exp, np.log, np.add, np.greater, np.maximum.reduce
    sums, all_rows = e.dot, np.ones(B, f32).dot

    def run(xs: Any, ts: Any) -> float:
        x[...] = xs.T
        first(x1, h)
        maximum(h, zeros, out=h)
        second(W2b2, z)
        largest(z, 1, None, top1)
        subtract(z, top, z)
        exp(z, e)
        sums(ones, total1)
        log(total1, top1)
        take(ts, 0, is_T, "clip")
        loss = (all_rows(top1) - score(picked)) / B
        divide(e, total, e)
        subtract(e, is_T, e)
        multiply(e, rate, e)
        grad2(e, gW2b2)
        back(eT, dh)
        greater(h, zero, mask)
        multiply(dh, mask, dh)
        grad1(dhT, gW1b1)
        # v holds lr times the momentum
        multiply(v, mu, v)
        add(v, g, v)
        subtract(p, v, p)
        return loss

    def reset() -> None:
        P.load()
        v[...] = 0

    return run, reset


def mlp(B: int, relu: bool) -> Callable[[Case, dict[str, float]], Pair]:
    def make(case: Case, o: dict[str, float]) -> Pair:
        P, G = Flat(case.parameters), Flat(case.parameters)
        W1, b1, W2, b2, W3 = (P.view(n) for n in ("W1", "b1", "W2", "b2", "W3"))
        b3 = P.view("b3", shape=(10, 1))
        gW1, gb1, gW2, gb2, gW3, gb3 = (G.view(n) for n in case.parameters)
        h1, h2 = np.empty((B, 512), f32), np.empty((B, 256), f32)
        d1, d2, zT, dT = (np.empty(s, f32) for s in ((B, 512), (B, 256), (10, B), (10, B)))
        ones, zeros1, zeros2 = np.ones(B, f32), np.zeros_like(h1), np.zeros_like(h2)
        loss_of = cross_entropy(zT, dT, B, 10, 1 / B)
        activate, slopes = _relu(h1, h2, zeros1, zeros2) if relu else _gelu_tanh(h1, h2)
        update, reset = adam(P, G, o)
        W2T, W3T, h1T, h2T, d = W2.T, W3.T, h1.T, h2.T, dT.T
        add = np.add

        def run(xs: Any, ts: Any) -> float:
            xs.dot(W1, h1)
            add(h1, b1, h1)
            activate[0]()
            h1.dot(W2, h2)
            add(h2, b2, h2)
            activate[1]()
            W3T.dot(h2T, zT)
            add(zT, b3, zT)
            loss = loss_of(ts)
            h2T.dot(d, gW3)
            dT.dot(ones, gb3)
            d.dot(W3T, d2)
            slopes[1](d2)
            h1T.dot(d2, gW2)
            ones.dot(d2, gb2)
            d2.dot(W2T, d1)
            slopes[0](d1)
            xs.T.dot(d1, gW1)
            ones.dot(d1, gb1)
            update()
            return loss

        return run, reset

    return make


def _relu(h1: Any, h2: Any, zeros1: Any, zeros2: Any) -> tuple[Any, Any]:
    maximum, greater, multiply, zero = np.maximum, np.greater, np.multiply, scalar(0)
    mask1, mask2 = np.empty(h1.shape, bool), np.empty(h2.shape, bool)

    def slope(h: Any, mask: Any) -> Callable[[Any], None]:
        def apply(d: Any) -> None:
            greater(h, zero, mask)
            multiply(d, mask, d)

        return apply

    return (
        (lambda: maximum(h1, zeros1, out=h1), lambda: maximum(h2, zeros2, out=h2)),
        (slope(h1, mask1), slope(h2, mask2)),
    )


def _gelu_tanh(h1: Any, h2: Any) -> tuple[Any, Any]:
    forward, backward = gelu(h1)
    q, one = np.empty_like(h2), scalar(1)
    tanh, multiply, subtract = np.tanh, np.multiply, np.subtract

    def slope(d: Any) -> None:
        multiply(h2, h2, q)
        subtract(one, q, q)
        multiply(d, q, d)

    return (forward, lambda: tanh(h2, h2)), (backward, slope)


TABLE: dict[str, Callable[[Case, dict[str, float]], Pair]] = {
    "W1": xor,
    "W2": digits,
    "W3": mlp(128, relu=True),
    "W4": mlp(512, relu=False),
    "W5": by_hand_windows.cnn,
    "W6": by_hand_windows.rnn,
    "W7": by_hand_attention.transformer,
    "W8": by_hand_attention.gpt,
}


def make(workload: Workload, case: Case, variant: str) -> Step:
    if workload.name not in TABLE:
        raise Unsupported("not written")
    run, reset = TABLE[workload.name](case, workload.options)
    reset()
    return Step(run, reset)

"""What the steps by hand share: flat vectors, Adam, cross entropy, GELU; nothing allocates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Flat", "Pair", "adam", "cross_entropy", "f32", "gelu", "scalar"]

Pair = tuple[Callable[..., Any], Callable[[], None]]  # run, reset
f32 = np.float32


def scalar(value: float) -> Any:
    """A 0-d array: NumPy converts a Python float at every call."""
    return np.array(value, f32)


class Flat:
    """Arrays by name as views of one vector."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.first = parameters
        self.all = np.zeros(sum(a.size for a in parameters.values()), f32)
        self.starts = dict(
            zip(parameters, np.cumsum([0, *(a.size for a in parameters.values())]), strict=False)
        )

    def view(self, *names: str, shape: tuple[int, ...] | None = None) -> Any:
        """One array, or neighbours stacked in a shape."""
        start = self.starts[names[0]]
        size = sum(self.first[n].size for n in names)
        return self.all[start : start + size].reshape(shape or self.first[names[0]].shape)

    def load(self) -> None:
        for name, array in self.first.items():
            self.view(name)[...] = array


BLOCK = 65536  # parameters updated at a time: four such arrays stay in a cache of 2 MB


def adam(P: Flat, G: Flat, o: dict[str, float]) -> tuple[Callable[[], None], Callable[[], None]]:
    """Ten passes over flat vectors, a block at a time: the moments are kept without their factor
    1 - beta, and the bias corrections become two numbers. G is scratch afterwards."""
    p, m, v = P.all, np.zeros_like(P.all), np.zeros_like(P.all)
    b1, b2, decay = o.get("beta1", 0.9), o.get("beta2", 0.999), o.get("decay", 0.0)
    k1, k2, keep = scalar(b1), scalar(b2), scalar(1 - o["lr"] * decay)
    eps, rate = scalar(0), scalar(0)
    multiply, add, sqrt, divide, subtract = np.multiply, np.add, np.sqrt, np.divide, np.subtract
    blocks = [tuple(a[k : k + BLOCK] for a in (p, G.all, m, v)) for k in range(0, p.size, BLOCK)]
    t = 0

    def update() -> None:
        nonlocal t
        t += 1
        root = ((1 - b2) / (1 - b2**t)) ** 0.5
        eps[...] = 1e-8 / root
        rate[...] = o["lr"] * (1 - b1) / (1 - b1**t) / root
        for w, g, m, v in blocks:
            multiply(m, k1, m)
            add(m, g, m)
            multiply(g, g, g)
            multiply(v, k2, v)
            add(v, g, v)
            sqrt(v, g)
            add(g, eps, g)
            divide(m, g, g)
            multiply(g, rate, g)
            if decay:
                multiply(w, keep, w)
            subtract(w, g, w)

    def reset() -> None:
        nonlocal t
        t = 0
        P.load()
        m[...] = 0
        v[...] = 0

    return update, reset


def cross_entropy(
    zT: Any, eT: Any, B: int, K: int, factor: float
) -> Callable[[Any], float]:  # fmt: skip
    """The loss of logits that stand as (classes, rows); leaves factor*(p - y) in eT."""
    top, total, is_T = np.empty(B, f32), np.empty(B, f32), np.empty((K, B), f32)
    largest, take, ones = np.maximum.reduce, np.eye(K, dtype=f32).take, np.ones(K, f32)
    score, picked, sums = zT.ravel().dot, is_T.ravel(), ones.dot
    subtract, exp, log, divide, multiply = np.subtract, np.exp, np.log, np.divide, np.multiply
    k, rows = scalar(factor), np.ones(B, f32)

    def run(ts: Any) -> float:
        largest(zT, 0, None, top)
        subtract(zT, top, zT)
        exp(zT, eT)
        sums(eT, total)
        log(total, top)
        take(ts, 1, is_T, "clip")
        loss = float(rows.dot(top) - score(picked)) / B
        divide(k, total, total)
        multiply(eT, total, eT)
        multiply(is_T, k, is_T)
        subtract(eT, is_T, eT)
        return loss

    return run


def gelu(z: Any) -> tuple[Callable[[], None], Callable[[Any], None]]:
    """tanh form, in place: z -> gelu(z), and d -> d*slope. With u = c*(z + a*z**3) and s = tanh(u)
    the slope is (1 + s)/2*(1 + z*(1 - s)*c*(1 + 3*a*z**2))."""
    q, s, slope = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    c = (2 / np.pi) ** 0.5
    ca, c0, c3, half, one = map(scalar, (0.044715 * c, c, 3 * 0.044715 * c, 0.5, 1.0))
    multiply, add, subtract, tanh = np.multiply, np.add, np.subtract, np.tanh

    def forward() -> None:
        multiply(z, z, q)
        multiply(q, ca, s)
        add(s, c0, s)
        multiply(s, z, s)
        tanh(s, s)  # s = tanh(u)
        multiply(q, c3, q)
        add(q, c0, q)
        multiply(q, z, q)  # z*du/dz
        subtract(one, s, slope)
        multiply(slope, q, slope)
        add(slope, one, slope)
        add(s, one, s)
        multiply(s, half, s)
        multiply(slope, s, slope)
        multiply(z, s, z)

    def backward(d: Any) -> None:
        multiply(d, slope, d)

    return forward, backward

"""Three ways to a gradient: a closed expression, finite differences, back-propagation.

python examples/three_ways.py
"""

import sys
import time

import numpy as np

import graphnet as gn

short = "--short" in sys.argv
X, t = np.random.default_rng(0).normal(size=(2, 4)), np.array([[0.5], [-0.5]])


def network(width: int):
    x, y = gn.input("x", (2, 4)), gn.input("y", (2, 1))
    W, V = gn.parameter("W", (4, width)), gn.parameter("V", (width, 1))
    loss = gn.mse(gn.tanh(x @ W) @ V, y)
    return x, y, W, V, loss


def timed(call, times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def differences(forward, h: float = 1e-6) -> np.ndarray:
    """Two passes a weight: (loss at w + h - loss at w - h)/(2*h)."""
    slopes = []
    for name in ("W", "V"):
        array = forward.parameters[name]
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + h
            up = forward(X, t)
            array[place] = before - h
            slopes.append((up - forward(X, t)) / (2 * h))
            array[place] = before
    return np.array(slopes)


def row(width: int) -> str:
    x, y, W, V, loss = network(width)
    backward = gn.function([x, y], gn.grad(loss, [W, V]), dtype="float64")
    forward = gn.function([x, y], loss, dtype="float64", parameters=backward.parameters)
    exact = np.concatenate([g.ravel() for g in backward(X, t)])
    off = np.abs(differences(forward) - exact).max()
    text = f"{5 * width:5} weights: back-propagation {timed(lambda: backward(X, t)) * 1e6:5.0f} us,"
    text += f" differences {timed(lambda: differences(forward)) * 1e6:8.0f} us (off by {off:.0e})"
    if width <= 16:  # every slope as one closed expression in inputs and weights
        net = gn.unfold(gn.grad(loss, [W, V], stabilize=False)).unfolding
        slopes = [e for e in net.bodies if e.tensor in ("d_W", "d_V")]
        text += f", closed: {sum(net.inlined(e).count_ops() for e in slopes):,} operations"
    return text


for width in (1, 2, 4) if short else (1, 2, 4, 8, 16, 64, 256):
    print(row(width))

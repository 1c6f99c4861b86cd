"""Textbook NumPy for the convolutional, recurrent and attention networks: loss and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["GELU", "cnn", "cross_entropy", "gelu", "gpt", "rnn", "transformer"]

Arrays = dict[str, Any]
GELU = (2 / np.pi) ** 0.5


def cross_entropy(z: Any, t: Any) -> tuple[Any, Any]:
    """The mean loss of logits (rows, classes), and its gradient."""
    rows = np.arange(len(t))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    probability = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(probability[rows, t]))
    d_z = probability
    d_z[rows, t] -= 1
    return loss, d_z / len(t)


def gelu(z: Any) -> tuple[Any, Any]:
    """The tanh form, and its slope."""
    s = np.tanh(GELU * (z + 0.044715 * z**3))
    return 0.5 * z * (1 + s), 0.5 * (1 + s) + 0.5 * z * (1 - s**2) * GELU * (1 + 0.134145 * z**2)


def convolve(x: Any, w: Any) -> tuple[Any, Any]:
    """Same convolution of (batch, y, x, in) with (3, 3, in, out), and the windows it saw."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))  # (batch, y, x, in, 3, 3)
    return np.einsum("nyxcuv,uvco->nyxo", windows, w, optimize=True), windows


def convolve_back(d: Any, w: Any, windows: Any) -> tuple[Any, Any]:
    """The adjoints of x and w."""
    d_w = np.einsum("nyxcuv,nyxo->uvco", windows, d, optimize=True)
    return convolve(d, w[::-1, ::-1].transpose(0, 1, 3, 2))[0], d_w


def pool(a: Any) -> tuple[Any, Any]:
    """The largest of every 2x2, and the array seen as such squares."""
    n, y, x, c = a.shape
    squares = a.reshape(n, y // 2, 2, x // 2, 2, c)
    return squares.max(axis=(2, 4)), squares


def pool_back(d: Any, p: Any, squares: Any) -> Any:
    n, y, _, x, _, c = squares.shape
    here = squares == p[:, :, None, :, None, :]
    return (here * d[:, :, None, :, None, :]).reshape(n, 2 * y, 2 * x, c)


def cnn(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
    z1, windows1 = convolve(x, p["W1"])
    z1 = z1 + p["b1"]
    p1, squares1 = pool(np.maximum(z1, 0))
    z2, windows2 = convolve(p1, p["W2"])
    z2 = z2 + p["b2"]
    p2, squares2 = pool(np.maximum(z2, 0))
    flat = p2.reshape(len(x), -1)
    loss, d_z3 = cross_entropy(flat @ p["W3"] + p["b3"], t)
    d_p2 = (d_z3 @ p["W3"].T).reshape(p2.shape)
    d_z2 = pool_back(d_p2, p2, squares2) * (z2 > 0)
    d_p1, d_w2 = convolve_back(d_z2, p["W2"], windows2)
    d_z1 = pool_back(d_p1, p1, squares1) * (z1 > 0)
    return loss, {
        "W1": np.einsum("nyxcuv,nyxo->uvco", windows1, d_z1, optimize=True),
        "b1": d_z1.sum(axis=(0, 1, 2)), "W2": d_w2, "b2": d_z2.sum(axis=(0, 1, 2)),
        "W3": flat.T @ d_z3, "b3": d_z3.sum(axis=0),
    }  # fmt: skip


def rnn(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
    states = [np.zeros((x.shape[1], p["Wh"].shape[0]), x.dtype)]
    for xt in x:
        states.append(np.tanh(xt @ p["Wx"] + states[-1] @ p["Wh"] + p["b"]))
    loss, d_z = cross_entropy(states[-1] @ p["Wo"] + p["bo"], t)
    g = {k: np.zeros_like(p[k]) for k in ("Wx", "Wh", "b")}
    d_h = d_z @ p["Wo"].T
    for k in reversed(range(len(x))):
        d_a = d_h * (1 - states[k + 1] ** 2)
        g["Wx"] += x[k].T @ d_a
        g["Wh"] += states[k].T @ d_a
        g["b"] += d_a.sum(axis=0)
        d_h = d_a @ p["Wh"].T
    return loss, g | {"Wo": states[-1].T @ d_z, "bo": d_z.sum(axis=0)}


def normalize(x: Any, gain: Any, shift: Any) -> tuple[Any, Any]:
    mean = x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    x_hat = (x - mean) / deviation
    return gain * x_hat + shift, (x_hat, deviation)


def normalize_back(d: Any, gain: Any, saved: Any) -> tuple[Any, Any, Any]:
    x_hat, deviation = saved
    h = d * gain
    mean = h.mean(axis=-1, keepdims=True)
    d_x = (h - mean - x_hat * (h * x_hat).mean(axis=-1, keepdims=True)) / deviation
    rows = tuple(range(d.ndim - 1))
    return d_x, (d * x_hat).sum(axis=rows), d.sum(axis=rows)


def rows(a: Any) -> Any:
    return a.reshape(-1, a.shape[-1])


def block(p: Arrays, end: str, x: Any, causal: bool) -> tuple[Any, Any]:
    """One pre-LN block on (batch, length, width); weights of attention may name their heads."""
    n, length, d = x.shape
    heads = p[f"Wq{end}"].shape[1] if p[f"Wq{end}"].ndim == 3 else 1

    def project(k: str) -> Any:  # (batch, heads, length, width of a head)
        y = u @ p[f"W{k}{end}"].reshape(d, d)
        if f"b{k}{end}" in p:
            y = y + p[f"b{k}{end}"].reshape(d)
        return y.reshape(n, length, heads, -1).transpose(0, 2, 1, 3)

    u, norm1 = normalize(x, p[f"g1{end}"], p[f"s1{end}"])
    q, k, v = project("q"), project("k"), project("v")
    scores = q @ k.transpose(0, 1, 3, 2) / q.shape[-1] ** 0.5
    if causal:
        scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    a = (weights @ v).transpose(0, 2, 1, 3).reshape(n, length, d)
    y = x + a @ p[f"Wo{end}"].reshape(d, d)
    if f"bo{end}" in p:
        y = y + p[f"bo{end}"]
    w, norm2 = normalize(y, p[f"g2{end}"], p[f"s2{end}"])
    h, slope = gelu(w @ p[f"W1{end}"] + p[f"b1{end}"])
    z = y + h @ p[f"W2{end}"] + p[f"b2{end}"]
    return z, (u, norm1, q, k, v, weights, a, w, norm2, h, slope)


def block_back(p: Arrays, end: str, d_z: Any, saved: Any, g: Arrays) -> Any:
    """The adjoint of the block's input; those of its parameters go to g."""
    u, norm1, q, k, v, weights, a, w, norm2, h, slope = saved
    n, length, d = d_z.shape
    d_m = d_z @ p[f"W2{end}"].T * slope
    g[f"W2{end}"], g[f"b2{end}"] = rows(h).T @ rows(d_z), rows(d_z).sum(axis=0)
    g[f"W1{end}"], g[f"b1{end}"] = rows(w).T @ rows(d_m), rows(d_m).sum(axis=0)
    d_y, g[f"g2{end}"], g[f"s2{end}"] = normalize_back(d_m @ p[f"W1{end}"].T, p[f"g2{end}"], norm2)
    d_y = d_y + d_z
    Wo = p[f"Wo{end}"]
    g[f"Wo{end}"] = (rows(a).T @ rows(d_y)).reshape(Wo.shape)
    if f"bo{end}" in p:
        g[f"bo{end}"] = rows(d_y).sum(axis=0)
    d_a = (d_y @ Wo.reshape(d, d).T).reshape(n, length, q.shape[1], -1).transpose(0, 2, 1, 3)
    d_weights = d_a @ v.transpose(0, 1, 3, 2)
    d_scores = weights * (d_weights - (d_weights * weights).sum(axis=-1, keepdims=True))
    d_scores = d_scores / q.shape[-1] ** 0.5
    parts = {
        "q": d_scores @ k,
        "k": d_scores.transpose(0, 1, 3, 2) @ q,
        "v": weights.transpose(0, 1, 3, 2) @ d_a,
    }
    d_u = 0
    for name, part in parts.items():
        flat = part.transpose(0, 2, 1, 3).reshape(n, length, d)
        W = p[f"W{name}{end}"]
        g[f"W{name}{end}"] = (rows(u).T @ rows(flat)).reshape(W.shape)
        if f"b{name}{end}" in p:
            g[f"b{name}{end}"] = rows(flat).sum(axis=0).reshape(p[f"b{name}{end}"].shape)
        d_u = d_u + flat @ W.reshape(d, d).T
    d_x, g[f"g1{end}"], g[f"s1{end}"] = normalize_back(d_u, p[f"g1{end}"], norm1)
    return d_x + d_y


def transformer(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
    z, saved = block(p, "", x, causal=False)
    loss, d = cross_entropy(rows(z) @ p["W3"] + p["b3"], t.reshape(-1))
    g = {"W3": rows(z).T @ d, "b3": d.sum(axis=0)}
    block_back(p, "", (d @ p["W3"].T).reshape(z.shape), saved, g)
    return loss, g


def gpt(p: Arrays, x: Any, t: Any) -> tuple[Any, Arrays]:
    z = p["E"][x] + p["P"]
    saved = []
    for i in range(3):
        z, kept = block(p, f"_{i}", z, causal=True)
        saved.append(kept)
    w, norm = normalize(z, p["g3"], p["s3"])
    last = w[:, 5:]
    loss, d = cross_entropy(rows(last) @ p["W3"], t.reshape(-1))
    g = {"W3": rows(last).T @ d}
    d_w = np.zeros_like(w)
    d_w[:, 5:] = (d @ p["W3"].T).reshape(last.shape)
    d_z, g["g3"], g["s3"] = normalize_back(d_w, p["g3"], norm)
    for i in reversed(range(3)):
        d_z = block_back(p, f"_{i}", d_z, saved[i], g)
    g["P"], g["E"] = d_z.sum(axis=0), np.zeros_like(p["E"])
    np.add.at(g["E"], x, d_z)
    return loss, g

"""Transformer blocks by hand, without allocation: one layer (W7) and the small GPT (W8)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks.steps.by_hand_parts import Flat, Pair, adam, cross_entropy, f32, gelu, scalar
from tests.benchmarks.steps.layouts import packed
from tests.benchmarks.workloads import Case

__all__ = ["gpt", "transformer"]


class Norm:
    """x_hat = (x - mean)/deviation over rows; gain and shift are folded into the next weight."""

    def __init__(self, rows: int, d: int) -> None:
        self.x_hat, self.q = np.empty((rows, d), f32), np.empty((rows, d), f32)
        self.r = np.empty((rows, 1), f32)
        self.r1, self.c, self.eps = self.r.reshape(rows), np.full(d, 1 / d, f32), scalar(1e-5)
        self.m = np.empty((rows, 1), f32)
        self.m1 = self.m.reshape(rows)

    def forward(self, x: Any) -> None:
        h, q, r1 = self.x_hat, self.q, self.r1
        x.dot(self.c, r1)
        np.subtract(x, self.r, h)
        np.multiply(h, h, q)
        q.dot(self.c, r1)
        np.add(r1, self.eps, r1)
        np.sqrt(r1, r1)
        np.reciprocal(r1, r1)
        np.multiply(h, self.r, h)

    def backward(self, d: Any) -> None:
        """d: adjoint of x_hat -> adjoint of x, in place."""
        h, q = self.x_hat, self.q
        np.multiply(d, h, q)
        q.dot(self.c, self.m1)
        np.multiply(h, self.m, q)
        np.subtract(d, q, d)
        d.dot(self.c, self.m1)
        np.subtract(d, self.m, d)
        np.multiply(d, self.r, d)


class Folded:
    """A weight with gain and shift of the norm before it: W' = g*W*scale, b' = (b + s@W)*scale."""

    def __init__(
        self, P: Flat, G: Flat, names: tuple[str, str, str, str | None], scale: Any
    ) -> None:
        g, s, W, b = names
        self.W, self.gain, self.gain1, self.shift = (
            P.view(W),
            P.view(g)[:, None],
            P.view(g),
            P.view(s),
        )
        self.b = P.view(b) if b else None
        self.grads = (G.view(g), G.view(s), G.view(W), G.view(b) if b else None)
        self.scale = scale
        self.folded, self.bias = np.empty_like(self.W), np.empty(self.W.shape[1], f32)
        self.q, self.b_grad = np.empty_like(self.W), np.empty(self.W.shape[1], f32)
        self.ones = np.ones(self.W.shape[1], f32)

    def fold(self) -> None:
        np.multiply(self.W, self.gain, self.folded)
        self.shift.dot(self.W, self.bias)
        if self.b is not None:
            np.add(self.bias, self.b, self.bias)
        if self.scale is not None:
            np.multiply(self.folded, self.scale, self.folded)
            np.multiply(self.bias, self.scale, self.bias)

    def unfold(self, x_hat: Any, d: Any, rows: Any) -> None:
        """Gradients from the adjoint d of x_hat @ W' + b'."""
        g_gain, g_shift, g_W, g_b = self.grads
        b_grad = self.b_grad
        x_hat.T.dot(d, g_W)
        rows.dot(d, b_grad)
        if self.scale is not None:
            np.multiply(g_W, self.scale, g_W)
            np.multiply(b_grad, self.scale, b_grad)
        np.multiply(g_W, self.W, self.q)
        self.q.dot(self.ones, g_gain)
        self.W.dot(b_grad, g_shift)
        np.multiply(g_W, self.gain, g_W)
        np.multiply(self.shift[:, None], b_grad, self.q)
        np.add(g_W, self.q, g_W)
        if g_b is not None:
            g_b[...] = b_grad


class Block:
    """A pre-LN block over (batch*length, width) rows. `forward(x, out)`, `backward(d)` in place."""

    def __init__(
        self, P: Flat, G: Flat, end: str, batch: int, length: int, d: int, heads: int, causal: bool
    ) -> None:
        rows, wide, w = batch * length, 4 * d, d // heads
        biased = f"bqkv{end}" in P.first
        scale = np.ones(3 * d, f32)
        scale[:d] = w**-0.5  # that of the scores
        self.attend = Folded(
            P, G, (f"g1{end}", f"s1{end}", f"Wqkv{end}", f"bqkv{end}" if biased else None), scale
        )
        self.widen = Folded(P, G, (f"g2{end}", f"s2{end}", f"W1{end}", f"b1{end}"), None)
        self.norm1, self.norm2 = Norm(rows, d), Norm(rows, d)
        self.Wo, self.gWo = P.view(f"Wo{end}"), G.view(f"Wo{end}")
        self.bo, self.gbo = (P.view(f"bo{end}"), G.view(f"bo{end}")) if biased else (None, None)
        self.W2, self.b2 = P.view(f"W2{end}"), P.view(f"b2{end}")
        self.gW2, self.gb2 = G.view(f"W2{end}"), G.view(f"b2{end}")
        self.qkv, self.d_qkv = np.empty((rows, 3 * d), f32), np.empty((rows, 3 * d), f32)

        def parts(a: Any) -> list[Any]:  # (batch, heads, length, w), views
            return list(a.reshape(batch, length, 3, heads, w).transpose(2, 0, 3, 1, 4))

        self.q, self.k, self.v = parts(self.qkv)
        self.dq, self.dk, self.dv = parts(self.d_qkv)
        self.a, self.da = np.empty((rows, d), f32), np.empty((rows, d), f32)
        self.a4, self.da4 = (
            x.reshape(batch, length, heads, w).transpose(0, 2, 1, 3) for x in (self.a, self.da)
        )
        self.weights = np.empty((batch, heads, length, length), f32)
        self.d_weights = np.empty_like(self.weights)
        self.top = np.empty((batch, heads, length, 1), f32)
        self.top_flat = self.top.reshape(-1)
        self.by_rows = self.weights.reshape(-1, length)
        self.d_by_rows = self.d_weights.reshape(-1, length)
        self.mask = np.triu(np.full((length, length), -np.inf, f32), 1) if causal else None
        self.y, self.t = np.empty((rows, d), f32), np.empty((rows, d), f32)
        self.h, self.dh = np.empty((rows, wide), f32), np.empty((rows, wide), f32)
        self.activate, self.slope = gelu(self.h)
        self.ones, self.ones_length = np.ones(rows, f32), np.ones(length, f32)

    def forward(self, x: Any, out: Any) -> None:
        add, multiply, matmul, s = np.add, np.multiply, np.matmul, self.weights
        self.attend.fold()
        self.widen.fold()
        self.norm1.forward(x)
        self.norm1.x_hat.dot(self.attend.folded, self.qkv)
        add(self.qkv, self.attend.bias, self.qkv)
        matmul(self.q, self.k.swapaxes(-1, -2), s)
        if self.mask is not None:
            add(s, self.mask, s)
        np.maximum.reduce(self.by_rows, 1, None, self.top_flat)
        np.subtract(s, self.top, s)
        np.exp(s, s)
        self.by_rows.dot(self.ones_length, self.top_flat)
        np.reciprocal(self.top, self.top)
        multiply(s, self.top, s)
        matmul(s, self.v, self.a4)
        y = self.y
        self.a.dot(self.Wo, y)
        add(y, x, y)
        if self.bo is not None:
            add(y, self.bo, y)
        self.norm2.forward(y)
        self.norm2.x_hat.dot(self.widen.folded, self.h)
        add(self.h, self.widen.bias, self.h)
        self.activate()
        self.h.dot(self.W2, out)
        add(out, y, out)
        add(out, self.b2, out)

    def backward(self, d: Any) -> None:
        add, multiply, matmul, ones = np.add, np.multiply, np.matmul, self.ones
        self.h.T.dot(d, self.gW2)
        ones.dot(d, self.gb2)
        d.dot(self.W2.T, self.dh)
        self.slope(self.dh)
        self.widen.unfold(self.norm2.x_hat, self.dh, ones)
        self.dh.dot(self.widen.folded.T, self.t)
        self.norm2.backward(self.t)
        add(d, self.t, d)
        self.a.T.dot(d, self.gWo)
        if self.gbo is not None:
            ones.dot(d, self.gbo)
        d.dot(self.Wo.T, self.da)
        matmul(self.weights.swapaxes(-1, -2), self.da4, self.dv)
        p, dp = self.weights, self.d_weights
        matmul(self.da4, self.v.swapaxes(-1, -2), dp)
        multiply(dp, p, dp)
        self.d_by_rows.dot(self.ones_length, self.top_flat)
        multiply(p, self.top, p)
        np.subtract(dp, p, dp)
        matmul(dp, self.k, self.dq)
        matmul(dp.swapaxes(-1, -2), self.q, self.dk)
        self.attend.unfold(self.norm1.x_hat, self.d_qkv, ones)
        self.d_qkv.dot(self.attend.folded.T, self.t)
        self.norm1.backward(self.t)
        add(d, self.t, d)


def transformer(case: Case, o: dict[str, float]) -> Pair:
    N, L, d, K = 16, 64, 64, 32
    rows, first = N * L, packed(case.parameters)
    P, G = Flat(first), Flat(first)
    block = Block(P, G, "", N, L, d, 1, False)
    z, dz = np.empty((rows, d), f32), np.empty((rows, d), f32)
    zT, dT = np.empty((K, rows), f32), np.empty((K, rows), f32)
    loss_of = cross_entropy(zT, dT, rows, K, 1 / rows)
    W3, b3, gW3, gb3 = P.view("W3"), P.view("b3", shape=(K, 1)), G.view("W3"), G.view("b3")
    ones, W3T, D = np.ones(rows, f32), W3.T, dT.T
    update, reset = adam(P, G, o)

    def run(x: Any, t: Any) -> float:
        block.forward(x.reshape(rows, d), z)
        W3T.dot(z.T, zT)
        np.add(zT, b3, zT)
        loss = loss_of(t.reshape(rows))
        z.T.dot(D, gW3)
        dT.dot(ones, gb3)
        D.dot(W3T, dz)
        block.backward(dz)
        update()
        return loss

    return run, reset


def gpt(case: Case, o: dict[str, float]) -> Pair:
    N, L, d, K = 64, 11, 48, 3
    rows, first = N * L, packed(case.parameters)
    P, G = Flat(first), Flat(first)
    blocks = [Block(P, G, f"_{i}", N, L, d, 3, True) for i in range(3)]
    z = [np.empty((rows, d), f32) for _ in range(4)]
    picked, last = np.empty((rows, K), f32), np.empty((N * 6, d), f32)
    norm, W3, gW3 = Norm(rows, d), P.view("W3"), G.view("W3")
    gain, shift, g_gain, g_shift = P.view("g3"), P.view("s3"), G.view("g3"), G.view("s3")
    E, place, gE, g_place = P.view("E"), P.view("P"), G.view("E"), G.view("P", shape=(L * d,))
    zT, dT = np.empty((K, N * 6), f32), np.empty((K, N * 6), f32)
    loss_of = cross_entropy(zT, dT, N * 6, K, 1 / (N * 6))
    dz, d_last = np.zeros((rows, d), f32), np.empty((N * 6, d), f32)
    x_hat_last = norm.x_hat.reshape(N, L, d)[:, 5:]
    dz_last, z_first = dz.reshape(N, L, d)[:, 5:], z[0].reshape(N, L, d)
    last3, d_last3 = last.reshape(N, 6, d), d_last.reshape(N, 6, d)
    folded, fgrad, eye = np.empty((d, K), f32), np.empty((d, K), f32), np.eye(K, dtype=f32)
    bias, bgrad, q = np.empty((K, 1), f32), np.empty(K, f32), np.empty((d, K), f32)
    ones, onesN, onesK = np.ones(N * 6, f32), np.ones(N, f32), np.ones(K, f32)
    D, folded_T, dz_wide = dT.T, folded.T, dz.reshape(N, L * d)
    gain_col, shift_col, bias1 = gain[:, None], shift[:, None], bias.reshape(K)
    add, multiply = np.add, np.multiply
    update, reset = adam(P, G, o)

    def run(x: Any, t: Any) -> float:
        eye.take(x.reshape(rows), 0, picked, "clip")
        picked.dot(E, z[0])
        add(z_first, place, z_first)
        for k, block in enumerate(blocks):
            block.forward(z[k], z[k + 1])
        norm.forward(z[3])
        last3[...] = x_hat_last
        multiply(W3, gain_col, folded)
        shift.dot(W3, bias1)
        folded_T.dot(last.T, zT)
        add(zT, bias, zT)
        loss = loss_of(t.reshape(N * 6))
        last.T.dot(D, fgrad)
        dT.dot(ones, bgrad)
        multiply(fgrad, W3, q)
        q.dot(onesK, g_gain)
        W3.dot(bgrad, g_shift)
        multiply(fgrad, gain_col, gW3)
        multiply(shift_col, bgrad, q)
        add(gW3, q, gW3)
        D.dot(folded_T, d_last)
        dz[...] = 0
        dz_last[...] = d_last3
        norm.backward(dz)
        for block in reversed(blocks):
            block.backward(dz)
        onesN.dot(dz_wide, g_place)
        picked.T.dot(dz, gE)
        update()
        return loss

    return run, reset

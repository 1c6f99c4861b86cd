"""The convolutional, recurrent and attention networks by hand, without allocation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tests.benchmarks.steps.by_hand_parts import Flat, Pair, adam, cross_entropy, f32, gelu, scalar
from tests.benchmarks.steps.layouts import packed
from tests.benchmarks.workloads import Case

__all__ = ["cnn", "gpt", "rnn", "transformer"]


def rnn(case: Case, o: dict[str, float]) -> Pair:
    """One product for all inputs, the state product alone in the loop, one for each gradient."""
    T, N, H = 32, 32, 64
    P, G = Flat(case.parameters), Flat(case.parameters)
    Wx, Wh, b, Wo = (P.view(n) for n in ("Wx", "Wh", "b", "Wo"))
    bo = P.view("bo", shape=(10, 1))
    gWx, gWh, gb, gWo, gbo = (G.view(n) for n in case.parameters)
    A, D, S = (np.empty((T * N, H), f32) for _ in range(3))
    states, q = np.zeros((T + 1, N, H), f32), np.empty((N, H), f32)
    before, after = states[:-1].reshape(T * N, H), states[1:].reshape(T * N, H)
    A3, D3, S3 = (a.reshape(T, N, H) for a in (A, D, S))
    forward = [(states[k].dot, A3[k], states[k + 1]) for k in range(1, T)]
    backward = [(D3[k + 1].dot, S3[k], D3[k]) for k in reversed(range(T - 1))]
    first, last, D_last, S_last, A_first = states[1], states[T], D3[-1], S3[-1], A3[0]
    zT, dT = np.empty((10, N), f32), np.empty((10, N), f32)
    loss_of = cross_entropy(zT, dT, N, 10, o["lr"] / N)
    ones, one, onesN = np.ones(T * N, f32), scalar(1), np.ones(N, f32)
    WhT, WoT, d, lastT, beforeT = Wh.T, Wo.T, dT.T, last.T, before.T
    tanh, add, subtract, multiply, p, g = (
        np.tanh, np.add, np.subtract, np.multiply, P.all, G.all,
    )  # fmt: skip

    def run(x: Any, t: Any) -> float:
        flat = x.reshape(T * N, 16)
        flat.dot(Wx, A)
        add(A, b, A)
        tanh(A_first, first)
        for dot, a, h in forward:
            dot(Wh, q)
            add(q, a, q)
            tanh(q, h)
        WoT.dot(lastT, zT)
        add(zT, bo, zT)
        loss = loss_of(t)
        lastT.dot(d, gWo)
        dT.dot(onesN, gbo)
        multiply(after, after, S)
        subtract(one, S, S)
        d.dot(WoT, q)
        multiply(q, S_last, D_last)
        for dot, s, out in backward:
            dot(WhT, q)
            multiply(q, s, out)
        flat.T.dot(D, gWx)
        beforeT.dot(D, gWh)
        ones.dot(D, gb)
        subtract(p, g, p)
        return loss

    return run, P.load


def cnn(case: Case, o: dict[str, float]) -> Pair:
    """Arrays stand as (y, batch, x, channels), so that a shift in y is a contiguous slab, and in
    four pooling phases, so that pooling is three maxima of whole arrays. ReLU and bias follow the
    pooling. The unfolded copy holds one kernel axis; the other is a sum of products."""
    N, f = 64, f32
    P, G = Flat(case.parameters), Flat(case.parameters)
    W1, W2, W3 = P.view("W1", shape=(9, 16)), P.view("W2", shape=(3, 48, 32)), P.view("W3")
    b1, b2, b3 = P.view("b1"), P.view("b2"), P.view("b3", shape=(10, 1))
    gW1, gW2 = G.view("W1", shape=(9, 16)), G.view("W2", shape=(3, 48, 32))
    gb1, gb2, gW3, gb3 = (G.view(n) for n in ("b1", "b2", "W3", "b3"))
    # convolution 1: unfold (phase y, phase x, y, batch, x, 9) of the padded images
    X = np.zeros((30, N, 30), f)
    X_inner = X[1:29, :, 1:29]
    sy, sn, sx = X.strides
    X_windows = as_strided(
        X, (2, 2, 14, N, 14, 3, 3), (sy, sx, 2 * sy, sn, 2 * sx, sy, sx), writeable=False
    )
    C1 = np.empty((4 * 14 * N * 14, 9), f)
    C1_shaped, C1T = C1.reshape(X_windows.shape), C1.T
    R1 = 14 * N * 14
    Z1, D1 = np.empty((4, R1, 16), f), np.empty((4, R1, 16), f)
    Z1_flat, D1_flat = Z1.reshape(4 * R1, 16), D1.reshape(4 * R1, 16)
    M1, P1, mask1 = np.empty((R1, 16), f), np.empty((R1, 16), f), np.empty((R1, 16), bool)
    # convolution 2: its padded input, unfolded over x as (phase x, parity y, y, batch, x, 48)
    A = np.zeros((16, N, 16, 16), f)
    A_inner, P1_shaped = A[1:15, :, 1:15], P1.reshape(14, N, 14, 16)
    sy, sn, sx, sc = A.strides
    A_windows = as_strided(
        A, (2, 2, 8, N, 7, 48), (sx, sy, 2 * sy, sn, 2 * sx, sc), writeable=False
    )
    C2 = np.empty(A_windows.shape, f)
    R2 = 7 * N * 7
    slabs = {  # (phase y, phase x) -> the slab of every kernel row
        (i, j): [C2[j, (i + u) % 2, (i + u) // 2 :][:7].reshape(R2, 48) for u in range(3)]
        for i in range(2) for j in range(2)
    }  # fmt: skip
    Z2, D2 = np.empty((2, 2, R2, 32), f), np.empty((2, 2, R2, 32), f)
    M2, P2, T2 = (np.empty((R2, 32), f) for _ in range(3))
    mask2 = np.empty((R2, 32), bool)
    # the dense layer reads (batch, y, x, channels)
    F, dF = np.empty((N, 1568), f), np.empty((N, 1568), f)
    F_shaped, dF_shaped = (a.reshape(N, 7, 7, 32).transpose(1, 0, 2, 3) for a in (F, dF))
    P2_shaped, T2_shaped = P2.reshape(7, N, 7, 32), T2.reshape(7, N, 7, 32)
    zT, dT = np.empty((10, N), f), np.empty((10, N), f)
    loss_of = cross_entropy(zT, dT, N, 10, o["lr"] / N)
    # the adjoint of A: a convolution of the padded adjoint of Z2 with the turned kernel
    E = np.zeros((16, N, 16, 32), f)
    E_inner = [[E[1 + i : 15 : 2, :, 1 + j : 15 : 2] for j in range(2)] for i in range(2)]
    sy, sn, sx, sc = E.strides
    E_windows = as_strided(E, (16, N, 14, 96), (sy, sn, sx, sc), writeable=False)
    C3 = np.empty(E_windows.shape, f)
    C3_slabs = [C3[u : u + 14].reshape(R1, 96) for u in range(3)]
    turned = np.empty((3, 3, 32, 16), f)
    W2_turned = P.view("W2")[::-1, ::-1].transpose(0, 1, 3, 2)
    turned_rows = turned.reshape(3, 96, 16)
    dA, T1 = np.empty((R1, 16), f), np.empty((R1, 16), f)
    small = np.empty((48, 32), f)
    zeros1, zeros2, zero = np.zeros((R1, 16), f), np.zeros((R2, 32), f), scalar(0)
    ones1, ones2, onesN = np.ones(R1, f), np.ones(R2, f), np.ones(N, f)
    W3T, FT, d = W3.T, F.T, dT.T
    add, maximum, multiply, equal, greater, copyto = (
        np.add, np.maximum, np.multiply, np.equal, np.greater, np.copyto,
    )  # fmt: skip
    phases = [(i, j) for i in range(2) for j in range(2)]
    p, g = P.all, G.all

    def pool(z: Any, out: Any) -> None:
        maximum(z[0], z[1], out=out)
        maximum(out, z[2], out=out)
        maximum(out, z[3], out=out)

    Z2_phases = Z2.reshape(4, R2, 32)

    def run(x: Any, t: Any) -> float:
        X_inner[...] = x.reshape(N, 28, 28).transpose(1, 0, 2)
        copyto(C1_shaped, X_windows)
        C1.dot(W1, Z1_flat)
        pool(Z1, M1)
        add(M1, b1, P1)
        maximum(P1, zeros1, out=P1)
        A_inner[...] = P1_shaped
        copyto(C2, A_windows)
        for i, j in phases:
            z = Z2[i, j]
            for u, slab in enumerate(slabs[i, j]):
                slab.dot(W2[u], T2 if u else z)
                if u:
                    add(z, T2, z)
        pool(Z2_phases, M2)
        add(M2, b2, P2)
        maximum(P2, zeros2, out=P2)
        F_shaped[...] = P2_shaped
        W3T.dot(FT, zT)
        add(zT, b3, zT)
        loss = loss_of(t)
        FT.dot(d, gW3)
        dT.dot(onesN, gb3)
        d.dot(W3T, dF)
        T2_shaped[...] = dF_shaped
        greater(P2, zero, mask2)
        multiply(T2, mask2, T2)
        ones2.dot(T2, gb2)
        for k, (i, j) in enumerate(phases):
            equal(Z2[i, j], M2, mask2)
            d2 = D2[i, j]
            multiply(T2, mask2, d2)
            E_inner[i][j][...] = d2.reshape(7, N, 7, 32)
            for u, slab in enumerate(slabs[i, j]):
                slab.T.dot(d2, small if k else gW2[u])
                if k:
                    add(gW2[u], small, gW2[u])
        copyto(turned, W2_turned)
        copyto(C3, E_windows)
        C3_slabs[0].dot(turned_rows[0], dA)
        for u in (1, 2):
            C3_slabs[u].dot(turned_rows[u], T1)
            add(dA, T1, dA)
        greater(P1, zero, mask1)
        multiply(dA, mask1, dA)
        ones1.dot(dA, gb1)
        for k in range(4):
            equal(Z1[k], M1, mask1)
            multiply(dA, mask1, D1[k])
        C1T.dot(D1_flat, gW1)
        np.subtract(p, g, p)
        return loss

    return run, P.load


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

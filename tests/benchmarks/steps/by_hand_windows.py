"""The convolutional and the recurrent network by hand, without allocation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tests.benchmarks.steps.by_hand_parts import Flat, Pair, cross_entropy, f32, scalar
from tests.benchmarks.workloads import Case

__all__ = ["cnn", "rnn"]


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
    # convolution 1: even and odd columns of the padded images apart, then the unfolded copy
    # (kernel y, kernel x, phase y, phase x, y, batch, x), whose runs along x are contiguous
    X = np.zeros((2, 30, N, 15), f)
    X_even, X_odd = X[0, 1:29, :, 1:], X[1, 1:29, :, :14]  # columns 1, 3, .. and 0, 2, .. of x
    C1 = np.empty((9, 4 * 14 * N * 14), f)
    C1_shaped, C1T = C1.reshape(3, 3, 2, 2, 14, N, 14), C1.T
    copies = []
    for v in range(3):
        for j in range(2):
            shifted = X[(v + j) % 2, :, :, (v + j) // 2 :]
            sy, sn, sx = shifted.strides
            windows = as_strided(
                shifted, (3, 2, 14, N, 14), (sy, sy, 2 * sy, sn, sx), writeable=False
            )
            copies.append((C1_shaped[:, v, :, j], windows))
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
        image = x.reshape(N, 28, 28).transpose(1, 0, 2)
        X_even[...] = image[:, :, 1::2]
        X_odd[...] = image[:, :, ::2]
        for unfolded, windows in copies:
            copyto(unfolded, windows)
        C1T.dot(W1, Z1_flat)
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
            copyto(d2, mask2)
            multiply(T2, d2, d2)
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
            copyto(D1[k], mask1)
            multiply(dA, D1[k], D1[k])
        C1.dot(D1_flat, gW1)
        np.subtract(p, g, p)
        return loss

    return run, P.load

"""Attention with scores of +-2000, by hand and by the op: values and gradients by literal loops in
high precision. Masks by -oo, rows without any key among them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphnet as gn

T, D = 4, 3


def by_hand(Q, K, V):
    S = gn.formula("S[t,u] = Sum(Q[t,d]*K[u,d], d)", Q=Q, K=K)
    P = gn.formula("P[t,u] = exp(S[t,u])/Sum(exp(S[t,v]), v)", S=S)
    return gn.formula("O[t,d] = Sum(P[t,u]*V[u,d], u)", P=P, V=V)


def by_op(Q, K, V):
    return gn.softmax(Q @ K.T) @ V


def program(make, **options):
    Q, K, V = (gn.input(name, (T, D)) for name in "QKV")
    G = gn.input("G", (T, D))
    O = make(Q, K, V)  # noqa: E741
    return gn.function([Q, K, V, G], [O, *gn.grad(gn.sum(O * G), [Q, K, V])], **options)


def exactly(Q, K, V, G):
    """Output and gradients of Sum(O*G), loop by loop."""
    Q, K, V, G = ([[mpmath.mpf(float(a)) for a in row] for row in x] for x in (Q, K, V, G))
    S = [[mpmath.fdot(q, k) for k in K] for q in Q]
    P = [[mpmath.exp(s) for s in row] for row in S]
    P = [[p / mpmath.fsum(row) for p in row] for row in P]
    column = lambda x, d: [row[d] for row in x]  # noqa: E731
    out = [[mpmath.fdot(row, column(V, d)) for d in range(D)] for row in P]
    dP = [[mpmath.fdot(G[t], V[u]) for u in range(T)] for t in range(T)]
    dS = [
        [P[t][u] * (dP[t][u] - mpmath.fdot(P[t], dP[t])) for u in range(T)] for t in range(T)
    ]  # fmt: skip
    dQ = [[mpmath.fdot(dS[t], column(K, d)) for d in range(D)] for t in range(T)]
    dK = [[mpmath.fdot(column(dS, u), column(Q, d)) for d in range(D)] for u in range(T)]
    dV = [[mpmath.fdot(column(P, u), column(G, d)) for d in range(D)] for u in range(T)]
    return [np.array(x, float) for x in (out, dQ, dK, dV)]


def drawn(size: float) -> list[np.ndarray]:
    """Scores of about +-size that differ by a few units within a row, so that gradients are not 0;
    every number and every score is exact in float32."""
    draw = np.random.default_rng(7)
    Q, one, apart, V, G = (
        draw.integers(-n, n + 1, shape).astype(float)
        for n, shape in ((8, (T, D)), (8, (1, D)), (1, (T, D)), (8, (T, D)), (8, (T, D)))
    )
    unit = 2.0 ** np.round(np.log2(size / np.abs(Q @ one.T).max()))
    return [Q * unit, one + apart / unit, V, G]


def scales(Q, K, V, G) -> list[float]:
    """The largest sums of the absolute values of what is added up in each result."""
    S = Q @ K.T
    P = np.exp(S - S.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    dP = np.abs(G) @ np.abs(V).T
    dS = P * (dP + (P * dP).sum(axis=1, keepdims=True))
    sums = P @ np.abs(V), dS @ np.abs(K), dS.T @ np.abs(Q), P.T @ np.abs(G)
    return [float(x.max()) for x in sums]


@pytest.mark.parametrize("make", [by_hand, by_op])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("size", [1.0, 100.0, 2000.0, 1e5])
def test_scores_of_any_size(make, dtype: str, style: str, size: float) -> None:
    numbers = drawn(size)
    found = program(make, dtype=dtype, style=style)(*(a.astype(dtype) for a in numbers))
    with mpmath.workdps(60):
        true = exactly(*numbers)
    assert 0.6 * size - 20 < np.abs(numbers[0] @ numbers[1].T).max() < 1.5 * size + 20
    # exp(s - L) of an L that is rounded is right to eps*|L|, as s itself would be; in fast style
    # the largest score, which is exact, leaves first.
    few = (30 + (size if style == "plain" else 0)) * np.finfo(dtype).eps
    for got, exact, scale in zip(found, true, scales(*numbers), strict=True):
        np.testing.assert_allclose(got, exact, rtol=0, atol=few * scale)
        assert np.abs(exact).max() > 1e-5 * scale


MASKS = np.array([[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def masked(z, M):
    s = gn.formula("S[n,k] = where(M[n,k] == 1, z[n,k], -oo)", z=z, M=M)
    p = gn.softmax(s)
    return [p, gn.logsumexp(s, axis=1), *gn.grad(gn.sum(p * p) + gn.sum(p), [z])]


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("size", [1.0, 2000.0])
def test_masks_in_the_formula(style: str, size: float) -> None:
    """A row without a key has weights 0, the logarithm of nothing, and no gradient."""
    z, M = gn.input("z", ("n", 4)), gn.input("M", ("n", 4), dtype="int")
    f = gn.function([z, M], masked(z, M), dtype="float64", style=style)
    scores = size * np.random.default_rng(2).normal(size=(4, 4))
    p, total, dz = f(scores, MASKS)
    for n, row in enumerate(MASKS):
        kept = [mpmath.exp(mpmath.mpf(s)) for s, m in zip(scores[n], row) if m]
        weights = iter([a / mpmath.fsum(kept) for a in kept])
        exact = np.array([float(next(weights)) if m else 0.0 for m in row])
        np.testing.assert_allclose(p[n], exact, rtol=1e-14)
        np.testing.assert_allclose(
            dz[n], 2 * exact * (exact - (exact**2).sum()), rtol=1e-12, atol=1e-15
        )
        np.testing.assert_allclose(
            total[n], float(mpmath.log(mpmath.fsum(kept))) if kept else -np.inf, rtol=1e-15
        )


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_masks_that_come_as_data(style: str) -> None:
    """-inf among the scores is outside of what is promised; with a finite score beside it, right.

    A row of -inf alone is one of weights 0 in plain style, as in a mask of the formula; in fast
    style it is nan, for a test of every row would cost every step.
    """
    z = gn.input("z", ("n", 4))
    f = gn.function(z, [gn.softmax(z), gn.logsumexp(z, axis=1)], dtype="float64", style=style)
    scores = np.array([[-np.inf, 3.0, 2.0, -np.inf], [-np.inf] * 4, [0.0, 1.0, 2.0, 3.0]])
    p, total = f(scores)
    e = np.exp(-1.0)
    np.testing.assert_allclose(p[0], [0, 1 / (1 + e), e / (1 + e), 0], rtol=1e-15)
    assert total[0] == pytest.approx(3 + np.log1p(e), rel=1e-15)
    np.testing.assert_allclose(p[2].sum(), 1, rtol=1e-15)
    if style == "plain":
        np.testing.assert_array_equal(p[1], 0)
        assert total[1] == -np.inf
    else:
        assert np.isnan(p[1]).all()
        assert np.isnan(total[1])

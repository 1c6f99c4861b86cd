"""Textbook losses written by hand train at |z| up to 1e4: value and gradient against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphnet as gn

mpmath.mp.dps = 60
SIZES = (1.0, 30.0, 1000.0, 1e4)


def values(make, z: np.ndarray, *others: np.ndarray):
    """Loss and gradient by z, as a user compiles them."""
    tensors = [gn.input(f"x{k}", a.shape) for k, a in enumerate((z, *others))]
    loss = make(*tensors)
    f = gn.function(tensors, [loss, gn.grad(loss, tensors[0])], dtype="float64")
    return f(z, *others)


def close(found, truth, scale: float = 1.0) -> None:
    """Within 1e-12 of the truth, or of the largest where elements cancel to nothing."""
    truth = np.array(truth, float)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-14 * scale)


def sigma(z):
    return 1 / (1 + mpmath.exp(-z))


def labels(shape) -> np.ndarray:
    return (np.random.default_rng(1).random(shape) < 0.5).astype(float)


def drawn(shape, size: float) -> np.ndarray:
    z = np.random.default_rng(0).normal(size=shape) * size
    return np.clip(z, -1e4, 1e4)


def bce(z, y):
    s = 1 / (1 + gn.exp(-z))
    return gn.sum(-(y * gn.log(s) + (1 - y) * gn.log(1 - s)))


def bce_other(z, y):
    s = gn.exp(z) / (1 + gn.exp(z))
    return gn.sum(-y * gn.log(s) - (1 - y) * gn.log(1 - s))


@pytest.mark.parametrize("make", [bce, bce_other])
@pytest.mark.parametrize("size", SIZES)
def test_binary_cross_entropy(make, size: float) -> None:
    z, y = drawn((7,), size), labels((7,))
    loss, slope = values(make, z, y)
    true = [mpmath.log1p(mpmath.exp(-a if t else a)) for a, t in zip(map(mpmath.mpf, z), y)]
    close(loss, float(sum(true)))
    close(slope, [float(sigma(mpmath.mpf(a)) - t) for a, t in zip(z, y)])


def test_the_textbook_example() -> None:
    """z = 1000, y = 0: loss 1000, slope 1, where other tools say inf and nan."""
    loss, slope = values(bce, np.array([1000.0]), np.array([0.0]))
    assert (loss, slope[0]) == (1000.0, 1.0)


@pytest.mark.parametrize("size", SIZES)
def test_focal(size: float) -> None:
    def focal(z, y):
        s = 1 / (1 + gn.exp(-z))
        return gn.sum(-y * (1 - s) ** 2 * gn.log(s) - (1 - y) * s**2 * gn.log(1 - s))

    z, y = drawn((7,), size), labels((7,))
    loss, slope = values(focal, z, y)
    signs = [1 if t else -1 for t in y]

    def one(a):
        return (1 - sigma(a)) ** 2 * mpmath.log1p(mpmath.exp(-a))

    def steep(a):
        s = sigma(a)
        return -2 * s * (1 - s) ** 2 * mpmath.log1p(mpmath.exp(-a)) - (1 - s) ** 3

    close(loss, float(sum(one(mpmath.mpf(a * g)) for a, g in zip(z, signs))))
    close(slope, [float(g * steep(mpmath.mpf(a * g))) for a, g in zip(z, signs)])


@pytest.mark.parametrize("size", SIZES)
def test_cross_entropy_by_softmax_by_hand(size: float) -> None:
    def loss_of(z, t):
        e = gn.exp(z)
        return -gn.sum(t * gn.log(e / gn.sum(e, axis=1, keepdims=True)))

    z, t = drawn((4, 5), size), np.eye(5)[[0, 3, 1, 1]]
    loss, slope = values(loss_of, z, t)
    tops = [mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(a)) for a in row)) for row in z]
    P = [[mpmath.exp(mpmath.mpf(a) - top) for a in row] for row, top in zip(z, tops)]
    true = sum(top - mpmath.mpf(row @ u) for row, top, u in zip(z, tops, t))
    close(loss, float(true), size)
    close(slope, [[float(p - b) for p, b in zip(row, u)] for row, u in zip(P, t)], size)


@pytest.mark.parametrize("size", SIZES)
def test_kullback_leibler_of_two_softmaxes(size: float) -> None:
    def loss_of(z, w):
        p = gn.exp(z) / gn.sum(gn.exp(z), axis=1, keepdims=True)
        q = gn.exp(w) / gn.sum(gn.exp(w), axis=1, keepdims=True)
        return gn.sum(q * (gn.log(q) - gn.log(p)))

    z, w = drawn((3, 4), size), drawn((3, 4), size)[::-1].copy()
    loss, slope = values(loss_of, z, w)

    def softmax(row):
        top = mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(a)) for a in row))
        return [mpmath.mpf(a) - top for a in row]

    pairs = [(softmax(a), softmax(b)) for a, b in zip(z, w)]
    true = mpmath.fsum(mpmath.exp(b) * (b - a) for p, q in pairs for a, b in zip(p, q))
    close(loss, float(true), size)
    rows = [[float(mpmath.exp(a) - mpmath.exp(b)) for a, b in zip(p, q)] for p, q in pairs]
    close(slope, rows, size)


@pytest.mark.parametrize("size", SIZES)
def test_info_nce(size: float) -> None:
    """van den Oord et al. 2018: row n of the scores should choose column n, at temperature 0.1."""

    def loss_of(s):
        e = gn.exp(s / 0.1)
        return -gn.mean(gn.log(gn.formula("own[n] = e[n,n]", e=e) / gn.sum(e, axis=1)))

    s = drawn((4, 4), size / 10)
    loss, slope = values(loss_of, s)
    scores = [[mpmath.mpf(a) / mpmath.mpf("0.1") for a in row] for row in s]
    tops = [mpmath.log(mpmath.fsum(map(mpmath.exp, row))) for row in scores]
    true = mpmath.fsum(top - row[k] for k, (row, top) in enumerate(zip(scores, tops))) / 4
    rows = [
        [float((mpmath.exp(a - top) - (j == k)) / mpmath.mpf("0.4")) for j, a in enumerate(row)]
        for k, (row, top) in enumerate(zip(scores, tops))
    ]
    close(loss, float(true), size)
    close(slope, rows, size)


@pytest.mark.parametrize("size", SIZES)
def test_mixture_of_gaussians(size: float) -> None:
    def loss_of(x, mu):
        return -gn.sum(gn.log(gn.sum(0.5 * gn.exp(-((x[:, None] - mu[None, :]) ** 2) / 2), axis=1)))

    x, mu = drawn((5,), size), np.array([-1.0, 2.0]) * size
    loss, slope = values(loss_of, x, mu)

    def one(a):
        return -mpmath.log(mpmath.fsum(
            mpmath.exp(-((a - mpmath.mpf(m)) ** 2) / 2) / 2 for m in mu
        ))  # fmt: skip

    close(loss, float(mpmath.fsum(one(mpmath.mpf(a)) for a in x)))

    def steep(a):
        w = [mpmath.exp(-((a - mpmath.mpf(m)) ** 2) / 2) for m in mu]
        return mpmath.fsum((a - mpmath.mpf(m)) * v for m, v in zip(mu, w)) / mpmath.fsum(w)

    close(slope, [float(steep(mpmath.mpf(a))) for a in x], size)


def test_binary_cross_entropy_of_certain_probabilities() -> None:
    def loss_of(p, y):
        return gn.sum(-(y * gn.log(p) + (1 - y) * gn.log(1 - p)))

    p, y = np.array([0.0, 1.0, 0.25, 1e-20]), np.array([0.0, 1.0, 1.0, 0.0])
    loss, slope = values(loss_of, p, y)
    close(loss, -np.log(0.25) + 1e-20)
    close(slope, [1.0, -1.0, -4.0, 1.0])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_layer_norm_by_hand(offset: float) -> None:
    def loss_of(x, g):
        mean = gn.mean(x, axis=1, keepdims=True)
        var = gn.mean((x - mean) ** 2, axis=1, keepdims=True)
        return gn.sum((x - mean) / gn.sqrt(var + 1e-5) * g)

    rng = np.random.default_rng(5)
    x, g = rng.normal(size=(4, 6)) + offset, rng.normal(size=(4, 6))
    loss, slope = values(loss_of, x, g)
    c = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((c**2).mean(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(loss, (c / s * g).sum(), rtol=1e-8)
    d = g / s
    d = d - d.mean(axis=1, keepdims=True) - c * (g * c).mean(axis=1, keepdims=True) / s**3
    np.testing.assert_allclose(slope, d, rtol=1e-8, atol=1e-9)
    loss, slope = values(loss_of, np.full((2, 6), offset + 0.5), g[:2])
    assert loss == 0
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("size", SIZES)
def test_one_against_all_on_a_softmax(size: float) -> None:
    """log(1 - P) of a softmax by hand: no two exponentials that cancel."""

    def loss_of(z, t):
        e = gn.exp(z)
        p = e / gn.sum(e, axis=1, keepdims=True)
        return -gn.sum(t * gn.log(p) + (1 - t) * gn.log(1 - p))

    z, t = drawn((3, 4), size), np.eye(4)[[0, 3, 1]]
    loss, slope = values(loss_of, z, t)

    def true(rows) -> mpmath.mpf:
        total = mpmath.mpf(0)
        for row, u in zip(rows, t):
            exps = [mpmath.exp(a) for a in row]
            for k, label in enumerate(u):
                rest = exps[k] if label else mpmath.fsum(exps[:k] + exps[k + 1 :])
                total -= mpmath.log(rest / mpmath.fsum(exps))
        return total

    rows = [[mpmath.mpf(a) for a in row] for row in z]
    close(loss, float(true(rows)), size)
    step = mpmath.mpf(2) ** -90
    for i, k in ((0, 0), (1, 2), (2, 3)):
        up, down = ([list(r) for r in rows] for _ in range(2))
        up[i][k] += step
        down[i][k] -= step
        close(slope[i, k], float((true(up) - true(down)) / (2 * step)), 100 * size)


def one_pass(x):
    return gn.mean(x * x) - gn.mean(x) ** 2


def by_sums(x):
    return gn.sum(x * x) / 12 - (gn.sum(x) / 12) ** 2


def sample(x):
    return (gn.sum(x**2) - gn.sum(x) ** 2 / 12) / 11


@pytest.mark.parametrize(("make", "free"), [(one_pass, 12), (by_sums, 12), (sample, 11)])
@pytest.mark.parametrize("offset", [0.0, 1e6, 1e8])
def test_one_pass_variance(make, free: int, offset: float) -> None:
    x = np.random.default_rng(7).normal(size=(4, 3)) + offset
    value, slope = values(make, x)
    c = x - x.mean()
    np.testing.assert_allclose(value, (c**2).sum() / free, rtol=1e-9)
    np.testing.assert_allclose(slope, 2 * c / free, rtol=1e-6, atol=1e-9)


def test_layer_norm_with_a_one_pass_variance() -> None:
    def loss_of(x, g):
        mean = gn.mean(x, axis=1, keepdims=True)
        var = gn.mean(x * x, axis=1, keepdims=True) - mean * mean
        return gn.sum((x - mean) / gn.sqrt(var + 1e-5) * g)

    rng = np.random.default_rng(5)
    x, g = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    near, far = values(loss_of, x, g), values(loss_of, x + 1e6, g)
    np.testing.assert_allclose(far[0], near[0], rtol=1e-8)
    np.testing.assert_allclose(far[1], near[1], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("make", [one_pass, by_sums, sample])
def test_a_difference_that_is_no_variance_stays(make) -> None:
    """sum(x^2)/12 - (sum(x)/6)^2 is something else, and is computed as it is written."""
    x = gn.input("x", (4, 3))
    other = gn.sum(x * x) / 12 - (gn.sum(x) / 6) ** 2
    at = np.random.default_rng(7).normal(size=(4, 3))
    found = gn.function(x, other, dtype="float64")
    assert float(found(at)) == pytest.approx((at**2).sum() / 12 - (at.sum() / 6) ** 2, rel=1e-12)
    assert not any("variance" in r.rule for r in found.rewrites)
    assert any("variance" in r.rule for r in gn.function(x, make(x)).rewrites)

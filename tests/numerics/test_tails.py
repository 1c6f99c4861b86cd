"""erf and its tails against certified balls, in both dtypes; sizes, kinds of input, extremes."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx

from graphnet.numerics import tails

# name | its ball | whether exp(x**2) is in it, whose error is that of x**2
FUNCTIONS = {
    "erf": (lambda x: x.erf(), False),
    "erfc": (lambda x: x.erfc(), False),
    "erfcx": (lambda x: (x * x).exp() * x.erfc(), True),
    "log_erfc": (lambda x: x.erfc().log(), False),
}
# name | -inf | 0 | inf
EXTREMES = {
    "erf": (-1, 0, 1),
    "erfc": (2, 1, 0),
    "erfcx": (np.inf, 1, 0),
    "log_erfc": (np.log(2), 0, -np.inf),
}


def points() -> np.ndarray:
    rng = np.random.default_rng(1)
    sizes = [*10 ** rng.uniform(-30, 0, 200), *rng.uniform(0, 1, 500), *rng.uniform(0, 30, 500)]
    return np.array([*sizes, *(-s for s in sizes), 0.5, 6, np.nextafter(6, 9), 26.5, 27.2, 1e4])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_ulp(name, dtype):
    ball, growing = FUNCTIONS[name]
    x = points().astype(dtype)
    with np.errstate(over="ignore"):
        got = getattr(tails, name)(x)
    assert got.dtype == dtype
    old, ctx.prec = ctx.prec, 500
    try:
        true = np.array([float(ball(arb(float(v))).mid()) for v in x])
    finally:
        ctx.prec = old
    info = np.finfo(dtype)
    asked = (np.abs(true) >= info.tiny) & (np.abs(true) <= info.max)
    bar = info.eps * (6 + growing * 2 * x.astype(float) ** 2) * np.abs(true)
    assert (np.abs(got[asked] - true[asked]) <= bar[asked]).all()
    small = np.abs(true) < info.tiny
    assert (np.abs(got[small] - true[small]) <= info.tiny).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sizes_and_kinds_of_input(name):
    f = getattr(tails, name)
    x = np.random.default_rng(0).normal(size=(3, 2**13 + 5))
    one_by_one = [[f(x[i, j]) for j in (0, 5, 2**13, 2**13 + 4)] for i in range(3)]
    np.testing.assert_array_equal(f(x)[:, [0, 5, 2**13, 2**13 + 4]], one_by_one)
    np.testing.assert_array_equal(f(x.T).T, f(x))
    assert f(np.empty((0, 4))).shape == (0, 4)
    np.testing.assert_array_equal(f(np.arange(3)), f(np.arange(3.0)))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(f(np.array([-np.inf, 0, np.inf])), EXTREMES[name])
        assert np.isnan(f(np.array([np.nan]))).all()


def test_an_odd_function_is_odd_to_the_last_bit():
    x = points()
    np.testing.assert_array_equal(tails.erf(-x), -tails.erf(x))
    assert np.signbit(tails.erf(np.array(-0.0)))

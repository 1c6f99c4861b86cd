"""Differences of two nearly equal things: right near and far, and nowhere worse than as written."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphnet as gn
from graphnet.formula.formula import hole
from graphnet.formula.parse import parse
from graphnet.formula.searched import Searched
from graphnet.numerics.pairs import paired
from graphnet.numerics.records import catalogue, read
from graphnet.numerics.stored import functions, rows

# formula | the same in mpmath | both arguments positive
ROWS = (
    ("log(a) - log(b)", lambda a, b: mpmath.log(a) - mpmath.log(b), True),
    ("3*sqrt(a) - 3*sqrt(b)", lambda a, b: 3 * (mpmath.sqrt(a) - mpmath.sqrt(b)), True),
    ("exp(a) - exp(b)", lambda a, b: mpmath.exp(a) - mpmath.exp(b), False),
    ("1/a - 1/b", lambda a, b: 1 / a - 1 / b, False),
    ("a**2 - b**2", lambda a, b: a * a - b * b, False),
    ("2*b + log(a) - log(b)", lambda a, b: 2 * b + mpmath.log(a) - mpmath.log(b), True),
)
FEW_ULP = 6


def compiled(text: str, dtype: str, stabilize: bool = True):
    a, b = gn.input("a", ("n",)), gn.input("b", ("n",))
    y = gn.formula(text, a=a, b=b)
    gradient = gn.grad(gn.sum(y), [a, b])
    return gn.function([a, b], [y, *gradient], dtype=dtype, stabilize=stabilize)


def drawn(dtype: str, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pairs from equal to far apart, of every size at which nothing overflows."""
    draw = np.random.default_rng(3)
    size = 4.0 ** draw.uniform(-8, 2, 400)
    gap = 10.0 ** draw.uniform(-16, 1, 400) * draw.choice([-1, 1], 400)
    a = size.astype(dtype)
    b = (size * np.where(gap > -0.9, 1 + gap, 0.5)).astype(dtype)
    b[:20] = a[:20]
    return (a, b) if positive else (draw.choice([-1, 1], 400).astype(dtype) * a, b * np.sign(a))


@pytest.mark.parametrize(("text", "true", "positive"), ROWS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_near_and_far(text: str, true, positive: bool, dtype: str) -> None:
    a, b = drawn(dtype, positive)
    found = compiled(text, dtype)(a, b)[0]
    naive = compiled(text, dtype, stabilize=False)(a, b)[0]
    with mpmath.workdps(60):
        exact = [true(mpmath.mpf(float(s)), mpmath.mpf(float(t))) for s, t in zip(a, b)]
        error, before = (
            np.array([float(abs(mpmath.mpf(float(v)) - e)) for v, e in zip(vs, exact)])
            for vs in (found, naive)
        )
    few = FEW_ULP * float(np.finfo(dtype).eps) * np.abs(np.array(exact, float))
    if text.startswith("2*b"):  # a term more: rounded as any sum is
        few += FEW_ULP * float(np.finfo(dtype).eps) * 2 * np.abs(b)
    near = np.abs(a - b) < 0.4 * np.abs(b)
    assert (error[near] <= few[near]).all()
    assert (error <= np.maximum(before, few)).all()
    assert (before > few).any() or text.startswith("2*b")


@pytest.mark.parametrize(("text", "true", "positive"), ROWS[:5])
def test_slopes_are_those_of_what_is_written(text: str, true, positive: bool) -> None:
    a, b = drawn("float64", positive)
    found = compiled(text, "float64")(a, b)[1:]
    naive = compiled(text, "float64", stabilize=False)(a, b)[1:]
    for one, other in zip(found, naive, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-15)


EDGES = [0.0, -0.0, 5e-324, 1e-308, 1e-300, 1.0, 1.25, -1.0, -1.25, 700.0, 709.0, 710.0, 800.0,
         1e154, 1.5e154, 1e300, 1.7e308, -1e300, -1.7e308, np.inf, -np.inf, np.nan]  # fmt: skip


@pytest.mark.parametrize(("text", "true", "positive"), ROWS[:5])
def test_edges_are_as_written_or_better(text: str, true, positive: bool) -> None:
    """Zeros, infinities, overflow and wrong signs: what was right as it was written still is."""
    a, b = (np.array(x).ravel() for x in np.meshgrid(EDGES, EDGES))
    with np.errstate(all="ignore"):
        found = compiled(text, "float64")(a, b)[0]
        naive = compiled(text, "float64", stabilize=False)(a, b)[0]
        same = (found == naive) | (np.isnan(found) & np.isnan(naive))
        close = np.abs(found - naive) <= 4e-16 * np.abs(naive)
    for s, t, new, old in zip(*(x[~same & ~close] for x in (a, b, found, naive))):
        with mpmath.workdps(400):
            exact = true(mpmath.mpf(s), mpmath.mpf(t))
            wrong = abs(exact - mpmath.mpf(new)), abs(exact - mpmath.mpf(old))
        assert np.isnan(old) or not wrong[0] > wrong[1], (s, t, new, old)
        if not np.isfinite(new):
            assert exact != exact or abs(exact) > np.finfo(float).max, (s, t, new, old)


def test_the_law_is_told_and_training_takes_the_quick_form() -> None:
    f = compiled("log(a) - log(b)", "float64")
    assert [r.law for r in f.rewrites] == ["log(a) - log(b) = log1p((a - b)/b)"]
    x, w = gn.input("x", ("n", 3)), gn.parameter("w", (3,))
    p = gn.formula("p[n,i] = exp(w[i]) + x[n,i]**2", w=w, x=x)
    loss = gn.mean((gn.log(p) - gn.log(1 + x)) ** 2)
    step = gn.training_step([x], loss, gn.SGD(lr=0.1), style="fast")
    assert any("as it is written" in r.law for r in step.rewrites)
    assert "log1p" not in step.source.split("def build")[1]


def test_divergence_of_zero_probabilities() -> None:
    """Sum(p*(log p - log q)) by hand: 0 where p is 0, and right to the bit where p is near q."""
    p, q = gn.input("p", ("n",)), gn.input("q", ("n",))
    f = gn.function([p, q], p * (gn.log(p) - gn.log(q)), dtype="float64")
    np.testing.assert_array_equal(f([0.0, 0.0, 1.0], [0.5, 0.0, 1.0]), [0, 0, 0])
    (got,) = f([0.25], [0.25 * (1 + 2**-40)])
    assert got == pytest.approx(float(-0.25 * mpmath.log1p(mpmath.mpf(2) ** -40)), rel=1e-15)


def test_saved_and_read_back() -> None:
    """A network is stored as texts: its functions of two arguments are read back as the same."""
    p, q = hole(0), hole(1)
    for text in ("log(x) - log(a)", "sqrt(x) - sqrt(a)", "exp(x) - exp(a)", "1/x - 1/a"):
        (found,) = paired(read(text))[0].atoms(Searched)
        table = functions(rows(found))
        assert table[found.record.name] is type(found)
        assert found.record.name not in {row.get("name") for row in catalogue().values()}
        (equation,) = parse(
            f"y[i] = {found.record.name}(p[i], q[i])", operands=("p", "q"), functions=table
        )
        assert equation.formula.body == found.func(p, q)
    with pytest.raises(gn.GraphnetError, match="takes 2 arguments, not 1"):
        parse(f"y[i] = {found.record.name}(p[i])", operands=("p", "q"), functions=table)

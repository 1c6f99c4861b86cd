"""Initializers: the sample equals its source line, and has the moments the papers ask for."""

from __future__ import annotations

import ast
import math
import warnings

import numpy as np
import pytest

from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.network.nodes import Init
from graphnet.ops import initializers as ini

EVERY = [
    ini.zeros(), ini.ones(), ini.constant(0.1), ini.constant(-0.0), ini.normal(0.3),
    ini.uniform(-1, 2), ini.glorot_uniform(), ini.glorot_normal(), ini.he_uniform(),
    ini.he_normal(), ini.lecun_uniform(), ini.lecun_normal(), ini.orthogonal(), ini.orthogonal(2),
]  # fmt: skip
SHAPES = [(), (1,), (5,), (0,), (3, 4), (4, 3), (0, 3), (3, 0), (2, 3, 2, 2), (2, 3, 4)]


def run(expression: str, seed: int) -> np.ndarray:
    """The printed line, run as the emitted module runs it."""
    space = {"np": np, "rng": np.random.default_rng(seed)}
    exec("\n".join(ini.HELPERS.values()), space)
    return np.asarray(eval(expression, space))


@pytest.mark.parametrize("init", EVERY)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sample_is_the_source(init: Init, shape: tuple[int, ...]) -> None:
    text = ini.source(init, shape)
    made = ini.sample(init, shape, np.random.default_rng(7))
    assert made.shape == shape
    assert made.dtype == np.float64
    assert np.isfinite(made).all()
    assert run(text, 7).tobytes() == made.tobytes()
    called = {n.func.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)
              and isinstance(n.func, ast.Name)}  # fmt: skip
    assert called == ({ini.helper(init)} - {None})


def test_an_array_is_its_own_start() -> None:
    held = np.array([[1.5, -0.0], [1 / 3, 1e-300]])
    init = ini.resolve(held)
    assert ini.sample(init, (2, 2), np.random.default_rng(0)).tobytes() == held.tobytes()
    assert run(ini.source(init, (2, 2)), 0).tobytes() == held.tobytes()
    empty = ini.resolve(np.zeros((0, 3)))
    assert run(ini.source(empty, (0, 3)), 0).shape == (0, 3)
    with pytest.raises(GraphnetError, match=r"shape \(2, 2\) cannot start a tensor of \(4,\)"):
        ini.source(init, (4,))


# name, shape, variance by hand
VARIANCES = [
    ("glorot_uniform", (30, 50), 2 / 80), ("glorot_normal", (30, 50), 2 / 80),
    ("he_uniform", (30, 50), 2 / 30), ("he_normal", (30, 50), 2 / 30),
    ("lecun_uniform", (30, 50), 1 / 30), ("lecun_normal", (30, 50), 1 / 30),
    ("he_normal", (20, 10, 3, 3), 2 / 90), ("glorot_uniform", (20, 10, 3, 3), 2 / 270),
    ("he_uniform", (900,), 2 / 900),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "variance"), VARIANCES)
def test_variance(name: str, shape: tuple[int, ...], variance: float) -> None:
    rng = np.random.default_rng(3)
    drawn = np.stack([ini.sample(ini.resolve(name), shape, rng) for _ in range(40)])
    assert drawn.var() == pytest.approx(variance, rel=0.03)
    assert abs(drawn.mean()) < 5 * math.sqrt(variance / drawn.size)
    if name.endswith("uniform"):
        assert np.abs(drawn).max() <= math.sqrt(3 * variance)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (4, 3, 2, 1)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    drawn = ini.sample(ini.orthogonal(3), shape, np.random.default_rng(0))
    assert drawn.flags.c_contiguous  # fast steps have views of parameters as vectors
    w = drawn.reshape(shape[0], -1) / 3
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)


RESOLVED = [
    ("he_normal", Init("he_normal")), (0, Init("zeros")), (1.0, Init("ones")),
    (0.25, Init("constant", (("value", 0.25),))), (np.float32(2), ini.constant(2)),
    (ini.normal(1), ini.normal(1)),
]  # fmt: skip


@pytest.mark.parametrize(("given", "meant"), RESOLVED)
def test_resolve(given: object, meant: Init) -> None:
    assert ini.resolve(given) == meant


REFUSED = [
    ("glorot_unifrom", GraphnetError, "did you mean 'glorot_uniform'"),
    ("constant", GraphnetError, "write the number itself"),
    (None, GraphnetTypeError, "expected an initializer's name"),
    (True, GraphnetTypeError, "expected an initializer's name"),
    (ini.he_normal, GraphnetTypeError, "expected an initializer's name"),
    (math.nan, GraphnetError, "finite number"),
]


@pytest.mark.parametrize(("given", "error", "words"), REFUSED)
def test_refused(given: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ini.resolve(given)


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for init in EVERY:
            ini.sample(init, (3, 2), np.random.default_rng(0))
    assert np.random.get_state()[1].tobytes() == before

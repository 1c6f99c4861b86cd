"""Small arrays side by side: which calls become one, and that nothing but rounding changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": gn.tanh, "sigmoid": gn.sigmoid, "relu": gn.relu, "softplus": gn.softplus,
    "silu": gn.silu, "none": lambda x: x,
}  # fmt: skip


def layers(x: Tensor, widths: tuple[int, ...], activations: tuple[str, ...]) -> Tensor:
    for k, (inside, out, name) in enumerate(zip(widths, widths[1:], activations, strict=False), 1):
        W = gn.parameter(f"W{k}", (inside, out), init="glorot_uniform")
        x = ACTIVATIONS[name](x @ W + gn.parameter(f"b{k}", (out,)))
    return x


def error(y: Tensor, t: Tensor) -> Tensor:
    return gn.mse(y, t)


def weighted(y: Tensor, t: Tensor) -> Tensor:
    """A sum of two columns, 1 and a column of an argument, which is scaled."""
    u, v = gn.tanh(y), gn.sin(y)
    return gn.mean((3 * u - 2 * t + 0.5 - v) ** 2) * 0.25


def twice(y: Tensor, t: Tensor) -> Tensor:
    """A column that comes twice, with weights that add up to 0."""
    return gn.mean((y - t + 2 * y - 3 * y) ** 2) + gn.mean(y)


def autoencoder(y: Tensor, t: Tensor) -> Tensor:
    """Columns of an argument that is read by a layer too, beside those of another."""
    x = gn.tanh(t @ gn.parameter("V", (t.shape[1], 1), init="glorot_uniform"))
    return gn.mean((gn.sigmoid(y) - 2 * x + gn.exp(-y)) ** 2 + (1 + gn.tanh(y) - 3 * t))


def binary(y: Tensor, t: Tensor) -> Tensor:
    return -gn.mean(t * gn.log(y) + (1 - t) * gn.log(1 - y))


# widths, activations, loss; what lies side by side in float32, and how often np.square is called
TABLE: dict[str, tuple[tuple[int, ...], tuple[str, ...], Loss, list[str], int]] = {
    "xor": ((2, 3, 1), ("tanh", "sigmoid"), error,
            ["loss_tanh_and_tanh_1", "t_and_1_and_loss_tanh"], 1),
    "three tanh": ((2, 3, 4, 1), ("tanh", "tanh", "tanh"), error, ["tanh_3_and_tanh_2"], 2),
    "two outputs": ((2, 3, 2), ("tanh", "sigmoid"), error, [], 2),  # t would be turned at a cost
    "linear": ((2, 3, 1), ("tanh", "none"), error, [], 1),
    "weighted": ((2, 3, 1), ("tanh", "none"), weighted,
            ["t_and_1_and_tanh_2_and_sin_1", "ones_and_d_add_2_square_and_d_add_2_cos"], 2),
    "twice": ((2, 3, 1), ("tanh", "tanh"), twice, ["tanh_2_and_tanh_1"], 1),
    "cross entropy": ((2, 3, 1), ("tanh", "sigmoid"), binary, [], 1),
    "wide": ((2, 40, 1), ("tanh", "sigmoid"), error, ["t_and_1_and_loss_tanh"], 2),
}  # fmt: skip


def program(
    widths: tuple[int, ...], activations: tuple[str, ...], loss: Loss, style: str, **how: Any
) -> Program:
    x, t = gn.input("x", ("batch", widths[0])), gn.input("t", ("batch", widths[-1]))
    y = layers(x, widths, activations)
    optimizer = how.pop("optimizer", gn.SGD(lr=0.5))
    if how.pop("shown", False):
        how["outputs"] = y
    return gn.training_step([x, t], loss(y, t), optimizer, style=style, **how)


def same(fast: Program, plain: Program, tolerance: float = 3e-5) -> None:
    """Compares steps in float32 with plain ones in float64."""
    rng = np.random.default_rng(0)
    shapes = [plain.network.node(name).shape[1] for name in plain.inputs]
    for batch in (4, 4, 1, 9, 4):
        x, t = (rng.random((batch, n)) for n in shapes)
        found = [p(x, t) for p in (fast, plain)]
        for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in found), strict=True):
            np.testing.assert_allclose(a, b, tolerance, tolerance)
    for name, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[name], array, tolerance, tolerance)


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("name", TABLE)
def test_calls_become_one_where_arrays_lie_side_by_side(name: str, shown: bool) -> None:
    widths, activations, loss, beside, squares = TABLE[name]
    fast = program(widths, activations, loss, "fast", shown=shown)
    same(fast, program(widths, activations, loss, "plain", shown=shown, dtype="float64"))
    if not shown:
        for together in beside:
            assert re.search(rf"^ +{together} = ", fast.source, re.M)
        assert bool(beside) == bool(re.search("weights_dot|= rows", fast.source))
        assert len(re.findall(r"^ +square\(", fast.source, re.M)) == squares


@pytest.mark.parametrize("name", TABLE)
def test_no_statement_reads_what_another_wrote_over(name: str) -> None:
    fast = program(*TABLE[name][:3], "fast")
    assert fast.recast is not None
    network, lowered = fast.recast.network, fast.recast.lowered()
    plan = make_plan(network, lowered, fast.outputs)
    plan.check()
    joins = [join for side in plan.sides for join in side.joins if join.op == "beside"]
    assert len(joins) == len(TABLE[name][3])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=4, max_size=4),
    st.sampled_from([error, weighted, twice, autoencoder]),
    st.booleans(),
    st.sampled_from([gn.SGD(lr=0.01), gn.SGD(lr=0.01, momentum=0.9)]),
)
def test_any_small_network_is_as_in_plain_style(
    widths: list[int], activations: list[str], loss: Loss, shown: bool, optimizer: Any
) -> None:
    shape = (2, *widths)
    fast, plain = (
        program(
            shape,
            tuple(activations[: len(widths)]),
            loss,
            style,
            optimizer=optimizer,
            dtype=dtype,
            shown=shown,
        )
        for style, dtype in (("fast", "float32"), ("plain", "float64"))
    )
    same(fast, plain, 1e-4)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 1e38])
def test_what_is_not_finite_ends_where_it_does_in_plain_style(bad: float) -> None:
    fast, plain = (program(*TABLE["xor"][:3], style) for style in ("fast", "plain"))
    t = np.array([[0.0], [bad], [1.0]])
    x = np.ones((3, 2))
    found = [p(x, t) for p in (fast, plain)]
    np.testing.assert_equal(np.isfinite(found[0]), np.isfinite(found[1]))
    for name, array in plain.parameters.items():
        np.testing.assert_equal(np.isnan(fast.parameters[name]), np.isnan(array), err_msg=name)


def test_an_argument_is_never_written_to() -> None:
    fast = program(*TABLE["xor"][:3], "fast")
    x, t = np.ones((4, 2)), np.ones((4, 1))
    fast(x, t)
    assert (x == 1).all()
    assert (t == 1).all()


def test_a_rate_of_nothing_still_gives_the_loss() -> None:
    fast = program(*TABLE["xor"][:3], "fast", optimizer=gn.SGD(lr=1e-40), dtype="float32")
    plain = program(*TABLE["xor"][:3], "plain", optimizer=gn.SGD(lr=1e-40), dtype="float32")
    given = np.ones((4, 2)), np.ones((4, 1))
    assert fast(*given) == pytest.approx(plain(*given), rel=1e-6)

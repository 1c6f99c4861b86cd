"""Fixed factors of columns stand where there are fewest elements, and change nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor

F, H = 3, 5
Made = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
FACTOR = "m[k] = where(k < 2, 1/2, 1), k < 5"

CASES: dict[str, Made] = {
    "a product": lambda x, W, b, m: gn.tanh((x @ W) * m),
    "with a bias": lambda x, W, b, m: gn.tanh(m * (x @ W + b)),
    "a product read twice": lambda x, W, b, m: gn.tanh((z := x @ W) * m) + z,
    "along what is summed": lambda x, W, b, m: gn.tanh((gn.tanh(x @ W) * m) @ (W.T @ W)),
    "of no product": lambda x, W, b, m: gn.tanh(x @ W) * m,
    "behind another function": lambda x, W, b, m: gn.tanh(m * gn.tanh(x @ W + b)),
}  # fmt: skip


@pytest.mark.parametrize("off", ["", "scaled", "ones"])
@pytest.mark.parametrize("name", CASES)
def test_factors_are_moved_and_change_nothing(name: str, off: str) -> None:
    made = CASES[name]
    x, t = gn.input("x", ("batch", F)), gn.input("t", ("batch", H))
    W, b = gn.parameter("W", (F, H)), gn.parameter("b", (H,))
    y = made(x, W, b, gn.formula(FACTOR))
    plain = gn.training_step([x, t], gn.mse(y, t), gn.SGD(lr=0.1), style="plain", dtype="float64")
    plan = make_plan(plain.network, lower(plain.network), plain.outputs, off=frozenset({off}))
    plan.check()
    rng = np.random.default_rng(0)
    for key, array in plain.parameters.items():
        plain.parameters[key] = rng.normal(size=array.shape)
    fast = Program(
        plain.network, plain.inputs, plain.outputs, style="fast", dtype="float64",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    for key, array in plain.parameters.items():
        fast.parameters[key] = array
    for rows in (4, 4, 1, 6):
        given = rng.normal(size=(rows, F)), rng.normal(size=(rows, H))
        assert fast(*given) == pytest.approx(plain(*given), rel=1e-11)
    for key, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[key], array, 1e-10, 1e-12, err_msg=key)


def test_no_pass_over_the_batch_is_left_of_a_factor() -> None:
    """The weight is multiplied, and its gradient; nothing of (batch, H) is."""

    def wide(off: str) -> int:
        x, t = gn.input("x", ("batch", F)), gn.input("t", ("batch", H))
        y = gn.tanh((x @ gn.parameter("W", (F, H))) * gn.formula(FACTOR))
        made = gn.training_step([x, t], gn.mse(y, t), gn.SGD(lr=0.1), style="plain")
        plan = make_plan(made.network, lower(made.network), made.outputs, off=frozenset({off}))
        fixed = [v for v in plan.lines if any(plan.roles(a) == "fixed" for a, _ in v.args)]
        return sum(v.rank == 2 and not isinstance(v.extents[0], int) for v in fixed)

    assert wide("scaled") == 2
    assert wide("") == 0

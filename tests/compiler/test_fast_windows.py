"""Planned steps of windows: fast = plain over steps of several sizes, one switch off at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.ops.tensor import Tensor


def classes(x: Tensor, *layers: Any) -> Tensor:
    for layer in layers:
        x = layer(x)
    return gn.Dense(4)(gn.Flatten()(x))


def relu_pool(x: Tensor) -> Tensor:
    conv = {"padding": "same", "activation": "relu"}
    return classes(x, gn.Conv2D(3, 3, **conv), gn.MaxPool2D(2), gn.Conv2D(9, 3, **conv),
                   gn.MaxPool2D((2, 1)))  # fmt: skip


NETWORKS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu pool": relu_pool,
    "strided": lambda x: classes(
        x, gn.Conv2D(6, 3, 2, 1, "tanh"), gn.Conv2D(6, 2, dilation=2, groups=3)
    ),
    "overlapping": lambda x: classes(
        x, gn.Conv2D(4, 3), gn.MaxPool2D(3, 2, 1), gn.AveragePooling2D(2, 1)
    ),
    "transposed": lambda x: classes(
        x, gn.Conv2D(4, 2, 2), gn.Conv2DTranspose(3, 3, 2, activation="relu"), gn.MaxPool2D(2)
    ),
    "one axis": lambda x: classes(
        gn.reshape(x, ("batch", 2, -1)), gn.Conv1D(5, 5, padding=2, activation="relu"),
        gn.MaxPool1D(4), gn.Conv1DTranspose(3, 3, 2), gn.GlobalMaxPool1D(),
        lambda z: gn.reshape(z, ("batch", 3, 1)),
    ),
}  # fmt: skip


def step(name: str, **options: Any) -> Program:
    x, t = gn.input("x", ("batch", 2, 8, 6)), gn.input("t", ("batch",), dtype="int")
    loss = gn.cross_entropy(NETWORKS[name](x), t)
    return gn.training_step([x, t], loss, gn.SGD(lr=0.1, momentum=0.9), **options)


def images(batch: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of which half is a constant background, so that many maxima are tied."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, 2, 8, 6))
    x[:, :, :4] = 0
    return x, rng.integers(0, 4, batch)


def run(fast: Program, plain: Program, tolerance: float) -> None:
    for k, batch in enumerate([4, 4, 1, 4, 9]):
        given = images(batch, k)
        np.testing.assert_allclose(fast(*given), plain(*given), tolerance, tolerance)
    for name, array in plain.parameters.items():
        np.testing.assert_allclose(fast.parameters[name], array, tolerance, tolerance, name)


@pytest.mark.parametrize("off", ["", "windows", "phases", "count", "flat", "mask"])
@pytest.mark.parametrize("name", NETWORKS)
def test_fast_is_plain(name: str, off: str) -> None:
    plain = step(name, dtype="float64", style="plain")
    for split in (False, True):
        plan = make_plan(
            plain.network, lower(plain.network, split=split), plain.outputs,
            off=frozenset({off}),
        )  # fmt: skip
        plan.check()
    fast = Program(
        plain.network, plain.inputs, plain.outputs, dtype="float64", style="fast",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    run(fast, plain, 1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_behind_poolings_in_float32(name: str) -> None:
    """As training_step makes it: rising functions behind poolings, states in scales."""
    run(step(name, style="fast"), step(name, style="plain"), 2e-4)


def test_a_step_of_windows_is_planned() -> None:
    """No frame, copy or mask of a convolution is allocated in the step."""
    source = step("relu pool", style="fast").source
    inside = source.split("def step(x, t)")[1].split("return step")[0]
    assert not any(w in inside for w in ("np.pad", "np.where", "sliding_window_view", ".reshape"))
    assert "for part, room, dot, rows in" in inside
    assert "(0, 1), None" in inside  # maxima of whole slabs


def test_masks_of_padded_poolings_are_factors() -> None:
    """Every window holds an element of the array, so its largest is finite and may be masked."""
    x, t = gn.input("x", ("batch", 1, 16, 16)), gn.input("t", ("batch",), dtype="int")
    z = classes(x, gn.Conv2D(4, 3, padding=1), gn.MaxPool2D(3, 2, 1), gn.Activation("relu"))
    source = gn.training_step([x, t], gn.cross_entropy(z, t), gn.SGD(lr=0.1), style="fast").source
    assert "slab in" in source
    assert "np.where" not in source.split("def step(x, t)")[1]


def test_a_pooling_of_no_image_compiles() -> None:
    x = gn.input("x", (0, 2, 1, 1))
    y = gn.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
    program = gn.function(x, [y, gn.grad(gn.sum(y), x)], style="fast")
    assert [a.shape for a in program(np.ones((0, 2, 1, 1)))] == [(0, 2, 1, 1)] * 2


@pytest.mark.parametrize(
    ("shape", "seen"), [((12, 5), True), ((60,), True), ((6, 10), True), ((3, 20), False)]
)
def test_what_is_reshaped_into_a_frame(shape: tuple[int, ...], seen: bool) -> None:
    """Moved axes are copied straight into a frame where the reshape merges neighbours alone."""
    x = gn.input("x", ("batch", 2, 6, 5))
    moved = gn.reshape(gn.transpose(x, (0, 2, 1, 3)), (-1, *shape))
    framed = gn.pad(moved, ((0, 0),) * len(shape) + ((1, 1),))
    y = gn.formula(
        f"Y[n{',a' * (len(shape) - 1)},j] = Sum(P[n{',a' * (len(shape) - 1)},j+k]*w[k], k)",
        P=framed, w=gn.parameter("w", (3,)),
    )  # fmt: skip
    plain, fast = (
        gn.training_step([x], gn.mean(y * y), gn.SGD(lr=0.1), style=style, dtype="float64")
        for style in ("plain", "fast")
    )
    data = np.random.default_rng(0).normal(size=(4, 2, 6, 5))
    fast.parameters["w"][...] = plain.parameters["w"]
    for _ in range(2):
        assert fast(data) == pytest.approx(plain(data), rel=1e-12)
    assert ("_inner_digits = " in fast.source) is seen

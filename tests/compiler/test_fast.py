"""The fast style: plain = fast over 20 steps, every plan replayed, one switch off at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.algebra.simplify import RULES as ALGEBRA
from graphnet.compiler.fast.plan import make_plan
from graphnet.compiler.fast.rules import RULES
from graphnet.compiler.helpers import HELPERS
from graphnet.compiler.lower import lower
from graphnet.compiler.program import Program
from graphnet.errors import GraphnetError
from graphnet.ops.tensor import Tensor

SWITCHES = (
    "", "flat", "slabs", "ones", "batched", "joined", "early", "extreme", "turned", "small",
    "blocks", "ahead", "mixes", "calls", *RULES, *ALGEBRA,
)  # fmt: skip


def layers(x: Tensor, sizes: Sequence[int], activation: Callable[[Tensor], Tensor]) -> Tensor:
    for k, (a, b) in enumerate(pairwise(sizes), 1):
        W = gn.parameter(f"W{k}", (a, b), init="glorot_uniform")
        x = x @ W + gn.parameter(f"b{k}", (b,))
        x = activation(x) if k + 2 <= len(sizes) else x
    return x


def classifier(activation: Callable[[Tensor], Tensor], optimizer: Any, **k: Any) -> Program:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    loss = gn.cross_entropy(layers(x, (6, 5, 4), activation), t)
    return gn.training_step([x, t], loss, optimizer, **k)


def regression(optimizer: Any, **k: Any) -> Program:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch", 2))
    y = layers(x, (6, 3, 2), gn.tanh)
    return gn.training_step([x, t], gn.mse(gn.sigmoid(y), t), optimizer, outputs=y, **k)


def dropout(optimizer: Any, **k: Any) -> Program:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch", 1))
    h = gn.Dropout(0.4)(gn.Dense(5, activation="relu")(x), training=True)
    return gn.training_step([x, t], gn.mse(gn.Dense(1)(h), t), optimizer, **k)


def short_rows(optimizer: Any, **k: Any) -> Program:
    """Softmax over 4 classes at many places, and a least and a largest element of short rows."""
    x, t = gn.input("x", ("batch", 12, 6)), gn.input("t", ("batch", 12), dtype="int")
    z = layers(x, (6, 5, 4), gn.tanh)
    spread = gn.formula("R[n,i] = Max(Z[n,i,k], k) - Min(Z[n,i,k], k)", Z=z)
    loss = gn.cross_entropy(z, t) + 0.01 * gn.mean(spread * spread)
    return gn.training_step([x, t], loss, optimizer, **k)


def heads(optimizer: Any, **k: Any) -> Program:
    """Causal attention of two heads, whose weights have an axis of heads. (The gradient of bk is 0
    but for rounding, which Adam would blow up.)"""
    x, t = gn.input("x", ("batch", 5, 6)), gn.input("t", ("batch", 5), dtype="int")
    q, key, v = (
        gn.formula(
            "Y[n,h,i,r] = Sum(x[n,i,c]*W[c,h,r], c) + b[h,r]", x=x,
            W=gn.parameter(f"W{name}", (6, 2, 3), init="glorot_uniform"),
            b=gn.parameter(f"b{name}", (2, 3)),
        ) for name in "qkv"
    )  # fmt: skip
    Wo = gn.parameter("Wo", (2, 3, 4), init="glorot_uniform")
    a = gn.attention(q, key, v, causal=True)
    z = gn.formula("Y[n,i,c] = Sum(a[n,h,i,r]*W[h,r,c], h, r)", a=a, W=Wo)
    return gn.training_step([x, t], gn.cross_entropy(z, t), optimizer, **k)


def tied(optimizer: Any, **k: Any) -> Program:
    x = gn.input("x", ("batch", 6))
    W, c, s = (
        gn.parameter("W", (6, 4), init="he_normal"),
        gn.parameter("c", (6,)),
        gn.parameter("s", ()),
    )
    y = gn.tanh(x @ W) @ W.T + c + s
    return gn.training_step(x, gn.mse(y, x) + 0.01 * gn.sum(W * W), optimizer, **k)


def tall(optimizer: Any, **k: Any) -> Program:
    """Products of so many rows that they go in blocks, with parameters of the names of those."""
    x, t = gn.input("x", ("batch", 61, 40)), gn.input("t", ("batch", 61), dtype="int")
    W = gn.parameter("block", (40, 48), init="glorot_uniform")
    V = gn.parameter("rows", (48, 30), init="glorot_uniform")
    z = gn.tanh(gn.tanh(x + gn.parameter("part", (40,))) @ W) @ V
    return gn.training_step([x, t], gn.cross_entropy(z, t), optimizer, **k)


def scores(optimizer: Any, **k: Any) -> Program:
    """Attention over 9 places: keys and values are turned in a copy before they are multiplied."""
    x, t = gn.input("x", ("batch", 9, 6)), gn.input("t", ("batch", 9), dtype="int")
    q, key, v = (x @ gn.parameter(f"W{n}", (6, 4), init="glorot_uniform") for n in "qkv")
    return gn.training_step([x, t], gn.cross_entropy(gn.attention(q, key, v), t), optimizer, **k)


NETWORKS: dict[str, Callable[..., Program]] = {
    "relu": lambda **k: classifier(gn.relu, gn.SGD(lr=0.1, momentum=0.9), **k),
    "gelu": lambda **k: classifier(gn.gelu, gn.Adam(lr=0.01), **k),
    "clipped": lambda **k: classifier(gn.tanh, gn.SGD(lr=0.1, clip_norm=0.5), **k),
    "groups": lambda **k: classifier(gn.elu, gn.RMSprop(lr=0.01, groups={"b1": {"lr": 0.1}}), **k),
    "regression": lambda **k: regression(gn.SGD(lr=0.5), **k),
    "nesterov": lambda **k: regression(gn.SGD(lr=0.1, momentum=0.9, nesterov=True), **k),
    "dropout": lambda **k: dropout(gn.AdamW(lr=0.01), **k),
    "rows": lambda **k: short_rows(gn.SGD(lr=0.1), **k),
    "heads": lambda **k: heads(gn.SGD(lr=0.1, momentum=0.9), **k),
    "scores": lambda **k: scores(gn.SGD(lr=0.1, momentum=0.9), **k),
    "tall": lambda **k: tall(gn.SGD(lr=0.1), **k),
    "tied": lambda **k: tied(gn.SGD(lr=0.02, weight_decay=0.1), **k),
}  # fmt: skip


def arguments(program: Program, batch: int, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    made: list[Any] = []
    for name in program.inputs:
        node = program.network.node(name)
        shape = tuple(e if isinstance(e, int) else batch for e in node.shape)
        made.append(rng.integers(0, 4, shape) if node.dtype == "int" else rng.normal(size=shape))
    return made


def same(fast: Program, plain: Program, batches: Sequence[int], tolerance: float) -> None:
    """Runs both and compares every result, parameter and state."""
    for k, batch in enumerate(batches):
        given = arguments(plain, batch, k)
        results = [p(*given) for p in (fast, plain)]
        for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in results), strict=True):
            np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=f"step {k}")
    for store in ("parameters", "states"):
        for name, array in getattr(plain, store).items():
            got = getattr(fast, store)[name]
            np.testing.assert_allclose(got, array, tolerance, tolerance, err_msg=name)


@pytest.mark.parametrize("off", SWITCHES)
@pytest.mark.parametrize("name", NETWORKS)
def test_fast_is_plain(name: str, off: str) -> None:
    """20 steps with every recogniser, and with one left out; short batches in between."""
    plain = NETWORKS[name](dtype="float64", style="plain")
    plan = make_plan(plain.network, lower(plain.network), plain.outputs, off=frozenset({off}))
    plan.check()
    fast = Program(
        plain.network, plain.inputs, plain.outputs, dtype="float64", style="fast",
        restore=plain._restore, off=frozenset({off}),
    )  # fmt: skip
    same(fast, plain, [8] * 10 + [3, 8, 1] + [8] * 7, 1e-9)


def test_long_products_go_in_blocks() -> None:
    """Forward, and for both gradients; none in a step whose products are small."""
    source = tall(gn.SGD(lr=0.1), style="fast").source
    assert source.count("= in_rows(") == 4
    assert source.count(" in_parts(") == 1 + 2  # its definition and these
    assert scores(gn.SGD(lr=0.1), style="fast").source.count("copyto(turned, ") == 2
    assert "in_rows" not in classifier(gn.relu, gn.SGD(lr=0.1), style="fast").source


def test_rows_go_column_by_column() -> None:
    """Exactly the largest and least elements, nan and -inf as in NumPy's reduction."""
    source = short_rows(gn.SGD(lr=0.1), style="fast").source
    assert "for slab in" in source
    assert "maximum.reduce" not in source
    x = gn.input("x", ("batch", 99, 3))
    high = gn.formula("H[n,i] = Max(x[n,i,k], k)", x=x)
    low = gn.formula("L[n,i] = Min(x[n,i,k], k)", x=x)
    found = gn.function(x, [high, low], style="fast")
    given = np.random.default_rng(0).normal(size=(2, 99, 3)).astype(np.float32)
    given[0, 0], given[0, 1, 1], given[1, 2] = -np.inf, np.nan, np.nan
    for got, op in zip(found(given), (np.max, np.min), strict=True):
        np.testing.assert_array_equal(got, op(given, axis=2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 3), (5, 10), (4, 64), (3, 65), (2, 7, 33), (2, 1, 4, 9)])
@pytest.mark.parametrize("over", [1, 2])
def test_rows_give_their_extremes_by_place(shape: tuple[int, ...], over: int, dtype: str) -> None:
    """Exactly the largest and least elements, nan and -inf as in NumPy's reduction."""
    over = min(over, len(shape) - 1)
    indices = list("ijkl")[: len(shape)]
    kept, summed = ", ".join(indices[:-over]), ", ".join(indices[-over:])
    x = gn.input("x", ("batch", *shape[1:]))
    formulas = [
        gn.formula(f"Y[{kept}] = {op}(x[{', '.join(indices)}], {summed})", x=x)
        for op in ("Max", "Min")
    ]
    found = gn.function(x, formulas, style="fast", dtype=dtype)
    assert "argmax(1, places" in found.source
    given = np.random.default_rng(0).normal(size=shape).astype(dtype)
    axes = tuple(range(-over, 0))
    for bad in ((), (-np.inf, np.inf), (np.nan,)):
        for value in bad:
            given.flat[given.size // 2] = value
        for got, op in zip(found(given), (np.max, np.min), strict=True):
            np.testing.assert_array_equal(got, op(given, axis=axes))


def test_heads_are_multiplied_where_they_lie() -> None:
    """Nothing is copied into another order, and every product is one call."""
    source = heads(gn.Adam(lr=0.01), style="fast").source
    copies = [line for line in source.split("\n") if "copyto(" in line]
    assert all("slabs[0]" in line for line in copies)
    assert "einsum" not in source
    assert source.count(" matmul(") == 6  # scores, outputs, and two slopes of each


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_stays_float32(name: str) -> None:
    plain, fast = (NETWORKS[name](style=style) for style in ("plain", "fast"))
    same(fast, plain, [8, 8, 3], 2e-4)
    assert {a.dtype for a in fast.parameters.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_left_over_from_the_step_before(name: str) -> None:
    """Buffers full of nan before a step do not change it: whatever is read was written first."""
    plain = NETWORKS[name](dtype="float64", style="plain")
    fast = NETWORKS[name](dtype="float64", style="fast")
    poisoned = NETWORKS[name](dtype="float64", style="fast")
    same(fast, plain, [4], 1e-9)
    given = arguments(plain, 4, 0)
    poisoned(*given)
    for step in poisoned._function.known.values():  # type: ignore[attr-defined]
        (inner,) = step.args  # what is run in a context of the program's own
        own = dict(zip(inner.__code__.co_freevars, inner.__closure__, strict=True))
        for array in written_to(poisoned.source, own):
            array[...] = np.nan
    fast(*given)
    poisoned(*given)
    for key, array in fast.parameters.items():
        np.testing.assert_array_equal(poisoned.parameters[key], array)


def written_to(source: str, own: dict[str, Any]) -> list[Any]:
    """The float buffers of a step, by the lines that make them."""
    buffers = source.partition("# -- buffers")[2].partition("# -- ")[0]
    names = re.findall(r"^\s+(\w+) = new\(", buffers, re.MULTILINE)
    assert names or not buffers.strip()
    framed = re.findall(r"^\s+(\w+)\.fill\(", buffers, re.MULTILINE)  # their edges stay
    arrays = [own[n].cell_contents for n in names if n in own and n not in framed]
    return [a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


def test_a_program_that_runs_refuses_to_be_run_by_another_thread() -> None:
    x = gn.input("x", ("batch", 3))
    program = gn.function(x, gn.exp(x), style="fast")
    program(np.ones((2, 3)))
    (step,) = program._function.known.values()  # type: ignore[attr-defined]
    with pytest.raises(GraphnetError, match="one thread at a time"):
        step.func(program, np.ones((2, 3)))  # inside the context in which it runs
    with np.errstate(all="raise"):
        assert np.isinf(program(np.full((2, 3), 1e9))).all()


@pytest.mark.parametrize("size", [0, 64, 4096, 1 << 20, 5 << 20])
def test_buffers_lie_side_by_side_each_from_a_line_of_the_cache(size: int) -> None:
    names: dict[str, Any] = {"np": np}
    exec(HELPERS["arena"], names)
    new = names["arena"](size)
    shapes = [((k, *more), kind) for k in (1, 3, 0) for more in ((), (5,)) for kind in "fd?"]
    made, used = [], 0
    for shape, kind in shapes:
        need = int(np.prod(shape)) * np.dtype(kind).itemsize
        if used + need + 64 > size:
            continue
        array = new(shape, kind)
        assert array.shape == shape
        assert array.flags.c_contiguous
        assert not array.size or array.__array_interface__["data"][0] % 64 == 0
        array[...] = len(made)
        made.append(array)
        used += need + 64
    rest = new(max(0, size - used), np.int8)
    rest[...] = 99
    assert all((array == k).all() for k, array in enumerate(made) if array.dtype != bool)
    assert len(made) == len(shapes) or size < 4096


def test_programs_that_share_parameters_see_one_another() -> None:
    x, t = gn.input("x", ("batch", 6)), gn.input("t", ("batch",), dtype="int")
    logits = layers(x, (6, 5, 4), gn.relu)
    loss = gn.cross_entropy(logits, t)
    step = gn.training_step([x, t], loss, gn.Adam(lr=0.01), dtype="float64")
    held = step.parameters["W1"]
    whole = gn.function(x, logits, parameters=step.parameters, dtype="float64", style="fast")
    part = gn.training_step(
        [x, t], loss, gn.SGD(lr=0.1, momentum=0.9), parameters=step.parameters, dtype="float64"
    )
    plain = gn.training_step([x, t], loss, gn.Adam(lr=0.01), dtype="float64", style="plain")
    second = gn.training_step(
        [x, t], loss, gn.SGD(lr=0.1, momentum=0.9), parameters=plain.parameters, dtype="float64"
    )
    assert step.parameters["W1"] is held  # what is shared is never moved
    assert second.parameters["W1"] is plain.parameters["W1"]
    for k in range(3):
        given = arguments(step, 8, k)
        for one, other in ((step, plain), (part, second)):
            np.testing.assert_allclose(one(*given), other(*given), 1e-9)
    np.testing.assert_allclose(held, plain.parameters["W1"], 1e-9)
    before = whole(given[0])
    step.parameters["b2"] = np.ones(4)
    assert not np.allclose(whole(given[0]), before)


def test_results_are_fresh_and_buffers_where_asked() -> None:
    x = gn.input("x", ("batch", 3))
    y = gn.exp(x * 2).rename("y")
    fresh = gn.function(x, [y, x, y], style="fast")
    first, given, again = fresh(np.zeros((2, 3), np.float32))
    assert not np.shares_memory(first, again)
    fresh(np.ones((2, 3), np.float32))
    assert (first == 1).all()
    assert (given == 0).all()
    views = gn.function(x, y, style="fast", copy=False)
    a = views(np.zeros((2, 3), np.float32))
    b = views(np.ones((2, 3), np.float32))
    assert a is b


def test_results_without_a_copy_are_those_of_before_the_updates() -> None:
    """What is given out as a buffer is neither written over by what reads it nor made too late."""
    x = gn.input("x", ("batch", 3))
    p, s = gn.parameter("p", (3,), init=[1, 2, 3]), gn.state("s", (3,), init=2)
    h = gn.exp(x * p)
    outputs = (h, gn.layer_norm(h * 2), p, p[::-1], p * 1, 3 * s, h)
    updates = {p: p + gn.sum(x, axis=0), s: s * p}
    plain, fast = (
        gn.function(x, outputs, updates=updates, style=style, copy=False, dtype="float64")
        for style in ("plain", "fast")
    )
    same(fast, plain, [4, 4, 1], 1e-12)


def test_new_values_are_computed_from_old_ones() -> None:
    a, b = gn.state("a", (3,), init="ones"), gn.state("b", (3,), init="zeros")
    p = gn.parameter("p", (2, 2), init="ones")
    updates = {a: b + 1, b: a * 3, p: p.T + p}
    for style in ("plain", "fast"):
        f = gn.function([], [a, p], updates=updates, style=style)
        f.states["b"] = [1, 2, 3]
        before, _ = f()
        assert before.tolist() == [1, 1, 1]
        assert f.states["a"].tolist() == [2, 3, 4]
        assert f.states["b"].tolist() == [3, 3, 3]
        f()
        assert f.states["a"].tolist() == [4, 4, 4]
    swap = gn.function([], [], updates={a: b * 1, b: a * 1}, style="fast")
    swap.states["b"] = [1, 2, 3]
    swap()
    assert swap.states["a"].tolist() == [1, 2, 3]
    assert swap.states["b"].tolist() == [1, 1, 1]


def test_bad_labels_and_shapes_are_told_also_on_the_short_way() -> None:
    program = classifier(gn.relu, gn.SGD(lr=0.1))
    x, t = np.zeros((4, 6), np.float32), np.array([0, 1, 2, 3])
    program(x, t)
    program(x, t)
    for wrong in (4, -1):
        with pytest.raises(gn.GraphnetError, match=r"valid range is 0 \.\. 3"):
            program(x, np.array([0, 1, 2, wrong]))
    with pytest.raises(gn.GraphnetError, match="expected shape"):
        program(x[:, :5], t)
    with pytest.raises(gn.GraphnetError, match="batch"):
        program(x, t[:3])
    with pytest.raises(gn.GraphnetError, match="no array was given for x, t"):
        program()
    with pytest.raises(gn.GraphnetError, match="no array was given for t"):
        program(x)
    with pytest.raises(gn.GraphnetError, match="came 3 arguments"):
        program(x, t, t)
    assert program(x.tolist(), t.tolist()) > 0  # the long way casts


@pytest.mark.parametrize("named", [False, True])
def test_batches_of_several_shapes_take_turns_on_the_short_way(named: bool) -> None:
    """The step of the last shapes is tried first; it must not be run on others."""
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch",))
    program = gn.function([x, t], gn.sum(gn.sum(x, axis=1) * t), style="fast")
    for rows in (2, 2, 5, 5, 2, 1, 5, 3, 4, 6, 7, 8, 9, 10, 2):
        X, T = np.full((rows, 3), 2, np.float32), np.ones(rows, np.float32)
        assert (program(x=X, t=T) if named else program(X, T)) == 6 * rows
        assert program.run(X, T) == 6 * rows


def test_a_name_changes_no_bit_of_what_is_computed() -> None:
    def made(w: str) -> Program:
        x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch", 2))
        y = gn.tanh(x @ gn.parameter(w, (3, 2), init="ones"))
        return gn.training_step([x, t], gn.mse(y, t), gn.SGD(lr=0.1))

    assert made("Q").source.replace("Q", "W") == made("W").source


def test_images_are_learned_in_fast_steps() -> None:
    X = np.random.default_rng(0).normal(size=(6, 1, 8, 8))
    losses = []
    for style in ("plain", "fast"):
        model = gn.Sequential([
            gn.Conv2D(3, 3, activation="relu"), gn.MaxPool2D(2), gn.Conv2D(4, 3, padding="same"),
            gn.Flatten(), gn.Dense(2),
        ])  # fmt: skip
        model.compile(gn.SGD(lr=0.1), loss="cross_entropy", dtype="float64", style=style)
        model.fit(X, np.arange(6) % 2, epochs=5, batch_size=3, verbose=0)
        losses.append(model.history.epochs[-1]["loss"])
    np.testing.assert_allclose(losses[1], losses[0], 1e-9)


@pytest.mark.parametrize(
    "optimizer", [gn.Adam(lr=0.01, amsgrad=True), gn.Lion(lr=0.01), gn.SGD(lr=0.1, clip_norm=1.0)]
)
def test_long_updates_go_block_by_block(optimizer: Any) -> None:
    """No bit changes: each element is computed by the same calls."""
    x = gn.input("x", ("batch", 300))
    W1, W2 = gn.parameter("W1", (300, 310)), gn.parameter("W2", (310, 5))
    loss = gn.mse(gn.tanh(gn.tanh(x @ W1) @ W2), 0.5 * gn.tanh(x @ gn.ones((300, 5))))
    plain = gn.training_step(x, loss, optimizer, style="plain", dtype="float64")
    one, other = (
        Program(
            plain.network, plain.inputs, plain.outputs, style="fast", restore=plain._restore,
            off=frozenset(off), dtype="float64",
        ) for off in ((), ("blocks",))
    )  # fmt: skip
    assert "in blocks:" in one.source
    assert "in blocks:" not in other.source
    same(one, plain, [3, 2, 3], 1e-9)
    given = arguments(plain, 4)
    one.reset()
    other.reset()
    for _ in range(3):
        assert one(*given) == other(*given)
    for name, array in one.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], array)


def test_a_long_array_that_numpy_makes_anew_is_read_whole() -> None:
    """`np.where` has no out=: what it makes has no place of which there are slices."""
    x = gn.input("x", (100_000,))
    y = gn.where(x > 0, x, x * x + 1)
    given = np.random.default_rng(0).normal(size=100_000)
    plain, fast = (
        gn.function(x, gn.exp(-y * y) * y + y, style=style, dtype="float64")
        for style in ("plain", "fast")
    )
    np.testing.assert_allclose(fast(given), plain(given), 1e-12)


@pytest.mark.parametrize("columns", [3, 12])
def test_parameters_that_start_orthogonal_are_learned_as_vectors(columns: int) -> None:
    """What is drawn turned, of more columns than rows, has to lie in one piece all the same."""
    x, W = gn.input("x", ("batch", 4)), gn.parameter("W", (4, columns), init="orthogonal")
    loss = gn.mean((x @ W) ** 2) + gn.mean((gn.reshape(W, (4 * columns,)) - 1) ** 2)
    plain, fast = (
        gn.training_step(x, loss, gn.SGD(lr=0.3), style=style, dtype="float64")
        for style in ("plain", "fast")
    )
    same(fast, plain, [3] * 4, 1e-12)
    assert not np.allclose(fast.parameters["W"], gn.function([], W, dtype="float64")())


def test_rates_of_0_and_states_of_one_number() -> None:
    """A gradient times 0 is none, and a state in a scale of its own is shown whatever its shape."""
    x, layer, s = gn.input("x", ("batch", 4, 3)), gn.RNN(2), gn.parameter("s", init=1)
    loss = gn.mean((layer(x) @ gn.parameter("W", (2, 2)) * s - 1) ** 2)
    optimizer = gn.SGD(
        lr=0.1, momentum=0.9, nesterov=True, groups={"U1": {"lr": 0}, "b1": {"lr": 0.0}}
    )
    plain, fast = (gn.training_step(x, loss, optimizer, style=style) for style in ("plain", "fast"))
    assert fast.recast is not None
    assert "v_s" in fast.recast.scales.states
    given = np.random.default_rng(0).normal(size=(5, 4, 3))
    first = plain.parameters["U1"].copy()
    for _ in range(3):
        assert fast(given) == pytest.approx(plain(given), 1e-5)
    np.testing.assert_array_equal(fast.parameters["U1"], first)
    for key, array in plain.states.items():
        np.testing.assert_allclose(fast.states[key], array, 1e-4, 1e-7)

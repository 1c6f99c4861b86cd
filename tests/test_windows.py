"""Windows, norms and attention against recorded torch, and what torch cannot judge."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network

ORACLE = runpy.run_path(str(Path(__file__).parent / "oracles" / "make_windows.py"))
CASES, brief, draw = (ORACLE[k] for k in ("CASES", "brief", "draw"))
with np.load(ORACLE["TABLE"]) as table:
    RECORDED = dict(
        zip(table["names"].tolist(), np.split(table["values"], table["ends"][:-1]), strict=True)
    )
KINDS = {"f": "float", "i": "int", "b": "bool"}


def results(name: str, batch: bool = False) -> np.ndarray:
    """The result of a case and its gradients, in brief, by a compiled function."""
    arrays, ask, _ = CASES[name]
    first = next(iter(arrays))
    inputs = {
        k: gn.input(k, ("batch", *v.shape[1:]) if batch and k == first else v.shape,
                    dtype=KINDS[v.dtype.kind])
        for k, v in arrays.items()
    }  # fmt: skip
    y = ask(gn, **inputs)
    up = gn.input("up", y.shape)
    floats = [x for x in inputs.values() if x.dtype == "float"]
    outputs = [y, *gn.grad(y, floats, upstream=up)]
    program = gn.function([*inputs.values(), up], outputs, dtype="float64")
    shape = ask(gn, **{k: gn.constant(v) for k, v in arrays.items()}).shape
    return np.concatenate([brief(r) for r in program(*arrays.values(), draw(name, *shape))])


def test_the_table_is_of_these_cases():
    assert list(RECORDED) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_that_torch_recorded(name):
    np.testing.assert_allclose(results(name), RECORDED[name], rtol=1e-10, atol=1e-10)


ANY_BATCH = [
    n for n in CASES
    if n.startswith(("conv", "max", "avg", "layer", "rms", "batch", "group")) and "(-1,)" not in n
    and "(0,)" not in n
][::7]  # fmt: skip


@pytest.mark.parametrize("name", ANY_BATCH)
def test_the_batch_may_be_a_named_size(name):
    np.testing.assert_allclose(results(name, batch=True), RECORDED[name], rtol=1e-10, atol=1e-10)


# ------------------------------------------------------------------------- what torch cannot judge


def loops(y: gn.Tensor, **values: np.ndarray) -> np.ndarray:
    network = Network.collect({"Y": y.node})
    given = {name: value for name, value in values.items() if name in network}
    return np.asarray(interpret(network, given)[network.outputs["Y"]])


@pytest.mark.parametrize(
    ("size", "options"), [(2, {}), (3, {"stride": 1, "padding": 1}), ((2, 3), {"stride": 2})]
)
def test_tied_maxima_share_the_slope_evenly(size, options):
    x = gn.input("x", (2, 1, 5, 6))
    y = gn.max_pool2d(x, size, **options)
    value = np.round(draw("ties", 2, 1, 5, 6))  # many ties
    up = draw("up", *y.shape)
    slope = gn.grad(y, x, upstream=gn.constant(up))
    found = gn.function([x], [y, slope], dtype="float64")(value)
    np.testing.assert_allclose(found[0], loops(y, x=value), rtol=0, atol=0)
    np.testing.assert_allclose(found[1], loops(slope, x=value), atol=1e-12)

    (h, w), s, p = np.broadcast_to(size, 2), options.get("stride", size), options.get("padding", 0)
    padded = np.pad(value, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=-np.inf)
    expected = np.zeros_like(padded)
    for n, c, i, j in np.ndindex(*y.shape):
        at = (n, c, slice(s * i, s * i + h), slice(s * j, s * j + w))
        tied = padded[at] == padded[at].max()
        expected[at] += up[n, c, i, j] * tied / tied.sum()
    np.testing.assert_allclose(found[1], expected[:, :, p : p + 5, p : p + 6], atol=1e-12)


def test_a_query_that_may_look_nowhere_gives_exactly_0():
    arrays = {"q": draw("q", 3, 4), "k": draw("k", 5, 4), "v": draw("v", 5, 2)}
    mask = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    q, k, v = tensors = [gn.input(name, a.shape) for name, a in arrays.items()]
    m = gn.input("m", (3, 5), dtype="bool")
    y = gn.attention(q, k, v, m)
    slopes = gn.grad(y, tensors, upstream=gn.constant(np.ones((3, 2))))
    program = gn.function([*tensors, m], [y, *slopes], dtype="float64")
    out, dq, dk, dv = program(*arrays.values(), mask)
    assert (out[1] == 0).all()
    assert (dq[1] == 0).all()
    rest = program(arrays["q"], arrays["k"], arrays["v"], mask | (np.arange(3) == 1)[:, None])
    np.testing.assert_array_equal(out[[0, 2]], rest[0][[0, 2]])
    assert all(np.isfinite(a).all() for a in (dk, dv))
    nowhere = program(*arrays.values(), np.zeros((3, 5), bool))
    assert all((a == 0).all() for a in nowhere)
    for found, tensor in zip((out, dq, dk, dv), (y, *slopes), strict=True):
        np.testing.assert_allclose(found, loops(tensor, **arrays, m=mask), atol=1e-12)


SECOND = {
    "conv2d": (lambda x, w: gn.conv2d(x, w, stride=2, padding=1) ** 2, (2, 2, 4, 3), (2, 2, 3, 2)),
    "layer_norm": (lambda x, g: gn.layer_norm(x, g) ** 2, (3, 4), (4,)),
}


@pytest.mark.parametrize("name", SECOND)
def test_second_order_is_the_slope_of_the_gradient(name):
    ask, *shapes = SECOND[name]
    tensors = [gn.input(f"t{k}", s) for k, s in enumerate(shapes)]
    values = [draw(f"{name}{k}", *s) for k, s in enumerate(shapes)]
    ways = [draw(f"{name} way{k}", *s) for k, s in enumerate(shapes)]
    slopes = gn.grad(gn.sum(ask(*tensors)), tensors)
    along = sum(gn.sum(d * gn.constant(u)) for d, u in zip(slopes, ways, strict=True))
    program = gn.function(tensors, [*slopes, *gn.grad(along, tensors)], dtype="float64")
    step = 1e-5
    ahead, behind = (
        program(*[v + sign * step * u for v, u in zip(values, ways, strict=True)])[:2]
        for sign in (1, -1)
    )
    for a, b, found in zip(ahead, behind, program(*values)[2:], strict=True):
        np.testing.assert_allclose(found, (a - b) / (2 * step), rtol=1e-6, atol=1e-7)


def test_windows_over_named_sizes():
    x, w = gn.input("x", ("n", 2, "h", "c")), gn.input("w", (3, 2, 3, 3))
    y = gn.avg_pool2d(gn.max_pool2d(gn.conv2d(x, w, stride=2, padding=1), 3, 1, 1), 2)
    slope = gn.grad(gn.sum(y), x)
    value, window = draw("x", 2, 2, 9, 8), draw("w", 3, 2, 3, 3)
    found = gn.function([x, w], [y, slope], dtype="float64")(value, window)
    assert found[0].shape == (2, 3, 2, 2)
    np.testing.assert_allclose(found[0], loops(y, x=value, w=window), atol=1e-12)
    np.testing.assert_allclose(found[1], loops(slope, x=value, w=window), atol=1e-12)


IMAGE, BANK = gn.input("x", ("batch", 4, 5, 5)), gn.input("w", (6, 2, 3, 3))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: gn.conv2d(IMAGE, BANK), "x has 4 channels, w is for 2"),
        (lambda: gn.conv2d(IMAGE, BANK, groups=4), "the first axis of w is a multiple of groups"),
        (lambda: gn.conv2d(IMAGE[0], BANK), "x has 4 axes, not"),
        (lambda: gn.conv2d(IMAGE, BANK, groups=2, dilation=3), "a window of 7 does not fit 5"),
        (lambda: gn.conv2d(IMAGE, BANK, groups=2, padding="some"), 'did you mean "?\'?same'),
        (lambda: gn.conv2d(IMAGE, BANK, groups=2, padding="same", stride=2), "needs stride 1"),
        (lambda: gn.conv2d(IMAGE, BANK, groups=2, stride=0), "stride is a whole number"),
        (lambda: gn.conv2d(IMAGE, BANK, b=np.ones(2), groups=2), "b has one number a filter"),
        (lambda: gn.conv2d(IMAGE, BANK, groups=2, stride=(1, 2, 3)), "or one an axis"),
        (lambda: gn.conv2d_transpose(IMAGE, BANK), "x has 4 channels, w is for 6"),
        (lambda: gn.conv2d_transpose(IMAGE, np.ones((4, 1, 2, 2)), 2, output_padding=2),
         "output_padding is less than stride"),
        (lambda: gn.max_pool2d(IMAGE, 3, padding=2), "at most half the window, not 2 of 3"),
        (lambda: gn.avg_pool2d(IMAGE, 3, padding=2), "at most half the window, not 2 of 3"),
        (lambda: gn.max_pool2d(IMAGE, 6), "a window of 6 does not fit 5"),
        (lambda: gn.layer_norm(IMAGE, np.ones(4)), "gain has the shape"),
        (lambda: gn.layer_norm(IMAGE, eps=-1), "eps must be a finite number >= 0, came -1"),
        (lambda: gn.group_norm(IMAGE, 3), "a multiple of groups"),
        (lambda: gn.attention(IMAGE, IMAGE, BANK[:, :, :, 0]), "expected q"),
        (lambda: gn.attention(IMAGE, IMAGE, IMAGE, np.ones((2, 5), bool)), "the mask is"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_sizes(ask, words):
    with pytest.raises(gn.GraphnetError, match=words):
        ask()


# -------------------------------------------------------------------------------------- live torch


@pytest.mark.parametrize(
    ("ask", "window"),
    [
        (lambda x, w: gn.conv2d(x, w, 2, (1, 0), dilation=(1, 2)), (4, 2, 3, 2)),
        (lambda x, w: gn.conv2d(x, w, padding="same", groups=2), (4, 1, 2, 3)),
        (lambda x, w: gn.conv2d_transpose(x, w, 2, 1, 1), (2, 3, 3, 3)),
        (lambda x, w: gn.avg_pool2d(gn.conv2d(x, w)**2, 2, 1), (3, 2, 2, 2)),
    ],
)  # fmt: skip
def test_second_order_equals_loops(ask, window):
    x, w = gn.input("x", (2, 2, 5, 4)), gn.input("w", window)
    y = ask(x, w)
    up, v = gn.input("up", y.shape), gn.input("v", w.shape)
    second = gn.grad(gn.sum(gn.grad(y, w, upstream=up) * v), [x, w, up])
    arrays = {t.name: draw(t.name, *t.shape) for t in (x, w, up, v)}
    program = gn.function([x, w, up, v], second, dtype="float64")
    for mine, tensor in zip(program(*arrays.values()), second, strict=True):
        np.testing.assert_allclose(mine, loops(tensor, **arrays), rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_the_recorded_table_is_what_torch_gives():
    pytest.importorskip("torch")
    for name in CASES:
        live = ORACLE["torch_results"](name)
        np.testing.assert_allclose(live, RECORDED[name], rtol=1e-12, atol=1e-12, err_msg=name)


@st.composite
def convolutions(draw_one, transposed: bool):
    """Shapes of x and w and arguments that fit, for conv2d or its transpose."""

    def pair(low, high):
        return draw_one(st.tuples(st.integers(low, high), st.integers(low, high)))

    batch, groups = draw_one(st.integers(0, 2)), draw_one(st.integers(1, 3))
    inner, own = pair(1, 2)
    options = {"stride": pair(1, 3), "padding": pair(0, 3), "dilation": pair(1, 3)}
    image, size = pair(1, 6), pair(1, 3)
    if transposed:
        most = [max(s, d) - 1 for s, d in zip(options["stride"], options["dilation"], strict=True)]
        options["output_padding"] = tuple(draw_one(st.integers(0, m)) for m in most)
    covered = [
        (e - 1) * s + d * (k - 1) + 1 + options.get("output_padding", (0, 0))[a] - 2 * p
        if transposed else e + 2 * p - d * (k - 1)
        for a, (e, k, s, p, d) in enumerate(
            zip(image, size, *(options[o] for o in ("stride", "padding", "dilation")), strict=True)
        )
    ]  # fmt: skip
    assume(min(covered) >= 1)
    first = groups * inner if transposed else groups * own
    second = own if transposed else inner
    return (batch, groups * inner, *image), (first, second, *size), options | {"groups": groups}


@pytest.mark.oracle
@pytest.mark.parametrize("transposed", [False, True])
def test_drawn_convolutions_against_live_torch(transposed):
    pytest.importorskip("torch")

    @settings(max_examples=30, deadline=None)
    @given(convolutions(transposed))
    def check(drawn):
        shape, window, options = drawn
        name = f"drawn {drawn}"
        mine, torchs = "conv2d_transpose" if transposed else "conv2d", "conv_transpose2d"
        CASES[name] = (
            {"x": draw("x", *shape), "w": draw("w", *window)},
            lambda gn, x, w: getattr(gn, mine)(x, w, **options),
            lambda F, x, w: getattr(F, torchs if transposed else mine)(x, w, **options),
        )
        try:
            expected = ORACLE["torch_results"](name)
            np.testing.assert_allclose(results(name), expected, rtol=1e-10, atol=1e-10)
        finally:
            del CASES[name]

    check()

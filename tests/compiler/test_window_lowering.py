"""Windows: recognised views, copies and writes = literal loops; each can be switched off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler import body, contraction, lower, reads, writes
from graphnet.compiler.interpret import interpret
from graphnet.compiler.listing import listing
from graphnet.network.graph import Network

SLOW = ("add.at", "np.clip", "scatter")  # what stands in the source where nothing is recognised

# formula | shapes | what the source has
CASES = [
    ("Y[n,y] = Sum(X[n,y+u]*w[u], u)", {"X": ("batch", 9), "w": (3,)}, "sliding_window_view(X, 3"),
    ("Y[n,o,y] = Sum(X[n,c,2*y+u-1]*W[o,c,u], c, u), y < 5",
     {"X": ("batch", 3, 9), "W": (2, 3, 3)}, "np.pad"),
    ("Y[n,o,y,x] = Sum(X[n,c,y+2*u-2,x+v]*W[o,c,u,v], c, u, v), y < 6",
     {"X": ("batch", 20, 6, 7), "W": (2, 20, 3, 2)}, "[:, :, :, :, ::2]"),
    ("Y[n,o,y] = Sum(X[n,c,y-u+2]*W[o,c,u], c, u), y < 9", {"X": (2, 3, 9), "W": (2, 3, 3)},
     "::-1"),
    ("Y[y] = Sum(X[3-y+u]*w[u], u), y < 4", {"X": (6,), "w": (3,)}, "sliding_window_view"),
    ("Y[y,z] = Sum(X[y+2*z+u]*w[u], u), y < 4, z < 3", {"X": (12,), "w": (3,)},
     "sliding_window_view"),
    ("Y[n,z,y,x] = Sum(X[n,z+u,y+v,x+w]*W[u,v,w], u, v, w)", {"X": (2, 5, 4, 6), "W": (2, 3, 2)},
     "axis=(1, 2, 3)"),
    ("Y[n,g,o,y] = Sum(X[n,3*g+c,y+u]*W[2*g+o,c,u], c, u), g < 2, o < 2",
     {"X": ("batch", 6, 7), "W": (4, 3, 2)}, "@"),
    ("Y[t] = Sum(A[u]*A[u+t], u), t < 3", {"A": (6,)}, "sliding_window_view"),
    ("Y[n,y] = Max(X[n,2*y+u], u), y < 3, u < 2", {"X": ("batch", 7)}, "[:, :6].reshape"),
    ("Y[n,y] = Max(X[n,1+2*y+u], u), y < 3, u < 2", {"X": ("batch", 7)}, "[:, 1:].reshape"),
    ("Y[n,y] = Max(X[n,3*y+u], u), y < 2, u < 2", {"X": (2, 6)}, "sliding_window_view"),
    ("Y[y] = Max(where(2*y+u-1 >= 0 and 2*y+u-1 < 7, X[2*y+u-1], -oo), u), y < 4, u < 3",
     {"X": (7,)}, "constant_values=-np.inf"),
    ("Y[y] = Max(where(2*y+u > 0 and 2*y+u <= 7, X[2*y+u-1], -oo), u), y < 4, u < 3",
     {"X": (7,)}, "constant_values=-np.inf"),
    ("Y[y] = Max(where(2*y+u > 1 and 2*y+u <= 7, X[2*y+u-1], -oo), u), y < 4, u < 3",
     {"X": (7,)}, "np.where"),
    ("Y[y+u-1] += where(y+u-1 >= 0 and y+u-1 < 5, X[y]*X[u], 0), u < 3, shape (5)", {"X": (5,)},
     "overlap_add"),
    ("Y[y+u-1] += where(y+u-2 >= 0 and y+u-1 < 5, X[y]*X[u], 0), u < 3, shape (5)", {"X": (5,)},
     "np.where"),
    ("Y[n,c,y+u-1] += W[o,c,u]*G[n,o,y], shape (batch, 3, 9)",
     {"W": (2, 3, 3), "G": ("batch", 2, 9)}, "W[:, :, ::-1]"),
    ("Y[n,c,y+2*u] += W[o,c,u]*G[n,o,y], shape (2, 3, 9)", {"W": (2, 3, 3), "G": (2, 2, 5)}, "@"),
    ("Y[n,c,2*y+u-1] += W[o,c,u]*G[n,o,y], shape (batch, 3, 9)",
     {"W": (2, 3, 3), "G": ("batch", 2, 5)}, "overlap_add"),
    ("Y[n,4*g+c,y+u-1] += W[2*g+o,c,u]*G[n,g,o,y], c < 4, shape (batch, 8, 5)",
     {"W": (4, 4, 3), "G": ("batch", 2, 2, 5)}, "@"),
    ("Y[y+u] += G[y]/C[y], u < 3, shape (8)", {"G": (6,), "C": (6,)}, "overlap_add"),
    ("Y[y+u] += y*G[y]*W[u], shape (8)", {"G": (6,), "W": (3,)}, "overlap_add"),
    ("Y[y+u,z] += G[y,z]*W[u], shape (20, 2)", {"G": (6, 2), "W": (3,)}, "::-1"),
    ("Y[3*y+u-2,2] += G[y]*W[u], shape (8, 4)", {"G": (3,), "W": (4,)}, None),
    ("Y[y+u,y] += G[y]*W[u], shape (8, 6)", {"G": (6,), "W": (3,)}, None),
    ("Y[i,j] = A[i,i+j], i < 3, j < 4", {"A": (3, 6)}, None),
    ("Y[i,j] = A[i-j+3], i < 4, j < 4", {"A": (7,)}, "sliding_window_view"),
]  # fmt: skip


def program_of(text: str, shapes: dict[str, tuple]):
    tensors = {name: gn.input(name, shape) for name, shape in shapes.items()}
    y = gn.formula(text, **tensors)
    rng = np.random.default_rng(sum(map(ord, text)))
    arrays = {
        name: rng.normal(size=[4 if e == "batch" else e for e in shape])
        for name, shape in shapes.items()
    }
    network = Network.collect({"Y": y.node})
    given = {name: a for name, a in arrays.items() if name in network}
    expected = np.asarray(interpret(network, given)[network.outputs["Y"]])
    return gn.function(list(tensors.values()), y, dtype="float64"), arrays, expected


@pytest.mark.parametrize(("text", "shapes", "words"), CASES, ids=[c[0] for c in CASES])
def test_windows_equal_loops(text, shapes, words):
    program, arrays, expected = program_of(text, shapes)
    np.testing.assert_allclose(program(*arrays.values()), expected, rtol=1e-12, atol=1e-12)
    if words is not None:
        assert words in program.source
        assert not any(slow in program.source for slow in SLOW)


# ------------------------------------------------------------------------- switched off one by one


def no_views(monkeypatch):
    monkeypatch.setattr(reads, "opened", lambda values, read, *_: read)


def no_matrices(monkeypatch):
    monkeypatch.setattr(contraction, "is_window", lambda value: False)


def no_pull(monkeypatch):
    monkeypatch.setattr(lower, "pulled", lambda *_: None)


def no_folds(monkeypatch):
    monkeypatch.setattr(lower, "pulled", lambda *_: None)
    monkeypatch.setattr(writes, "folded", lambda *_: None)


def no_conditions(monkeypatch):
    monkeypatch.setattr(body, "asks", lambda *_: None)


def no_frames(monkeypatch):
    monkeypatch.setattr(reads.Reader, "_padded", lambda *_: None)


@pytest.mark.parametrize(
    "switch_off", [no_views, no_matrices, no_pull, no_folds, no_conditions, no_frames]
)
@pytest.mark.parametrize(
    ("conv", "pool"),
    [
        ({"padding": "same"}, lambda z: gn.max_pool2d(z, 2)),
        ({"stride": 2, "padding": (1, 0)}, lambda z: gn.max_pool2d(z, 3, 1, 1)),
        ({"groups": 2, "dilation": 2}, lambda z: gn.avg_pool2d(z, 2, 1, 1, False)),
    ],
    ids=["same", "strided", "grouped"],
)
def test_each_recogniser_may_go(monkeypatch, switch_off, conv, pool):
    def run():
        x = gn.input("x", ("batch", 2, 9, 8))
        W = gn.input("W", (4, 2 // conv.get("groups", 1), 3, 3))
        y = pool(gn.relu(gn.conv2d(x, W, **conv)))
        up = gn.input("up", y.shape)
        program = gn.function([x, W, up], [y, *gn.grad(y, [x, W], upstream=up)], dtype="float64")
        rng = np.random.default_rng(1)
        shapes = [[3 if e == "batch" else e for e in t.shape] for t in (x, W, up)]
        return program(*(rng.normal(size=s) for s in shapes))

    expected = run()
    switch_off(monkeypatch)
    for found, wanted in zip(run(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


# ----------------------------------------------------------------------------- laid out by phases


@pytest.mark.parametrize(
    ("make", "phased"),
    [
        (lambda x, W: gn.max_pool2d(gn.conv2d(x, W, padding="same"), 2), True),
        (lambda x, W: gn.max_pool2d(gn.relu(gn.conv2d(x, W, padding=1)), (2, 3)), True),
        (lambda x, W: gn.avg_pool2d(gn.tanh(gn.conv2d(x, W, padding=1)), 3), True),
        (lambda x, W: gn.max_pool2d(z := gn.conv2d(x, W, padding=1), 2) + gn.mean(z), True),
        (lambda x, W: gn.max_pool2d(gn.conv2d(gn.conv2d(x, W, padding=1), W[:, :1]), 2, 2, 1),
         False),
        (lambda x, W: gn.reshape(gn.conv2d(x, W), ("batch", -1)), False),
    ],
)  # fmt: skip
def test_phases_change_nothing(make, phased):
    x, W = gn.input("x", ("batch", 2, 6, 12)), gn.input("W", (2, 2, 3, 3))
    if not phased:
        W = gn.input("W", (1, 1, 3, 3))
        x = gn.input("x", ("batch", 1, 6, 12))
    y = make(x, W)
    grads = gn.grad(gn.sum(y**2), [x, W])
    network = Network.collect({"Y": y.node, "dx": grads[0].node, "dW": grads[1].node})
    rng = np.random.default_rng(0)
    values = {t.name: rng.normal(size=(3, *t.shape[1:]) if t is x else t.shape) for t in (x, W)}
    results = []
    for split in (False, True):
        lowered = lower.lower(network, split=split)
        assert any(h.steps for h in lowered.held.values()) == (split and phased)
        made = listing(network, "float64", lowered)
        space: dict[str, object] = {"np": np, **values}
        exec("\n".join([*made.helpers, *(s.code for s in made.statements)]), space)
        results.append([eval(made.variable[name], space) for name in network.outputs.values()])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


# --------------------------------------------------------------------------------- drawn subscripts


@st.composite
def subscripts(draw):
    """One or two axes of a tensor, each read at a sum of indices that stand nowhere else."""
    names, axes, bounds = iter("abcdef"), [], {}
    for _ in range(draw(st.integers(1, 2))):
        terms, place = [], draw(st.integers(-3, 4))
        for _ in range(draw(st.integers(1, 3))):
            name = next(names)
            bounds[name] = draw(st.integers(1, 4))
            terms.append((draw(st.sampled_from([1, 1, 1, 2, 3, -1, -2])), name))
        axes.append((place, terms, draw(st.integers(1, 9))))
    return axes, bounds


def written(axes) -> str:
    return ",".join(
        " + ".join([str(place), *(f"({c})*{name}" for c, name in terms)]).replace("+ -", "- ")
        for place, terms, _ in axes
    )


@settings(max_examples=80, deadline=None)
@given(subscripts(), st.data())
def test_drawn_reads_and_writes(drawn, data):
    axes, bounds = drawn
    limits = "".join(f", {name} < {e}" for name, e in bounds.items())
    kept = sorted(data.draw(st.sets(st.sampled_from(sorted(bounds)))))
    over = [name for name in bounds if name not in kept]
    target = f"[{','.join(kept)}]" if kept else ""
    shape = tuple(size for *_, size in axes)
    read = f"X[{written(axes)}]*w[{','.join(bounds)}]"
    sum_ = f"Sum({read}, {', '.join(over)})" if over else read
    assume(len(f"Y{target} = {sum_}") < 200)
    shapes = {"X": shape, "w": tuple(bounds.values())}
    for text in (
        f"Y{target} = {sum_}{limits}",
        f"Y[{written(axes)}] += w[{','.join(bounds)}]*X[{','.join('0' * len(axes))}]{limits}, "
        f"shape ({', '.join(map(str, shape))})",
    ):
        program, arrays, expected = program_of(text, shapes)
        np.testing.assert_allclose(program(*arrays.values()), expected, rtol=1e-12, atol=1e-12)

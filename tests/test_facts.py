"""Declared facts: what they make of gradients, that values stay, and that broken ones are told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.errors import GraphnetError

Z = ("batch", 4)


def labels() -> gn.Tensor:
    return gn.one_hot(gn.input("t", ("batch",), dtype="int"), 4)


SHOWN = [  # loss of (z, Y), Y, its gradient by z
    (gn.cross_entropy, "one_hot", "expw(z[n,k], L[n])/size(n) - Y[n,k]/size(n)"),
    (gn.cross_entropy, "probability", "expw(z[n,k], L[n])/size(n) - Y[n,k]/size(n)"),
    (gn.cross_entropy, None, "expw(z[n,k], L[n])/size(n) - one_hot[n,k]/size(n)"),
    (gn.cross_entropy, "binary", "expw(z[n,k], L[n])*d_L_1[n] - Y[n,k]/size(n)"),
    (lambda z, Y: -gn.sum(Y * gn.log(gn.softmax(z))), "one_hot",
     "d_log_1[a,k] + expw(z[a,k], L[a])"),
    (lambda z, Y: gn.formula("Y = Sum(Abs(y[i,j])*z[i,j], i, j)", y=Y, z=z), "positive", "Y[i,j]"),
    (lambda z, Y: gn.formula("Y = Sum(where(y[i,j] == 0, 0, z[i,j]/y[i,j]), i, j)", y=Y, z=z),
     "nonzero", "1/Y[i,j]"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "fact", "expected"), SHOWN, ids=range(len(SHOWN)))
def test_what_a_fact_makes_of_a_gradient(loss, fact, expected):
    z = gn.input("z", Z)
    Y = labels() if fact is None else gn.input("Y", Z, facts=fact)
    slope = gn.grad(loss(z, Y), z)
    assert expected in repr(slope)


DRAWS = {
    "one_hot": lambda rng, n: np.eye(4)[rng.integers(0, 4, n)],
    "probability": lambda rng, n: rng.dirichlet(np.ones(4), n),
    "binary": lambda rng, n: rng.integers(0, 2, (n, 4)).astype(float),
    "positive": lambda rng, n: rng.random((n, 4)) + 0.1,
    "nonzero": lambda rng, n: rng.choice([-1.0, 1.0], (n, 4)) * (rng.random((n, 4)) + 0.1),
}
LOSSES = [
    gn.cross_entropy, lambda z, Y: gn.cross_entropy(z, Y, weight=np.array([2.0])),
    lambda z, Y: -gn.mean(gn.sum(Y * gn.log(gn.softmax(z)), axis=1)),
    lambda z, Y: -gn.sum(2 * Y * gn.log_softmax(z)) / 3 + gn.sum(Y) * gn.sum(z),
    lambda z, Y: gn.formula("L = Sum(y[n,k]*z[n,k]**2*y[n,j], n, k, j)", y=Y, z=z),
    lambda z, Y: gn.formula("L = Sum(Abs(y[n,k])*Max(y[n,k], 0)*z[n,k] + y[n,k]**3*z[n,k], n, k)",
                            y=Y, z=z),
    lambda z, Y: gn.formula("L = Sum(where(y[n,k] > 0, z[n,k]**2, z[n,k]), n, k)", y=Y, z=z),
    lambda z, Y: gn.formula("L = Sum(where(y[n,k] <= 1, z[n,k]**2, 0)/size(k), n, k)", y=Y, z=z),
    lambda z, Y: gn.sum(gn.logsumexp(z, axis=1) * gn.sum(Y, axis=1)),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(fact=st.sampled_from(list(DRAWS)), k=st.integers(0, len(LOSSES) - 1), n=st.integers(1, 5),
       seed=st.integers(0, 99), stabilize=st.booleans())  # fmt: skip
def test_a_fact_that_is_true_changes_no_gradient(fact, k, n, seed, stabilize):
    rng = np.random.default_rng(seed)
    given_ = rng.normal(size=(n, 4)), DRAWS[fact](rng, n)
    found = []
    for facts in ((), fact):
        z, Y = gn.input("z", Z), gn.input("Y", Z, facts=facts)
        slope = gn.grad(LOSSES[k](z, Y), z, stabilize=stabilize)
        second = gn.grad(gn.sum(slope**2), z, stabilize=stabilize)
        found.append(gn.function([z, Y], [slope, second], dtype="float64", check=True)(*given_))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


BROKEN = [
    ("one_hot", [[0, 1, 0], [1, 1, 0]], "Y[1] = [1., 1., 0.] is not one_hot"),
    ("one_hot", [[0, 0, 0]], "Y[0]"), ("one_hot", [[0.5, 0.5, 0]], "Y[0] = [0.5, 0.5, 0. ]"),
    ("probability", [[0.2, 0.3, 0.5], [0.5, 0.5, 0.5]], "Y[1] = [0.5, 0.5, 0.5]"),
    ("probability", [[-0.5, 1, 0.5]], "Y[0]"), ("binary", [[0, 1, 1], [0, 2, 0]], "Y[1, 1] = 2."),
    ("positive", [[1, 1, 0]], "Y[0, 2] = 0."), ("nonzero", [[-1, 0, 1]], "Y[0, 1] = 0."),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "value", "told"), BROKEN)
def test_data_that_breaks_a_fact_is_refused(fact, value, told):
    Y = gn.input("Y", ("batch", 3), facts=[fact])
    program = gn.function(Y, gn.sum(Y), check=True)
    with pytest.raises(GraphnetError) as caught:
        program(np.array(value, float))
    assert told in str(caught.value)
    assert "as was declared" in str(caught.value)
    gn.function(Y, gn.sum(Y))(np.array(value, float))  # without check it is a promise

    model = gn.Model(Y, gn.Dense(1)(Y))
    model.compile("sgd", "mse")
    with pytest.raises(GraphnetError, match="as was declared"):
        model.fit(np.array(value, float), np.zeros(len(value)), epochs=1, verbose=0)


def test_labels_of_one_hot_are_in_range():
    t = gn.input("t", ("batch",), dtype="int")
    program = gn.function(t, gn.one_hot(t, 3))
    np.testing.assert_array_equal(program([2, 0]), [[0, 0, 1], [1, 0, 0]])
    for bad in (3, -1):
        with pytest.raises(GraphnetError, match=str(bad)):
            program([0, bad])
    x = gn.input("x", ("batch", 3))
    assert gn.function(x, gn.hardmax(x))(np.eye(3)).tolist() == np.eye(3).tolist()


def test_training_says_which_fact_it_used_and_its_file_too(tmp_path):
    x, Y = gn.input("x", ("batch", 3)), gn.input("Y", Z, facts="one_hot")
    W = gn.parameter("W", (3, 4))
    step = gn.training_step([x, Y], gn.cross_entropy(x @ W, Y), gn.SGD(lr=0.1))
    (used,) = [r for r in step.rewrites if r.rule.startswith("fact")]
    assert (used.rule, used.law) == ("fact: Y is one_hot", "Sum(Y[...,k], k) = 1")
    assert "# facts: Y is one_hot, so Sum(Y[...,k], k) = 1 in" in step.source
    fast = gn.training_step(
        [x, Y], gn.cross_entropy(x @ W, Y), gn.SGD(lr=0.1), style="fast"
    )  # fmt: skip
    assert "# facts: Y is one_hot" in fast.source
    model = gn.Model(Y, gn.Dense(2, activation=lambda z: z * gn.sum(Y**2))(Y))
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.npz")
    assert gn.load(tmp_path / "m.npz").step.source == model.step.source


@pytest.mark.parametrize(
    ("make", "told"),
    [(lambda: gn.input("y", (3,), facts="onehot"), "did you mean 'one_hot'?"),
     (lambda: gn.input("y", (), facts=["one_hot"]), "is said of the last axis")],
)  # fmt: skip
def test_refused(make, told):
    with pytest.raises(GraphnetError) as caught:
        make()
    assert told in str(caught.value)

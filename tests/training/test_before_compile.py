"""A model that is not compiled: what needs no loss works, with the parameters of seed 0."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn

X = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)
Y = np.arange(6) % 3


def model(built=True, last=3):
    first = [gn.Input(4)] if built else []
    return gn.Sequential([*first, gn.Dense(5, activation="tanh"), gn.BatchNorm(), gn.Dense(last)])


@pytest.mark.parametrize("built", [True, False])
def test_it_predicts_what_the_compiled_one_of_seed_0_does(built):
    bare, other = model(built), model(built)
    found, classes, values = bare.predict(X), bare.classify(X), bare.values(X)
    other.compile("adam")
    assert found.tobytes() == other.predict(X).tobytes()
    assert (classes == other.classify(X)).all()
    assert values.keys() == other.values(X).keys()
    p = bare.parameters
    hidden = np.tanh(X @ p["W1"] + p["b1"])
    np.testing.assert_allclose(values["A1"], hidden, rtol=1e-5)
    bare.compile("adam")
    assert found.tobytes() == bare.predict(X).tobytes()
    bare.fit(X, Y, epochs=1, verbose=0)
    other.fit(X, Y, epochs=1, verbose=0)
    assert bare.predict(X).tobytes() == other.predict(X).tobytes()


def test_compile_draws_from_its_seed_but_keeps_what_was_assigned():
    bare, seeded = model(), model()
    bare.predict(X)
    bare.parameters["b1"] = np.arange(5)
    bare.states["mean2"] = np.full(5, 0.25)
    bare.compile("sgd", seed=7)
    seeded.compile("sgd", seed=7)
    assert bare.parameters["W1"].tobytes() == seeded.parameters["W1"].tobytes()
    assert bare.parameters["W1"].any()
    assert (bare.parameters["b1"] == np.arange(5)).all()
    assert (bare.states["mean2"] == 0.25).all()


def test_values_are_kept_and_put_back(capsys):
    bare = model()
    kept, before = bare.values_now(), bare.predict(X)
    bare.parameters["W1"] *= 2
    assert (bare.predict(X) != before).any()
    bare.set_values(kept)
    assert (bare.predict(X) == before).all()
    bare.summary()
    assert "trained" in capsys.readouterr().out
    assert "svg" in bare.draw().pipe(format="svg").decode()


def test_what_needs_a_loss_says_so():
    bare = model(last=1)
    for use in (lambda: bare.evaluate(X, Y), lambda: bare.fit(X, Y), lambda: bare.classify(X),
                lambda: bare.step, lambda: bare.save("m.npz"), lambda: bare.reset(),
                lambda: bare.report(X, Y)):  # fmt: skip
        with pytest.raises(gn.GraphnetError, match="not compiled: call model"):
            use()
    unbuilt = model(built=False)
    with pytest.raises(gn.GraphnetError, match=r"begin with gn.Input\(shape\)"):
        _ = unbuilt.parameters
    with pytest.raises(gn.GraphnetError, match="not compiled"):
        unbuilt.fit(X, Y)
    with pytest.raises(gn.GraphnetError):
        unbuilt.predict(X * np.nan)
    assert unbuilt.predict(np.hstack([X, X])).shape == (6, 3)  # what was refused taught no shape

"""Training against hand-written NumPy loops on the same batches, and runs that repeat."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.training.fit import split_rows


def blobs(rows: int = 50, width: int = 5, classes: int = 3, seed: int = 7):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    return rng.normal(size=(rows, width)) + 2 * rng.normal(size=(classes, width))[y], y


def small(seed: int = 0, dtype: str = "float64", **more) -> gn.Sequential:
    model = gn.Sequential([gn.Input(5), gn.Dense(4, activation="tanh"), gn.Dense(3)])
    more = {"optimizer": gn.SGD(lr=0.1, momentum=0.9), "metrics": ["accuracy"]} | more
    model.compile(seed=seed, dtype=dtype, **more)
    return model


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def by_hand(p, X, y, order, batch_size, lr=0.1, momentum=0.9, weight=None, l2=0.0):
    """Epochs of the 5 -> 4 tanh -> 3 network, derived on paper; (loss, accuracy) an epoch."""
    p = {k: v.copy() for k, v in p.items()}
    v = {k: np.zeros_like(a) for k, a in p.items()}
    weight = np.ones(len(y)) if weight is None else weight
    result = []
    for epoch in order:
        loss_sum = hits = mass = 0.0
        for start in range(0, len(y), batch_size):
            rows = epoch[start : start + batch_size]
            x, t, w = X[rows], y[rows], weight[rows]
            a = np.tanh(x @ p["W1"] + p["b1"])
            z = a @ p["W2"] + p["b2"]
            s = softmax(z)
            nll = -np.log(s[np.arange(len(t)), t])
            loss = (w * nll).sum() / w.sum() + l2 * (p["W1"] ** 2).sum()
            dz = (s - np.eye(3)[t]) * w[:, None] / w.sum()
            da = dz @ p["W2"].T * (1 - a * a)
            g = {"W1": x.T @ da + 2 * l2 * p["W1"], "b1": da.sum(0),
                 "W2": a.T @ dz, "b2": dz.sum(0)}  # fmt: skip
            for k in p:
                v[k] = momentum * v[k] + g[k]
                p[k] -= lr * v[k]
            loss_sum += loss * w.sum()
            hits += (z.argmax(1) == t).sum()
            mass += w.sum()
        result.append((loss_sum / mass, hits / len(y)))
    return p, result


@pytest.mark.parametrize(
    ("batch_size", "shuffle", "weighted", "l2"),
    [
        (10, False, False, 0.0),  # even batches
        (16, False, False, 0.0),  # the last batch has 2 rows
        (16, True, False, 0.0),
        (64, True, False, 0.0),  # one batch with fewer rows than asked for
        (1, False, False, 0.0),
        (16, True, True, 0.0),
        (16, True, True, 0.01),
    ],
)
def test_equals_the_loop_written_by_hand(batch_size, shuffle, weighted, l2):
    X, y = blobs()
    regularizer = gn.L2(l2) if l2 else None
    model = gn.Sequential(
        [gn.Input(5), gn.Dense(4, activation="tanh", regularizer=regularizer), gn.Dense(3)]
    )
    model.compile(gn.SGD(lr=0.1, momentum=0.9), metrics=["accuracy"], dtype="float64", seed=3)
    weight = np.random.default_rng(1).integers(0, 4, 50) + 0.5 if weighted else None
    rng = np.random.default_rng([3, 2])
    order = [rng.permutation(50) if shuffle else np.arange(50) for _ in range(3)]
    want, rows = by_hand(model.parameters, X, y, order, batch_size, weight=weight, l2=l2)
    history = model.fit(
        X, y, epochs=3, batch_size=batch_size, shuffle=shuffle, sample_weight=weight, verbose=0
    )
    for name, array in want.items():
        np.testing.assert_allclose(model.parameters[name], array, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(history["loss"], [r[0] for r in rows], rtol=1e-10)
    np.testing.assert_allclose(history["accuracy"], [r[1] for r in rows], rtol=1e-12)


def test_evaluate_equals_a_hand_sum_whatever_the_batch():
    X, y = blobs()
    model = small()
    p = model.parameters
    z = np.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    loss = -np.log(softmax(z)[np.arange(50), y])
    for size in (1, 7, 50, 1000):
        found = model.evaluate(X, y, batch_size=size)
        assert found["loss"] == pytest.approx(loss.mean(), rel=1e-12)
        assert found["accuracy"] == (z.argmax(1) == y).mean()
    weight = np.linspace(0, 1, 50)
    found = model.evaluate(X, y, weight, batch_size=7)
    assert found["loss"] == pytest.approx((loss * weight).sum() / weight.sum(), rel=1e-12)
    np.testing.assert_allclose(model.predict(X, batch_size=7), z, rtol=1e-12)
    assert (model.classify(X) == z.argmax(1)).all()
    np.testing.assert_allclose(model.values(X)["A1"], np.tanh(X @ p["W1"] + p["b1"]), rtol=1e-12)


def test_a_seed_repeats_bit_for_bit_and_spares_the_global_generator():
    X, y = blobs()
    before = np.random.get_state()[1].copy()
    runs = []
    for seed in (5, 5, 6):
        model = gn.Sequential([gn.Dense(8, activation="relu"), gn.Dropout(0.3), gn.Dense(3)])
        model.compile("adam", seed=seed)
        history = model.fit(X, y, epochs=3, validation_split=0.2, verbose=0)
        runs.append(({k: a.tobytes() for k, a in model.parameters.items()}, history["val_loss"]))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert (np.random.get_state()[1] == before).all()


def test_two_fits_equal_one():
    X, y = blobs()
    one, two = small(), small()
    one.fit(X, y, epochs=4, verbose=0)
    two.fit(X, y, epochs=1, verbose=0)
    history = two.fit(X, y, epochs=3, verbose=0)
    assert [r["epoch"] for r in history.epochs] == [1, 2, 3, 4]
    for name, array in one.parameters.items():
        assert array.tobytes() == two.parameters[name].tobytes()


def test_dropout_acts_in_training_only():
    X = np.ones((400, 5))
    x = gn.input("x", ("batch", 5))
    model = gn.Model(x, gn.Dense(1, init="ones", use_bias=False)(gn.Dropout(0.5)(x)))
    model.compile(gn.SGD(lr=0.0), loss="mse", dtype="float64")
    assert (model.predict(X) == 5).all()
    _, drawn = model.step(X, np.zeros((400, 1)))
    assert set(np.unique(drawn)) <= {0.0, 2.0, 4.0, 6.0, 8.0, 10.0}
    assert 4.5 < drawn.mean() < 5.5
    assert "uniform" in " ".join(model.network(training=True))
    assert "uniform" not in " ".join(model.network(training=False))


def test_validation_split_holds_out_the_same_rows_of_every_class_order():
    train, held = split_rows(100, 0.25, seed=4)
    assert len(held) == 25
    assert sorted([*train, *held]) == list(range(100))
    assert (split_rows(100, 0.25, seed=4)[1] == held).all()
    assert (held < 75).any()  # not simply the last rows
    for share in (1.0, -0.5, 2):
        with pytest.raises(gn.GraphnetError, match="validation_split"):
            split_rows(10, share, 0)


def test_validation_equals_evaluate():
    X, y = blobs()
    model = small()
    history = model.fit(X[:30], y[:30], epochs=2, validation_data=(X[30:], y[30:]), verbose=0)
    found = model.evaluate(X[30:], y[30:])
    assert found == {"loss": history["val_loss"][-1], "accuracy": history["val_accuracy"][-1]}


@pytest.mark.parametrize("y", ["ids", "column", "one-hot", "int one-hot", "list", "uint8"])
def test_cross_entropy_takes_ids_and_probabilities(y):
    X, ids = blobs()
    given = {
        "ids": ids, "column": ids[:, None], "one-hot": np.eye(3)[ids], "list": ids.tolist(),
        "int one-hot": np.eye(3, dtype=int)[ids], "uint8": ids.astype(np.uint8),
    }[y]  # fmt: skip
    a, b = small(), small()
    a.fit(X, ids, epochs=2, verbose=0)
    b.fit(X, given, epochs=2, verbose=0)
    np.testing.assert_allclose(a.history["loss"], b.history["loss"], rtol=1e-12)
    assert a.history["accuracy"] == b.history["accuracy"]


@pytest.mark.parametrize("shape", [(20,), (20, 1)])
def test_a_column_never_broadcasts_to_a_square(shape):
    X, y = np.arange(20.0)[:, None] / 20, np.arange(20.0).reshape(shape)
    model = gn.Sequential([gn.Input(1), gn.Dense(1, init="zeros")])
    model.compile(gn.SGD(lr=0.1), loss="mse", metrics=["mae", "mse"], dtype="float64")
    found = model.evaluate(X, y)
    assert found["loss"] == found["mse"] == pytest.approx((y**2).mean())
    assert found["mae"] == pytest.approx(y.mean())


def test_a_loss_and_a_metric_of_ones_own():
    def quartic(prediction, target):
        return ((prediction - target) ** 4).mean()

    def worst(prediction, target):
        return np.abs(prediction - target).max()

    X, y = blobs()
    model = gn.Sequential([gn.Dense(1)])
    model.compile("sgd", loss=quartic, metrics=[worst, "mae"])
    history = model.fit(X / 10, y / 10, epochs=2, validation_split=0.5, verbose=0)
    assert history.columns == [
        "epoch", "loss", "worst", "mae", "val_loss", "val_worst", "val_mae", "seconds"
    ]  # fmt: skip
    held = split_rows(50, 0.5, 0)[1]
    gap = np.abs(model.predict(X[held] / 10)[:, 0] - y[held] / 10)
    assert history["val_worst"][-1] == pytest.approx(gap.max(), rel=1e-5)
    with pytest.raises(gn.GraphnetError, match="weight"):
        model.fit(X, y, sample_weight=np.ones(50), verbose=0)


def test_several_inputs_by_list_and_by_name():
    a, b = gn.input("a", ("batch", 2)), gn.input("b", ("batch", 3))
    model = gn.Model([a, b], gn.Dense(1)(a) + gn.Dense(1)(b))
    model.compile("sgd", loss="mse")
    rng = np.random.default_rng(0)
    A, B, y = rng.normal(size=(9, 2)), rng.normal(size=(9, 3)), rng.normal(size=9)
    assert model.evaluate([A, B], y) == model.evaluate({"b": B, "a": A}, y)
    model.fit((A, B), y, epochs=1, verbose=0)
    for wrong in ([A], {"a": A}, {"a": A, "c": B}, A):
        with pytest.raises(gn.GraphnetError, match="input"):
            model.predict(wrong)


def test_compiling_again_keeps_the_parameters_and_reset_draws_them_anew():
    X, y = blobs()
    model = small(seed=1)
    first = {k: a.copy() for k, a in model.parameters.items()}
    model.fit(X, y, epochs=2, verbose=0)
    trained = model.parameters["W1"].copy()
    model.compile("adam", dtype="float64", seed=1)
    assert (model.parameters["W1"] == trained).all()
    assert model.history.epochs == []
    model.reset()
    assert all((model.parameters[k] == a).all() for k, a in first.items())


def test_what_needs_compile_says_so():
    model = gn.Sequential([gn.Dense(3)])
    for use in (
        lambda: model.step,
        lambda: model.summary(),
    ):
        with pytest.raises(gn.GraphnetError, match=r"compile|Input"):
            use()
    assert getattr(model, "step", None) is None


def test_embedding_is_built_for_ids():
    model = gn.Sequential([gn.Embedding(7, 4), gn.Flatten(), gn.Dense(2)])
    model.compile("adam")
    X = np.random.default_rng(0).integers(0, 7, (20, 3))
    model.fit(X, X[:, 0] % 2, epochs=1, verbose=0)
    with pytest.raises(gn.GraphnetError, match=r"valid range is 0 \.\. 6"):
        model.predict(X + 1)

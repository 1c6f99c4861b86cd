"""Metrics by name against scikit-learn, whatever the batches; zero divisions; the report."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

import graphnet as gn
from graphnet.training.answers import decide
from graphnet.training.measure import Total
from graphnet.training.metrics import higher_is_better, metric, metrics_by_name

RNG = np.random.default_rng(5)
SCORES = RNG.normal(size=(97, 4)).astype(np.float32)
IDS = RNG.integers(0, 3, 97)  # the last class never occurs in the target
ONE = RNG.random((97, 1)).round(1).astype(np.float32)  # with ties
YES = (RNG.random((97, 1)) < 0.3).astype(np.float32)
MANY = (RNG.random((97, 4)) < 0.4).astype(np.float32)
NUMBERS = 1e4 + RNG.normal(size=(97, 2)).astype(np.float32)
EXACT = NUMBERS.astype(float)  # scikit-learn adds in the dtype it is given


def shares(name, average):
    def of(truth, guess):
        return getattr(sk, f"{name}_score")(truth, guess, average=average, zero_division=0)

    return of


def softmax(z):
    e = np.exp(z.astype(float))
    return e / e.sum(axis=1, keepdims=True)


LOGITS = "binary_cross_entropy_with_logits"
CLASSES = [("precision", "precision"), ("recall", "recall"), ("f1", "f1")]
AGAINST = [  # name, loss, prediction, target, what scikit-learn says
    *((n, None, ONE, YES, shares(s, "binary")(YES, decide(ONE))) for n, s in CLASSES),
    *((f"{n}_micro", None, ONE, YES, shares(s, "binary")(YES, decide(ONE))) for n, s in CLASSES),
    *((n, None, SCORES, IDS, shares(s, "macro")(IDS, SCORES.argmax(1))) for n, s in CLASSES),
    *(
        (f"{n}_micro", None, SCORES, np.eye(4)[IDS], shares(s, "micro")(IDS, SCORES.argmax(1)))
        for n, s in CLASSES
    ),
    *(
        (f"binary_{n}", LOGITS, SCORES, MANY, shares(s, "macro")(MANY, SCORES > 0))
        for n, s in CLASSES
    ),
    *(
        (f"binary_{n}_micro", LOGITS, SCORES, MANY, shares(s, "micro")(MANY, SCORES > 0))
        for n, s in CLASSES
    ),
    ("accuracy", None, SCORES, IDS, sk.accuracy_score(IDS, SCORES.argmax(1))),
    ("binary_accuracy", LOGITS, SCORES, MANY, ((SCORES > 0) == (MANY > 0)).mean()),
    *(
        (f"top_{k}_accuracy", None, SCORES, IDS,
         sk.top_k_accuracy_score(IDS, SCORES, k=k, labels=range(4)))
        for k in (1, 2, 3)
    ),
    ("top_9_accuracy", None, SCORES, np.eye(4)[IDS], 1.0),
    ("auc", None, ONE, YES, sk.roc_auc_score(YES, ONE)),
    ("auc", LOGITS, SCORES[:, :1], YES, sk.roc_auc_score(YES, SCORES[:, :1])),
    ("auc", LOGITS, SCORES, MANY, sk.roc_auc_score(MANY, SCORES, average="macro")),
    ("auc", "cross_entropy", SCORES[:, :3], IDS,
     sk.roc_auc_score(IDS, softmax(SCORES[:, :3]), multi_class="ovr")),
    ("mae", None, NUMBERS, NUMBERS[::-1], sk.mean_absolute_error(EXACT[::-1], EXACT)),
    ("mse", None, NUMBERS, NUMBERS[::-1], sk.mean_squared_error(EXACT[::-1], EXACT)),
    ("rmse", None, ONE, YES, sk.root_mean_squared_error(YES, ONE.astype(float))),
    ("r2", None, ONE, YES, sk.r2_score(YES, ONE.astype(float))),
    ("r2", None, NUMBERS, NUMBERS[::-1], sk.r2_score(EXACT[::-1], EXACT)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "loss", "prediction", "target", "expected"),
    AGAINST,
    ids=[f"{row[0]}-{k}" for k, row in enumerate(AGAINST)],
)
def test_against_scikit_learn_whatever_the_batches(name, loss, prediction, target, expected):
    measure = metric(name, loss)
    assert measure(prediction, target) == pytest.approx(expected, rel=1e-10)
    for size in (1, 7, 97):
        total = Total(measure)
        for start in range(0, 97, size):
            total.add(prediction[start : start + size], target[start : start + size])
        assert total.value() == pytest.approx(expected, rel=1e-10)


def column(*numbers):
    return np.array(numbers, dtype=float)[:, np.newaxis]


ZEROS = [  # name, prediction, target, what is stated
    ("precision", column(0, 0), column(0, 1), 0.0),  # nothing is taken for it
    ("recall", column(0, 1), column(0, 0), 0.0),  # nothing has it
    ("f1", column(0, 0), column(0, 0), 0.0),
    ("f1_micro", column(0, 0), column(0, 0), 0.0),
    ("r2", column(3, 3), column(3, 3), 1.0),
    ("r2", column(3, 4), column(3, 3), 0.0),
    ("auc", column(0.1, 0.2), column(1, 1), np.nan),
]


@pytest.mark.parametrize(("name", "prediction", "target", "expected"), ZEROS)
def test_divisions_by_zero(name, prediction, target, expected):
    np.testing.assert_equal(metric(name)(prediction, target), expected)


def test_many_batches_are_joined():
    scores, truth = RNG.random((2000, 1)), (RNG.random((2000, 1)) < 0.5).astype(float)
    total = Total(metric("auc"))
    for row in range(2000):
        total.add(scores[row : row + 1], truth[row : row + 1])
    assert total.value() == pytest.approx(sk.roc_auc_score(truth, scores), rel=1e-12)


def test_an_epoch_is_measured_as_a_whole_and_not_as_a_mean_of_batches():
    X, y = RNG.normal(size=(50, 3)), (RNG.random(50) < 0.2).astype(int)
    names = ["precision", "recall", "f1", "auc", "accuracy"]
    model = gn.Sequential([gn.Input(3), gn.Dense(1, activation="sigmoid")])
    model.compile(gn.SGD(lr=0.0), "binary_cross_entropy", names)  # lr=0: all batches see one model
    history = model.fit(X, y, 1, batch_size=3, validation_data=(X, y), verbose=0)
    found, guess = model.evaluate(X, y, batch_size=7), model.classify(X)
    expected = [sk.precision_score(y, guess), sk.recall_score(y, guess), sk.f1_score(y, guess),
                sk.roc_auc_score(y, model.predict(X)), sk.accuracy_score(y, guess)]  # fmt: skip
    for name, value in zip(names, expected, strict=True):
        assert found[name] == history[f"val_{name}"][0] == pytest.approx(value, rel=1e-9)
        assert history[name][0] == pytest.approx(value, rel=1e-6)
    assert list(found) == ["loss", *names]


def test_weights_change_the_loss_alone():
    X, y, weight = RNG.normal(size=(20, 3)), RNG.integers(0, 3, 20), RNG.random(20)
    model = gn.Sequential([gn.Input(3), gn.Dense(3)])
    model.compile("sgd", metrics=["f1", "accuracy"])
    plain, weighted = model.evaluate(X, y), model.evaluate(X, y, weight)
    assert plain["loss"] != weighted["loss"]
    assert plain["f1"] == weighted["f1"]


BAD = [  # metric, loss, y, what is said; nothing is trained
    ("accuracy", LOGITS, [[1, 1, 0]], "one class a row.*'binary_accuracy'"),
    ("f1", LOGITS, [[0, 0, 0]], "one class a row.*'binary_f1'"),
    ("binary_f1", "cross_entropy", [1], "a yes or no of every output"),
    ("mae", "cross_entropy", [1], "compare element by element"),
]


@pytest.mark.parametrize(("name", "loss", "y", "message"), BAD)
def test_targets_that_do_not_fit_a_metric_are_refused_before_training(name, loss, y, message):
    model = gn.Sequential([gn.Input(2), gn.Dense(3)])
    model.compile("sgd", loss, [name])
    before = model.values_now()
    for use in (model.fit, model.evaluate):
        with pytest.raises(gn.GraphnetError, match=message):
            use(np.ones((1, 2)), np.array(y))
    assert all((before.parameters[k] == a).all() for k, a in model.parameters.items())
    with pytest.raises(gn.GraphnetError, match="an output a class"):
        metric("top_2_accuracy")(ONE, YES)


def test_names_and_which_of_them_grow():
    assert [higher_is_better(n) for n in ("val_f1", "top_7_accuracy", "auc", "r2", "val_loss",
            "rmse", "binary_recall_micro", "top_0_accuracy")] == [
            True, True, True, True, False, False, True, False]  # fmt: skip
    with pytest.raises(gn.GraphnetError, match="here it is 'f1'"):
        metrics_by_name(["f1_score"], None)
    assert list(metrics_by_name(["f1", "top_2_accuracy", "mse"], None)) == [
        "f1", "top_2_accuracy", "mse"]  # fmt: skip


def test_a_checkpoint_keeps_metrics_by_name(tmp_path):
    X, y = RNG.normal(size=(20, 3)), RNG.integers(0, 3, 20)
    model = gn.Sequential([gn.Input(3), gn.Dense(3)])
    model.compile("sgd", metrics=["f1", "top_2_accuracy", "auc"])
    model.save(tmp_path / "m.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gn.load(tmp_path / "m.npz").evaluate(X, y) == model.evaluate(X, y)


def test_the_report_is_that_of_scikit_learn():
    X, y = RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)
    model = gn.Sequential([gn.Input(4), gn.Dense(3)])
    model.compile("sgd")
    found = model.report(X, np.eye(3)[y], ["a", "b", "c"])
    want = sk.classification_report(y, model.classify(X), output_dict=True, zero_division=0)
    for k in range(3):
        row = (found.precision[k], found.recall[k], found.f1[k], found.rows[k])
        assert row == pytest.approx(tuple(want[str(k)].values()))
    assert found.accuracy == pytest.approx(want["accuracy"])
    assert f"{want['macro avg']['f1-score']:.4f}" in repr(found).splitlines()[4]
    with pytest.raises(gn.GraphnetError, match="2 classes are named, but there is an id 2"):
        model.report(X, y, ["a", "b"])

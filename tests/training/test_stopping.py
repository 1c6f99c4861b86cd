"""Early stopping, best weights, numbers that are not finite, Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading

import numpy as np
import pytest

import graphnet as gn

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X.sum(axis=1) > 0).astype(int)


def classifier(**more) -> gn.Sequential:
    model = gn.Sequential([gn.Input(3), gn.Dense(2)])
    model.compile(**({"optimizer": gn.SGD(lr=0.1), "dtype": "float64"} | more))
    return model


def copied(model):
    return {k: a.copy() for k, a in model.parameters.items()}


def same(a, b) -> bool:
    return all(a[k].tobytes() == b[k].tobytes() for k in a)


class Script(gn.Callback):
    """Feigns a measurement, and keeps the parameters of every epoch."""

    def __init__(self, losses):
        self.losses, self.seen = iter(losses), []

    def on_epoch_end(self, epoch, row):
        row["val_loss"] = next(self.losses)
        self.seen.append(copied(self.model))


SCRIPTS = [  # losses, patience, min_delta, epochs that run, best epoch
    ([5, 4, 3, 3, 3, 3], 2, 0.0, 5, 3),
    ([5, 6, 4, 6, 6, 6], 2, 0.0, 5, 3),
    ([5, 4.9, 4.8, 4.7], 2, 0.5, 3, 1),
    ([5, math.nan, math.nan, 1], 2, 0.0, 3, 1),
    ([5, 4, 3, 2], 1, 0.0, 4, 4),
]


@pytest.mark.parametrize(("losses", "patience", "min_delta", "ran", "best"), SCRIPTS)
def test_early_stopping(losses, patience, min_delta, ran, best):
    model, script = classifier(), Script(losses)
    stopping = gn.EarlyStopping(patience, min_delta=min_delta)
    history = model.fit(X, Y, epochs=len(losses), callbacks=[script, stopping], verbose=0)
    assert (len(history.epochs), stopping.best_epoch) == (ran, best)
    assert same(copied(model), script.seen[best - 1])
    assert (history.stopped is None) == (ran == len(losses))


def test_early_stopping_without_restoring_and_by_accuracy():
    model, script = classifier(metrics=["accuracy"]), Script([5, 6, 6, 6])
    stopping = gn.EarlyStopping(2, restore_best=False)
    model.fit(X, Y, epochs=4, callbacks=[script, stopping], verbose=0)
    assert same(copied(model), script.seen[2])
    stopping = gn.EarlyStopping(3, monitor="accuracy")
    history = model.fit(X, Y, epochs=3, callbacks=stopping, verbose=0)
    assert stopping.best == max(history["accuracy"][3:])
    with pytest.raises(gn.GraphnetError, match="did you mean 'accuracy'"):
        model.fit(X, Y, epochs=1, callbacks=gn.EarlyStopping(monitor="acuracy"), verbose=0)


def test_keep_best_and_save_best(tmp_path):
    model, script = classifier(), Script([3, 1, 2])
    path = tmp_path / "best.npz"
    history = model.fit(
        X, Y, epochs=3, callbacks=[script, gn.KeepBest(), gn.SaveBest(path)], verbose=0
    )
    assert same(copied(model), script.seen[1])
    loaded = gn.load(path)
    assert same(copied(loaded), script.seen[1])
    assert len(loaded.history.epochs) == 2
    assert history.stopped is None


def test_functions_and_batches_as_callbacks():
    calls, steps = [], []

    class Steps(gn.Callback):
        def on_batch_end(self, step, loss):
            steps.append((step, loss))
            if step == 7:
                self.stop("enough")

    history = classifier().fit(
        X, Y, epochs=9, batch_size=10, verbose=0,
        callbacks=[Steps(), lambda epoch, row: calls.append((epoch, row["loss"]))],
    )  # fmt: skip
    assert [s for s, _ in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert calls == [(1, history["loss"][0])]
    assert history["loss"][0] == pytest.approx(np.mean([loss for _, loss in steps[:4]]))
    assert history.stopped == "enough"


def bad_model(loss_text, lr=1.0):
    """y = x*w: the loss is a formula that fails at some step."""
    model = gn.Sequential([gn.Input(1), gn.Dense(1, init=1.0, use_bias=False)])
    model.compile(
        gn.SGD(lr=lr), loss=lambda p, t: gn.formula(loss_text, p=p, t=t).sum(), dtype="float64",
        stabilize=False,
    )  # fmt: skip
    return model


# Loss of one prediction p = w*x, the numbers x of the steps, the step that fails, its first node.
FAILURES = [
    ("sqrt(p - 2) + 0*t", [3.0, 4.0, 1.0, 5.0], 3, "sqrt(Z1[i,j] - 2)"),  # nan in the loss
    ("exp(p) + 0*t", [1e-3, 1e-3, 800.0], 3, "exp(Z1[i,j])"),  # inf in the loss
    ("sqrt(p) + 0*t", [1e-3, 0.0, 1e-3], 2, "d_Z1[i,j] = "),  # finite loss, infinite slope
    ("p*t", [0.0, 1e154, 1.0], 2, "W1_new[i,j] = "),  # finite loss and slope, too large a step
]


@pytest.mark.parametrize(("text", "xs", "step", "node"), FAILURES)
@pytest.mark.parametrize("lead", [0, 1, 63, 64, 100])
def test_what_is_not_finite_names_step_and_node_and_keeps_the_last_good_parameters(
    text, xs, step, node, lead
):
    """`lead` harmless steps before put the failing one anywhere between two copies."""
    x = np.array([9.0 if "sqrt" in text else 0.0] * lead + xs)[:, None]
    y = x if text == "p*t" else np.zeros_like(x)
    lr = 10.0 if text == "p*t" else 1e-3
    model, twin = bad_model(text, lr), bad_model(text, lr)
    with pytest.warns(RuntimeWarning, match=f"step {lead + step} "):
        history = model.fit(x, y, batch_size=1, shuffle=False, epochs=2, verbose=0)
    assert node in history.stopped
    assert history.epochs == []
    with np.errstate(all="ignore"):
        for row in range(lead + step - 1):
            twin.step(x[row : row + 1], y[row : row + 1])
    assert np.isfinite(twin.parameters["W1"]).all()
    assert same(copied(model), copied(twin))


def test_a_mask_of_infinities_is_not_the_first_bad_node():
    x = gn.input("x", ("batch", 3))
    masked = gn.formula("Y[n,i] = where(i < 2, x[n,i], -oo)", x=gn.Dense(3)(x))
    model = gn.Model(x, gn.formula("L[n] = LogSumExp(m[n,i], i)", m=masked))
    model.compile(gn.SGD(lr=0.1), loss=lambda p, t: gn.log(t - p * p - 1).mean(), stabilize=False)
    with pytest.warns(RuntimeWarning) as caught:
        model.fit(X, np.zeros(40), epochs=1, verbose=0)
    assert "-oo" not in str(caught[0].message)
    assert "log" in str(caught[0].message)


def interrupt_at(number):
    class Interrupt(gn.Callback):
        def on_batch_end(self, step, loss):
            if step == number:
                os.kill(os.getpid(), signal.SIGINT)

    return Interrupt()


def test_ctrl_c_ends_training_with_the_history_so_far():
    model, twin = classifier(), classifier()
    history = model.fit(X, Y, epochs=9, batch_size=10, callbacks=interrupt_at(10), verbose=0)
    assert (history.stopped, len(history.epochs), model.steps) == ("interrupted", 2, 10)
    order = [twin.shuffler.permutation(40) for _ in range(3)]
    for rows in np.concatenate(order).reshape(-1, 10)[:10]:
        twin.step(X[rows], Y[rows])
    assert same(copied(model), copied(twin))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert model.fit(X, Y, epochs=1, verbose=0).stopped is None


def test_a_keyboard_interrupt_raised_by_a_callback_ends_training_too():
    def stop(epoch, row):
        raise KeyboardInterrupt

    history = classifier().fit(X, Y, epochs=9, callbacks=stop, verbose=0)
    assert (history.stopped, len(history.epochs)) == ("interrupted", 1)


def test_training_in_a_thread_leaves_signals_alone():
    result = []
    thread = threading.Thread(
        target=lambda: result.append(classifier().fit(X, Y, epochs=1, verbose=0))
    )
    thread.start()
    thread.join()
    assert len(result[0].epochs) == 1


def test_rows_of_weight_0_teach_nothing():
    model, twin = classifier(), classifier()
    weight = np.repeat([1.0, 0.0], 20)
    history = model.fit(
        X, Y, sample_weight=weight, epochs=2, batch_size=10, shuffle=False, verbose=0
    )
    twin.fit(X[:20], Y[:20], epochs=2, batch_size=10, shuffle=False, verbose=0)
    for name, array in twin.parameters.items():
        np.testing.assert_allclose(model.parameters[name], array, rtol=1e-12)
    assert history.stopped is None
    assert history["loss"] == pytest.approx(twin.history["loss"])

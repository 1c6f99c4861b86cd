"""History, metrics, progress and the summary."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from rich.console import Console

import graphnet as gn
from graphnet.training import metrics
from graphnet.training.answers import accuracy
from graphnet.training.progress import Progress


def test_history_columns_and_csv(tmp_path):
    history = gn.History()
    history.add(loss=0.1 + 0.2, seconds=1.5)
    history.add(loss=1e-300, val_loss=2.0, seconds=0.25)
    assert history.columns == ["epoch", "loss", "val_loss", "seconds"]
    assert history["epoch"] == [1, 2]
    assert math.isnan(history["val_loss"][0])
    assert dict(history)["loss"] == [0.1 + 0.2, 1e-300]
    assert "accuracy" not in history
    with pytest.raises(gn.GraphnetError, match="did you mean 'loss'"):
        history["los"]
    history.to_csv(tmp_path / "h.csv")
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["loss"]) for r in rows] == history["loss"]
    assert rows[0]["val_loss"] == ""
    with pytest.raises(gn.GraphnetFileError, match="cannot be written"):
        history.to_csv(tmp_path)


@pytest.mark.parametrize(
    ("name", "column", "best"),
    [("loss", [3, 1, 1, 2], 2), ("val_accuracy", [0.5, 0.9, 0.9], 2), ("loss", [math.nan, 4], 2)],
)
def test_the_best_epoch(name, column, best):
    history = gn.History()
    for value in column:
        history.add(**{name: value})
    assert history.best(name) == best


NAN = float("nan")
ACCURACIES = [  # prediction, target, threshold, accuracy
    ([[1, 2, 0], [5, 1, 1]], [1, 2], 0.5, 0.5),
    ([[1, 2, 0], [5, 1, 1]], [[0, 1, 0], [0.2, 0.3, 0.5]], 0.5, 0.5),
    ([[0.2], [0.7], [0.5]], [[0], [1], [1]], 0.5, 2 / 3),
    ([[0.2], [0.7]], [[0.0], [1.0]], 0.5, 1.0),
    ([0.2, 0.7], [1, 1], 0.5, 0.5),
    ([[-3.0], [0.4]], [[0.0], [1.0]], 0.0, 1.0),  # logits
    ([[-3.0], [0.4]], [[-1.0], [1.0]], 0.0, 1.0),  # hinge
    ([[3.0], [-0.4]], [[-1.0], [-1.0]], 0.0, 0.5),
]


@pytest.mark.parametrize(("prediction", "target", "threshold", "expected"), ACCURACIES)
def test_accuracy(prediction, target, threshold, expected):
    found = accuracy(np.array(prediction), np.array(target), threshold)
    assert found == pytest.approx(expected)


def test_errors_of_regression():
    p, t = np.array([[1.0], [4.0]], np.float32), np.array([[2.0], [0.0]], np.float32)
    assert metrics.metric("mae")(p, t) == 2.5
    assert metrics.metric("mse")(p, t) == 8.5
    assert metrics.metric("rmse")(p, t) == pytest.approx(8.5**0.5)
    with pytest.raises(gn.GraphnetError, match="shape"):
        metrics.metric("mse")(p, t[:, 0])


def rows():
    return [{"epoch": k, "loss": 1 / k, "seconds": 0.5} for k in (1, 2)]


@pytest.mark.parametrize(("verbose", "lines"), [("auto", 2), (1, 2), (2, 2), (0, 0)])
def test_a_pipe_gets_a_line_an_epoch_and_no_control_characters(capsys, verbose, lines):
    with Progress(verbose, 2, 3) as progress:
        for row in rows():
            progress.batch(0.5)
            progress.epoch(row)
    out, err = capsys.readouterr()
    assert err == ""
    assert len(out.splitlines()) == lines
    assert out == out.encode("ascii").decode()
    assert not set(out) & set("\r\b\x1b")
    if lines:
        assert out.splitlines()[1] == "epoch 2/2  loss 0.5000  0.50 s"


def test_a_terminal_gets_a_bar_and_the_lines_stay(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console",
        lambda **k: Console(file=screen, force_terminal=True, width=90, **k),
    )
    monkeypatch.setenv("TERM", "xterm")
    with Progress("auto", 2, 3) as progress:
        for row in rows():
            for _ in range(3):
                progress.batch(0.5)
            progress.epoch(row)
    text = screen.getvalue()
    assert "━" in text
    assert "epoch 1/2  loss 1.0000  0.50 s\n" in text
    assert text.rstrip().endswith("\x1b[2K")  # the bar itself is wiped


def test_fit_prints_what_the_history_holds(capsys):
    model = gn.Sequential([gn.Input(2), gn.Dense(1, name="neuron")])
    model.compile("sgd", loss="mse", metrics="mae")
    history = model.fit(np.ones((4, 2)), np.zeros(4), epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert f"val_mae {history['val_mae'][1]:.4f}" in lines[1]
    assert repr(history).startswith("<History of 2 epochs: loss=")
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        "layer   output               parameters",
        "x       x        (batch, 2)           0",
        "neuron  neuron_Z (batch, 1)           3  neuron_W (2, 1), neuron_b (1,)",
        "3 parameters, 3 trained",
    ]


def test_the_summary_of_a_loaded_model_is_the_same(tmp_path, capsys):
    layers = [gn.Input(4), gn.Dense(3, activation="relu", trainable=False), gn.Dropout(0.5)]
    model = gn.Sequential([*layers, gn.Residual(gn.Dense(3)), gn.Dense(2)])
    model.compile("sgd")
    model.save(tmp_path / "m")
    model.summary()
    first = capsys.readouterr().out
    gn.load(tmp_path / "m").summary()
    assert capsys.readouterr().out == first
    assert "35 parameters, 20 trained" in first

"""The command line as a table: arguments, exit code, words on stdout and on stderr."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import graphnet as gn
from graphnet.cli import main

MODEL = """
import sibling
import graphnet as gn
model = gn.Sequential([gn.Input(3), gn.Dense(2, activation="tanh"), gn.Dense(1)])
model.compile(gn.Adam(lr=sibling.rate), "mse")
if __name__ == "__main__":
    raise SystemExit("not run")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model, its sibling, and files that are wrong in their own ways."""
    monkeypatch.chdir(tmp_path)
    wrong = {
        "mine.py": MODEL,
        "sibling.py": "rate = 0.1\n",
        "empty.py": "x = 1\n",
        "odd.py": MODEL + "X, y = 3, 4\n",
        "data.py": MODEL + "X, y = [[1, 2, 3]] * 9, [0.5] * 9\n",
        "number.py": "model = 3\n",
        "broken.py": "import graphnet\n\n1/0\n",
        "grammar.py": "a = (\n",
        "ends.py": "raise SystemExit(3)\n",
        "bare.py": "import graphnet as gn\nmodel = gn.Sequential([gn.Input(2), gn.Dense(1)])\n",
    }
    for name, text in wrong.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "file").write_text("in the way")
    return tmp_path


GOOD = [
    ("--help", ["train", "derive", "draw", "source", "check"]),
    ("", ["usage: graphnet"]),
    ("--version", [f"graphnet {gn.__version__}"]),
    ("train --help", ["--batch-size", "runs/NAME"]),
    ("derive|Y[n,o] = Sum(x[n,i]*W[i,o], i)|--wrt|W",
     ["d_W[i,o] = Sum(x[n,i]*d_Y[n,o], n)", "d_W = x.T @ d_Y", "Y = x @ W"]),
    ("derive|Y[n,o] = Sum(x[n,i]*W[i,o], i) + b[o]", ["d_x", "d_W", "d_b[o] = Sum(d_Y[n,o], n)"]),
    ("derive|x/(1+exp(-x))", ["d_x[i] ="]),
    ("derive|s = Sum(x[i]**2, i)", ["d_x[i] = 2*x[i]", "d_x = 2 * x"]),
    ("derive|L[n] = LogSumExp(Z[n,k], k)", ["expw(Z[n,k], L[n])"]),
    ("derive|Y[n,y] = Max(X[n,2*y+u], u), u < 3", ["d_X[n,2*y + u] +="]),
    ("derive|Y[T[n],d] += E[n,d], shape(V,D)", ["T (N,) int", "d_E[n,d] = d_Y[T[n],d]"]),
    ("derive|Y[i] = where(m[i], x[i], 0)|--style|unicode", ["m (I,) bool", "d_x[i] = where(m[i]"]),
    ("derive|a*b|--wrt|b,a", ["d_a[i] = b[i]*d_Y[i]", "d_b[i] = a[i]*d_Y[i]"]),
    ("derive|P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", ["d_z"]),
    ("derive|Y[i] = x[i]**2|--style|latex", ["x_{i}"]),
    ("draw xor", ["xor_forward.svg"]),
    ("draw mine.py --stage backward --level layers --out b.png", ["b.png"]),
    ("draw iris --stage update --out u.gv", ["u.gv"]),
    ("source iris", ["import numpy as np", "def step(", "d_W1"]),
    ("source mine.py --out step.py", ["step.py"]),
    ("check iris", ["W1", "ok", "agree with literal loops"]),
    ("check mine.py --elements 1 --seed 3", ["1 of 6"]),
    ("lesson xor", ["runs/xor/lesson.html"]),
    ("lesson mine.py --out there", ["there/lesson.html"]),
    ("lesson data.py --epochs 2 --rows 3", ["runs/data/lesson.html"]),
]  # fmt: skip


def split(line: str) -> list[str]:
    return line.split("|") if "|" in line else line.split()


@pytest.mark.parametrize(("line", "expected"), GOOD, ids=lambda v: v if isinstance(v, str) else "")
def test_good(line: str, expected: list[str], folder: Path, capsys) -> None:
    assert main(split(line)) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for word in expected:
        assert word in told.out, told.out


BAD = [
    ("trian digits", "did you mean 'train'?"),
    ("nothing", "known: check, derive, draw, explain, lesson, plot, source, train"),
    ("train", "required: NAME"),
    ("train digit", "did you mean 'digits'?"),
    ("train xor --epochs 0", "at least 1, came '0'"),
    ("train xor --epochs x", "came 'x'"),
    ("train xor --seed -1", "--seed"),
    ("train xor --wrong", "--wrong"),
    ("train xor --out file", "cannot write into file"),
    ("train xor --out /proc/none", "cannot write into /proc/none"),
    ("derive", "required: FORMULA"),
    ("derive|Y[i] = foo(x[i])", "there is no function 'foo'"),
    ("derive|Y[i = x[i]", "column"),
    ("derive|x + 1|--wrt|q", "reads no 'q'"),
    ("derive|Y[i] = x[T[i]]|--wrt|T", "int"),
    ("derive|Y[i] = 1, i < 3", "nothing to derive"),
    ("derive|__import__('os').system('true')", "column"),
    ("derive|", "graphnet"),
    (
        "draw nope",
        "known: autoencoder, cnn, digits, gpt, gru, house, images, iris, lstm, neuron, rnn, xor",
    ),
    ("draw nope.py", "there is no file 'nope.py'"),
    ("draw xor --stage up", "invalid choice: 'up'"),
    ("draw xor --out x.bmp", ".svg, .png or .gv"),
    ("draw xor --out /proc/none/x.svg", "cannot be written"),
    ("draw bare.py --stage update", "no update stage"),
    ("source bare.py", "not compiled"),
    ("source empty.py", "empty.py: the file defines no `model`"),
    ("source number.py", "`model` is not a gn.Model or gn.Sequential, but int"),
    ("source broken.py", "broken.py:3: ZeroDivisionError: division by zero"),
    ("source grammar.py", "grammar.py:1: SyntaxError"),
    ("source ends.py", "ended itself (3)"),
    ("source xor --out /proc/none/x.py", "cannot be written"),
    ("source .", "no example"),
    ("lesson nope", "no example 'nope'"),
    ("lesson bare.py", "not compiled"),
    ("lesson xor --out file", "cannot write into file"),
    ("lesson xor --rows 0", "at least 1, came '0'"),
    ("lesson mine.py --epochs 1", "mine.py gives no X and y to train on"),
    ("lesson odd.py", "no arrays with a row for each sample"),
]


@pytest.mark.parametrize(("line", "expected"), BAD, ids=lambda v: v)
def test_bad(line: str, expected: str, folder: Path, capsys) -> None:
    before = sorted(folder.iterdir())
    assert main(split(line)) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1, told.err
    assert expected in told.err
    assert told.err.startswith("graphnet")
    assert [p for p in folder.iterdir() if p not in before and p.name != "__pycache__"] == []


def test_train_leaves_everything(folder: Path, capsys) -> None:
    assert main(["train", "digits", "--epochs", "3", "--seed", "1"]) == 0
    told = capsys.readouterr()
    assert "test accuracy 9" in told.out
    assert "\x1b" not in told.out
    out = folder / "runs" / "digits"
    assert sorted(p.name for p in out.iterdir()) == sorted([
        "forward.svg", "forward.png", "backward.svg", "backward.png", "update.svg", "update.png",
        "train_step.py", "train_step_fast.py", "history.csv", "learning_curves.png",
        "confusion_matrix.png", "digits.npz", "index.html",
    ])  # fmt: skip
    for path in out.glob("*.svg"):
        ET.parse(path)
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) > 300
    with open(out / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["val_accuracy"]) > 0.9
    page = (out / "index.html").read_text()
    written = ("train_step.py", "train_step_fast.py")
    for name in ("learning_curves.png", "confusion_matrix.png", *written):
        assert f'"{name}"' in page
    model = gn.load(out / "digits.npz")
    assert model.history["val_accuracy"][-1] == float(rows[-1]["val_accuracy"])
    told = []
    for name in written:
        run = [sys.executable, str(out / name)]
        told.append(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    first, second = (float(text.removeprefix("loss:")) for text in told)
    assert first == pytest.approx(second, rel=1e-5)  # the text to read, and what ran
    assert "def build(" not in (out / "train_step.py").read_text()


def test_train_repeats_and_quiet_says_only_the_result(folder: Path, capsys) -> None:
    kept = []
    for _ in range(2):
        assert main(["train", "xor", "--epochs", "5", "--out", "out", "--quiet"]) == 0
        told = capsys.readouterr().out.splitlines()
        assert [line.split()[1] for line in told] == ["loss", "accuracy"]
        kept.append(dict(gn.load("out/xor.npz").parameters))
    for name, array in kept[0].items():
        assert array.tobytes() == kept[1][name].tobytes()


def test_a_regression_has_no_confusion_matrix(folder: Path) -> None:
    assert main(["train", "neuron", "--epochs", "2", "--quiet"]) == 0
    names = {p.name for p in (folder / "runs/neuron").iterdir()}
    assert "learning_curves.png" in names
    assert "confusion_matrix.png" not in names


def test_wrong_gradients_give_1(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from graphnet.compiler import check_gradients as module

    row = module.GradientRow("W", (2,), 2, 1.0, 1e-10, 1.0, 1.0, 0.0, "WRONG")
    report = module.GradientReport(1.0, (row,))
    monkeypatch.setattr(module, "check_gradients", lambda *_, **__: report)
    assert main(["check", "xor"]) == 1
    assert "WRONG" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from graphnet.cli import main; main(['--help']);"
        "heavy = {'sympy', 'networkx', 'numpy', 'matplotlib', 'rich'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_as_a_module_and_into_a_closed_pipe() -> None:
    ran = subprocess.run(
        f"{sys.executable} -m graphnet source xor | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "0"
    assert ran.stderr == ""


def test_interrupt_leaves_valid_files(folder: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "graphnet", "train", "xor", "--epochs", "1000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert child.stdout is not None
    while not child.stdout.readline().startswith("epoch"):
        assert child.poll() is None
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    out = folder / "runs" / "xor"
    ET.parse(out / "backward.svg")
    assert len(gn.load(out / "xor.npz").history["loss"]) >= 1
    assert not list(out.glob(".*"))


def test_a_file_that_is_no_python_file_is_loaded_and_never_run(tmp_path, monkeypatch, capsys):
    """Python runs a zip archive that has a `__main__.py`, and a checkpoint is one by form."""
    monkeypatch.chdir(tmp_path)
    model = gn.Sequential([gn.Input(3), gn.Dense(2)])
    model.compile("sgd")
    model.save("mine.npz")
    for command in ("source", "check", "explain", "draw", "lesson"):
        assert main([command, "mine.npz"]) == 0
    with zipfile.ZipFile("evil.npz", "w") as archive:
        archive.writestr("__main__.py", "open('owned', 'w')")
    Path("evil.txt").write_text("open('owned', 'w')")
    capsys.readouterr()
    for command in ("source", "check", "explain", "draw", "lesson"):
        for name in ("evil.npz", "evil.txt"):
            assert main([command, name]) == 2
            assert "not a checkpoint" in capsys.readouterr().err
    assert not Path("owned").exists()
    assert main(["source", "mine.npz", "--out", "/dev/null"]) == 0

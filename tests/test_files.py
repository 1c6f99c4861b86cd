"""Files are whole or as they were: after a kill, on a full disk, in folders that are not there."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet import files
from graphnet.cli import main


def model() -> gn.Sequential:
    made = gn.Sequential([gn.Input(3), gn.Dense(2)])
    made.compile("sgd")
    return made


MODEL = model()
MODEL.fit(np.ones((4, 3)), np.zeros(4, int), epochs=1, verbose=0)
WRITERS: dict[str, Callable[[Path], object]] = {
    "model.npz": MODEL.save,
    "step.py": MODEL.step.save,
    "history.csv": MODEL.history.to_csv,
    "net.svg": lambda path: MODEL.draw().render(outfile=path, cleanup=True),
    "net.gv": lambda path: MODEL.draw().render(outfile=path, cleanup=True, format="gv"),
    "plot.png": lambda path: gn.plot.history(MODEL.history).save(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, name: str, monkeypatch) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(gn.GraphnetFileError, match=f"{name}: cannot be written: No space left"):
        WRITERS[name](path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_where_nothing_can_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / name, tmp_path):
        with pytest.raises(gn.GraphnetError) as caught:
            WRITERS[name](path)
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_links_rights_and_devices(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("old")
    (tmp_path / "real.py").chmod(0o600)
    (tmp_path / "link.py").symlink_to("real.py")
    (tmp_path / "dangling.py").symlink_to("made.py")
    for name in ("link.py", "dangling.py"):
        files.write_file(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
    assert (tmp_path / "real.py").read_text() == "new"
    assert (tmp_path / "made.py").read_text() == "new"
    assert (tmp_path / "real.py").stat().st_mode & 0o777 == 0o600
    if os.geteuid():  # root may write everything
        (tmp_path / "real.py").chmod(0o400)
        with pytest.raises(gn.GraphnetFileError, match="Permission denied"):
            files.write_file(tmp_path / "link.py", "")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    files.write_file(pipe, b"new")
    assert reader.communicate(timeout=30)[0].decode() == "new"
    assert pipe.is_fifo()  # /dev/null stays one, too
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(gn.GraphnetFileError, match="cannot be written"):
        files.write_file(tmp_path / "loop", "")


def test_a_kill_while_saving_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    program = (
        "import graphnet as gn, sys\n"
        "model = gn.Sequential([gn.Input(200), gn.Dense(300)]); model.compile('sgd')\n"
        "print('ready', flush=True)\n"
        "while True: model.save(sys.argv[1])\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    while not path.exists():
        time.sleep(0.01)
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=30)
    child.stdout.close()
    assert gn.load(path).parameters["W1"].shape == (200, 300)


def test_what_cannot_be_left_is_told_before_the_work(tmp_path: Path, capsys) -> None:
    fresh = model()
    before = fresh.parameters["W1"].copy()
    best = gn.SaveBest(tmp_path / "none" / "best.npz")
    with pytest.raises(gn.GraphnetFileError, match="cannot be written: No such file"):
        fresh.fit(np.ones((4, 3)), np.zeros(4, int), epochs=1, callbacks=[best], verbose=0)
    assert (fresh.parameters["W1"] == before).all()
    assert fresh.steps == 0
    for command in ("source", "draw"):
        assert main([command, "no such model", "--out", str(tmp_path / "none" / "a.svg")]) == 2
        told = capsys.readouterr().err
        assert "cannot be written" in told, told
        assert told.count("\n") == 1

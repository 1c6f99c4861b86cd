"""A folder of pictures becomes rows of numbers, or an error says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graphnet as gn
from graphnet.cli import main
from graphnet.training.pictures import LEAST, load_faces, pictures

RED, BLUE = (255, 0, 0), (0, 0, 255)


def fill(folder: Path, kinds: dict[str, tuple[int, int, int]], count: int = 12) -> Path:
    """A folder of noisy pictures of one color a kind, of different sizes."""
    rng = np.random.default_rng(0)
    for kind, color in kinds.items():
        (folder / kind).mkdir(parents=True)
        for k in range(count):
            pixels = np.clip(color + rng.normal(0, 60, (20 + k, 50 - k, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / kind / f"{k}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "data", {"warm": RED, "cold": BLUE})


def test_rows_are_kinds_in_order(folder):
    X, y, kinds = pictures(folder, side=8)
    assert X.shape == (24, 8 * 8 * 3)
    assert X.dtype == np.float32
    assert kinds == ("cold", "warm")
    assert y.tolist() == [0] * 12 + [1] * 12
    assert -1 <= X.min() < X.max() <= 1
    red, blue = X.reshape(24, 64, 3)[..., 0].mean(axis=1), X.reshape(24, 64, 3)[..., 2].mean(axis=1)
    assert ((red > blue) == (y == 1)).all()


# What is saved -> (red, green, blue) of the top left and the bottom right pixel that is read.
HALVES = np.array([[[255, 0, 0]] * 8] * 4 + [[[0, 0, 255]] * 8] * 4, np.uint8)
DEEP = np.repeat([0, 65535], 32).reshape(8, 8).astype(np.uint16)
LOOKS = [
    ("a.png", lambda p: Image.fromarray(HALVES).save(p), RED, BLUE),
    ("palette.gif", lambda p: Image.fromarray(HALVES).save(p), RED, BLUE),
    ("cmyk.tiff", lambda p: Image.fromarray(HALVES).convert("CMYK").save(p), RED, BLUE),
    ("grey.bmp", lambda p: Image.new("L", (9, 9), 51).save(p), (51,) * 3, (51,) * 3),
    ("clear.png", lambda p: Image.new("RGBA", (9, 9)).save(p), (255,) * 3, (255,) * 3),
    (
        "deep.png",
        lambda p: Image.fromarray(DEEP).save(p),
        (0,) * 3, (255,) * 3,
    ),
    ("black.png", lambda p: Image.new("I;16", (8, 8), 0).save(p), (0,) * 3, (0,) * 3),
    ("bits.png", lambda p: Image.new("1", (8, 8), 1).save(p), (255,) * 3, (255,) * 3),
    (
        "turned.jpg",  # upside down, and a note that says so
        lambda p: Image.fromarray(HALVES[::-1]).save(p, exif=_turned(), quality=100, subsampling=0),
        RED, BLUE,
    ),
]  # fmt: skip


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 3
    return exif


@pytest.mark.parametrize(("name", "save", "first", "last"), LOOKS, ids=[row[0] for row in LOOKS])
def test_any_kind_of_file(folder, name, save, first, last):
    (folder / "a").mkdir()
    for k in range(LEAST):
        save(folder / "a" / f"{k}{name}")
    X, _, _ = pictures(folder, side=8)
    pixels = (X[0].reshape(8, 8, 3) + 1) * 127.5
    np.testing.assert_allclose(pixels[0, 0], first, atol=2)
    np.testing.assert_allclose(pixels[-1, -1], last, atol=2)


def test_hidden_files_are_passed_over_and_subfolders_read(folder):
    (folder / ".cache").mkdir()
    (folder / "warm" / ".DS_Store").write_bytes(b"x")
    (folder / "warm" / "Thumbs.db").write_bytes(b"x")
    (folder / "warm" / "more").mkdir()
    (folder / "warm" / "0.png").rename(folder / "warm" / "more" / "0.png")
    assert len(pictures(folder)[0]) == 24


def _text_file(folder: Path) -> None:
    (folder / "cold" / "notes.txt").write_text("blue")


def _cut_file(folder: Path) -> None:
    whole = (folder / "warm" / "3.png").read_bytes()
    (folder / "warm" / "3.png").write_bytes(whole[: len(whole) // 2])


def _few(folder: Path) -> None:
    for k in range(9):
        (folder / "warm" / f"{k}.png").unlink()


def _one_kind(folder: Path) -> None:
    (folder / "warm").rename(folder.parent / "elsewhere")


def _no_kind(folder: Path) -> None:
    _one_kind(folder)
    (folder / "cold").rename(folder.parent / "else")


WRONG = [
    (lambda folder: folder.rename(folder.parent / "gone"), "there is no folder"),
    (_one_kind, "two or more kinds of pictures, came only 'cold'"),
    (_no_kind, "two or more kinds of pictures, came none"),
    (_few, f"warm has 3 pictures: at least {LEAST} of each kind"),
    (_text_file, "notes.txt: is no picture"),
    (_cut_file, "cannot read the picture"),
]


@pytest.mark.parametrize(("spoil", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_folder_is_told_in_one_line(folder, spoil, words, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    spoil(folder)
    assert main(["train", "images", "--data", str(folder)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (folder.parent / "runs").exists()


def test_data_is_for_images_only(folder, capsys):
    assert main(["train", "xor", "--data", str(folder)]) == 2
    assert "--data is for images" in capsys.readouterr().err


@pytest.mark.parametrize(
    "kinds", [{"warm": RED, "cold": BLUE}, {"r": RED, "b": BLUE, "w": (200,) * 3}]
)
def test_a_folder_is_learned_and_left(kinds, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "data", kinds, 16)
    assert main(["train", "images", "--data", "data", "--epochs", "8"]) == 0
    assert "test accuracy 100.0%" in capsys.readouterr().out
    out = tmp_path / "runs" / "images"
    assert (out / "confusion_matrix.png").exists()
    assert gn.load(out / "images.npz").predict(np.zeros((1, 3072))).shape == (
        1,
        len(kinds) % 2 * 2 + 1,
    )


def test_the_faces_ship_with_scikit_image():
    pytest.importorskip("skimage")
    X, y = load_faces()
    assert X.shape == (200, 625)
    assert (X.min(), X.max()) == (-1, 1)
    assert y.sum() == 100


def test_without_scikit_image(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage", None)
    with pytest.raises(gn.GraphnetError, match=r"pip install 'graphnet-compiler\[images\]'"):
        load_faces()

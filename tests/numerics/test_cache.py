"""What is kept of searches: robust against damage, parallel writers and folders without rights."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from graphnet.errors import GraphnetError
from graphnet.numerics import cache, make_catalogue, records
from graphnet.numerics.records import catalogue, known, read, recorded
from graphnet.numerics.stored import functions

ROW = {"name": "f", "form": "expm1(x)", "slope": "", "reuse": "", "fails": []}
KEY = "exp(x) - 1"


@pytest.fixture
def folder(tmp_path):
    cache.use(tmp_path / "kept")
    yield tmp_path / "kept"
    cache._CHOSEN.clear()


def test_a_row_is_kept_and_found(folder) -> None:
    assert cache.load(KEY) is None
    cache.store(KEY, ROW)
    assert cache.load(KEY) == ROW
    assert [p.suffix for p in folder.iterdir()] == [".json"]


def test_damage_at_any_byte_counts_as_nothing(folder) -> None:
    cache.store(KEY, ROW)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :])
        assert cache.load(KEY) in (None, ROW)  # a changed blank or key order changes no row
        path.write_bytes(whole[:k])
        assert cache.load(KEY) is None
    for other in (b"", b"[]", b"null", b"[" * 100_000, b'{"row": 1}', bytes(range(256))):
        path.write_bytes(other)
        assert cache.load(KEY) is None


def test_a_row_of_another_function_or_version_is_not_read(folder) -> None:
    cache.store(KEY, ROW)
    (path,) = folder.iterdir()
    held = json.loads(path.read_text())
    for change in ({"key": "exp(x)"}, {"version": "0"}):
        path.write_text(json.dumps(held | change))
        assert cache.load(KEY) is None


def test_many_writers_leave_one_sound_file(folder) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.store(KEY, ROW), range(64)))
    assert cache.load(KEY) == ROW
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    cache.use(tmp_path / "file" / "inside")
    try:
        cache.store(KEY, ROW)
        assert cache.load(KEY) is None
    finally:
        cache._CHOSEN.clear()


@pytest.mark.parametrize("wish", ["off", "", "none", "0"])
def test_off(monkeypatch, wish: str) -> None:
    monkeypatch.setenv("GRAPHNET_CACHE", wish)
    assert cache.directory() is None
    monkeypatch.setenv("GRAPHNET_CACHE", "/somewhere")
    assert cache.directory() == type(cache.directory())("/somewhere")


EVIL = [
    "__import__('os').system('true')",
    "x.__class__",
    "lambda: 1",
    "9**9**9",
    "open(x)",
    "z + 1",
]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_in_a_row_is_executed(folder, text: str) -> None:
    """A row whose text is no formula counts as none: the function is searched."""
    meaning = read("exp(3*x) - 1 + x*0")
    row = ROW | {"unclean": [], "unclean_slope": [], "unclean32": [], "unclean32_slope": []}
    with pytest.raises(GraphnetError):
        recorded(meaning, row | {"form": text})
    cache.store(records.spelled(meaning), row | {"form": text})
    known.cache_clear()
    assert known(meaning).form == read("expm1(3*x)")
    known.cache_clear()
    with pytest.raises(GraphnetError):
        functions([{"name": "f", "meaning": text, "form": "x", "slope": "", "reuse": ""}])


@pytest.mark.parametrize("name", ["exp", "1f", "a b", "", 3])
def test_a_stored_function_has_a_name_of_its_own(name) -> None:
    with pytest.raises(GraphnetError):
        functions([{"name": name, "meaning": "x", "form": "x", "slope": "", "reuse": ""}])


def test_the_catalogue_is_sound() -> None:
    """Every row parses; a few rows are searched anew and come out the same."""
    assert len(catalogue()) > 150
    for key, found in catalogue().items():
        if not key.startswith(("steps: ", "reuse: ")):
            recorded(read(key), found)
    for key in ("log(1 + exp(x))", "exp(x) - 1", "1 - tanh(x)**2"):
        assert records.row(read(key), catalogue()[key]["name"]) == catalogue()[key]


@pytest.mark.slow
def test_the_catalogue_is_what_a_search_finds() -> None:
    assert make_catalogue.main(["--check"]) == 0
    assert os.path.exists(make_catalogue.FILE)

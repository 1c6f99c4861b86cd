"""The searches of users' own functions, kept on disk: one small JSON file a function.

The directory is `$GRAPHNET_CACHE`, else `$XDG_CACHE_HOME/graphnet`, else `~/.cache/graphnet`
(`%LOCALAPPDATA%` on Windows); `GRAPHNET_CACHE=off`, or `use(None)`, keeps nothing. A file is data:
JSON under a SHA-256, its formulas read by the formula parser. One that is damaged, of another
version or unreadable counts as none; writing is atomic, and where it fails nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

__all__ = ["directory", "load", "store", "use"]

_CHOSEN: list[Path | None] = []
LARGEST = 1 << 20  # bytes of a file that is read


def use(path: str | os.PathLike[str] | None) -> None:
    """Keep searches in this directory from now on; None keeps none."""
    _CHOSEN[:] = [None if path is None else Path(path)]


def directory() -> Path | None:
    """Where searches are kept; None where they are not."""
    if _CHOSEN:
        return _CHOSEN[0]
    wish = os.environ.get("GRAPHNET_CACHE")
    if wish is not None:
        return None if wish.strip().lower() in ("", "0", "off", "none") else Path(wish)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "graphnet"
    except RuntimeError:  # no home
        return None


@cache
def version() -> str:
    """A digest of the search itself: what an older search found is not read."""
    digest = hashlib.sha256()
    for name in _SEARCH:
        digest.update(resources.files("graphnet.numerics").joinpath(f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


_SEARCH = ("exprat", "fails", "forms", "intervals", "judge", "match", "points", "polynomial",
           "records", "reuse", "rules", "search", "slopes", "steps", "symmetry", "tails", "tape",
           "truth")  # fmt: skip


def _file(key: str) -> Path | None:
    at = directory()
    if at is None:
        return None
    return at / f"{hashlib.sha256(f'{version()}:{key}'.encode()).hexdigest()[:40]}.json"


def load(key: str) -> Mapping[str, Any] | None:
    """The row of a function, None where there is no sound one."""
    path = _file(key)
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST)
        held = json.loads(data.decode("utf-8"))
        if held["key"] != key or held["version"] != version() or held["sum"] != _sum(held["row"]):
            return None
        row: Mapping[str, Any] = held["row"]
        return row
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def store(key: str, row: Mapping[str, Any]) -> None:
    """Keeps a row; a directory that cannot be written is no error."""
    path = _file(key)
    if path is None:
        return
    text = json.dumps({"key": key, "version": version(), "sum": _sum(row), "row": row})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, made = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(made, path)
        except OSError:
            Path(made).unlink(missing_ok=True)
    except OSError:
        return


def _sum(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()

"""Fixtures all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """golden(name, text): the text equals tests/golden/name; --update-golden rewrites it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}; run pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return compare


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names that are the same in every process: no addresses, so that tests can run in parallel."""
    if isinstance(val, str | int | float | bool | type | None):
        return None
    name = getattr(val, "__name__", "<lambda>")
    return argname if "<" in name else name

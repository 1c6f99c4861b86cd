"""Programs multiply in blocks here, whatever machine runs the tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _blocks_of_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphnet.compiler.program.unpacked", lambda: 1_000_000)

"""The benchmark command runs, and a wrong step is void. Nothing here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("benchmarks")
    run = subprocess.run(
        [
            sys.executable, "-m", "tests.benchmarks", "--workloads", "W1", "--rounds", "2",
            "--seconds", "0.01", "--rows", "graphnet fast;by hand;naive;wrong", "--out", str(out),
        ],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    return run.stdout, out


def test_rows_are_timed_after_their_losses_agree(results: tuple[str, Path]) -> None:
    rows = json.loads((results[1] / "benchmarks.json").read_text())["workloads"]["W1"]["rows"]
    for name in ("graphnet fast", "by hand", "naive"):
        assert len(rows[name]["times"]) == 2, rows[name]
        assert rows[name]["difference"] < 1e-5


def test_a_wrong_step_is_void(results: tuple[str, Path]) -> None:
    text, out = results
    row = json.loads((out / "benchmarks.json").read_text())["workloads"]["W1"]["rows"]["wrong"]
    assert row["seconds"] is None
    assert row["times"] == []
    assert row["void"].startswith("loss ")
    assert "VOID" in text
    assert "VOID" in (out / "benchmarks.md").read_text()


def test_the_chart_is_drawn(results: tuple[str, Path]) -> None:
    assert (results[1] / "benchmarks.png").stat().st_size > 10_000

"""The benchmark command runs, and a wrong step is void. Nothing here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import steps
from tests.benchmarks.machine import blas
from tests.benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("benchmarks")
    run = subprocess.run(
        [
            sys.executable, "-m", "tests.benchmarks", "--workloads", "W1", "--processes", "2",
            "--rounds", "3", "--seconds", "0.01", "--out", str(out),
            "--rows", "graphnet fast;graphnet fast, MKL;by hand;naive;wrong",
        ],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    return run.stdout, out


def test_rows_are_timed_after_their_losses_agree(results: tuple[str, Path]) -> None:
    rows = json.loads((results[1] / "benchmarks.json").read_text())["workloads"]["W1"]["rows"]
    for name in ("graphnet fast", "by hand", "naive"):
        assert [len(times) for times in rows[name]["times"]] == [3, 3], rows[name]
        assert rows[name]["difference"] < 1e-5


def test_a_wrong_step_is_void(results: tuple[str, Path]) -> None:
    text, out = results
    row = json.loads((out / "benchmarks.json").read_text())["workloads"]["W1"]["rows"]["wrong"]
    assert row["seconds"] is None
    assert row["times"] == []
    assert row["void"].startswith("loss ")
    assert "VOID" in text
    assert "VOID" in (out / "benchmarks.md").read_text()


def test_the_row_of_mkl_is_of_mkl(results: tuple[str, Path]) -> None:
    """It has a time only from a NumPy that multiplies with MKL, and says which."""
    rows = json.loads((results[1] / "benchmarks.json").read_text())["workloads"]["W1"]["rows"]
    row = rows["graphnet fast, MKL"]
    assert bool(row["times"]) == ("mkl" in row["note"])
    assert bool(row["times"]) != ("no NumPy with MKL" in row["skip"])
    workload = WORKLOADS["W1"]
    if "mkl" not in blas():
        with pytest.raises(steps.Unsupported, match=r"multiplies with .*blas"):
            steps.make("graphnet fast, MKL", workload, workload.case())


def test_the_chart_is_drawn(results: tuple[str, Path]) -> None:
    assert (results[1] / "benchmarks.png").stat().st_size > 10_000

"""The machine of a run: what it is, and what one core reaches."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.benchmarks.rounds import ROOT, apart, environment, exclusive

__all__ = ["blas", "describe", "peaks", "parts"]

PACKAGES = ("numpy", "sympy", "torch", "jax", "jaxlib", "pytensor", "numba", "autograd")


def describe(note: str = "") -> dict[str, Any]:
    """Processor, system, versions, date, load; a package that is missing is not named."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "versions": versions,
        "blas": blas(),
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "note": note,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def blas() -> str:
    """The library that this NumPy multiplies with, and its version."""
    import numpy as np

    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found['name']} {found['version']}"


def peaks(lock: str | None = None, priority: int = 0) -> dict[str, float]:
    """Single-thread sgemm in flop/s and bandwidth in byte/s (cache: 1 MB, memory: 96 MB)."""
    with exclusive(lock):
        code = "from tests.benchmarks.machine import _peaks; print(*_peaks())"
        result = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT,
            env=environment(), preexec_fn=apart(priority),
        )  # fmt: skip
    flops, cache, memory = map(float, result.stdout.split())
    return {"flops": flops, "cache": cache, "memory": memory}


def parts(workload: str, lock: str | None = None, priority: int = 0) -> dict[str, float]:
    """Seconds of the matrix products of our step, of its update and of the rest."""
    with exclusive(lock):
        result = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.lines", workload, "--parts", "--calls", "40"],
            check=True, capture_output=True, text=True, cwd=ROOT, env=environment(),
            preexec_fn=apart(priority),
        )  # fmt: skip
    found: dict[str, float] = json.loads(result.stdout)
    return found


def _peaks() -> tuple[float, float, float]:
    import numpy as np

    def rate(work: float, call: Callable[[], object]) -> float:
        call()
        times = []
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return work / statistics.median(times)

    n = 512
    a, b, c = (np.ones((n, n), np.float32) for _ in range(3))
    found = [rate(2.0 * n**3, lambda: a.dot(b, c))]
    for size in (2**20, 96 * 2**20):
        u, v, w = (np.ones(size // 12, np.float32) for _ in range(3))
        found.append(rate(float(size), lambda u=u, v=v, w=w: np.add(u, v, w)))  # type: ignore[misc]
    return found[0], found[1], found[2]

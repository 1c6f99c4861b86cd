"""From model to first step, and the memory a tool adds, each in fresh processes.

    python -m tests.benchmarks.first_step ROW WORKLOAD [FILE]

prints seconds and bytes. Imports, and the arrays themselves, are not counted in the seconds; the
bytes are what the process grew by, imports and steps together, beyond NumPy, its BLAS and the
arrays. For graphnet that is the emitted file run alone: with FILE the first step also saves it
there, and a second process runs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import steps
from tests.benchmarks.rounds import ROOT, apart, environment, exclusive
from tests.benchmarks.workloads import WORKLOADS

__all__ = ["measure"]

IMPORTS = {
    "graphnet_steps": ("sympy", "networkx", "graphnet"),
    "torch_steps": ("torch", "torch.nn.functional", "torch.optim"),
    "jax_steps": ("jax", "jax.numpy", "jax.flatten_util"),
    "pytensor_steps": ("pytensor", "pytensor.tensor", "pytensor.link.numba"),
    "autograd_steps": ("autograd", "autograd.numpy", "autograd.scipy.special"),
}
COMPILE_IMPORTS = ("torch._dynamo", "torch._inductor.compile_fx", "torch.func")
FEW = 5.0  # seconds: what takes longer is measured once
# Nothing compiled by an earlier process may help.
FRESH = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}


def measure(
    workload: str, rows: Sequence[str], *, rounds: int, patience: float, priority: int = 0,
    lock: str | None = None,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Row -> {"seconds", "bytes"}, medians over rounds, or {"skip"}."""
    found: dict[str, list[tuple[float, float]]] = {row: [] for row in rows}
    skipped: dict[str, dict[str, Any]] = {}
    for k in range(rounds):
        for row in rows:
            if row in skipped or (k and found[row][0][0] > FEW):
                continue
            with exclusive(lock), tempfile.TemporaryDirectory() as folder:
                answer = _fresh(row, workload, Path(folder), patience, priority)
            if "skip" in answer:
                skipped[row] = answer
            else:
                found[row].append((answer["seconds"], answer["bytes"]))
    medians = {
        row: dict(zip(("seconds", "bytes"), map(statistics.median, zip(*pairs)), strict=True))
        for row, pairs in found.items()
        if pairs
    }
    return {row: skipped.get(row) or medians[row] for row in rows}


def _fresh(
    row: str, workload: str, folder: Path, patience: float, priority: int
) -> dict[str, Any]:  # fmt: skip
    def run(*arguments: str) -> dict[str, Any]:
        flags = {"PYTENSOR_FLAGS": f"base_compiledir={folder}"}
        try:
            result = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.first_step", row, workload, *arguments],
                capture_output=True, text=True, cwd=ROOT, timeout=patience,
                env=environment() | FRESH | flags, preexec_fn=apart(priority),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"skip": f"no step in {patience:.0f} s"}
        if result.returncode:
            return {"skip": (result.stderr.strip().splitlines() or ["it ended"])[-1]}
        return json.loads(result.stdout.splitlines()[-1])

    if not row.startswith("graphnet"):
        return run()
    file = str(folder / "step.py")
    built = run(file)
    return built if "skip" in built else built | {"bytes": run(file, "alone")["bytes"]}


def resident() -> int:
    """Bytes of memory this process holds now."""
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    row, name, *rest = sys.argv[1:]
    workload = WORKLOADS[name]
    case = workload.case()
    square = np.ones((512, 512), np.float32)
    square.dot(square)  # BLAS takes its buffers
    before = resident()
    if len(rest) == 2:
        _alone(rest[0], case)
        print(json.dumps({"bytes": resident() - before}))
        return
    module, variant = steps.ROWS[row]
    for tool in IMPORTS.get(module, ()) + COMPILE_IMPORTS * (variant == "compile"):
        imported = importlib.import_module(tool)
        if tool == "graphnet":  # its names are imported on first use
            [getattr(imported, public) for public in imported.__all__]
    start = time.perf_counter()
    step = steps.make(row, workload, case)
    batches = [step.native(*batch) for batch in case.batches]
    float(step.run(*batches[0]))
    seconds = time.perf_counter() - start
    for batch in islice(cycle(batches), 20):
        step.run(*batch)
    if rest:
        from tests.benchmarks.steps.graphnet_steps import program

        program(workload, case, variant)[0].save(rest[0])
    print(json.dumps({"seconds": seconds, "bytes": resident() - before}))


def _alone(file: str, case: Any) -> None:
    """Steps of an emitted file, which knows nothing of graphnet."""
    spec = importlib.util.spec_from_file_location("emitted", file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "graphnet" not in sys.modules
    given = [p for p in inspect.signature(module.step).parameters if p in ("parameters", "states")]
    stores = [getattr(module, f"initial_{name}")() for name in given]
    for batch in islice(cycle(case.batches), 20):
        module.step(*stores, *batch)


if __name__ == "__main__":
    main()

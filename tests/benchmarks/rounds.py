"""The parent's side: one child a row, losses compared first, then interleaved rounds."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.steps import WITH_MKL
from tests.benchmarks.workloads import STEPS

__all__ = ["ROOT", "TOLERANCE", "Row", "apart", "environment", "exclusive", "measure", "python_of"]

ROOT = Path(__file__).parents[2]
MKL_PYTHON = ROOT / ".mkl" / "bin" / "python"  # made by `make numpy-mkl`
TOLERANCE = 1e-4  # largest relative difference of a loss from the reference; float32 gives 1e-6
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


@dataclass
class Row:
    """What was found for one implementation of one workload; `skip` and `void` say why not.

    `times` has a list for each process that ran it: one figure a round, the median of its burst.
    """

    name: str
    times: list[list[float]] = field(default_factory=list)
    difference: float | None = None
    skip: str = ""
    void: str = ""
    note: str = ""

    @property
    def seconds(self) -> float | None:
        """The median over processes of the medians over rounds; None if nothing stands.

        Where a process's arrays happen to lie in memory makes it up to 5 % faster or slower for
        its whole life: more rounds do not help, more processes do.
        """
        found = [statistics.median(times) for times in self.times if times]
        return statistics.median(found) if found and not self.void else None


def environment() -> dict[str, str]:
    """This environment, with one thread for everyone."""
    return os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def python_of(row: str) -> Path:
    """The interpreter that runs a row: this one, or the one whose NumPy multiplies with MKL."""
    return MKL_PYTHON if row in WITH_MKL else Path(sys.executable)


def apart(priority: int = 0) -> Callable[[], None] | None:
    """What a new process does first: its own session, on the last core that we may use.

    Linux weighs sessions against each other, and nice counts only within one (autogroup).
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))

    def start() -> None:
        os.setsid()
        os.sched_setaffinity(0, {core})
        prefer(os.getpid(), priority)

    return start


def prefer(pid: int, priority: int) -> None:
    """Gives a process that started `apart` a nice value; one below 0 needs rights."""
    if not priority:
        return
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(priority), encoding="ascii")
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), priority)


class Child:
    """A process on one core that answers commands."""

    def __init__(self, row: Row, workload: str, verbose: bool) -> None:
        self.row = row
        self._answers: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [python_of(row.name), "-m", "tests.benchmarks.child", row.name, workload],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            text=True, cwd=ROOT, env=environment(),
            preexec_fn=apart(),
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def answer(self, seconds: float) -> dict[str, Any]:
        """Its next answer; {"skip": why} if none came."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.process.kill()
            return {"skip": f"no answer in {seconds:.0f} s"}
        return json.loads(line) if line else {"skip": "it ended"}

    def ask(self, seconds: float = 120, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.answer(seconds)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def exclusive(lock: str | None) -> Iterator[None]:
    """Holds a lock file, so that benchmarks of several people do not overlap."""
    if lock is None:
        yield
        return
    import fcntl  # not on Windows

    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def measure(
    workload: str, names: Sequence[str], *, rounds: int, seconds: float, patience: float,
    processes: int = 1, priority: int = 0, lock: str | None = None, verbose: bool = False,
) -> list[Row]:  # fmt: skip
    """The rows of one workload, each run by some processes one after another.

    A row whose losses are not the reference's is void, untimed.
    """
    reference = Row("reference")
    with _started([reference], workload, patience, verbose) as children:
        if not children:
            raise RuntimeError(f"{workload} has no reference: {reference.skip}")
        expected = children[0].ask(patience, losses=STEPS)["losses"]
    rows = [Row(name) for name in names]
    for _ in range(processes):
        with _started(rows, workload, patience, verbose) as children:
            for child in children:
                _compare(child, expected, patience)
            timed = [child for child in children if not (child.row.void or child.row.skip)]
            for child in timed:
                prefer(child.process.pid, priority)
                child.row.times.append([])
            for _ in range(rounds):
                for child in timed:
                    if child.row.skip:
                        continue
                    with exclusive(lock):
                        answer = child.ask(patience, burst=seconds)
                    child.row.skip = answer.get("skip", "")
                    if "times" in answer:
                        child.row.times[-1].append(statistics.median(answer["times"]))
    return rows


@contextlib.contextmanager
def _started(
    rows: Sequence[Row], workload: str, patience: float, verbose: bool
) -> Iterator[list[Child]]:
    """Processes of the rows that can run; a row that cannot is told why."""
    children: list[Child] = []
    try:
        for row in rows:
            if row.skip or row.void:
                continue
            if not python_of(row.name).exists():
                row.skip = "no NumPy with MKL here (make numpy-mkl)"
                continue
            children.append(Child(row, workload, verbose))
            answer = children[-1].answer(patience)
            row.skip, row.note = answer.get("skip", ""), answer.get("note", "")
            if row.skip:
                children.pop().end()
        yield children
    finally:
        for child in children:
            child.end()


def _compare(child: Child, expected: list[float], patience: float) -> None:
    answer = child.ask(patience, losses=STEPS)
    if "skip" in answer:
        child.row.skip = answer["skip"]
        return
    off = [abs(a - b) / max(abs(b), 1e-3) for a, b in zip(answer["losses"], expected, strict=True)]
    # nan compares false with everything: it must not pass
    worst = max(range(len(off)), key=lambda k: off[k] if off[k] == off[k] else float("inf"))
    child.row.difference = off[worst]
    if not off[worst] <= TOLERANCE:
        child.row.void = (
            f"loss {worst + 1} is {answer['losses'][worst]:.6g}, not {expected[worst]:.6g}"
        )

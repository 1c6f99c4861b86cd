"""One implementation of one workload in a process of its own, driven over pipes.

    python -m tests.benchmarks.child ROW WORKLOAD

Reads one JSON command a line and answers with one JSON line: {"losses": n}, or
{"burst": seconds}, which is timed.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from itertools import cycle, islice
from typing import Any

from tests.benchmarks import steps
from tests.benchmarks.workloads import WORKLOADS

__all__ = ["main"]

BLOCK = 0.02  # seconds between two resets
LONGEST = 400  # calls between two resets: later ones would train into underflow


def main() -> None:
    row, name = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a tool prints is no answer

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    workload = WORKLOADS[name]
    case = workload.case()
    try:
        step = steps.make(row, workload, case)
        batches = [step.native(*batch) for batch in case.batches]
        losses = first_losses(step, batches, 1)  # compiles
    except ImportError as error:
        answer(skip=f"not installed ({error.name})")
        return
    except steps.Unsupported as error:
        answer(skip=str(error))
        return
    except Exception as error:  # a tool that fails is a row that says so, not an end of the run
        traceback.print_exc()
        answer(skip=f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}")
        return
    answer(ready=True, note=step.note, losses=losses)
    for line in sys.stdin:
        command = json.loads(line)
        if "losses" in command:
            answer(losses=first_losses(step, batches, command["losses"]))
        else:
            answer(times=burst(step, batches, command["burst"]))


def first_losses(step: steps.Step, batches: list[tuple[Any, ...]], count: int) -> list[float]:
    """The losses of the first steps from the first parameters."""
    step.reset()
    return [float(step.run(*batch)) for batch in islice(cycle(batches), count)]


def burst(step: steps.Step, batches: list[tuple[Any, ...]], seconds: float) -> list[float]:
    """Seconds a call, one figure a block; every block starts from the first parameters."""
    clock, run = time.perf_counter, step.run
    step.reset()
    start = clock()
    for batch in batches[:2]:
        run(*batch)
    estimate = (clock() - start) / 2
    calls = max(1, min(LONGEST, int(BLOCK / estimate)))
    sequence = list(islice(cycle(batches), calls))
    found: list[float] = []
    end = clock() + seconds
    while clock() < end or not found:
        step.reset()
        run(*batches[0])
        start = clock()
        for batch in sequence:
            run(*batch)
        found.append((clock() - start) / calls)
    return found


if __name__ == "__main__":
    main()

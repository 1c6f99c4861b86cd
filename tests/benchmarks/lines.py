"""Where the time of an emitted step goes, line by line.

    python -m tests.benchmarks.lines W4 [--style plain] [--top 20] [--calls 30] [--parts]

Lines are timed with a trace function, which adds about 0.3 us to each: good for finding what is
slow, not for small differences. What is spent around the emitted code is printed first. With
--parts nothing is printed but the seconds of matrix products, of the update and of the rest.
"""

from __future__ import annotations

import argparse
import json
import linecache
import re
import sys
import time
from collections import defaultdict
from itertools import cycle, islice
from types import FrameType
from typing import Any

from tests.benchmarks.steps.graphnet_steps import program
from tests.benchmarks.workloads import WORKLOADS

__all__ = ["main"]

Line = tuple[str, int]


class Stopwatch:
    """A trace function that adds up the time from one line of emitted code to the next."""

    def __init__(self) -> None:
        self.seconds: defaultdict[Line, float] = defaultdict(float)
        self._line: Line | None = None
        self._start = 0.0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        now = time.perf_counter()
        if not frame.f_code.co_filename.startswith("<graphnet"):
            return None
        if self._line is not None:
            self.seconds[self._line] += now - self._start
        self._line = None if event == "return" else (frame.f_code.co_filename, frame.f_lineno)
        self._start = time.perf_counter()
        return self


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lines", description=__doc__)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--style", default="fast")
    parser.add_argument("--top", type=int, default=20)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--parts", action="store_true")
    given = parser.parse_args()
    workload = WORKLOADS[given.workload]
    case = workload.case()
    step, note = program(workload, case, given.style)
    for name, array in case.parameters.items():  # zeros would train into underflow
        step.parameters[name] = array
    batches = list(islice(cycle(case.batches), given.calls))
    prepared = [step.prepare(*batch) for batch in batches]
    for batch in case.batches:
        step(*batch)
    calls = {
        "call": (step, batches),
        "prepare": (step.prepare, batches),
        "run": (step.run, prepared),
    }
    each = {}
    for what, (call, arguments) in calls.items():
        start = time.perf_counter()
        for several in arguments:
            call(*several)
        each[what] = (time.perf_counter() - start) / given.calls
    watch = Stopwatch()
    sys.settrace(watch)
    for several in prepared:
        step.run(*several)
    sys.settrace(None)
    found = {line: seconds / given.calls for line, seconds in watch.seconds.items()}
    if given.parts:
        print(json.dumps(parts(found, each["run"])))
        return
    for what, seconds in each.items():
        print(f"{seconds * 1e6:10.1f} us  {what}")
    print(f"{sum(found.values()) * 1e6:10.1f} us  in {len(found)} emitted lines {note}\n")
    for (file, number), seconds in sorted(found.items(), key=lambda item: -item[1])[: given.top]:
        code = linecache.getline(file, number).strip()
        print(f"{seconds * 1e6:10.1f} us  {number}: {code[:100]}")


def parts(found: dict[Line, float], whole: float) -> dict[str, float]:
    """Seconds of the products of matrices, of the update and of the rest, which make the whole."""
    sums = dict.fromkeys(("products", "update", "rest"), 0.0)
    for (file, number), seconds in found.items():
        code = linecache.getline(file, number)
        above = linecache.getlines(file)[:number]
        stage = next((s for s in reversed(above) if s.lstrip().startswith("# -- ")), "")
        product = re.search(r"\b(matmul|(?!ones)\w*dot)\(", code)
        part = "update" if "-- update" in stage else "products" if product else "rest"
        sums[part] += seconds
    scale = whole / sum(sums.values())  # of what the trace function adds, each its share
    return {part: seconds * scale for part, seconds in sums.items()}


if __name__ == "__main__":
    main()

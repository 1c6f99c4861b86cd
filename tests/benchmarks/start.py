"""How long graphnet takes to import, and from model to first training step.

    python tests/benchmarks/start.py [--rounds 9]

Every figure is the median over rounds, each round a fresh process; rounds of different figures
are interleaved. The bars are those of the project's goals: import under 1 s, model to first step
under 0.5 s for the digits network, `graphnet --help` without heavy imports.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time

PREPARE = """
import time
import numpy as np, sympy, networkx
import graphnet as gn
gn.Sequential, gn.Dense, gn.SGD
X = np.random.default_rng(0).normal(size=(32, 64))
y = np.arange(32) % 10
"""
FIRST_STEP = (
    PREPARE
    + """
start = time.perf_counter()
model = gn.Sequential([gn.Input((64,)), gn.Dense(32, activation="relu"), gn.Dense(10)])
model.compile(optimizer=gn.SGD(lr=0.1, momentum=0.9), loss="cross_entropy")
model.step(X, y)
print(time.perf_counter() - start)
"""
)
IMPORT = """
import time
start = time.perf_counter()
import graphnet as gn
{names}
print(time.perf_counter() - start)
"""
EVERYTHING = "[getattr(gn, name) for name in gn.__all__]"

MEASURES: dict[str, tuple[str, float | None]] = {
    "import graphnet": (IMPORT.format(names=""), 1.0),
    "import graphnet and every public name": (IMPORT.format(names=EVERYTHING), None),
    "digits model to first step": (FIRST_STEP, 0.5),
}


def run(code: str) -> float:
    """Seconds that a fresh process reports for a piece of code."""
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(result.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in MEASURES}
    helps = []
    for _ in range(rounds):
        for name, (code, _) in MEASURES.items():
            times[name].append(run(code))
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "graphnet", "--help"], check=True,
                       capture_output=True)  # fmt: skip
        helps.append(time.perf_counter() - start)
    times["graphnet --help (whole process)"] = helps
    print(f"Python {platform.python_version()}, {platform.machine()}, {rounds} rounds, seconds")
    print(f"{'':40} {'median':>8} {'min':>8} {'max':>8} {'bar':>6}")
    for name, found in times.items():
        bar = MEASURES.get(name, ("", None))[1]
        row = [statistics.median(found), min(found), max(found)]
        print(f"{name:40} " + " ".join(f"{t:8.3f}" for t in row) + f" {bar or '-':>6}")


if __name__ == "__main__":
    main()

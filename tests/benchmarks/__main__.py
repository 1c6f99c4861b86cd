"""graphnet beside NumPy by hand and the frameworks, on the workloads W1-W8.

Every implementation is a process with one thread on one core. Its losses over 20 steps are
compared with a float64 reference first: a row that differs is VOID and not timed. Then the rows
take turns in bursts, and the figures are medians. All start from the same raw batches.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks import chart, first_step, machine, report
from tests.benchmarks.rounds import ROOT, measure
from tests.benchmarks.steps import ROWS
from tests.benchmarks.workloads import WORKLOADS

JSON = "benchmarks.json"
OWN = (
    "graphnet fast",
    "graphnet fast, MKL",
    "graphnet fast, prepared",
    "graphnet plain",
    "by hand",
    "naive",
)
FIRST_STEP = (
    "graphnet fast", "torch eager", "torch.compile", "jax", "pytensor", "autograd",
)  # fmt: skip
PEERS = {
    "torch": ("torch eager", "torch eager, unfused", "torch.compile"),
    "jax": ("jax", "jax flat"),
    "pytensor": ("pytensor",),
    "autograd": ("autograd",),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="such as W1,W2")
    parser.add_argument("--peers", default=",".join(PEERS), help="of torch,jax,pytensor,autograd")
    parser.add_argument("--rows", help="instead of --peers: exact rows, separated by ;")
    parser.add_argument("--rounds", type=int, default=5, help="bursts of one process")
    parser.add_argument("--processes", type=int, default=3, help="one after another, for each row")
    parser.add_argument("--seconds", type=float, default=0.15, help="of one burst")
    parser.add_argument("--patience", type=float, default=200, help="seconds to compile a step")
    parser.add_argument("--quick", action="store_true", help="1 process, 5 short rounds")
    parser.add_argument("--out", type=Path, help="folder for benchmarks.json, .md, .svg and .png")
    parser.add_argument(
        "--render",
        action="store_true",
        help="measure nothing: renew page and chart",
    )
    parser.add_argument("--merge", action="store_true", help="keep other workloads of --out")
    parser.add_argument("--readme", action="store_true", help="renew the README's table from --out")
    parser.add_argument("--first-rows", default=";".join(FIRST_STEP), help="rows of --first-step")
    parser.add_argument(
        "--first-step",
        type=int,
        default=0,
        metavar="N",
        help="also time model to first step, and memory, N fresh processes each",
    )
    parser.add_argument("--priority", type=int, default=0, help="nice of what is measured")
    parser.add_argument("--lock", help="a lock file to hold during each burst")
    parser.add_argument("--note", default="", help="about the machine, printed with the results")
    parser.add_argument("--verbose", action="store_true", help="what the tools print")
    given = parser.parse_args()
    given.workloads = [w for w in given.workloads.split(",") if w]
    given.peers = [p for p in given.peers.split(",") if p]
    for name, known in ((given.workloads, WORKLOADS), (given.peers, PEERS)):
        unknown = [n for n in name if n not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    given.rows = given.rows.split(";") if given.rows else [
        *OWN, *(row for peer in given.peers for row in PEERS[peer])
    ]  # fmt: skip
    if unknown := [row for row in given.rows if row not in ROWS]:
        parser.error(f"unknown rows: {', '.join(unknown)}; known: {'; '.join(ROWS)}")
    if (given.render or given.readme) and not given.out:
        given.out = ROOT / "docs"
    if given.quick:
        given.processes, given.rounds, given.seconds = 1, min(given.rounds, 5), 0.05
    return given


def main() -> None:
    given = arguments()
    if given.render:
        render(given.out, json.loads((given.out / JSON).read_text(encoding="utf-8")))
    else:
        run(given)
    if given.readme:
        report.renew_readme(ROOT / "README.md", given.out)


def run(given: argparse.Namespace) -> None:
    """Measures the workloads, prints them, and saves them as they come."""
    results: dict[str, Any] = {"machine": machine.describe(given.note), "workloads": {}}
    results["machine"]["peaks"] = machine.peaks(given.lock, given.priority)
    print(report.machine_line(results["machine"]), flush=True)
    for name in given.workloads:
        rows = measure(
            name, given.rows, processes=given.processes, rounds=given.rounds,
            seconds=given.seconds, patience=given.patience, priority=given.priority,
            lock=given.lock, verbose=given.verbose,
        )  # fmt: skip
        results["workloads"][name] = {
            "title": WORKLOADS[name].title,
            "floor": report.floor(WORKLOADS[name], results["machine"]["peaks"]),
            "processes": given.processes,
            "rounds": given.rounds,
            "rows": {row.name: asdict(row) | {"seconds": row.seconds} for row in rows},
        }
        if given.first_step:
            results["workloads"][name]["start"] = first_step.measure(
                name, [row for row in given.rows if row in given.first_rows.split(";")],
                rounds=given.first_step,
                patience=given.patience, priority=given.priority, lock=given.lock,
            )  # fmt: skip
        if "graphnet fast" in given.rows:
            results["workloads"][name]["parts"] = machine.parts(name, given.lock, given.priority)
        print(report.text(name, results["workloads"][name]), flush=True)
        if given.out:  # after each: a long run that is stopped leaves what it found
            save(given.out, results, given.merge)


def save(out: Path, results: dict[str, Any], merge: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    path = out / JSON
    if merge and path.exists():
        old = json.loads(path.read_text(encoding="utf-8"))
        results = results | {"workloads": old["workloads"] | results["workloads"]}
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    render(out, results)


def render(out: Path, results: dict[str, Any]) -> None:
    """The page and the chart."""
    for name, result in results["workloads"].items():
        result["floor"] = report.floor(WORKLOADS[name], results["machine"]["peaks"])
    (out / "benchmarks.md").write_text(report.page(results), encoding="utf-8")
    chart.draw(results, out)


if __name__ == "__main__":
    main()

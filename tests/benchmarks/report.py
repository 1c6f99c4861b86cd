"""Results as text, as a Markdown page and as the table of the README; no number is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.workloads import WORKLOADS, Workload

__all__ = ["floor", "goals", "machine_line", "page", "renew_readme", "table", "text"]

OURS = "graphnet fast"
MKL = "graphnet fast, MKL"
# What a goal is measured against: the best of these rows.
AGAINST = {
    "torch eager": ("torch eager",),
    "torch": ("torch eager", "torch.compile"),
    "jax": ("jax", "jax flat"),
    "naive": ("naive",),
}
LABELS = {"torch": "best torch", "jax": "best jax", "naive": "naive NumPy"}
PEERS = ("torch eager", "torch.compile", "jax", "jax flat", "pytensor", "autograd")
MEMORY = 40e6  # bytes the emitted file may add
START, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"

Result = dict[str, Any]


def floor(workload: Workload, peaks: dict[str, float]) -> float:
    """Seconds of the arithmetic at this machine's sgemm speed, plus those of moving the data once
    at the speed of its cache: a bound from below, also where the data come from memory."""
    return workload.flops / peaks["flops"] + workload.bytes / peaks["cache"]


def seconds(result: Result, row: str) -> float | None:
    return result["rows"].get(row, {}).get("seconds")


def best(result: Result, rows: tuple[str, ...]) -> float | None:
    """The fastest of some rows; None if none was timed."""
    return min((s for r in rows if (s := seconds(result, r))), default=None)


def goals(name: str, result: Result, row: str = OURS) -> Iterator[tuple[str, float, float, bool]]:
    """What against, the ratio of our row, the goal, whether it is met; only what was timed."""
    ours = seconds(result, row)
    for against, goal in WORKLOADS[name].goals.items():
        other = best(result, AGAINST[against])
        if ours and other:
            yield LABELS.get(against, against), ours / other, goal, ours / other <= goal


def short(s: float | None) -> str:
    """Microseconds with three figures."""
    if s is None:
        return "-"
    us = s * 1e6
    return f"{us:.3g}" if us < 100 else f"{us:,.0f}"


def status(row: Result) -> str:
    """Why a row has no time."""
    if row["void"]:
        return f"VOID, off by {row['difference']:.1e}: {row['void']}"
    return row["skip"] or "-"


def text(name: str, result: Result) -> str:
    """One workload for the terminal."""
    ours = seconds(result, OURS)
    lines = [
        f"\n{name}  {result['title']}",
        f"{'':26}{'us/step':>10} {'ours/it':>8}  {'loss off':>8}",
    ]
    for row_name, row in result["rows"].items():
        if row["seconds"] is None:
            lines.append(f"  {row_name:24}  {status(row)}")
            continue
        ratio = f"{ours / row['seconds']:8.3f}" if ours else f"{'-':>8}"
        lines.append(
            f"  {row_name:24}{short(row['seconds']):>10} {ratio}  {row['difference']:8.0e}"
            + (f"  ({row['note']})" if row["note"] else "")
        )
    lines.append(f"  {'floor':24}{short(result['floor']):>10}")
    for row in (OURS, MKL):
        lines += [
            f"  goal: {row.removeprefix(OURS):6}{against:14} {ratio:6.3f} <= {goal:4.2f}  "
            + ("PASS" if met else "FAIL")
            for against, ratio, goal, met in goals(name, result, row)
        ]
    lines += [f"  gap: {gap}" for gap in gaps(result)]
    lines += [f"  cause: {cause}" for cause in causes(name, result)]
    for row, start in result.get("start", {}).items():
        told = start.get("skip") or f"{start['seconds']:.2f} s, {start['bytes'] / 1e6:.0f} MB"
        lines.append(f"  first step: {row:14} {told}{_start_goal(name, row, start)}")
    return "\n".join(lines)


def _start_goal(name: str, row: str, start: Result) -> str:
    """PASS or FAIL of our own model to first step, and of the memory of the emitted file."""
    if row != OURS or "skip" in start:
        return ""
    bar = WORKLOADS[name].start
    quick, small = start["seconds"] <= bar, start["bytes"] <= MEMORY
    return (
        f"  {bar} s {'PASS' if quick else 'FAIL'}, "
        f"{MEMORY / 1e6:.0f} MB {'PASS' if small else 'FAIL'}"
    )


def gaps(result: Result) -> Iterator[str]:
    """Who is ahead of us, and by how much."""
    ours = seconds(result, OURS)
    for row in ("by hand", *PEERS):
        other = seconds(result, row)
        if ours and other and other < ours:
            yield f"{row} is {ours / other:.2f} times as fast"


def causes(name: str, result: Result) -> Iterator[str]:
    """Where the time of our step goes, and which goals its products and its update alone exceed."""
    parts = result.get("parts")
    ours = seconds(result, OURS)
    if not parts or not ours:
        return
    shares = {part: s / sum(parts.values()) for part, s in parts.items()}
    yield (
        f"Of our step {shares['products']:.0%} are matrix products (OpenBLAS through NumPy), "
        f"{shares['update']:.0%} the update and {shares['rest']:.0%} the rest."
    )
    least = ours * (shares["products"] + shares["update"])
    for against, goal in WORKLOADS[name].goals.items():
        other = best(result, AGAINST[against])
        if other and least > goal * other:
            yield (
                f"Products and update alone take {short(least)} us: more than "
                f"{short(goal * other)}, the goal against {LABELS.get(against, against)}."
            )


def machine_line(machine: Result) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    peaks = machine["peaks"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, one thread each; "
        f"{versions}; BLAS {machine['blas']}; graphnet {machine['commit']}; {machine['date']}, "
        f"load {machine['load']}; sgemm {peaks['flops'] / 1e9:.0f} GFLOP/s, "
        f"{peaks['cache'] / 1e9:.0f} GB/s in cache, {peaks['memory'] / 1e9:.0f} GB/s from memory."
        + (f" {machine['note']}" if machine["note"] else "")
    )


def table(results: Result) -> str:
    """One line a workload: microseconds of each, and how the goals stand."""
    columns = [
        ("graphnet fast", (OURS,)), ("with MKL", (MKL,)), ("by hand", ("by hand",)),
        ("torch eager", ("torch eager",)), ("torch.compile", ("torch.compile",)),
        ("best jax", ("jax", "jax flat")), ("PyTensor", ("pytensor",)),
        ("autograd", ("autograd",)), ("naive NumPy", ("naive",)),
    ]  # fmt: skip
    if any(r["rows"].get(OURS, {}).get("note") for r in results["workloads"].values()):
        columns[0] = ("graphnet (plain so far)", (OURS,))
    rows = {row for result in results["workloads"].values() for row in result["rows"]}
    columns = [(label, of) for label, of in columns if rows.intersection(of)]
    head = ["us a step", *(label for label, _ in columns), "floor", "goals met"]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, result in sorted(results["workloads"].items()):
        cells = [short(best(result, of)) for _, of in columns]
        lines.append(
            "| " + " | ".join([name, *cells, short(result["floor"]), _met(name, result)]) + " |"
        )
    return "\n".join(lines)


def _met(name: str, result: Result) -> str:
    """How many goals are met; also with MKL where that is another number."""
    counts = []
    for row in (OURS, MKL):
        found = [met for *_, met in goals(name, result, row)]
        counts.append(f"{sum(found)} of {len(found)}" if found else "")
    ours, mkl = counts
    return (f"{ours}; with MKL {mkl}" if mkl and mkl != ours else ours) or "-"


def page(results: Result) -> str:
    """docs/benchmarks.md."""
    parts = [
        "# How fast a training step is",
        "Written by `python -m tests.benchmarks --out docs`; no number here was typed by hand.",
        machine_line(results["machine"]),
        "Microseconds a step (forward, loss, backward, update), float32: medians over interleaved "
        "rounds, and over processes started one after another, with one thread each on one core. "
        "Every row starts from the same raw batches, integer labels and plain inputs, and its "
        "losses over 20 steps were compared with a float64 reference before it was timed. The "
        "floor is the arithmetic at this machine's sgemm speed plus each array moved once at the "
        "speed of its cache.",
        table(results),
        "![Time of a step relative to graphnet](benchmarks.svg)",
        "*graphnet fast* is the emitted step called as a user calls it, its checks included; "
        "*prepared* had its batches checked and cast once, as `fit` does; *plain* is the style to "
        "read. *MKL* is the same emitted source run by a NumPy that was built on Intel's MKL "
        "(`make numpy-mkl`), which torch multiplies with, and the NumPy of Anaconda; NumPy from "
        "PyPI brings OpenBLAS. *by hand* is plain NumPy with every trick known before the compiler "
        "found more (tests/benchmarks/steps/by_hand.py), *naive* what a tutorial writes. "
        "*torch eager* has the fused optimizer; *unfused* is torch's optimizer as it comes.",
    ]
    for name, result in sorted(results["workloads"].items()):
        parts += [f"## {name}: {result['title']}", _rows(result), _goals(name, result)]
        parts.append(_first_step(name, result))
        parts += ["Ahead of us: " + "; ".join(found) + "."] if (found := list(gaps(result))) else []
        parts.append(" ".join(causes(name, result)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(result: Result) -> str:
    ours = seconds(result, OURS)
    lines = ["| | us a step | graphnet fast / it | loss off by |", "|---|---:|---:|---:|"]
    for name, row in result["rows"].items():
        if row["seconds"] is None:
            lines.append(f"| {name} | {status(row).replace('|', '/')} | | |")
            continue
        ratio = f"{ours / row['seconds']:.3f}" if ours else "-"
        note = f" ({row['note']})" if row["note"] else ""
        lines.append(
            f"| {name}{note} | {short(row['seconds'])} | {ratio} | {row['difference']:.0e} |"
        )
    lines.append(f"| floor | {short(result['floor'])} | | |")
    return "\n".join(lines)


def _goals(name: str, result: Result) -> str:
    """A line a goal: our ratio, and beside it the one with MKL if it was measured."""
    found = {row: list(goals(name, result, row)) for row in (OURS, MKL)}
    labels = {OURS: "", MKL: ", MKL"}
    columns = [row for row in found if found[row]]
    if not columns:
        return ""
    head = ["goal against", "at most", *(f"graphnet fast{labels[row]}" for row in columns)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for lines_of in zip(*(found[row] for row in columns), strict=True):
        against, _, goal, _ = lines_of[0]
        cells = [f"{ratio:.3f} {'met' if met else '**missed**'}" for _, ratio, _, met in lines_of]
        lines.append("| " + " | ".join([against, f"{goal:.2f}", *cells]) + " |")
    return "\n".join(lines)


def _first_step(name: str, result: Result) -> str:
    if not result.get("start"):
        return ""
    lines = ["| model to first step | s | memory added, MB | |", "|---|---:|---:|---|"]
    for row, start in result["start"].items():
        if "skip" in start:
            lines.append(f"| {row} | {start['skip'].replace('|', '/')} | | |")
            continue
        goal = _start_goal(name, row, start).strip()
        lines.append(f"| {row} | {start['seconds']:.2f} | {start['bytes'] / 1e6:.0f} | {goal} |")
    return "\n".join(lines)


def renew_readme(readme: Path, out: Path) -> None:
    """The table between the README's markers, from the last results."""
    results = json.loads((out / "benchmarks.json").read_text(encoding="utf-8"))
    before, start, rest = readme.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SystemExit(f"{readme} has no {START} ... {END}")
    inside = f"\n{table(results)}\n\n{machine_line(results['machine'])}\n"
    readme.write_text(before + start + inside + end + after, encoding="utf-8")

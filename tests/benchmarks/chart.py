"""The results as one picture, good for a slide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.workloads import WORKLOADS

__all__ = ["draw"]

# Label, rows (the best counts), colour (Okabe and Ito's, told apart by everyone).
BARS = (
    ("naive NumPy", ("naive",), "#999999"),
    ("autograd", ("autograd",), "#CC79A7"),
    ("torch eager", ("torch eager",), "#D55E00"),
    ("torch.compile", ("torch.compile",), "#E69F00"),
    ("jax.jit", ("jax", "jax flat"), "#0072B2"),
    ("PyTensor", ("pytensor",), "#009E73"),
    ("NumPy by hand", ("by hand",), "#000000"),
)


def draw(results: dict[str, Any], out: Path) -> None:
    """benchmarks.svg and .png: how many times as long as graphnet fast a step takes.

    Bars grow from 1, up where graphnet is ahead and down where it is behind.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "graphnet"  # the same bytes for the same numbers
    from matplotlib import pyplot as plt

    found = results["workloads"]
    names = [name for name in sorted(found) if report.seconds(found[name], report.OURS)]
    if not names:
        return
    figure, axes = plt.subplots(figsize=(12.8, 6.4), layout="constrained")
    width = 0.84 / len(BARS)
    for k, (label, rows, color) in enumerate(BARS):
        ratios = {j: _ratio(found[name], rows) for j, name in enumerate(names)}
        kept = {j: ratio for j, ratio in ratios.items() if ratio}
        places = [j + (k - (len(BARS) - 1) / 2) * width for j in kept]
        heights = [ratio - 1 for ratio in kept.values()]
        axes.bar(places, heights, width * 0.9, label=label, color=color, bottom=1)
        for place, ratio in zip(places, kept.values(), strict=True):
            axes.annotate(
                f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}", (place, ratio),
                xytext=(0, 3 if ratio >= 1 else -3), textcoords="offset points", ha="center",
                va="bottom" if ratio >= 1 else "top", rotation=90, fontsize=9,
            )  # fmt: skip
    axes.axhline(1, color="black", linewidth=1.2)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.7) / 1.3, high * 1.6)
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:g}×")
    axes.set_xticks(range(len(names)), [_label(name, found[name]) for name in names], fontsize=12)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("time of a step / graphnet fast", fontsize=12)
    axes.set_title(
        "One training step on one CPU thread: above the line graphnet is faster",
        loc="left", fontsize=15, pad=14,
    )  # fmt: skip
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    figure.legend(ncols=len(BARS), loc="outside lower center", frameon=False, fontsize=12,
                  columnspacing=1.4, handlelength=1.2)  # fmt: skip
    figure.savefig(out / "benchmarks.svg", metadata={"Date": None})
    figure.savefig(out / "benchmarks.png", dpi=150, metadata={"Software": None})
    plt.close(figure)


def _ratio(result: dict[str, Any], rows: tuple[str, ...]) -> float | None:
    other, ours = report.best(result, rows), report.seconds(result, report.OURS)
    return other / ours if other and ours else None


def _label(name: str, result: dict[str, Any]) -> str:
    label = WORKLOADS[name].label
    return f"{name} {label}\n{report.short(report.seconds(result, report.OURS))} µs"

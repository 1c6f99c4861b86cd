"""The results as one picture, good for a slide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmarks import report

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
    """benchmarks.svg and .png: how many times longer than graphnet fast a step takes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "graphnet"  # the same bytes for the same numbers
    from matplotlib import pyplot as plt

    names = [n for n, r in sorted(results["workloads"].items()) if report.seconds(r, report.OURS)]
    if not names:
        return
    figure, axes = plt.subplots(figsize=(12.8, 5.6), layout="constrained")
    width = 0.82 / len(BARS)
    for k, (label, rows, color) in enumerate(BARS):
        places, heights = [], []
        for j, name in enumerate(names):
            result = results["workloads"][name]
            other, ours = report.best(result, rows), report.seconds(result, report.OURS)
            if other and ours:
                places.append(j + (k - (len(BARS) - 1) / 2) * width)
                heights.append(other / ours)
        bars = axes.bar(places, heights, width * 0.92, label=label, color=color, bottom=0)
        axes.bar_label(
            bars,
            fmt=lambda v: f"{v:.3g}" if v < 10 else f"{v:.0f}",
            fontsize=7.5,
            padding=2,
            rotation=90,
        )
    axes.axhline(1, color="black", linewidth=1.2)
    axes.set_yscale("log")
    axes.set_ylim(bottom=min(0.5, axes.get_ylim()[0]), top=axes.get_ylim()[1] * 1.8)
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:g}")
    axes.set_xticks(range(len(names)), [_label(n, results["workloads"][n]) for n in names])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("time of a training step / graphnet fast")
    axes.set_title(
        "Training steps, one CPU thread: how many times as long as graphnet's", loc="left"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=len(BARS), loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)
    figure.savefig(out / "benchmarks.svg", metadata={"Date": None})
    figure.savefig(out / "benchmarks.png", dpi=150, metadata={"Software": None})
    plt.close(figure)


def _label(name: str, result: dict[str, Any]) -> str:
    title = result["title"].split(",")[0].split(":")[0]
    return f"{name} {title}\n{report.short(report.seconds(result, report.OURS))} µs"

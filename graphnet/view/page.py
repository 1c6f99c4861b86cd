"""The page of a training run: one HTML file that loads nothing but the images beside it.

jinja2 escapes everything; only drawings, which `view/engine` made well-formed, go in as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphnet.formula.show import show
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import Computed
from graphnet.view.style import shorten

__all__ = ["TEXTS", "Run", "fits", "inline", "page", "points"]

_LINES = 400  # of formulas in a stage
_WIDE = 1100  # points: a wider picture shrinks to 60 % and is scrolled
_WIDEST = 3000  # one that is wider still shows mostly paper

TEXTS = {
    "forward": "What the network computes, from its inputs to its prediction.",
    "backward": "Beside every tensor stands its adjoint: the slope of the loss with respect to it. "
    "The backward pass runs from the loss upward and reads forward values again (dashed).",
    "update": "How the optimizer makes new parameters of the old ones and their gradients; "
    "what a dotted arrow points to becomes the new value.",
}


_HOVER = ("Hover over a box for the whole formula.", "One box a layer.")


@dataclass
class Run:
    """What the page of a run shows; whatever is empty is left out.

    `drawings` are SVG texts by stage; `curves` and `confusion` are paths relative to the page, and
    so is what `whole` holds by stage: the picture of every tensor where `drawings` has layers.
    """

    title: str
    description: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    network: Network | None = None
    drawings: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    source_file: str = ""
    fast_file: str = ""  # the same program as it ran, written for speed
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    curves: str = ""
    confusion: str = ""


def page(run: Run) -> str:
    """The HTML text of a run.

    >>> "&lt;script&gt;" in page(Run("a <script> in a title"))
    True
    """
    import jinja2
    from markupsafe import Markup

    import graphnet

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("graphnet.view"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    pictures = [
        {
            "id": stage,
            "heading": f"The {stage} network",
            "text": TEXTS.get(stage, ""),
            "svg": Markup(inline(svg, stage)),
            "alt": _count(run.network, stage) + _HOVER[stage in run.whole],
            "width": f"{points('width', svg):.0f}",
            "wide": points("width", svg) > _WIDE,
            "whole": run.whole.get(stage, ""),
        }
        for stage, svg in run.drawings.items()
    ]
    stages = _formulas(run.network) if run.network is not None else []
    columns, rows = _table(run.history)
    sections = [
        *([("learning", "Learning")] if run.curves else []),
        *((p["id"], p["heading"]) for p in pictures),
        *([("formulas", "Formulas")] if stages else []),
        *([("source", "Source")] if run.source else []),
        *([("history", "History")] if rows else []),
    ]
    return environment.get_template("run.html.j2").render(
        title=run.title,
        description=run.description,
        facts=list(run.facts.items()),
        sections=sections,
        pictures=pictures,
        stages=stages,
        source=run.source,
        source_file=run.source_file,
        fast_file=run.fast_file,
        columns=columns,
        rows=rows,
        curves=run.curves,
        curves_alt=_curves_text(run.history),
        confusion=run.confusion,
        confusion_alt="Confusion matrix of the test data: rows are true, columns predicted classes",
        version=graphnet.__version__,
    )


def fits(svg: str) -> bool:
    """Whether a picture can be looked at on a page: wide ones are scrolled, but not for ever."""
    return points("width", svg) <= _WIDEST and points("height", svg) <= _WIDEST


def inline(svg: str, prefix: str) -> str:
    """An SVG as part of a page: without its prolog, its ids its own."""
    svg = svg[svg.index("<svg") :]
    return re.sub(r'(<[^>]* id=")', rf"\g<1>{prefix}-", svg)


def points(side: str, svg: str) -> float:
    found = re.search(rf'{side}="([\d.]+)pt"', svg)
    return float(found[1]) if found else 0.0


def _count(network: Network | None, stage: str) -> str:
    if network is None:
        return ""
    count = sum(network.stage(n) == stage and bool(network.operands(n)) for n in network)
    return f"{count} formulas. " if count else ""


def _formulas(network: Network) -> list[tuple[str, list[str]]]:
    """(stage, its formulas in Unicode), in topological order."""
    found: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for name, node in network.items():
        if isinstance(node, Computed):
            line = show(network.equation(name), style="unicode")
            found[network.stage(name)].append(shorten(line, 2000))
        elif node.operands:
            found[network.stage(name)].append(network.show(name))
    for lines in found.values():
        if len(lines) > _LINES:
            lines[_LINES // 2 : -_LINES // 2] = [f"… {len(lines) - _LINES:,} more"]
    return [(stage, lines) for stage, lines in found.items() if lines]


def _table(history: Mapping[str, Sequence[float]]) -> tuple[list[str], list[list[str]]]:
    columns = list(history)
    count = max((len(history[c]) for c in columns), default=0)
    rows = [[_cell(c, history[c][k]) for c in columns] for k in range(count)]
    return [c.replace("_", " ") for c in columns], rows


def _cell(column: str, value: Any) -> str:
    if column == "epoch":
        return str(int(value))
    if column == "seconds":
        return f"{value:.3f}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"


def _curves_text(history: Mapping[str, Sequence[float]]) -> str:
    """The curves in words: every measurement in its last epoch."""
    last = [
        f"{name.replace('val_', 'validation ').replace('_', ' ')} {_cell(name, values[-1])}"
        for name, values in history.items()
        if name not in ("epoch", "seconds") and len(values)
    ]
    return f"Learning curves; in the last epoch: {', '.join(last)}" if last else "Learning curves"

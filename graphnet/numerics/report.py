"""The stability report: what was rewritten, by which law, and where the naive form fails.

>>> from graphnet.numerics.stabilize import Rewrite
>>> print(report([Rewrite("law", "a*log(b) = 0 at a = 0", ("loss",))]))
loss: a*log(b) = 0 at a = 0
every function that was searched is right at every point tried
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.numerics.stabilize import Rewrite

__all__ = ["report"]

SHOWN = 6  # unclean points of one rewrite that are told


def report(rewrites: Sequence[Rewrite]) -> str:
    """The rewrites of a network as text, equal laws once with all their tensors."""
    if not rewrites:
        return "nothing was rewritten: every function is right as it is written"
    together: dict[Rewrite, list[str]] = {}
    for r in rewrites:
        same = Rewrite(r.rule, r.law, (), r.fails, r.unclean)
        together.setdefault(same, []).extend(n for n in r.nodes[:1])
    lines, missed = [], 0
    for r, nodes in together.items():
        law = r.law if len(r.law) <= 160 else f"{r.law[:157]}..."
        lines.append(f"{', '.join(nodes)}: {law}")
        lines += [f"    naive form wrong: {where}" for where in r.fails]
        lines += [f"    NOT right: {where}" for where in r.unclean[:SHOWN]]
        if len(r.unclean) > SHOWN:
            lines.append(f"    NOT right: {len(r.unclean) - SHOWN} more")
        missed += len(r.unclean)
    lines.append(
        f"{missed} points that no form gets right"
        if missed
        else "every function that was searched is right at every point tried"
    )
    return "\n".join(lines)

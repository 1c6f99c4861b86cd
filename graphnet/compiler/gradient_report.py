"""What `check_gradients` found, as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphnet.network.nodes import show_shape

__all__ = ["GradientReport", "GradientRow"]


@dataclass(frozen=True)
class GradientRow:
    """One parameter or input: how far its gradient is from central differences.

    `checked` elements were moved one by one; a random direction moved all together.
    `difference` is the largest from central differences, whose own error is at most `predicted`;
    `analytic` the largest from a complex step (nan where the loss is not analytic here), and
    `compiled` that of the compiled gradient from the loops.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    difference: float
    predicted: float
    relative: float
    analytic: float
    compiled: float
    verdict: str  # "ok", "ok (2 at kinks)", "kink", "WRONG", "NOT FINITE", "COMPILED WRONG"

    @property
    def ok(self) -> bool:
        return not self.verdict.isupper()


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found; printed it is a table.

    `first` names the first node of the backward pass whose adjoint is wrong, with its formula.
    """

    loss: float
    rows: tuple[GradientRow, ...]
    first: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return all(row.ok for row in self.rows)

    def __str__(self) -> str:
        head = (
            "tensor", "shape", "checked", "difference", "predicted", "relative", "complex step",
            "compiled", "verdict",
        )  # fmt: skip
        cells = [head] + [
            (
                r.name, show_shape(r.shape), f"{r.checked} of {int(np.prod(r.shape))}",
                f"{r.difference:.1e}", f"{r.predicted:.1e}", f"{r.relative:.1e}",
                "-" if np.isnan(r.analytic) else f"{r.analytic:.1e}", f"{r.compiled:.1e}",
                r.verdict,
            )
            for r in self.rows
        ]  # fmt: skip
        widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
        if self.first:
            lines.append(f"first wrong in backward order: {self.first}")
        return "\n".join(line.rstrip() for line in [f"loss {self.loss:.6g}", *lines])

    __repr__ = __str__

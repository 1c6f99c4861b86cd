"""A statement of emitted code, with the nodes it computes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Statement"]


@dataclass(frozen=True)
class Statement:
    """One assignment: which variable, the source (unindented), and what it means."""

    stage: str
    target: str
    code: str
    comment: str
    nodes: tuple[str, ...]

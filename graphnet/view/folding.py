"""Diagrams too long to be looked at: the middle of a long run becomes one box.

A run is a chain of boxes of one stage, each with one way in and one way out; what is only given
(an input, a parameter) is no way in. A picture that is still too big shows its first and last
boxes. The whole of it can always be written as DOT.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graphnet.view.dot import Arrow, Box, Diagram

__all__ = ["fold"]

_RUN = 24  # a longer run is folded
_ENDS = 5  # and keeps this many boxes at each end
_MOST = 240  # boxes of a picture


def fold(diagram: Diagram, run: int = _RUN, most: int = _MOST) -> Diagram:
    """The diagram with long runs folded; itself where nothing is long."""
    hidden = [chain[_ENDS:-_ENDS] for chain in _runs(diagram) if len(chain) > run]
    folded = _fold(diagram, hidden)
    if len(folded.boxes) > most:
        half = most // 2 - 2
        folded = _fold(folded, _by_stage(folded.boxes[half:-half]))
    return folded


def _runs(diagram: Diagram) -> list[list[str]]:
    """The maximal runs of two or more, in the order of the boxes."""
    stage = {box.id: box.stage for box in diagram.boxes}
    given = {box.id for box in diagram.boxes} - {a.head for a in diagram.arrows}
    ins: dict[str, set[str]] = {name: set() for name in stage}
    outs: dict[str, set[str]] = {name: set() for name in stage}
    for a in diagram.arrows:
        if a.tail not in given and stage[a.tail] == stage[a.head]:
            ins[a.head].add(a.tail)
            outs[a.tail].add(a.head)
    runs: dict[str, list[str]] = {}  # by the last box
    for box in diagram.boxes:
        name = box.id
        if name in given:
            continue
        before = next(iter(ins[name])) if len(ins[name]) == 1 else None
        if before is not None and len(outs[before]) == 1 and before in runs:
            chain = runs.pop(before)
            chain.append(name)
            runs[name] = chain
        else:
            runs[name] = [name]
    return [chain for chain in runs.values() if len(chain) > 1]


def _by_stage(boxes: Iterable[Box]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for box in boxes:
        groups.setdefault(box.stage, []).append(box.id)
    return list(groups.values())


def _fold(diagram: Diagram, hidden: list[list[str]]) -> Diagram:
    if not hidden:
        return diagram
    by_id = {box.id: box for box in diagram.boxes}
    into: dict[str, str] = {}
    boxes: dict[str, Box] = {}
    for group in hidden:
        first = by_id[group[0]]
        name = f"fold {first.id}"
        clusters = {by_id[n].cluster for n in group}
        boxes[name] = Box(
            id=name,
            lines=(f"… {_count(by_id, group):,} more",),
            kind="fold",
            stage=first.stage,
            cluster=first.cluster if len(clusters) == 1 else None,
            tip=f"{first.id} … {group[-1]}",
        )
        into |= dict.fromkeys(group, name)
    into |= _swallowed(diagram, into)
    kept: dict[str, Box] = {}
    for box in diagram.boxes:
        name = into.get(box.id, box.id)
        kept.setdefault(name, boxes[name] if box.id in into else box)
    arrows: dict[tuple[str, str, str], Arrow] = {}
    for a in diagram.arrows:
        tail, head = into.get(a.tail, a.tail), into.get(a.head, a.head)
        if tail != head:
            arrows.setdefault((tail, head, a.style), replace(a, tail=tail, head=head))
    return replace(diagram, boxes=list(kept.values()), arrows=list(arrows.values()))


def _count(by_id: dict[str, Box], group: list[str]) -> int:
    """How many boxes a fold stands for; a fold among them stands for its own."""
    total = 0
    for name in group:
        box = by_id[name]
        told = box.lines[0].split()[1].replace(",", "") if box.kind == "fold" else "1"
        total += int(told)
    return total


def _swallowed(diagram: Diagram, into: dict[str, str]) -> dict[str, str]:
    """What is given to one fold alone disappears in it."""
    given = {box.id for box in diagram.boxes} - {a.head for a in diagram.arrows}
    readers: dict[str, set[str]] = {}
    for a in diagram.arrows:
        if a.tail in given and a.tail not in into:
            readers.setdefault(a.tail, set()).add(into.get(a.head, ""))
    return {
        name: next(iter(folds)) for name, folds in readers.items()
        if len(folds) == 1 and "" not in folds
    }  # fmt: skip

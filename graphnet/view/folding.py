"""Diagrams too long to be looked at: the middle of a long run becomes one box.

A run is a chain of boxes of one stage, each with one way in and one way out; what is only given
(an input, a parameter) is no way in. A picture that is still too big shows its first and last
boxes. The whole of it can always be written as DOT.
"""

from __future__ import annotations

from dataclasses import replace

from graphnet.view.dot import Arrow, Box, Diagram

__all__ = ["fold"]

_RUN = 60  # a longer run is folded
_ENDS = 5  # and keeps this many boxes at each end
_BOXES = 240  # of a picture
_SPAN = 2500  # of its arrows together: each rank an arrow passes costs the layout a hidden box


def fold(diagram: Diagram) -> Diagram:
    """The diagram with long runs folded; itself where nothing is long."""
    hidden = [chain[_ENDS:-_ENDS] for chain in _runs(diagram) if len(chain) > _RUN]
    folded = _fold(diagram, hidden)
    for ends in (60, 40, 25, 15, 10, _ENDS):
        if len(folded.boxes) <= _BOXES and _span(folded) <= _SPAN:
            break
        folded = _fold(folded, _middles(folded, ends))
    return folded


def _middles(diagram: Diagram, ends: int) -> list[list[str]]:
    """Of every stage, of what is given and of what is computed, all but the first and last."""
    given = _given(diagram)
    groups: dict[tuple[str, bool], list[str]] = {}
    for box in diagram.boxes:
        groups.setdefault((box.stage, box.id in given), []).append(box.id)
    return [g[ends:-ends] for g in groups.values() if len(g) > 2 * ends + 1]


def _given(diagram: Diagram) -> set[str]:
    return {box.id for box in diagram.boxes} - {a.head for a in diagram.arrows}


def _span(diagram: Diagram) -> int:
    """How many ranks the arrows pass, all together."""
    below: dict[str, list[str]] = {box.id: [] for box in diagram.boxes}
    waiting = dict.fromkeys(below, 0)
    for a in diagram.arrows:
        if not a.free:
            tail, head = (a.head, a.tail) if a.up else (a.tail, a.head)
            below[tail].append(head)
            waiting[head] += 1
    rank = dict.fromkeys(below, 0)
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:
        for head in below[name]:
            rank[head] = max(rank[head], rank[name] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    return sum(abs(rank[a.head] - rank[a.tail]) for a in diagram.arrows)


def _runs(diagram: Diagram) -> list[list[str]]:
    """The maximal runs of two or more, in the order of the boxes."""
    stage = {box.id: box.stage for box in diagram.boxes}
    given = _given(diagram)
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
    given = _given(diagram)
    readers: dict[str, set[str]] = {}
    for a in diagram.arrows:
        if a.tail in given and a.tail not in into:
            readers.setdefault(a.tail, set()).add(into.get(a.head, ""))
    return {
        name: next(iter(folds)) for name, folds in readers.items()
        if len(folds) == 1 and "" not in folds
    }  # fmt: skip

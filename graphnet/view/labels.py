"""Where the texts of an SVG stand: labels on their arrows, titles at the left of their clusters."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from graphnet.view.style import PAPER, SIZE, text_width

__all__ = ["SVG", "align_title", "label_lines", "raise_titles", "title"]

SVG = "http://www.w3.org/2000/svg"
_ALONG = (0.33, 0.5, 0.24, 0.42, 0.6, 0.68)  # where on its arrow a label may stand
_ELSE = (0.75, 0.15, 0.85, 0.1, 0.9, 0.55, 0.28, 0.38)  # and that of a curve
_Points = list[tuple[float, float]]


def title(group: ET.Element) -> ET.Element:
    """The hover title of an element, made where there is none."""
    found = group.find(f"{{{SVG}}}title")
    return ET.SubElement(group, f"{{{SVG}}}title") if found is None else found


def label_lines(graph: ET.Element) -> None:
    """Puts the label of each arrow on its line, above everything else, clear of other labels.

    Labels of curves are clear of boxes, too, as far as that can be.
    """
    placed: list[tuple[float, float, float]] = []  # x, y and half the width of a label
    boxes = [_frame(_points(g)) for g in graph if g.get("class") == "node" and _points(g)]
    right = max((x for x, _ in _points(graph, "polygon")), default=0.0)  # of the paper
    for edge in [g for g in graph.iter(f"{{{SVG}}}g") if g.get("class") == "edge"]:
        text, points = edge.find(f"{{{SVG}}}text"), _points(edge, "path")
        if text is None or len(points) < 2:
            continue
        size, straight = float(text.get("font-size", 9)), _is_straight(points)
        half = text_width(text.text or "") * max(0.4, size / 2 / SIZE)
        spots = [_along(points, straight, t) for t in (*_ALONG, *(() if straight else _ELSE))]
        if _is_loop(edge):  # beside it, where the engine left room
            spots = [(min(_frame(points)[2] + 6, right - 2 * half) + half, points[0][1])]
        clear = [
            (x, y) for x, y in spots
            if all(abs(x - a) > half + w or abs(y - b) > 11 for a, b, w in placed)
        ]  # fmt: skip
        free = [p for p in clear if straight or not any(_meets(p, half, box) for box in boxes)]
        x, y = (free or clear or spots)[0]
        placed.append((x, y, half))
        halo = {"stroke": PAPER, "stroke-width": "3" if straight else "5", "paint-order": "stroke"}
        _lift(text, edge, graph, {"x": f"{x:.2f}", "y": f"{y + 3:.2f}", **halo})


def _points(group: ET.Element, *kinds: str) -> _Points:
    """The points of the outlines in a group, those of all kinds of shapes or of some."""
    found: _Points = []
    for part in group:
        if not kinds or part.tag.removeprefix(f"{{{SVG}}}") in kinds:
            outline = part.get("points") or part.get("d") or ""
            pairs = re.findall(r"(-?[\d.]+),(-?[\d.]+)", outline)
            found += [(float(x), float(y)) for x, y in pairs]
    return found


def _frame(points: _Points) -> tuple[float, float, float, float]:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _meets(spot: tuple[float, float], half: float, box: tuple[float, float, float, float]) -> bool:
    (x, y), (left, top, right, bottom) = spot, box
    return left < x + half and x - half < right and top < y + 7 and y - 7 < bottom


def _is_straight(points: _Points) -> bool:
    (x0, y0), (x1, y1) = points[0], points[-1]
    dx, dy = x1 - x0, y1 - y0
    limit = 2 * (dx**2 + dy**2) ** 0.5  # points beside the line
    return all(abs((x - x0) * dy - (y - y0) * dx) < limit for x, y in points)


def _is_loop(edge: ET.Element) -> bool:
    tail, arrow, head = (title(edge).text or "").partition(" → ")
    return bool(arrow) and tail == head


def _along(points: _Points, straight: bool, t: float) -> tuple[float, float]:
    """Where a fraction t of the way from the first to the last point of a path is: on the path.

    `points` are those of Bezier curves, each of which begins where the one before ended.
    """
    if straight:
        (x0, y0), (x1, y1) = points[0], points[-1]
        return x0 + (x1 - x0) * t, y0 + (y1 - y0) * t
    curves = max((len(points) - 1) // 3, 1)
    k = min(int(t * curves), curves - 1)
    u = t * curves - k
    weights = ((1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u**2 * (1 - u), u**3)
    four = points[3 * k : 3 * k + 4]
    return (
        sum(w * x for w, (x, _) in zip(weights, four)),
        sum(w * y for w, (_, y) in zip(weights, four)),
    )


def align_title(group: ET.Element) -> None:
    """Puts a cluster's title at its left edge; the engine misjudges how wide the text is."""
    points = _points(group)
    for text in group.findall(f"{{{SVG}}}text"):
        if points:
            text.set("text-anchor", "start")
            text.set("x", f"{_frame(points)[0] + 8:.2f}")


def raise_titles(graph: ET.Element) -> None:
    """Puts the titles of clusters that an arrow runs through above it."""
    paths = [_points(g, "path") for g in graph if g.get("class") == "edge"]
    lines = [
        [_along(path, False, k / 40) for k in range(41)] for path in paths if len(path) >= 4
    ]  # fmt: skip
    for cluster in [g for g in graph if g.get("class") == "cluster"]:
        for text in cluster.findall(f"{{{SVG}}}text"):
            x, y = float(text.get("x", 0)), float(text.get("y", 0))
            box = (x, y - 8, x + text_width(text.text or ""), y + 2)
            if any(_meets(spot, 0, box) for line in lines for spot in line):
                halo = {"stroke": "#F7F8FA", "stroke-width": "5", "paint-order": "stroke"}
                _lift(text, cluster, graph, halo)


def _lift(text: ET.Element, group: ET.Element, graph: ET.Element, given: Mapping[str, str]) -> None:
    """Draws a text of a group after everything else."""
    for key, value in given.items():
        text.set(key, value)
    group.remove(text)
    graph.append(text)

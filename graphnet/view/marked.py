"""A picture whose boxes and arrows say in data attributes what they are, so that a page finds them.

`data-box` is the number of a box in its diagram, `data-step` the step of a lesson that computes it;
an arrow has the numbers of the boxes that it runs between.
"""

from __future__ import annotations

import html
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from graphnet.view import engine
from graphnet.view.dot import Diagram, node_id

__all__ = ["marked"]

_SVG = "{http://www.w3.org/2000/svg}"


def marked(diagram: Diagram, step_of: Mapping[str, int]) -> str:
    """The SVG of a diagram; `step_of` gives boxes their steps."""
    number = {box.id: k for k, box in enumerate(diagram.boxes)}
    by_title = {_title(name): name for name in number}
    ends = {}
    for a in diagram.arrows:
        tail, head = (a.head, a.tail) if a.up else (a.tail, a.head)
        ends[f"{_title(tail)}->{_title(head)}"] = a.tail, a.head
    root = ET.fromstring(engine.layout(diagram.dot(), "svg"))
    for group in root.iter(f"{_SVG}g"):
        title = group.findtext(f"{_SVG}title") or ""
        if group.get("class") == "node" and title in by_title:
            name = by_title[title]
            group.set("data-box", str(number[name]))
            if name in step_of:
                group.set("data-step", str(step_of[name]))
        elif group.get("class") == "edge" and title in ends:
            group.set("data-ends", " ".join(str(number[name]) for name in ends[title]))
    return engine.polish(ET.tostring(root), diagram.title)


def _title(name: str) -> str:
    """What the engine writes as the title of a box: its id as the engine reads it."""
    return html.unescape(node_id(name)[1:-1].replace('\\"', '"'))

"""A Diagram, boxes and arrows in clusters, and how it is written as DOT.

Labels are always text: nothing a user names or writes becomes HTML, an escape or an attribute.

>>> print(quote("<b> & co"))
"<b> &amp; co"
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from graphnet.view.style import FONT, INK, KINDS, PAPER, SIZE, clean, shorten, text_width, widest

__all__ = ["Arrow", "Box", "Diagram", "node_id", "quote"]

_LINE = 1.25 * SIZE  # the height of a line of text, in points
STYLES = {"time": '"dashed,bold"'}  # of arrows: what Graphviz calls those it does not know


@dataclass(frozen=True)
class Box:
    """A node of a picture: lines of text, the first its name."""

    id: str
    lines: tuple[str, ...]
    kind: str = "computed"
    stage: str = "forward"
    cluster: str | None = None
    beside: str | None = None  # the box it stands next to, in the same cluster
    tip: str = ""
    heavy: bool = False  # an output


@dataclass(frozen=True)
class Arrow:
    """From `tail` to `head`. `up`: the head stands above the tail, as in a backward pass."""

    tail: str
    head: str
    stage: str = "forward"
    style: str = "solid"
    up: bool = False
    free: bool = False  # says nothing about where its ends stand
    label: str = ""


@dataclass
class Diagram:
    """What a picture shows.

    `clusters` are id -> title, in the order they are drawn; `inside` is id -> the cluster it is in.
    """

    title: str
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    clusters: dict[str, str] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)

    def dot(self) -> str:
        """The diagram in the DOT language, with one legend."""
        return "\n".join([*_head(self.title), *_body(self), *_legend(self), "}", ""])


def node_id(name: str) -> str:
    """A DOT id: the name; of a long or unprintable one its beginning and a hash."""
    safe = clean(name)
    if safe == name and len(name) <= 100:
        return quote(name)
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
    return quote(f"{safe[:60]} #{mark}")


def quote(*lines: str) -> str:
    """A DOT string of lines of text; `<`, `&`, quotes and backslashes stand for themselves."""
    safe = (clean(x).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for x in lines)
    return '"' + "\\n".join(safe) + '"'


def _attributes(**given: object) -> str:
    parts = (f"{k}={v}" if isinstance(v, str) else f"{k}={v:.3g}" for k, v in given.items())
    return f"[{', '.join(parts)}]"


def _head(title: str) -> list[str]:
    return [
        f"digraph {quote(title)} {{",
        f'  graph [rankdir=TB, nodesep=0.3, ranksep=0.5, bgcolor="{PAPER}", labeljust=l, '
        f'fontname="{FONT}", fontsize={SIZE:g}, fontcolor="#444444"]',
        f'  node [fontname="{FONT}", fontsize={SIZE:g}, fixedsize=true, style=filled, '
        f'fillcolor="{PAPER}"]',
        "  edge [arrowsize=0.8]",
    ]


def _body(diagram: Diagram) -> Iterator[str]:
    members: dict[str | None, list[Box]] = {None: []}
    members |= {cluster: [] for cluster in diagram.clusters}
    for box in diagram.boxes:
        members[box.cluster].append(box)
    for cluster in diagram.clusters:
        if cluster not in diagram.inside:
            yield from _cluster(diagram, cluster, members)
    yield from _boxes(members[None])
    for arrow in diagram.arrows:
        yield _arrow(arrow)
    for above, below in _stacked(diagram):
        yield _hidden(above, below, weight=4)


def _cluster(
    diagram: Diagram, cluster: str, members: Mapping[str | None, list[Box]]
) -> Iterator[str]:
    """A cluster with its boxes and with the clusters in it; nothing where it is empty."""
    title = shorten(diagram.clusters[cluster], 60)
    inner = [c for c, outer in diagram.inside.items() if outer == cluster]
    parts = [line for c in inner for line in _cluster(diagram, c, members)]
    if not parts and not members[cluster]:
        return
    yield f"  subgraph {node_id('cluster_' + cluster)} {{"
    fill = PAPER if cluster in diagram.inside else "#F7F8FA"
    yield (
        f'    graph [label={quote(title)}, style="rounded,filled", '
        f'color="#B8BEC6", fillcolor="{fill}", margin=10]'
    )
    yield from ("  " + line for line in (*parts, *_boxes(members[cluster], text_width(title))))
    yield "  }"


def _boxes(boxes: list[Box], least: float = 0.0) -> Iterator[str]:
    here = {box.id for box in boxes}
    least = 0.0 if any(_width(box) >= least for box in boxes) else least
    for box in boxes:
        yield _box(box, least)
    for box in boxes:
        if box.beside in here and box.beside != box.id:
            yield f"  {{ rank=same; {node_id(str(box.beside))}; {node_id(box.id)} }}"


def _box(box: Box, least: float = 0.0) -> str:
    kind, ink = KINDS[box.kind], INK[box.stage]
    width = max(_width(box), least)
    height = len(box.lines) * _LINE + 12 + kind.tall
    given: dict[str, object] = {
        "label": quote(*box.lines),
        "shape": kind.shape,
        "width": width / 72,
        "height": height / 72,
        "color": f'"{ink}"',
        "fontcolor": f'"{ink}"',
        "fillcolor": f'"{kind.fill}"',
    }
    if kind.shape == "box":
        given["style"] = '"rounded,filled,dashed"' if box.kind == "fold" else '"rounded,filled"'
    if box.heavy:
        given["penwidth"] = 2.2
    given["tooltip"] = quote(box.tip or box.lines[0])
    return f"  {node_id(box.id)} {_attributes(**given)}"


def _width(box: Box) -> float:
    return max(widest(box.lines) * KINDS[box.kind].wide + 20, 60.0)


def _stacked(diagram: Diagram) -> Iterator[tuple[str, str]]:
    """(above, below): parameters stand below what enters their layer, so that layers stack."""
    by_id = {box.id: box for box in diagram.boxes}
    given = set(by_id) - {a.head for a in diagram.arrows if a.style != "dotted"}
    members: dict[str | None, list[str]] = {}
    for box in diagram.boxes:
        if box.id in given and box.stage == "forward":
            members.setdefault(box.cluster, []).append(box.id)
    first: dict[str, str] = {}  # the first box of each cluster that something enters
    for a in diagram.arrows:
        cluster = by_id[a.head].cluster
        if a.free or a.up or cluster is None or _holds(diagram, cluster, by_id[a.tail].cluster):
            continue
        if first.setdefault(cluster, a.head) == a.head:
            yield from ((a.tail, name) for name in members.get(cluster, ()))
    yield from _updates_stacked(diagram, given)


def _holds(diagram: Diagram, cluster: str, other: str | None) -> bool:
    """Whether a cluster is another one, or one around it."""
    while other is not None and other != cluster:
        other = diagram.inside.get(other)
    return other == cluster


def _updates_stacked(diagram: Diagram, given: set[str]) -> Iterator[tuple[str, str]]:
    """Below one layer's update stands the next one's; nothing else connects them."""
    clusters: dict[str | None, list[Box]] = {name: [] for name in diagram.clusters}
    for box in diagram.boxes:
        clusters.setdefault(box.cluster, []).append(box)
    clusters.pop(None, None)
    only = [
        boxes for boxes in clusters.values()
        if boxes and all(b.stage == "update" for b in boxes if b.id not in given)
    ]  # fmt: skip
    read = {a.tail for a in diagram.arrows if not a.free}
    for upper, lower in pairwise(only):
        last = [box.id for box in upper if box.id not in read]
        yield from ((name, box.id) for name in last for box in lower if box.id in given)


def _arrow(arrow: Arrow) -> str:
    tail, head = (arrow.head, arrow.tail) if arrow.up else (arrow.tail, arrow.head)
    given: dict[str, object] = {"color": f'"{INK[arrow.stage]}"'}
    if arrow.style != "solid":
        given["style"] = STYLES.get(arrow.style, arrow.style)
    if arrow.label:
        given |= {
            "label": quote(arrow.label), "fontname": f'"{FONT}"', "fontsize": SIZE - 1,
            "fontcolor": f'"{INK[arrow.stage]}"',
        }  # fmt: skip
    if arrow.up:
        given["dir"] = "back"
    if arrow.free:
        given["constraint"] = "false"
    given["tooltip"] = quote(f"{shorten(arrow.tail, 100)} → {shorten(arrow.head, 100)}")
    return f"  {node_id(tail)} -> {node_id(head)} {_attributes(**given)}"


def _legend(diagram: Diagram) -> Iterator[str]:
    """The kinds of nodes and of arrows that are in the picture, at its bottom."""
    kinds = [k for k in KINDS if k != "fold" and any(b.kind == k for b in diagram.boxes)]
    present = {"forward" if b.stage == "loss" else b.stage for b in diagram.boxes}
    notes: list[tuple[str, str]] = [
        (f"⟶ {s}", s) for s in ("forward", "backward", "update") if s in present
    ]
    styles = {a.style for a in diagram.arrows}
    notes += [("⇢ read again", "backward")] * ("dashed" in styles)
    notes += [("⇢ becomes", "update")] * ("dotted" in styles)
    notes += [("⇢ next step", "time")] * ("time" in styles)
    rows = [[f"legend {k}" for k in kinds], [f"legend {text}" for text, _ in notes]]
    if len(kinds) + len(notes) <= 7:
        rows = [rows[0] + rows[1]]
    yield '  subgraph "cluster_legend" {'
    yield '    graph [label="legend", style=rounded, color="#B8BEC6", margin=8]'
    yield from map(_kind_sample, kinds)
    yield from (_arrow_sample(text, stage) for text, stage in notes)
    rows = [row for row in rows if row]
    for row in rows:
        yield f"    {{ rank=same; {'; '.join(map(node_id, row))} }}"
        yield from (_hidden(left, right) for left, right in pairwise(row))
    yield from (_hidden(upper[0], lower[0]) for upper, lower in pairwise(rows))
    yield "  }"
    if rows:
        middle = rows[0][len(rows[0]) // 2]
        yield from (_hidden(name, middle) for name in _lowest(diagram))


def _kind_sample(word: str) -> str:
    look = KINDS[word]
    given = _attributes(
        label=quote(look.title), shape=look.shape, height=0.38,
        width=(text_width(look.title) * look.wide + 22) / 72,
        color='"#555555"', fontcolor='"#111111"', fillcolor=f'"{look.fill}"',
        style='"rounded,filled"' if look.shape == "box" else "filled", tooltip=quote(look.title),
    )  # fmt: skip
    return f"    {node_id(f'legend {word}')} {given}"


def _arrow_sample(text: str, stage: str) -> str:
    given = _attributes(
        label=quote(text), shape="plaintext", style="solid", height=0.38,
        width=(text_width(text) + 12) / 72, fontcolor=f'"{INK[stage]}"', tooltip=quote(text),
    )  # fmt: skip
    return f"    {node_id(f'legend {text}')} {given}"


def _hidden(above: str, below: str, weight: int = 1) -> str:
    """An edge that is not seen and only says what stands above what."""
    return f"    {node_id(above)} -> {node_id(below)} [style=invis, weight={weight}]"


def _lowest(diagram: Diagram) -> list[str]:
    """The boxes with nothing below them."""
    above = {a.head if a.up else a.tail for a in diagram.arrows if not a.free}
    return [box.id for box in diagram.boxes if box.id not in above]

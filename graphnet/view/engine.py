"""DOT -> SVG -> PNG, with nothing installed but Python packages.

`graphviz-pure` makes the layout everywhere, so that a picture is the same bytes on every machine;
an installed `dot` is used only when asked for. It runs as a subprocess with a time limit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path

from graphnet.errors import GraphnetError, GraphnetFileError, told
from graphnet.view.labels import SVG, align_title, label_lines, raise_titles, title
from graphnet.view.style import FAMILY, FONT, font_files, has_glyphs

__all__ = ["ENGINES", "layout", "polish", "rasterize"]

ENGINES = ("graphviz-pure", "dot")
_XLINK = "http://www.w3.org/1999/xlink"
_LARGEST = 8_000  # pixels a side of a PNG
ET.register_namespace("", SVG)
ET.register_namespace("xlink", _XLINK)


def layout(
    dot: str, format: str = "svg", engine: str = "graphviz-pure", limit: float = 60
) -> bytes:
    """What the layout engine makes of a DOT text.

    Raises GraphnetFileError where the engine is not installed, GraphnetError where it fails or
    needs more than `limit` seconds.
    """
    command = [_program(engine), f"-T{format}"]
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise GraphnetError(
            f"the layout took more than {limit:g} s; draw a smaller part, or level='layers'",
            where=engine,
        ) from None
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise GraphnetError(f"no layout: {lines[-1] if lines else 'no message'}", where=engine)
    return done.stdout


def _program(engine: str) -> str:
    if engine not in ENGINES:
        raise GraphnetError(
            f"expected engine to be one of {', '.join(ENGINES)}, got {told(engine)}"
        )
    if engine == "graphviz-pure":
        # Beside the running Python first: a virtual environment need not be activated.
        folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
        found = next(filter(None, (shutil.which(engine, path=f) for f in folders)), None)
        if found:
            return found
    found = shutil.which(engine)
    if found is None:
        hint = "pip install graphviz-pure" if engine == "graphviz-pure" else "install Graphviz"
        raise GraphnetFileError(f"the layout engine {told(engine)} is not installed; {hint}")
    return found


def polish(svg: bytes, alt: str) -> str:
    """The engine's SVG with alternative text, hover titles, bold names and quiet last lines."""
    root = ET.fromstring(svg)
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("font-family", FAMILY)
    for text in root.iter(f"{{{SVG}}}text"):
        if text.get("font-family") == FONT:
            del text.attrib["font-family"]
        text.attrib.pop("{http://www.w3.org/XML/1998/namespace}space", None)
    for group in root.iter(f"{{{SVG}}}g"):
        _unwrap_tip(group)
        if group.get("class") == "node":
            _emphasize(group)
        elif group.get("class") == "cluster":
            align_title(group)
        elif group.get("class") == "graph":
            title(group).text = alt
    graphs = [g for g in root.iter(f"{{{SVG}}}g") if g.get("class") == "graph"]
    for graph in graphs:
        label_lines(graph)
        raise_titles(graph)
    return ET.tostring(root, encoding="unicode") + "\n"


def _unwrap_tip(group: ET.Element) -> None:
    """Moves a tooltip from a link, which browsers no longer show, to the element's title."""
    for wrapper in list(group):
        links = wrapper.findall(f"{{{SVG}}}a")
        if wrapper.tag != f"{{{SVG}}}g" or len(links) != 1 or wrapper.get("class"):
            continue
        at = list(group).index(wrapper)
        title(group).text = links[0].get(f"{{{_XLINK}}}title")
        group.remove(wrapper)
        for k, child in enumerate(links[0]):
            group.insert(at + k, child)


def _emphasize(group: ET.Element) -> None:
    texts = group.findall(f"{{{SVG}}}text")
    if len(texts) > 1:
        texts[0].set("font-weight", "bold")
        if re.match(r"\(|[\d,]+ parameter", texts[-1].text or ""):  # a shape or a count
            texts[-1].set("fill-opacity", "0.75")


def rasterize(svg: str, zoom: float = 2.0) -> bytes:
    """The PNG of an SVG, `zoom` times 96 pixels an inch, with the font it was measured with."""
    import resvg_py

    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    if size:
        largest = max(float(size[1]), float(size[2])) * 96 / 72
        zoom = min(zoom, max(_LARGEST / largest, 0.05))
    words = "".join(ET.fromstring(svg).itertext())
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            dpi=96,
            zoom=zoom,
            # Other fonts only where ours lacks a character: the bytes then depend on the machine.
            skip_system_fonts=has_glyphs(words),
            font_files=font_files(),
            font_family=FONT,
            sans_serif_family=FONT,
            background="white",
        )
    )

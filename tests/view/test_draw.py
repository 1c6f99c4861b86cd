"""Pictures: what they show; odd names stay text; the same network gives the same bytes."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import graphnet as gn
from graphnet.errors import GraphnetError, GraphnetFileError, GraphnetTypeError
from graphnet.view import engine
from graphnet.view.dot import quote
from graphnet.view.draw import Drawing, draw
from graphnet.view.style import INK, KINDS, text_width

from .nets import NASTY, chain, nasty_network, small_model

SVG = "{http://www.w3.org/2000/svg}"
PICTURES = [
    (stage, level)
    for stage in ("forward", "loss", "backward", "update", "all")
    for level in ("tensors", "layers")
]


@pytest.fixture(scope="module")
def model() -> gn.Sequential:
    return small_model()


def groups(drawing: Drawing, kind: str) -> Iterator[ET.Element]:
    for group in ET.fromstring(drawing.svg).iter(f"{SVG}g"):
        if group.get("class") == kind:
            yield group


def words(drawing: Drawing) -> dict[str, list[str]]:
    """First line -> all lines, of every box."""
    found = [[t.text or "" for t in g.iter(f"{SVG}text")] for g in groups(drawing, "node")]
    return {lines[0]: lines for lines in found}


@pytest.mark.parametrize(("stage", "level"), PICTURES)
def test_every_picture_is_well_formed_and_readable(
    model: gn.Sequential, stage: str, level: str
) -> None:
    drawing = model.draw(stage, level)
    root = ET.fromstring(drawing.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    sizes = [float(t.get("font-size")) for t in root.iter(f"{SVG}text")]
    assert min(sizes) >= 10
    assert drawing.source.count("cluster_legend") == 1
    assert all(next(iter(g)).text for g in groups(drawing, "node"))
    boxes = [b for b in map(_extent, groups(drawing, "node")) if b]
    for k, (left, top, right, bottom) in enumerate(boxes):
        for left2, top2, right2, bottom2 in boxes[:k]:
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert apart, "two boxes overlap"


def _extent(group: ET.Element) -> tuple[float, float, float, float] | None:
    shape = group.find(f"{SVG}polygon")
    outline = (shape.get("points") if shape is not None else None) or next(
        (p.get("d") for p in group.findall(f"{SVG}path")), ""
    )
    pairs = [(float(a), float(b)) for a, b in re.findall(r"(-?[\d.]+),(-?[\d.]+)", outline or "")]
    if not pairs:
        return None
    xs, ys = zip(*pairs, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def test_boxes_hold_their_text(model: gn.Sequential) -> None:
    for group in groups(model.draw("all", "tensors"), "node"):
        extent = _extent(group)
        lines = [t.text or "" for t in group.iter(f"{SVG}text")]
        if extent and not lines[0].startswith(("⟶", "⇢")):
            assert max(map(text_width, lines)) <= extent[2] - extent[0], lines


def test_boxes_show_name_formula_and_shape(model: gn.Sequential) -> None:
    shown = words(model.draw("backward", "tensors"))
    assert shown["W1"] == ["W1", "(4, 3)"]
    assert shown["d_W1"] == ["d_W1", "d_W1[i,o] = Σₙ x[n,i]·d_Z1[n,o]", "(4, 3)"]
    assert shown["y"][-1] == "(batch,) int"
    layers = words(model.draw("forward", "layers"))
    assert layers["dense_1"] == ["dense_1", "(batch, 3)", "15 parameters"]
    assert layers["loss"] == ["loss", "()"]


def test_stages_have_their_colors(model: gn.Sequential) -> None:
    network = model.step.network
    for group in groups(model.draw("all", "tensors"), "node"):
        title = next(iter(group)).text or ""
        name = title.split(" ")[1] if " " in title else ""
        if name in network:
            strokes = {e.get("stroke") for e in group if e.get("stroke")}
            assert strokes == {INK[network.stage(name)].lower()}, title
    assert INK["forward"] != INK["backward"] != INK["update"]


def test_layers_are_clusters_and_update_is_the_network(model: gn.Sequential) -> None:
    drawing = model.draw("update", "tensors")
    titles = {t.text for g in groups(drawing, "cluster") for t in g.iter(f"{SVG}text")}
    assert titles == {"dense_1", "dense_2", "legend"}
    edges = {next(iter(g)).text for g in groups(drawing, "edge")}
    network = model.step.network
    read = {f"{o} → {n}" for n in network if network.stage(n) == "update"
            for o in network.operands(n)}  # fmt: skip
    becomes = {f"{new} → {old}" for old, new in network.updates.items()}
    assert edges >= read | becomes


def test_small_network_as_dot(golden, model: gn.Sequential) -> None:
    golden("small_backward.dot", model.draw("backward", "tensors").source)


def test_names_stay_text() -> None:
    drawing = draw(nasty_network())
    svg = drawing.svg
    ET.fromstring(svg)
    shown = list(words(drawing).values())
    assert ["<script>alert(1)</script>", "(2,)"] in shown
    assert ["back\\", "(2,)"] in shown
    assert ["a&amp;b &lt;", "(2,)"] in shown
    assert "<script" not in svg
    assert len(list(groups(drawing, "node"))) == len(NASTY) + 2  # the legend has two
    assert Image.open(io.BytesIO(drawing.pipe("png"))).size[0] > 100
    ET.fromstring(draw(nasty_network(), level="layers").svg)


@pytest.mark.parametrize(
    ("text", "dot"),
    [
        ("a", '"a"'),
        ("<b>", '"<b>"'),
        ("a\\", '"a\\\\"'),
        ('say "x"', '"say \\"x\\""'),
        ("&lt;", '"&amp;lt;"'),
        ("a\nb", '"a b"'),
    ],
)
def test_quoting(text: str, dot: str) -> None:
    assert quote(text) == dot


SCRIPT = """
import hashlib
from tests.view.nets import small_model
d = small_model().draw("all", "tensors")
print(hashlib.sha256(d.source.encode() + d.pipe("svg") + d.pipe("png")).hexdigest())
"""


def test_same_bytes_under_any_hash_seed() -> None:
    root = Path(__file__).parents[2]
    seen = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "7")
    }  # fmt: skip
    assert len(seen) == 1


def test_png_has_the_size_of_the_svg_and_is_not_blank(model: gn.Sequential) -> None:
    drawing = model.draw("forward", "tensors")
    image = Image.open(io.BytesIO(drawing.pipe("png"))).convert("RGB")
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', drawing.svg).groups()
    assert abs(image.width - 2 * float(width) * 96 / 72) <= 3
    assert abs(image.height - 2 * float(height) * 96 / 72) <= 3
    colors = {c: n for n, c in image.getcolors(1 << 24)}
    assert len(colors) > 20
    assert colors[(255, 255, 255)] < image.width * image.height
    fill = tuple(bytes.fromhex(KINDS["parameter"].fill[1:]))
    assert colors[fill] > 500, "a parameter has its color"
    assert sum(n for c, n in colors.items() if max(c) < 60) > 500, "letters are drawn"


def test_long_chain_is_folded_and_fully_written() -> None:
    loss = chain(10_000)
    began = time.perf_counter()
    drawing = draw(loss)
    assert "… 9,991 more" in drawing.svg
    assert time.perf_counter() - began < 10
    assert drawing.source_full.count("shape=box") >= 10_000
    assert draw(loss, fold=False).source == drawing.source_full


def test_long_backward_is_folded() -> None:
    loss = chain(2_000)
    w = _leaf(loss, "w")
    began = time.perf_counter()
    drawing = draw([loss, gn.grad(loss, gn.Tensor(w))])
    ET.fromstring(drawing.svg)
    assert time.perf_counter() - began < 10
    assert "more" in drawing.svg


def _leaf(tensor: gn.Tensor, name: str):
    node = tensor.node
    while node.name != name:
        found = [o for o in node.operands if o.name == name]
        node = found[0] if found else node.operands[0]
    return node


def test_a_gradient_is_drawn_red() -> None:
    x = gn.input("x", ("batch", 3))
    drawing = draw(gn.grad(gn.sum(gn.tanh(x)), x))
    assert INK["backward"] in drawing.source


def test_files_and_notebooks(tmp_path: Path, model: gn.Sequential) -> None:
    drawing = model.draw()
    assert drawing.render(tmp_path / "a", format="png") == str(tmp_path / "a.png")
    assert (tmp_path / "a").read_text() == drawing.source
    drawing.render(outfile=tmp_path / "sub" / "b.svg", cleanup=True)
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["b.svg"]
    assert drawing.pipe(format="svg", encoding="utf-8") == drawing._repr_svg_()
    assert set(drawing._repr_mimebundle_()) == {"image/svg+xml"}
    assert "image/svg+xml" in gn.input("x", (2,))._repr_mimebundle_()
    with pytest.raises(GraphnetFileError):
        drawing.render(outfile="/proc/none/x.svg")


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.svg", b"<"), ("a.gv", b"digraph"),
     ("a.dot", b"digraph")],
)  # fmt: skip
def test_a_drawing_is_saved_as_its_file_ends(tmp_path: Path, name: str, start: bytes) -> None:
    drawing = draw(gn.tanh(gn.input("x", ("batch", 3))))
    assert drawing.save(tmp_path / "sub" / name) == str(tmp_path / "sub" / name)
    assert (tmp_path / "sub" / name).read_bytes().startswith(start)
    assert [p.name for p in (tmp_path / "sub").iterdir()] == [name]
    assert drawing.save(name, directory=tmp_path) == str(tmp_path / name)


@pytest.mark.parametrize(
    ("call", "error", "expected"),
    [
        (lambda m: m.draw().save("a.pdf"), GraphnetError, "svg, png, gv, dot, got 'pdf'"),
        (lambda m: m.draw().save("a"), GraphnetError, "ends in one of .svg, .png, .gv, .dot"),
        (lambda m: m.draw("fowrard"), GraphnetError, "did you mean 'forward'"),
        (
            lambda m: m.draw(level="neuron"),
            GraphnetError,
            "level is 'layers', 'tensors' or 'neurons'",
        ),
        (lambda m: m.draw(engine="neato"), GraphnetError, "engine is 'graphviz-pure' or 'dot'"),
        (lambda m: m.draw().pipe("bmp"), GraphnetError, "svg, png, gv"),
        (lambda m: draw(m.network(), "update"), GraphnetError, "no update stage"),
        (lambda m: draw(3), GraphnetTypeError, "got int"),
        (lambda m: draw([]), GraphnetTypeError, "got list"),
    ],
)
def test_errors(model: gn.Sequential, call, error: type[Exception], expected: str) -> None:
    with pytest.raises(error, match=expected):
        call(model)


def test_an_engine_that_is_missing_or_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda *_, **__: None)
    with pytest.raises(GraphnetFileError, match="install Graphviz"):
        engine.layout("digraph {}", engine="dot")
    monkeypatch.undo()
    with pytest.raises(GraphnetError, match="no layout"):
        engine.layout("digraph {")
    slow = "digraph {" + "".join(f"{a}->{b};" for a in range(90) for b in range(a)) + "}"
    with pytest.raises(GraphnetError, match="took more than"):
        engine.layout(slow, limit=0.01)

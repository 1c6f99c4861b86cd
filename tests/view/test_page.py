"""The page of a run: nothing is loaded, everything is escaped, and a browser shows it whole."""

from __future__ import annotations

import http.server
import re
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest

import graphnet as gn
from graphnet.network.graph import Network
from graphnet.network.nodes import Input
from graphnet.view import plot
from graphnet.view.draw import draw
from graphnet.view.page import Run, fits, page

from .browser import browse, needs_browser
from .nets import small_model

EVIL = '<script>alert("1")</script> & \' }} {{ 7*7 }}'


@pytest.fixture(scope="module")
def model() -> gn.Sequential:
    return small_model()


@pytest.fixture(scope="module")
def html(model: gn.Sequential) -> str:
    return page(
        Run(
            title=EVIL,
            description=EVIL * 20,
            facts={EVIL: EVIL, "long": "9" * 60},
            network=model.step.network,
            drawings={s: model.draw(s, "tensors").svg for s in ("forward", "backward", "update")},
            source=model.step.source + f"# {EVIL}\n# {'x' * 500}\n",
            source_file="train_step.py",
            history={"epoch": [1, 2], "loss": [1.0, 1e-9], "val_loss": [2.0, float("nan")]},
            curves="curves.png",
            confusion="confusion.png",
        )
    )


def test_a_picture_that_no_page_holds_is_of_layers_and_links_to_the_whole() -> None:
    sizes = ((900, 900), (3200, 900), (900, 8000))
    narrow, wide, tall = (f'<svg width="{w}pt" height="{h}pt"></svg>' for w, h in sizes)
    assert [fits(svg) for svg in (narrow, wide, tall)] == [True, False, False]
    drawings = {"forward": narrow, "backward": narrow}
    text = page(Run("t", drawings=drawings, whole={"backward": "backward.svg"}))
    told = re.findall("<figcaption>(.*)</figcaption>", text)
    assert told == [
        "Hover over a box for the whole formula.",
        'One box a layer. The picture of every tensor is <a href="backward.svg">backward.svg</a>.',
    ]


class Reader(HTMLParser):
    """Checks that tags close in order, and collects ids and addresses."""

    VOID = {"meta", "link", "img", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        given = dict(attrs)
        assert tag != "img" or given.get("alt")
        assert not [a for a in given if a.startswith("on")]
        self.ids += [given["id"]] if given.get("id") else []
        self.addresses += [v for k in ("src", "href", "xlink:href") if (v := given.get(k))]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_loads_nothing(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    assert not reader.tags & {"script", "iframe", "object", "style-src", "form"}
    assert len(reader.ids) == len(set(reader.ids)), "ids are unique"
    for address in reader.addresses:
        assert address == "data:," or re.fullmatch(r"#?[\w.]+", address), address
        assert not address.startswith("#") or address[1:] in reader.ids
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "{{ 7*7 }}" in html


def test_page_shows_everything(html: str) -> None:
    for expected in ("Σₙ x[n,i]·d_Z1[n,o]", "def step(", "1.000e-09", "nan", "dense_1"):
        assert expected in html, expected


def test_page_of_nothing() -> None:
    reader = Reader()
    reader.feed(page(Run("nothing")))
    assert reader.open == []


# The page has no scripts and forbids them, so a frame around it measures it.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><style>*{margin:0;border:0}</style>
<iframe id="f" src="index.html" width="%d" height="800"></iframe><pre id="out"></pre><script>
f.onload = () => { const d = f.contentDocument;
  const images = [...d.images].map(i => i.naturalWidth > 0);
  const root = d.documentElement;
  out.textContent = JSON.stringify({over: root.scrollWidth - root.clientWidth, images,
    svgs: d.querySelectorAll('svg').length, title: d.title}); };
</script>"""


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser(html: str, tmp_path: Path, width: int) -> None:
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    (tmp_path / "curves.png").write_bytes(plot.history({"loss": [1.0, 0.5]}))
    (tmp_path / "confusion.png").write_bytes(plot.confusion([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]))
    (tmp_path / "probe.html").write_text(PROBE % width, encoding="utf-8")
    text, console = browse((tmp_path / "probe.html").as_uri(), tmp_path / "profile")
    told = re.search(r'<pre id="out">(.*?)</pre>', text, re.S)
    assert told, text
    assert '"over":0' in told[1], f"the page is wider than its window: {told[1]}"
    assert '"images":[true,true]' in told[1]
    assert '"svgs":3' in told[1]
    assert console == [], "a console message, such as a refused request"


INJECTED = [
    "<script>document.title = 'owned'</script>", "</script><script>document.title = 'owned'//",
    "</title><img src=x onerror=\"document.title='owned'\">", "javascript:alert(1)", "back\\",
    "'\"><svg onload=alert(1)>", "]]><script>alert(1)</script>", "--><b>", "x" * 20_000,
    "<a href='http://127.0.0.1:9/away'>", "url(http://127.0.0.1:9/away)", "{{ 7*7 }}",
    "@import 'http://127.0.0.1:9/away'", "</style><style>*{display:none}", "&lt;script&gt;",
]  # fmt: skip


@needs_browser
def test_labels_are_text_and_nothing_is_asked_for(tmp_path: Path) -> None:
    """Every label tries to run or to load something; the server hears of the page alone."""
    nodes = [Input(name=name, shape=(2,)) for name in INJECTED]
    network = Network.collect(nodes, layers=dict(zip(nodes, INJECTED, strict=True)))
    everywhere = "\n".join(INJECTED)
    text = page(
        Run(
            title=everywhere, description=everywhere, facts=dict(zip(INJECTED, INJECTED)),
            network=network, drawings={"forward": draw(network, "forward").svg}, source=everywhere,
            source_file="step.py", history={name: [1.0] for name in INJECTED},
        )
    )  # fmt: skip
    asked: list[str] = []

    class Served(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shown, console = browse(
            f"http://127.0.0.1:{server.server_port}/index.html", tmp_path / "profile"
        )
        server.shutdown()
    assert asked == ["/index.html"], "the page asked for something"
    reader = Reader()
    reader.feed(shown)
    assert not reader.tags & {"script", "iframe", "object", "img", "b", "form"}
    assert "<title>owned" not in shown
    assert all(a.startswith(("#", "data:,", "step.py")) for a in reader.addresses), reader.addresses
    assert "{{ 7*7 }}" in shown
    assert console == []

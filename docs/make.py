"""Runs the pages of the docs and writes their outputs into them.

    python docs/make.py [PAGE.md ...]            run everything in full and rewrite the outputs
    python docs/make.py --check [PAGE.md ...]    run in the short setting and compare (what CI does)

A page is Markdown. Its python blocks run from top to bottom in one namespace, in a process of
their own, with the page's folder (with --check a copy) as working directory, so that pictures go to
`images/`. What a block prints stands in the fence after it, behind a marker of one of two kinds:

    <!-- exact -->                      compared by --check, at the digits printed
    <!-- measured bar="acc > 0.9" -->   timings and long trainings: recorded with machine and date;
                                        --check holds only the bar, a condition on the page's names

Before a python block may stand `<!-- run examples/NAME.py -->`: the block is that file's text, run
as a script (with `--short` under --check), or `<!-- needs torch -->`: without that module --check
passes over the block. In prose `<!-- = e -->3.14<!-- -->` is the value of an expression, compared,
and `<!-- ~ e -->0.97<!-- -->` a measured one. In the short setting the name SHORT is True.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

FENCE = re.compile(r"^(```+)([\w-]*)\s*$")
MARKER = re.compile(r"^<!-- (exact|measured|run|needs)\b\s*(.*?)\s*-->$")
INLINE = re.compile(r"<!-- (=|~) (.+?) -->(.*?)<!-- -->")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


class PageError(Exception):
    """What is wrong with a page, and on which line."""


@dataclass
class Part:
    """A piece of a page: prose, or a fence with the marker that stands before it."""

    line: int
    text: list[str]
    language: str | None = None  # None for prose
    tick: str = "```"
    marker: str = ""
    words: str = ""
    head: str = ""  # the marker's own line


def parts(text: str) -> list[Part]:
    """A page in pieces: prose and fences by turns."""
    found: list[Part] = []
    lines = text.split("\n")
    k = 0
    while k < len(lines):
        fence = FENCE.match(lines[k])
        if fence is None:
            if not found or found[-1].language is not None:
                found.append(Part(k + 1, []))
            found[-1].text.append(lines[k])
            k += 1
            continue
        tick, language = fence.groups()
        end = next((j for j in range(k + 1, len(lines)) if lines[j].rstrip() == tick), None)
        if end is None:
            raise PageError(f"line {k + 1}: a fence that is never closed")
        part = Part(k + 1, lines[k + 1 : end], language, tick)
        if found and found[-1].language is None and found[-1].text:
            marker = MARKER.match(found[-1].text[-1].strip())
            if marker:
                part.marker, part.words = marker.groups()
                part.head = found[-1].text.pop()
        found.append(part)
        k = end + 1
    return found


def written(part: Part) -> str:
    """The lines of a piece."""
    if part.language is None:
        return "\n".join(part.text)
    head = [part.head] if part.head else []
    return "\n".join([*head, f"{part.tick}{part.language}", *part.text, part.tick])


@dataclass
class Page:
    """One page being run."""

    path: Path
    short: bool
    namespace: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def run(self) -> str:
        """The text of the page with new outputs; what differs from before is in `faults`."""
        self.namespace |= {"__name__": "__page__", "SHORT": self.short}
        pieces = parts(self.path.read_text(encoding="utf-8"))
        pending: tuple[Part, str | None] | None = None  # a block, and what it printed
        for piece in pieces:
            if piece.marker in ("exact", "measured"):
                if pending is None:
                    raise PageError(
                        f"line {piece.line}: an output without a python block before it"
                    )
                self._output(piece, pending[1])
                pending = None
            elif piece.language is None:
                if pending is None or any(line.strip() for line in piece.text):
                    self._no_output(pending)
                    pending = None
                piece.text = [self._inline(t, piece.line) for t in piece.text]
            elif piece.language == "python":
                self._no_output(pending)
                pending = (piece, self._block(piece))
        self._no_output(pending)
        return "\n".join(written(p) for p in pieces if p.language is not None or p.text)

    def _no_output(self, pending: tuple[Part, str | None] | None) -> None:
        if pending and pending[1]:
            self.faults.append(f"line {pending[0].line}: it prints, but no output fence follows")

    def _block(self, block: Part) -> str | None:
        """What a block prints; None where it is not run."""
        if block.marker == "run":
            script = ROOT / block.words
            block.text = script.read_text(encoding="utf-8").rstrip("\n").split("\n")
            return self._script(block, script)
        if block.marker == "needs" and importlib.util.find_spec(block.words) is None:
            if not self.short:
                raise PageError(
                    f"line {block.line}: it needs {block.words}, which is not installed"
                )
            return None
        code = compile("\n" * block.line + "\n".join(block.text), str(self.path), "exec")
        held = io.StringIO()
        try:
            with contextlib.redirect_stdout(held):
                exec(code, self.namespace)
        except Exception as error:
            raise PageError(f"line {block.line}: {traceback.format_exc()}") from error
        return held.getvalue()

    def _script(self, block: Part, script: Path) -> str:
        result = subprocess.run(
            [sys.executable, str(script), *(["--short"] if self.short else [])],
            capture_output=True, text=True, timeout=900, check=False,
            env={**os.environ, "COLUMNS": "96"},
        )  # fmt: skip
        if result.returncode or result.stderr:
            raise PageError(f"line {block.line}: {script.name} failed:\n{result.stderr}")
        self.namespace["output"] = result.stdout
        return result.stdout

    def _output(self, fence: Part, printed: str | None) -> None:
        if printed is None:
            return
        new = [line.rstrip() for line in printed.rstrip("\n").split("\n")]
        if not printed.strip():
            self.faults.append(f"line {fence.line}: the block before it prints nothing")
            return
        if fence.marker == "exact":
            if self.short and not same(fence.text, new):
                self.faults.append(
                    f"line {fence.line}: expected\n{_block(fence.text)}\ncame\n{_block(new)}"
                )
            fence.text = new
            return
        options = dict(re.findall(r'(\w+)="([^"]*)"', fence.words))
        bar = options.get("bar")
        if bar and not eval(bar, self.namespace):
            self.faults.append(f"line {fence.line}: the bar {bar} does not hold")
        if not self.short:
            fence.text = new
            stated = f' bar="{bar}"' if bar else ""
            fence.head = f'<!-- measured{stated} on="{machine()}" -->'

    def _inline(self, line: str, number: int) -> str:
        def value(match: re.Match[str]) -> str:
            kind, expression, before = match.groups()
            if kind == "~" and self.short:
                return match.group(0)
            try:
                new = str(eval(expression, self.namespace))
            except Exception as error:
                raise PageError(f"line {number}: {expression}: {error!r}") from error
            if kind == "=" and self.short and not same([before], [new]):
                self.faults.append(f"line {number}: {expression} is {new}, not {before}")
            return f"<!-- {kind} {expression} -->{new}<!-- -->"

        return INLINE.sub(value, line)


def same(old: list[str], new: list[str]) -> bool:
    """Equal text; a number may differ by one in its last printed digit, as rounding does."""
    if len(old) != len(new):
        return False
    for a, b in zip(old, new):
        if a == b:
            continue
        if " ".join(NUMBER.sub("#", a).split()) != " ".join(NUMBER.sub("#", b).split()):
            return False
        for x, y in zip(NUMBER.findall(a), NUMBER.findall(b)):
            if x != y and not ("." in x and _near(x, y)):
                return False
    return True


def _near(x: str, y: str) -> bool:
    """Whether two printed decimals are neighbours at the coarser one's last digit."""
    (a, p), (b, q) = _parsed(x), _parsed(y)
    return abs(a - b) <= 1.01 * 10.0 ** max(p, q)


def _parsed(text: str) -> tuple[float, int]:
    mantissa, _, exponent = text.lower().partition("e")
    return float(text), int(exponent or 0) - len(mantissa.partition(".")[2])


def _block(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def machine() -> str:
    """What a measured output was measured on."""
    import numpy as np

    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        model = found.group(1) if found else model
    return (
        f"{date.today().isoformat()}, {os.cpu_count()} x {model}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}"
    )


def pages() -> list[Path]:
    """The pages that have python blocks with outputs, in order."""
    found = sorted(DOCS.rglob("*.md"))
    return [
        p for p in found if re.search(r"^<!-- (exact|measured|run)\b", p.read_text("utf-8"), re.M)
    ]


@contextlib.contextmanager
def _place(check: bool, page: Path) -> Iterator[None]:
    """The page's folder as working directory, or with `check` an empty one for the pictures."""
    before = Path.cwd()
    folder = Path(tempfile.mkdtemp()) if check else page.parent
    (folder / "images").mkdir(exist_ok=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        if check:
            shutil.rmtree(folder)


def run_page(path: Path, check: bool) -> list[str]:
    """Runs one page here; gives its faults. Without `check` its file is rewritten."""
    page = Page(path.resolve(), short=check)
    sys.path[:0] = [str(ROOT), str(ROOT / "examples")]  # pages go on with their examples
    with _place(check, page.path):
        try:
            text = page.run()
        except PageError as error:
            return [str(error)]
    if not check:
        page.path.write_text(text, encoding="utf-8")
    return page.faults


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE.md")
    parser.add_argument("--check", action="store_true", help="compare instead of rewriting")
    given = parser.parse_args(argv)
    chosen = [p.resolve() for p in given.pages] or pages()
    if len(chosen) == 1:
        faults = run_page(chosen[0], given.check)
        for fault in faults:
            print(f"{chosen[0].name}: {fault}", file=sys.stderr)
        return 1 if faults else 0
    flags = ["--check"] if given.check else []
    failed = 0
    for page in chosen:
        print(page.relative_to(ROOT), flush=True)
        failed |= subprocess.run([sys.executable, __file__, *flags, str(page)]).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())

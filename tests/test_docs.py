"""What the README and the examples say is what comes out."""

from __future__ import annotations

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


make = _make()

# example -> words that its output must hold
EXAMPLES = {
    "neuron": ["loss of the normal equations      0.4823", "d_w[i] = Sum(x[n,i]*d_a[n], n)"],
    "derive": ["slope     [0.072329 0.5      1.090784]", "curvature [0.302366 0.5      0.050062]"],
    "own_optimizer": ["epoch 20", "accuracy 0.9"],
    "rnn_digits": [f"{name} test accuracy 9" for name in ("RNN", "LSTM", "GRU")],
    "cnn_digits": ["test accuracy 98.", "are taken for another digit"],
    "three_frameworks": ["torch   : scores differ by at most"],
    "gpt_sort": ["100.0% of 182 unseen inputs sorted without a mistake"],
}
SLOW = {  # example -> words of its short setting, which is what CI runs
    "cnn_digits": ["test accuracy 9"],
    "gpt_sort": ["of 182 unseen inputs sorted without a mistake"],
}
ORACLE = ("three_frameworks",)  # needs the oracle extra


def test_the_readme_prints_what_it_shows():
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert found.attempted >= 9
    assert found.failed == 0


@pytest.mark.parametrize("page", make.pages(), ids=lambda p: p.name)
def test_a_page_shows_what_comes_out(page):
    """In a process of its own, in the short setting: exact outputs as they stand, bars held."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make.py"), "--check", str(page)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("stands", "comes", "equal"),
    [
        ("a 0.4842", "a 0.4842", True),
        ("a 0.4842", "a 0.4843", True),  # rounding
        ("a 0.4842", "a 0.4844", False),
        ("a 0.48", "a 0.4842", True),
        ("a 0.48", "a 0.50", False),
        ("a 12", "a 13", False),  # whole numbers are counted, not measured
        ("a 1.0e-05", "a 1.1e-05", True),
        ("a 1.0e-05", "a 1.0e-04", False),
        ("a 1", "b 1", False),
        ("a 1", "a 1\nmore", False),
    ],
)
def test_outputs_are_compared_at_the_digits_printed(stands, comes, equal):
    assert make.same(stands.split("\n"), comes.split("\n")) is equal


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```python\nprint(1)\n```\n<!-- exact -->\n```text\n1\n```\n", None),
        ("```python\nprint(1)\n```\n<!-- exact -->\n```text\n2\n```\n", "line 5: expected"),
        ("```python\nprint(1)\n```\nno fence\n", "line 1: it prints"),
        ("```python\nx = 1\n```\n<!-- exact -->\n```text\n1\n```\n", "prints nothing"),
        ('```python\nprint(1)\n```\n<!-- measured bar="1 > 2" -->\n```\n2\n```\n', "1 > 2"),
        ("```python\nx = 2.5\n```\nis <!-- = x -->2.5<!-- -->\n", None),
        ("```python\nx = 2.5\n```\nis <!-- = x -->2.7<!-- -->\n", "x is 2.5, not 2.7"),
        ("```python\nx = 2.5\n```\nis <!-- ~ x -->2.7<!-- -->\n", None),
        ("```python\n1/0\n```\n", "ZeroDivisionError"),
        ("```python\n", "never closed"),
    ],
)
def test_a_wrong_page_is_told(text, fault, tmp_path):
    (tmp_path / "page.md").write_text(text)
    faults = make.run_page(tmp_path / "page.md", check=True)
    assert (faults == []) if fault is None else (len(faults) == 1 and fault in faults[0])


def test_making_a_page_writes_its_outputs(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n\n```python\nprint(2.5)\n```\n\n<!-- exact -->\n```text\n```\n\nb\n")
    assert make.run_page(page, check=False) == []
    assert "<!-- exact -->\n```text\n2.5\n```\n\nb\n" in page.read_text()
    assert make.run_page(page, check=True) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


# What a page runs is compared there.
ON_PAGES = {
    name
    for page in make.pages()
    for name in re.findall(r"^<!-- run examples/(\w+)\.py -->", page.read_text("utf-8"), re.M)
}


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] * (name in SLOW) + [pytest.mark.oracle] * (name in ORACLE)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=_marks(name))
        for name in sorted({p.stem for p in (ROOT / "examples").glob("*.py")} - ON_PAGES)
    ],
)
def test_an_example_runs(name, tmp_path):
    run(name, EXAMPLES[name], tmp_path)


@pytest.mark.parametrize("name", SLOW)
def test_a_long_example_runs_in_a_short_setting(name, tmp_path):
    run(name, SLOW[name], tmp_path, "--short")


def run(name, words, folder, *options):
    """The example's output has the words, and it says nothing on stderr."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *options],
        cwd=folder, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for expected in words:
        assert expected in result.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_an_example_is_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 80
    assert lines[0].startswith('"""')


TEXTBOOKS = [ROOT / "docs" / "textbook.md", ROOT / "docs" / "textbook.zh.md"]


@pytest.mark.parametrize("contents", TEXTBOOKS, ids=lambda p: p.name)
def test_the_contents_name_every_page(contents):
    """A row a page: its link, its example and its picture; the same pages in both languages."""
    rows = [
        line for line in contents.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and "](" in line
    ]  # fmt: skip
    for row in rows:
        targets = re.findall(r"\]\(([^)]+)\)", row)
        assert any(t.startswith("textbook/") and t.endswith(".md") for t in targets), row
        assert any("examples/" in t for t in targets), row
        assert any("images/" in t for t in targets), row
    listed = set(re.findall(r"\(textbook/(\w+)\.md\)", "\n".join(rows)))
    assert listed == {p.stem for p in (ROOT / "docs" / "textbook").glob("*.md")}

"""What the README and the examples say is what comes out."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# example -> words that its output must hold
EXAMPLES = {
    "neuron": ["loss of the normal equations      0.4823", "d_w[i] = Sum(x[n,i]*d_a[n], n)"],
    "derive": ["slope     [0.072329 0.5      1.090784]", "curvature [0.302366 0.5      0.050062]"],
    "own_optimizer": ["epoch 20", "accuracy 0.9"],
    "digits": ["2,410 parameters", "again"],
}


def test_the_readme_prints_what_it_shows():
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert found.attempted >= 9
    assert found.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "examples").glob("*.py")))
def test_an_example_runs(name, tmp_path):
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py")],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for words in EXAMPLES[name]:
        assert words in result.stdout

"""A browser without a window, for the tests of pages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["browse", "needs_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0",
    "--virtual-time-budget=20000", "--dump-dom",
]  # fmt: skip

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here; .ci/run installs one"
)


def browse(address: str, profile: Path) -> tuple[str, list[str]]:
    """What a page becomes after its scripts ran, and the lines of its console."""
    ran = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", address],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.stdout, ran.stderr[-2000:]
    return ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]

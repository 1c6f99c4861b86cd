"""Formulas in the lines of a box: broken behind commas and before signs, never in a comparison."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnet.ops.catalogue import FORMULAS
from graphnet.view.wrapping import wrap

TABLE = [
    # text, width, lines
    ("", 46, []),
    ("Y[i] = 2·x[i]", 46, ["Y[i] = 2·x[i]"]),
    (
        "d_relu_1[n,i] = where(Z1[n,i] > 0, d_A1[n,i], 0), i < 1", 50,
        ["d_relu_1[n,i] = where(Z1[n,i] > 0, d_A1[n,i], 0),", "i < 1"],
    ),
    (
        "m_1[k] = where(8 ≤ k and k < 12, 1, 0.5), k < 16", 46,
        ["m_1[k] = where(8 ≤ k and k < 12, 1, 0.5),", "k < 16"],
    ),
    (
        "c_new[n,k] = s_1[n,k]·s_1[n,k + 8] + s_1[n,k + 4]·c[n,k], k < 4", 46,
        ["c_new[n,k] = s_1[n,k]·s_1[n,k + 8]", "+ s_1[n,k + 4]·c[n,k], k < 4"],
    ),
    (
        "loss = Σₙₖ (H1[n,k] - t[n,k])²/(size(n)·size(k))", 46,
        ["loss = Σₙₖ (H1[n,k] - t[n,k])²", "/(size(n)·size(k))"],
    ),
    (
        "m[i] = where(a[i] > 10 and b[i] < 20 and c[i] ≠ 30, 1, 0)", 30,
        ["m[i] = where(a[i] > 10", "and b[i] < 20 and c[i] ≠ 30,", "1, 0)"],
    ),
    (
        "H1 = scan(zeros_1, Z1, U1): the last h, over time steps", 46,
        ["H1 = scan(zeros_1, Z1, U1): the last h,", "over time steps"],
    ),
    ("y = " + "x" * 30, 20, ["y =", "x" * 20, "x" * 10]),
    ("a + b + c + d + e + f", 7, ["a + b", "+ c + d", "+ e + f"]),
    ("a + b + c + d + e + f + g", 7, ["a + b", "+ c + d", "+ e +…"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "width", "lines"), TABLE)
def test_where_lines_break(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width, 3) == lines


def _lawful(text: str, width: int, most: int) -> None:
    lines = wrap(text, width, most)
    assert len(lines) <= most
    assert all(0 < len(line) <= width for line in lines)
    shown = "".join(lines).replace(" ", "")
    whole = text.replace(" ", "")
    assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1]))


@given(st.text(alphabet="ab[](),+-·*/<> =Σₙ…", max_size=120), st.integers(1, 50), st.integers(1, 4))
def test_nothing_is_lost(text: str, width: int, most: int) -> None:
    _lawful(text, width, most)


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_of_the_catalogue(name: str) -> None:
    text = f"y[n,i] = {FORMULAS[name]}"
    for width in range(34, 60):
        _lawful(text, width, 9)
        lines = wrap(text, width, 9)
        for before, after in pairwise(lines):
            assert before.count("[") == before.count("]"), lines
            if before == "y[n,i] =":
                continue  # behind what is defined, not in a comparison
            assert not before.endswith(("<", ">", "=", "≤", "≥", "≠", "+", "-")), lines
            assert not after.startswith(("<", ">", "=", "≤", "≥", "≠")), lines

"""einsum of any pattern against NumPy's: what it computes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """A pattern with repeated letters, "...", sizes of 1 that broadcast; and shapes."""
    sizes = {c: draw(st.integers(0, 3)) for c in "abXy"}
    dots = draw(st.lists(st.integers(1, 2), max_size=2))
    parts, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.lists(st.sampled_from("abXy"), max_size=3))
        shape = [1 if draw(st.integers(0, 9)) == 0 else sizes[c] for c in letters]
        part = "".join(letters)
        if dots and draw(st.booleans()):
            cut, own = draw(st.integers(0, len(letters))), draw(st.integers(0, len(dots)))
            part = f"{part[:cut]}...{part[cut:]}"
            lead = [draw(st.sampled_from([1, d])) for d in dots[len(dots) - own :]]
            shape = [*shape[:cut], *lead, *shape[cut:]]
        parts.append(part)
        shapes.append(tuple(shape))
    pattern = ",".join(parts)
    if draw(st.booleans()):
        known = sorted({c for c in pattern if c.isalpha()})
        out = draw(st.permutations(known))[: draw(st.integers(0, len(known)))]
        text = "".join(out)
        if "..." in pattern and draw(st.integers(0, 9)):
            cut = draw(st.integers(0, len(text)))
            text = f"{text[:cut]}...{text[cut:]}"
        pattern += f" -> {text}"
    return pattern, shapes


@settings(max_examples=150, deadline=None)
@given(patterns())
def test_einsum_is_numpys(drawn):
    pattern, shapes = drawn
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    inputs = [gn.input(f"x{k}", shape) for k, shape in enumerate(shapes)]
    try:
        expected = np.einsum(pattern, *arrays)
    except ValueError:
        with pytest.raises(gn.GraphnetError):
            gn.einsum(pattern, *inputs)
        return
    found = gn.function(inputs, gn.einsum(pattern, *inputs), dtype="float64")(*arrays)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)

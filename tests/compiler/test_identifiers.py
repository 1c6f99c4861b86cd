"""Names in emitted code: legal, injective, unchanged where possible."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnet.compiler.identifiers import RESERVED, python_names

LETTERS = "abWxyz_019'αβγδεζηθλμνπρστφχψωςΔΣΩϕϵϑ"

CASES = [
    (["W1", "b1"], ["W1", "b1"]),
    (["w'", "w"], ["w_new", "w"]),
    (["w'", "w_new"], ["w_new_2", "w_new"]),
    (["w'", "w_new", "w_new_2"], ["w_new_3", "w_new", "w_new_2"]),
    (["class", "class_"], ["class__2", "class_"]),
    (["np", "float", "logsumexp"], ["np_", "float_", "logsumexp_"]),
    (["λ", "lambda"], ["λ", "lambda_"]),
    (["ϕ", "φ"], ["φ_2", "φ"]),  # Python reads ϕ as φ
    (["1x", "a b", ""], ["n_1x", "a_b", "n_"]),
    (["a", "a"], ["a"]),
]


@pytest.mark.parametrize(("names", "expected"), CASES)
def test_table(names: list[str], expected: list[str]) -> None:
    assert list(python_names(names).values()) == expected


@given(st.lists(st.text(LETTERS, min_size=1, max_size=6) | st.sampled_from(sorted(RESERVED))))
def test_identifiers_are_legal_and_distinct(names: list[str]) -> None:
    result = python_names(names)
    assert list(result) == list(dict.fromkeys(names))
    assert len(set(result.values())) == len(result)
    for identifier in result.values():
        assert identifier.isidentifier()
        assert not keyword.iskeyword(identifier)
        assert identifier not in RESERVED
        scope: dict[str, int] = {}
        exec(f"{identifier} = 1", {}, scope)  # what Python itself makes of it
        assert list(scope) == [identifier]

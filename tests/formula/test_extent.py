"""Extents against numbers: every operation means what it says for every size."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphnet.errors import GraphnetError
from graphnet.formula.extent import (
    Poly,
    add,
    at_least,
    evaluate,
    floordiv,
    mul,
    named,
    names,
    neg,
    product,
    show_extent,
    sub,
    substitute,
)
from graphnet.formula.parse import parse

SIZES = [{"a": x, "b": y} for x, y in itertools.product([0, 1, 2, 3, 5, 8, 13], repeat=2)]
quick = settings(max_examples=150, deadline=None)


def fold(op, meaning):
    return lambda pair: (
        op(pair[0][0], pair[1][0]),
        lambda s: meaning(pair[0][1](s), pair[1][1](s)),
    )


leaves = st.one_of(
    st.integers(-9, 9).map(lambda n: (n, lambda s: n)),
    st.sampled_from(["a", "b"]).map(lambda n: (named(n), lambda s: s[n])),
)


def grown(children):
    pairs = st.tuples(children, children)
    divided = st.tuples(children, st.integers(1, 7)).map(
        lambda p: (floordiv(p[0][0], p[1]), lambda s: p[0][1](s) // p[1])
    )
    return st.one_of(
        pairs.map(fold(add, lambda x, y: x + y)), pairs.map(fold(sub, lambda x, y: x - y)),
        pairs.map(fold(mul, lambda x, y: x * y)), divided,
    )  # fmt: skip


extents = st.recursive(leaves, grown, max_leaves=6)


@quick
@given(extents)
def test_every_operation_means_what_it_says(pair):
    e, meaning = pair
    for s in SIZES:
        assert evaluate(e, s) == meaning(s)


@quick
@given(extents, st.integers(-3, 3), st.sampled_from([0, 1]))
def test_at_least_is_never_wrong(pair, bound, smallest):
    e, meaning = pair
    if at_least(e, bound, smallest):
        for s in SIZES:
            if min(s.values()) >= smallest:
                assert meaning(s) >= bound


@quick
@given(extents, extents)
def test_equal_polynomials_are_equal_and_shown_text_is_python(pair, other):
    e, f = pair[0], other[0]
    assert sub(add(e, f), f) == e
    assert add(e, f) == add(f, e)
    assert mul(e, f) == mul(f, e)
    assert add(e, neg(e)) == 0
    for s in SIZES[::5]:
        assert eval(show_extent(e), {}, s) == evaluate(e, s)


@quick
@given(extents)
def test_text_parses_back(pair):
    e, _ = pair
    if at_least(e, 0, 0):
        (equation,) = parse(f"Y[i] = 1, i < {show_extent(e)}", sizes=("a", "b"))
        assert equation.formula.bounds == (e,)


@quick
@given(extents, extents)
def test_substitution(pair, other):
    e, meaning = pair
    replaced = substitute(e, {"a": other[0]})
    for s in SIZES:
        assert evaluate(replaced, s) == meaning({"a": other[1](s), "b": s["b"]})


def test_certain_comparisons():
    a, b = named("a"), named("b")
    for e, bound, smallest, certain in [
        (a, 1, 1, True), (a, 1, 0, False), (a, 0, 0, True), (sub(a, 1), 0, 1, True),
        (sub(a, b), 0, 1, False), (sub(mul(a, b), b), 0, 1, True), (sub(mul(2, a), a), 1, 1, True),
        (sub(a, floordiv(a, 2)), 0, 1, True), (sub(a, floordiv(add(a, 1), 2)), 0, 1, True),
        (floordiv(add(a, 1), 2), 1, 1, True), (5, 5, 1, True), (4, 5, 1, False),
        (mul(sub(a, 1), sub(b, 1)), 0, 1, True), (neg(a), 0, 1, False),
    ]:  # fmt: skip
        assert at_least(e, bound, smallest) is certain, (e, bound, smallest)


def test_exact_division_and_names():
    a, b = named("a"), named("b")
    assert floordiv(mul(6, a), 3) == mul(2, a)
    assert floordiv(add(mul(6, a), 2), 3) == mul(2, a)
    assert floordiv(mul(a, b), a) == b
    assert floordiv(a, a) == 1
    assert product((a, 3, b)) == mul(3, mul(b, a))
    assert names(add(mul(b, 2), floordiv(add(a, 1), 2))) == ("a", "b")
    assert show_extent(sub(mul(2, a), 3)) == "2*a - 3"
    assert isinstance(named("a"), Poly)
    for bad in [lambda: floordiv(a, b), lambda: floordiv(a, 0), lambda: evaluate(a, {})]:
        with pytest.raises(GraphnetError):
            bad()


def test_people_compute_with_sizes():
    n = named("batch")
    cases = [(n + 1, 8), (1 + n, 8), (n - 2, 5), (9 - n, 2), (3 * n, 21), (n * n, 49), (n // 2, 3)]
    for made, value in cases:
        assert evaluate(made, {"batch": 7}) == value

"""Subscripts against numbers: every form means what it says at every loop point."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from graphnet.formula.extent import evaluate, named, substitute
from graphnet.formula.extent import floordiv as size_floordiv
from graphnet.formula.subscript import (
    Affine,
    FloorDiv,
    Gather,
    Index,
    Mod,
    bare,
    constant,
    floordiv,
    make,
    mod,
)

TABLE = (3, 0, 4, 1, 1)
BATCH = named("batch")
quick = settings(max_examples=200, deadline=None)


def value(s: Affine, point: tuple[int, ...], sizes: dict[str, int]) -> int:
    """The number a subscript stands for, from its definition."""
    total = evaluate(s.const, sizes)
    for atom, coefficient in s.terms:
        match atom:
            case Index(p):
                n = point[p]
            case FloorDiv(inner, d):
                n = value(inner, point, sizes) // evaluate(d, sizes)
            case Mod(inner, d):
                n = value(inner, point, sizes) % evaluate(d, sizes)
            case Gather(_, (at,)):
                n = TABLE[value(at, point, sizes) % len(TABLE)]
        total += evaluate(coefficient, sizes) * n
    return total


leaves = st.one_of(
    st.integers(0, 2).map(lambda p: (bare(p), lambda q, s: q[p])),
    st.integers(-5, 5).map(lambda n: (constant(n), lambda q, s: n)),
    st.just((constant(BATCH), lambda q, s: s["batch"])),
)


def grown(children, gathers=False):
    pairs = st.tuples(children, children)
    scaled = st.tuples(children, st.integers(-3, 3))
    divided = st.tuples(children, st.one_of(st.integers(1, 4), st.just("batch")))
    forms = [
        pairs.map(lambda p: (p[0][0] + p[1][0], lambda q, s: p[0][1](q, s) + p[1][1](q, s))),
        pairs.map(lambda p: (p[0][0] - p[1][0], lambda q, s: p[0][1](q, s) - p[1][1](q, s))),
        scaled.map(lambda p: (p[0][0].scale(p[1]), lambda q, s: p[0][1](q, s) * p[1])),
        divided.map(
            lambda p: (
                floordiv(p[0][0], BATCH if p[1] == "batch" else p[1]),
                lambda q, s: p[0][1](q, s) // s.get(p[1], p[1]),
            )
        ),
        divided.map(
            lambda p: (
                mod(p[0][0], BATCH if p[1] == "batch" else p[1]),
                lambda q, s: p[0][1](q, s) % s.get(p[1], p[1]),
            )
        ),
    ]
    if gathers:
        forms.append(
            children.map(
                lambda c: (
                    make(0, [(Gather(0, (c[0],)), 1)]),
                    lambda q, s: TABLE[c[1](q, s) % len(TABLE)],
                )
            )
        )
    return st.one_of(forms)


subscripts = st.recursive(leaves, grown, max_leaves=5)
with_gathers = st.recursive(leaves, lambda c: grown(c, True), max_leaves=5)
EXTENTS = (3, 4, BATCH)


def points(sizes: dict[str, int]):
    return itertools.product(*(range(evaluate(e, sizes)) for e in EXTENTS))


@quick
@given(with_gathers)
def test_every_form_means_what_it_says(pair):
    s, meaning = pair
    for sizes in ({"batch": 1}, {"batch": 3}):
        for q in points(sizes):
            assert value(s, q, sizes) == meaning(q, sizes)


@quick
@given(subscripts)
def test_an_interval_holds_every_value(pair):
    s, meaning = pair
    interval = s.interval(EXTENTS)
    if interval is not None:
        for sizes in ({"batch": 1}, {"batch": 2}, {"batch": 5}):
            low, high = (evaluate(e, sizes) for e in interval)
            assert all(low <= meaning(q, sizes) <= high for q in points(sizes))


@quick
@given(with_gathers)
def test_maps(pair):
    s, meaning = pair
    sizes = {"batch": 3}
    moved = s.map(index=lambda p: bare((p + 1) % 3))
    known = s.map(extent=lambda e: substitute(e, sizes))
    for q in itertools.product(range(3), repeat=3):
        assert value(moved, q, sizes) == meaning((q[1], q[2], q[0]), sizes)
        assert value(known, q, {}) == meaning(q, sizes)
    assert s.map(slot=lambda k: k + 4).map(slot=lambda k: k - 4) == s
    assert moved.map(index=lambda p: bare((p + 2) % 3)) == s


@quick
@given(with_gathers, with_gathers)
def test_equal_forms_are_equal(a, b):
    assert a[0] + b[0] == b[0] + a[0]
    assert (a[0] + b[0]) - b[0] == a[0]
    assert a[0] - a[0] == constant(0)
    assert {a[0]: 1}[a[0] + constant(0)] == 1


def test_parts():
    s = bare(1).scale(2) + constant(1)
    assert (s.bare, bare(1).bare, constant(0).bare) == (None, 1, None)
    assert s.indices() == {1}
    assert s.affine_in_indices
    g = make(0, [(Gather(3, (s,)), 1)])
    assert g.gathers() == (Gather(3, (s,)),)
    assert g.indices() == {1}
    assert not g.affine_in_indices
    assert floordiv(constant(-3), 2) == constant(-2)
    assert mod(constant(-3), 2) == constant(1)
    assert floordiv(s, 1) == s
    assert mod(s, 1) == constant(0)
    assert s.interval((9, size_floordiv(BATCH, 2)))[0] == 1
    assert g.interval((9, 9)) is None

"""The laws by which an adjoint is written: structure, selection, caching."""

from __future__ import annotations

import pytest
import sympy

from graphnet.formula.derive import adjoint, is_selection, slope, tie_count
from graphnet.formula.formula import Formula, hole
from graphnet.formula.functions import Abs, Max, Min, expw, where
from graphnet.formula.parse import parse

x, y = hole(0), hole(1)
oo = sympy.oo


def formula(text: str) -> Formula:
    return parse(text)[-1].formula


SLOPES = [
    (where(x > 0, x, 0), where(x > 0, 1, 0)),
    (sympy.exp(where(x > 0, x, 0)), where(x > 0, sympy.exp(x), 0)),
    (Abs(x) * y, where(x > 0, y, where(x < 0, -y, 0))),
    (Max(x, 0), where(x > 0, 1, where(sympy.Gt(0, x), 0, sympy.Rational(1, 2)))),
    (Max(x, x), sympy.Integer(1)),
    (Min(x, y), where(x < y, 1, where(y < x, 0, sympy.Rational(1, 2)))),
    (where(x > 0, x, sympy.exp(x / 2) - 1), where(x > 0, 1, sympy.exp(x / 2) / 2)),
    (x**y, y * x ** (y - 1)),
    (expw(x, y), expw(x, y)),
    (sympy.sqrt(x), 1 / (2 * sympy.sqrt(x))),
    (where(y > 0, y, 1), sympy.Integer(0)),
    (where(x > 0, y, 1), sympy.Integer(0)),
]


@pytest.mark.parametrize(("body", "expected"), SLOPES, ids=str)
def test_slopes_are_written_by_selection(body: sympy.Expr, expected: sympy.Expr) -> None:
    assert slope(body, x) == expected


def test_no_product_with_a_mask_is_left() -> None:
    for text in ("exp(x)*where(x > 0, x, 0)", "Max(x, 0)**3*exp(x)", "Abs(x)*sin(Abs(x))"):
        body = formula(text).body
        for part in sympy.preorder_traversal(slope(body, x)):
            masks = [a for a in part.args if isinstance(a, where) and 0 in a.args[1:]]
            assert not (isinstance(part, sympy.Mul) and masks), slope(body, x)


def test_it_writes_where_the_forward_read() -> None:
    f = formula("Y[i,j] = Sum(A[2*i+k]*B[k,j], k), i < 3")
    for k, read in enumerate(f.reads):
        found = adjoint(f, k)
        assert found is not None
        assert found.formula.target == read.subs
        assert found.formula.accumulate
        assert found.formula.indices == f.indices
        assert {r.slot for r in found.formula.reads} == {1 - read.slot, found.upstream}


def test_extremum_and_logsumexp_read_value_and_ties() -> None:
    found = adjoint(formula("Y[i] = Max(A[i,j], j)"), 0)
    assert found is not None
    assert {r.slot for r in found.formula.reads} == {0, found.upstream, found.value, found.ties}
    found = adjoint(formula("Y[i] = LogSumExp(A[i,j], j)"), 0)
    assert found is not None
    assert found.formula.body == hole(1) * expw(hole(0), hole(2))
    count = tie_count(formula("Y[i] = Max(A[i,j], j)"))
    assert count.body == where(sympy.Eq(hole(0), hole(1)), 1, 0)
    assert count.reduce == "Sum"


def test_equal_structures_share_one_derivation() -> None:
    first, second = (
        formula("P[a,b] = Sum(x[a,c]*w[c,b], c)"),
        formula("Q[i,j] = Sum(A[i,k]*B[k,j], k)"),
    )
    assert first == second
    assert adjoint(first, 0) is adjoint(second, 0)


def test_no_slope_no_adjoint() -> None:
    assert adjoint(formula("where(x > 0, 1, 0)"), 0) is None
    assert adjoint(formula("sign(x)"), 0) is None
    f = formula("where(a > 0, b, 0)")
    assert [adjoint(f, k) is None for k in range(2)] == [True, False]


def test_what_can_be_compared_bit_by_bit() -> None:
    assert is_selection(x)
    assert is_selection(where(y > 0, x, -oo))
    assert not is_selection(2 * x)
    assert not is_selection(where(y > 0, x + 1, -oo))

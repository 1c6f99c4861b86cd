"""show: the text parses back to the same equation; names and hash seeds change nothing."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings

from graphnet.errors import GraphnetError
from graphnet.formula.extent import add, floordiv, mul, named
from graphnet.formula.formula import Equation, Formula, Read, dim_symbol, hole, normalize
from graphnet.formula.parse import parse
from graphnet.formula.show import show
from graphnet.formula.subscript import Affine, Gather, bare, make
from graphnet.network.nodes import Input
from graphnet.network.shapes import computed
from tests.formula.formulas import formulas

GIVEN = {"params": {"lr": 0.1, "s": 2}, "sizes": ("batch",)}
drawn = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def equations(text: str) -> tuple[Equation, ...]:
    try:
        return parse(text, **GIVEN)
    except GraphnetError:
        assume(False)  # no real value (log(0)), or an index that cancelled away
        raise


@drawn
@given(formulas())
def test_the_text_parses_back_to_the_same_equation(text):
    for e in equations(text):
        assert parse(show(e), operands=e.operands, sizes=("batch",)) == (e,)
        for style in ("unicode", "latex"):
            assert show(e, style)


@drawn
@given(formulas())
def test_renaming_changes_no_structure(text):
    # Reverses the order of the names, which is what sympy sorts by when it is given names.
    swap = {"x": "zz", "W": "A", "b": "yy", "c_1": "xx", "E": "ww", "α": "vv", "I": "B", "T": "u1",
            "P": "u0", "y": "a1", "z": "a0", "mask": "uu", "v'": "c'",
            "i": "r", "j": "q", "k": "p", "l": "o", "n": "m"}  # fmt: skip
    renamed = re.sub(r"[A-Za-z_α][A-Za-z0-9_]*'?", lambda m: swap.get(m[0], m[0]), text)
    before, after = equations(text), parse(renamed, **GIVEN)
    assert [e.formula for e in before] == [e.formula for e in after]


# text in, and as it is shown
SHOWN = [
    ("Y[n,o]=Sum(x[n,i]*W[i,o],i)", "Y[n,o] = Sum(x[n,i]*W[i,o], i)"),
    ("Y[n,o] = Sum(W[i,o]*x[n,i], i)", "Y[n,o] = Sum(W[i,o]*x[n,i], i)"),
    ("x/(1+exp(-x))", "Y = x/(1 + exp(-x))"),
    ("a+(-1)*b", "Y = a - b"),
    ("-a-b", "Y = -(a + b)"),
    ("(-a - b)*c", "Y = (-a - b)*c"),
    ("-(a + b)*c", "Y = -(a + b)*c"),
    ("(-a - b)/(-c - d)", "Y = (-a - b)/(-c - d)"),
    ("exp(-a - b)", "Y = exp(-(a + b))"),
    ("(-a - b)**2", "Y = (-(a + b))**2"),
    ("x - 1", "Y = x - 1"),
    ("1 - t", "Y = 1 - t"),
    ("x**-1", "Y = 1/x"),
    ("x**0.5", "Y = sqrt(x)"),
    ("x**(-1/2)", "Y = 1/sqrt(x)"),
    ("a/(b*c)", "Y = a/(b*c)"),
    ("0.1*x", "Y = 0.1*x"),
    ("x/10", "Y = 0.1*x"),
    ("x/3", "Y = x/3"),
    ("1/3 + x", "Y = 1/3 + x"),
    ("1e-7 + x", "Y = 1e-07 + x"),
    ("1e300*x", "Y = 1e+300*x"),
    ("2*(x + y)", "Y = 2*x + 2*y"),  # sympy distributes numbers
    ("2*(x + y)*z", "Y = 2*(x + y)*z"),
    ("(-x)**3", "Y = -x**3"),
    ("2**(x + 1)", "Y = 2**(1 + x)"),
    ("where(not (a > 0 and m), 1, 0)", "Y = where(not (a > 0 and m), 1, 0)"),
    ("exp(1)*x", "Y = x*exp(1)"),
    ("tan(x + pi/2)", "Y = -1/tan(x)"),
    ("where(m, x, -oo)", "Y = where(m, x, -oo)"),
    ("Y[i] = x[7-2*i] + x[i%3] + x[(i+1)//2]",
     "Y[i] = x[(i + 1) // 2] + x[i % 3] + x[7 - 2*i]"),
    ("Y[i,i] += A[i], shape (4, 4)", "Y[i,i] += A[i], shape (4, 4)"),
    ("Y[i] = where(i < 3, A[i], B[i - 3])", "Y[i] = where(i < 3, A[i], B[i - 3])"),
    ("Y[i] = A[i], i < 7", "Y[i] = A[i], i < 7"),
    ("Y[i] = i[]*x[i]*pi[] + i", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_shown(text, shown):
    (e,) = parse(text)
    if shown is not None:
        assert show(e) == shown
    assert parse(show(e), operands=e.operands) == (e,)


UNICODE = [
    ("Y[n,o] = Sum(x[n,i]*W[i,o], i)", "Y[n,o] = Σᵢ x[n,i]·W[i,o]"),
    ("Y = Sum(x[i] - y[i], i)", "Y = Σᵢ (x[i] - y[i])"),
    ("Y[n] = Max(where(k <= n, x[k], -oo), k), n < 3",
     "Y[n] = maxₖ(where(k ≤ n, x[k], -∞)), n < 3"),
    ("sqrt(pi)*x**2", "Y = x²·√(π)"),
    ("where(x != 0, x, 1)", "Y = where(x ≠ 0, x, 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), UNICODE)
def test_unicode(text, shown):
    assert show(parse(text)[0], "unicode") == shown


LATEX = [
    ("Y[n,o] = Sum(x[n,i]*W[i,o], i)", r"Y_{n,o} = \sum_{i} x_{n,i} W_{i,o}"),
    ("Y = Sum(x[i] - y[i], i)", r"Y = \sum_{i} \left(x_{i} - y_{i}\right)"),
    ("where(x > 0, x, 0)",
     r"Y = \begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}"),
    ("x/(1 + exp(-x))", r"Y = \frac{x}{1 + e^{-x}}"),
    ("d_Z[n] = d_A[n]*hidden_W[n]", r"\bar{Z}_{n} = \bar{A}_{n} \mathrm{hidden\_W}_{n}"),
    ("w' = w - lr*g", r"w' = w - \mathrm{lr} g"),
    ("1e-8*x*oo + sqrt(α)", None),
    ("x*1e-8", r"Y = 10^{-8} x"),
    ("exp(1)*x", r"Y = x e"),
    ("Y[i] += x[T[i]], shape (4)", r"Y_{i} \mathrel{+}= x_{T_{i}}"),
    ("Y[i] = x[i - 2], i < 8", r"Y_{i} = x_{i - 2},\; i < 8"),
    ("Y[i] = x[i]/((b_1 + 1)//2)",
     r"Y_{i} = \frac{x_{i}}{\left\lfloor \frac{\mathrm{b\_1} + 1}{2} \right\rfloor}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), LATEX)
def test_latex(text, shown):
    found = show(parse(text, sizes=("b_1",))[-1], "latex")
    assert found.count("{") == found.count("}")
    assert shown is None or found == shown


def test_unknown_style():
    with pytest.raises(GraphnetError, match="unicode"):
        show(parse("x")[0], "html")


def test_formulas_that_no_text_made():
    """What passes build: composite sizes, 0-d int tensors, indices without names."""
    batch = named("batch")
    size = add(mul(3, batch), floordiv(add(batch, 1), 2))
    f = normalize(
        Formula(
            target=(bare(0),), body=hole(0) / dim_symbol(0),
            reads=(Read(0, (bare(0), Affine(0, ((Gather(1, ()), 1),)))),), indices=1,
            bounds=(size,), dims=(size,),
        )
    )  # fmt: skip
    e = Equation(f, "Y", ("x", "T"), ("batch",))  # an index named like a size is shown apart
    (back,) = parse(show(e), operands=("x", "T"), sizes=("batch",))
    assert show(e) == ("Y[i] = x[i,T[]]/(((batch + 1)//2) + 3*batch), i < (batch + 1)//2 + 3*batch")
    assert back.formula == f


def test_loops_of_nodes_are_numbered_as_their_text_names_them():
    """Whatever numbering a pass gives the loops of a "+=", the node's formula parses back."""
    nodes = [Input(shape=(7, 2, 3), dtype="float", name="A"), Input(shape=(3,), dtype="int")]
    for order in itertools.permutations(range(3)):
        i, j, k = (bare(p) for p in order)
        f = Formula(
            target=(make(0, [(Gather(1, (k,)), 1)]) + j,), body=hole(0),
            reads=(Read(0, (i, j, k)),), indices=3, accumulate=True, shape=(9,),
        )  # fmt: skip
        sizes = {order[0]: 7, order[1]: 2, order[2]: 3}
        node = computed(f, nodes, [sizes[p] for p in range(3)], (9,))
        e = Equation(node.formula, "Y", ("A", "T"), ("i", "j", "k"))
        assert show(e) == "Y[i + T[j]] += A[k,i,j], shape (9)"
        assert node.extents == (2, 3, 7)
        assert parse(show(e), operands=e.operands) == (e,)


def test_long_choices_are_shown_flat():
    pieces = ", ".join(f"(x{k}[i - {k}], i < {k + 1})" for k in range(150))
    (e,) = parse(f"Y[i] = Piecewise({pieces}, (0, True)), i < 150")
    assert "Piecewise" in show(e)
    assert parse(show(e), operands=e.operands) == (e,)


PROGRAM = """
from graphnet.formula.parse import parse
from graphnet.formula.show import show
for text in [
    "a*b + c/d - exp(a)*b**2 + 3 + sqrt(c)*log(d)*2/(a + b + c)",
    "where(a < b and c > d or not m and a == 3, a*c + b*d, Max(a, b, c))",
    "Y[i + T[j]] += A[i,j]*B[j,k]*C[k,i,j]*i*k + size(j)*B[k,j], shape (9)",
]:
    for e in parse(text):
        print(show(e), show(e, "unicode"), show(e, "latex"), sep="|")
"""


def test_text_does_not_depend_on_the_hash_seed():
    runs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("0", "1", "7")
    }  # fmt: skip
    assert len(runs) == 1

"""parse: what formulas become, how they are split, and what is refused, with a caret."""

from __future__ import annotations

import re
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy

from graphnet.errors import GraphnetError
from graphnet.formula.extent import add, mul, named
from graphnet.formula.formula import Read, hole, index_symbol, size_symbol
from graphnet.formula.functions import Holds, where
from graphnet.formula.parse import parse, parse_rule
from graphnet.formula.show import show
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, bare

NOTATION = Path(__file__).parents[2] / "docs" / "notation.md"


def one(text: str, **kw):
    (equation,) = parse(text, **kw)
    return equation


def test_matmul_is_structure_without_names():
    e = one("Y[n,o] = Sum(x[n,i]*W[i,o], i)")
    f = e.formula
    assert (e.name, e.operands, e.indices) == ("Y", ("x", "W"), ("n", "o", "i"))
    assert f.target == (bare(0), bare(1))
    assert f.reduce == "Sum"
    assert f.reads == (Read(0, (bare(0), bare(2))), Read(1, (bare(2), bare(1))))
    assert f.body == hole(0) * hole(1)
    assert f.over == (2,)


def test_operands_in_the_given_slots():
    e = one("Y[n,o] = Sum(x[n,i]*W[i,o], i)", operands=("W", "unread", "x"))
    assert e.operands == ("W", "unread", "x")
    assert [r.slot for r in e.formula.reads] == [0, 2]


def test_subscripts():
    e = one("Y[i,j] = x[2*(i + 3) - s, j//2, T[i,0]]", params={"s": 4}, operands=("x", "T"))
    first, second, third = e.formula.reads[0].subs
    assert first == Affine(2, ((Index(0), 2),))
    assert second == Affine(0, ((FloorDiv(bare(1), 2), 1),))
    assert third == Affine(0, ((Gather(1, (bare(0), Affine(0))), 1),))


def test_body_numbers():
    h, i, n = hole(0), index_symbol(0), size_symbol(0)
    for text, body in [
        ("Y[i] = x[i]*i/size(i)", h * i / n),
        ("Y[i] = 0.1*x[i]", h / 10),
        ("Y[i] = 1e-3*x[i]", h / 1000),
        ("Y[i] = -x[i]**2", -(h**2)),
        ("Y[i] = 2**x[i]**2", 2 ** (h**2)),
        ("Y[i] = x[i]**-2", h**-2),
        ("Y[i] = pi*x[i]", sympy.pi * h),
        ("Y[i] = maximum(x[i], 0)", one("Y[i] = Max(x[i], 0)").formula.body),
        ("Y[i] = Piecewise((x[i], x[i] > 0), (0, True))", where(h > 0, h, 0)),
        ("Y[i] = Heaviside(x[i] - 1, 0)", one("Y[i] = Heaviside(x[i] - 1, 0)").formula.body),
        ("Y[i] = where(not m[i] or m[i] and i < 3, 1, 0)",
         where(sympy.Or(sympy.Not(Holds(h)), sympy.And(Holds(h), i < 3)), 1, 0)),
    ]:  # fmt: skip
        assert one(text).formula.body == body, text


@pytest.mark.parametrize(
    ("value", "number"),
    [(2, 2), (0.1, sympy.Rational(1, 10)), (np.float32(0.5), sympy.Rational(1, 2)),
     (np.int64(3), 3), (Fraction(1, 3), sympy.Rational(1, 3)), (float("-inf"), -sympy.oo),
     (True, 1)],
)  # fmt: skip
def test_params_are_exact_numbers(value, number):
    assert one("where(c, x, a)", params={"a": value}).formula.body.args[2] == number


def test_an_int_and_a_float_of_equal_value_are_two_params():
    assert one("Y[i] = x[s*i]", params={"s": 2})
    with pytest.raises(GraphnetError, match="whole number"):
        parse("Y[i] = x[s*i]", params={"s": 2.0})


def test_sizes_and_extents():
    batch = named("batch")
    e = one("Y[i] += x[i]/batch + (batch + 1)//2, i < 2*batch, shape (batch + 1)",
            sizes=("batch",))  # fmt: skip
    assert e.formula.bounds == (mul(2, batch),)
    assert e.formula.shape == (add(batch, 1),)
    assert len(e.formula.dims) == 2
    # A composite extent is kept as the named sizes it is made of.
    p = one("x*N", params={"N": add(mul(2, batch), 3)}).formula
    assert p.dims == (batch,)
    assert p == one("x*(2*batch + 3)", sizes=("batch",)).formula


def test_an_index_may_have_the_name_of_a_size():
    assert one("Y[n,o] = Sum(x[n,i]*W[i,o], i)", sizes=("n", "i")).indices == ("n", "o", "i")


SPLITS = [
    ("Y[n,o] = Sum(x[n,i]*W[i,o], i) + b[o]",
     ["Y_sum[n,o] = Sum(x[n,i]*W[i,o], i)", "Y[n,o] = Y_sum[n,o] + b[o]"]),
    ("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)",
     ["P_sum[n] = Sum(exp(z[n,j]), j)", "P[n,k] = exp(z[n,k])/P_sum[n]"]),
    ("Y = Sum(x[i], i) - Sum(Y_sum[j], j)",
     ["Y_sum_2 = Sum(x[i], i)", "Y_sum_3 = Sum(Y_sum[j], j)", "Y = Y_sum_2 - Y_sum_3"]),
    ("Y = Max(x[i], i) - Min(x[i], i) + LogSumExp(x[i], i)",
     ["Y_max = Max(x[i], i)", "Y_min = Min(x[i], i)", "Y_lse = LogSumExp(x[i], i)",
      "Y = Y_max - Y_min + Y_lse"]),
    ("Y = Sum(x[i], i)**2/Sum(x[j], j)", ["Y_sum = Sum(x[i], i)", "Y = Y_sum"]),
    ("Y[i] = Sum(Sum(x[i,j,k], k)**2, j)",
     ["Y_sum[i,j] = Sum(x[i,j,k], k)", "Y[i] = Sum(Y_sum[i,j]**2, j)"]),
    ("Y[i] = 1 + Sum(where(k <= i, x[k], 0), k), i < 7",
     ["Y_sum[i] = Sum(where(k <= i, x[k], 0), k), i < 7", "Y[i] = 1 + Y_sum[i], i < 7"]),
    ("Y[i] = Max(x[i], 0, i)", ["Y[i] = Max(x[i], 0, i)"]),  # i is in the target: a function
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), SPLITS)
def test_inner_reductions_are_split(text, shown):
    found = parse(text)
    assert [show(e) for e in found] == shown
    earlier: list[str] = []
    for e in found:  # each reads only user names and earlier equations
        assert all(o in text or o in earlier for o in e.operands)
        earlier.append(e.name)


@pytest.mark.parametrize("text", ["x/(1+exp(-x))", "Y = x/(1 + exp(-x))", "Y[] = x[]/(1+exp(-x))"])
def test_pointwise(text):
    f = one(text).formula
    assert f.pointwise
    assert (f.target, f.indices, f.reads) == ((), 0, (Read(0),))


def test_a_bare_name_beside_indexed_reads_is_0_d():
    f = one("Y[i] = a*x[i]").formula
    assert not f.pointwise
    assert f.reads == (Read(0), Read(1, (bare(0),)))


def test_rule():
    v, w = parse_rule("v' = beta*v + g; w' = w - lr*v'", params={"beta": 0.9})
    assert (v.name, v.operands) == ("v'", ("v", "g"))
    assert (w.name, w.operands) == ("w'", ("w", "lr", "v'"))
    for bad in ["w - lr*g", "w'[i] = g[i]", "w' += g"]:
        with pytest.raises(GraphnetError):
            parse_rule(bad)


def test_loops_of_an_accumulation_are_numbered_by_appearance():
    a = one("Y[T[i] + r] += A[r,i,k], shape (6)")
    b = one("Y[P[b] + a] += W[a,b,c], shape (6)")
    assert a.formula == b.formula
    assert show(a) == "Y[r + T[i]] += A[r,i,k], shape (6)"
    assert a.indices == ("r", "i", "k")
    assert one("Y[0] += 1, i < 3, shape (1)").formula.indices == 1


@pytest.mark.parametrize("name", ["lambda", "np", "E", "I", "exp", "S", "α", "Sum", "x_1"])
def test_any_name_may_be_a_tensor(name):
    assert one(f"Y[i] = 2*{name}[i]").operands == (name,)
    assert one(f"2*{name}").operands == (name,)


REFUSED = [
    ("Y[i] = x[j]", "index j stands neither", 10),
    ("Y[i] = Sum(x[i,j], j)*j", "index j stands neither", 23),
    ("Y[i] = Sum(x[i,k], i)", "not in the target", 8),
    ("Y[i,i] = x[i]", "stands twice", 5),
    ("Y[2*i] = x[i]", 'target of "="', 4),
    ("Y[i] = x[i*i]", "by a number, not by an index", 11),
    ("Y[i] = x[i/2]", "does not stand in a subscript", 11),
    ("Y[i] = x[1.5]", "whole numbers", 10),
    ("Y[i] = x[i//0]", "above 0", 11),
    ("Y[i] = x[i] < 3", "where(condition, 1, 0)", 13),
    ("Y[i] = where(x[i], 1)", "takes 3 arguments", 8),
    ("Y[i] = where(x[i] + 1, 1, 0)", "expected a condition", 19),
    ("Y[2*i] += x[i]", "says its shape", 1),
    ("Y[i] += Sum(x[i,j], j), shape (3)", "every index is a loop", 9),
    ("Y[i] = x[i], shape (3)", "only a", 1),
    ("Y[i] = x[i], k < 3", "no index", 14),
    ("Y[i] = x[i], i < -3", "not negative", 18),
    ("Y = Sum(3, i)", "how far index i runs", 9),
    ("x < y < z", "chain", 7),
    ("where(x < y < z, 1, 0)", "chain", 13),
    ("where(x < oo, 1, 0)", "compared with oo", 9),
    ("Piecewise((x, x > 0))", "what holds otherwise", 1),
    ("sigmod(x)", "no function", 1),
    ("1 + Sigmoid(x)", "no function 'Sigmoid'; here it is written 1/(1 + exp(-x))", 5),
    ("log10(x)", "here it is written log(x)/log(10)", 1),
    ("Y[n] = Σ(x[n,i], i)", "written Sum(...)", 8),
    ("sqr(x)", "did you mean 'sqrt'", 1),
    ("np.exp(x)", "no meaning", 3),
    ("x^2", "write **", 2),
    ("2x", "expected an operator", 2),
    ("x y", "expected an operator", 3),
    ("(x", "expected ')'", 3),
    ("", "expected a formula", 1),
    ("x if x > 0 else 0", "expected an operator", 3),
    ("__import__('os')", "no meaning", 12),
    ("1/0", "division by 0", 3),
    ("oo - oo", "no real value", 4),
    ("sqrt(-1)", "no real power", 1),
    ("(1 - log(10))**(-1/2)", "no real power", 14),
    ("log(0)", "no real value", 1),
    ("é", "U+00E9", 1),
    ("\u202ex", "U+202E", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "column"), REFUSED)
def test_refusals_point_at_the_column(text, words, column):
    with pytest.raises(GraphnetError, match=re.escape(words)) as caught:
        parse(text)
    *_, shown, caret = str(caught.value).split("\n")
    assert caret == " " * (len(shown) - len(shown.lstrip()) + column - 1) + "^" or not text.strip()


def test_unknown_names_are_listed_when_the_operands_are_given():
    with pytest.raises(GraphnetError, match="did you mean 'weight'"):
        parse("Y[i] = wieght[i]", operands=("weight", "x"))
    with pytest.raises(GraphnetError, match="known: a, b"):
        parse("Y[i] = zzz[i]", operands=("a", "b"))


HOSTILE = [
    "9**9**9", "2**(2**(2**20))", "x" * 20_000, "(" * 4000 + "x" + ")" * 4000, "-" * 5000 + "x",
    "not " * 2000 + "x", "x**" * 3000 + "x", "1e999999999", "1" * 5000, "exp(9**400)",
    "where(exp(exp(exp(100))) < 1, x, y)", "where(sin(exp(exp(exp(5)))) < 1, x, 2)",
    "sign(exp(exp(exp(9))))", "(x+1)**(9**(9**9))", "*".join(["1" * 39] * 200),
    "Y[" + ",".join(f"i{k}" for k in range(40)) + "] = 1", "x[" * 200 + "i" + "]" * 200,
    "Y[i] = x[" + "T[" * 200 + "i" + "]" * 201, "where(x > 0, " * 150 + "x" + ", 0)" * 150,
    "sqrt(exp(9999))**(exp(9))", "(2**(1/3))**(10**9)", "9" * 900 + "**(1/7)",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(GraphnetError):
        parse(text)
    assert time.process_time() - start < 1


LONG = [
    "Y[i] = x[" + "+".join(["i"] * 4000) + "]", "+".join(["x"] * 4000), "*".join(["x"] * 4000),
    "Y[i] = x[" + "T[" * 90 + "i" + "]" * 91, "tanh(" * 95 + "x" + ")" * 95,
    "(" * 95 + "x" + ")" * 95, "where(x > 0, " * 90 + "x" + ", 0)" * 90,
]  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_long_text_within_the_bounds_works(text):
    start = time.process_time()
    for e in parse(text):
        assert parse(show(e), operands=e.operands) == (e,)
    assert time.process_time() - start < 5


def code_lines() -> list[str]:
    block = NOTATION.read_text(encoding="utf-8").split("## Twelve examples")[1].split("```")[1]
    return [line.split("#")[0].strip() for line in block.strip().splitlines()]


def test_the_page_has_twelve_examples():
    assert len(code_lines()) == 12


@pytest.mark.parametrize("text", code_lines())
def test_every_line_of_the_notation_page_parses(text):
    for e in parse(text):
        assert parse(show(e), operands=e.operands) == (e,)


def test_the_page_lists_every_function():
    from graphnet.formula.functions import FUNCTIONS

    grammar = NOTATION.read_text(encoding="utf-8").split("FUNCTION :=")[1].split("NAME ")[0]
    listed = set(re.findall(r"[A-Za-z0-9_]+", grammar)) - {"second", "spellings"}
    assert listed == set(FUNCTIONS) - {"where"}

"""Textbook names of searched functions: what is called so is it, in formulas and in source."""

from __future__ import annotations

import re
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import graphnet as gn
from graphnet.compiler.helpers import HELPERS
from graphnet.formula.derive import slope
from graphnet.formula.functions import FUNCTIONS
from graphnet.formula.named import MEANINGS, told
from graphnet.formula.searched import ARGUMENT, searched
from graphnet.numerics.records import known, read, spelled

# a way to write it -> the textbook's words for it, and for its slope
NAMES = {
    "1/(1 + exp(-x))": ("sigmoid(x)", "sigmoid(-x)*sigmoid(x)"),
    "exp(x)/(1 + exp(x))": ("sigmoid(x)", "sigmoid(-x)*sigmoid(x)"),
    "(1 + tanh(x/2))/2": ("sigmoid(x)", "sigmoid(-x)*sigmoid(x)"),
    "1/2 + tanh(x)/2": ("sigmoid(2*x)", "2*sigmoid(-2*x)*sigmoid(2*x)"),
    "1 - 1/(1 + exp(-x))": ("sigmoid(-x)", "-sigmoid(-x)*sigmoid(x)"),
    "1/(1 + exp(3*x))": ("sigmoid(-3*x)", "-3*sigmoid(-3*x)*sigmoid(3*x)"),
    "log(1/(1 + exp(-x)))": ("log_sigmoid(x)", "sigmoid(-x)"),
    "log(1 - 1/(1 + exp(-x)))": ("log_sigmoid(-x)", "-sigmoid(x)"),
    "log1p(-1/(1 + exp(-x)))": ("log_sigmoid(-x)", "-sigmoid(x)"),
    "log(1 + exp(x))": ("softplus(x)", "sigmoid(x)"),
    "log(1 + exp(-x))": ("softplus(-x)", "-sigmoid(-x)"),
    "x/(1 + exp(-x))": ("x*sigmoid(x)", "(1 + x*sigmoid(-x))*sigmoid(x)"),
    "2/(1 + exp(-2*x)) - 1": ("tanh_by_exp_4(x)", "sech(x)**2"),
    "1 - tanh(x)**2": ("sech(x)**2", None),
    "log(1 - x)": ("log1p(-x)", "-1/(1 - x)"),
}


@pytest.mark.parametrize("text", NAMES)
def test_names(text: str) -> None:
    record = known(read(text))
    function = searched(record)(ARGUMENT)
    name, steep = NAMES[text]
    assert spelled(told(function)) == name
    assert steep is None or spelled(told(slope(function, ARGUMENT))) == steep


def _number(expr: Any, x: mpmath.mpf) -> mpmath.mpf:
    """A named expression by what its names mean, in many digits."""
    for name, meaning in MEANINGS.items():
        expr = expr.replace(name, meaning)
    return mpmath.mpf(str(expr.xreplace({ARGUMENT: 0 * ARGUMENT + _rational(x)}).evalf(40)))


def _rational(x: mpmath.mpf) -> Any:
    return sympy.Rational(str(x))


PLACES = [
    (text, x) for text, (name, _) in NAMES.items() if "tanh_by" not in name
    for x in ("-3.25", "-0.01", "0.5", "7") if (text, x) != ("log(1 - x)", "7")
]  # fmt: skip


@pytest.mark.parametrize(("text", "x"), PLACES)
def test_what_is_called_so_is_it(text: str, x: str) -> None:
    """The names, by their meanings, against the meaning of the text and its derivative."""
    meaning = read(text)
    function = searched(known(meaning))(ARGUMENT)
    pairs = [(told(function), meaning), (told(slope(function, ARGUMENT)), meaning.diff(ARGUMENT))]
    pairs = pairs[: 1 if NAMES[text][1] is None else 2]
    for named, exact in pairs:
        assert mpmath.almosteq(_number(named, x), _number(exact, x), rel_eps=mpmath.mpf("1e-25"))


EXACT = {
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "log_sigmoid": lambda z: -mpmath.log1p(mpmath.exp(-z)),
    "sech": mpmath.sech,
}
POINTS = (-1e30, -1e4, -700.0, -88.0, -30.0, -3.25, -1e-3, -1e-30, 0.0, 1e-30, 1e-3, 0.5, 17.0,
          30.0, 88.0, 700.0, 1e4, 1e30)  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_helpers_are_right_everywhere(name: str, dtype: type) -> None:
    """To 4 ulp of each value, and without a warning; where it underflows, to the least number."""
    scope: dict[str, Any] = {"np": np}
    exec(HELPERS[name], scope)
    z = np.array(POINTS, dtype)
    found = scope[name](z)
    assert found.dtype == dtype
    with mpmath.workdps(60):
        exact = [float(EXACT[name](mpmath.mpf(float(v)))) for v in z]
    info = np.finfo(dtype)
    np.testing.assert_allclose(found, exact, rtol=4 * info.eps, atol=info.tiny)


def test_names_are_no_functions_of_the_language() -> None:
    assert not {name.__name__ for name in MEANINGS} & set(FUNCTIONS)
    with pytest.raises(gn.GraphnetError, match=r"1/\(1 \+ exp\(-x\)\)"):
        gn.formula("sigmoid(x)", x=gn.input("x", (2,)))


def _step(loss: Any, z: Any, t: Any) -> str:
    source = gn.training_step([z, t], loss, gn.SGD(lr=1), style="plain").source
    return source.partition("# -- loss")[2].partition("# -- update")[0]


def test_plain_source_reads_like_the_textbook() -> None:
    """Cross entropy of a sigmoid, called or written by hand, has no surprise."""
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch",))
    w = gn.parameter("w", (3,))
    z = (x @ w).rename("z")
    a = (1 / (1 + gn.exp(-z))).rename("a")
    text = "loss = -Sum((t[n]*log(a[n]) + (1 - t[n])*log(1 - a[n]))/size(n), n)"
    by_hand = gn.formula(text, t=t, a=a, name="loss")
    for loss in (gn.binary_cross_entropy(gn.sigmoid(z), t).rename("loss"), by_hand):
        text = _step(loss, x, t)
        assert "log_sigmoid(z)" in text
        assert re.search(r"d_z = .*\* sigmoid\(-?z\) - .*\* sigmoid\(-?z\)\) / batch", text)
        assert "where" not in text


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_certain_labels_need_no_guard(style: str) -> None:
    """t*log(a) with t = 0 and a = sigmoid(-10000): 0, and the slope is a - t."""
    z, t = gn.parameter("z", (4,), init=[-1e4, 1e4, 1e4, -1e4]), gn.input("t", (4,))
    loss = gn.binary_cross_entropy(gn.sigmoid(z), t, reduction="sum")
    step = gn.training_step(t, loss, gn.SGD(lr=1), style=style)
    assert step([0, 1, 0, 1]) == 2e4
    assert np.array_equal(
        step.parameters["z"], np.array([-1e4, 1e4, 1e4 - 1, -1e4 + 1], np.float32)
    )

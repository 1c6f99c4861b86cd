"""Any identifier names a tensor: the same bits in every style, file and picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.formula.functions import FUNCTIONS
from graphnet.formula.parse import parse
from graphnet.formula.show import show
from graphnet.formula.spelling import sizes_in
from graphnet.formula.syntax import GREEK
from graphnet.network.nodes import Computed

WORDS = (
    "lambda np E I N S Q O exp abs Sum Max Min LogSumExp where Piecewise Eq Ne oo pi size shape "
    "class def None import print len self rng seed step forward build plan batch rows x i j n t w "
    "g y loss parameters states _ __ __class__ __name__ __builtins__ __import__ d_x d_W W_new "
    "ones_dot add exec eval open numpy float inf nan out x1 _1 logsumexp erf expw joined planned"
)  # fmt: skip
NAMES = [*WORDS.split(), *GREEK[::9], *sorted(FUNCTIONS)[::7], "θ_0", "a" * 200]
X = np.linspace(-1, 1, 12).reshape(4, 3)


def trained(x: str, w: str, q: str, s: str, style: str) -> tuple[Any, Any]:
    """A step over an input, two parameters (one 0-d) and a state of these names."""
    data, start = gn.input(x, ("rows", 3)), np.arange(6.0).reshape(3, 2) / 7
    W, scale = gn.parameter(w, (3, 2), init=start), gn.parameter(q, (), init=0.5)
    shift = gn.state(s, (2,), init=0.25)
    h = gn.tanh((data @ W) * scale + shift)
    step = gn.training_step(
        [data], gn.mean(h**2), gn.SGD(lr=0.1, momentum=0.9), style=style, updates={shift: shift * 2}
    )
    losses = [step(X) for _ in range(3)]
    return step, (losses, step.parameters[w].tobytes(), float(step.parameters[q]))


PLAIN = {style: trained("aa", "bb", "cc", "ss", style)[1] for style in ("plain", "fast")}


@pytest.mark.parametrize("name", NAMES)
def test_any_identifier(name: str) -> None:
    for style in ("plain", "fast"):
        for place in range(4) if style == "plain" else (0,):
            names = ["aa", "bb", "cc", "ss"]
            names[place] = name
            step, numbers = trained(*names, style=style)
            assert numbers == PLAIN[style]
            for node in (n for n, v in step.network.items() if isinstance(v, Computed)):
                equation = step.network.equation(node)
                sizes = sorted(sizes_in(equation.formula))
                (again,) = parse(show(equation), operands=equation.operands, sizes=sizes)
                assert again.formula == equation.formula


@pytest.mark.parametrize("name", ["lambda", "np", "E", "exp", "λ", "__class__", "pi"])
def test_in_files_and_pictures(name: str, tmp_path: Path) -> None:
    x = gn.input(name, ("batch", 3))
    model = gn.Model(x, gn.Dense(2, name=f"{name}_")(x))
    model.compile("adam", style="fast")
    model.fit(X, np.zeros(4, int), epochs=1, verbose=0)
    model.save(tmp_path / "model.npz")
    again = gn.load(tmp_path / "model.npz")
    assert again.step.source == model.step.source
    assert again.predict({name: X}).tobytes() == model.predict(X).tobytes()
    assert f">{name}<" in model.draw("all", "tensors").svg


REFUSED = {
    "": "it is empty", "1x": "begins with a digit", "a b": "SPACE", "a-b": "HYPHEN-MINUS",
    "w'": "APOSTROPHE", "é": "LATIN SMALL LETTER E WITH ACUTE.*did you mean 'e'",
    "а": "CYRILLIC SMALL LETTER A.*did you mean 'a'", "ϕ": "GREEK PHI SYMBOL.*did you mean 'φ'",
    "µ": "MICRO SIGN.*did you mean 'μ'", "x\u200b": "ZERO WIDTH SPACE", "x\u202e": "RIGHT-TO-LEFT",
    "日本": "CJK", "x\n": r"U\+000A", "\ud800": r"U\+D800", "and": "word of formulas, such as and_",
    "True": "word of formulas", "a" * 201: "it has 201 characters", "x₁": "SUBSCRIPT ONE",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_other_names_are_refused_with_the_reason(name: str) -> None:
    for make in (
        lambda: gn.input(name, (3,)), lambda: gn.parameter(name), lambda: gn.state(name),
        lambda: gn.Dense(3, name=name), lambda: gn.exp(gn.input("x")).rename(name),
        lambda: gn.formula("2*x", x=gn.input("x"), name=name), lambda: gn.input("x", (name,)),
    ):  # fmt: skip
        with pytest.raises(gn.GraphnetError, match=REFUSED[name]):
            make()

"""Which tools compute textbook functions and their slopes right: the table of docs/stability.md.

    python -m tests.benchmarks.stability                   all peers that are installed
    python -m tests.benchmarks.stability --only graphnet   some of them
    python -m tests.benchmarks.stability --write           renews docs/stability.md
    python -m tests.benchmarks.stability --seed 7          other functions drawn at random

Every tool is given the same formula, written as in a textbook, and asked for the value and the
slope in float64. One judge for all: |error| <= 1e-12*(|f| + |x f'|) at every point against
certified balls (float32: 1e-5); numbers below 2.2e-308 count as that. `naive` is sympy's derivative
printed to NumPy as it is. A kink is asked for beside it: there tools differ by choice.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sympy

import graphnet as gn
from graphnet.formula import functions as fn
from graphnet.formula.derive import slope as derivative
from graphnet.formula.searched import ARGUMENT
from graphnet.numerics.forms import evaluate
from graphnet.numerics.judge import BAR, Judge, judges, kinks
from graphnet.numerics.records import known, read
from tests.numerics.functions import MANY, SEED, TEXTBOOK, drawn

Tool = Callable[[str, np.ndarray], tuple[np.ndarray, np.ndarray]]


def naive(text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f = read(text)
    return evaluate(f, x), evaluate(derivative(f, ARGUMENT), x)


def graphnet(text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    t = gn.input("x", ("n",))
    y = gn.formula(text, x=t)
    f = gn.function(t, [y, gn.grad(gn.sum(y), t)], dtype=x.dtype.name)
    value, slope = f(x)
    return np.asarray(value), np.asarray(slope)


def walk(e: Any, x: Any, lib: Any, names: dict[str, str]) -> Any:
    """An expression in the functions of a library, as it is written."""

    def of(a: Any) -> Any:
        return walk(a, x, lib, names)

    if e == ARGUMENT:
        return x
    if e.is_number:
        return float(e)
    if isinstance(e, sympy.Add):
        parts = [of(a) for a in e.args]
        return sum(parts[1:], parts[0])
    if isinstance(e, sympy.Mul):
        result: Any = None
        for a in e.args:
            inverse = isinstance(a, sympy.Pow) and a.args[1] == -1
            other = of(a.args[0]) if inverse else of(a)
            if result is None:
                result = 1.0 / other if inverse else other
            else:
                result = result / other if inverse else result * other
        return result
    if isinstance(e, sympy.Pow):
        base, power = e.args
        if power == sympy.Rational(1, 2):
            return lib.sqrt(of(base))
        return of(base) ** (int(power) if power.is_Integer else float(power))
    if isinstance(e, fn.where):
        c, a, b = e.args
        left, right = of(c.args[0]), of(c.args[1])
        signs = {sympy.StrictGreaterThan: lambda p, q: p > q, sympy.StrictLessThan:
                 lambda p, q: p < q, sympy.Equality: lambda p, q: p == q}  # fmt: skip
        return lib.where(signs[type(c)](left, right), of(a), of(b))
    name = type(e).__name__.lower()
    return getattr(lib, names.get(name, name))(*(of(a) for a in e.args))


def torch(text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import torch as lib

    t = lib.tensor(x, requires_grad=True)
    one = lib.ones((), dtype=t.dtype)
    library = _Library(
        lib, where=lambda c, a, b: lib.where(c, a * one, b * one), erf=lib.special.erf
    )
    y = walk(read(text), t, library, {})
    (slope,) = lib.autograd.grad(y.sum(), t)
    return y.detach().numpy(), slope.numpy()


def jax(text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import jax as lib

    lib.config.update("jax_enable_x64", True)
    library = _Library(lib.numpy, erf=lib.scipy.special.erf)

    def f(t: Any) -> Any:
        return walk(read(text), t, library, {"atan": "arctan", "asinh": "arcsinh"})

    value, slope = lib.vmap(lib.value_and_grad(f))(x)
    return np.asarray(value), np.asarray(slope)


def autograd(text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import autograd.numpy as lib
    import autograd.scipy.special as special
    from autograd import elementwise_grad

    library = _Library(lib, erf=special.erf)

    def f(t: Any) -> Any:
        return walk(read(text), t, library, {"atan": "arctan", "asinh": "arcsinh"})

    return np.asarray(f(x)), np.asarray(elementwise_grad(f)(x))


def pytensor(text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import pytensor as lib
    import pytensor.tensor as pt

    t = pt.vector("x", dtype=x.dtype.name)
    library = _Library(pt, where=pt.switch)
    y = walk(read(text), t, library, {"atan": "arctan", "asinh": "arcsinh"})
    f = lib.function([t], [y, lib.grad(y.sum(), t)])
    value, slope = f(x)
    return value, slope


class _Library:
    def __init__(self, inner: Any, **own: Any) -> None:
        self._inner, self._own = inner, own

    def __getattr__(self, name: str) -> Any:
        return self._own[name] if name in self._own else getattr(self._inner, name)


TOOLS: dict[str, Tool] = {
    "graphnet": graphnet, "naive": naive, "torch": torch, "jax": jax, "autograd": autograd,
    "pytensor": pytensor,
}  # fmt: skip


def asked(text: str, dtype: type) -> tuple[Judge, Judge]:
    """The judges of a function, without the points at which it has a kink."""
    meaning = read(text)
    at = kinks(meaning)

    def of(judge: Judge) -> Judge:
        keep = ~np.isin(judge.points, at) if at else np.full(len(judge.points), True)
        if dtype is np.float32:
            keep &= judge.single
        return Judge(judge.points[keep], judge.values[keep], judge.slopes[keep])

    value, slope = judges(meaning)
    return of(value), of(slope)


def verdict(tool: Tool, text: str, judged: tuple[Judge, Judge], dtype: type) -> list[int]:
    """How many points are wrong in value and slope, then again where what is below the smallest
    normal number may be 0 (XLA flushes such numbers); -1 where the tool raises."""
    value, slope = judged
    bar = BAR if dtype is np.float64 else 1e-5
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            y, d = tool(text, value.points.astype(dtype))
    except Exception as error:
        print(f"  {tool.__name__} raises on {text}: {error!r}"[:200], file=sys.stderr)
        return [-1] * 4
    tiny = float(np.finfo(dtype).tiny)
    wrong = []
    for lenient in (False, True):
        for judge, got in ((value, y), (slope, d)):
            got = np.asarray(got, float)
            right = judge.agrees(got, bar, dtype)
            if lenient:
                right |= (np.abs(judge.values) < tiny) & (np.abs(got) < tiny)
            wrong.append(int((~right).sum()))
    return wrong


def reported(text: str, dtype: type) -> bool:
    """Whether the report names points at which the function is not right in a dtype."""
    record = known(read(text))
    return record is not None and any(np.dtype(dtype).name in told for told in record.unclean)


RANDOM = "drawn at random"  # asked of graphnet, and of the formula as it is written


def table(names: list[str], dtype: type, seed: int) -> tuple[list[str], list[str]]:
    """The rows of the table, and of graphnet's unclean functions what was reported of them."""
    rows, misses = [], []
    families = {**TEXTBOOK, RANDOM: drawn(seed, MANY)}
    sums = {name: [0, 0, 0, 0] for name in names}  # strict, and where tiny results may be 0
    for family, texts in families.items():
        counts = {name: [0, 0] for name in names}
        for text in texts:
            judged = asked(text, dtype)
            for name in names if family in TEXTBOOK else [n for n in names if n in OWN]:
                wrong = verdict(TOOLS[name], text, judged, dtype)
                counts[name][0] += wrong[0] == 0
                counts[name][1] += wrong[1] == 0
                if family in TEXTBOOK:
                    sums[name] = [s + (w == 0) for s, w in zip(sums[name], wrong, strict=True)]
                if name == "graphnet" and any(wrong[:2]):
                    misses.append(
                        f"`{text}`: {wrong[0]} points of the value, {wrong[1]} of the slope, of "
                        f"{len(judged[0].points)}; {'' if reported(text, dtype) else 'NOT '}"
                        "reported when compiled"
                    )
        cells = " | ".join(
            f"{a} / {b}" if family in TEXTBOOK or name in OWN else ""
            for name, (a, b) in counts.items()
        )
        rows.append(f"| {family} | {len(texts)} | {cells} |")
        print(rows[-1], flush=True)
    total = sum(map(len, TEXTBOOK.values()))
    cells = " | ".join(f"**{a} / {b}**" for a, b, _, _ in sums.values())
    rows.insert(len(TEXTBOOK), f"| **textbook, all** | **{total}** | {cells} |")
    cells = " | ".join(f"{c} / {d}" for _, _, c, d in sums.values())
    tiny = float(np.finfo(dtype).tiny)
    rows.insert(
        len(TEXTBOOK) + 1, f"| the same, results below {tiny:.2g} may be 0 | {total} | {cells} |"
    )
    head = f"| family | functions | {' | '.join(names)} |"
    return [head, "|" + " --- |" * (len(names) + 2), *rows], misses


def versions(names: list[str]) -> list[str]:
    """The tools with their versions."""
    libraries = ["numpy", "sympy", "python-flint", *(n for n in names if n not in OWN)]
    return [f"{name} {importlib.metadata.version(name)}" for name in libraries]


OWN = ("graphnet", "naive")
PAGE = Path(__file__).parents[2] / "docs" / "stability.md"
START, END = "<!-- made by tests/benchmarks/stability.py -->", "<!-- end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="*", choices=TOOLS, help="some tools")
    parser.add_argument("--write", action="store_true", help="renew docs/stability.md")
    parser.add_argument("--seed", type=int, default=SEED, help="of the functions drawn at random")
    options = parser.parse_args()
    os.environ.setdefault("GRAPHNET_CACHE", "off")
    names = options.only or [n for n in TOOLS if n in OWN or importlib.util.find_spec(n)]
    texts = []
    for dtype, chosen in ((np.float64, names), (np.float32, [n for n in names if n != "autograd"])):
        rows, misses = table(chosen, dtype, options.seed)
        texts += [f"Clean in value / slope, {np.dtype(dtype).name}:", "", *rows, ""]
        if misses:
            texts += ["graphnet is not clean on:", "", *(f"- {m}" for m in misses), ""]
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    texts += [
        f"Made {when} with {', '.join(versions(names))}; the functions drawn at random are "
        f"`drawn({options.seed}, {MANY})` of tests/numerics/functions.py.",
        "",
    ]
    text = "\n".join(texts)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{text}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

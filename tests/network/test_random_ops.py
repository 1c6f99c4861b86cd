"""Ops nobody wrote before: generated text, gradients by literal loops, first and second order."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Node

FUNCTIONS = ["exp({})", "sin({})", "tanh({})", "erf({})", "log1p({}**2)", "atan({})", "Abs({} + 9)"]


def random_op(seed: int) -> tuple[str, dict[str, tuple[int, ...]]]:
    """A formula over two or three loops with plain, strided, shifted and gathered reads."""
    rng = random.Random(seed)
    sizes = {i: rng.randint(1, 3) for i in "ijk"}
    count = rng.randint(2, 3)
    indices = "ijk"[:count]
    kept = sorted(rng.sample(indices, rng.randint(1, count)))
    over = [i for i in indices if i not in kept]

    def subscript() -> tuple[str, int]:
        i = rng.choice(indices)
        kind = rng.randint(0, 5)
        if kind == 0:
            return f"2*{i}+1", 2 * sizes[i]
        if kind == 1:
            j = rng.choice(indices)
            return f"{i}+{j}", sizes[i] + sizes[j] - 1
        if kind == 2:
            return f"{sizes[i] - 1}-{i}", sizes[i]
        if kind == 3:
            return f"T[{i}]", 4
        return i, sizes[i]

    shapes: dict[str, tuple[int, ...]] = {}

    def read(name: str) -> str:
        subs = [subscript() for _ in range(rng.randint(1, 2))]
        shapes[name] = tuple(size for _, size in subs)
        return f"{name}[{','.join(s for s, _ in subs)}]"

    terms = [read(name) for name in "AB"] + [f"C[{','.join(indices)}]"]
    shapes["C"] = tuple(sizes[i] for i in indices)
    f, g = rng.sample(FUNCTIONS, 2)
    a, b, c = rng.sample(terms, 3)
    body = rng.choice(
        [
            f"{f.format(a)}*{b} + {c}",
            f"where({a} > 0, {f.format(b)}, {c}**2)*{g.format(c)}",
            f"({a} - {b})**2/(1 + {c}**2)",
            f"Max({a}, {b})*{f.format(c)}",
        ]
    )
    if over:
        reduction = rng.choice(["Sum", "LogSumExp", "Max"])
        body = f"{reduction}({body}, {', '.join(over)})"
    bounds = "".join(f", {i} < {sizes[i]}" for i in indices)
    return f"Y[{','.join(kept)}] = {body}{bounds}", shapes


@pytest.mark.parametrize("seed", range(12))
def test_generated_text(
    seed: int, define: Callable[..., Node], check_gradients: Callable[..., Network]
) -> None:
    text, shapes = random_op(seed)
    rng = np.random.default_rng(seed)
    nodes: dict[str, Node] = {n: Input(name=n, shape=s) for n, s in shapes.items()}
    values = {n: rng.normal(size=s) for n, s in shapes.items()}
    if "T[" in text:
        nodes["T"] = Input(name="T", shape=(3,), dtype="int")
        values["T"] = rng.integers(0, 4, 3)
    wrt = [n for n in shapes if f"{n}[" in text]
    check_gradients(define(text, **nodes), values, wrt, second=True)

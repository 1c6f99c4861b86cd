"""What NumPy's functions cost, in additions: the prices by which the search chooses among forms.

    flock /work/bench.lock python -m tests.benchmarks.prices

For every function and dtype: 4,096 elements, which stay in the cache, of arguments as they come
(0.3 to 3, a `where` of random conditions), the result written to a new array as in emitted code;
the median of 100 rounds in which all functions take turns with 8 calls each, divided by that of
`a + b` in the same round. In `forms._PRICES` stand the means of float64 and float32, rounded.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from graphnet.numerics import forms, tails

SIZE, ROUNDS, CALLED = 4096, 100, 8

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "a + b": lambda x, y, c: x + y, "where": lambda x, y, c: np.where(c, x, y),
    "x > y": lambda x, y, c: x > y, "Max": lambda x, y, c: np.maximum(x, y),
    "Abs": lambda x, y, c: np.abs(x),
    "quotient": lambda x, y, c: x / y, "square": lambda x, y, c: np.square(x),
    "sqrt": lambda x, y, c: np.sqrt(x), "Pow": lambda x, y, c: np.power(x, 2.5),
    "exp": lambda x, y, c: np.exp(x), "log": lambda x, y, c: np.log(x),
    "log1p": lambda x, y, c: np.log1p(x), "expm1": lambda x, y, c: np.expm1(x),
    "tanh": lambda x, y, c: np.tanh(x), "sinh": lambda x, y, c: np.sinh(x),
    "cosh": lambda x, y, c: np.cosh(x), "sin": lambda x, y, c: np.sin(x),
    "cos": lambda x, y, c: np.cos(x), "tan": lambda x, y, c: np.tan(x),
    "atan": lambda x, y, c: np.arctan(x), "asinh": lambda x, y, c: np.arcsinh(x),
    "acosh": lambda x, y, c: np.arccosh(1 + x), "atanh": lambda x, y, c: np.arctanh(x / 4),
    "hypot": lambda x, y, c: np.hypot(x, y), "erf": lambda x, y, c: tails.erf(x),
    "erfc": lambda x, y, c: tails.erfc(x), "erfcx": lambda x, y, c: tails.erfcx(x),
    "log_erfc": lambda x, y, c: tails.log_erfc(x),
}  # fmt: skip


def measured(dtype: type) -> dict[str, float]:
    """How long each function takes, in additions of the same round."""
    draw = np.random.default_rng(0)
    x, y = (draw.uniform(0.3, 3, SIZE).astype(dtype) for _ in range(2))
    conditions = draw.random((ROUNDS * CALLED, SIZE)) < 0.5  # a guess that paid once pays no more
    ratios: dict[str, list[float]] = {name: [] for name in CALLS}
    for n in range(ROUNDS):
        taken = {}
        for name, call in CALLS.items():
            call(x, y, conditions[n])  # its code and its memory are warm
            start = time.perf_counter()
            for c in conditions[n * CALLED : (n + 1) * CALLED]:
                call(x, y, c)
            taken[name] = time.perf_counter() - start
        for name, seconds in taken.items():
            ratios[name].append(seconds / taken["a + b"])
    return {name: statistics.median(found) for name, found in ratios.items()}


def main() -> int:
    wide, small = measured(np.float64), measured(np.float32)
    print(f"{'':10}{'float64':>9}{'float32':>9}{'price':>9}")
    for name in CALLS:
        price = forms._PRICES.get(name, 1)
        print(f"{name:10}{wide[name]:9.1f}{small[name]:9.1f}{price:9}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

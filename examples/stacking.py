"""Four equations stacked into one matrix product; samples as columns and as rows; loop or vector.

python examples/stacking.py
"""

import sys
import time
from collections.abc import Callable

import numpy as np

import graphnet as gn

W, x, b = gn.parameter("W", (4, 3)), gn.input("x", (3,)), gn.parameter("b", (4,))
z = gn.formula("z[o] = Sum(W[o,i]*x[i], i) + b[o]", W=W, x=x, b=b, name="z")
print("four neurons, four equations:")
for line in gn.unfold(z).lines("z_sum_1"):
    print("  ", line)
source = gn.function(x, z).source.splitlines()
print("one line of NumPy:", next(line for line in source if "@" in line).strip())

# Samples as columns (Wx + b) or as rows (xW + b, as graphnet and Keras have it): the same numbers.
columns, rows = gn.input("columns", (3, "batch")), gn.input("rows", ("batch", 3))
as_columns = gn.function(columns, W @ columns + b[:, None], dtype="float64")
as_rows = gn.function(rows, rows @ W.T + b, dtype="float64", parameters=as_columns.parameters)
data = np.random.default_rng(0).normal(size=(5, 3))
print("columns = rows transposed:", np.allclose(as_columns(data.T), as_rows(data).T, atol=1e-12))

# A loop does the additions one after another; the product does them side by side.
count = 20_000 if "--short" in sys.argv else 200_000
M, v = np.random.default_rng(1).normal(size=(count // 100, 100)), np.ones(100)


def loop() -> list[float]:
    return [sum(M[o, i] * v[i] for i in range(100)) for o in range(len(M))]


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


ratio = seconds(loop) / min(seconds(lambda: M @ v) for _ in range(200))
print(f"equal: {np.allclose(loop(), M @ v)}; the loop takes over 20 times as long: {ratio > 20}")

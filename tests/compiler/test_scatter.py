"""Writing at indices: rows and elements, few and many, equal to literal loops."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network

CASES = [  # shape of the table, shape of the indices, axis, the helper that writes
    ((5, 3), (7,), 0, "scatter_rows"), ((5, 3), (2, 4), 0, "scatter_rows"),
    ((40, 3), (50,), 0, "scatter_rows"), ((40, 2, 3), (2, 6), 0, "scatter_rows"),
    ((1, 1), (3,), 0, "scatter_rows"), ((6,), (9,), 0, "scatter_rows"),
    ((5, 3), (0,), 0, None), ((5, 0), (4,), 0, None), ((5, 3), (0, 2), 0, None),
    ((0, 3), (0,), 0, None),
    ((3, 5), (7,), 1, "scatter_add"), ((2, 5, 3), (2, 4), 1, "scatter_add"),
]  # fmt: skip


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize(("table", "indices", "axis", "helper"), CASES)
def test_the_slope_of_a_gather_is_equal_to_loops(table, indices, axis, helper, style):
    rng = np.random.default_rng(0)
    E, T = gn.input("E", table), gn.input("T", indices, dtype="int")
    y = gn.take(E, T, axis=axis)
    up = gn.input("up", y.shape)
    slope = gn.grad(y, E, upstream=up)
    program = gn.function([E, T, up], slope, dtype="float64", style=style)
    given = {"E": rng.normal(size=table), "T": rng.integers(0, table[axis], indices),
             "up": rng.normal(size=y.shape)}  # fmt: skip
    network = Network.collect([slope.node], extra=[E.node, T.node, up.node])
    expected = interpret(network, given)[network.name_of(slope.node)]
    np.testing.assert_allclose(program(*given.values()), expected, rtol=1e-13, atol=1e-14)
    if helper and style == "plain":
        assert f"{helper}(np.zeros" in program.source


def test_what_is_not_finite_stays_in_its_row():
    E, T = gn.input("E", (4, 2)), gn.input("T", (3,), dtype="int")
    up = gn.input("up", (3, 2))
    program = gn.function([T, up], gn.grad(gn.take(E, T, axis=0), E, upstream=up), dtype="float64")
    found = program([1, 3, 1], [[1, np.inf], [2, 3], [4, np.nan]])
    np.testing.assert_array_equal(found, [[0, 0], [5, np.nan], [0, 0], [2, 3]])

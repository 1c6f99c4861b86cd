"""Rising functions behind the largest: same values, same slopes, less to compute."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.formula.kinks import kinks
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed
from graphnet.numerics.commute import commute

X, B = gn.input("X", (2, 3, 6, 7)), gn.input("b", (3,))


def bias(z: gn.Tensor) -> gn.Tensor:
    return gn.formula("Y[n,c,y,x] = Z[n,c,y,x] + b[c]", Z=z, b=B)


def maxima(network: Network) -> dict[str, str]:
    """The operand of every Max."""
    return {
        name: network.operands(name)[0] for name, node in network.of(Computed)
        if node.formula.reduce in ("Max", "Min")
    }  # fmt: skip


# What stands before the pooling | whether it moves | kinks
CASES = [
    (lambda: gn.max_pool2d(gn.relu(X), 2), True, "graphnet"),
    (lambda: gn.max_pool2d(gn.relu(bias(X)), 2), True, "pytorch"),
    (lambda: gn.max_pool2d(bias(gn.relu(X)), 3, 1, 1), True, "graphnet"),
    (lambda: gn.max_pool2d(gn.relu(X), (2, 3), 2, 1), True, {"max": "first"}),
    (lambda: gn.min(bias(X), axis=(2, 3)), True, "graphnet"),
    (lambda: gn.max(gn.relu(X), axis=1), True, "graphnet"),
    (lambda: gn.max(bias(X), axis=1), False, "graphnet"),  # b is not constant over the window
    (lambda: gn.max_pool2d(gn.maximum(X, 0), 2), False, "graphnet"),  # slope 1/2 at 0
    (lambda: gn.max_pool2d(gn.relu(X), 2), False, {"relu": 0.5}),
    (lambda: gn.max_pool2d(gn.relu(X), 2), False, "pytensor"),
    (lambda: gn.max_pool2d(X**2, 2), False, "graphnet"),  # falls below 0
    (lambda: gn.max_pool2d(a := gn.relu(X), 2) * gn.avg_pool2d(a, 2), False, "graphnet"),
]


@pytest.mark.parametrize(("make", "moves", "choice"), CASES)
def test_what_moves_keeps_values_and_slopes(make, moves, choice):
    chosen = kinks(choice)
    y = make()
    up = gn.input("up", y.shape)
    before = Network.collect({"Y": y.node}, extra=[X.node, B.node])
    after = commute(before, kinks=chosen)
    after.check()
    assert (set(maxima(after).values()) == {"X"}) == moves
    assert bool(after.graph.get("rewrites")) == moves
    rng = np.random.default_rng(0)
    values = {"X": np.round(rng.normal(size=(2, 3, 6, 7))), "b": np.array([0.0, -1.0, 2.0])}
    values["up"] = rng.normal(size=y.shape)
    wrt = [n for n in ("X", "b") if n in before]
    results = []
    for network in (before, after):
        made = backward(network, network.outputs["Y"], wrt, up.node, chosen)
        found = interpret(made, {n: v for n, v in values.items() if n in made})
        results.append([found[network.outputs["Y"]], *(found[made.outputs[f"d_{w}"]] for w in wrt)])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


def test_what_is_asked_for_stays():
    a = gn.relu(X)
    network = Network.collect({"Y": gn.max_pool2d(a, 2).node, "A": a.node})
    assert commute(network) is network
    alone = Network.collect({"Y": gn.max_pool2d(gn.relu(X), 2).node})
    (relu,) = maxima(alone).values()
    assert commute(alone, keep=[relu]) is alone


def test_names_stay_and_the_rewrite_is_told():
    network = Network.collect({"Y": gn.max_pool2d(gn.relu(bias(X)), 2).rename("P").node})
    after = commute(network)
    assert after.outputs["Y"] == "P"
    assert after.show("P").startswith("P[n,c,y,x] = where(")
    (told,) = after.graph["rewrites"]
    assert told.nodes[0] == "P"
    assert told.law == "Max(f(x)) = f(Max(x)) for f that rises"

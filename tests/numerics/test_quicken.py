"""Quick forms: equal to rounding, and left alone where small values matter."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network
from graphnet.numerics.quicken import RULE, quicken
from graphnet.numerics.stabilize import stabilize

# name | what is made of z | whether it is rewritten
CASES = {
    "textbook": (lambda z: gn.formula("1/(1 + exp(-z))", z=z), True),
    "the catalogue's": (gn.sigmoid, True),
    "silu": (gn.silu, True),
    "swish with beta": (lambda z: gn.formula("z/(1 + exp(-2*z))", z=z), True),
    "its complement": (lambda z: gn.formula("1/(1 + exp(z))", z=z), True),
    "its slope": (lambda z: gn.formula("exp(-z)/(1 + exp(-z))**2", z=z), True),
    "a gate": (lambda z: gn.sigmoid(z) * gn.tanh(z), True),
    "a logarithm of it": (lambda z: gn.log(gn.sigmoid(z)), False),
    "a logarithm further on": (lambda z: gn.log(2 * gn.sigmoid(z)), False),
    "a quotient by it": (lambda z: 1 / gn.sigmoid(z), False),
    "a root of it": (lambda z: gn.sqrt(gn.sigmoid(z)), False),
    "odds": (lambda z: (s := gn.sigmoid(z)) / (1 - s), False),
    "softplus": (gn.softplus, False),
    "gelu by tanh": (lambda z: gn.gelu(z, approximate=True), "stable"),
    "gelu": (gn.gelu, "stable"),
    "another function": (lambda z: gn.formula("1/(2 + exp(-z))", z=z), False),
    "mish": (gn.mish, False),
}


@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_values_stay_and_fragile_ones_are_left(name, stable):
    make, rewritten = CASES[name]
    z = gn.input("z", (41,))
    network = Network.collect({"y": make(z).node})
    network = stabilize(network) if stable else network
    new = quicken(network)
    new.check()
    values = {"z": np.linspace(-20, 20, 41)}
    for key, node in network.outputs.items():
        expected = interpret(network, values)[node]
        found = interpret(new, values)[new.outputs[key]]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=2e-16 * 20)
    rewritten = stable if rewritten == "stable" else rewritten  # only what was searched
    assert any(new.show(n) != network.show(n) for n in network) == rewritten
    assert any(r.rule == RULE for r in new.graph.get("rewrites", ())) == rewritten

"""Quick forms: equal to rounding, and left alone where small values matter."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network
from graphnet.network.nodes import Scan
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
    "a logarithm of a mixture": (lambda z: gn.log(gn.sigmoid(z) @ gn.ones((41, 3))), False),
    "a quotient by the mean": (lambda z: (s := gn.sigmoid(z)) / gn.mean(s), False),
    "a quotient by the deviation": (lambda z: (s := gn.sigmoid(z)) / gn.std(s), False),
    "a quotient by the least of a row": (lambda z: 1 / gn.min(gn.sigmoid(z) * (1 + z * z)), False),
    "a logarithm of a layer": (lambda z: gn.log(gn.sigmoid(z) @ gn.ones((41, 3)) + 1), True),
    "a norm, whose eps is larger": (lambda z: gn.layer_norm(gn.sigmoid(z)), True),
    "a sum of squares": (lambda z: gn.sum(gn.sigmoid(z) ** 2), True),
    "softplus": (gn.softplus, False),
    "gelu by tanh": (lambda z: gn.gelu(z, approximate=True), "stable"),
    "gelu": (gn.gelu, "stable"),
    "one of the other": (lambda z: gn.sigmoid(3 * gn.sigmoid(z)), True),
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


def kept(h, a):
    return 0.5 * h + gn.sigmoid(a + h), None


# name | a body | what is made of its outputs and its last state | whether its sigmoid is rewritten
LOOPS = {
    "a state": (kept, lambda outs, last: last, True),
    "given out": (lambda h, a: (gn.tanh(a + h), gn.sigmoid(a)), lambda outs, last: outs, True),
    "a logarithm outside": (
        lambda h, a: (gn.tanh(a + h), gn.sigmoid(a)), lambda outs, last: gn.log(outs), False,
    ),
    "a logarithm of the last state": (kept, lambda outs, last: gn.log(last), False),
    "a quotient one step later": (
        lambda h, a: (gn.sigmoid(a), a / (1 + h)), lambda outs, last: outs, False,
    ),
    "a logarithm inside": (
        lambda h, a: (gn.log(gn.sigmoid(a)) + h, None), lambda outs, last: last, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_bodies_of_loops_are_quickened_where_no_reader_minds(name):
    """Readers are followed from step to step, and out of the loop."""
    body, ends, rewritten = LOOPS[name]
    a = gn.input("a", (6, 5))
    outs, last = gn.scan(body, gn.zeros(5), a)
    network = Network.collect({"y": ends(outs, last).node})
    new = quicken(network)
    new.check()
    values = {"a": np.linspace(-20, 20, 30).reshape(6, 5)}
    (old_name,), (new_name,) = network.outputs.values(), new.outputs.values()
    expected = interpret(network, values)[old_name]
    np.testing.assert_allclose(interpret(new, values)[new_name], expected, 1e-12, 1e-14)
    loops = {node.loop for n in (network, new) for _, node in n.of(Scan)}
    assert (len(loops) == 2) == rewritten


def test_what_a_loop_is_given_is_left_where_the_loop_minds():
    """A sequence of sigmoids whose logarithm is taken step by step."""
    z = gn.input("z", (6, 5))
    outs, _ = gn.scan(lambda h, a: (h + gn.log(a), h), gn.zeros(5), gn.sigmoid(z))
    network = Network.collect({"y": outs.node})
    assert quicken(network) is network
    outs, _ = gn.scan(lambda h, a: (h + a, h), gn.zeros(5), gn.sigmoid(z))
    assert quicken(Network.collect({"y": outs.node})).graph["rewrites"]

"""Calls with 0 rows: an answer that equals the loops, or a refusal that names the node."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network

x = gn.input("x", ("batch", 3))
t = gn.input("t", ("batch",), dtype="int")
W = gn.constant(np.arange(6.0).reshape(3, 2))

ANSWERED = {
    "sum": gn.sum(x, axis=0), "max": gn.max(x, axis=0), "min": gn.min(x),
    "logsumexp": gn.logsumexp(x, axis=0), "softmax": gn.softmax(x), "matmul": x @ W,
    "product": x.T @ x, "cumsum": gn.cumsum(x, axis=0), "prod": gn.prod(x, axis=0),
    "flip": gn.flip(x, 0), "layer_norm": gn.layer_norm(x), "pad": gn.pad(x, 1),
    "concatenate": gn.concatenate([x, np.ones((1, 3))]), "row means": gn.mean(x, axis=1),
    "one_hot": gn.one_hot(t, 4), "slope": gn.grad(gn.sum(x**2), x),
}  # fmt: skip
REFUSED = {
    "mean": (gn.mean(x), "batch is 0, and the formula divides by it"),
    "slope of a mean": (gn.grad(gn.mean(x), x), "d_x: batch is 0, and the formula divides"),
    "first": (x[0], r"an element along that axis is read \(index_1\[i\] = x\[0,i\]\)"),
    "last": (x[-1], "batch is 0, and an element"),
    "var": (gn.var(x, axis=0), "batch is 0"),
    "argmax": (gn.argmax(x, axis=0), "there is no largest element"),
    "loss": (gn.cross_entropy(x, t), "cross_entropy_1: batch is 0"),
    "in a loop": (
        gn.scan(lambda s, r: (s + gn.mean(x), None), 0.0, gn.zeros((4,)))[1], "batch is 0",
    ),
}  # fmt: skip
GIVEN = {"x": np.zeros((0, 3)), "t": np.zeros(0, int)}


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("name", ANSWERED)
def test_what_has_an_answer(name: str, style: str) -> None:
    network = Network.collect([ANSWERED[name].node])
    inputs = [v for v in (x, t) if v.node in network]
    values = [GIVEN[str(v.name)] for v in inputs]
    found = gn.function(inputs, ANSWERED[name], dtype="float64", style=style)(*values)
    loops = interpret(network, {str(v.name): a for v, a in zip(inputs, values, strict=True)})
    np.testing.assert_array_equal(found, loops[network.outputs["out0"]])


@pytest.mark.parametrize("style", ["plain", "fast"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_none(name: str, style: str) -> None:
    tensor, words = REFUSED[name]
    inputs = [x, t] if name == "loss" else [x]
    program = gn.function(inputs, tensor, style=style)
    with pytest.raises(gn.GraphnetError, match=words):
        program(*[GIVEN[str(v.name)] for v in inputs])
    many = [np.ones((2, 3)), np.zeros(2, int)]
    program(*many[: len(inputs)])

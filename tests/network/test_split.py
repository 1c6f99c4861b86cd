"""What is free of some reads is cut out of a formula, and the formula means what it meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node
from graphnet.network.split import cut, joined

H, P, Q = (Input(name=n, shape=(2, 3)) for n in "hpq")
B, N = Input(name="b", shape=(3,)), Input(name="n", shape=(2,), dtype="int")


@pytest.mark.parametrize(
    ("text", "left", "parts"),
    [
        ("y[i,j] = tanh(p[i,j] + h[i,j] + b[j])", "tanh(h[i,j] + y_part_1[i,j])",
         ["p[i,j] + b[j]"]),
        ("y[i,j] = (1 - p[i,j]**2)*h[i,j]", "h[i,j]*y_part_1[i,j]", ["1 - p[i,j]**2"]),
        ("y[i,j] = h[i,j] - 2*p[i,j]", "h[i,j] - 2*p[i,j]", []),
        ("y[i,j] = h[i,j]*p[i,j] + b[j]", "h[i,j]*p[i,j] + b[j]", []),
        # one product in both branches: what is chosen is free
        ("y[i,j] = where(p[i,j] > 0, h[i,j]*q[i,j], h[i,j]*q[i,j]**2)", "h[i,j]*y_part_1[i,j]",
         ["where(p[i,j] > 0, q[i,j], q[i,j]**2)"]),
        ("y[i,j] = where(p[i,j] > 0, h[i,j]*q[i,j], q[i,j])",
         "where(p[i,j] > 0, h[i,j]*q[i,j], q[i,j])", []),
        # an outer product would be larger than what it is made of
        ("y[i,j] = h[i,j]*n[i]*b[j]", "h[i,j]*n[i]*b[j]", []),
        ("y[i] = Sum(exp(p[i,j])*h[i,j], j)", "Sum(h[i,j]*y_part_1[i,j], j)", ["exp(p[i,j])"]),
        ("y[i] = Max(h[i,j] + exp(p[i,j]), j)", "Max(h[i,j] + exp(p[i,j]), j)", []),
    ],
)  # fmt: skip
def test_cut(define: Callable[..., Computed], text: str, left: str, parts: list[str]) -> None:
    made: list[Node] = []

    def make(part: Computed) -> Node:
        made.append(part)
        return part

    given = {"h": H, "p": P, "q": Q, "b": B, "n": N}
    words = text.split("=", 1)[1]
    node = define(text, **{k: v for k, v in given.items() if f"{k}[" in words})
    network = Network.collect([cut(node, {H}, make)])
    network.check()
    assert network.show("y").split(" = ", 1)[1] == left
    shown = [network.show(network.name_of(part)).split(" = ", 1)[1] for part in made]
    assert shown == parts


def test_sums_of_sums_are_joined(define: Callable[..., Computed]) -> None:
    inner = define("s[i,j] = h[i,j] + p[i,j]", h=H, p=P)
    for text, expected in [
        ("y[i,j] = tanh(s[i,j] + b[j])", "y[i,j] = tanh(b[j] + h[i,j] + p[i,j])"),
        ("y[i,j] = s[i,j]*b[j]", "y[i,j] = s[i,j]*b[j]"),
        ("y[i,j] = s[i,j] + tanh(s[i,j])", "y[i,j] = s[i,j] + tanh(s[i,j])"),
    ]:
        operands = {"s": inner} | ({"b": B} if "b[" in text else {})
        node = joined(define(text, **operands), {inner: inner})
        assert Network.collect([node]).show("y") == expected

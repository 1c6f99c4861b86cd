"""Networks that the drawing tests share."""

from __future__ import annotations

import graphnet as gn
from graphnet.network.graph import Network
from graphnet.network.nodes import Input


def small_model() -> gn.Sequential:
    model = gn.Sequential([gn.Input(4), gn.Dense(3, activation="tanh"), gn.Dense(2)])
    model.compile(gn.SGD(lr=0.1, momentum=0.9), "cross_entropy")
    return model


def chain(length: int) -> gn.Tensor:
    x, w = gn.input("x", ("batch",)), gn.parameter("w", ())
    for _ in range(length):
        x = gn.formula("a*w", a=x, w=w)
    return gn.formula("Sum(a[i], i)", a=x, name="loss")


NASTY = [
    "<script>alert(1)</script>", "<b>bold</b>", "back\\", '"quo\'te"', "a&amp;b &lt;", "\\N\\G\\l",
    "new\nline\ttab\0\x1b", "日本語 Ωαβ 😀", "x" * 20_000, "x" * 20_001, "]]>", "-->", "\ud800",
    "{a|b}", "%s{}", "\u202eevil", "node", "graph", "-1", " ", "a\x01", "a\x02",
]  # fmt: skip


def nasty_network() -> Network:
    nodes = [Input(name=name, shape=(2,)) for name in NASTY]
    return Network.collect(nodes, layers=dict(zip(nodes, NASTY, strict=True)))

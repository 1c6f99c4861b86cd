"""Loops made fast mean what they meant, and hold no more than what passes from step to step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Scan
from graphnet.network.tighten import tighten


def networks(first, second):
    """A loop, its gradients, and theirs: as derived, and tightened."""
    outs, last = first
    total = gn.sum(outs**2) + gn.sum(gn.sin(last))
    slopes = gn.grad(total, second)
    more = gn.grad(sum(gn.sum(g * g) for g in slopes), second)
    network = Network.collect([t.node for t in (outs, last, *slopes, *more)])
    tight = tighten(network)
    network.check()
    tight.check()
    return network, tight


def loops(network):
    """The loops of a network, each once."""
    return list(dict.fromkeys(node.loop for _, node in network.of(Scan)))


def computed(loop):
    return [loop.body.show(name) for name, _ in loop.body.of(Computed)]


x, W, U, b = (gn.input(n, s) for n, s in zip("xWUb", [("t", "n", 3), (3, 2), (2, 2), (2,)]))
h0, ids = gn.input("h0", ("n", 2)), gn.input("ids", ("t",), dtype="int")


def rnn(h, x):
    h = gn.tanh(x @ W + h @ U + b)
    return h, h


def gated(h, x):
    """Gates cut out of one product, and written together again by the adjoint."""
    a = h @ gn.concatenate([U, U], axis=1) + gn.concatenate([x @ W, x @ W], axis=1)
    h = gn.sigmoid(a[:, :2]) * gn.tanh(a[:, 2:]) + h * gn.sigmoid(b)
    return h, h


def mixed(h, s, unused, x, i, *, t):
    """A sum, a state nobody reads, a sequence handed out, the step's number, a row by its number,
    a constant given out."""
    new = gn.where(t < 2, gn.sin(h * gn.exp(b) + gn.take(U, i, axis=0)), h + t)
    return (new, s + gn.sum(h * x[:, :2] ** 2, axis=0), unused * 2), x[:, 1:] * (t + 1) + b


def largest(h, x):
    """Ties in a Max of what is free of the state, and of what is not."""
    h = gn.maximum(h, gn.max(x, axis=1)[:, None])
    return h, gn.max(x[:, :2] + h, axis=1)


CASES = {
    "rnn": networks(gn.scan(rnn, h0, x), [x, W, U, b, h0]),
    "back": networks(gn.scan(rnn, h0, x, reverse=True), [x, W, U, b, h0]),
    "gated": networks(gn.scan(gated, h0, x), [x, W, U, b, h0]),
    "mixed": networks(
        (lambda found: (found[0], found[1][0] + found[1][1]))(
            gn.scan(mixed, (h0, gn.zeros(2), h0), (x, ids))
        ), [x, U, b, h0],
    ),
    "largest": networks(gn.scan(largest, h0, x), [x, h0]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=6, derandomize=True, deadline=None, database=None)
@given(t=st.integers(0, 4), n=st.integers(0, 2), seed=st.integers(0, 99))
def test_it_means_what_it_meant(case, t, n, seed):
    network, tight = CASES[case]
    rng = np.random.default_rng(seed)
    sizes = {"t": t, "n": n}
    values = {
        node.name: rng.integers(0, 2, t) if node.dtype == "int"
        else rng.normal(size=[sizes.get(str(e), e) for e in node.shape])
        for node in (v.node for v in (x, W, U, b, h0, ids)) if node in network
    }  # fmt: skip
    before, after = interpret(network, values, sizes), interpret(tight, values, sizes)
    for key, name in network.outputs.items():
        np.testing.assert_allclose(
            after[tight.outputs[key]], before[name], rtol=1e-12, atol=1e-12, err_msg=name
        )


@pytest.mark.parametrize("case", CASES)
def test_twice_is_once(case):
    _, tight = CASES[case]
    again = tighten(tight)
    assert sorted(map(again.show, again)) == sorted(map(tight.show, tight))
    assert sorted(map(computed, loops(again))) == sorted(map(computed, loops(tight)))


def first_order(step, wrt):
    _, last = gn.scan(step, h0, x)
    slopes = gn.grad(gn.sum(last**2), wrt)
    return tighten(Network.collect([t.node for t in slopes]))


def test_an_rnn_keeps_its_product_and_its_slope_inside():
    network = first_order(rnn, [x, W, U, b])
    ahead, back = loops(network)
    assert computed(ahead) == [
        "matmul_2[i,j] = Sum(h[i,k]*U[k,j], k)",
        "add_2[i,j] = matmul_2[i,j] + add_part_1[i,j]",
        "h_new[i,j] = tanh(add_2[i,j])",
    ]
    assert computed(back) == [
        "d_add_2[i,j] = d_h_new[i,j]*d_add_2_part_1[i,j]",
        "d_h[i,k] = Sum(U[k,j]*d_add_2[i,j], j)",
    ]
    shown = [network.show(name) for name, _ in network.of(Computed)]
    assert "d_U[k,j] = Sum(h_before[t,i,k]*d_add_2[t,i,j], i, t)" in shown
    assert "d_W[k,j] = Sum(x[t,i,k]*d_add_2[t,i,j], i, t)" in shown
    assert "d_b[j] = Sum(d_add_2[t,i,j], i, t)" in shown
    assert "d_add_2_part_1[t,i,j] = 1 - h_new[t,i,j]**2" in shown


def test_gates_are_not_computed_again():
    _, back = loops(first_order(gated, [x, W, U, b]))
    assert not any("exp(" in text or "tanh(" in text for text in computed(back))


def test_what_has_no_state_is_no_loop():
    outs, last = gn.scan(lambda s, x: (s + gn.sum(x**2), gn.exp(x)), 0.0, x)
    assert not loops(tighten(Network.collect([outs.node, last.node])))


def test_what_is_too_large_for_all_steps_at_once_stays(monkeypatch):
    monkeypatch.setattr("graphnet.network.peel.LARGEST", 10)
    (loop,) = loops(tighten(Network.collect([gn.scan(rnn, h0, x)[1].node])))
    assert "matmul_1[i,j] = Sum(x[i,k]*W[k,j], k)" in computed(loop)

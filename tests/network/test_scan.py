"""The adjoint of a recurrence, and the adjoint of that, against differences of literal loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from graphnet.compiler.interpret import interpret
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Loop, Node, Scan

T = 3


def scan(
    body: dict[str, Node], states: Sequence[str], sequences: Sequence[str],
    constants: Sequence[str], carried: Sequence[str], emits: Sequence[str],
    operands: Sequence[Node], results: Sequence[tuple[str, int]], step: str | None = None,
    reverse: bool = False, length: int = T,
) -> list[Scan]:  # fmt: skip
    inner = Network.collect(body)
    loop = Loop(
        body=inner, states=tuple(states), sequences=tuple(sequences), constants=tuple(constants),
        carried=tuple(inner.outputs[k] for k in carried),
        emits=tuple(inner.outputs[k] for k in emits), step=step, length=length, reverse=reverse,
    )  # fmt: skip
    found = []
    for kind, k in results:
        source = inner.node(loop.emits[k] if kind == "emit" else loop.states[k])
        shape = source.shape if kind == "last" else (length, *source.shape)
        found.append(
            Scan(shape=shape, operands=tuple(operands), loop=loop, result=(kind, k), label="scan")
        )
    return found


def rnn(define: Callable[..., Node], reverse: bool) -> tuple[list[Scan], dict[str, np.ndarray]]:
    """h' = tanh(x W + h U + b), every h' emitted, all three results asked for."""
    shapes = {"h": (2, 2), "x": (2, 3), "W": (3, 2), "U": (2, 2), "b": (2,)}
    inside = {name: Input(name=name, shape=shape) for name, shape in shapes.items()}
    new = define(
        "p[n,o] = Sum(x[n,i]*W[i,o], i); q[n,o] = Sum(h[n,i]*U[i,o], i); "
        "g[n,o] = tanh(p[n,o] + q[n,o] + b[o])",
        **inside,
    )
    outer = {k: Input(name=k, shape=s) for k, s in {**shapes, "x": (T, 2, 3)}.items()}
    results = scan(
        {"h_new": new}, ["h"], ["x"], ["W", "U", "b"], ["h_new"], ["h_new"],
        list(outer.values()), [("last", 0), ("emit", 0), ("before", 0)], reverse=reverse,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    return results, {k: rng.normal(size=n.shape) * 0.7 for k, n in outer.items()}  # type: ignore


@pytest.mark.parametrize("reverse", [False, True])
def test_rnn(
    define: Callable[..., Node], check_gradients: Callable[..., Network], reverse: bool
) -> None:
    (last, every, before), values = rnn(define, reverse)
    y = define("y[n,o] = l[n,o] + Sum(e[t,n,o]*b[t,n,o], t)", l=last, e=every, b=before)
    check_gradients(y, values, list(values), second=True)


def test_numbers_of_a_run(define: Callable[..., Node]) -> None:
    (last, every, before), values = rnn(define, False)
    arrays = interpret(Network.collect({"l": last, "e": every, "b": before}), values)
    stayed, e, b = list(arrays.values())[-3:]
    h = values["h"]
    for t in range(T):
        np.testing.assert_allclose(b[t], h, rtol=1e-12)
        h = np.tanh(values["x"][t] @ values["W"] + h @ values["U"] + values["b"])
        np.testing.assert_allclose(e[t], h, rtol=1e-12)
    np.testing.assert_allclose(stayed, h, rtol=1e-12)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_product_with_zeros(
    define: Callable[..., Node], check_gradients: Callable[..., Network], zeros: int
) -> None:
    s, x = Input(name="s", shape=()), Input(name="x", shape=())
    start, xs = Input(name="s0", shape=()), Input(name="xs", shape=(4,))
    last, every = scan(
        {"new": define("new = s*x", s=s, x=x)}, ["s"], ["x"], [], ["new"], ["new"], [start, xs],
        [("last", 0), ("emit", 0)], length=4,
    )  # fmt: skip
    values = np.array([0.7, -1.3, 2.1, 0.4])
    values[:zeros] = 0
    at = {"s0": np.array(1.5), "xs": values}
    check_gradients(last, at, ["xs", "s0"], second=True)
    check_gradients(every, at, ["xs", "s0"], second=True)


def test_states_that_swap_with_a_mask_of_the_step(
    define: Callable[..., Node], check_gradients: Callable[..., Network]
) -> None:
    """Two states; one is carried by the other; the step number masks; a counter is an int."""
    a, b = Input(name="a", shape=(2,)), Input(name="b", shape=(2,))
    t, c = Input(name="t", shape=(), dtype="int"), Input(name="c", shape=())
    count = Input(name="count", shape=(), dtype="int")
    new = define("n[i] = where(t < 2, a[i]*c + sin(b[i]), a[i])", a=a, b=b, t=t, c=c)
    more = define("m = count + 1", count=count)
    emit = define("e[i] = b[i]*count", b=b, count=count)
    outer = [
        Input(name="A", shape=(2,)), Input(name="B", shape=(2,)),
        Input(name="K", shape=(), dtype="int"), Input(name="C", shape=()),
    ]  # fmt: skip
    results = scan(
        {"n": new, "a": a, "m": more, "e": emit}, ["a", "b", "count"], [], ["c"],
        ["n", "a", "m"], ["e"], outer, [("last", 0), ("last", 1), ("emit", 0)], step="t",
    )  # fmt: skip
    y = define("y[i] = p[i]*q[i] + Sum(e[t,i], t)", p=results[0], q=results[1], e=results[2])
    rng = np.random.default_rng(3)
    values = {
        "A": rng.normal(size=2),
        "B": rng.normal(size=2),
        "C": np.array(0.8),
        "K": np.array(2),
    }
    check_gradients(y, values, ["A", "B", "C"], second=True)


def test_a_scan_of_no_steps_hands_the_upstream_through(define: Callable[..., Node]) -> None:
    s, x = Input(name="s", shape=()), Input(name="x", shape=())
    start, xs = Input(name="s0", shape=()), Input(name="xs", shape=(0,))
    (last,) = scan(
        {"new": define("new = s*x", s=s, x=x)}, ["s"], ["x"], [], ["new"], [], [start, xs],
        [("last", 0)], length=0,
    )  # fmt: skip
    network = Network.collect({"y": last})
    derived = backward(network, network.outputs["y"], ["s0", "xs"])
    arrays = interpret(derived, {"s0": np.array(2.0), "xs": np.zeros(0)})
    assert arrays[derived.outputs["d_s0"]] == 1
    assert arrays[derived.outputs["d_xs"]].shape == (0,)

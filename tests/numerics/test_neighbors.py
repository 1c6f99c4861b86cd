"""Functions of neighbouring columns as one: the same numbers, and no call of a step more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.compiler.program import Program, only
from graphnet.compiler.recast import recast
from graphnet.compiler.trained import tightened, trained
from graphnet.network.backward import AS_IN_GRAPHNET
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Scan
from graphnet.numerics.neighbors import RULE, join_neighbors
from graphnet.numerics.quicken import quicken
from graphnet.numerics.stabilize import stabilize
from graphnet.ops.tensor import Tensor

T, B, H = 3, 2, 2
Cell = Callable[..., Any]


def of(a: Tensor, k: int, width: int = H) -> Tensor:
    part: Tensor = a[:, k * width : (k + 1) * width]
    return part


def lstm(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    a = z + s["h"] @ U
    i, f, g, o = gn.sigmoid(of(a, 0)), gn.sigmoid(of(a, 1)), gn.tanh(of(a, 2)), gn.sigmoid(of(a, 3))
    c = f * s["c"] + i * g
    return {"h": o * gn.tanh(c), "c": c}, o


def gru(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    q = s["h"] @ U
    r, u = (gn.sigmoid(of(z, k) + of(q, k)) for k in (0, 1))
    m = gn.tanh(of(z, 2) + r * of(q, 2))
    return {"h": m + u * (s["h"] - m), "c": s["c"] + of(z, 3)}, m


def affine(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """Numbers in front, behind and inside, and two gates of one kind."""
    a = 2 * (s["h"] @ U) - z
    i, f = 3 * gn.tanh(of(a, 0) / 3) - 1, gn.sigmoid(2 * of(a, 1))
    return {"h": i * f, "c": gn.tanh(of(a, 2)) + of(a, 3) * s["c"]}, None


def another_between(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """A gate of another kind parts the columns."""
    a = z + s["h"] @ U
    i, f = gn.sigmoid(of(a, 0)), gn.relu(of(a, 1))
    g, o = gn.tanh(of(a, 2)), gn.sigmoid(of(a, 3))
    return {"h": i * g + o, "c": f * s["c"]}, None


def read_besides(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """Somebody reads the columns that would be scaled: nothing is joined."""
    a = z + s["h"] @ U
    return {"h": gn.sigmoid(of(a, 0)) + gn.tanh(of(a, 1)), "c": of(a, 0) * s["c"]}, None


def equal_scales(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """One number for all may stand where it is, whoever reads the columns."""
    a = z + s["h"] @ U
    return {"h": gn.sigmoid(of(a, 0)) + gn.sigmoid(of(a, 1)), "c": of(a, 0) * s["c"]}, None


def of_a_product(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """What is scaled would be a product of what every step makes: nothing is joined."""
    a = (z + s["h"] @ U) * (s["h"] @ U)
    return {"h": gn.sigmoid(of(a, 0)) + gn.tanh(of(a, 1)), "c": s["c"]}, None


def twice(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """The gates of a second layer are made of those of the first."""
    a = z + s["h"] @ U
    h = gn.sigmoid(of(a, 0)) * gn.tanh(of(a, 1))
    b = h @ U + z
    return {"h": h, "c": gn.tanh(of(b, 0)) - gn.sigmoid(of(b, 1)) * s["c"]}, h


def shown(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    """Gates that are states and given out themselves."""
    a = z + s["h"] @ U
    i, f = gn.sigmoid(of(a, 0)), gn.tanh(of(a, 1))
    return {"h": i, "c": f}, f


def widths(s: dict[str, Tensor], z: Tensor, U: Tensor) -> Any:
    a = z + s["h"] @ U
    i, g = gn.sigmoid(a[:, :3]), gn.tanh(a[:, 3:])
    return {"h": i[:, 1:] * g[:, :2], "c": s["c"] + i @ gn.ones((3, H)) + gn.sum(g)}, None


# name | a step | how many tanh of columns its body has after it | and which are joined
CELLS: dict[str, tuple[Cell, int, list[int]]] = {
    "lstm": (lstm, 2, [4]),
    "gru": (gru, 2, [2]),
    "numbers": (affine, 1, [3]),
    "another between": (another_between, 2, [2]),
    "columns read besides": (read_besides, 2, []),
    "equal scales": (equal_scales, 1, [2]),
    "of a product": (of_a_product, 2, []),
    "two layers": (twice, 2, [2, 2]),
    "shown": (shown, 1, [2]),
    "unequal widths": (widths, 1, [2]),
}


def network_of(cell: Cell) -> Network:
    x, W, U = gn.input("x", (T, B, 3)), gn.parameter("W", (3, 4 * H)), gn.parameter("U", (H, 4 * H))
    zero = gn.zeros((B, H))
    outs, last = gn.scan(lambda s, z: cell(s, z, U), {"h": zero, "c": zero}, x @ W)
    loss = gn.sum(last["h"] ** 2) + gn.sum(last["c"])
    return Network.collect({"loss": (loss if outs is None else loss + gn.sum(outs * outs)).node})


def tanhs(network: Network) -> int:
    """Of how many tensors the bodies of a network take a tanh."""
    loops = dict.fromkeys(scan.loop for _, scan in network.of(Scan))
    nodes = [node for loop in loops for _, node in loop.body.of(Computed)]
    return sum(node.formula.body.has(sympy.tanh) for node in nodes)


def values_of(network: Network) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {n: rng.normal(size=network.node(n).shape) for n in ("x", "W", "U")}


@pytest.mark.parametrize("name", CELLS)
def test_joined_gates_are_the_gates(name: str) -> None:
    """Values and, through the derivation, gradients, by literal loops."""
    cell, left, joined = CELLS[name]
    network = quicken(network_of(cell))
    new = join_neighbors(network)
    new.check()
    assert (new is network) == (not joined)
    done = [r for r in new.graph.get("rewrites", ()) if r.rule == RULE]
    assert sorted(len(r.nodes) for r in done) == sorted(joined)
    assert tanhs(new) == left
    values = values_of(network)
    found = [gradients(n, values) for n in (network, new)]
    for key, expected in found[0].items():
        np.testing.assert_allclose(found[1][key], expected, 1e-12, 1e-13, err_msg=key)


def gradients(network: Network, values: dict[str, Any]) -> dict[str, Any]:
    step = trained(network, gn.SGD(lr=1.0), AS_IN_GRAPHNET)
    made = interpret(tightened(step), values)
    names = {"loss": step.outputs["loss"]} | step.updates
    return {key: made[name] for key, name in names.items()}


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": gn.sigmoid,
    "tanh": gn.tanh,
    "third": lambda a: 1 - 2 * gn.tanh(a / 3),
    "relu": gn.relu,
    "none": lambda a: a,
}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 2)), min_size=2, max_size=4),
    st.booleans(),
)
def test_drawn_cells_keep_their_values(gates: list[tuple[str, int]], apart: bool) -> None:
    """Functions and widths in any order, of a sum or of parts of two sums."""
    total = sum(width for _, width in gates)
    x, U = gn.input("x", (T, B, total)), gn.parameter("U", (total, total))

    def step(h: Tensor, z: Tensor) -> Any:
        q, start, made = h @ U, 0, gn.zeros((B, total))
        for k, (kind, width) in enumerate(gates):
            part = slice(start, start + width)
            a = z[:, part] + q[:, part] if apart else (z + q)[:, part]
            made = made + (k + 1) * gn.sum(KINDS[kind](a), axis=1, keepdims=True)
            start += width
        return gn.sin(made), None

    _, last = gn.scan(step, gn.zeros((B, total)), x)
    network = quicken(Network.collect({"loss": gn.sum(last).node}))
    new = join_neighbors(network)
    new.check()
    rng = np.random.default_rng(0)
    values = {n: rng.normal(size=network.node(n).shape) for n in ("x", "U")}
    expected, found = (interpret(n, values)[n.outputs["loss"]] for n in (network, new))
    np.testing.assert_allclose(found, expected, 1e-11, 1e-12)


@pytest.mark.parametrize("layer", [gn.LSTM, gn.GRU])
def test_a_switch_changes_time_and_rounding_alone(layer: Any) -> None:
    x, t = gn.input("x", ("batch", 5, 3)), gn.input("t", ("batch", 4))
    loss = gn.mse(layer(4)(x), t)
    forward = stabilize(Network.collect({"loss": loss.node}))
    written = tightened(trained(forward, gn.SGD(lr=0.1), AS_IN_GRAPHNET))
    steps = [
        Program(
            written, ["x", "t"], [written.outputs["loss"]], restore=only, style="fast", seed=3,
            recast=recast(forward, written, gn.SGD(lr=0.1), AS_IN_GRAPHNET, off=off),
        )
        for off in ((), ("neighbors",))
    ]  # fmt: skip
    tanhs = [len(re.findall(r"^ +tanh\(", step.source, re.MULTILINE)) for step in steps]
    assert tanhs[0] == 2 < tanhs[1]
    rng = np.random.default_rng(0)
    for batch in (3, 5):
        given = rng.normal(size=(batch, 5, 3)), rng.normal(size=(batch, 4))
        assert steps[0](*given) == pytest.approx(steps[1](*given), rel=1e-5)
    for name, array in steps[0].parameters.items():
        np.testing.assert_allclose(array, steps[1].parameters[name], 1e-4, 1e-6, err_msg=name)

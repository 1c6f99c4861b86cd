"""Gradients against central differences of literal loops, shared by the tests of this directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from graphnet.compiler.interpret import interpret
from graphnet.formula.parse import parse
from graphnet.network.backward import backward
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node
from graphnet.network.shapes import bind

STEP = 1e-5


def define(text: str, **known: Node) -> Computed:
    """The node of the last formula of a text; those before are nodes it reads."""
    tensors = dict(known)
    for equation in [e for part in text.split(";") for e in parse(part.strip())]:
        node = bind(equation, [tensors[o] for o in equation.operands], name=equation.name)
        tensors[equation.name] = node
    return node


def differences(
    value: Callable[[Mapping[str, np.ndarray]], float], at: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
    """Central differences of a number in every element of one array."""
    result = np.zeros(at[name].shape)
    for place in np.ndindex(result.shape):
        ends = []
        for sign in (1, -1):
            moved = at[name].copy()
            moved[place] += sign * STEP
            ends.append(value({**at, name: moved}))
        result[place] = (ends[0] - ends[1]) / (2 * STEP)
    return result


def close(got: np.ndarray, expected: np.ndarray, what: str) -> None:
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    assert got.shape == expected.shape, what
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * scale, err_msg=what)


def check_gradients(
    node: Node, values: Mapping[str, np.ndarray], wrt: Sequence[str], second: bool = False
) -> Network:
    """The adjoints of sum(R*node), and with `second` those of sum(V*adjoint), are right."""
    rng = np.random.default_rng(1)
    weights = Input(name="R", shape=node.shape)
    network = Network.collect({"Y": node})
    derived = backward(network, network.outputs["Y"], wrt, upstream=weights)
    derived.check()
    output = interpret(network, values)[network.outputs["Y"]]
    at = {**values, "R": rng.normal(size=output.shape)}
    _compare(derived, network.outputs["Y"], "R", at, wrt)
    if second:
        for name in wrt:
            inner = derived.node(derived.outputs[f"d_{name}"])
            direction = Input(name="V", shape=inner.shape)
            more = backward(derived, derived.outputs[f"d_{name}"], wrt, upstream=direction)
            more.check()
            shape = values[name].shape
            _compare(
                more, derived.outputs[f"d_{name}"], "V", {**at, "V": rng.normal(size=shape)}, wrt
            )
    return derived


def _compare(
    network: Network, output: str, weights: str, at: Mapping[str, np.ndarray], wrt: Sequence[str]
) -> None:
    forward = Network.collect(
        {"Y": network.node(output)}, names={n: name for name, n in network.items()}
    )

    def value(values: Mapping[str, np.ndarray]) -> float:
        known = {name: array for name, array in values.items() if name in forward}
        return float((interpret(forward, known)[output] * at[weights]).sum())

    arrays = interpret(network, {name: array for name, array in at.items() if name in network})
    for name in wrt:
        adjoint = network.outputs[f"d_{name}"]
        close(arrays[adjoint], differences(value, at, name), f"{adjoint} of {output}")


@pytest.fixture(name="define")
def define_fixture() -> Callable[..., Computed]:
    return define


@pytest.fixture(name="check_gradients")
def check_gradients_fixture() -> Callable[..., Network]:
    return check_gradients
